// SPDX-License-Identifier: MPL-2.0
// The generic interrupt controller: what versions 2 and 3 have in common. A distributor collects the lines of devices
// and sends each to one CPU; every CPU has lines of its own, too, and an interface that hands it one interrupt at a
// time.
//
// All interrupts have the same priority, so that none interrupts the handler of another. Lines are level-triggered
// until somebody who knows better enables them.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "cpu/sysreg.h"
#include "irq/irq_priv.h"
#include <arch/smp.h>
#include <lib/assert.h>
#include <lib/log.h>
#include <stdatomic.h>

#define CONTROL_WRITE_PENDING (1u << 31) // version 3; 0 in version 2
#define PRIORITY_ALL 0xa0a0a0a0u         // four lines
#define CONFIG_EDGE 2u

struct gic gic;
static struct arch_io private_lines PER_CPU;

static struct {
    _Atomic bool stopping;    // panic
    _Atomic unsigned stopped; // CPUs
} end;

// --- registers ---

static bool waited_long(uint64_t since, unsigned parts_of_second) {
    return sysreg_read(CNTVCT_EL0) - since > sysreg_read(CNTFRQ_EL0) / parts_of_second;
}

void gic_wait_clear(struct arch_io io, unsigned offset, uint32_t bit, const char *what) {
    uint64_t start = sysreg_read(CNTVCT_EL0);
    while (arch_io_read32(io, offset) & bit) {
        if (waited_long(start, 1))
            panic("boot: interrupt controller: %s", what);
        arch_cpu_relax();
    }
}

static struct arch_io registers_of(unsigned line) {
    return line < GIC_PRIVATE_LINES ? this_cpu(private_lines) : gic.distributor;
}

void gic_enable(unsigned line, bool edge) {
    struct arch_io io = registers_of(line);
    if (line >= 16) { // SGIs are edges, always
        unsigned offset = GICD_CONFIG + line / 16 * 4, shift = line % 16 * 2;
        uint32_t config = arch_io_read32(io, offset) & ~(CONFIG_EDGE << shift);
        arch_io_write32(io, offset, config | (edge ? CONFIG_EDGE << shift : 0));
    }
    arch_io_write32(io, GICD_SET_ENABLE + line / 32 * 4, 1u << line % 32);
}

void gic_disable(unsigned line) {
    arch_io_write32(registers_of(line), GICD_CLEAR_ENABLE + line / 32 * 4, 1u << line % 32);
}

// Lines [first, end) off, with our priority.
static void reset_lines(struct arch_io io, unsigned first, unsigned end_) {
    for (unsigned line = first; line < end_; line += 32) {
        arch_io_write32(io, GICD_CLEAR_ENABLE + line / 8, ~0u);
        if (gic.ops->version >= 3)
            arch_io_write32(io, GICD_GROUP + line / 8, ~0u); // group 1: IRQs, not FIQs
    }
    for (unsigned line = first; line < end_; line += 4)
        arch_io_write32(io, GICD_PRIORITY + line, PRIORITY_ALL);
}

// --- start ---

void gic_init(void) {
    if (machine.gic_version < 2 || machine.gic_distributor.size == 0)
        panic("boot: no interrupt controller: firmware names neither a GICv2 nor a GICv3");
    gic.ops = machine.gic_version == 2 ? &gicv2_ops : &gicv3_ops;
    gic.distributor.base = (uintptr_t)fixmap_device(machine.gic_distributor.base, gic.ops->distributor_size);
    gic.lines = MIN(((arch_io_read32(gic.distributor, GICD_TYPE) & 0x1f) + 1) * 32, GIC_LINES_MAX);
    arch_io_write32(gic.distributor, GICD_CONTROL, 0);
    gic_wait_clear(gic.distributor, GICD_CONTROL, CONTROL_WRITE_PENDING, "the distributor does not stop");
    reset_lines(gic.distributor, GIC_PRIVATE_LINES, gic.lines);
    gic.ops->init();
    arch_io_write32(gic.distributor, GICD_CONTROL, gic.ops->distributor_on);
    gic_wait_clear(gic.distributor, GICD_CONTROL, CONTROL_WRITE_PENDING, "the distributor does not start");
    klog(LOG_INFO, "interrupts: GICv%u, %u lines", machine.gic_version, gic.lines);
}

void gic_init_cpu(void) {
    struct arch_io io = this_cpu(private_lines) = gic.ops->init_cpu();
    reset_lines(io, 0, GIC_PRIVATE_LINES);
    for (unsigned sgi = 0; sgi < SGI_COUNT; sgi++)
        gic_enable(sgi, true);
}

// --- from CPU to CPU ---

void arch_ipi_send(unsigned cpu) {
    gic.ops->send(cpu, SGI_RESCHEDULE);
}

// A CPU that has interrupts off for good does not answer; the panic goes on without it.
void arch_smp_stop_others(void) {
    unsigned others = arch_cpu_count() - 1;
    if (atomic_exchange(&end.stopping, true) || others == 0 || gic.ops == nullptr)
        return;
    gic.ops->send_to_others(SGI_STOP);
    uint64_t start = sysreg_read(CNTVCT_EL0);
    while (atomic_load_explicit(&end.stopped, memory_order_relaxed) < others && !waited_long(start, 10))
        arch_cpu_relax();
}

void gic_stop_this_cpu(void) {
    atomic_fetch_add_explicit(&end.stopped, 1, memory_order_relaxed);
    arch_cpu_halt();
}
