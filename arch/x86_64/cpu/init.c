// SPDX-License-Identifier: MPL-2.0
// Sets up what this folder needs on each CPU: interrupt descriptors, system call registers, page attributes, vector
// unit.
#include "cpu/asm.h"
#include "cpu/cpu_priv.h"
#include "x86_64_priv.h"
#include <arch/cpu.h>
#include <arch/percpu.h>
#include <common/extable.h>

#define EFER_SYSCALL 1ul
// Cleared on entry: everything a user could have set, interrupts among them.
#define SYSCALL_FLAG_MASK 0x257fd5ul
// Entry 1 (write through) becomes write combining; 0 write back, 2 uncached minus, 3 uncached, as after reset.
#define PAGE_ATTRIBUTES 0x0007010600070106ul

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
static_assert(sizeof(struct gate) == 16);

static struct gate gates[256] __attribute__((aligned(4096)));

extern char x86_trap_stubs[], x86_interrupt_stubs[], x86_syscall_entry[];
extern char x86_debug_entry[], x86_nmi_entry[], x86_double_fault_entry[], x86_machine_check_entry[];
extern char x86_debug_stack_end[], x86_nmi_stack_end[], x86_double_fault_stack_end[], x86_machine_check_stack_end[];

// Interrupt gates all: each entry begins with interrupts off.
static void gate_set(unsigned vector, const void *entry, unsigned ist, bool user) {
    uintptr_t offset = (uintptr_t)entry;
    gates[vector] = (struct gate){
        .offset_low = (uint16_t)offset,
        .selector = KERNEL_CS,
        .ist = (uint8_t)ist,
        .type = user ? 0xee : 0x8e,
        .offset_middle = (uint16_t)(offset >> 16),
        .offset_high = (uint32_t)(offset >> 32),
    };
}

static void gates_init(void) {
    for (unsigned trap = 0; trap < TRAP_COUNT; trap++)
        gate_set(trap, x86_trap_stubs + 16 * trap, 0, trap == TRAP_BREAKPOINT || trap == TRAP_OVERFLOW);
    for (unsigned vector = TRAP_COUNT; vector < 256; vector++)
        gate_set(vector, x86_interrupt_stubs + 16 * (vector - TRAP_COUNT), 0, false);
    gate_set(TRAP_DEBUG, x86_debug_entry, IST_DEBUG, false);
    gate_set(TRAP_NMI, x86_nmi_entry, IST_NMI, false);
    gate_set(TRAP_DOUBLE_FAULT, x86_double_fault_entry, IST_DOUBLE_FAULT, false);
    gate_set(TRAP_MACHINE_CHECK, x86_machine_check_entry, IST_MACHINE_CHECK, false);
}

static void idt_load(void) {
    uintptr_t base = (uintptr_t)gates;
    __asm__("" : "+r"(base)); // else it becomes a constant with a relocation at an odd address, which early.c can't do
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) idtr = {sizeof(gates) - 1, base};
    __asm__ volatile("lidt %0" ::"m"(idtr));
}

static void stacks_init_cpu(void) {
    uintptr_t base = arch_percpu_base();
    struct x86_tss *tss = &this_cpu(x86_tss);
    tss->ist[IST_NMI - 1] = (uintptr_t)x86_nmi_stack_end + base;
    tss->ist[IST_DOUBLE_FAULT - 1] = (uintptr_t)x86_double_fault_stack_end + base;
    tss->ist[IST_MACHINE_CHECK - 1] = (uintptr_t)x86_machine_check_stack_end + base;
    tss->ist[IST_DEBUG - 1] = (uintptr_t)x86_debug_stack_end + base;
}

static void syscall_init_cpu(void) {
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SYSCALL);
    // sysret loads CS from this + 16 and SS from this + 8.
    write_msr(MSR_STAR, (uint64_t)0x23 << 48 | (uint64_t)KERNEL_CS << 32);
    write_msr(MSR_LSTAR, (uintptr_t)x86_syscall_entry);
    write_msr(MSR_CSTAR, 0);
    write_msr(MSR_SYSCALL_MASK, SYSCALL_FLAG_MASK);
    write_msr(MSR_KERNEL_GS_BASE, 0);
}

void x86_cpu_init(void) {
    if (arch_cpu_id() == 0) {
        gates_init();
        extable_init();
        smap_patch();
        vector_init();
    }
    idt_load();
    stacks_init_cpu();
    syscall_init_cpu();
    if (cpuid(0x80000001u, 0).d >> 27 & 1)
        write_msr(MSR_TSC_AUX, arch_cpu_id()); // rdtscp: the vDSO's getcpu
    write_msr(MSR_PAT, PAGE_ATTRIBUTES);
    vector_init_cpu();
    tlb_init_cpu();
    cache_init_cpu();
}
