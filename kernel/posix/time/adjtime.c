// SPDX-License-Identifier: MPL-2.0
// adjtimex and clock_adjtime: disciplining the wall clock.
//
// Daemons set a frequency, a tick length, an offset to be worked off slowly (phase-locked loop, or adjtime's single
// shot). While any of them is not zero, a timer moves the clock a hundred times a second by what is due. So a clock
// that is slowed down stands back by up to a hundredth of a second's correction (5 microseconds at the 500 ppm
// that daemons use) when the timer fires, instead of running slower in between.
#include "process/process_priv.h"
#include "time_priv.h"
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <object/cred.h>

enum {
    STEPS = 100,              // a second
    TICK_NORMAL = 10000,      // microseconds of a hundredth of a second
    SINGLE_SHOT_MAX = 500,    // microseconds a second
    PHASE_MAX = 500000000,    // nanoseconds
    FREQUENCY_MAX = 32768000, // 500 ppm with 16 fraction bits
    ERROR_MAX = 16000000,     // microseconds
    CONSTANT_MAX = 10,
    TAI_MAX = 100000,
};

static struct {
    struct spinlock lock;
    int64_t frequency;   // ppm, 16 fraction bits
    int64_t tick;        // microseconds
    int64_t offset;      // nanoseconds left of ADJ_OFFSET
    int64_t single_shot; // microseconds left of adjtime
    int64_t max_error, estimated_error, constant;
    int32_t status;
    _Atomic int32_t tai;
    int64_t fraction; // of the last steps, in 1/STEPS nanoseconds
    struct timer timer;
    bool running;
} clock = {
    .tick = TICK_NORMAL, .max_error = ERROR_MAX, .estimated_error = ERROR_MAX, .constant = 2, .status = STA_UNSYNC};

int32_t adjtime_tai_offset(void) {
    return atomic_load_explicit(&clock.tai, memory_order_relaxed);
}

static bool has_work(void) REQUIRES(&clock.lock) {
    return clock.frequency || clock.tick != TICK_NORMAL || clock.offset || clock.single_shot;
}

// What one step takes from an amount that is worked off at `per_second`.
static int64_t take(int64_t *left, int64_t per_second) {
    int64_t step = MAX(per_second / STEPS, (int64_t)1);
    int64_t part = *left > 0 ? MIN(*left, step) : -MIN(-*left, step);
    *left -= part;
    return part;
}

static void step(struct timer *timer) {
    spin_lock(&clock.lock);
    int64_t rate = clock.frequency * 1000 / 65536 + (clock.tick - TICK_NORMAL) * CLOCK_TICKS * NSEC_PER_USEC; // ns/s
    clock.fraction += rate;
    int64_t by = clock.fraction / STEPS;
    clock.fraction -= by * STEPS;
    int64_t size = clock.offset < 0 ? -clock.offset : clock.offset;
    if (clock.offset)
        by += take(&clock.offset, size >> (2 + clock.constant));
    if (clock.single_shot)
        by += take(&clock.single_shot, SINGLE_SHOT_MAX) * NSEC_PER_USEC;
    clock.running = has_work();
    if (clock.running)
        timer_set(timer, clock_now() + NSEC_PER_SEC / STEPS);
    spin_unlock(&clock.lock);
    if (by != 0)
        realtime_slew(by);
}

