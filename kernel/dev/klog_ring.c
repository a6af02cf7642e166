// SPDX-License-Identifier: MPL-2.0
// The ring of log records.
//
// A writer takes the next number n, then claims slot n % KLOG_SLOTS by moving its state from an even value (an older,
// finished record) to 2n+1; it fills the slot and sets 2n+2. Only one writer is ever in a slot. If the slot
// is still being written (its writer was interrupted a whole lap ago), the new record is dropped rather than
// waited for: a waiter in an interrupt handler might wait for the very code that it interrupted.
//
// A reader copies the slot out and then checks that the state is still 2n+2:
//
//   reader                              writer of n + KLOG_SLOTS
//   state == 2n+2                       state = 2(n+KLOG_SLOTS)+1
//   copy                                fill
//   state != 2n+2: lost, not torn       state = 2(n+KLOG_SLOTS)+2
#include "klog_ring.h"

#include <lib/string.h>

void klog_ring_add(struct klog_ring *ring, unsigned level, nsec_t time, const char *text, size_t length) {
    uint64_t number = atomic_fetch_add_explicit(&ring->next, 1, memory_order_relaxed);
    struct klog_slot *slot = &ring->slot[number % KLOG_SLOTS];
    uint64_t state = atomic_load_explicit(&slot->state, memory_order_relaxed);
    if ((state & 1) || state > 2 * number ||
        !atomic_compare_exchange_strong_explicit(&slot->state, &state, 2 * number + 1, memory_order_acquire,
                                                 memory_order_relaxed)) {
        atomic_fetch_add_explicit(&ring->dropped, 1, memory_order_relaxed);
        return;
    }
    // A reader that sees any of the following stores must also see the odd state.
    atomic_thread_fence(memory_order_release);
    slot->time = time;
    slot->level = (uint8_t)level;
    slot->length = (uint16_t)MIN(length, (size_t)KLOG_TEXT_MAX);
    memcpy(slot->text, text, slot->length);
    atomic_store_explicit(&slot->state, 2 * number + 2, memory_order_release);
}

enum klog_read klog_ring_get(struct klog_ring *ring, uint64_t number, struct klog_record *record) {
    uint64_t next = atomic_load_explicit(&ring->next, memory_order_acquire);
    if (number >= next)
        return KLOG_EMPTY;
    struct klog_slot *slot = &ring->slot[number % KLOG_SLOTS];
    uint64_t state = atomic_load_explicit(&slot->state, memory_order_acquire);
    if (state != 2 * number + 2) {
        // An older record, finished: the writer of `number` is on its way, unless it is much too late for that. An
        // older record still being written: that writer finds the slot taken and drops its own.
        bool older = state < 2 * number && !(state & 1) && next - number < KLOG_SLOTS / 2;
        bool coming = state == 2 * number + 1 || older;
        return coming ? KLOG_EMPTY : KLOG_LOST;
    }
    record->number = number;
    record->time = slot->time;
    record->level = slot->level;
    record->length = (uint16_t)MIN(slot->length, (uint16_t)KLOG_TEXT_MAX);
    memcpy(record->text, slot->text, record->length);
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&slot->state, memory_order_relaxed) == state ? KLOG_OK : KLOG_LOST;
}

uint64_t klog_ring_oldest(struct klog_ring *ring) {
    uint64_t next = atomic_load_explicit(&ring->next, memory_order_acquire);
    return next > KLOG_SLOTS ? next - KLOG_SLOTS : 0;
}
