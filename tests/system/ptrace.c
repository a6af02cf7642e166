// SPDX-License-Identifier: MPL-2.0
// ptrace: who may trace whom, the stops for signals, group stops, and how it ends.
#include "trace.h"

#include <sys/mman.h>
#include <sys/prctl.h>

static void for_ever(void) {
    for (;;)
        pause();
}

static void errors(void) {
    fails(trace(PTRACE_ATTACH, getpid(), 0, 0), EPERM, "no one traces himself");
    fails(trace(PTRACE_ATTACH, 999'999, 0, 0), ESRCH, "nor who is not there");
    fails(trace(PTRACE_CONT, getppid(), 0, 0), ESRCH, "a request to one who is not traced");
    fails(trace(PTRACE_SEIZE, getppid(), 1, 0), EIO, "PTRACE_SEIZE with an address");
    pid_t pid = start_child(for_ever());
    fails(trace(PTRACE_SEIZE, pid, 0, 1u << 30), EIO, "PTRACE_SEIZE with an unknown option");
    is(trace(PTRACE_SEIZE, pid, 0, 0), 0, "PTRACE_SEIZE");
    fails(trace(PTRACE_SEIZE, pid, 0, 0), EPERM, "only once");
    fails(trace(PTRACE_CONT, pid, 0, 0), ESRCH, "a request to one who runs");
    fails(trace(PTRACE_DETACH, pid, 0, 0), ESRCH, "nor can he be let go");
    is(waitpid(pid, NULL, WNOHANG), 0, "a seized tracee runs");
    pid_t other = start_child(_exit(trace(PTRACE_ATTACH, pid, 0, 0) < 0 && errno == EPERM ? 0 : 1));
    exited(wait_status(other), 0, "a second tracer is refused");
    end_tracee(pid);
    pid = start_tracee();
    fails(trace(PTRACE_CONT, pid, 0, 65), EIO, "an impossible signal");
    fails(trace(12345, pid, 0, 0), EIO, "an unknown request");
    fails(trace(PTRACE_SETOPTIONS, pid, 0, 1u << 30), EINVAL, "an unknown option");
    fails(trace(PTRACE_INTERRUPT, pid, 0, 0), EIO, "PTRACE_INTERRUPT is for seized tracees");
    fails(trace(PTRACE_LISTEN, pid, 0, 0), EIO, "as is PTRACE_LISTEN");
    end_tracee(pid);
}

static void permission(void) {
    if (!is_root()) {
        skip("needs root", "becoming somebody else");
        return;
    }
    pid_t pid = start_child(for_ever());
    exited(in_child({
               (void)!setresgid(1, 1, 1);
               (void)!setresuid(1, 1, 1);
               _exit(trace(PTRACE_ATTACH, pid, 0, 0) < 0 && errno == EPERM ? 0 : 1);
           }),
           0, "root's process is not for everybody");
    end_tracee(pid);
    pid_t user = start_child({
        (void)!setresgid(1, 1, 1);
        (void)!setresuid(1, 1, 1);
        prctl(PR_SET_DUMPABLE, 0);
        kill(getppid(), SIGCONT);
        for_ever();
    });
    sleeps(user);
    exited(in_child({
               (void)!setresgid(1, 1, 1);
               (void)!setresuid(1, 1, 1);
               _exit(trace(PTRACE_ATTACH, user, 0, 0) < 0 && errno == EPERM ? 0 : 1);
           }),
           0, "nor is one's own that is not dumpable");
    is(trace(PTRACE_ATTACH, user, 0, 0), 0, "root may");
    stopped(next_stop(user), SIGSTOP, 0, "and sees it stop");
    end_tracee(user);
}

static volatile sig_atomic_t handled;
static void count(int signal) {
    handled = handled * 100 + signal;
}

static void signals(void) {
    pid_t pid = start_tracee({
        on_signal(SIGUSR1, count, 0);
        on_signal(SIGUSR2, count, 0);
        signal(SIGTERM, SIG_IGN);
        raise(SIGUSR1);
        raise(SIGUSR1);
        raise(SIGUSR1);
        raise(SIGTERM);
        _exit(handled == SIGUSR1 * 100 + SIGUSR2 ? 0 : 1);
    });
    siginfo_t info = {};
    is(process_state(pid), 't', "it is in a tracing stop");
    is(trace(PTRACE_CONT, pid, 0, 0), 0, "goes on");
    stopped(next_stop(pid), SIGUSR1, 0, "a signal is reported");
    is(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info), 0, "with its siginfo");
    ok(info.si_signo == SIGUSR1 && info.si_code == SI_TKILL && info.si_pid == pid, "from raise");
    is(waitpid(pid, NULL, WNOHANG), 0, "once only");
    trace(PTRACE_CONT, pid, 0, SIGUSR1);
    stopped(next_stop(pid), SIGUSR1, 0, "the second");
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(pid), SIGUSR1, 0, "the third: that one was swallowed");
    trace(PTRACE_CONT, pid, 0, SIGUSR2);
    stopped(next_stop(pid), SIGTERM, 0, "even an ignored one is reported");
    trace(PTRACE_CONT, pid, 0, SIGTERM);
    exited(next_stop(pid), 0, "it saw what the tracer let through");
    pid = start_tracee(for_ever());
    trace(PTRACE_CONT, pid, 0, SIGTERM);
    killed(next_stop(pid), SIGTERM, "a signal of the tracer's own kills");
    pid = start_tracee(for_ever());
    is(trace(PTRACE_KILL, pid, 0, 0), 0, "PTRACE_KILL");
    killed(next_stop(pid), SIGKILL, "kills a stopped tracee");
}

