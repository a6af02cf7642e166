// SPDX-License-Identifier: MPL-2.0
// What the machine is, and whether we can run on it. The device tree comes first, as it tells more; where firmware
// gives none (UEFI on QEMU's virt, servers), ACPI's tables do.
//
// Whatever is needed and missing ends the boot here, with a message that names it and the machine: later it would be
// a silence.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "boot/machine_priv.h"
#include "cpu/sysreg.h"
#include <lib/assert.h>
#include <lib/log.h>
#include <lib/string.h>

#define MPIDR_AFFINITY 0xff00fffffful

struct machine machine;

uint64_t machine_own_mpidr(void) {
    return sysreg_read(MPIDR_EL1) & MPIDR_AFFINITY;
}

void machine_add_cpu(uint64_t mpidr) {
    for (unsigned i = 0; i < machine.cpu_count; i++) {
        if (machine.cpus[i] == mpidr) {
            klog(LOG_WARNING, "%s: CPU 0x%llx is listed twice", machine.model, (unsigned long long)mpidr);
            return;
        }
    }
    if ((mpidr & ~MPIDR_AFFINITY) != 0)
        klog(LOG_WARNING, "%s: 0x%llx is not the name of a CPU", machine.model, (unsigned long long)mpidr);
    else if (machine.cpu_count == CPU_MAX)
        klog(LOG_WARNING, "%s: more than %u CPUs: 0x%llx stays off", machine.model, CPU_MAX, (unsigned long long)mpidr);
    else
        machine.cpus[machine.cpu_count++] = mpidr;
}

struct machine_region machine_region_of(const char *what, uint64_t base, uint64_t size) {
    if (size == 0 || base >= MACHINE_ADDRESS_END || size > MACHINE_ADDRESS_END - base) {
        klog(LOG_WARNING, "%s: %s at 0x%llx: no processor reaches that", machine.model, what, (unsigned long long)base);
        return (struct machine_region){};
    }
    return (struct machine_region){base, size};
}

// What no boot can do without.
static void require_all(void) {
    if (machine.gic_version == 0)
        panic("%s: no interrupt controller that we know (GICv2 or GICv3)", machine.model);
    if (machine.gic_distributor.size == 0)
        panic("%s: the GIC's distributor is missing", machine.model);
    if (machine.gic_version == 2 && machine.gic_cpu.size == 0)
        panic("%s: the GIC's CPU interface is missing", machine.model);
    if (machine.gic_version == 3 && machine.gic_redistributor_count == 0)
        panic("%s: the GIC's redistributors are missing", machine.model);
    if (machine.timer.id == 0)
        panic("%s: no virtual timer of the ARM architecture", machine.model);
    if (machine.cpu_count > 1 && machine.psci == CONDUIT_NONE)
        panic("%s: %u CPUs, and no PSCI 0.2 or later to start them with", machine.model, machine.cpu_count);
}

// The CPU that runs this is one of them, whatever the tables say.
static void require_own_cpu(void) {
    uint64_t own = machine_own_mpidr();
    for (unsigned i = 0; i < machine.cpu_count; i++) {
        if (machine.cpus[i] == own)
            return;
    }
    klog(LOG_WARNING, "%s: the CPU that we run on, 0x%llx, is not listed", machine.model, (unsigned long long)own);
    if (machine.cpu_count == CPU_MAX)
        machine.cpu_count--;
    memmove(&machine.cpus[1], &machine.cpus[0], machine.cpu_count * sizeof machine.cpus[0]);
    machine.cpus[0] = own;
    machine.cpu_count++;
}

void machine_read(void) {
    machine.rtc_seconds = boot_handoff.rtc_seconds;
    machine.rtc_counter = boot_handoff.rtc_counter;
    if (boot_handoff.device_tree != 0)
        machine_from_fdt();
    else if (boot_handoff.rsdp != 0)
        machine_from_acpi();
    else
        panic("boot: neither a device tree nor ACPI tables: nothing is known of this machine");
    boot_info.platform = machine.model;
    require_own_cpu();
    require_all();
}
