// SPDX-License-Identifier: MPL-2.0
// Addresses for devices, where firmware has given none: one range after the other, each at a multiple of its size, from
// the windows through which the host reaches the bus. A bridge passes on one stretch of I/O addresses and one of
// memory, so what is behind it comes in one piece, rounded to what its registers can say.

#include "pci_priv.h"
#include <lib/log.h>

#define BRIDGE_IO_UNIT 0x1000u
#define BRIDGE_MEMORY_UNIT 0x100000u
#define IO_FIRST 0x1000u // lower ones were the first PC's

struct pool {
    uint64_t next, end; // on the bus
};

static struct {
    struct pool io, memory32, memory64;
} pools;

static uint64_t take(struct pool *pool, uint64_t size) {
    uint64_t start = (pool->next + size - 1) & ~(size - 1);
    if (start < pool->next || start >= pool->end || size > pool->end - start)
        return 0;
    pool->next = start + size;
    return start;
}

static uint64_t take_for(const struct pci_device *device, const struct pci_bar *bar) {
    if (bar->flags & PCI_BAR_IO)
        return take(&pools.io, bar->size);
    uint64_t address = take(&pools.memory32, bar->size);
    // Behind a bridge it would not be passed on.
    return address == 0 && (bar->flags & PCI_BAR_64) && device->bridge == nullptr ? take(&pools.memory64, bar->size)
                                                                                  : address;
}

static void assign_device(struct pci_device *device) {
    for (unsigned i = 0; i < PCI_BARS_MAX; i++) {
        struct pci_bar *bar = &device->bars[i];
        if (bar->size == 0)
            continue;
        bar->address = take_for(device, bar);
        if (bar->address == 0) {
            klog(LOG_WARNING, "pci: %02x:%02x.%u: no addresses for the 0x%llx of range %u", pci_bus(device->address),
                 pci_slot(device->address), pci_function(device->address), (unsigned long long)bar->size, i);
            continue;
        }
        pci_write32(device->address, CONFIG_BAR + 4 * i, (uint32_t)bar->address);
        if (bar->flags & PCI_BAR_64)
            pci_write32(device->address, CONFIG_BAR + 4 * i + 4, (uint32_t)(bar->address >> 32));
    }
}

static void assign_behind(struct pci_device *bridge);

static void round_up(struct pool *pool, uint64_t unit) {
    pool->next = (pool->next + unit - 1) & ~(unit - 1);
}

// Base and limit in the form of a bridge's register; an empty stretch has its base above its limit.
static uint32_t memory_window(uint64_t start, uint64_t end) {
    if (start == end)
        return 0x0000fff0;
    return (uint32_t)(start >> 16 & 0xfff0) | ((uint32_t)(end - 1) & 0xfff00000);
}
static uint32_t io_window(uint64_t start, uint64_t end) {
    if (start == end)
        return 0x00f0;
    return (uint32_t)(start >> 8 & 0xf0) | ((uint32_t)(end - 1) & 0xf000);
}

static void assign_bridge(struct pci_device *bridge) {
    round_up(&pools.io, BRIDGE_IO_UNIT);
    round_up(&pools.memory32, BRIDGE_MEMORY_UNIT);
    uint64_t io = pools.io.next, memory = pools.memory32.next;
    assign_behind(bridge);
    round_up(&pools.io, BRIDGE_IO_UNIT);
    round_up(&pools.memory32, BRIDGE_MEMORY_UNIT);
    pci_write32(bridge->address, CONFIG_IO_WINDOW, io_window(io, pools.io.next));
    pci_write32(bridge->address, CONFIG_IO_WINDOW_HIGH, 0);
    pci_write32(bridge->address, CONFIG_MEMORY_WINDOW, memory_window(memory, pools.memory32.next));
    pci_write32(bridge->address, CONFIG_PREFETCH_WINDOW, memory_window(0, 0));
    pci_write32(bridge->address, CONFIG_PREFETCH_BASE_HIGH, 0);
    pci_write32(bridge->address, CONFIG_PREFETCH_LIMIT_HIGH, 0);
    pci_command(bridge->address, COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER, 0);
}

// What is behind a bridge, or on the first bus. The walk is as deep as the scan's was.
static void assign_behind(struct pci_device *bridge) {
    struct pci_device *device;
    LIST_FOR_EACH(device, &pci.devices, node) {
        if (device->bridge != bridge)
            continue;
        assign_device(device);
        if (device->secondary != 0)
            assign_bridge(device);
    }
}

static struct pool pool_of(const struct arch_pci_window *window, uint64_t least) {
    return (struct pool){.next = MAX(window->bus, least), .end = window->bus + window->size};
}

void pci_assign(void) {
    pools.io = pool_of(&pci.host.io, IO_FIRST);
    pools.memory32 = pool_of(&pci.host.memory32, PAGE_SIZE);
    pools.memory64 = pool_of(&pci.host.memory64, PAGE_SIZE);
    assign_behind(nullptr);
}
