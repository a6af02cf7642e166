// SPDX-License-Identifier: MPL-2.0
// Clocks, sleeping, interval and POSIX timers. Time is asserted from below only.
#include "sys.h"

#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <sys/timex.h>

static volatile int fired, value_seen, overrun_seen;
static void fire(int signal) {
    (void)signal;
    fired++;
}
static void fire_info(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    fired++;
    value_seen = info->si_value.sival_int;
    overrun_seen = info->si_code;
}

static int64_t read_clock(int clock) {
    struct timespec t;
    return clock_gettime(clock, &t) ? -1 : t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}
static int64_t call_clock(int clock) {
    struct timespec t;
    return syscall(SYS_clock_gettime, clock, &t) ? -1 : t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

static void reading(void) {
    static const int clocks[] = {CLOCK_REALTIME,           CLOCK_MONOTONIC,        CLOCK_MONOTONIC_RAW,
                                 CLOCK_BOOTTIME,           CLOCK_REALTIME_COARSE,  CLOCK_MONOTONIC_COARSE,
                                 CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
    for (size_t i = 0; i < COUNT(clocks); i++) {
        bool forward = true;
        int64_t last = read_clock(clocks[i]);
        for (int k = 0; k < 2000; k++) {
            int64_t now = read_clock(clocks[i]);
            forward &= now >= last;
            last = now;
        }
        ok(forward && last >= 0, "clock %d does not go back", clocks[i]);
        struct timespec resolution;
        ok(clock_getres(clocks[i], &resolution) == 0 && resolution.tv_sec == 0 && resolution.tv_nsec > 0,
           "and has a resolution");
    }
    bool agree = true;
    for (int i = 0; i < 500; i++) {
        int64_t a = read_clock(CLOCK_MONOTONIC), b = call_clock(CLOCK_MONOTONIC), c = read_clock(CLOCK_MONOTONIC);
        agree &= a <= b && b <= c;
    }
    ok(agree, "the vDSO and the call agree");
    ok(getauxval(AT_SYSINFO_EHDR) != 0, "there is a vDSO");
    struct timeval tv;
    gettimeofday(&tv, NULL);
    ok(llabs((long long)tv.tv_sec - (long long)time(NULL)) <= 1, "gettimeofday and time agree");
    ok(time(NULL) > 1'600'000'000, "the wall clock is set");
    fails(clock_gettime(99, &(struct timespec){}), EINVAL, "an unknown clock");
    struct tms t;
    ok(times(&t) != (clock_t)-1, "times");
}

static void sleeping(void) {
    struct timespec brief = {0, 20'000'000}, left;
    int64_t start = read_clock(CLOCK_MONOTONIC);
    is(nanosleep(&brief, &left), 0, "nanosleep");
    ok(read_clock(CLOCK_MONOTONIC) - start >= 20'000'000, "not too short");
    fails(nanosleep(&(struct timespec){0, 1'000'000'000}, NULL), EINVAL, "too many nanoseconds");
    fails(nanosleep(&(struct timespec){-1, 0}, NULL), EINVAL, "a negative time");
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 20'000'000;
    if (until.tv_nsec >= 1'000'000'000)
        until.tv_sec++, until.tv_nsec -= 1'000'000'000;
    is(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL), 0, "until a time");
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    ok(now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec), "which has come");
    is(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &(struct timespec){1000, 0}, NULL), 0, "a time long past");
    is(clock_nanosleep(99, 0, &brief, NULL), EINVAL, "an unknown clock");
}

static void intervals(void) {
    on_signal(SIGALRM, fire, 0);
    fired = 0;
    struct itimerval set = {{0, 5000}, {0, 5000}}, got;
    is(setitimer(ITIMER_REAL, &set, NULL), 0, "setitimer");
    ok(eventually(fired >= 3), "fires again and again");
    is(getitimer(ITIMER_REAL, &got), 0, "getitimer");
    is(got.it_interval.tv_usec, 5000, "its interval");
    set = (struct itimerval){};
    is(setitimer(ITIMER_REAL, &set, &got), 0, "stop");
    int count = fired;
    sleep_ms(20);
    is(fired, count, "no more");
    fails(setitimer(99, &set, NULL), EINVAL, "an unknown kind");
    fails(setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 1'000'000}}, NULL), EINVAL,
          "too many microseconds");
    on_signal(SIGVTALRM, fire, 0);
    fired = 0;
    set.it_value.tv_usec = 10'000;
    setitimer(ITIMER_VIRTUAL, &set, NULL);
    for (int64_t end = now_ns() + 30'000'000'000; !fired && now_ns() < end;)
        ;
    is(fired, 1, "ITIMER_VIRTUAL fires as the program runs");
    alarm(1000);
    unsigned rest = alarm(0);
    ok(rest > 900 && rest <= 1000, "alarm tells what was left");
    is(alarm(0), 0, "and is off");
}

static void posix_timers(void) {
    struct sigaction action = {.sa_sigaction = fire_info, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN + 3, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3, .sigev_value.sival_int = 99};
    timer_t timer;
    is(timer_create(CLOCK_MONOTONIC, &event, &timer), 0, "timer_create");
    fired = 0;
    struct itimerspec set = {{0, 0}, {0, 10'000'000}}, got;
    is(timer_settime(timer, 0, &set, NULL), 0, "timer_settime");
    ok(eventually(fired == 1), "fires");
    ok(value_seen == 99 && overrun_seen == SI_TIMER, "with its value");
    is(timer_gettime(timer, &got), 0, "timer_gettime");
    ok(got.it_value.tv_sec == 0 && got.it_value.tv_nsec == 0, "is over");
    sigset_t block = signal_set(SIGRTMIN + 3, 0);
    sigprocmask(SIG_BLOCK, &block, NULL);
    set = (struct itimerspec){{0, 2'000'000}, {0, 2'000'000}};
    timer_settime(timer, 0, &set, NULL);
    sleep_ms(40);
    siginfo_t info;
    is(sigtimedwait(&block, &info, &(struct timespec){10, 0}), SIGRTMIN + 3, "its signal waits while it is blocked");
    int overrun = timer_getoverrun(timer);
    ok(overrun >= 15, "expiries until it is taken are counted (%d)", overrun);
    is(info.si_overrun, overrun, "and told with it");
    is(sigtimedwait(&block, &info, &(struct timespec){10, 0}), SIGRTMIN + 3, "the timer goes on");
    overrun = info.si_overrun;
    sleep_ms(20);
    is(timer_getoverrun(timer), overrun, "the overruns are those of the signal taken last");
    ok(timer_gettime(timer, &got) == 0 && got.it_value.tv_nsec > 0 && got.it_value.tv_nsec <= 2'000'000,
       "the time to the next expiry is told while a signal waits");
    set = (struct itimerspec){{0, 1}, {0, 1}};
    timer_settime(timer, 0, &set, NULL);
    sleep_ms(20);
    sigtimedwait(&block, &info, &(struct timespec){10, 0});
    is(sigtimedwait(&block, &info, &(struct timespec){10, 0}), SIGRTMIN + 3, "a nanosecond's timer leaves us time");
    is(timer_delete(timer), 0, "timer_delete");
    fails(syscall(SYS_timer_delete, 12345), EINVAL, "a timer that does not exist");
    fails(timer_create(99, &event, &timer), EINVAL, "an unknown clock");
    sigtimedwait(&block, &info, &(struct timespec){0, 1000});
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    event.sigev_notify = SIGEV_NONE;
    timer_create(CLOCK_REALTIME, &event, &timer);
    set = (struct itimerspec){.it_value = {1000, 0}};
    timer_settime(timer, 0, &set, NULL);
    timer_gettime(timer, &got);
    ok(got.it_value.tv_sec > 900 && got.it_value.tv_sec <= 1000, "a silent timer runs too");
    timer_delete(timer);
}

// A period that ends after all time: the timer expires once, at its start, and the time left stays the largest there
// is.
static void huge_times(void) {
    const struct timespec huge = {INT64_MAX, 999'999'999}, soon = {0, 1'000'000};
    const time_t centuries = 8'000'000'000; // seconds; the largest time is some 9.2 * 10^9 of them
    const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME};
    for (size_t i = 0; i < COUNT(clocks); i++) {
        int fd = timerfd_create(clocks[i], TFD_CLOEXEC);
        struct itimerspec set = {.it_interval = huge, .it_value = soon}, got;
        uint64_t count = 0;
        ok(timerfd_settime(fd, 0, &set, NULL) == 0 && read(fd, &count, 8) == 8 && count == 1,
           "a timerfd with a huge interval expires once (clock %d)", clocks[i]);
        timerfd_gettime(fd, &got);
        ok(got.it_value.tv_sec > centuries / 2, "and has a long time left (%lld s)", (long long)got.it_value.tv_sec);
        set = (struct itimerspec){.it_value = huge};
        ok(timerfd_settime(fd, 0, &set, NULL) == 0 && timerfd_gettime(fd, &got) == 0 &&
               got.it_value.tv_sec > centuries / 2,
           "a huge first time (%lld s)", (long long)got.it_value.tv_sec);
        ok(timerfd_settime(fd, TFD_TIMER_ABSTIME, &set, NULL) == 0 && timerfd_gettime(fd, &got) == 0 &&
               got.it_value.tv_sec > centuries / 2,
           "an absolute one (%lld s)", (long long)got.it_value.tv_sec);
        close(fd);
        timer_t timer;
        timer_create(clocks[i], &(struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM}, &timer);
        fired = 0;
        set = (struct itimerspec){.it_interval = huge, .it_value = soon};
        ok(timer_settime(timer, 0, &set, NULL) == 0 && eventually(fired == 1), "a timer likewise");
        timer_gettime(timer, &got);
        ok(got.it_value.tv_sec > centuries / 2, "and has a long time left (%lld s)", (long long)got.it_value.tv_sec);
        timer_delete(timer);
    }
    struct itimerval set = {.it_interval = {INT64_MAX, 999'999}, .it_value = {0, 1000}}, got;
    fired = 0;
    ok(setitimer(ITIMER_REAL, &set, NULL) == 0 && eventually(fired == 1), "an interval timer likewise");
    getitimer(ITIMER_REAL, &got);
    ok(got.it_value.tv_sec > centuries / 2, "and has a long time left (%lld s)", (long long)got.it_value.tv_sec);
    set = (struct itimerval){};
    setitimer(ITIMER_REAL, &set, NULL);
}

int main(void) {
    reading();
    sleeping();
    intervals();
    posix_timers();
    huge_times();
    return tap_done();
}
