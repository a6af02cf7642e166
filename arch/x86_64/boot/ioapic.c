// SPDX-License-Identifier: MPL-2.0
// I/O APICs: where device interrupt lines come in and are given a vector and a CPU. The old 8259 controllers,
// if there are any, are masked for good.

#include "boot/boot_priv.h"
#include "boot/port_io.h"
#include "x86_64_priv.h"
#include <lib/log.h>
#include <lib/status.h>

#define IOAPIC_DEFAULT_ADDRESS 0xfec00000ul

enum { REG_VERSION = 1, REG_REDIRECTION = 0x10 };
enum { ENTRY_ACTIVE_LOW = 1u << 13, ENTRY_LEVEL = 1u << 15, ENTRY_MASKED = 1u << 16 };

static struct {
    struct ioapic {
        volatile uint32_t *registers; // [0]: which, [4]: its value
        uint32_t gsi_base;
        uint32_t inputs;
    } all[ACPI_IOAPICS_MAX];
    unsigned count;
} ioapics;

static uint32_t ioapic_read(const struct ioapic *ioapic, uint32_t reg) {
    ioapic->registers[0] = reg;
    return ioapic->registers[4];
}

static void ioapic_write(const struct ioapic *ioapic, uint32_t reg, uint32_t value) {
    ioapic->registers[0] = reg;
    ioapic->registers[4] = value;
}

static void mask_old_controllers(void) {
    // Moved off the exception vectors first: even masked, they can raise a spurious interrupt.
    outb(0x20, 0x11);
    outb(0xa0, 0x11);
    outb(0x21, 0x20);
    outb(0xa1, 0x28);
    outb(0x21, 0x04);
    outb(0xa1, 0x02);
    outb(0x21, 0x01);
    outb(0xa1, 0x01);
    outb(0x21, 0xff);
    outb(0xa1, 0xff);
}

static void ioapic_add(paddr_t address, uint32_t gsi_base) {
    struct ioapic *ioapic = &ioapics.all[ioapics.count];
    ioapic->registers = fixmap_device(address, 32);
    ioapic->gsi_base = gsi_base;
    uint32_t version = ioapic_read(ioapic, REG_VERSION);
    if (version == ~0u) {
        klog(LOG_WARNING, "ioapic: nothing answers at 0x%llx", (unsigned long long)address);
        return;
    }
    ioapic->inputs = (version >> 16 & 0xff) + 1;
    for (uint32_t i = 0; i < ioapic->inputs; i++)
        ioapic_write(ioapic, REG_REDIRECTION + 2 * i, ENTRY_MASKED);
    ioapics.count++;
}

void ioapic_init(void) {
    mask_old_controllers();
    for (unsigned i = 0; i < acpi.ioapic_count; i++)
        ioapic_add(acpi.ioapics[i].address, acpi.ioapics[i].gsi_base);
    if (!acpi.have_madt)
        ioapic_add(IOAPIC_DEFAULT_ADDRESS, 0);
}

status_t ioapic_set(uint32_t gsi, unsigned vector, uint32_t apic_id_, unsigned flags) {
    for (unsigned i = 0; i < ioapics.count; i++) {
        const struct ioapic *ioapic = &ioapics.all[i];
        if (gsi < ioapic->gsi_base || gsi - ioapic->gsi_base >= ioapic->inputs)
            continue;
        if (apic_id_ > 0xff)
            return -EINVAL; // would need interrupt remapping
        uint32_t reg = REG_REDIRECTION + 2 * (gsi - ioapic->gsi_base);
        uint32_t low = vector | (flags & IOAPIC_ACTIVE_LOW ? ENTRY_ACTIVE_LOW : 0) |
                       (flags & IOAPIC_LEVEL ? ENTRY_LEVEL : 0) | (flags & IOAPIC_MASKED ? ENTRY_MASKED : 0);
        ioapic_write(ioapic, reg, ENTRY_MASKED);
        ioapic_write(ioapic, reg + 1, apic_id_ << 24);
        ioapic_write(ioapic, reg, low);
        return 0;
    }
    return -ENODEV;
}
