// SPDX-License-Identifier: MPL-2.0
// What the kernel wants of the ACPI tables: processors, interrupt controllers, how to switch off and reset,
// timers, PCI configuration space. No interpreter: the one value that only byte code holds (the sleep type of
// \_S5) is found by a bounded scan.
//
// The tables are bytes from outside: every length is checked against its table, every table against its
// checksum; what does not hold is left out and said in `problems`.
#pragma once

#include <lib/types.h>

#define ACPI_CPUS_MAX 256
#define ACPI_IOAPICS_MAX 8
#define ACPI_OVERRIDES_MAX 24
#define ACPI_REDISTRIBUTORS_MAX 8

enum acpi_problem {
    ACPI_BAD_ROOT = 1,     // no RSDP, XSDT or RSDT that checks out
    ACPI_BAD_CHECKSUM = 2, // a table was left out
    ACPI_BAD_LENGTH = 4,   // a table or entry contradicts itself
    ACPI_TOO_MANY = 8,     // more entries than we have room for
};

// A register: in I/O or memory space.
struct acpi_register {
    enum acpi_space : uint8_t { ACPI_SPACE_NONE = 0xff, ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1 } space;
    uint8_t access_bytes; // 0: any
    uint64_t address;     // 0: no such register
};

struct acpi_override { // an ISA interrupt that arrives elsewhere
    uint8_t isa_irq;
    uint32_t gsi;
    bool active_low, level;
};

struct acpi_ioapic {
    uint8_t id;
    uint64_t address;
    uint32_t gsi_base;
};

struct acpi_range {
    uint64_t address, size;
};

struct acpi_info {
    unsigned problems; // enum acpi_problem
    char maker[15];    // of the firmware: two names with blanks between, as the FADT has them
    // MADT
    bool have_madt;
    uint64_t lapic_address;
    uint32_t cpus[ACPI_CPUS_MAX]; // APIC ids of processors that may be started
    unsigned cpu_count;
    struct acpi_ioapic ioapics[ACPI_IOAPICS_MAX];
    unsigned ioapic_count;
    struct acpi_override overrides[ACPI_OVERRIDES_MAX];
    unsigned override_count;
    // MADT on ARM
    uint64_t mpidrs[ACPI_CPUS_MAX]; // of processors that may be started
    unsigned mpidr_count;
    unsigned gic_version;                                          // 0: no distributor, or it does not say
    uint64_t gic_distributor, gic_cpu;                             // gic_cpu: of GICv2 and before
    struct acpi_range gic_redistributors[ACPI_REDISTRIBUTORS_MAX]; // those that touch are one
    unsigned gic_redistributor_count;
    // FADT
    bool have_fadt;
    bool hardware_reduced;
    bool psci, psci_hvc; // ARM
    struct acpi_register pm1a_control, pm1b_control;
    struct acpi_register sleep_control; // hardware-reduced machines
    struct acpi_register reset;
    uint8_t reset_value;
    struct acpi_register pm_timer;
    bool pm_timer_32bit;
    uint32_t smi_command;
    uint8_t acpi_enable;
    uint64_t dsdt; // where it is, if it is good
    bool have_s5;
    uint8_t s5_type_a, s5_type_b;
    // HPET
    uint64_t hpet_address;
    // MCFG, first segment
    uint64_t ecam_address;
    uint8_t ecam_bus_start, ecam_bus_end;
    // GTDT; 0: none
    uint32_t virtual_timer;
    bool virtual_timer_edge;
    // SPCR
    struct acpi_register console;
    bool console_pl011;
    uint32_t console_irq; // 0: none
};

// Physical memory as the parser may read it: the address of [start, start+size), or null if any of it cannot be
// read. Stays valid while acpi_parse runs.
struct acpi_memory {
    const void *(*map)(const struct acpi_memory *memory, uint64_t start, size_t size);
};

// Finds the RSDP in [start, end) (16-byte steps); 0 if there is none.
uint64_t acpi_find_rsdp(const struct acpi_memory *memory, uint64_t start, uint64_t end);
// Fills *out from the tables behind `rsdp`. Never fails as a whole: see problems.
void acpi_parse(const struct acpi_memory *memory, uint64_t rsdp, struct acpi_info *out);
