// SPDX-License-Identifier: MPL-2.0
// In-kernel tests of what only this port can see: the interrupt controller's lines, the clock's arithmetic, the timer's
// registers. What generic code sees of them is in kernel/init/ktest_smp.c.

#include "arm64_priv.h"
#include "cpu/sysreg.h"
#include "irq/irq_priv.h"
#include <arch/irq.h>
#include <arch/smp.h>
#include <arch/time.h>
#include <lib/ktest.h>
#include <lib/status.h>
#include <stdatomic.h>

#define MSEC 1000000ll
#define PATIENCE (10000 * MSEC) // a virtual CPU may stand still for long: this ends tests that fail
#define SET_PENDING 0x200       // GICD: a line interrupts as if its device had asked

static void spin_until(nsec_t deadline, const _Atomic unsigned *count, unsigned wanted) {
    while (atomic_load(count) < wanted && arch_clock_now() < deadline)
        arch_cpu_relax();
}

// --- lines ---

static struct {
    _Atomic unsigned taken;
    _Atomic unsigned cpu; // that took the last
} line_test;

static void count_interrupt(void *context) {
    atomic_store(&line_test.cpu, arch_cpu_id());
    atomic_fetch_add((_Atomic unsigned *)context, 1);
}

// A line that nothing is connected to, as an edge: a level would go on.
static unsigned spare_line(void) {
    static unsigned line;
    for (unsigned i = gic.lines - 1; line == 0 && i >= GIC_PRIVATE_LINES; i--) {
        if (arch_irq_register(i, count_interrupt, &line_test.taken) == 0)
            line = i;
    }
    gic_enable(line, true);
    return line;
}

static void pretend(unsigned line) {
    arch_io_write32(gic.distributor, SET_PENDING + line / 32 * 4, 1u << line % 32);
}

KTEST(irq_lines_register_once) {
    unsigned line = spare_line();
    KTEST_REQUIRE(line != 0);
    KTEST_CHECK(arch_irq_register(line, count_interrupt, &line_test.taken) == -EBUSY);
    KTEST_CHECK(arch_irq_register(machine.timer.id, count_interrupt, &line_test.taken) == -ENODEV); // a CPU's own
    KTEST_CHECK(arch_irq_register(gic.lines, count_interrupt, &line_test.taken) == -ENODEV);
    KTEST_CHECK(arch_irq_register(~0u, count_interrupt, &line_test.taken) == -ENODEV);
    KTEST_CHECK(arch_irq_route(gic.lines, 0) == -ENODEV);
    KTEST_CHECK(arch_irq_route(line, arch_cpu_count()) == -EINVAL);
}

KTEST(irq_lines_reach_every_cpu) {
    unsigned line = spare_line();
    KTEST_REQUIRE(line != 0);
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        KTEST_REQUIRE(arch_irq_route(line, cpu) == 0);
        unsigned before = atomic_load(&line_test.taken);
        pretend(line);
        spin_until(arch_clock_now() + PATIENCE, &line_test.taken, before + 1);
        KTEST_CHECK(atomic_load(&line_test.taken) == before + 1);
        KTEST_CHECK(atomic_load(&line_test.cpu) == cpu);
    }
    KTEST_CHECK(arch_irq_route(line, 0) == 0);
}

KTEST(irq_masked_waits) {
    unsigned line = spare_line();
    KTEST_REQUIRE(line != 0);
    KTEST_REQUIRE(arch_irq_route(line, arch_cpu_id()) == 0);
    unsigned before = atomic_load(&line_test.taken);
    unsigned long state = arch_irq_save();
    pretend(line);
    nsec_t end = arch_clock_now() + 2 * MSEC;
    while (arch_clock_now() < end)
        arch_cpu_relax();
    KTEST_CHECK(atomic_load(&line_test.taken) == before);
    arch_irq_restore(state);
    spin_until(arch_clock_now() + PATIENCE, &line_test.taken, before + 1);
    KTEST_CHECK(atomic_load(&line_test.taken) == before + 1);
    KTEST_CHECK(arch_irq_route(line, 0) == 0);
}

