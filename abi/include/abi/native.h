// SPDX-License-Identifier: MPL-2.0
// The native calls' other structures: handles, signals, waits. Linux's objects are the native ones (eventfd is the
// event, timerfd the timer, memfd the VMO, epoll the wait set, pidfd the task), so there are no second calls to make
// those.
#pragma once

#include <abi/object.h>
#include <abi/rights.h>
#ifdef TESSERA_KERNEL
#include <lib/types.h>
#else
#include <stdint.h>
#endif

// Flags of calls that give a new handle: all are closed by exec, unless asked to be kept.
#define HANDLE_KEEP 1u

// handle_info
struct handle_info {
    uint32_t type;   // enum object_type
    uint32_t rights; // of the handle
    uint32_t signals;
    uint32_t handles; // how many there are to the object, of all processes and in messages
    uint64_t id;      // of the object
    char name[32];    // of its kind: "port", "pipe", "eventfd", …
};

// object_wait
struct wait_entry {
    int32_t handle; // needs RIGHT_WAIT
    uint32_t wanted;
    uint32_t observed; // filled in
    uint32_t consume;  // of `wanted` and SIGNAL_USER: cleared as they are observed. Needs RIGHT_SIGNAL, too
};
#define WAIT_ENTRIES_MAX 64
