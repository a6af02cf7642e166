// SPDX-License-Identifier: MPL-2.0
// seccomp and the classic BPF that its filters are written in: Linux's numbers and structures.
#pragma once

#include <stdint.h>

enum { SECCOMP_MODE_DISABLED = 0, SECCOMP_MODE_STRICT = 1, SECCOMP_MODE_FILTER = 2 };
enum {
    SECCOMP_SET_MODE_STRICT = 0,
    SECCOMP_SET_MODE_FILTER = 1,
    SECCOMP_GET_ACTION_AVAIL = 2,
    SECCOMP_GET_NOTIF_SIZES = 3
};
enum {
    SECCOMP_FILTER_FLAG_TSYNC = 1,
    SECCOMP_FILTER_FLAG_LOG = 2,
    SECCOMP_FILTER_FLAG_SPEC_ALLOW = 4,
    SECCOMP_FILTER_FLAG_NEW_LISTENER = 8,
    SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 16,
    SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 32,
};

// What a filter returns: as signed numbers, the lower action wins.
#define SECCOMP_RET_KILL_PROCESS 0x80000000u
#define SECCOMP_RET_KILL_THREAD 0x00000000u
#define SECCOMP_RET_TRAP 0x00030000u
#define SECCOMP_RET_ERRNO 0x00050000u
#define SECCOMP_RET_USER_NOTIF 0x7fc00000u
#define SECCOMP_RET_TRACE 0x7ff00000u
#define SECCOMP_RET_LOG 0x7ffc0000u
#define SECCOMP_RET_ALLOW 0x7fff0000u
#define SECCOMP_RET_ACTION_FULL 0xffff0000u
#define SECCOMP_RET_DATA 0x0000ffffu

// What a filter sees of a call.
struct abi_seccomp_data {
    int32_t number;
    uint32_t arch;
    uint64_t instruction_pointer, args[6];
};
static_assert(sizeof(struct abi_seccomp_data) == 64);

// Listeners: what they read of a call, what they answer, and how they give a handle.
struct abi_seccomp_notification {
    uint64_t id;
    uint32_t pid, flags;
    struct abi_seccomp_data data;
};
static_assert(sizeof(struct abi_seccomp_notification) == 80);
struct abi_seccomp_response {
    uint64_t id;
    int64_t value;
    int32_t error;
    uint32_t flags;
};
static_assert(sizeof(struct abi_seccomp_response) == 24);
struct abi_seccomp_addfd {
    uint64_t id;
    uint32_t flags, source_fd, new_fd, new_flags;
};
static_assert(sizeof(struct abi_seccomp_addfd) == 24);
struct abi_seccomp_sizes {
    uint16_t notification, response, data;
};
enum { SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1 };
enum { SECCOMP_ADDFD_FLAG_SETFD = 1, SECCOMP_ADDFD_FLAG_SEND = 2 };
#define SECCOMP_IOCTL_NOTIF_RECV 0xc0502100u
#define SECCOMP_IOCTL_NOTIF_SEND 0xc0182101u
#define SECCOMP_IOCTL_NOTIF_ID_VALID 0x40082102u
#define SECCOMP_IOCTL_NOTIF_ID_VALID_WRONG_DIR 0x80082102u // as it was at first
#define SECCOMP_IOCTL_NOTIF_ADDFD 0x40182103u

struct abi_bpf_instruction {
    uint16_t code;
    uint8_t if_true, if_false; // jumps: instructions to skip
    uint32_t k;
};
static_assert(sizeof(struct abi_bpf_instruction) == 8);

struct abi_bpf_program {
    uint16_t length, pad[3];
    uint64_t code; // user address
};
static_assert(sizeof(struct abi_bpf_program) == 16);

#define BPF_LENGTH_MAX 4096
enum { BPF_SCRATCH_WORDS = 16 };

// Instruction classes, and what is added to them.
enum { BPF_LD = 0, BPF_LDX = 1, BPF_ST = 2, BPF_STX = 3, BPF_ALU = 4, BPF_JMP = 5, BPF_RET = 6, BPF_MISC = 7 };
enum { BPF_IMM = 0x00, BPF_ABS = 0x20, BPF_MEM = 0x60, BPF_LEN = 0x80 };
enum {
    BPF_ADD = 0x00,
    BPF_SUB = 0x10,
    BPF_MUL = 0x20,
    BPF_DIV = 0x30,
    BPF_OR = 0x40,
    BPF_AND = 0x50,
    BPF_LSH = 0x60,
    BPF_RSH = 0x70,
    BPF_NEG = 0x80,
    BPF_XOR = 0xa0,
};
enum { BPF_JA = 0x00, BPF_JEQ = 0x10, BPF_JGT = 0x20, BPF_JGE = 0x30, BPF_JSET = 0x40 };
enum { BPF_K = 0x00, BPF_X = 0x08, BPF_A = 0x10 };
enum { BPF_TAX = 0x00, BPF_TXA = 0x80 };
