// SPDX-License-Identifier: MPL-2.0
// prctl(PR_SET_SYSCALL_USER_DISPATCH): a program answers its own calls. (Linux has it on x86 only.)
#include "sys.h"

#include <sys/prctl.h>

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
enum { OFF, ON, ALLOW = 0, BLOCK = 1 };

static volatile char selector;
static volatile int caught, caught_code, caught_number;

static long dispatch(unsigned long mode, unsigned long start, unsigned long size, volatile char *byte) {
    return syscall(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, mode, start, size, byte);
}

static void on_sys(int signal, siginfo_t *info, void *context) {
    ucontext_t *machine = context;
    selector = ALLOW;
    caught++;
    caught_code = info->si_code;
    caught_number = info->si_syscall;
    machine->uc_mcontext.gregs[REG_RAX] = 4711;
    (void)signal;
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &action, NULL);
    fails(dispatch(2, 0, 0, NULL), EINVAL, "no such mode");
    fails(dispatch(OFF, 1, 0, NULL), EINVAL, "off has no range");
    fails(dispatch(ON, 16, 0, NULL), EINVAL, "a range is not empty");
    fails(dispatch(ON, 1, -1ul, NULL), EINVAL, "nor does it wrap");
    fails(dispatch(ON, 0, 0, (volatile char *)-4096ul), EFAULT, "a selector is the program's");
    is(dispatch(ON, 0, 0, &selector), 0, "on");
    is(getppid(), (long)getppid(), "calls are made while the selector allows them");
    selector = BLOCK;
    long result = syscall(SYS_getppid);
    is(result, 4711, "blocked, a call is the program's to answer");
    is(caught, 1, "by SIGSYS");
    ok(caught_code == 2 && caught_number == SYS_getppid, "which says what it was");
    exited(in_child(selector = BLOCK; _exit(syscall(SYS_getppid) == 4711)), 0, "a child does not have it");
    is(dispatch(ON, 1, 0x7fff'ffff'0000, &selector), 0, "with all of the code as its range");
    selector = BLOCK;
    result = syscall(SYS_getppid);
    selector = ALLOW;
    ok(result == getppid() && caught == 1, "nothing is blocked");
    is(dispatch(OFF, 0, 0, NULL), 0, "off");
    selector = BLOCK;
    ok(syscall(SYS_getppid) == getppid() && caught == 1, "calls are made");
    killed(in_child(dispatch(ON, 0, 0, &selector); selector = 7; syscall(SYS_getppid)), SIGSYS,
           "another selector's end is SIGSYS");
    return tap_done();
}
