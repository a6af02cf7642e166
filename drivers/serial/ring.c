// SPDX-License-Identifier: MPL-2.0
// See serial/ring.h.

#include <lib/string.h>
#include <serial/ring.h>

uint32_t ring_put(struct ring *ring, const void *bytes, size_t size) {
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    uint32_t count = (uint32_t)MIN(size, (size_t)ring_room(ring));
    uint32_t at = head % RING_SIZE;
    uint32_t first = MIN(count, RING_SIZE - at);
    memcpy(ring->bytes + at, bytes, first);
    memcpy(ring->bytes, (const char *)bytes + first, count - first);
    atomic_store_explicit(&ring->head, head + count, memory_order_release);
    return count;
}

uint32_t ring_peek(const struct ring *ring, const uint8_t **bytes) {
    uint32_t at = atomic_load_explicit(&ring->tail, memory_order_relaxed) % RING_SIZE;
    *bytes = ring->bytes + at;
    return MIN(ring_used(ring), RING_SIZE - at);
}

void ring_skip(struct ring *ring, uint32_t count) {
    uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, tail + count, memory_order_release);
}

void ring_clear(struct ring *ring) {
    uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    atomic_store_explicit(&ring->tail, head, memory_order_release);
}
