// SPDX-License-Identifier: MPL-2.0
// Starting the other CPUs.
//
// smp_prepare, before the page allocator exists, gives every CPU that ACPI names an area and stacks.
// arch_smp_start then copies the trampoline below 1 MiB, sends all CPUs INIT and STARTUP at once, and waits
// until each has reported. They run in parallel: a CPU finds its number by its APIC id.

#include "boot/boot_priv.h"
#include "boot/port_io.h"
#include "x86_64_priv.h"
#include <arch/mmu.h>
#include <arch/smp.h>
#include <arch/thread.h>
#include <arch/time.h>
#include <arch/upcall.h>
#include <lib/boot_map.h>
#include <lib/log.h>
#include <lib/string.h>
#include <stdatomic.h>

#define MSR_EFER 0xc0000080u
#define EFER_RUNNING (1ull << 10) // LMA: set by the processor, not by us
#define EFER_SYSCALL 1ull
#define LOW_MEMORY_END 0xa0000ull
#define START_TIMEOUT 1000000000ll // since the last one came
#define RESEND_AFTER 20000000ll

extern char trampoline_start[], trampoline_end[], trampoline_root[], trampoline_efer[], trampoline_data[];

// Read by the trampoline: see there.
static struct smp_start {
    uint32_t count;
    uint32_t reserved;
    uint32_t ids[CPU_MAX];
    void *stacks[CPU_MAX];
    void (*entry)(unsigned cpu);
} start;
static_assert(offsetof(struct smp_start, ids) == 8 && offsetof(struct smp_start, stacks) == 8 + 4 * 64);
static_assert(offsetof(struct smp_start, entry) == 8 + 12 * 64);

static struct {
    paddr_t trampoline;       // a page below 1 MiB
    unsigned present;         // CPUs that have areas
    _Atomic uint64_t arrived; // a bit for each that has started
    _Atomic unsigned count;   // CPUs that run; others wait for it to be set for good, and stop if not among them
    _Atomic bool counted;
    _Atomic bool stopping; // panic
} smp = {.arrived = 1, .count = 1, .present = 1};

static void add_cpu(uint32_t id, size_t area_size) {
    unsigned cpu = smp.present;
    percpu_prepare(cpu, boot_alloc(area_size));
    x86_apic_ids[cpu] = start.ids[cpu] = id;
    start.stacks[cpu] = paging_map_stack(cpu);
    smp.present++;
}

static bool is_known(uint32_t id) {
    for (unsigned cpu = 0; cpu < smp.present; cpu++) {
        if (x86_apic_ids[cpu] == id)
            return true;
    }
    return false;
}

void smp_prepare(void) {
    size_t area_size = percpu_area_size();
    start.ids[0] = x86_apic_ids[0];
    unsigned left_out = 0;
    for (unsigned i = 0; i < acpi.cpu_count; i++) {
        if (is_known(acpi.cpus[i])) // the boot CPU; or listed twice, by both kinds of entry
            continue;
        // Without x2APIC an id has 8 bits, and 0xff means everybody.
        if (smp.present == CPU_MAX || (!x86_features.x2apic && acpi.cpus[i] >= 0xff))
            left_out++;
        else
            add_cpu(acpi.cpus[i], area_size);
    }
    if (left_out != 0)
        klog(LOG_WARNING, "smp: %u processors more than the %u we can use", left_out, CPU_MAX);
    if (smp.present > 1) {
        smp.trampoline = boot_map_take(&boot_info, PAGE_SIZE, PAGE_SIZE, LOW_MEMORY_END);
        if (smp.trampoline == 0) {
            klog(LOG_WARNING, "smp: no free page below 640 KiB: one processor only");
            smp.present = 1;
        }
    }
}

