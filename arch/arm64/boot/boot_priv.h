// SPDX-License-Identifier: MPL-2.0
// Between the files of boot/, and what irq/ needs of them.
#pragma once

#include "boot/machine.h"
#include <arch/boot.h>
#include <arch/cpu.h>
#include <common/boot.h>
#include <lib/types.h>

// --- handoff.c: how we were started. entry.S and efi.c fill it before the image moves to its final address. ---
struct boot_handoff {
    paddr_t device_tree; // 0: none. From x0, or UEFI's configuration table
    bool tree_answers;   // early.c could read from there
    paddr_t rsdp;        // ACPI; 0: none
    // Under UEFI only: copies in memory that UEFI gave us for good.
    paddr_t memory_map; // EFI_MEMORY_DESCRIPTORs
    uint64_t memory_map_size, memory_map_stride;
    paddr_t command_line; // NUL-terminated bytes; 0: none
    paddr_t initrd;       // initrd_size 0: none
    uint64_t initrd_size;
    uint8_t seed[32]; // from UEFI's random number protocol
    bool seeded;
    int64_t rtc_seconds; // 0: none
    uint64_t rtc_counter;
};
extern struct boot_handoff boot_handoff;

// --- loader.c: memory map, command line and initrd into boot_info, from the device tree's /memory, /reserved-memory,
// memory reservations and /chosen, or from UEFI's memory map. Panics if there is no memory to use. ---
void loader_parse(void);
// --- machine_fdt.c, machine_acpi.c: fills `machine`; after the direct map is there. Panics with a message that names
// what is needed and missing. ---
void machine_read(void);

// --- paging.c ---
// Direct map of all RAM; the kernel's root table gets its final form. The identity map goes.
void paging_init(void);
// Reads firmware's tables before the direct map exists: maps [start, start + size) as normal memory, read-only; the
// next call may unmap it.
const void *paging_peek(paddr_t start, size_t size);
void *paging_window(paddr_t start, size_t size); // the same, writable
// `size` zeroed bytes of physical memory, for good, before the page allocator exists. Panics without memory.
void *boot_alloc(size_t size);
paddr_t boot_alloc_phys(size_t size);
// Maps device registers (nGnRE), for good. Panics when the few slots are full (a fixed number of devices uses this).
void *fixmap_device(paddr_t address, size_t size);
// The stack that another CPU comes up on, with an unmapped page below; returns its end.
void *paging_map_stack(unsigned cpu);

// --- console.c: the PL011 at this physical address is the early console from now on. ---
void console_use(paddr_t address);

// --- features.c ---
// What the boot CPU has becomes arm64_features.
void features_read(void);
// The name of something that this CPU lacks and the boot CPU has; nullptr: nothing.
const char *features_missing(void);
// This CPU's SCTLR_EL1, PAN.
void features_enable(void);

// --- patch.c: once arm64_features are known ---
void patches_apply(void);

// --- percpu.c ---
size_t percpu_area_size(void);
// Fills the area of `cpu` from the template and records its base.
void percpu_prepare(unsigned cpu, void *area);
// Makes this CPU be `cpu` (TPIDR_EL1).
void percpu_load(unsigned cpu);

// --- psci.c ---
long psci_call(uint32_t function, uint64_t a1, uint64_t a2, uint64_t a3); // PSCI_NOT_SUPPORTED (-1) without a conduit

// --- smp.c ---
void smp_prepare(void);               // areas and stacks of the other CPUs
extern uint64_t arm64_mpidr[CPU_MAX]; // affinity fields, by our CPU number

// --- random.c: boot_info.random_seed ---
void random_seed_fill(void);

// --- irq/ supplies ---
void gic_init(void);     // finds and starts the distributor; then as for every CPU:
void gic_init_cpu(void); // this CPU's interface and private interrupts
void clock_init(void);   // arch_clock_now runs
void timer_init_cpu(void);
