// SPDX-License-Identifier: MPL-2.0
// eventfd, timerfd, signalfd: counters, clocks and signals as descriptors.
#include "sys.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static bool readable(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}
static bool writable(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && p.revents & POLLOUT;
}

static void events(void) {
    int fd = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC);
    uint64_t value = 0;
    ok(readable(fd) && writable(fd), "a counter of 3 is readable and writable");
    is(read(fd, &value, 8), 8, "read");
    is(value, 3, "gives the count");
    fails(read(fd, &value, 8), EAGAIN, "and takes it");
    eventfd_write(fd, 5), eventfd_write(fd, 6);
    read(fd, &value, 8);
    is(value, 11, "writes add up");
    value = UINT64_MAX - 1;
    is(write(fd, &value, 8), 8, "the largest count");
    ok(!writable(fd), "is not writable");
    value = 1;
    fails(write(fd, &value, 8), EAGAIN, "takes no more");
    value = UINT64_MAX;
    fails(write(fd, &value, 8), EINVAL, "one value is not allowed");
    fails(write(fd, &value, 4), EINVAL, "less than 8 bytes");
    fails(read(fd, &value, 7), EINVAL, "nor to read");
    close(fd);
    fd = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
    int taken = 0;
    while (read(fd, &value, 8) == 8 && value == 1)
        taken++;
    is(taken, 3, "EFD_SEMAPHORE gives one at a time");
    close(fd);
    fails(eventfd(0, 0x4), EINVAL, "an unknown flag");
    fd = eventfd(0, 0);
    pid_t child = start_child({
        sleep_ms(10);
        eventfd_write(fd, 9);
    });
    ok(read(fd, &value, 8) == 8 && value == 9, "read waits");
    wait_status(child);
    close(fd);
}

static void timers(void) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    uint64_t count = 0;
    struct itimerspec spec = {.it_value = {0, 20'000'000}}, now;
    fails(read(fd, &count, 8), EAGAIN, "a disarmed timer");
    int64_t start = now_ns();
    is(timerfd_settime(fd, 0, &spec, NULL), 0, "arm it");
    is(timerfd_gettime(fd, &now), 0, "look");
    ok(now.it_value.tv_sec == 0 && now.it_value.tv_nsec <= 20'000'000 && now.it_interval.tv_nsec == 0, "what remains");
    struct pollfd p = {.fd = fd, .events = POLLIN};
    is(poll(&p, 1, 30000), 1, "it expires");
    ok(now_ns() - start >= 20'000'000, "not too early");
    ok(read(fd, &count, 8) == 8 && count == 1, "once");
    fails(read(fd, &count, 8), EAGAIN, "and no more");
    timerfd_gettime(fd, &now);
    ok(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0, "disarmed again");
    spec = (struct itimerspec){{0, 5'000'000}, {0, 5'000'000}};
    timerfd_settime(fd, 0, &spec, NULL);
    sleep_ms(40);
    poll(&p, 1, 30000); // it may be a CPU's that just stands still
    ok(read(fd, &count, 8) == 8 && count >= 7, "an interval counts (%llu)", (unsigned long long)count);
    spec = (struct itimerspec){{0, 1}, {0, 1}};
    timerfd_settime(fd, 0, &spec, NULL);
    sleep_ms(20);
    ok(read(fd, &count, 8) == 8 && count >= 20'000'000, "a nanosecond's interval leaves us time (%llu)",
       (unsigned long long)count);
    spec = (struct itimerspec){{0, 5'000'000}, {0, 5'000'000}};
    timerfd_settime(fd, 0, &spec, NULL);
    struct itimerspec old;
    spec = (struct itimerspec){};
    is(timerfd_settime(fd, 0, &spec, &old), 0, "disarm");
    is(old.it_interval.tv_nsec, 5'000'000, "the old setting is given");
    fails(timerfd_settime(fd, 0, &(struct itimerspec){.it_value = {0, 1'000'000'000}}, NULL), EINVAL,
          "too many nanoseconds");
    fails(timerfd_settime(fd, 0x100, &spec, NULL), EINVAL, "an unknown flag");
    fails(timerfd_settime(0x3ff, 0, &spec, NULL), EBADF, "nothing");
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    spec.it_value = (struct timespec){0, 1};
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
    p.revents = 0;
    is(poll(&p, 1, 30000), 1, "an absolute time in the past expires at once");
    close(fd);
    fails(timerfd_create(99, 0), EINVAL, "an unknown clock");
    fails(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL, "an unknown flag");
    fd = timerfd_create(CLOCK_REALTIME, 0);
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 15'000'000;
    if (t.tv_nsec >= 1'000'000'000)
        t.tv_sec++, t.tv_nsec -= 1'000'000'000;
    spec.it_value = t;
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL);
    ok(read(fd, &count, 8) == 8 && count == 1, "a wall-clock time, waited for in read");
    close(fd);
    int null = open("/dev/null", O_RDONLY);
    fails(timerfd_gettime(null, &now), EINVAL, "no timer");
    close(null);
}

static void signals(void) {
    sigset_t set = signal_set(SIGUSR1, SIGRTMIN + 2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    struct signalfd_siginfo info[4];
    fails(read(fd, info, sizeof info), EAGAIN, "no signal");
    kill(getpid(), SIGUSR1);
    ok(readable(fd), "a pending signal makes it readable");
    sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 33});
    sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 34});
    is(read(fd, info, sizeof info), 3 * sizeof *info, "three signals");
    ok(info[0].ssi_signo == SIGUSR1 && info[0].ssi_pid == (uint32_t)getpid() && info[0].ssi_code == SI_USER,
       "the first");
    ok(info[1].ssi_signo == (uint32_t)SIGRTMIN + 2 && info[1].ssi_int == 33 && info[2].ssi_int == 34,
       "the queued ones with their values");
    ok(!readable(fd), "all taken");
    fails(read(fd, info, 10), EINVAL, "too little room");
    sigset_t other = signal_set(SIGUSR2, 0);
    sigprocmask(SIG_BLOCK, &other, NULL);
    is(signalfd(fd, &other, 0), fd, "change its set");
    raise(SIGUSR2);
    ok(read(fd, info, sizeof info) == sizeof *info && info[0].ssi_signo == SIGUSR2, "the new one");
    pid_t child = start_child({
        sleep_ms(10);
        kill(getppid(), SIGUSR2);
    });
    struct pollfd p = {.fd = fd, .events = POLLIN};
    is(poll(&p, 1, 30000), 1, "poll waits for one");
    read(fd, info, sizeof info);
    is(info[0].ssi_pid, child, "from the child");
    wait_status(child);
    close(fd);
    fails(signalfd(-1, &set, 0x1), EINVAL, "an unknown flag");
    fails(signalfd(0, &set, 0), EINVAL, "not a signalfd");
    sigprocmask(SIG_UNBLOCK, &other, NULL);
}

int main(void) {
    events();
    timers();
    signals();
    return tap_done();
}
