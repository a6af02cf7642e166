// SPDX-License-Identifier: MPL-2.0
// ptrace: system calls, and the events of clone, exec and exit, with threads.
#include "trace.h"

#include <pthread.h>
#include <sys/prctl.h>

struct call_info {
    uint8_t op, pad[3];
    uint32_t arch;
    uint64_t pc, sp;
    union {
        struct {
            uint64_t number, args[6];
        } entry;
        struct {
            int64_t value;
            uint8_t is_error;
        } exit;
        uint64_t room[16];
    };
};

static long call_info(pid_t pid, struct call_info *info) {
    memset(info, 0xee, sizeof *info);
    return trace(0x420e, pid, sizeof *info, (unsigned long)info);
}

static void calls(void) {
    struct call_info info;
    pid_t pid = start_tracee({
        syscall(SYS_getppid, 11, 22, 33, 44, 55, 66);
        syscall(SYS_close, -1);
        _exit(syscall(SYS_getppid) == 4711 ? 0 : 1);
    });
    is(call_info(pid, &info), 24, "outside of a call there is little to tell");
    is(info.op, 0, "no call");
    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
    trace(PTRACE_SYSCALL, pid, 0, 0);
    stopped(next_stop(pid), SIGTRAP | 0x80, 0, "a call's entry");
    is(call_info(pid, &info), 80, "its description");
    is(info.op, 1, "an entry");
    is(info.entry.number, SYS_getppid, "the number");
    ok(info.entry.args[0] == 11 && info.entry.args[3] == 44 && info.entry.args[5] == 66, "the arguments");
    is(event_message(pid), 1, "the message says so, too");
    trace(PTRACE_SYSCALL, pid, 0, 0);
    stopped(next_stop(pid), SIGTRAP | 0x80, 0, "its exit");
    is(call_info(pid, &info), 33, "its description");
    ok(info.op == 2 && info.exit.value == getpid() && info.exit.is_error == 0, "the result");
    trace(PTRACE_SYSCALL, pid, 0, 0);
    next_stop(pid);
    trace(PTRACE_SYSCALL, pid, 0, 0);
    next_stop(pid);
    call_info(pid, &info);
    ok(info.op == 2 && info.exit.value == -EBADF && info.exit.is_error == 1, "an error");
    trace(PTRACE_SYSCALL, pid, 0, 0);
    next_stop(pid);
    trace(PTRACE_SYSCALL, pid, 0, 0);
    next_stop(pid);
    struct user_regs_struct regs;
    ok(get_regs(pid, &regs) && REG_RESULT(regs) == (unsigned long)getpid(), "the result is in its register");
    REG_RESULT(regs) = 4711;
    ok(set_regs(pid, &regs), "which a tracer may change");
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 0, "as the program sees");
}

// A tracer puts another call in a call's place, or none.
static void set_number(pid_t pid, long number) {
#ifdef __x86_64__
    struct user_regs_struct regs;
    get_regs(pid, &regs);
    regs.orig_rax = number;
    set_regs(pid, &regs);
#else
    int word = number;
    struct iovec iov = {&word, sizeof word};
    trace(PTRACE_SETREGSET, pid, 0x404, (unsigned long)&iov); // NT_ARM_SYSTEM_CALL
#endif
}

static void changed_calls(void) {
    struct user_regs_struct regs;
    pid_t pid = start_tracee({
        long parent = syscall(SYS_getpid), nothing = syscall(SYS_getpid);
        _exit(parent == getppid() && nothing == -1 && errno == 77 ? 0 : 1);
    });
    trace(PTRACE_SYSCALL, pid, 0, 0);
    next_stop(pid);
    set_number(pid, SYS_getppid);
    trace(PTRACE_SYSCALL, pid, 0, 0);
    next_stop(pid);
    trace(PTRACE_SYSCALL, pid, 0, 0);
    next_stop(pid);
    set_number(pid, -1);
    get_regs(pid, &regs);
    REG_RESULT(regs) = -77;
    set_regs(pid, &regs);
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 0, "a call replaced by another, and by none");
}

static void forks(int event, const char *what, pid_t (*make)(void)) {
    pid_t pid = start_tracee({
        pid_t child = make();
        if (child == 0)
            _exit(5);
        int status;
        waitpid(child, &status, __WALL);
        _exit(WEXITSTATUS(status));
    });
    unsigned long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORKDONE;
    trace(PTRACE_SETOPTIONS, pid, 0, options);
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(pid), SIGTRAP, event, "%s is an event", what);
    pid_t child = (pid_t)event_message(pid);
    ok(child > pid, "with the child's id");
    stopped(next_stop(child), SIGSTOP, 0, "the child is traced and stops");
    is(trace(PTRACE_CONT, child, 0, 0), 0, "it goes on");
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(child), 5, "its end is seen here");
    if (event == PTRACE_EVENT_VFORK) {
        stopped(next_stop(pid), SIGTRAP, PTRACE_EVENT_VFORK_DONE, "the parent goes on after vfork");
        trace(PTRACE_CONT, pid, 0, 0);
    }
    int status = next_stop(pid);
    if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGCHLD) {
        trace(PTRACE_CONT, pid, 0, SIGCHLD);
        status = next_stop(pid);
    }
    exited(status, 5, "and then by its parent");
}

