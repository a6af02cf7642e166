// SPDX-License-Identifier: MPL-2.0
// The ACPI tables that only ARM has: the GIC's entries in the MADT, the timer, and the serial port.

#include "acpi_priv.h"
#include <lib/acpi.h>

enum { MADT_GICC = 11, MADT_GICD = 12, MADT_GICR = 14 };
enum { GICC_SIZE = 76, GICD_SIZE = 24, GICR_SIZE = 16, GICC_ENABLED = 1 };
enum { REDISTRIBUTOR_SIZE = 0x20000 }; // of one CPU: two frames of 64 KiB
enum { TIMER_EDGE = 1 };
enum { SPCR_PL011 = 3, SPCR_SBSA_32 = 13, SPCR_SBSA = 14, SPCR_IRQ_GIC = 8 }; // SBSA's are PL011s with less in them

static void add_redistributors(struct acpi_info *info, uint64_t address, uint64_t size) {
    if (address == 0 || size == 0 || size > UINT64_MAX - address)
        return;
    if (info->gic_redistributor_count != 0) {
        struct acpi_range *last = &info->gic_redistributors[info->gic_redistributor_count - 1];
        if (last->address + last->size == address && size <= UINT64_MAX - last->address - last->size) {
            last->size += size;
            return;
        }
    }
    if (info->gic_redistributor_count == ACPI_REDISTRIBUTORS_MAX) {
        info->problems |= ACPI_TOO_MANY;
        return;
    }
    info->gic_redistributors[info->gic_redistributor_count++] = (struct acpi_range){address, size};
}

// A CPU: its name, and where its own part of the GIC is.
static void parse_gicc(const struct table *entry, struct acpi_info *info) {
    if (!(read32(entry, 12) & GICC_ENABLED))
        return;
    if (info->mpidr_count == ACPI_CPUS_MAX) {
        info->problems |= ACPI_TOO_MANY;
        return;
    }
    info->mpidrs[info->mpidr_count++] = read64(entry, 68);
    if (info->gic_cpu == 0)
        info->gic_cpu = read64(entry, 32);
    add_redistributors(info, read64(entry, 60), REDISTRIBUTOR_SIZE);
}

void acpi_parse_gic(const struct table *entry, struct acpi_info *info) {
    static const uint8_t sizes[] = {[MADT_GICC] = GICC_SIZE, [MADT_GICD] = GICD_SIZE, [MADT_GICR] = GICR_SIZE};
    uint8_t type = read8(entry, 0);
    if (type >= sizeof sizes || sizes[type] == 0)
        return;
    if (entry->size < sizes[type]) {
        info->problems |= ACPI_BAD_LENGTH;
        return;
    }
    switch (type) {
    case MADT_GICC:
        parse_gicc(entry, info);
        break;
    case MADT_GICD:
        info->gic_distributor = read64(entry, 8);
        info->gic_version = read8(entry, 20);
        break;
    case MADT_GICR:
        add_redistributors(info, read64(entry, 4), read32(entry, 12));
        break;
    }
}

void acpi_parse_gtdt(const struct table *gtdt, struct acpi_info *info) {
    info->virtual_timer = read32(gtdt, 64);
    info->virtual_timer_edge = (read32(gtdt, 68) & TIMER_EDGE) != 0;
}

void acpi_parse_spcr(const struct table *spcr, struct acpi_info *info) {
    uint8_t type = read8(spcr, 36);
    info->console = acpi_read_register(spcr, 40);
    info->console_pl011 = type == SPCR_PL011 || type == SPCR_SBSA_32 || type == SPCR_SBSA;
    if (read8(spcr, 52) & SPCR_IRQ_GIC)
        info->console_irq = read32(spcr, 54);
}
