// SPDX-License-Identifier: MPL-2.0
// Linux's constants and structures that arm64 has in its own way.
#pragma once

#include <lib/types.h>

enum {
    O_DIRECTORY = 040000,
    O_NOFOLLOW = 0100000,
    O_DIRECT = 0200000,
    O_LARGEFILE = 0400000,
};

// struct stat: the generic one.
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

// clone(2): the TLS pointer comes before the child's thread id.
#define ARCH_CLONE_TLS_LAST 0

// struct epoll_event: naturally aligned, so with a hole.
struct abi_epoll_event {
    uint32_t events;
    uint64_t data;
};
static_assert(sizeof(struct abi_epoll_event) == 16);

// sigaltstack(2) takes no less: a frame has room for 4 KiB of state.
#define MINSIGSTKSZ 5120

// What PTRACE_GET_SYSCALL_INFO calls the architecture.
#define ARCH_AUDIT 0xc00000b7u

// mmap(2): no such flag; only x86-64 has one.
#define MAP_32BIT 0