static pid_t clone_child(void) {
    return (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);
}
static pid_t vfork_child(void) {
    return (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
}

static void execs(void) {
    char *again[] = {"/proc/self/exe", "exit", NULL};
    pid_t pid = start_tracee(execv(again[0], again));
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(pid), SIGTRAP, 0, "exec sends SIGTRAP");
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 42, "and the new program runs");
    pid = start_tracee(execv(again[0], again));
    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC);
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(pid), SIGTRAP, PTRACE_EVENT_EXEC, "or is an event");
    is(event_message(pid), pid, "of the same thread");
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 42, "and the new program runs");
}

static void *exec_thread(void *unused) {
    char *again[] = {"/proc/self/exe", "exit", NULL};
    (void)unused;
    execv(again[0], again);
    return NULL;
}
static void *plain_thread(void *unused) {
    (void)unused;
    sleep_ms(1);
    return NULL;
}

static void threads(void) {
    pid_t pid = start_tracee({
        pthread_t thread;
        pthread_create(&thread, NULL, plain_thread, NULL);
        pthread_join(thread, NULL);
        _exit(7);
    });
    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT);
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(pid), SIGTRAP, PTRACE_EVENT_CLONE, "a new thread is an event");
    pid_t tid = (pid_t)event_message(pid);
    stopped(next_stop(tid), SIGSTOP, 0, "it stops by itself");
    trace(PTRACE_CONT, tid, 0, 0);
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(tid), SIGTRAP, PTRACE_EVENT_EXIT, "it stops at its end");
    trace(PTRACE_CONT, tid, 0, 0);
    int end = next_stop(tid); // its own, or that of the process if that was faster
    ok(end == 0 || end == 7 << 8, "which is waited for");
    stopped(next_stop(pid), SIGTRAP, PTRACE_EVENT_EXIT, "and the other at its own");
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 7, "the process");
}

static void threads_exec(void) {
    pid_t pid = start_tracee({
        pthread_t thread;
        pthread_create(&thread, NULL, exec_thread, NULL);
        for (;;)
            pause();
    });
    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);
    trace(PTRACE_CONT, pid, 0, 0);
    next_stop(pid);
    pid_t tid = (pid_t)event_message(pid);
    next_stop(tid);
    trace(PTRACE_CONT, pid, 0, 0); // first: after the exec it would be the other one
    trace(PTRACE_CONT, tid, 0, 0);
    stopped(next_stop(pid), SIGTRAP, PTRACE_EVENT_EXEC, "a thread's exec comes from the main thread's id");
    is(event_message(pid), tid, "and tells its own");
    fails(trace(PTRACE_CONT, tid, 0, 0), ESRCH, "which is gone");
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 42, "the new program ran");
    fails(waitpid(-1, NULL, __WALL), ECHILD, "nothing else is left");
}

// PTRACE_SYSEMU: calls stop at their entry and are not made.
static void emulated(int request, const char *name) {
    int pair[2];
    pipe(pair);
    pid_t pid = start_tracee({
        syscall(SYS_write, pair[1], "x", 1);
        syscall(SYS_exit_group, 7);
    });
    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
    trace(request, pid, 0, 0);
    int status;
    while ((status = next_stop(pid)) == (SIGTRAP << 8 | 0x7f)) // single steps
        trace(request, pid, 0, 0);
    stopped(status, SIGTRAP | 0x80, 0, "%s: a call stops at its entry", name);
    trace(request, pid, 0, 0);
    while ((status = next_stop(pid)) == (SIGTRAP << 8 | 0x7f))
        trace(request, pid, 0, 0);
    stopped(status, SIGTRAP | 0x80, 0, "not at its exit; the next one does");
    is(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0, "(the pipe does not wait)");
    fails(read(pair[0], &(char){}, 1), EAGAIN, "and was not made");
    end_tracee(pid);
    close(pair[0]), close(pair[1]);
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "exit"))
        return 42;
    calls();
    changed_calls();
    forks(PTRACE_EVENT_FORK, "fork", fork);
    forks(PTRACE_EVENT_CLONE, "clone", clone_child);
    forks(PTRACE_EVENT_VFORK, "vfork", vfork_child);
    execs();
    threads();
    threads_exec();
    emulated(31, "PTRACE_SYSEMU");
    emulated(32, "PTRACE_SYSEMU_SINGLESTEP");
    return tap_done();
}
