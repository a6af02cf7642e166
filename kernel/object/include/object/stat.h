// SPDX-License-Identifier: MPL-2.0
// What stat, statx and fstat report, before it is put into an ABI's structure.
#pragma once

#include <lib/types.h>

struct time_spec {
    int64_t seconds;
    int64_t nanoseconds;
};

struct stat_info {
    uint64_t device, inode, size, blocks, special_device; // blocks of 512 bytes; devices as Linux encodes them
    uint32_t mode, links, uid, gid, block_size;
    struct time_spec accessed, modified, changed, born;
};
