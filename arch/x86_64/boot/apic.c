// SPDX-License-Identifier: MPL-2.0
// The local APIC: each CPU's own interrupt controller, in its two forms: xAPIC (registers in memory) and
// x2APIC (registers are MSRs, 32-bit ids). Interrupts between CPUs, end of interrupt, the one-shot timer.

#include "boot/boot_priv.h"
#include "boot/port_io.h"
#include "x86_64_priv.h"
#include <arch/smp.h>
#include <lib/assert.h>

#define MSR_APIC_BASE 0x1bu
#define MSR_X2APIC_FIRST 0x800u
#define APIC_BASE_ENABLE (1ul << 11)
#define APIC_BASE_X2APIC (1ul << 10)
#define APIC_DEFAULT_ADDRESS 0xfee00000ul

// Register offsets of the xAPIC; the x2APIC's MSR is 0x800 + offset / 16.
enum {
    REG_ID = 0x20,
    REG_TASK_PRIORITY = 0x80,
    REG_END = 0xb0,
    REG_SPURIOUS = 0xf0,
    REG_ERROR_STATUS = 0x280,
    REG_COMMAND = 0x300,
    REG_COMMAND_HIGH = 0x310,
    REG_LVT_TIMER = 0x320,
    REG_LVT_LINT0 = 0x350,
    REG_LVT_LINT1 = 0x360,
    REG_LVT_ERROR = 0x370,
    REG_TIMER_INITIAL = 0x380,
    REG_TIMER_CURRENT = 0x390,
    REG_TIMER_DIVIDE = 0x3e0,
};
enum { LVT_MASKED = 1u << 16, LVT_NMI = 4u << 8, LVT_TSC_DEADLINE = 2u << 17 };
enum { SPURIOUS_ENABLE = 1u << 8, DIVIDE_BY_1 = 0xb, COMMAND_PENDING = 1u << 12, TO_ALL_BUT_SELF = 3u << 18 };

static struct {
    volatile uint32_t *registers; // null: x2APIC
} apic;
uint32_t x86_apic_ids[CPU_MAX];

static uint32_t apic_read(uint32_t reg) {
    if (apic.registers != nullptr)
        return apic.registers[reg / 4];
    return (uint32_t)msr_read(MSR_X2APIC_FIRST + reg / 16);
}

static void apic_write(uint32_t reg, uint32_t value) {
    if (apic.registers != nullptr)
        apic.registers[reg / 4] = value;
    else
        msr_write(MSR_X2APIC_FIRST + reg / 16, value);
}

uint32_t apic_id(void) {
    return apic.registers != nullptr ? apic_read(REG_ID) >> 24 : apic_read(REG_ID);
}

void apic_end_of_interrupt(void) {
    apic_write(REG_END, 0);
}

static void command(uint32_t destination, uint32_t low) {
    if (apic.registers == nullptr) {
        // Unlike a store to memory, the MSR write does not order earlier stores, which the other CPU is to see.
        __asm__ volatile("mfence; lfence" : : : "memory");
        msr_write(MSR_X2APIC_FIRST + REG_COMMAND / 16, (uint64_t)destination << 32 | low);
        return;
    }
    // Two writes that an interrupt handler's own command must not come between.
    unsigned long state = arch_irq_save();
    while (apic_read(REG_COMMAND) & COMMAND_PENDING)
        arch_cpu_relax();
    apic_write(REG_COMMAND_HIGH, destination << 24);
    apic_write(REG_COMMAND, low);
    arch_irq_restore(state);
}

void apic_send(uint32_t id, uint32_t low) {
    command(id, low);
}

void apic_send_to_others(uint32_t low) {
    command(0, low | TO_ALL_BUT_SELF);
}

void x86_ipi_mask(uint64_t cpus, unsigned vector) {
    cpus &= ~(1ull << arch_cpu_id());
    for (; cpus != 0; cpus &= cpus - 1)
        apic_send(x86_apic_ids[__builtin_ctzll(cpus)], APIC_FIXED | vector);
}

void arch_ipi_send(unsigned cpu) {
    apic_send(x86_apic_ids[cpu], APIC_FIXED | VECTOR_RESCHED);
}

void apic_init_cpu(void) {
    uint64_t base = msr_read(MSR_APIC_BASE) | APIC_BASE_ENABLE;
    msr_write(MSR_APIC_BASE, base);
    if (apic.registers == nullptr)
        msr_write(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    apic_write(REG_TASK_PRIORITY, 0);
    apic_write(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    apic_write(REG_LVT_LINT0, LVT_MASKED);
    apic_write(REG_LVT_LINT1, LVT_NMI);
    apic_write(REG_LVT_ERROR, VECTOR_ERROR);
    apic_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(REG_ERROR_STATUS, 0);
    apic_write(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    apic_write(REG_END, 0); // in case firmware left one open
}

void apic_init_boot(void) {
    if (!x86_features.x2apic) {
        if (acpi.have_madt && acpi.lapic_address == 0)
            panic("boot: no local APIC");
        paddr_t address = acpi.have_madt ? acpi.lapic_address : APIC_DEFAULT_ADDRESS;
        apic.registers = fixmap_device(address, PAGE_SIZE);
    }
    apic_init_cpu();
    x86_apic_ids[0] = apic_id();
}

// --- the timer ---

void apic_timer_mode(bool tsc_deadline) {
    apic_write(REG_LVT_TIMER, VECTOR_TIMER | (tsc_deadline ? LVT_TSC_DEADLINE : 0));
    if (tsc_deadline)
        __asm__ volatile("mfence" : : : "memory"); // the mode before the first deadline
}

void apic_timer_oneshot(uint32_t ticks) {
    apic_write(REG_TIMER_INITIAL, ticks);
}

uint32_t apic_timer_count(void) {
    return apic_read(REG_TIMER_CURRENT);
}
