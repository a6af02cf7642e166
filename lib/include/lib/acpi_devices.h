// SPDX-License-Identifier: MPL-2.0
// Devices that only the byte code of ACPI's DSDT names, on machines where no bus can be asked: virtio's slots, and the
// windows and interrupt lines of PCI.
//
// There is no interpreter. What is read is what the byte code declares with constants: devices whose name (_HID) and
// resources (_CRS, _PRT) need no method to be run, which is how virtual machines have them. Anything else is stepped
// over. Bounded as lib/acpi.h: every length lies within what holds it, depth and counts have limits.
#pragma once

#include <lib/acpi.h>
#include <lib/types.h>

#define ACPI_SLOTS_MAX 64
#define ACPI_PCI_LINES 4

struct acpi_slot {
    uint64_t address, size;
    uint32_t irq;
    bool edge;
};

struct acpi_window { // what the bus calls `bus` the processor finds at `cpu`; size 0: none
    uint64_t bus, cpu, size;
};

struct acpi_devices {
    struct acpi_slot virtio[ACPI_SLOTS_MAX];
    unsigned virtio_count;
    struct acpi_window pci_io, pci_memory32, pci_memory64;
    struct acpi_slot pci_lines[ACPI_PCI_LINES]; // irq of pin A of slots 0 to 3; 0: not known
};

// Fills *out from the DSDT that acpi_parse has found (info->dsdt). What it does not understand stays empty.
void acpi_find_devices(const struct acpi_memory *memory, struct acpi_info *info, struct acpi_devices *out);