KTEST(irq_without_a_handler_is_shut_off) {
    // The highest line is ours already; the one before it has no handler in any machine that we know.
    unsigned line = spare_line() - 1;
    unsigned reg = GICD_SET_ENABLE + line / 32 * 4;
    gic_enable(line, true);
    gic.ops->route(line, arch_cpu_id());
    pretend(line);
    for (nsec_t end = arch_clock_now() + PATIENCE; arch_clock_now() < end;) {
        if (!(arch_io_read32(gic.distributor, reg) >> line % 32 & 1))
            return;
    }
    KTEST_CHECK(!"it is still on");
}

// --- time ---

static nsec_t clock_at(uint64_t counter) {
    return (nsec_t)((unsigned __int128)(counter - arm64_clock.base) * arm64_clock.mult >> ARM64_CLOCK_SHIFT);
}

// The compare value that stands for a deadline is the first at which the clock shows it, or the next: never before, and
// also after years.
KTEST(timer_value_is_the_deadline) {
    static const nsec_t deadlines[] = {
        1, 2, 15, 16, 17, 999, 1000 * MSEC, 1234567891, 86400000000007, 31536000000000001, 3153600000000000003};
    nsec_t tick = (nsec_t)(arm64_clock.mult >> ARM64_CLOCK_SHIFT) + 1;
    for (unsigned i = 0; i < ARRAY_SIZE(deadlines); i++) {
        uint64_t value = timer_value(deadlines[i]);
        KTEST_CHECK(clock_at(value) >= deadlines[i]);
        KTEST_CHECK(clock_at(value) - deadlines[i] <= 2 * tick + deadlines[i] / 1000000000000);
    }
    KTEST_CHECK(timer_value(NSEC_NEVER) == UINT64_MAX);
    KTEST_CHECK(timer_value(0) <= sysreg_read(CNTVCT_EL0));
    KTEST_CHECK(timer_value(-1) <= sysreg_read(CNTVCT_EL0));
}

KTEST(clock_counts_in_nanoseconds) {
    nsec_t least = NSEC_NEVER; // the host may take the CPU away in between, but not each time
    for (int i = 0; i < 100 && least >= MSEC; i++) {
        uint64_t ticks = sysreg_read(CNTVCT_EL0);
        nsec_t start = arch_clock_now();
        while (arch_clock_now() < start + 20 * MSEC)
            arch_cpu_relax();
        nsec_t passed = arch_clock_now() - start;
        ticks = sysreg_read(CNTVCT_EL0) - ticks;
        nsec_t by_ticks = (nsec_t)(ticks * 1000000 / (arm64_clock.frequency / 1000));
        KTEST_CHECK(by_ticks >= passed);
        least = MIN(least, by_ticks - passed);
    }
    KTEST_CHECK(least < MSEC);
}

// The hardware alone, with interrupts off: it asks for one at the deadline and not before, at once if that is past, and
// never if there is none.
KTEST(timer_hardware_keeps_its_time) {
    unsigned long state = arch_irq_save();
    arch_timer_set(NSEC_NEVER);
    isb();
    bool never = (sysreg_read(CNTV_CTL_EL0) & TIMER_STATUS) == 0;
    nsec_t deadline = arch_clock_now() + 3 * MSEC;
    arch_timer_set(deadline);
    isb();
    bool early = false;
    bool fired, over;
    do {
        over = arch_clock_now() > deadline + 1000 * MSEC;
        fired = (sysreg_read(CNTV_CTL_EL0) & TIMER_STATUS) != 0;
        early |= fired && arch_clock_now() < deadline;
    } while (!fired && !over);
    arch_timer_set(deadline - 5 * MSEC);
    isb();
    bool past = (sysreg_read(CNTV_CTL_EL0) & TIMER_STATUS) != 0;
    arch_timer_set(0); // the scheduler sets it anew at the interrupt that comes
    arch_irq_restore(state);
    KTEST_CHECK(never);
    KTEST_CHECK(fired);
    KTEST_CHECK(!early);
    KTEST_CHECK(past);
}

KTEST(rtc_has_a_date) {
    int64_t now = arch_rtc_read();
    if (now == 0) {
        ktest_skip("no clock");
        return;
    }
    KTEST_CHECK(now > 1600000000); // 2020
    KTEST_CHECK(now < 4102444800); // 2100
}
