// SPDX-License-Identifier: MPL-2.0
// Linux's own asynchronous I/O (io_setup …): numbers and structures.
#pragma once

#include <stdint.h>

enum {
    IOCB_CMD_PREAD = 0,
    IOCB_CMD_PWRITE = 1,
    IOCB_CMD_FSYNC = 2,
    IOCB_CMD_FDSYNC = 3,
    IOCB_CMD_PREADV = 7,
    IOCB_CMD_PWRITEV = 8
};
#define IOCB_FLAG_RESFD 1u

struct abi_iocb {
    uint64_t data; // comes back in the event
    uint32_t key, rw_flags;
    uint16_t operation;
    int16_t priority;
    uint32_t fd;
    uint64_t buffer, size;
    int64_t offset;
    uint64_t reserved;
    uint32_t flags, result_fd;
};
static_assert(sizeof(struct abi_iocb) == 64);

struct abi_io_event {
    uint64_t data, iocb; // iocb: its user address
    int64_t result, result2;
};
static_assert(sizeof(struct abi_io_event) == 32);

struct abi_aio_sigset {
    uint64_t mask, size; // user address
};
