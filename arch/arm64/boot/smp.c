// SPDX-License-Identifier: MPL-2.0
// Starting the other CPUs.
//
// smp_prepare, before the page allocator exists, gives every CPU that firmware names an area and a stack.
// arch_smp_start then asks PSCI to start them, one after the other: each reports before the next begins, so CPU
// numbers have no gaps. A CPU that does not report in time is written off: it and those after it are not used, and
// if it comes after all it stops.
//
// `state` settles between the two sides whether a CPU came in time: whoever changes it first has decided.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "boot/early.h"
#include "boot/psci.h"
#include "cpu/sysreg.h"
#include <arch/mmu.h>
#include <arch/smp.h>
#include <arch/thread.h>
#include <arch/time.h>
#include <arch/upcall.h>
#include <lib/log.h>
#include <lib/string.h>
#include <stdatomic.h>

#define START_TIMEOUT 1000000000ll

struct secondary_start secondary_start;
uint64_t arm64_mpidr[CPU_MAX];

enum cpu_state { CPU_AWAITED, CPU_ARRIVED, CPU_UNFIT, CPU_WRITTEN_OFF };
static struct {
    const char *missing; // what an unfit CPU lacks
    unsigned present;    // CPUs that have areas
    _Atomic unsigned count;
    _Atomic int state[CPU_MAX];
} smp = {.present = 1, .count = 1};

[[noreturn]] void smp_secondary_main(unsigned cpu);

void smp_prepare(void) {
    size_t area_size = percpu_area_size();
    arm64_mpidr[0] = sysreg_read(MPIDR_EL1) & 0xff00fffffful;
    for (unsigned i = 0; i < machine.cpu_count && smp.present < CPU_MAX; i++) {
        if (machine.cpus[i] == arm64_mpidr[0])
            continue;
        unsigned cpu = smp.present++;
        percpu_prepare(cpu, boot_alloc(area_size));
        arm64_mpidr[cpu] = machine.cpus[i];
        secondary_start.stacks[cpu] = paging_map_stack(cpu);
    }
}

static bool settle(unsigned cpu, enum cpu_state state) {
    int awaited = CPU_AWAITED;
    return atomic_compare_exchange_strong(&smp.state[cpu], &awaited, state);
}

// First C code of another CPU, on its idle stack.
__attribute__((target("branch-protection=bti"))) void smp_secondary_main(unsigned cpu) {
    percpu_load(cpu);
    const char *missing = features_missing();
    if (missing != nullptr) {
        smp.missing = missing;
        settle(cpu, CPU_UNFIT);
        arch_cpu_halt();
    }
    features_enable();
    arm64_aspace_init_cpu();
    arm64_cpu_init();
    gic_init_cpu();
    timer_init_cpu();
    if (!settle(cpu, CPU_ARRIVED))
        arch_cpu_halt();
    secondary_main(cpu);
}

// The other CPU reads it with its caches off.
static void clean(const void *start, size_t size) {
    size_t line = 4ul << (sysreg_read(CTR_EL0) >> 16 & 0xf);
    for (uintptr_t at = ALIGN_DOWN((uintptr_t)start, line); at < (uintptr_t)start + size; at += line)
        __asm__ volatile("dc cvac, %0" ::"r"(at) : "memory");
    dsb_sy();
}

static bool start_cpu(unsigned cpu) {
    paddr_t entry = image_phys(secondary_entry);
    long answer = psci_call(PSCI_CPU_ON, arm64_mpidr[cpu], entry, cpu);
    if (answer != 0) {
        klog(LOG_WARNING, "smp: firmware does not start CPU 0x%llx: error %ld", (unsigned long long)arm64_mpidr[cpu],
             answer);
        return false;
    }
    nsec_t end = arch_clock_now() + START_TIMEOUT;
    int state;
    while ((state = atomic_load_explicit(&smp.state[cpu], memory_order_acquire)) == CPU_AWAITED) {
        if (arch_clock_now() > end && settle(cpu, CPU_WRITTEN_OFF)) {
            klog(LOG_WARNING, "smp: CPU 0x%llx did not come up", (unsigned long long)arm64_mpidr[cpu]);
            return false;
        }
        arch_cpu_relax();
    }
    if (state == CPU_UNFIT)
        klog(LOG_WARNING, "smp: CPU 0x%llx lacks what the first one has: %s", (unsigned long long)arm64_mpidr[cpu],
             smp.missing);
    return state == CPU_ARRIVED;
}

unsigned arch_smp_start(void) {
    secondary_start.image_offset = image_offset;
    secondary_start.tcr = sysreg_read(TCR_EL1);
    clean(&secondary_start, sizeof secondary_start);
    unsigned cpu = 1;
    for (; cpu < smp.present; cpu++) {
        // Counted before it runs: what it does may be addressed to all CPUs, itself among them.
        atomic_store_explicit(&smp.count, cpu + 1, memory_order_release);
        if (!start_cpu(cpu))
            break;
    }
    atomic_store_explicit(&smp.count, cpu, memory_order_release);
    if (cpu < smp.present)
        klog(LOG_WARNING, "smp: %u of %u processors are used", cpu, smp.present);
    return cpu;
}

unsigned arch_cpu_count(void) {
    return atomic_load_explicit(&smp.count, memory_order_relaxed);
}

void *arch_smp_idle_stack(unsigned cpu) {
    return (char *)secondary_start.stacks[cpu] - KERNEL_STACK_SIZE;
}
