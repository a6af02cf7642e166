// SPDX-License-Identifier: MPL-2.0
// PCI Express: finds the devices, gives them addresses if firmware has not, and brings them and the drivers in this
// kernel together.

#include "pci_priv.h"
#include <lib/log.h>
#include <lib/status.h>
#include <mm/vmap.h>

struct pci pci;

// The linker gathers all PCI_DRIVERs here.
extern const struct pci_driver pci_drivers_start[], pci_drivers_end[];

void pci_command(pci_address address, unsigned set, unsigned clear) {
    unsigned command = pci_read16(address, CONFIG_COMMAND);
    pci_write32(address, CONFIG_COMMAND, ((command | set) & ~clear) & 0xffff);
}

// --- for drivers ---

void pci_enable(const struct pci_device *device) {
    unsigned command = COMMAND_MASTER;
    for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
        if (device->bars[i].size != 0 && device->bars[i].address != 0)
            command |= device->bars[i].flags & PCI_BAR_IO ? COMMAND_IO : COMMAND_MEMORY;
    }
    pci_command(device->address, command, 0);
}

static bool is_within(const struct arch_pci_window *window, const struct pci_bar *bar) {
    return bar->address >= window->bus && bar->address - window->bus < window->size &&
           bar->size <= window->size - (bar->address - window->bus);
}

// Where a processor finds the range. Without windows for memory it is where the bus has it.
static bool to_cpu(const struct pci_bar *bar, paddr_t *cpu) {
    const struct arch_pci_window *io = &pci.host.io;
    const struct arch_pci_window *const memory[] = {&pci.host.memory32, &pci.host.memory64};
    if (bar->flags & PCI_BAR_IO) {
        *cpu = io->cpu + (bar->address - io->bus);
        return is_within(io, bar);
    }
    *cpu = bar->address;
    for (unsigned i = 0; i < ARRAY_SIZE(memory); i++) {
        if (is_within(memory[i], bar)) {
            *cpu = memory[i]->cpu + (bar->address - memory[i]->bus);
            return true;
        }
    }
    return memory[0]->size == 0 && memory[1]->size == 0;
}

status_t pci_map_bar(const struct pci_device *device, unsigned index, struct arch_io *io) {
    const struct pci_bar *bar = &device->bars[index];
    paddr_t cpu;
    if (bar->size == 0 || bar->address == 0 || !to_cpu(bar, &cpu))
        return -ENODEV;
    *io = (struct arch_io){.port = (bar->flags & PCI_BAR_IO) && pci.host.io_ports, .base = cpu};
    if (io->port)
        return 0;
    io->base = (uintptr_t)device_map(cpu, bar->size);
    return io->base != 0 ? 0 : -ENOMEM;
}

// --- start ---

static bool drives(const struct pci_driver *driver, const struct pci_device *device) {
    return (driver->vendor == 0 || driver->vendor == device->vendor) &&
           (driver->device == 0 || driver->device == device->device) &&
           (device->class & driver->class_mask) == (driver->class & driver->class_mask);
}

static void attach_driver(struct pci_device *device) {
    for (const struct pci_driver *driver = pci_drivers_start; driver < pci_drivers_end; driver++) {
        if (!drives(driver, device))
            continue;
        status_t status = driver->attach(device);
        if (status == 0) {
            device->driver = driver;
            return;
        }
        if (status != -ENODEV)
            klog(LOG_WARNING, "pci: %s at %02x:%02x.%u: error %d", driver->name, pci_bus(device->address),
                 pci_slot(device->address), pci_function(device->address), -status);
    }
}

static status_t attach(const struct platform_device *platform) {
    if (!arch_pci_host(&pci.host))
        return -ENODEV;
    pci_scan();
    if (pci.host.unassigned)
        pci_assign();
    struct pci_device *device;
    LIST_FOR_EACH(device, &pci.devices, node) {
        klog(LOG_INFO, "pci: %02x:%02x.%u %04x:%04x class %06x", pci_bus(device->address), pci_slot(device->address),
             pci_function(device->address), device->vendor, device->device, device->class);
        if (device->header == HEADER_DEVICE)
            attach_driver(device);
    }
    pci_list();
    return 0;
}
PLATFORM_DRIVER(pci_platform_driver) = {"pci-host", attach};
