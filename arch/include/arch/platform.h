// SPDX-License-Identifier: MPL-2.0
// Devices that cannot be found by asking a bus: the port knows them, from firmware's tables or because they
// always are where they are. Drivers declare what they drive; kernel/init brings the two together.
#pragma once

#include <arch/io.h>
#include <lib/types.h>

struct platform_device {
    const char *kind; // "serial-16550", "serial-pl011", …
    unsigned index;   // of this kind, from 0
    struct arch_io io;
    unsigned irq; // a line for arch_irq_register
};

// The list stays. It may name devices that are absent: a driver looks before it takes one.
const struct platform_device *arch_platform_devices(unsigned *count);

struct platform_driver {
    const char *kind;
    // Thread context, after the file system and terminals are up. -ENODEV: there is no such device.
    status_t (*attach)(const struct platform_device *device);
};
// At file scope of a driver.
#define PLATFORM_DRIVER(name) \
    static const struct platform_driver name __attribute__((section(".drivers"), used, retain, aligned(8)))
