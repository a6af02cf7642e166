// SPDX-License-Identifier: MPL-2.0
// Devices that cannot be found by asking a bus: the port knows them, from firmware's tables or because they
// always are where they are. Drivers declare what they drive; kernel/init brings the two together.
#pragma once

#include <arch/io.h>
#include <lib/types.h>

struct platform_device {
    const char *kind; // "serial-16550", "serial-pl011", "pci-host" (that arch_pci_host describes) …
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

// PCI Express as firmware left it. Memory that the bus's own addresses reach: `cpu` is where a processor finds what
// the bus calls `bus`.
struct arch_pci_window {
    paddr_t cpu;
    uint64_t bus, size; // size 0: none
};
struct arch_pci_host {
    paddr_t ecam; // configuration space of bus_first
    uint64_t ecam_size;
    uint8_t bus_first, bus_last;
    bool unassigned; // firmware gave the devices no addresses, or who knows: it is for us to do, within the windows
    bool io_ports;   // the bus's I/O addresses are the processor's ports; else they are memory, too
    struct arch_pci_window io, memory32, memory64;
};
// False: there is none.
bool arch_pci_host(struct arch_pci_host *host);
// The line (arch_irq_register) of a device's interrupt pin, 1 (INTA) to 4, on the root bus. -ENODEV: not known.
MUST_USE status_t arch_pci_line(unsigned slot, unsigned pin, unsigned *line);
