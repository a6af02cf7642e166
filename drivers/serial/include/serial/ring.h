// SPDX-License-Identifier: MPL-2.0
// A byte queue between one producer and one consumer, without a lock. Each side owns one index; both run
// freely and are reduced when used. What a side does:
//
//   producer   reads tail (acquire), writes bytes, publishes head (release)
//   consumer   reads head (acquire), reads bytes, publishes tail (release)
#pragma once

#include <lib/types.h>
#include <stdatomic.h>

#define RING_SIZE 4096u // a power of two

struct ring {
    _Atomic uint32_t head; // producer's
    _Atomic uint32_t tail; // consumer's
    uint8_t bytes[RING_SIZE];
};

ALWAYS_INLINE uint32_t ring_used(const struct ring *ring) {
    return atomic_load_explicit(&ring->head, memory_order_acquire) -
           atomic_load_explicit(&ring->tail, memory_order_acquire);
}
ALWAYS_INLINE uint32_t ring_room(const struct ring *ring) {
    return RING_SIZE - ring_used(ring);
}

// Producer: as much as there is room for; returns how much.
uint32_t ring_put(struct ring *ring, const void *bytes, size_t size);
// Consumer: the longest stretch that lies in one piece; 0: empty. It stays until ring_skip.
uint32_t ring_peek(const struct ring *ring, const uint8_t **bytes);
void ring_skip(struct ring *ring, uint32_t count);
// Consumer: forgets everything.
void ring_clear(struct ring *ring);
