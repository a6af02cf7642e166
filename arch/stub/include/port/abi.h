// SPDX-License-Identifier: MPL-2.0
// Porting guide: the parts of the Linux ABI that differ between architectures. Take the numbers from that
// architecture's own headers; these are the generic ones (asm-generic), which most newer architectures use. Sizes are
// checked.
#pragma once

#include <lib/types.h>

// open(2)
enum {
    O_DIRECTORY = 0200000,
    O_NOFOLLOW = 0400000,
    O_DIRECT = 040000,
    O_LARGEFILE = 0100000,
};

// struct stat, with the field names that kernel/posix fills in.
struct abi_stat {
    uint64_t device, inode;
    uint32_t mode, links, uid, gid;
    uint64_t special_device, pad0;
    int64_t size;
    int32_t block_size, pad1;
    int64_t blocks;
    int64_t accessed, accessed_nsec, modified, modified_nsec, changed, changed_nsec;
    int32_t spare[2];
};
static_assert(sizeof(struct abi_stat) == 128);

// clone(2): whether the fifth argument is tls and the fourth child_tid (x86-64), or the other way round.
#define ARCH_CLONE_TLS_LAST 0

// epoll_wait(2): naturally aligned, but on x86-64.
struct abi_epoll_event {
    uint32_t events;
    uint64_t data;
};
static_assert(sizeof(struct abi_epoll_event) == 16);

// sigaltstack(2) takes no less. Linux has 2048 where no more is said.
#define MINSIGSTKSZ 2048

// What PTRACE_GET_SYSCALL_INFO calls the architecture: the ELF machine, | 0x80000000 (64 bits), | 0x40000000
// (little-endian).
#define ARCH_AUDIT 0xc0000000u

// mmap(2): no such flag; only x86-64 has one.
#define MAP_32BIT 0
