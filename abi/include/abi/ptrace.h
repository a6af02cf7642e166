// SPDX-License-Identifier: MPL-2.0
// ptrace(2): requests, options, events, and what is copied. The register sets are the architecture's.
#pragma once

#include <lib/types.h>

enum {
    PTRACE_TRACEME = 0,
    PTRACE_PEEKTEXT = 1,
    PTRACE_PEEKDATA = 2,
    PTRACE_PEEKUSER = 3,
    PTRACE_POKETEXT = 4,
    PTRACE_POKEDATA = 5,
    PTRACE_POKEUSER = 6,
    PTRACE_CONT = 7,
    PTRACE_KILL = 8,
    PTRACE_SINGLESTEP = 9,
    PTRACE_GETREGS = 12, // these four on x86 only
    PTRACE_SETREGS = 13,
    PTRACE_GETFPREGS = 14,
    PTRACE_SETFPREGS = 15,
    PTRACE_ATTACH = 16,
    PTRACE_DETACH = 17,
    PTRACE_SYSCALL = 24,
    PTRACE_SYSEMU = 31,
    PTRACE_SYSEMU_SINGLESTEP = 32,
    PTRACE_SETOPTIONS = 0x4200,
    PTRACE_GETEVENTMSG = 0x4201,
    PTRACE_GETSIGINFO = 0x4202,
    PTRACE_SETSIGINFO = 0x4203,
    PTRACE_GETREGSET = 0x4204,
    PTRACE_SETREGSET = 0x4205,
    PTRACE_SEIZE = 0x4206,
    PTRACE_INTERRUPT = 0x4207,
    PTRACE_LISTEN = 0x4208,
    PTRACE_PEEKSIGINFO = 0x4209,
    PTRACE_GETSIGMASK = 0x420a,
    PTRACE_SETSIGMASK = 0x420b,
    PTRACE_SECCOMP_GET_FILTER = 0x420c,
    PTRACE_SECCOMP_GET_METADATA = 0x420d,
    PTRACE_GET_SYSCALL_INFO = 0x420e,
};

// The option that asks for an event is 1 << event.
enum {
    PTRACE_EVENT_FORK = 1,
    PTRACE_EVENT_VFORK = 2,
    PTRACE_EVENT_CLONE = 3,
    PTRACE_EVENT_EXEC = 4,
    PTRACE_EVENT_VFORK_DONE = 5,
    PTRACE_EVENT_EXIT = 6,
    PTRACE_EVENT_SECCOMP = 7,
    PTRACE_EVENT_STOP = 128,
};
#define PTRACE_O_TRACESYSGOOD 1u
#define PTRACE_O_EXITKILL (1u << 20)
#define PTRACE_O_MASK (0xffu | PTRACE_O_EXITKILL)

// What PTRACE_GETEVENTMSG says in a stop of a system call.
enum { PTRACE_EVENTMSG_SYSCALL_ENTRY = 1, PTRACE_EVENTMSG_SYSCALL_EXIT = 2 };

// PTRACE_GET_SYSCALL_INFO
enum {
    PTRACE_SYSCALL_INFO_NONE = 0,
    PTRACE_SYSCALL_INFO_ENTRY = 1,
    PTRACE_SYSCALL_INFO_EXIT = 2,
    PTRACE_SYSCALL_INFO_SECCOMP = 3,
};
struct abi_ptrace_syscall_info {
    uint8_t op, pad[3];
    uint32_t arch;
    uint64_t instruction_pointer, stack_pointer;
    union {
        struct {
            uint64_t number, args[6];
            uint32_t filter_data; // of a seccomp stop only
        } entry;
        struct {
            int64_t value;
            uint8_t is_error;
        } exit;
    };
};
static_assert(offsetof(struct abi_ptrace_syscall_info, exit.is_error) == 32);

// PTRACE_PEEKSIGINFO
struct abi_ptrace_peeksiginfo_args {
    uint64_t offset;
    uint32_t flags;
    int32_t count;
};
#define PTRACE_PEEKSIGINFO_SHARED 1u

// Register sets, as in the notes of a core file.
enum {
    NT_PRSTATUS = 1,
    NT_PRFPREG = 2,
    NT_X86_XSTATE = 0x202,
    NT_ARM_TLS = 0x401,
    NT_ARM_HW_BREAK = 0x402,
    NT_ARM_HW_WATCH = 0x403,
    NT_ARM_SYSTEM_CALL = 0x404,
    NT_ARM_PAC_MASK = 0x406,
};
