// SPDX-License-Identifier: MPL-2.0
// Signals one at a time: actions, masks, pending, defaults, permissions.
#include "sys.h"

static volatile int count, last, depth, deepest;
static volatile siginfo_t info_seen;
static sigset_t mask_seen;

static void handle(int signal) {
    count++;
    last = signal;
    sigprocmask(SIG_BLOCK, NULL, &mask_seen);
}
static void nest(int signal) {
    if (++depth > deepest)
        deepest = depth;
    if (count++ < 3)
        raise(signal);
    depth--;
}
static void inform(int signal, siginfo_t *info, void *context) {
    (void)context;
    last = signal;
    memcpy((void *)&info_seen, info, sizeof *info);
}

static void actions(void) {
    struct sigaction old;
    is(on_signal(SIGUSR1, handle, 0), 0, "install a handler");
    sigaction(SIGUSR1, NULL, &old);
    ok(old.sa_handler == handle, "it can be read back");
    count = 0;
    raise(SIGUSR1);
    ok(count == 1 && last == SIGUSR1, "it runs, before raise returns");
    ok(sigismember(&mask_seen, SIGUSR1) == 1, "with its own signal blocked");
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    ok(!sigismember(&mask, SIGUSR1), "and unblocked afterwards");
    struct sigaction more = {.sa_handler = handle};
    sigaddset(&more.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &more, NULL);
    raise(SIGUSR1);
    ok(sigismember(&mask_seen, SIGUSR2) == 1, "sa_mask is blocked too");
    on_signal(SIGUSR1, nest, SA_NODEFER);
    count = depth = deepest = 0;
    raise(SIGUSR1);
    ok(count == 4 && deepest == 4, "SA_NODEFER nests");
    on_signal(SIGUSR1, nest, 0);
    count = depth = deepest = 0;
    raise(SIGUSR1);
    ok(count == 4 && deepest == 1, "without it, the next one waits for the first to end");
    on_signal(SIGUSR1, handle, SA_RESETHAND);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    ok(old.sa_handler == SIG_DFL, "SA_RESETHAND goes back to the default");
    fails(on_signal(SIGKILL, handle, 0), EINVAL, "SIGKILL has no handler");
    fails(on_signal(SIGSTOP, SIG_IGN, 0), EINVAL, "SIGSTOP cannot be ignored");
    fails(on_signal(65, handle, 0), EINVAL, "signal 65 does not exist");
    fails(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8), EINVAL, "nor does signal 0");
    fails(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 4), EINVAL, "a mask of the wrong size");
}

static void info(void) {
    struct sigaction action = {.sa_sigaction = inform, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    kill(getpid(), SIGUSR1);
    ok(info_seen.si_signo == SIGUSR1 && info_seen.si_code == SI_USER && info_seen.si_pid == getpid() &&
           info_seen.si_uid == getuid(),
       "kill says SI_USER, from whom");
    syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
    ok(info_seen.si_code == SI_TKILL && info_seen.si_pid == getpid(), "tgkill says SI_TKILL");
    pid_t parent = getpid();
    pid_t child = start_child(sigqueue(parent, SIGUSR1, (union sigval){.sival_int = 4711}));
    wait_status(child);
    ok(info_seen.si_code == SI_QUEUE && info_seen.si_pid == child && info_seen.si_value.sival_int == 4711,
       "sigqueue says SI_QUEUE, from whom, and the value");
}

static void masks(void) {
    sigset_t set = signal_set(SIGUSR1, SIGUSR2), old, pending;
    on_signal(SIGUSR1, handle, 0);
    on_signal(SIGUSR2, handle, 0);
    is(sigprocmask(SIG_SETMASK, &set, NULL), 0, "block two signals");
    count = 0;
    raise(SIGUSR1), raise(SIGUSR1), raise(SIGUSR2);
    is(count, 0, "blocked signals are not delivered");
    sigpending(&pending);
    ok(sigismember(&pending, SIGUSR1) && sigismember(&pending, SIGUSR2) && !sigismember(&pending, SIGHUP),
       "they are pending");
    sigset_t one = signal_set(SIGUSR1, 0);
    sigprocmask(SIG_UNBLOCK, &one, &old);
    ok(count == 1 && last == SIGUSR1, "unblocking delivers, once for two");
    ok(sigismember(&old, SIGUSR1) && sigismember(&old, SIGUSR2), "the old mask is given");
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    is(count, 2, "the other one follows");
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigprocmask(SIG_SETMASK, NULL, &old);
    ok(!sigismember(&old, SIGKILL) && !sigismember(&old, SIGSTOP), "SIGKILL and SIGSTOP cannot be blocked");
    sigprocmask(SIG_SETMASK, &none, NULL);
    fails(syscall(SYS_rt_sigprocmask, 7, &none, NULL, 8), EINVAL, "an unknown way to change the mask");
    fails(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 16), EINVAL, "a mask of the wrong size");
    // Ignoring throws away what is pending.
    sigprocmask(SIG_BLOCK, &one, NULL);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    sigpending(&pending);
    ok(!sigismember(&pending, SIGUSR1), "ignoring a signal discards a pending one");
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    signal(SIGUSR1, SIG_DFL);
}

