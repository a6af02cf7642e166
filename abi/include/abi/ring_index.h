// SPDX-License-Identifier: MPL-2.0
// The arithmetic of rings: from message numbers to slots, and what of a descriptor may be believed. The kernel and both
// sides use these functions and no others, and `make prove` proves what their contracts say for all arguments, so also
// for whatever a hostile peer writes.
//
// Message numbers count up freely and wrap at 2^32; `tail - head` is how many messages are in the ring all the same.
#pragma once

#include <stdint.h>

#define RING_SLOT_SIZE 64u
#define RING_SLOTS_MAX 65536u
#define RING_POOL_MAX 0x40000000u // 1 GiB
#define RING_PAGE 4096u

// The slot of message `index`. `mask` is the number of slots less one. (The comparison is for the prover: the compiler
// knows its outcome and drops it.)
/*@ assigns \nothing;
    ensures \result <= mask;
    ensures (index & mask) <= mask ==> \result == (index & mask); */
static inline uint32_t ring_slot_of(uint32_t index, uint32_t mask) {
    uint32_t slot = index & mask;
    return slot <= mask ? slot : 0;
}

// Messages in the ring.
/*@ assigns \nothing;
    ensures tail >= head ==> \result == tail - head;
    ensures tail < head ==> \result == tail + 0x100000000 - head; */
static inline uint32_t ring_used(uint32_t tail, uint32_t head) {
    return tail >= head ? tail - head : tail + (UINT32_MAX - head) + 1;
}

// Room for further messages; none if the indexes make no sense.
/*@ requires slots <= RING_SLOTS_MAX;
    assigns \nothing;
    ensures 0 <= \result <= slots;
    ensures tail >= head && tail - head <= slots ==> \result == slots - (tail - head);
    ensures tail < head && tail + 0x100000000 - head <= slots ==> \result == slots - (tail + 0x100000000 - head); */
static inline uint32_t ring_room(uint32_t tail, uint32_t head, uint32_t slots) {
    uint32_t used = ring_used(tail, head);
    return used <= slots ? slots - used : 0;
}

// Whether a descriptor's payload lies in the pool.
/*@ assigns \nothing;
    ensures \result != 0 <==> (integer)offset + (integer)length <= pool; */
static inline int ring_range_ok(uint32_t offset, uint32_t length, uint32_t pool) {
    return (uint64_t)offset + length <= pool;
}

// The part of the pool that belongs to a slot: whole cache lines.
/*@ requires 0 < slots <= RING_SLOTS_MAX;
    requires pool <= RING_POOL_MAX;
    assigns \nothing;
    ensures 0 <= \result * slots <= pool;
    ensures \result % RING_SLOT_SIZE == 0; */
static inline uint32_t ring_cell_size(uint32_t pool, uint32_t slots) {
    uint32_t lines = pool / slots / RING_SLOT_SIZE;
    //@ assert lines * RING_SLOT_SIZE <= pool / slots;
    //@ assert (pool / slots) * slots <= pool;
    //@ assert lines * RING_SLOT_SIZE * slots <= (pool / slots) * slots;
    return lines * RING_SLOT_SIZE;
}

// Where it begins.
/*@ requires 0 <= slot < slots <= RING_SLOTS_MAX;
    requires pool <= RING_POOL_MAX;
    requires cell * slots <= pool;
    assigns \nothing;
    ensures 0 <= \result && \result + cell <= pool; */
static inline uint32_t ring_cell_offset(uint32_t slot, uint32_t cell, uint32_t slots, uint32_t pool) {
    (void)slots, (void)pool; // the contract's
    //@ assert slot + 1 <= slots;
    //@ assert (slot + 1) * cell <= slots * cell;
    return slot * cell;
}

// Bytes from the start of the mapping to the pool.
/*@ requires slots <= RING_SLOTS_MAX;
    assigns \nothing;
    ensures RING_PAGE + slots * RING_SLOT_SIZE <= \result <= 2 * RING_PAGE + slots * RING_SLOT_SIZE;
    ensures \result % RING_PAGE == 0; */
static inline uint32_t ring_pool_start(uint32_t slots) {
    return (1 + (slots * RING_SLOT_SIZE + RING_PAGE - 1) / RING_PAGE) * RING_PAGE;
}

// Bytes of the mapping: the pool is rounded up to pages.
/*@ requires slots <= RING_SLOTS_MAX;
    requires pool <= RING_POOL_MAX;
    assigns \nothing;
    ensures RING_PAGE + slots * RING_SLOT_SIZE + pool <= \result;
    ensures \result % RING_PAGE == 0; */
static inline uint32_t ring_mapping_size(uint32_t slots, uint32_t pool) {
    return ring_pool_start(slots) + (pool + RING_PAGE - 1) / RING_PAGE * RING_PAGE;
}
