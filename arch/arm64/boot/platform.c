// SPDX-License-Identifier: MPL-2.0
// Devices that firmware's tables name: the PL011, and QEMU's slots for virtio devices. And PCI Express.

#include "boot/boot_priv.h"
#include <arch/platform.h>
#include <lib/status.h>

static struct platform_device devices[2 + MACHINE_VIRTIO_MAX];

static struct platform_device device(const char *kind, unsigned index, struct machine_region region,
                                     struct machine_irq irq) {
    uintptr_t registers = (uintptr_t)fixmap_device(region.base, region.size);
    return (struct platform_device){kind, index, {.port = false, .base = registers}, irq.id};
}

const struct platform_device *arch_platform_devices(unsigned *count) {
    static unsigned known;
    if (known == 0) {
        if (machine.uart.size != 0 && machine.uart_irq.id != 0)
            devices[known++] = device("serial-pl011", 0, machine.uart, machine.uart_irq);
        for (unsigned i = 0; i < machine.virtio_count; i++)
            devices[known++] = device("virtio-mmio", i, machine.virtio[i].region, machine.virtio[i].irq);
        devices[known++] = (struct platform_device){.kind = "pci-host"};
    }
    *count = known;
    return devices;
}

bool arch_pci_host(struct arch_pci_host *host) {
    if (machine.pci.ecam_size == 0)
        return false;
    *host = machine.pci;
    return true;
}

// Pins are swizzled: pin A of slot 1 is pin B of slot 0.
status_t arch_pci_line(unsigned slot, unsigned pin, unsigned *line) {
    if (pin < 1 || pin > 4)
        return -EINVAL;
    uint32_t id = machine.pci_intx[(slot + pin - 1) % 4].id;
    if (id == 0)
        return -ENODEV;
    *line = id;
    return 0;
}
