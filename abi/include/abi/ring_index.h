// SPDX-License-Identifier: MPL-2.0
// The arithmetic of rings: from message numbers to slots, and from slots to their parts of the pool. The kernel and
// both sides use these functions and no others, and `make prove` proves what their contracts say for all arguments, so
// also for whatever a hostile peer writes.
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

// The same by bytes: where the slot behind the one at `at` begins. `last`: where the last one does.
/*@ requires at <= last < RING_SLOTS_MAX * RING_SLOT_SIZE;
    assigns \nothing;
    ensures \result <= last;
    ensures ((at + 64) & last) <= last ==> \result == ((at + 64) & last); */
static inline uint64_t ring_slot_behind(uint64_t at, uint64_t last) {
    uint64_t behind = (at + RING_SLOT_SIZE) & last;
    return behind <= last ? behind : 0;
}

// A message number as the high half of a word, which a slot has it in; there it wraps by itself.
#define RING_ONE 0x100000000u
#define RING_COMPLETE 0x40000000u
/*@ assigns \nothing;
    ensures \result % RING_ONE == 0;
    ensures \result / RING_ONE == index; */
static inline uint64_t ring_high(uint32_t index) {
    return index * (uint64_t)RING_ONE;
}
/*@ assigns \nothing;
    ensures \result == high / RING_ONE; */
static inline uint32_t ring_number(uint64_t high) {
    return (uint32_t)(high / RING_ONE);
}

// What a slot says once the message of this number is complete: the number, the size, and that this is no slot which
// never had any.
/*@ requires high % RING_ONE == 0;
    requires size <= RING_POOL_MAX;
    assigns \nothing;
    ensures \result / RING_ONE == high / RING_ONE;
    ensures \result % RING_ONE == size + RING_COMPLETE;
    ensures \result != 0; */
static inline uint64_t ring_ready(uint64_t high, uint32_t size) {
    return high + size + RING_COMPLETE;
}
// Whether that is what it says, whatever of the size.
/*@ requires high % RING_ONE == 0;
    assigns \nothing;
    ensures \result != 0 <==> ready / RING_ONE == high / RING_ONE && ready % RING_ONE >= RING_COMPLETE; */
static inline int ring_is_ready(uint64_t ready, uint64_t high) {
    uint64_t above = ready >= high ? ready - high : ready + (UINT64_MAX - high) + 1; // one subtraction
    //@ assert high == high / RING_ONE * RING_ONE;
    //@ assert ready < high ==> above >= RING_ONE;
    //@ assert ready >= high ==> above / RING_ONE == ready / RING_ONE - high / RING_ONE;
    //@ assert ready >= high ==> above % RING_ONE == ready % RING_ONE;
    return above >= RING_COMPLETE && above < RING_ONE;
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

// The part of the pool that belongs to a slot, in cache lines, which are as large as slots.
/*@ requires 0 < slots <= RING_SLOTS_MAX;
    requires pool <= RING_POOL_MAX;
    assigns \nothing;
    ensures 0 <= \result * RING_SLOT_SIZE * slots <= pool; */
static inline uint32_t ring_cell_lines(uint32_t pool, uint32_t slots) {
    uint32_t lines = pool / slots / RING_SLOT_SIZE;
    //@ assert lines * RING_SLOT_SIZE <= pool / slots;
    //@ assert (pool / slots) * slots <= pool;
    //@ assert lines * RING_SLOT_SIZE * slots <= (pool / slots) * slots;
    return lines;
}

// Where it begins, for the slot at byte `at`, which is not behind the last one.
/*@ requires 0 < slots <= RING_SLOTS_MAX;
    requires 0 <= at <= (slots - 1) * RING_SLOT_SIZE;
    requires pool <= RING_POOL_MAX;
    requires lines * RING_SLOT_SIZE * slots <= pool;
    assigns \nothing;
    ensures 0 <= \result && \result + lines * RING_SLOT_SIZE <= pool; */
static inline uint64_t ring_cell_offset(uint64_t at, uint32_t lines, uint32_t slots, uint32_t pool) {
    (void)slots, (void)pool; // the contract's
    //@ assert at + RING_SLOT_SIZE <= slots * RING_SLOT_SIZE;
    //@ assert (at + RING_SLOT_SIZE) * lines <= slots * RING_SLOT_SIZE * lines;
    return at * lines;
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