static void waiting(void) {
    siginfo_t info = {};
    pid_t pid = start_tracee(_exit(9));
    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXIT);
    trace(PTRACE_CONT, pid, 0, 0);
    is(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT), 0, "waitid sees a stop");
    ok(info.si_code == CLD_TRAPPED && info.si_status == (SIGTRAP | PTRACE_EVENT_EXIT << 8), "as CLD_TRAPPED");
    stopped(next_stop(pid), SIGTRAP, PTRACE_EVENT_EXIT, "its end is an event");
    is(event_message(pid), 9 << 8, "with the wait status to come");
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 9, "then it ends");
}

static void attaching(void) {
    pid_t pid = start_child(for_ever());
    sleeps(pid);
    is(trace(PTRACE_ATTACH, pid, 0, 0), 0, "PTRACE_ATTACH");
    stopped(next_stop(pid), SIGSTOP, 0, "stops it");
    char path[64], want[32];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    snprintf(want, sizeof want, "TracerPid:\t%d\n", getpid());
    ok(strstr(get_file(path), want) != NULL, "TracerPid names us");
    is(trace(PTRACE_DETACH, pid, 0, 0), 0, "PTRACE_DETACH");
    ok(strstr(get_file(path), "TracerPid:\t0\n") != NULL, "nobody");
    ok(sleeps(pid), "it goes on");
    kill(pid, SIGSTOP);
    int status;
    waitpid(pid, &status, WUNTRACED);
    is(trace(PTRACE_ATTACH, pid, 0, 0), 0, "attaching to a stopped one");
    stopped(next_stop(pid), SIGSTOP, 0, "reports a stop");
    is(trace(PTRACE_DETACH, pid, 0, 0), 0, "letting it go");
    ok(eventually(process_state(pid) == 'T'), "leaves it stopped");
    end_tracee(pid);
    pid = start_child(for_ever());
    trace(PTRACE_ATTACH, pid, 0, 0);
    next_stop(pid);
    trace(PTRACE_DETACH, pid, 0, SIGINT);
    killed(next_stop(pid), SIGINT, "a signal may go along");
}

static void group_stop(void) {
    siginfo_t info;
    pid_t pid = start_tracee({
        raise(SIGTSTP);
        _exit(3);
    });
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(pid), SIGTSTP, 0, "the stop signal is reported");
    is(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info), 0, "as a signal");
    trace(PTRACE_CONT, pid, 0, SIGSTOP);
    stopped(next_stop(pid), SIGSTOP, 0, "then the stop itself");
    fails(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info), EINVAL, "which has no siginfo");
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 3, "the tracer makes it run all the same");
}

