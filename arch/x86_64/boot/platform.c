// SPDX-License-Identifier: MPL-2.0
// What every PC has at the same place: the serial ports.

#include "x86_64_priv.h"
#include <arch/platform.h>

static const struct platform_device devices[] = {
    {"serial-16550", 0, {.port = true, .base = 0x3f8}, 4},
    {"serial-16550", 1, {.port = true, .base = 0x2f8}, 3},
};

const struct platform_device *arch_platform_devices(unsigned *count) {
    *count = ARRAY_SIZE(devices);
    return devices;
}
