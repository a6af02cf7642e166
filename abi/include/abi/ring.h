// SPDX-License-Identifier: MPL-2.0
// Fusion Rings: a stream of messages in memory that two sides share, without system calls while both are awake.
//
// The mapping: a page of control words, then `slots` slots of 64 bytes, then `pool` bytes for payloads that do not fit
// into a slot. Both sides map the same pages; neither trusts what the other writes: indexes are masked and lengths
// are checked against the pool.
#pragma once

#ifdef TESSERA_KERNEL
#include <lib/types.h>
#else
#include <stdint.h>
#endif

#define RING_SLOT_SIZE 64
#define RING_SLOTS_MAX 65536
#define RING_INLINE_MAX 56 // bytes of payload in a slot

// A slot. `sequence`: producer i writes it when it has filled the slot of message i (i + 1), the consumer when it has
// emptied it (i + slots). With one producer the control words alone would do; with several (RING_MANY) slots are
// claimed by a compare-and-exchange of `tail`.
struct ring_slot {
    uint32_t sequence;
    uint16_t size;  // of the payload; above RING_INLINE_MAX it lies in the pool
    uint16_t flags; // RING_IN_POOL
    union {
        uint8_t bytes[RING_INLINE_MAX];
        struct {
            uint32_t offset, length; // in the pool
        } pool;
    };
};
#define RING_IN_POOL 1

// The control page. Each side writes its own cache line only (with several producers they share theirs).
struct ring_control {
    _Alignas(64) _Atomic uint32_t tail; // next message to be written
    _Atomic uint32_t producer_sleeps;   // a producer waits for room: ring the doorbell after taking
    _Alignas(64) _Atomic uint32_t head; // next message to be read
    _Atomic uint32_t consumer_sleeps;   // the consumer waits for a message: ring the doorbell after putting
    _Alignas(64) uint32_t slots;        // a power of two; written by the kernel at creation, read-only information
    uint32_t pool;                      // bytes
    uint32_t flags;                     // RING_*
};
#define RING_MANY 1u // several producers

// ring_create gives two handles: a producer's and a consumer's. Both map the ring (mmap, offset 0, RIGHT_MAP); write()
// of anything is the doorbell for the other side; the handle is readable after the other side's doorbell (reading takes
// it back), and hangs up when all handles of the other side are closed.
struct ring_options {
    uint32_t slots; // a power of two, 2 … RING_SLOTS_MAX
    uint32_t pool;  // bytes, rounded up to pages
    uint32_t flags; // RING_MANY
    uint32_t reserved;
};
