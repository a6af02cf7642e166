// SPDX-License-Identifier: MPL-2.0
// futex(2): operations, flags, bits of the user word, robust lists.
#pragma once

#include <stdint.h>

enum {
    FUTEX_WAIT = 0,
    FUTEX_WAKE = 1,
    FUTEX_REQUEUE = 3,
    FUTEX_CMP_REQUEUE = 4,
    FUTEX_WAKE_OP = 5,
    FUTEX_LOCK_PI = 6,
    FUTEX_UNLOCK_PI = 7,
    FUTEX_TRYLOCK_PI = 8,
    FUTEX_WAIT_BITSET = 9,
    FUTEX_WAKE_BITSET = 10,
    FUTEX_LOCK_PI2 = 13,
    FUTEX_PRIVATE_FLAG = 128,
    FUTEX_CLOCK_REALTIME = 256,
    FUTEX_COMMAND_MASK = 127,
};
#define FUTEX_BITSET_MATCH_ANY 0xffffffffu

// The word of a priority-inheriting or robust mutex.
#define FUTEX_WAITERS 0x80000000u
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_TID_MASK 0x3fffffffu

// FUTEX_WAKE_OP: what is done to the second word, and how its old value is compared.
enum { FUTEX_OP_SET = 0, FUTEX_OP_ADD = 1, FUTEX_OP_OR = 2, FUTEX_OP_ANDN = 3, FUTEX_OP_XOR = 4, FUTEX_OP_SHIFT = 8 };
enum {
    FUTEX_OP_CMP_EQ = 0,
    FUTEX_OP_CMP_NE = 1,
    FUTEX_OP_CMP_LT = 2,
    FUTEX_OP_CMP_LE = 3,
    FUTEX_OP_CMP_GT = 4,
    FUTEX_OP_CMP_GE = 5
};

struct abi_robust_list_head {
    uint64_t list;    // user address of the first entry; bit 0: a PI mutex
    int64_t offset;   // from an entry to its futex word
    uint64_t pending; // entry that is being locked or unlocked
};
enum { ROBUST_LIST_LIMIT = 2048 };
