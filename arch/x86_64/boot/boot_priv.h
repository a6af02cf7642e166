// SPDX-License-Identifier: MPL-2.0
// Between the files of boot/.
#pragma once

#include <arch/boot.h>
#include <arch/cpu.h>
#include <common/boot.h>
#include <lib/acpi.h>
#include <lib/acpi_devices.h>
#include <lib/types.h>

// --- loader.c: what PVH or Multiboot2 passed, into boot_info. Returns the RSDP's address or 0. ---
uint64_t loader_parse(uint32_t magic, uint32_t info);

// --- paging.c ---
// Direct map of all RAM; the kernel's root table gets its final upper half. Identity map still there.
void paging_init(void);
// The identity map of the first 4 GiB: only while tables are read, and while other CPUs start.
void paging_identity(bool on);
// `size` zeroed bytes of physical memory, for good, before the page allocator exists. Panics without memory.
void *boot_alloc(size_t size);
paddr_t boot_alloc_phys(size_t size);
// Maps device registers, for good. Panics when the few slots are full (a fixed number of devices uses this).
void *fixmap_device(paddr_t address, size_t size);
// The stack that another CPU comes up on, with an unmapped page below; returns its end.
void *paging_map_stack(unsigned cpu);

// --- features.c: this CPU's control registers; the first call also fills x86_features. ---
void features_init(void);

// --- percpu.c ---
size_t percpu_area_size(void);
// Fills the area of `cpu` from the template and records its base.
void percpu_prepare(unsigned cpu, void *area);
// Makes this CPU be `cpu`.
void percpu_load(unsigned cpu);

// --- gdt.c: loads this CPU's segments and task state. ---
void gdt_init(const void *stack_top);

// --- acpi.c ---
extern struct acpi_info acpi;
extern struct acpi_devices acpi_devices; // that only byte code names: microvm's slots for virtio
void acpi_read(uint64_t rsdp);

// --- smbios.c: boot_info.smbios_… ---
void smbios_read(void);

// --- apic.c ---
void apic_init_boot(void); // finds and maps it; then as for every CPU:
void apic_init_cpu(void);
uint32_t apic_id(void);
void apic_end_of_interrupt(void);
void apic_send(uint32_t apic_id, uint32_t command); // low half of the interrupt command register
void apic_send_to_others(uint32_t command);
void apic_timer_oneshot(uint32_t ticks); // 0 stops it
uint32_t apic_timer_count(void);
void apic_timer_mode(bool tsc_deadline);
extern uint32_t x86_apic_ids[CPU_MAX]; // of our CPU numbers
enum { APIC_INIT = 0x4500, APIC_STARTUP = 0x4600, APIC_NMI = 0x4400, APIC_FIXED = 0x4000 };

// --- ioapic.c ---
void ioapic_init(void);
// Routes a global interrupt to a CPU and vector, masked or not. -ENODEV: no such input.
MUST_USE status_t ioapic_set(uint32_t gsi, unsigned vector, uint32_t apic_id, unsigned flags);
enum { IOAPIC_ACTIVE_LOW = 1, IOAPIC_LEVEL = 2, IOAPIC_MASKED = 4 };

// --- tsc.c, timer.c ---
void clock_init(void);     // the time stamp's frequency; arch_clock_now runs
void timer_init_cpu(void); // this CPU's one-shot timer
void timer_interrupt(bool from_user);
extern uint64_t x86_apic_timer_frequency; // Hz
// hpet.c: 0: no such clock.
uint64_t hpet_init(void); // its frequency in Hz
uint32_t hpet_read(void);

// --- smp.c ---
void smp_prepare(void); // areas and stacks of the other CPUs

// --- power.c: maps the registers that will be needed. ---
void power_init(void);

// --- random.c: boot_info.random_seed ---
void random_seed_fill(void);
