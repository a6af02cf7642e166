// SPDX-License-Identifier: MPL-2.0
// Queued signals and the calls that wait for signals: order, values, limits, sigtimedwait, sigsuspend.
#include "sys.h"

#include <sys/resource.h>

static volatile int order[64], values[64], seen;
static void record(int signal, siginfo_t *info, void *context) {
    (void)context;
    if (seen < 64) {
        order[seen] = signal;
        values[seen++] = info->si_value.sival_int;
    }
}
static void handle(int signal) {
    order[seen++] = signal;
}

static int queue(int signal, int value) {
    return sigqueue(getpid(), signal, (union sigval){.sival_int = value});
}

static void real_time(void) {
    sigset_t set;
    sigemptyset(&set);
    struct sigaction action = {.sa_sigaction = record, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    for (int i = 0; i < 3; i++) {
        sigaddset(&set, SIGRTMIN + i);
        sigaction(SIGRTMIN + i, &action, NULL);
    }
    sigaddset(&set, SIGUSR1);
    sigaction(SIGUSR1, &action, NULL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    queue(SIGRTMIN + 2, 1), queue(SIGRTMIN, 2), queue(SIGRTMIN + 1, 3), queue(SIGRTMIN, 4), queue(SIGUSR1, 5),
        queue(SIGRTMIN, 6), queue(SIGUSR1, 7);
    seen = 0;
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    static const int want_signal[] = {0, 0, 0, 1, 2}, want_value[] = {2, 4, 6, 3, 1};
    is(seen, 6, "real-time signals queue, the ordinary one does not");
    is(order[0], SIGUSR1, "ordinary signals come first");
    is(values[0], 5, "of two only the first is kept");
    bool good = true;
    for (int i = 0; i < 5; i++)
        good &= order[i + 1] == SIGRTMIN + want_signal[i] && values[i + 1] == want_value[i];
    ok(good, "the lower number first, and each in its order, with its value");
}

static void waiting(void) {
    sigset_t set = signal_set(SIGUSR2, SIGRTMIN + 5);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct timespec none = {}, brief = {0, 20'000'000};
    siginfo_t info;
    fails(sigtimedwait(&set, &info, &none), EAGAIN, "sigtimedwait finds nothing");
    int64_t start = now_ns();
    fails(sigtimedwait(&set, &info, &brief), EAGAIN, "nor after 20 ms");
    ok(now_ns() - start >= 20'000'000, "which it waited for");
    fails(sigtimedwait(&set, &info, &(struct timespec){0, 1'000'000'000}), EINVAL, "a second has fewer nanoseconds");
    queue(SIGRTMIN + 5, 50);
    kill(getpid(), SIGUSR2);
    is(sigwaitinfo(&set, &info), SIGUSR2, "the lowest pending signal is taken");
    is(info.si_code, SI_USER, "with its code");
    is(sigwaitinfo(&set, &info), SIGRTMIN + 5, "then the other");
    ok(info.si_code == SI_QUEUE && info.si_value.sival_int == 50, "with its value");
    pid_t parent = getpid();
    pid_t child = start_child({
        sleep_ms(20);
        kill(parent, SIGUSR2);
    });
    is(sigwaitinfo(&set, &info), SIGUSR2, "it waits for one to come");
    is(info.si_pid, child, "from the child");
    wait_status(child);
    on_signal(SIGALRM, handle, 0);
    child = start_child({
        sleeps(parent);
        kill(parent, SIGALRM);
    });
    // Not through libc, which would start again.
    fails(syscall(SYS_rt_sigtimedwait, &set, &info, NULL, 8), EINTR, "another signal's handler ends the wait");
    wait_status(child);
    int number;
    kill(getpid(), SIGUSR2);
    ok(sigwait(&set, &number) == 0 && number == SIGUSR2, "sigwait");
}

static void suspend(void) {
    sigset_t block = signal_set(SIGUSR1, SIGUSR2), during = signal_set(SIGUSR2, 0), now;
    on_signal(SIGUSR1, handle, SA_RESTART);
    on_signal(SIGUSR2, handle, SA_RESTART);
    sigprocmask(SIG_SETMASK, &block, NULL);
    seen = 0;
    raise(SIGUSR2), raise(SIGUSR1);
    fails(sigsuspend(&during), EINTR, "sigsuspend ends with a handler, SA_RESTART or not");
    ok(seen == 1 && order[0] == SIGUSR1, "of the signal that its mask allows");
    sigprocmask(SIG_SETMASK, NULL, &now);
    ok(sigismember(&now, SIGUSR1) && sigismember(&now, SIGUSR2), "and the old mask is back");
    pid_t parent = getpid();
    pid_t child = start_child({
        sleeps(parent);
        kill(parent, SIGUSR1);
    });
    fails(sigsuspend(&during), EINTR, "it sleeps until one comes");
    is(seen, 2, "whose handler has run");
    wait_status(child);
    sigemptyset(&now);
    sigprocmask(SIG_SETMASK, &now, NULL);
    is(seen, 3, "what stayed blocked comes at the end");
    child = start_child({
        sleeps(parent);
        kill(parent, SIGUSR1);
    });
    fails(pause(), EINTR, "pause");
    wait_status(child);
}

static void limit(void) {
    exited(in_child({
               struct rlimit few = {5, 5};
               setrlimit(RLIMIT_SIGPENDING, &few);
               sigset_t set = signal_set(SIGRTMIN, 0);
               sigprocmask(SIG_BLOCK, &set, NULL);
               int queued = 0;
               while (queued < 100 && queue(SIGRTMIN, queued) == 0)
                   queued++;
               int error = errno;
               siginfo_t info;
               int taken = 0;
               while (sigtimedwait(&set, &info, &(struct timespec){}) == SIGRTMIN)
                   taken++;
               _exit(!(queued <= 5 && error == EAGAIN && taken == queued));
           }),
           0, "RLIMIT_SIGPENDING: EAGAIN once the queue is full, and what was queued comes");
}

static void raw_info(void) {
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE, .si_value.sival_int = 9};
    sigset_t set = signal_set(SIGUSR1, 0);
    sigprocmask(SIG_BLOCK, &set, NULL);
    is(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info), 0, "rt_sigqueueinfo");
    siginfo_t got;
    sigwaitinfo(&set, &got);
    is(got.si_value.sival_int, 9, "the value arrives");
    is(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &info), 0, "rt_tgsigqueueinfo");
    is(sigwaitinfo(&set, &got), SIGUSR1, "arrives as well");
    info.si_code = SI_USER;
    exited(in_child(_exit(!(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &info) == -1 && errno == EPERM))), 0,
           "nobody may pretend that it was kill");
}

int main(void) {
    real_time();
    waiting();
    suspend();
    limit();
    raw_info();
    return tap_done();
}
