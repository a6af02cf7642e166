// SPDX-License-Identifier: MPL-2.0
// Switching off and resetting: as ACPI says, then by what PCs have always had, then by a triple fault.

#include "boot/boot_priv.h"
#include "boot/port_io.h"
#include "x86_64_priv.h"
#include <arch/mmu.h>
#include <arch/power.h>
#include <lib/log.h>
#include <lib/status.h>

#define OFF_WAITS 50u // as long as a host may take to close its disks

enum { PM1_SCI_ENABLE = 1u << 0, PM1_SLEEP_TYPE_SHIFT = 10, PM1_SLEEP_ENABLE = 1u << 13 };
enum { SLEEP_TYPE_SHIFT = 2, SLEEP_ENABLE = 1u << 5 };

// Registers in memory space, mapped at boot: nothing can be mapped in the middle of a panic.
static struct {
    volatile uint8_t *sleep_control;
    volatile uint8_t *reset;
} mapped;

void power_init(void) {
    if (acpi.sleep_control.space == ACPI_SPACE_MEMORY)
        mapped.sleep_control = fixmap_device(acpi.sleep_control.address, 1);
    if (acpi.reset.space == ACPI_SPACE_MEMORY)
        mapped.reset = fixmap_device(acpi.reset.address, 1);
}

static void write_byte(const struct acpi_register *reg, volatile uint8_t *memory, uint8_t value) {
    if (reg->space == ACPI_SPACE_IO)
        outb((uint16_t)reg->address, value);
    else if (memory != nullptr)
        *memory = value;
}

static void wait_for_hardware(void) {
    for (int i = 0; i < 100000; i++)
        (void)inb(0x80);
}

static void power_off_pm1(void) {
    uint16_t port_a = (uint16_t)acpi.pm1a_control.address, port_b = (uint16_t)acpi.pm1b_control.address;
    if (!(inw(port_a) & PM1_SCI_ENABLE) && acpi.smi_command != 0) {
        outb((uint16_t)acpi.smi_command, acpi.acpi_enable);
        for (int i = 0; i < 100000 && !(inw(port_a) & PM1_SCI_ENABLE); i++)
            continue;
    }
    outw(port_a, (uint16_t)(acpi.s5_type_a << PM1_SLEEP_TYPE_SHIFT | PM1_SLEEP_ENABLE));
    if (acpi.pm1b_control.space == ACPI_SPACE_IO)
        outw(port_b, (uint16_t)(acpi.s5_type_b << PM1_SLEEP_TYPE_SHIFT | PM1_SLEEP_ENABLE));
}

void arch_power_off(void) {
    arch_irq_disable();
    if (acpi.have_s5 && acpi.hardware_reduced)
        write_byte(&acpi.sleep_control, mapped.sleep_control,
                   (uint8_t)(acpi.s5_type_a << SLEEP_TYPE_SHIFT | SLEEP_ENABLE));
    else if (acpi.have_s5 && acpi.pm1a_control.space == ACPI_SPACE_IO)
        power_off_pm1();
    // A virtual machine closes its disks first, and goes on meanwhile.
    for (unsigned i = 0; i < (acpi.have_s5 ? OFF_WAITS : 1); i++)
        wait_for_hardware();
    // A machine without ACPI (QEMU's microvm with acpi=off) ends when it resets, if its owner said so.
    klog(LOG_WARNING, "power: no way to switch off; resetting");
    arch_reset();
}

void arch_reset(void) {
    arch_irq_disable();
    if (acpi.reset.address != 0)
        write_byte(&acpi.reset, mapped.reset, acpi.reset_value);
    wait_for_hardware();
    outb(0xcf9, 0x06); // chip set
    wait_for_hardware();
    outb(0x64, 0xfe); // keyboard controller
    wait_for_hardware();
    const struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) none = {};
    __asm__ volatile("lidt %0\n\tint3" : : "m"(none));
    arch_cpu_halt();
}

void arch_cpu_halt(void) {
    arch_irq_disable();
    for (;;)
        __asm__ volatile("hlt");
}
