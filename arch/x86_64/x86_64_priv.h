// SPDX-License-Identifier: MPL-2.0
// What the two halves of the port share: boot/ (start, paging, ACPI, APIC, clocks) and cpu/ (entry and exit,
// thread switch, vector state, TLB). Not for generic code.
#pragma once

#include <arch/cpu.h>
#include <arch/percpu.h>
#include <common/port.h>
#include <lib/types.h>
#include <port/switch.h> // x86_tss
#include <port/time.h>   // x86_clock

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

// --- cpu/ supplies ---
// IDT, system-call registers, vector unit: on each CPU, after its GDT, TSS, GS base and CR4 are set.
void x86_cpu_init(void);
// VECTOR_TLB came.
void x86_tlb_interrupt(void);
