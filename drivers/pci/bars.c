// SPDX-License-Identifier: MPL-2.0
// The ranges that a device answers at: their kind and size. A range register keeps only those bits of an address
// that the size leaves to choose; the device must not answer while all ones are tried.

#include "pci_priv.h"

static uint32_t probe(pci_address address, unsigned offset, uint32_t *old) {
    *old = pci_read32(address, offset);
    pci_write32(address, offset, ~0u);
    uint32_t kept = pci_read32(address, offset);
    pci_write32(address, offset, *old);
    return kept;
}

// Reads one range; returns the number of registers that it takes.
static unsigned read_bar(pci_address address, unsigned offset, bool room_for_64, struct pci_bar *bar) {
    uint32_t low, high = 0;
    uint32_t kept = probe(address, offset, &low);
    if (kept == 0 || kept == ~0u) // none; or nothing is there to keep anything
        return 1;
    if (low & PCI_BAR_IO) {
        uint32_t mask = kept & ~3u;
        mask |= mask > 0xffff ? 0 : 0xffff0000; // upper half not there
        *bar = (struct pci_bar){.address = low & ~3u, .size = mask & -mask, .flags = PCI_BAR_IO};
        return 1;
    }
    uint64_t mask = kept & ~15u;
    bool wide = (low & 6) == PCI_BAR_64 && room_for_64;
    mask |= wide ? (uint64_t)probe(address, offset + 4, &high) << 32 : ~0ull << 32;
    if (mask != 0)
        *bar = (struct pci_bar){.address = (uint64_t)high << 32 | (low & ~15u),
                                .size = mask & -mask,
                                .flags = (wide ? PCI_BAR_64 : 0) | (low & PCI_BAR_PREFETCH)};
    return wide ? 2 : 1;
}

void pci_read_bars(struct pci_device *device) {
    unsigned count = device->header == HEADER_DEVICE ? PCI_BARS_MAX : 2;
    unsigned before = pci_read16(device->address, CONFIG_COMMAND);
    pci_command(device->address, 0, COMMAND_IO | COMMAND_MEMORY | (pci.host.unassigned ? COMMAND_MASTER : 0));
    for (unsigned i = 0; i < count;)
        i += read_bar(device->address, CONFIG_BAR + 4 * i, i + 1 < count, &device->bars[i]);
    if (!pci.host.unassigned) // else it answers once it has new addresses and a driver
        pci_command(device->address, before, 0);
}
