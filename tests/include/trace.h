// SPDX-License-Identifier: MPL-2.0
// For tests that trace: requests, and what wait4 says of a tracee.
#pragma once

#include "sys.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

UNUSED static long trace(int request, pid_t pid, unsigned long address, unsigned long data) {
    return syscall(SYS_ptrace, (long)request, (long)pid, address, data);
}

// The next report about `pid`: a wait status, or -1.
UNUSED static int next_stop(pid_t pid) {
    int status = -1;
    while (waitpid(pid, &status, __WALL) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}
#define stopped(status, signal, event, ...)                               \
    ({                                                                    \
        int s_ = (status), want_ = ((signal) | (event) << 8) << 8 | 0x7f; \
        bool good_ = ok(s_ == want_, __VA_ARGS__);                        \
        if (!good_)                                                       \
            printf("# wait status %#x, want %#x\n", s_, want_);           \
        good_;                                                            \
    })

// A child that asks to be traced and stops.
#define start_tracee(...)                   \
    ({                                      \
        pid_t tracee_ = start_child({       \
            trace(PTRACE_TRACEME, 0, 0, 0); \
            kill(getpid(), SIGSTOP);        \
            __VA_ARGS__;                    \
        });                                 \
        next_stop(tracee_);                 \
        tracee_;                            \
    })

UNUSED static void end_tracee(pid_t pid) {
    kill(pid, SIGKILL);
    for (int status; (status = next_stop(pid)) != -1 && !WIFSIGNALED(status) && !WIFEXITED(status);)
        ;
}

UNUSED static unsigned long event_message(pid_t pid) {
    unsigned long message = -1;
    trace(PTRACE_GETEVENTMSG, pid, 0, (unsigned long)&message);
    return message;
}

UNUSED static bool get_regs(pid_t pid, struct user_regs_struct *regs) {
    struct iovec iov = {regs, sizeof *regs};
    return trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, (unsigned long)&iov) == 0 && iov.iov_len == sizeof *regs;
}
UNUSED static bool set_regs(pid_t pid, struct user_regs_struct *regs) {
    struct iovec iov = {regs, sizeof *regs};
    return trace(PTRACE_SETREGSET, pid, NT_PRSTATUS, (unsigned long)&iov) == 0;
}
#ifdef __x86_64__
#define REG_PC(regs) ((regs).rip)
#define REG_SP(regs) ((regs).rsp)
#define REG_RESULT(regs) ((regs).rax)
#define REG_ARG0(regs) ((regs).rdi)
#define BREAKPOINT 0xccul
#define BREAKPOINT_MASK 0xfful
#define BREAKPOINT_SKIPS 1 // the program counter is behind it
#else
#define REG_PC(regs) ((regs).pc)
#define REG_SP(regs) ((regs).sp)
#define REG_RESULT(regs) ((regs).regs[0])
#define REG_ARG0(regs) ((regs).regs[0])
#define BREAKPOINT 0xd4200000ul
#define BREAKPOINT_MASK 0xfffffffful
#define BREAKPOINT_SKIPS 0
#endif
