// SPDX-License-Identifier: MPL-2.0
// clone and clone3: what is shared by which flag, thread ids, and refused combinations.
#include "sys.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/mman.h>

static char stack[65536] __attribute__((aligned(16)));
static volatile int shared_value;
static pid_t parent_tid, child_tid;

static int set_value(void *unused) {
    (void)unused;
    shared_value = 99;
    return 5;
}
static int open_a_file(void *unused) {
    (void)unused;
    int fd = open("/dev/null", O_RDONLY);
    return dup2(fd, 50) == 50 ? 0 : 1;
}
static int change_directory(void *unused) {
    (void)unused;
    umask(077);
    return chdir("/proc");
}
static int change_handler(void *unused) {
    (void)unused;
    signal(SIGUSR1, SIG_IGN);
    return 0;
}

static int run(int (*body)(void *), int flags) {
    pid_t pid = clone(body, stack + sizeof stack, flags | SIGCHLD, NULL, &parent_tid, NULL, &child_tid);
    return pid < 0 ? -1 : wait_status(pid);
}

static void sharing(void) {
    shared_value = 1;
    exited(run(set_value, 0), 5, "clone without sharing");
    is(shared_value, 1, "memory is copied");
    exited(run(set_value, CLONE_VM | CLONE_VFORK), 5, "clone with CLONE_VM");
    is(shared_value, 99, "memory is shared");
    exited(run(open_a_file, 0), 0, "open a file in a plain clone");
    is(fcntl(50, F_GETFD), -1, "it stays there");
    exited(run(open_a_file, CLONE_FILES), 0, "open a file with CLONE_FILES");
    is(fcntl(50, F_GETFD), 0, "it is open here");
    close(50);
    char before[200], after[200];
    getcwd(before, sizeof before);
    exited(run(change_directory, 0), 0, "change directory in a plain clone");
    ok(same_text(getcwd(after, sizeof after), before), "ours stays");
    exited(run(change_directory, CLONE_FS), 0, "change directory with CLONE_FS");
    ok(same_text(getcwd(after, sizeof after), "/proc"), "ours changed");
    is(umask(022), 077, "and so did the umask");
    chdir(before);
    exited(run(change_handler, CLONE_VM | CLONE_SIGHAND | CLONE_VFORK), 0, "change a handler with CLONE_SIGHAND");
    struct sigaction action;
    sigaction(SIGUSR1, NULL, &action);
    ok(action.sa_handler == SIG_IGN, "ours changed");
    signal(SIGUSR1, SIG_DFL);
}

static volatile int handled;
static void handle(int signal) {
    handled = signal;
}

static void thread_ids(void) {
    parent_tid = child_tid = 0;
    pid_t pid =
        clone(set_value, stack + sizeof stack, CLONE_PARENT_SETTID | SIGCHLD, NULL, &parent_tid, NULL, &child_tid);
    is(parent_tid, pid, "CLONE_PARENT_SETTID stores the id for the parent");
    wait_status(pid);
    pid = clone(set_value, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_CHILD_SETTID | SIGCHLD, NULL,
                &parent_tid, NULL, &child_tid);
    is(child_tid, pid, "CLONE_CHILD_SETTID stores it for the child");
    wait_status(pid);
    child_tid = 77;
    pid = clone(set_value, stack + sizeof stack, CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, &parent_tid, NULL,
                &child_tid);
    while (*(volatile pid_t *)&child_tid == 77)
        syscall(SYS_futex, &child_tid, FUTEX_WAIT, 77, NULL);
    is(child_tid, 0, "CLONE_CHILD_CLEARTID clears it at the end and wakes");
    wait_status(pid);
    pid = clone(set_value, stack + sizeof stack, 0, NULL);
    int status;
    fails(waitpid(pid, &status, 0), ECHILD, "a child without exit signal is not an ordinary one");
    is(waitpid(pid, &status, __WALL), pid, "but __WALL finds it");
    on_signal(SIGUSR2, handle, SA_RESTART);
    pid = clone(set_value, stack + sizeof stack, SIGUSR2, NULL);
    is(waitpid(pid, &status, __WCLONE), pid, "so does __WCLONE");
}

static void exit_signal(void) {
    handled = 0;
    pid_t pid = clone(set_value, stack + sizeof stack, SIGUSR2, NULL);
    int status;
    while (waitpid(pid, &status, __WALL) < 0)
        ;
    is(handled, SIGUSR2, "the parent gets the exit signal it asked for");
}

static void clone3_calls(void) {
    struct clone_args args = {.exit_signal = SIGCHLD};
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(21);
    exited(wait_status(pid), 21, "clone3 as a plain fork");
    int pidfd = -1;
    args = (struct clone_args){.flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
                               .exit_signal = SIGCHLD,
                               .pidfd = (uintptr_t)&pidfd,
                               .parent_tid = (uintptr_t)&parent_tid};
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(22);
    ok(pidfd >= 0 && fcntl(pidfd, F_GETFD) == FD_CLOEXEC, "CLONE_PIDFD gives a descriptor that closes on exec");
    is(parent_tid, pid, "and the id");
    siginfo_t info;
    is(waitid(P_PIDFD, pidfd, &info, WEXITED), 0, "waitid by pidfd");
    is(info.si_status, 22, "its status");
    close(pidfd);
    args = (struct clone_args){.exit_signal = SIGCHLD};
    fails(syscall(SYS_clone3, &args, 8), EINVAL, "a structure that is too small");
    struct {
        struct clone_args args;
        uint64_t more;
    } larger = {.args = args, .more = 1};
    fails(syscall(SYS_clone3, &larger, sizeof larger), E2BIG, "a larger one with something unknown in it");
    args.exit_signal = 200;
    fails(syscall(SYS_clone3, &args, sizeof args), EINVAL, "an exit signal that does not exist");
    args = (struct clone_args){.exit_signal = SIGCHLD, .flags = 1ull << 60};
    fails(syscall(SYS_clone3, &args, sizeof args), EINVAL, "an unknown flag");
    args = (struct clone_args){.exit_signal = SIGCHLD, .stack_size = 4096};
    fails(syscall(SYS_clone3, &args, sizeof args), EINVAL, "a stack size without a stack");
    args = (struct clone_args){.exit_signal = SIGCHLD, .flags = CLONE_CLEAR_SIGHAND};
    on_signal(SIGUSR1, handle, 0);
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        struct sigaction action;
        sigaction(SIGUSR1, NULL, &action);
        _exit(action.sa_handler == SIG_DFL ? 0 : 1);
    }
    exited(wait_status(pid), 0, "CLONE_CLEAR_SIGHAND clears handlers");
}

static void refused(void) {
    fails(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL, "CLONE_SIGHAND without CLONE_VM");
    fails(syscall(SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0), EINVAL, "CLONE_THREAD without CLONE_SIGHAND");
}

static int vfork_order;
static int vfork_child(void *unused) {
    (void)unused;
    sleep_ms(30);
    vfork_order = 1;
    return 0;
}
// Not through vfork(): musl has a fork for it where Linux has no such call.
static void vfork_waits(void) {
    static char stack[16384] __attribute__((aligned(16)));
    vfork_order = 0;
    pid_t pid = clone(vfork_child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    is(vfork_order, 1, "vfork's parent goes on only when the child has ended");
    wait_status(pid);
}

int main(void) {
    sharing();
    thread_ids();
    exit_signal();
    clone3_calls();
    refused();
    vfork_waits();
    return tap_done();
}
