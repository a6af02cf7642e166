// SPDX-License-Identifier: MPL-2.0
// What the parts of the port share: boot/ (start, firmware's tables, paging, other CPUs), irq/ (interrupt controllers,
// clock and timer) and cpu/ (entry and exit, thread switch, vector state, address spaces). Not for generic code.
#pragma once

#include <arch/cpu.h>
#include <arch/percpu.h>
#include <common/port.h>
#include <lib/types.h>
#include <port/time.h> // arm64_clock

#define KERNEL_LINK_BASE 0xffffffff80000000ul // link address of the image's first byte

// The boot CPU's first stack, which becomes its idle thread's. KERNEL_STACK_SIZE bytes.
extern char boot_stack[], boot_stack_top[];

// --- boot/features.c: what every CPU has. The boot CPU decides: another that lacks one of these is refused. ---
struct arm64_features {
    bool pan;         // FEAT_PAN
    bool bti;         // FEAT_BTI
    bool pauth;       // address authentication, whichever algorithm
    bool pauth_data;  // generic authentication (PACGA)
    bool lse;         // FEAT_LSE
    bool asid16;      // 16-bit ASIDs
    bool rng;         // FEAT_RNG: RNDR
    bool sys_gic;     // GICv3's system registers
    bool icache_sync; // instructions written to memory need cache maintenance (CTR_EL0: not both IDC and DIC)
    uint32_t zva;     // bytes that DC ZVA clears; 0: it may not be used
};
extern struct arm64_features arm64_features;

// --- irq/ supplies ---
// What the vectors call for an IRQ, interrupts off: takes all that are pending.
void arm64_interrupt(bool from_user);

// --- cpu/ supplies ---
// Vectors, user access (PAN), vector unit traps, counter access for user mode, pointer authentication keys: on each
// CPU, once its per-CPU area is there.
void arm64_cpu_init(void);
// This CPU's first kernel-only address space state: TTBR0 at the empty table, before the first arch_aspace_switch.
void arm64_aspace_init_cpu(void);
