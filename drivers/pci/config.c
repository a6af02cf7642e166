// SPDX-License-Identifier: MPL-2.0
// Configuration space: 4 KiB for each function, in memory. A bus is mapped when it is first asked for.

#include "pci_priv.h"
#include <mm/vmap.h>

#define BUS_SIZE (1u << 20)
#define FUNCTION_SIZE 4096u

static struct {
    void *buses[256];
} config;

static bool registers_of(pci_address address, struct arch_io *io) {
    unsigned bus = pci_bus(address);
    if (bus < pci.host.bus_first || bus > pci.host.bus_last)
        return false;
    uint64_t at = (uint64_t)(bus - pci.host.bus_first) * BUS_SIZE;
    if (at + BUS_SIZE > pci.host.ecam_size)
        return false;
    if (config.buses[bus] == nullptr)
        config.buses[bus] = device_map(pci.host.ecam + at, BUS_SIZE);
    *io = (struct arch_io){.base = (uintptr_t)config.buses[bus] + (address & 0xff) * FUNCTION_SIZE};
    return config.buses[bus] != nullptr;
}

uint32_t pci_read32(pci_address address, unsigned offset) {
    struct arch_io io;
    return registers_of(address, &io) ? arch_io_read32(io, offset) : ~0u;
}

void pci_write32(pci_address address, unsigned offset, uint32_t value) {
    struct arch_io io;
    if (registers_of(address, &io))
        arch_io_write32(io, offset, value);
}
