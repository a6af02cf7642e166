// SPDX-License-Identifier: MPL-2.0
// wait4 and waitid: whom they find, what they report, and how they fail.
#include "sys.h"

#include <sys/resource.h>

static void selection(void) {
    int status;
    fails(waitpid(-1, &status, 0), ECHILD, "no children at all");
    fails(waitpid(-1, &status, WNOHANG), ECHILD, "no children, without waiting");
    fails(waitpid(getpid(), &status, 0), ECHILD, "oneself is no child");
    fails(waitpid(1, &status, 0), ECHILD, "process 1 is not ours");
    fails(waitpid(-1, &status, 0x10), EINVAL, "an unknown option");
    pid_t a = start_child(_exit(1)), b = start_child(_exit(2));
    is(waitpid(b, &status, 0), b, "wait for the second child by id");
    exited(status, 2, "its status");
    is(waitpid(-1, &status, 0), a, "then any child is the first");
    exited(status, 1, "its status");
    pid_t grouped = start_child({
        setpgid(0, 0);
        _exit(3);
    });
    setpgid(grouped, grouped);
    fails(waitpid(0, &status, 0), ECHILD, "no child is in our own group");
    is(waitpid(-grouped, &status, 0), grouped, "wait by process group");
    exited(status, 3, "its status");
}

static void no_hang(void) {
    int gate[2], status = 0x1234;
    pipe(gate);
    pid_t child = start_child({
        char c;
        close(gate[1]);
        read(gate[0], &c, 1);
    });
    is(waitpid(child, &status, WNOHANG), 0, "WNOHANG finds nobody ready");
    close(gate[1]);
    ok(eventually(process_state(child) == 'Z'), "the child becomes a zombie");
    is(kill(child, 0), 0, "a zombie can still be signalled");
    siginfo_t info = {};
    is(waitid(P_PID, child, &info, WEXITED | WNOWAIT), 0, "WNOWAIT looks");
    is(info.si_pid, child, "it names the child");
    is(waitpid(child, &status, WNOHANG), child, "and leaves it to be waited for");
    fails(kill(child, 0), ESRCH, "after that it is gone");
    close(gate[0]);
}

static void stop_and_continue(void) {
    int status;
    pid_t child = start_child(for (;;) pause());
    is(waitpid(child, &status, WNOHANG | WUNTRACED), 0, "running: nothing to report");
    kill(child, SIGSTOP);
    is(waitpid(child, &status, WUNTRACED), child, "a stopped child is reported with WUNTRACED");
    ok(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP, "with its signal");
    is(waitpid(child, &status, WUNTRACED | WNOHANG), 0, "once only");
    kill(child, SIGCONT);
    is(waitpid(child, &status, WCONTINUED), child, "a continued child is reported with WCONTINUED");
    ok(WIFCONTINUED(status), "as continued");
    kill(child, SIGTSTP);
    siginfo_t info = {};
    is(waitid(P_PID, child, &info, WSTOPPED), 0, "waitid sees a stop");
    ok(info.si_code == CLD_STOPPED && info.si_status == SIGTSTP && info.si_signo == SIGCHLD, "as CLD_STOPPED");
    kill(child, SIGCONT);
    is(waitid(P_PID, child, &info, WCONTINUED), 0, "and a continue");
    ok(info.si_code == CLD_CONTINUED && info.si_status == SIGCONT, "as CLD_CONTINUED");
    kill(child, SIGKILL);
    is(waitid(P_PID, child, &info, WEXITED), 0, "and its end");
    ok(info.si_code == CLD_KILLED && info.si_status == SIGKILL && info.si_pid == child, "as CLD_KILLED");
    ok(info.si_uid == getuid(), "with the user of the child");
}

static void waitid_rules(void) {
    siginfo_t info;
    fails(waitid(P_ALL, 0, &info, WEXITED), ECHILD, "waitid without children");
    fails(waitid(P_ALL, 0, &info, 0), EINVAL, "waitid must be told what to wait for");
    fails(waitid(P_ALL, 0, &info, WEXITED | 0x40), EINVAL, "waitid with an unknown option");
    fails(waitid(P_PID, 0, &info, WEXITED), EINVAL, "waitid for process 0");
    fails(waitid(99, 1, &info, WEXITED), EINVAL, "waitid with an unknown kind");
    int gate[2];
    pipe(gate);
    pid_t child = start_child({
        char c;
        close(gate[1]);
        read(gate[0], &c, 1);
        _exit(200);
    });
    info.si_pid = 77;
    is(waitid(P_PID, child, &info, WEXITED | WNOHANG), 0, "waitid without waiting");
    is(info.si_pid, 0, "clears si_pid when there is nobody");
    close(gate[1]);
    struct rusage usage = {};
    is(syscall(SYS_waitid, P_PID, child, &info, WEXITED, &usage), 0, "waitid with a usage");
    ok(info.si_code == CLD_EXITED && info.si_status == 200, "CLD_EXITED and the status");
    fails(waitid(P_PID, child, &info, WEXITED), ECHILD, "once only");
    close(gate[0]);
}

static void on_child(int signal) {
    (void)signal;
}
static void ignoring(void) {
    int status;
    signal(SIGCHLD, SIG_IGN);
    start_child(_exit(5));
    fails(waitpid(-1, &status, 0), ECHILD, "with SIGCHLD ignored, wait ends when all are gone");
    on_signal(SIGCHLD, on_child, SA_NOCLDWAIT);
    start_child(_exit(5));
    while (waitpid(-1, &status, 0) < 0 && errno == EINTR)
        ;
    is(errno, ECHILD, "SA_NOCLDWAIT leaves no zombies either");
    signal(SIGCHLD, SIG_DFL);
    exited(in_child(_exit(255)), 255, "all eight bits of a status arrive");
    exited(in_child(_exit(256)), 0, "but no more than these");
    killed(in_child(abort()), SIGABRT, "abort is SIGABRT");
    killed(in_child(raise(SIGKILL)), SIGKILL, "a killed child");
    killed(in_child(raise(SIGRTMIN + 1)), SIGRTMIN + 1, "the default of a real-time signal is to kill");
}

static void usage(void) {
    struct rusage before, after, child = {};
    getrusage(RUSAGE_CHILDREN, &before);
    pid_t pid = start_child({
        while (clock() < CLOCKS_PER_SEC / 16)
            ;
    });
    int status;
    is(wait4(pid, &status, 0, &child), pid, "wait4 with a usage");
    int64_t used =
        (child.ru_utime.tv_sec + child.ru_stime.tv_sec) * 1'000'000LL + child.ru_utime.tv_usec + child.ru_stime.tv_usec;
    ok(used >= 10'000, "the child's time was counted (%lld us)", (long long)used);
    getrusage(RUSAGE_CHILDREN, &after);
    ok(after.ru_utime.tv_sec * 1'000'000LL + after.ru_utime.tv_usec + after.ru_stime.tv_usec +
               after.ru_stime.tv_sec * 1'000'000LL >=
           before.ru_utime.tv_usec + before.ru_stime.tv_usec + 10'000,
       "and is now in ours for children");
}

int main(void) {
    selection();
    no_hang();
    stop_and_continue();
    waitid_rules();
    ignoring();
    usage();
    return tap_done();
}
