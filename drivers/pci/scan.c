// SPDX-License-Identifier: MPL-2.0
// Finds devices: every slot of a bus, every function of a slot, and the buses behind bridges.
//
// Where firmware has not numbered the buses, we do, in the order of the walk: a bridge passes on what is for any bus
// from its secondary to its subordinate one, so the latter is "all" until what is behind it is known. Numbers only
// grow on the way down, so that a bridge that leads back up, or to itself, ends the walk; so do depth and count.

#include "pci_priv.h"
#include <lib/log.h>
#include <mm/slab.h>

static struct {
    unsigned next_bus; // that has no number yet
    bool full;         // no more devices are taken
} scan;

static void scan_bus(struct pci_device *bridge, unsigned bus, unsigned last, unsigned depth);

static bool is_absent(uint32_t id) {
    uint16_t vendor = (uint16_t)id;
    return vendor == 0 || vendor == 0xffff;
}

static struct pci_device *add_device(struct pci_device *bridge, pci_address address, uint32_t id) {
    struct pci_device *device = pci.count < PCI_DEVICES_MAX ? kzalloc(sizeof *device) : nullptr;
    if (device == nullptr) {
        scan.full = true;
        klog(LOG_WARNING, "pci: too many devices: those from %02x:%02x on are left out", pci_bus(address),
             pci_slot(address));
        return nullptr;
    }
    uint32_t class = pci_read32(address, CONFIG_CLASS);
    device->bridge = bridge;
    device->address = address;
    device->vendor = (uint16_t)id;
    device->device = (uint16_t)(id >> 16);
    device->class = class >> 8;
    device->revision = (uint8_t)class;
    device->header = pci_read8(address, CONFIG_HEADER) & HEADER_TYPE;
    uint8_t pin = pci_read8(address, CONFIG_PIN);
    device->pin = pin <= 4 ? pin : 0;
    if (device->header == HEADER_DEVICE) {
        uint32_t subsystem = pci_read32(address, CONFIG_SUBSYSTEM);
        device->subsystem_vendor = (uint16_t)subsystem;
        device->subsystem_device = (uint16_t)(subsystem >> 16);
    }
    list_push_back(&pci.devices, &device->node);
    pci.count++;
    return device;
}

static void write_buses(const struct pci_device *bridge, unsigned secondary, unsigned subordinate) {
    uint32_t latency = pci_read32(bridge->address, CONFIG_BUSES) & 0xff000000;
    pci_write32(bridge->address, CONFIG_BUSES, latency | subordinate << 16 | secondary << 8 | pci_bus(bridge->address));
}

// Numbers what is behind a bridge itself.
static void number_bridge(struct pci_device *bridge, unsigned last, unsigned depth) {
    unsigned secondary = scan.next_bus;
    if (secondary > last) {
        klog(LOG_WARNING, "pci: no bus number is left for bridge %02x:%02x", pci_bus(bridge->address),
             pci_slot(bridge->address));
        return;
    }
    scan.next_bus++;
    bridge->secondary = (uint8_t)secondary;
    write_buses(bridge, secondary, last);
    scan_bus(bridge, secondary, last, depth + 1);
    write_buses(bridge, secondary, scan.next_bus - 1);
}

static void scan_bridge(struct pci_device *bridge, unsigned last, unsigned depth) {
    if (depth == PCI_DEPTH_MAX)
        return;
    if (pci.host.unassigned) {
        number_bridge(bridge, last, depth);
        return;
    }
    uint32_t buses = pci_read32(bridge->address, CONFIG_BUSES);
    unsigned secondary = buses >> 8 & 0xff, subordinate = buses >> 16 & 0xff;
    if (secondary < scan.next_bus || secondary > last || subordinate < secondary) {
        if (secondary != 0) // 0: firmware left it out
            klog(LOG_WARNING, "pci: bridge %02x:%02x leads to bus %u: not followed", pci_bus(bridge->address),
                 pci_slot(bridge->address), secondary);
        return;
    }
    scan.next_bus = secondary + 1;
    bridge->secondary = (uint8_t)secondary;
    scan_bus(bridge, secondary, MIN(subordinate, last), depth + 1);
}

static void scan_function(struct pci_device *bridge, pci_address address, unsigned last, unsigned depth) {
    uint32_t id = pci_read32(address, CONFIG_ID);
    if (is_absent(id))
        return;
    struct pci_device *device = add_device(bridge, address, id);
    if (device == nullptr)
        return;
    if (device->header <= HEADER_BRIDGE)
        pci_read_bars(device);
    else
        klog(LOG_NOTICE, "pci: %02x:%02x.%u has a header of type %u", pci_bus(address), pci_slot(address),
             pci_function(address), device->header);
    pci_command(address, COMMAND_NO_PIN, 0); // until a driver wants it: lines are shared
    if (device->header == HEADER_BRIDGE)
        scan_bridge(device, last, depth);
}

static void scan_bus(struct pci_device *bridge, unsigned bus, unsigned last, unsigned depth) {
    for (unsigned slot = 0; slot < 32 && !scan.full; slot++) {
        pci_address first = (pci_address)(bus << 8 | slot << 3);
        if (is_absent(pci_read32(first, CONFIG_ID)))
            continue;
        unsigned functions = pci_read8(first, CONFIG_HEADER) & HEADER_MULTIFUNCTION ? 8 : 1;
        for (unsigned function = 0; function < functions && !scan.full; function++)
            scan_function(bridge, (pci_address)(first + function), last, depth);
    }
}

void pci_scan(void) {
    list_init(&pci.devices);
    pci.count = 0;
    scan.next_bus = pci.host.bus_first + 1u;
    scan.full = false;
    scan_bus(nullptr, pci.host.bus_first, pci.host.bus_last, 0);
}
