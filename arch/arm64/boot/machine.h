// SPDX-License-Identifier: MPL-2.0
// What firmware says of the machine: one form for both sources, the device tree (boot/machine_fdt.c) and ACPI
// (boot/machine_acpi.c). Filled once, before the interrupt controller starts; what is needed and missing stops the
// boot there with a message that names it.
#pragma once

#include <arch/cpu.h>
#include <arch/platform.h>
#include <lib/types.h>

#define MACHINE_REDISTRIBUTORS_MAX 8
#define MACHINE_VIRTIO_MAX 64

struct machine_region {
    paddr_t base; // size 0: absent
    uint64_t size;
};

// An interrupt: the number that the interrupt controller knows it by (SGI 0-15, PPI 16-31, SPI from 32).
struct machine_irq {
    uint32_t id; // 0: none
    bool edge;   // else level; always active high, as the controller allows nothing else for SPIs
};

enum machine_conduit { CONDUIT_NONE, CONDUIT_HVC, CONDUIT_SMC };

struct machine {
    const char *model; // for boot_info.platform
    bool acpi;         // else device tree

    uint64_t cpus[CPU_MAX]; // MPIDR affinity fields of those that may be started, in the table's order
    unsigned cpu_count;
    enum machine_conduit psci;

    unsigned gic_version; // 2, 3; 0: none
    struct machine_region gic_distributor;
    struct machine_region gic_cpu; // GICv2
    struct machine_region gic_redistributors[MACHINE_REDISTRIBUTORS_MAX];
    unsigned gic_redistributor_count;

    struct machine_irq timer; // the virtual timer's PPI; id 0: none

    struct machine_region uart; // a PL011
    struct machine_irq uart_irq;
    struct machine_region rtc; // a PL031; absent under ACPI
    int64_t rtc_seconds;       // UEFI's clock, read before its boot services ended …
    uint64_t rtc_counter;      // … and CNTVCT_EL0 at that moment; 0: no such reading

    struct arch_pci_host pci;       // ecam_size 0: none
    struct machine_irq pci_intx[4]; // line of pin A of slot 0 … 3; others are swizzled. id 0: unknown

    struct {
        struct machine_region region;
        struct machine_irq irq;
    } virtio[MACHINE_VIRTIO_MAX];
    unsigned virtio_count;
};

extern struct machine machine;
