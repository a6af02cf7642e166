// SPDX-License-Identifier: MPL-2.0
// PCI Express for drivers: what a device is, and how to get at its registers and its interrupt.
//
// Devices are found at boot and stay. A driver says at file scope what it drives:
//
//   static status_t attach(struct pci_device *device) { … }
//   PCI_DRIVER(my_driver) = {.name = "my-driver", .vendor = 0x1af4, .device = 0x1041, .attach = attach};
#pragma once

#include <arch/io.h>
#include <arch/irq.h>
#include <lib/list.h>
#include <lib/types.h>

// bus << 8 | slot << 3 | function
typedef uint16_t pci_address;

#define PCI_BARS_MAX 6
enum { PCI_BAR_IO = 1, PCI_BAR_64 = 4, PCI_BAR_PREFETCH = 8 }; // as in the register

struct pci_bar {
    uint64_t address; // on the bus; 0: none was given
    uint64_t size;    // 0: there is no such range
    unsigned flags;
};

struct pci_driver;

struct pci_device {
    struct list_node node;
    struct pci_device *bridge; // that leads to its bus; null: on the first bus
    pci_address address;
    uint16_t vendor, device, subsystem_vendor, subsystem_device;
    uint32_t class; // base class, sub-class, interface
    uint8_t revision;
    uint8_t header;    // 0: a device; 1: a bridge; others are only listed
    uint8_t pin;       // of interrupts, 1-4; 0: none
    uint8_t secondary; // of a bridge: the bus behind it
    struct pci_bar bars[PCI_BARS_MAX];
    const struct pci_driver *driver; // null: none
    unsigned line;                   // 0, and the next three null, until it has a handler
    irq_handler_fn *handler;
    void *context;
    struct pci_device *next_on_line;
};

struct pci_driver {
    const char *name;
    uint16_t vendor, device;    // 0: any
    uint32_t class, class_mask; // mask 0: any
    // Thread context, at boot. -ENODEV: not this one.
    status_t (*attach)(struct pci_device *device);
};
// At file scope of a driver.
#define PCI_DRIVER(name) \
    static const struct pci_driver name __attribute__((section(".pci_drivers"), used, retain, aligned(8)))

// Lets the device answer at its ranges and write to memory.
void pci_enable(const struct pci_device *device);
// The registers of a range, for good. -ENODEV: there is no such range, or it is nowhere.
MUST_USE status_t pci_map_bar(const struct pci_device *device, unsigned bar, struct arch_io *io);
// Connects a handler to its interrupt pin. The line may be shared: the handler looks whether its device interrupts.
// Once a device. -ENODEV: it has no pin, or where it leads is not known.
MUST_USE status_t pci_irq_register(struct pci_device *device, irq_handler_fn *handler, void *context);
// Connects a handler to an entry of its table of messages (MSI-X), instead of the pin. -ENODEV: there is none.
MUST_USE status_t pci_message_register(struct pci_device *device, unsigned entry, irq_handler_fn *handler,
                                       void *context);

// The next capability of that kind after `previous` (0: the first), by its place in configuration space; 0: none.
unsigned pci_find_capability(const struct pci_device *device, unsigned id, unsigned previous);
// Its folder below /sys; returns the length.
int pci_folder(const struct pci_device *device, char *to, size_t size);
// Configuration space. 16 and 8 bits are read as part of 32; all ones come from where there is nothing.
uint32_t pci_read32(pci_address address, unsigned offset);
void pci_write32(pci_address address, unsigned offset, uint32_t value);
ALWAYS_INLINE uint16_t pci_read16(pci_address address, unsigned offset) {
    return (uint16_t)(pci_read32(address, offset & ~3u) >> (offset & 2) * 8);
}
ALWAYS_INLINE uint8_t pci_read8(pci_address address, unsigned offset) {
    return (uint8_t)(pci_read32(address, offset & ~3u) >> (offset & 3) * 8);
}