static void defaults(void) {
    const int deadly[] = {SIGHUP,    SIGINT,  SIGQUIT, SIGILL,  SIGTRAP, SIGABRT,  SIGBUS,    SIGFPE,  SIGKILL,
                          SIGUSR1,   SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM,  SIGSTKFLT, SIGXCPU, SIGXFSZ,
                          SIGVTALRM, SIGPROF, SIGIO,   SIGPWR,  SIGSYS,  SIGRTMIN, SIGRTMAX};
    static const int harmless[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH};
    for (size_t i = 0; i < COUNT(deadly); i++) {
        int status = in_child(signal(deadly[i], SIG_DFL), kill(getpid(), deadly[i]), pause());
        killed(status, deadly[i], "signal %d kills by default", deadly[i]);
    }
    for (size_t i = 0; i < COUNT(harmless); i++)
        exited(in_child(signal(harmless[i], SIG_DFL), raise(harmless[i])), 0, "signal %d is ignored by default",
               harmless[i]);
    exited(in_child(signal(SIGTERM, SIG_IGN), raise(SIGTERM)), 0, "an ignored signal does nothing");
    killed(in_child({
               sigset_t all;
               sigfillset(&all);
               sigprocmask(SIG_SETMASK, &all, NULL);
               kill(getpid(), SIGKILL);
               pause();
           }),
           SIGKILL, "SIGKILL comes through a full mask");
}

static void permissions(void) {
    fails(kill(getpid(), 65), EINVAL, "signal 65");
    fails(kill(getpid(), -1), EINVAL, "signal -1");
    fails(kill(0x3fffffff, 0), ESRCH, "nobody has this id");
    is(kill(getpid(), 0), 0, "signal 0 only asks");
    fails(syscall(SYS_tgkill, getpid(), 0x3fffffff, 0), ESRCH, "no such thread");
    fails(syscall(SYS_tgkill, getpid(), -1, 0), EINVAL, "no such thread number");
    fails(syscall(SYS_tgkill, 1, gettid(), 0), ESRCH, "our thread is not in process 1");
    fails(kill(-0x3fffffff, SIGUSR1), ESRCH, "no such group");
    if (is_root()) {
        exited(in_child({
                   setuid(1000);
                   _exit(!(kill(1, 0) == -1 && errno == EPERM && kill(getppid(), SIGTERM) == -1 && errno == EPERM));
               }),
               0, "another user's process cannot be signalled");
        exited(in_child({
                   setresuid(1000, 1000, 0);
                   pid_t child = start_child({
                       setuid(1000);
                       for (;;)
                           pause();
                   });
                   sleeps(child);
                   int result = kill(child, SIGKILL);
                   wait_status(child);
                   _exit(result);
               }),
               0, "one's own can");
    } else {
        skip("not root", "permissions to signal");
    }
}

static void groups(void) {
    int ready[2];
    pipe(ready);
    pid_t children[3], group = 0;
    for (int i = 0; i < 3; i++) {
        children[i] = start_child({
            setpgid(0, group);
            write(ready[1], "r", 1);
            for (;;)
                pause();
        });
        group = group ? group : children[0];
        setpgid(children[i], group); // whoever of us is first: the group must exist before the next child joins it
    }
    char c;
    for (int i = 0; i < 3; i++)
        read(ready[0], &c, 1);
    is(kill(-group, SIGTERM), 0, "signal a group");
    bool all = true;
    for (int i = 0; i < 3; i++)
        all &= wait_status(children[i]) == SIGTERM;
    ok(all, "all its members get it");
    fails(kill(-group, 0), ESRCH, "the group is gone with its members");
    exited(in_child({
               setpgid(0, 0);
               signal(SIGUSR1, SIG_IGN);
               pid_t child = start_child({
                   signal(SIGUSR1, SIG_DFL);
                   write(ready[1], "r", 1);
                   for (;;)
                       pause();
               });
               char r;
               read(ready[0], &r, 1);
               kill(0, SIGUSR1);
               _exit(wait_status(child) != SIGUSR1);
           }),
           0, "kill(0) reaches one's own group");
}

int main(void) {
    actions();
    info();
    masks();
    defaults();
    permissions();
    groups();
    return tap_done();
}
