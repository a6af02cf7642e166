// SPDX-License-Identifier: MPL-2.0
// Between the files of drivers/pci.
#pragma once

#include <arch/platform.h>
#include <pci/pci.h>

enum {
    CONFIG_ID = 0x0,
    CONFIG_COMMAND = 0x4, // status above, whose bits are cleared by writing 1
    CONFIG_CLASS = 0x8,
    CONFIG_HEADER = 0xe,
    CONFIG_BAR = 0x10,
    CONFIG_SUBSYSTEM = 0x2c,
    CONFIG_PIN = 0x3d,
    // of a bridge
    CONFIG_BUSES = 0x18, // primary, secondary, subordinate, latency
    CONFIG_IO_WINDOW = 0x1c,
    CONFIG_MEMORY_WINDOW = 0x20,
    CONFIG_PREFETCH_WINDOW = 0x24,
    CONFIG_PREFETCH_BASE_HIGH = 0x28,
    CONFIG_PREFETCH_LIMIT_HIGH = 0x2c,
    CONFIG_IO_WINDOW_HIGH = 0x30,
};
enum { COMMAND_IO = 1, COMMAND_MEMORY = 2, COMMAND_MASTER = 4, COMMAND_NO_PIN = 1 << 10 };
enum { HEADER_TYPE = 0x7f, HEADER_MULTIFUNCTION = 0x80, HEADER_DEVICE = 0, HEADER_BRIDGE = 1 };

#define PCI_DEVICES_MAX 256u
#define PCI_DEPTH_MAX 8u // bridges behind bridges

struct pci {
    struct arch_pci_host host;
    struct list_node devices; // each before those behind it
    unsigned count;
};
extern struct pci pci;

ALWAYS_INLINE unsigned pci_bus(pci_address address) {
    return address >> 8;
}
ALWAYS_INLINE unsigned pci_slot(pci_address address) {
    return address >> 3 & 31;
}
ALWAYS_INLINE unsigned pci_function(pci_address address) {
    return address & 7;
}

void pci_command(pci_address address, unsigned set, unsigned clear);

// --- scan.c: fills pci.devices. ---
void pci_scan(void);
// --- bars.c ---
void pci_read_bars(struct pci_device *device);
// --- assign.c: gives all ranges addresses within the host's windows, and bridges what lies behind them. ---
void pci_assign(void);
// --- sysfs.c: /sys/bus/pci and /proc/bus/pci/devices. ---
void pci_list(void);
