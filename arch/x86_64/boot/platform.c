// SPDX-License-Identifier: MPL-2.0
// What every PC has at the same place: the serial ports. And what ACPI names: PCI Express, and microvm's slots for
// virtio devices.

#include "boot/boot_priv.h"
#include "x86_64_priv.h"
#include <arch/platform.h>
#include <lib/status.h>
#include <lib/string.h>

static const struct platform_device fixed[] = {
    {"serial-16550", 0, {.port = true, .base = 0x3f8}, 4},
    {"serial-16550", 1, {.port = true, .base = 0x2f8}, 3},
    {.kind = "pci-host"},
};
static struct platform_device devices[ARRAY_SIZE(fixed) + ACPI_SLOTS_MAX];

const struct platform_device *arch_platform_devices(unsigned *count) {
    static unsigned known;
    if (known == 0) {
        memcpy(devices, fixed, sizeof fixed);
        known = ARRAY_SIZE(fixed);
        for (unsigned i = 0; i < acpi_devices.virtio_count; i++) {
            const struct acpi_slot *slot = &acpi_devices.virtio[i];
            if (slot->size > PAGE_SIZE)
                continue;
            uintptr_t registers = (uintptr_t)fixmap_device(slot->address, slot->size);
            devices[known++] = (struct platform_device){"virtio-mmio", i, {.base = registers}, slot->irq};
        }
    }
    *count = known;
    return devices;
}

// Firmware has given PCI devices their addresses, and their I/O ports are the processor's.
bool arch_pci_host(struct arch_pci_host *host) {
    if (acpi.ecam_address == 0)
        return false;
    uint64_t buses = acpi.ecam_bus_end - acpi.ecam_bus_start + 1ul;
    *host = (struct arch_pci_host){.ecam = acpi.ecam_address,
                                   .ecam_size = buses << 20,
                                   .bus_first = acpi.ecam_bus_start,
                                   .bus_last = acpi.ecam_bus_end,
                                   .io_ports = true,
                                   .io = {.bus = 0, .size = 0x10000}};
    return true;
}

// Only byte code (_PRT) tells which line a pin arrives at, and there is no interpreter: drivers use messages.
status_t arch_pci_line(unsigned slot, unsigned pin, unsigned *line) {
    return -ENODEV;
}
