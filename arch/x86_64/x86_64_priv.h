// SPDX-License-Identifier: MPL-2.0
// What the two halves of the port share: boot/ (start, paging, ACPI, APIC, clocks) and cpu/ (entry and exit,
// thread switch, vector state, TLB). Not for generic code.
#pragma once

#include <arch/cpu.h>
#include <arch/percpu.h>
#include <common/port.h>
#include <lib/types.h>

#define KERNEL_LINK_BASE 0xffffffff80000000ul // link address of physical 0
#define KERNEL_PHYS 0x200000ul                // where the image is loaded

// The boot CPU's first stack, which becomes its idle thread's. KERNEL_STACK_SIZE bytes.
extern char boot_stack[], boot_stack_top[];

// --- boot/features.c ---
struct x86_features {
    bool nx, pge, pcid, invpcid, fsgsbase, smep, smap, umip, gb_pages;
    bool xsave, xsaveopt, erms, fsrm;
    bool x2apic, tsc_deadline, tsc_invariant, rdrand, rdseed, hypervisor;
};
extern struct x86_features x86_features;

// --- boot/gdt.c: segments, as on Linux (programs see them in signal frames) ---
enum {
    X86_KERNEL_CODE = 0x10,
    X86_KERNEL_DATA = 0x18,
    X86_USER_CODE32 = 0x23,
    X86_USER_DATA = 0x2b,
    X86_USER_CODE = 0x33,
    X86_TSS = 0x40,
};

struct x86_tss {
    uint32_t reserved0;
    uint64_t rsp[3]; // rsp[0]: the kernel stack on entry from user mode; cpu/ keeps it
    uint64_t reserved1;
    uint64_t ist[7]; // ist[n - 1]
    uint64_t reserved2;
    uint16_t reserved3;
    uint16_t io_map;
} __attribute__((packed, aligned(8)));
static_assert(sizeof(struct x86_tss) == 104);
extern struct x86_tss x86_tss; // PER_CPU

// --- vectors ---
enum {
    VECTOR_NMI = 2,
    VECTOR_DEVICE_FIRST = 0x30,
    VECTOR_DEVICE_LAST = 0xef,
    VECTOR_TIMER = 0xf0,
    VECTOR_RESCHED = 0xf1,
    VECTOR_TLB = 0xf2,
    VECTOR_WAKE = 0xf3, // does nothing but end a sleep
    VECTOR_ERROR = 0xfe,
    VECTOR_SPURIOUS = 0xff,
};
// boot/interrupt.c: what the entry code calls for vectors 32-255, interrupts off.
void x86_interrupt(unsigned vector, bool from_user);
// For a non-maskable interrupt: does not return if a panic elsewhere wants this CPU stopped.
void x86_nmi(void);
// boot/apic.c: interrupts the CPUs of the mask (never this one, even if named).
void x86_ipi_mask(uint64_t cpus, unsigned vector);

// --- boot/tsc.c: now = (rdtsc - base) * mult >> X86_CLOCK_SHIFT ---
#define X86_CLOCK_SHIFT 32
struct x86_clock {
    uint64_t base;      // time stamp at monotonic 0
    uint64_t mult;      // nanoseconds per tick, times 2^X86_CLOCK_SHIFT
    uint64_t frequency; // Hz
};
extern struct x86_clock x86_clock;

// --- cpu/ supplies ---
// IDT, system-call registers, vector unit: on each CPU, after its GDT, TSS, GS base and CR4 are set.
void x86_cpu_init(void);
// VECTOR_TLB came.
void x86_tlb_interrupt(void);