static void start(void) REQUIRES(&clock.lock) {
    if (clock.running || !has_work())
        return;
    if (!clock.timer.fire)
        timer_init(&clock.timer, step);
    clock.running = true;
    timer_set(&clock.timer, clock_now() + NSEC_PER_SEC / STEPS);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

static status_t check(const struct abi_timex *t) {
    bool privileged = cred_has_cap(cred_current(), CAP_SYS_TIME);
    if (t->modes & ADJ_ADJTIME) {
        if (!(t->modes & ADJ_SINGLESHOT))
            return -EINVAL;
        return (t->modes & ADJ_READONLY) || privileged ? 0 : -EPERM;
    }
    if (t->modes && !privileged)
        return -EPERM;
    if ((t->modes & ADJ_TICK) && (t->tick < 900000 / CLOCK_TICKS || t->tick > 1100000 / CLOCK_TICKS))
        return -EINVAL;
    int64_t parts = t->modes & ADJ_NANO ? NSEC_PER_SEC : NSEC_PER_SEC / NSEC_PER_USEC;
    if ((t->modes & ADJ_SETOFFSET) && (t->time.microseconds < 0 || t->time.microseconds >= parts))
        return -EINVAL;
    return 0;
}

static void set_offset(const struct abi_timex *t) REQUIRES(&clock.lock) {
    if (!(clock.status & STA_PLL))
        return; // as on Linux: without the loop an offset means nothing
    int64_t offset = clock.status & STA_NANO ? t->offset : clamp(t->offset, -PHASE_MAX, PHASE_MAX) * NSEC_PER_USEC;
    clock.offset = clamp(offset, -PHASE_MAX, PHASE_MAX);
}

static void apply(const struct abi_timex *t) REQUIRES(&clock.lock) {
    if (t->modes & ADJ_STATUS) {
        if ((clock.status & STA_PLL) && !(t->status & STA_PLL))
            clock.status = STA_UNSYNC;
        clock.status = (clock.status & STA_READ_ONLY) | (t->status & ~STA_READ_ONLY);
    }
    if (t->modes & ADJ_NANO)
        clock.status |= STA_NANO;
    if (t->modes & ADJ_MICRO)
        clock.status &= ~STA_NANO;
    if (t->modes & ADJ_FREQUENCY)
        clock.frequency = clamp(t->frequency, -FREQUENCY_MAX, FREQUENCY_MAX);
    if (t->modes & ADJ_MAXERROR)
        clock.max_error = clamp(t->max_error, 0, ERROR_MAX);
    if (t->modes & ADJ_ESTERROR)
        clock.estimated_error = clamp(t->estimated_error, 0, ERROR_MAX);
    if (t->modes & ADJ_TIMECONST)
        clock.constant = clamp(t->constant, 0, CONSTANT_MAX) + (clock.status & STA_NANO ? 0 : 4);
    clock.constant = clamp(clock.constant, 0, CONSTANT_MAX);
    if ((t->modes & ADJ_TAI) && t->constant >= 0 && t->constant <= TAI_MAX)
        atomic_store_explicit(&clock.tai, (int32_t)t->constant, memory_order_relaxed);
    if (t->modes & ADJ_OFFSET)
        set_offset(t);
    if (t->modes & ADJ_TICK)
        clock.tick = t->tick;
}

static long report(struct abi_timex *t, int64_t single_shot) REQUIRES(&clock.lock) {
    bool shot = t->modes & ADJ_ADJTIME;
    bool nano = clock.status & STA_NANO;
    struct abi_timespec now = timespec_from_nsec(clock_realtime());
    uint32_t modes = t->modes;
    memset(t, 0, sizeof(*t));
    t->modes = modes;
    t->offset = shot ? single_shot : nano ? clock.offset : clock.offset / NSEC_PER_USEC;
    t->frequency = clock.frequency;
    t->max_error = clock.max_error;
    t->estimated_error = clock.estimated_error;
    t->status = clock.status;
    t->constant = clock.constant;
    t->precision = 1;
    t->tolerance = FREQUENCY_MAX;
    t->tick = clock.tick;
    t->tai = adjtime_tai_offset();
    t->time = (struct abi_timeval){now.seconds, nano ? now.nanoseconds : now.nanoseconds / NSEC_PER_USEC};
    return clock.status & STA_UNSYNC ? TIME_ERROR : TIME_OK;
}

static long adjust(struct abi_timex *t) {
    status_t status = check(t);
    if (status != 0)
        return status;
    bool shot = t->modes & ADJ_ADJTIME;
    if (!shot && (t->modes & ADJ_SETOFFSET)) {
        int64_t unit = t->modes & ADJ_NANO ? 1 : NSEC_PER_USEC;
        nsec_t seconds, now = clock_realtime();
        if (__builtin_mul_overflow(t->time.seconds, NSEC_PER_SEC, &seconds) ||
            __builtin_add_overflow(now, seconds, &now))
            return -EINVAL;
        status = clock_set_realtime(now + t->time.microseconds * unit);
        if (status != 0)
            return status;
    }
    spin_lock(&clock.lock);
    int64_t single_shot = clock.single_shot;
    if (!shot)
        apply(t);
    else if (!(t->modes & ADJ_READONLY))
        clock.single_shot = t->offset;
    start();
    long result = report(t, single_shot);
    spin_unlock(&clock.lock);
    return result;
}

long sys_clock_adjtime(int id, void __user *timex) {
    struct abi_timex t;
    nsec_t unused;
    if (id != CLOCK_REALTIME)
        return clock_read(id, &unused) == 0 ? -EOPNOTSUPP : -EINVAL;
    if (copy_from_user(&t, timex, sizeof(t)) != 0)
        return -EFAULT;
    long result = adjust(&t);
    if (result < 0)
        return result;
    return copy_to_user(timex, &t, sizeof(t)) != 0 ? -EFAULT : result;
}

long sys_adjtimex(void __user *timex) {
    return sys_clock_adjtime(CLOCK_REALTIME, timex);
}