static void seized(void) {
    pid_t pid = start_child(for_ever());
    sleeps(pid);
    trace(PTRACE_SEIZE, pid, 0, 0);
    is(trace(PTRACE_INTERRUPT, pid, 0, 0), 0, "PTRACE_INTERRUPT");
    stopped(next_stop(pid), SIGTRAP, PTRACE_EVENT_STOP, "stops without a signal");
    trace(PTRACE_CONT, pid, 0, 0);
    ok(sleeps(pid), "its call is restarted");
    kill(pid, SIGSTOP);
    stopped(next_stop(pid), SIGSTOP, 0, "SIGSTOP is delivered");
    trace(PTRACE_CONT, pid, 0, SIGSTOP);
    stopped(next_stop(pid), SIGSTOP, PTRACE_EVENT_STOP, "the group stop");
    is(trace(PTRACE_LISTEN, pid, 0, 0), 0, "PTRACE_LISTEN");
    fails(trace(PTRACE_CONT, pid, 0, 0), ESRCH, "it listens, and hears no request");
    is(waitpid(pid, NULL, WNOHANG | __WALL), 0, "and stays stopped");
    kill(pid, SIGCONT);
    stopped(next_stop(pid), SIGTRAP, PTRACE_EVENT_STOP, "the end of the group stop");
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(pid), SIGCONT, 0, "SIGCONT");
    trace(PTRACE_CONT, pid, 0, SIGCONT);
    ok(sleeps(pid), "it runs");
    trace(PTRACE_INTERRUPT, pid, 0, 0);
    next_stop(pid);
    kill(pid, SIGKILL);
    killed(next_stop(pid), SIGKILL, "SIGKILL ends any stop");
}

// The tracer ends first.
static void dead_tracer(void) {
    pid_t pid = start_child(for_ever());
    exited(in_child({
               trace(PTRACE_ATTACH, pid, 0, 0);
               next_stop(pid);
           }),
           0, "a tracer attaches and ends");
    ok(sleeps(pid), "its tracee goes on");
    exited(in_child(trace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL)), 0, "another with PTRACE_O_EXITKILL");
    killed(wait_status(pid), SIGKILL, "takes it along");
}

// The tracer ends while its tracee is between two calls, and was to see the next one.
static void dead_tracer_of_calls(void) {
    volatile int *go = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = start_child({
        (void)getppid();
        while (!*go)
            ;
        _exit(syscall(SYS_getpid) > 0 && getppid() > 0 ? 0 : errno);
    });
    exited(in_child({
               trace(PTRACE_SEIZE, pid, 0, 0);
               trace(PTRACE_INTERRUPT, pid, 0, 0);
               next_stop(pid);
               trace(PTRACE_SYSCALL, pid, 0, 0);
               sleep_ms(50); // so that it is in its loop again
           }),
           0, "a tracer waits for a call and ends");
    *go = 1;
    exited(wait_status(pid), 0, "its tracee's calls are made");
    munmap((void *)go, 4096);
}

// A tracer that is not the parent sees the end first.
static void natural_parent(void) {
    int gate[2], back[2];
    char c = 0;
    (void)!pipe(gate);
    (void)!pipe(back);
    pid_t pid = start_child(for_ever());
    pid_t tracer = start_child({
        trace(PTRACE_SEIZE, pid, 0, 0);
        (void)!write(back[1], "", 1);
        next_stop(pid);
        trace(PTRACE_CONT, pid, 0, SIGTERM);
        eventually(process_state(pid) == 'Z');
        (void)!write(back[1], "", 1);
        (void)!read(gate[0], &c, 1);
        int status = next_stop(pid);
        _exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM ? 0 : 1);
    });
    (void)!read(back[0], &c, 1);
    kill(pid, SIGTERM);
    (void)!read(back[0], &c, 1);
    is(waitpid(pid, NULL, WNOHANG), 0, "the parent does not see a zombie before its tracer has");
    (void)!write(gate[1], "", 1);
    exited(wait_status(tracer), 0, "the tracer sees the end");
    killed(wait_status(pid), SIGTERM, "then the parent does");
}

int main(void) {
    errors();
    permission();
    signals();
    waiting();
    attaching();
    group_stop();
    seized();
    dead_tracer();
    dead_tracer_of_calls();
    natural_parent();
    return tap_done();
}
