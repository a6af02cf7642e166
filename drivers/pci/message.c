// SPDX-License-Identifier: MPL-2.0
// Capabilities, and the one that matters: MSI-X, interrupts that are writes to memory, each with an entry in a table
// among the device's registers.

#include "pci_priv.h"
#include <lib/status.h>

#define CAPABILITIES_MAX 48u // more do not fit in the 192 bytes
#define CAPABILITY_FIRST 0x40u

enum { CONFIG_STATUS = 0x6, CONFIG_CAPABILITIES = 0x34, STATUS_CAPABILITIES = 1 << 4, CAPABILITY_MSIX = 0x11 };
enum { MSIX_CONTROL = 2, MSIX_TABLE = 4, MSIX_SIZE = 0x7ff, MSIX_ENABLE = 1 << 15, MSIX_MASK_ALL = 1 << 14 };
enum { ENTRY_ADDRESS = 0, ENTRY_ADDRESS_HIGH = 4, ENTRY_DATA = 8, ENTRY_CONTROL = 12, ENTRY_SIZE = 16 };

// The list may be a loop: it has an end all the same.
unsigned pci_find_capability(const struct pci_device *device, unsigned id, unsigned previous) {
    if (!(pci_read16(device->address, CONFIG_STATUS) & STATUS_CAPABILITIES))
        return 0;
    bool passed = previous == 0;
    unsigned at = pci_read8(device->address, CONFIG_CAPABILITIES) & ~3u;
    for (unsigned i = 0; i < CAPABILITIES_MAX && at >= CAPABILITY_FIRST; i++) {
        if (passed && pci_read8(device->address, at) == id)
            return at;
        passed |= at == previous;
        at = pci_read8(device->address, at + 1) & ~3u;
    }
    return 0;
}

static void set_control(const struct pci_device *device, unsigned capability, unsigned control) {
    uint32_t low = pci_read16(device->address, capability);
    pci_write32(device->address, capability, low | (uint32_t)control << 16);
}

// The registers of the entry, if the table is where registers are.
static status_t find_entry(const struct pci_device *device, unsigned capability, unsigned entry, struct arch_io *io) {
    unsigned control = pci_read16(device->address, capability + MSIX_CONTROL);
    uint32_t table = pci_read32(device->address, capability + MSIX_TABLE);
    unsigned bar = table & 7;
    uint64_t offset = (table & ~7u) + (uint64_t)entry * ENTRY_SIZE;
    if (entry > (control & MSIX_SIZE) || bar >= PCI_BARS_MAX || offset + ENTRY_SIZE > device->bars[bar].size)
        return -ENODEV;
    status_t status = pci_map_bar(device, bar, io);
    io->base += offset;
    return status;
}

status_t pci_message_register(struct pci_device *device, unsigned entry, irq_handler_fn *handler, void *context) {
    struct arch_io io;
    struct arch_irq_message message;
    unsigned capability = pci_find_capability(device, CAPABILITY_MSIX, 0);
    status_t status = capability != 0 ? find_entry(device, capability, entry, &io) : -ENODEV;
    if (status == 0)
        status = arch_irq_message_register(handler, context, &message);
    if (status != 0)
        return status;
    unsigned control = pci_read16(device->address, capability + MSIX_CONTROL);
    set_control(device, capability, control | MSIX_ENABLE | MSIX_MASK_ALL);
    arch_io_write32(io, ENTRY_ADDRESS, (uint32_t)message.address);
    arch_io_write32(io, ENTRY_ADDRESS_HIGH, (uint32_t)(message.address >> 32));
    arch_io_write32(io, ENTRY_DATA, message.data);
    arch_io_write32(io, ENTRY_CONTROL, 0);
    set_control(device, capability, (control | MSIX_ENABLE) & ~(unsigned)MSIX_MASK_ALL);
    return 0;
}
