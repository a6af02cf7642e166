// SPDX-License-Identifier: MPL-2.0
// File types and permissions, statx, statfs, directory entries, as Linux lays them out.
#pragma once

#include <lib/types.h>

enum {
    S_IFMT = 0170000,
    S_IFSOCK = 0140000,
    S_IFLNK = 0120000,
    S_IFREG = 0100000,
    S_IFBLK = 0060000,
    S_IFDIR = 0040000,
    S_IFCHR = 0020000,
    S_IFIFO = 0010000,
    S_ISUID = 04000,
    S_ISGID = 02000,
    S_ISVTX = 01000,
    S_IXUGO = 0111,
    S_IXGRP = 0010,
    S_IRWXUGO = 0777,
    S_IALLUGO = 07777,
};
#define S_ISTYPE(mode, type) (((mode) & S_IFMT) == (unsigned)(type))

struct abi_statx_time {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t pad;
};
struct abi_statx {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t links, uid, gid;
    uint16_t mode, pad0;
    uint64_t inode, size, blocks, attributes_mask;
    struct abi_statx_time accessed, born, changed, modified;
    uint32_t special_major, special_minor, device_major, device_minor;
    uint64_t mount_id;
    uint32_t dio_memory_align, dio_offset_align;
    uint64_t spare[12];
};
static_assert(sizeof(struct abi_statx) == 256);
enum {
    STATX_BASIC_STATS = 0x7ff,
    STATX_BTIME = 0x800,
    STATX_MNT_ID = 0x1000,
    STATX_RESERVED = 0x80000000u,
    STATX_ATTR_MOUNT_ROOT = 0x2000,
};

struct abi_statfs {
    int64_t type, block_size;
    uint64_t blocks, free, available, files, files_free;
    int32_t id[2];
    int64_t name_length, fragment_size, flags, spare[4];
};
static_assert(sizeof(struct abi_statfs) == 120);

struct abi_dirent64 {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};
static_assert(offsetof(struct abi_dirent64, name) == 19);

enum { DT_UNKNOWN = 0, DT_FIFO = 1, DT_CHR = 2, DT_DIR = 4, DT_BLK = 6, DT_REG = 8, DT_LNK = 10, DT_SOCK = 12 };

// Device numbers as stat shows them: 12 bits of major, 20 of minor, split.
ALWAYS_INLINE uint64_t abi_make_device(uint32_t major, uint32_t minor) {
    return (minor & 0xff) | (uint64_t)(major & 0xfff) << 8 | (uint64_t)(minor & ~0xffu) << 12;
}
ALWAYS_INLINE uint32_t abi_device_major(uint64_t device) {
    return device >> 8 & 0xfff;
}
ALWAYS_INLINE uint32_t abi_device_minor(uint64_t device) {
    return (device & 0xff) | (device >> 12 & 0xfff00);
}