// First C code of another CPU, on its idle stack.
static void smp_secondary_main(unsigned cpu) {
    features_init();
    percpu_load(cpu);
    gdt_init(start.stacks[cpu]);
    x86_cpu_init();
    apic_init_cpu();
    timer_init_cpu();
    atomic_fetch_or_explicit(&smp.arrived, 1ull << cpu, memory_order_acq_rel);
    while (!atomic_load_explicit(&smp.counted, memory_order_acquire)) {
        arch_cpu_idle(); // until VECTOR_WAKE: 60 spinning CPUs would keep an emulator from starting the last
        arch_irq_disable();
    }
    if (cpu >= arch_cpu_count())
        arch_cpu_halt();
    secondary_main(cpu);
}

static void place_trampoline(void) {
    char *page = arch_phys_to_virt(smp.trampoline);
    memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    uint64_t root = (uint64_t)arch_virt_to_phys(x86_kernel_root);
    uint64_t efer = msr_read(MSR_EFER) & ~(EFER_RUNNING | EFER_SYSCALL);
    uint64_t data = (uintptr_t)&start;
    memcpy(page + (trampoline_root - trampoline_start), &root, sizeof root);
    memcpy(page + (trampoline_efer - trampoline_start), &efer, sizeof efer);
    memcpy(page + (trampoline_data - trampoline_start), &data, sizeof data);
    start.count = smp.present;
    start.entry = smp_secondary_main;
}

static void send_startup(uint64_t missing) {
    for (uint64_t left = missing; left != 0; left &= left - 1)
        apic_send(x86_apic_ids[__builtin_ctzll(left)], APIC_STARTUP | (uint32_t)(smp.trampoline >> PAGE_SHIFT));
}

static void send_init(uint64_t missing) {
    for (uint64_t left = missing; left != 0; left &= left - 1)
        apic_send(x86_apic_ids[__builtin_ctzll(left)], APIC_INIT);
    // Real processors want up to 10 ms; emulated ones nothing.
    nsec_t until = arch_clock_now() + (x86_features.hypervisor ? 0 : 10000000);
    while (arch_clock_now() < until)
        arch_cpu_relax();
}

unsigned arch_smp_start(void) {
    if (smp.present == 1)
        return 1;
    uint64_t all = smp.present == 64 ? ~0ull : (1ull << smp.present) - 1;
    paging_identity(true);
    place_trampoline();
    send_init(all & ~1ull);
    send_startup(all & ~1ull);
    nsec_t progress = arch_clock_now(), resend = progress + RESEND_AFTER;
    uint64_t missing = all;
    for (;;) {
        uint64_t left = all & ~atomic_load_explicit(&smp.arrived, memory_order_acquire);
        nsec_t now = arch_clock_now();
        if (left != missing)
            progress = now;
        missing = left;
        if (missing == 0 || now - progress > START_TIMEOUT)
            break;
        if (now > resend) { // the second STARTUP that old processors ask for; ignored by those that run
            send_startup(missing);
            resend = NSEC_NEVER;
        }
        arch_cpu_relax();
    }
    send_init(missing); // one that comes too late must not find the trampoline's mapping gone
    paging_identity(false);
    // CPU numbers have no gaps: those after the first that failed are not used.
    unsigned count = missing == 0 ? smp.present : (unsigned)__builtin_ctzll(missing);
    if (missing != 0)
        klog(LOG_WARNING, "smp: processors 0x%llx did not start: %u are used", (unsigned long long)missing, count);
    atomic_store_explicit(&smp.count, count, memory_order_relaxed);
    atomic_store_explicit(&smp.counted, true, memory_order_release);
    x86_ipi_mask(all & ~missing, VECTOR_WAKE);
    return count;
}

unsigned arch_cpu_count(void) {
    return atomic_load_explicit(&smp.count, memory_order_relaxed);
}

void *arch_smp_idle_stack(unsigned cpu) {
    return (char *)start.stacks[cpu] - KERNEL_STACK_SIZE;
}

// --- panic ---

void arch_smp_stop_others(void) {
    if (atomic_exchange(&smp.stopping, true) || arch_cpu_count() == 1)
        return;
    apic_send_to_others(APIC_NMI);
}

void x86_nmi(void) {
    if (atomic_load_explicit(&smp.stopping, memory_order_relaxed))
        arch_cpu_halt();
    klog(LOG_WARNING, "unexpected non-maskable interrupt");
}
