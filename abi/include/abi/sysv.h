// SPDX-License-Identifier: MPL-2.0
// System V shared memory, for the kernel: Linux's numbers and structures. (Programs have their library's.)
#pragma once

#include <stdint.h>

enum { IPC_PRIVATE = 0, IPC_CREAT = 01000, IPC_EXCL = 02000 };
enum { IPC_RMID = 0, IPC_SET = 1, IPC_STAT = 2, IPC_INFO = 3 };
enum {
    SHM_HUGETLB = 04000,
    SHM_NORESERVE = 010000,
    // shmat
    SHM_RDONLY = 010000,
    SHM_RND = 020000,
    SHM_REMAP = 040000,
    SHM_EXEC = 0100000,
    // shmctl
    SHM_LOCK = 11,
    SHM_UNLOCK = 12,
    SHM_STAT = 13,
    SHM_INFO = 14,
    SHM_STAT_ANY = 15,
};

struct abi_ipc_perm {
    int32_t key;
    uint32_t uid, gid, creator_uid, creator_gid, mode;
    uint16_t sequence, pad[3];
    uint64_t unused[2];
};
static_assert(sizeof(struct abi_ipc_perm) == 48);

struct abi_shmid_ds {
    struct abi_ipc_perm perm;
    uint64_t size;
    int64_t attach_time, detach_time, change_time;
    int32_t creator, last; // processes
    uint64_t attached, unused[2];
};
static_assert(sizeof(struct abi_shmid_ds) == 112);

struct abi_shminfo { // IPC_INFO
    uint64_t size_max, size_min, count_max, attached_max, pages_max, unused[4];
};
static_assert(sizeof(struct abi_shminfo) == 72);

struct abi_shm_info { // SHM_INFO
    int32_t count, pad;
    uint64_t pages, resident, swapped, swap_attempts, swap_successes;
};
static_assert(sizeof(struct abi_shm_info) == 48);
