// SPDX-License-Identifier: MPL-2.0
// In-kernel tests of what only this port can see: control registers on every CPU, and what the processor itself says of
// the kernel's mappings.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "cpu/sysreg.h"
#include <arch/mmu.h>
#include <arch/smp.h>
#include <arch/thread.h>
#include <lib/ktest.h>
#include <port/patch.h>
#include <sched/sched.h>

#define PSTATE_PAN S3_0_C4_C2_3 // in bit 22
#define MPIDR_AFFINITY 0xff00fffffful

static bool bit(uint64_t word, unsigned n) {
    return (word >> n & 1) != 0;
}

// --- control registers ---

static void check_system_control(void) {
    uint64_t control = sysreg_read(SCTLR_EL1);
    KTEST_CHECK(bit(control, 0) && bit(control, 2) && bit(control, 12));  // MMU, both caches
    KTEST_CHECK(bit(control, 3) && bit(control, 4));                      // stack pointers must be aligned …
    KTEST_CHECK(!bit(control, 1));                                        // … other addresses need not
    KTEST_CHECK(!bit(control, 25));                                       // little-endian
    KTEST_CHECK(bit(control, 23) != arm64_features.pan);                  // each entry sets PAN …
    KTEST_CHECK(!arm64_features.pan || bit(sysreg_read(PSTATE_PAN), 22)); // … and it is set
    KTEST_CHECK(bit(control, 31) == arm64_features.pauth);                // our own return addresses are signed
}

static void check_translation(void) {
    uint64_t control = sysreg_read(TCR_EL1);
    KTEST_CHECK((control & ARM64_TCR) == ARM64_TCR);
    KTEST_CHECK(bit(control, 36) == arm64_features.asid16);
    KTEST_CHECK(sysreg_read(MAIR_EL1) == ARM64_MAIR);
    KTEST_CHECK(sysreg_read(TTBR1_EL1) == arch_virt_to_phys(arch_kernel_root()));
}

// One of the instructions that start-up chose (patch.c).
KTEST(user_window_opens) {
    if (!arm64_features.pan) {
        ktest_skip("the processor has no PAN");
        return;
    }
    unsigned long state = arch_irq_save();
    arm64_window_open();
    uint64_t open = sysreg_read(PSTATE_PAN);
    arm64_window_close();
    uint64_t closed = sysreg_read(PSTATE_PAN);
    arch_irq_restore(state);
    KTEST_CHECK(!bit(open, 22) && bit(closed, 22));
}

KTEST(cpu_registers_are_the_same_everywhere) {
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        KTEST_REQUIRE(sched_set_affinity(arch_current(), (struct cpu_mask){1ull << cpu}) == 0); // takes us there
        KTEST_REQUIRE(arch_cpu_id() == cpu);
        KTEST_CHECK((sysreg_read(MPIDR_EL1) & MPIDR_AFFINITY) == arm64_mpidr[cpu]);
        KTEST_CHECK(sysreg_read(CurrentEL) >> 2 == 1);
        check_system_control();
        check_translation();
        KTEST_CHECK(features_missing() == nullptr);
    }
    KTEST_CHECK(sched_set_affinity(arch_current(), (struct cpu_mask){~0ull}) == 0);
}

// --- the processor's own translation ---

enum access { ACCESS_READ, ACCESS_WRITE };

static bool can(enum access access, const void *address) {
    unsigned long state = arch_irq_save(); // the answer comes in a register that others use, too
    if (access == ACCESS_WRITE)
        __asm__ volatile("at s1e1w, %0" ::"r"(address) : "memory");
    else
        __asm__ volatile("at s1e1r, %0" ::"r"(address) : "memory");
    isb();
    bool fault = bit(sysreg_read(PAR_EL1), 0);
    arch_irq_restore(state);
    return !fault;
}

static void *direct(const void *of_image) {
    return arch_phys_to_virt(image_phys(of_image));
}

KTEST(memory_image_is_constant_through_every_mapping) {
    for (char *at = kernel_start; at < kernel_rodata_end; at += PAGE_SIZE) {
        KTEST_REQUIRE(can(ACCESS_READ, at) && can(ACCESS_READ, direct(at)));
        KTEST_REQUIRE(!can(ACCESS_WRITE, at) && !can(ACCESS_WRITE, direct(at)));
    }
    KTEST_CHECK(can(ACCESS_WRITE, &machine) && can(ACCESS_WRITE, direct(&machine)));
}

// Threads of the kernel have no user space, and the one-to-one map of the start is gone from this CPU.
KTEST(memory_lower_half_is_empty) {
    paddr_t image = image_phys(kernel_start);
    KTEST_CHECK(!can(ACCESS_READ, (void *)image));
    KTEST_CHECK(!can(ACCESS_READ, (void *)machine.uart.base));
}

KTEST(memory_code_takes_branches_where_it_says) {
    if (!arm64_features.bti) {
        ktest_skip("the CPU does not check branch targets");
        return;
    }
    pte_t *table = arch_kernel_root();
    uintptr_t address = (uintptr_t)kernel_start;
    for (unsigned level = PTE_LEVELS - 1; level > 0; level--)
        table = arch_phys_to_virt(arch_pte_address(table[address >> (12 + 9 * level) & 511]));
    KTEST_CHECK(table[address >> 12 & 511] & ARM64_PTE_GUARDED);
}
