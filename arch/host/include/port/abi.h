// SPDX-License-Identifier: MPL-2.0
// The host port keeps x86-64's ABI, so that unit tests see one set of numbers.
#pragma once

#include <lib/types.h>

enum {
    O_DIRECT = 040000,
    O_LARGEFILE = 0100000,
    O_DIRECTORY = 0200000,
    O_NOFOLLOW = 0400000,
};

// struct stat
struct abi_stat {
    uint64_t device, inode, links;
    uint32_t mode, uid, gid, pad0;
    uint64_t special_device;
    int64_t size, block_size, blocks;
    int64_t accessed, accessed_nsec, modified, modified_nsec, changed, changed_nsec;
    int64_t spare[3];
};
static_assert(sizeof(struct abi_stat) == 144);

// clone(2): the TLS pointer is the last argument, after the child's thread id (other ports: before it).
#define ARCH_CLONE_TLS_LAST 1

// struct epoll_event: packed on this architecture only.
struct abi_epoll_event {
    uint32_t events;
    uint64_t data;
} __attribute__((packed));
static_assert(sizeof(struct abi_epoll_event) == 12);

// sigaltstack(2) takes no less.
#define MINSIGSTKSZ 2048

// What PTRACE_GET_SYSCALL_INFO calls the architecture.
#define ARCH_AUDIT 0xc000003eu

// mmap(2): below 2 GiB. Other ports have no such flag.
#define MAP_32BIT 0x40
