// SPDX-License-Identifier: MPL-2.0
// Fusion Rings: a stream of messages in memory that two sides share, without system calls while both are awake.
// The protocol is told in docs/rings.md, its arithmetic is abi/ring_index.h's.
//
// The mapping: a page of control words, then `slots` slots of 64 bytes up to the end of a page, then `pool` bytes for
// payloads that do not fit into a slot. Both sides map the same pages; neither trusts what the other writes: indexes
// are masked and sizes are checked.
#pragma once

#include <abi/ring_index.h>

#define RING_INLINE_MAX 56 // bytes of payload in a slot

// A slot. `ready`: the producer of message i writes it when it has filled the slot: its number in the high half, the
// size of its payload, and a bit that is always set (ring_ready). One of more than RING_INLINE_MAX bytes lies in the
// slot's part of the pool. That the consumer has emptied it is said by `head`.
struct ring_slot {
    _Atomic uint64_t ready;
    uint8_t bytes[RING_INLINE_MAX];
};
static_assert(sizeof(struct ring_slot) == RING_SLOT_SIZE);

// Which side a handle is.
enum ring_end { RING_PRODUCER = 0, RING_CONSUMER = 1 };

// The control page. Each side writes its own cache line (with several producers they share theirs).
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

// ring_create gives two handles, a producer's and a consumer's. Both map the ring (mmap, offset 0, RIGHT_MAP); write()
// of anything is the doorbell for the other side; the handle is readable after the other side's doorbell (reading 8
// bytes takes the count of them), and hangs up when all handles of the other side are closed.
//
// The doorbell takes the other side's `sleeps` back and is counted. ring_wait gives the count once it differs from what
// the caller has seen, so a side that says that it sleeps, looks at the ring once more and then calls it cannot miss
// one.
struct ring_options {
    uint32_t slots;    // a power of two, 2 … RING_SLOTS_MAX
    uint32_t pool;     // bytes, up to RING_POOL_MAX, rounded up to pages
    uint32_t flags;    // RING_MANY
    uint32_t reserved; // 0
};
