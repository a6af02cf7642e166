// SPDX-License-Identifier: MPL-2.0
// Fusion Rings: messages from one side to the other through shared memory, without a system call while both are awake.
// docs/rings.md tells the protocol and has an example of each function.
//
// Two ways to use a ring. The simple one: ring_push and ring_pop, each of which lets the other side know at once. The
// fast one: any number of ring_put, then one ring_flush; any number of ring_peek and ring_next, then one ring_release.
// Both ways may be mixed. ring_send and ring_receive wait where the others say -EAGAIN.
//
// With RING_MANY, producers use ring_push_many (or ring_send) and nothing else; each has its own struct ring_producer.
// Else one thread at a time uses a producer or a consumer.
//
// A payload of up to RING_INLINE_MAX bytes lies in its slot; a larger one in that slot's part of the pool, so a message
// may have up to pool / slots bytes. A hostile peer can make messages that never come, or that say anything, but no
// access outside the ring. What ring_peek shows may change under one's eyes: who does not trust the producer copies
// first.
#pragma once

#include <abi/ring.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#define RING_FOREVER INT64_MAX // deadlines are nanoseconds on CLOCK_MONOTONIC

// What both sides know of the mapping. Read from nowhere but here once attached.
struct ring_map {
    struct ring_control *control;
    struct ring_slot *slots;
    uint8_t *pool;
    uint32_t mask; // slots less one
    uint32_t pool_size;
    uint32_t cell; // of the pool, for each slot
    uint32_t flags;
    uint32_t seen; // bells, when the kernel last told
    int handle;    // -1: nobody to be rung for
};

struct ring_producer {
    struct ring_map map;
    uint32_t tail;  // the next message
    uint32_t limit; // messages below it have room, as known so far
    uint32_t shown; // what was flushed
};

struct ring_consumer {
    struct ring_map map;
    uint32_t head;  // the next message
    uint32_t shown; // what was released
};

// --- life ---

// handles[RING_PRODUCER] and handles[RING_CONSUMER], close-on-exec. 0 or -errno.
int ring_create(const struct ring_options *options, int handles[2]);
// Maps the ring of a handle, which stays the caller's. `options`: what it was made with;
// null: as the ring itself says, which trusts the other side. A process that takes over from one that died goes on
// where that one was: what it had not flushed is flushed, what it had not released comes again. 0 or -errno.
int ring_attach_producer(struct ring_producer *producer, int handle, const struct ring_options *options);
int ring_attach_consumer(struct ring_consumer *consumer, int handle, const struct ring_options *options);
void ring_detach(struct ring_map *map); // unmaps; the handle is the caller's to close
// The same on memory that is mapped already, of ring_mapping_size bytes. -EINVAL: no such ring can be.
int ring_init_producer(struct ring_producer *producer, void *memory, const struct ring_options *options);
int ring_init_consumer(struct ring_consumer *consumer, void *memory, const struct ring_options *options);

// --- the slow paths; ring.c ---

int ring_bell(int handle);
// Up to which message there is room; `tail`: there is none. (By value, so that a producer may live in registers.)
uint32_t ring_find_limit(const struct ring_control *control, uint32_t tail, uint32_t mask);
// Wait until there is room, or a message. 0, -EPIPE (the other side is gone; a consumer gets what is left first),
// -ETIMEDOUT, -EINTR.
int ring_wait_room(struct ring_producer *producer, int64_t deadline);
int ring_wait_message(struct ring_consumer *consumer, int64_t deadline);
// 0, -EMSGSIZE, and what ring_wait_room says.
int ring_send(struct ring_producer *producer, const void *data, uint32_t size, int64_t deadline);
// As ring_pop, or what ring_wait_message says.
int ring_receive(struct ring_consumer *consumer, void *to, uint32_t room, int64_t deadline);
// Of several producers. 0, -EAGAIN (full), -EMSGSIZE. Lets the consumer know.
int ring_push_many(struct ring_producer *producer, const void *data, uint32_t size);

// --- a single producer ---

// What a message may have at most.
static inline uint32_t ring_size_max(const struct ring_map *map) {
    return map->cell > RING_INLINE_MAX ? map->cell : RING_INLINE_MAX;
}

static inline struct ring_slot *ring_slot_at(const struct ring_map *map, uint32_t index) {
    return &map->slots[ring_slot_of(index, map->mask)];
}

// Whether the next message has room.
static inline bool ring_has_room(struct ring_producer *producer) {
    if (__builtin_expect(producer->tail != producer->limit, 1))
        return true;
    producer->limit = ring_find_limit(producer->map.control, producer->tail, producer->map.mask);
    return producer->tail != producer->limit;
}

// Where the payload of message `index` begins in the pool.
static inline uint32_t ring_offset_of(const struct ring_map *map, uint32_t index) {
    return ring_cell_offset(ring_slot_of(index, map->mask), map->cell, map->mask + 1, map->pool_size);
}

// What a slot says of a size.
static inline uint32_t ring_size_word(uint32_t size) {
    return size <= RING_INLINE_MAX ? size : size | RING_IN_POOL;
}

// Where to write the next message, of up to `size` bytes; null: full, or too large. Nothing is sent before ring_commit.
static inline void *ring_reserve(struct ring_producer *producer, uint32_t size) {
    const struct ring_map *map = &producer->map;
    if (!ring_has_room(producer))
        return NULL;
    if (size <= RING_INLINE_MAX)
        return ring_slot_at(map, producer->tail)->bytes;
    return size <= map->cell ? map->pool + ring_offset_of(map, producer->tail) : NULL;
}

// The message that was written where ring_reserve said is complete. The consumer may see it at once; that it does is
// sure only after ring_flush. `size`: at most what was reserved, and on the same side of RING_INLINE_MAX.
static inline void ring_commit(struct ring_producer *producer, uint32_t size) {
    const struct ring_map *map = &producer->map;
    struct ring_slot *slot = ring_slot_at(map, producer->tail);
    if (size > RING_INLINE_MAX)
        atomic_store_explicit(&slot->offset, ring_offset_of(map, producer->tail), memory_order_relaxed);
    atomic_store_explicit(&slot->size, ring_size_word(size), memory_order_relaxed);
    producer->tail++;
    atomic_store_explicit(&slot->sequence, producer->tail, memory_order_release);
}

// 0, -EAGAIN (full), -EMSGSIZE.
static inline int ring_put(struct ring_producer *producer, const void *data, uint32_t size) {
    const struct ring_map *map = &producer->map;
    if (__builtin_expect(size > RING_INLINE_MAX && size > map->cell, 0))
        return -EMSGSIZE;
    if (__builtin_expect(!ring_has_room(producer), 0))
        return -EAGAIN;
    void *to = size <= RING_INLINE_MAX ? ring_slot_at(map, producer->tail)->bytes
                                       : map->pool + ring_offset_of(map, producer->tail);
    memcpy(to, data, size);
    ring_commit(producer, size);
    return 0;
}

// Lets the consumer know: wakes it if it sleeps. The exchange is a full barrier: see docs/memory-model.md.
static inline void ring_flush(struct ring_producer *producer) {
    struct ring_control *control = producer->map.control;
    producer->shown = producer->tail;
    atomic_exchange_explicit(&control->tail, producer->tail, memory_order_seq_cst);
    if (atomic_load_explicit(&control->consumer_sleeps, memory_order_seq_cst))
        ring_bell(producer->map.handle);
}

// 0, -EAGAIN (full), -EMSGSIZE.
static inline int ring_push(struct ring_producer *producer, const void *data, uint32_t size) {
    int status = ring_put(producer, data, size);
    if (status == 0)
        ring_flush(producer);
    return status;
}

// --- the consumer ---

// The next message, where it lies: its size, -EAGAIN (none), -EBADMSG (it points outside the pool; ring_next skips it).
static inline int ring_peek(struct ring_consumer *consumer, const void **data) {
    struct ring_slot *slot = ring_slot_at(&consumer->map, consumer->head);
    if (atomic_load_explicit(&slot->sequence, memory_order_acquire) != consumer->head + 1)
        return -EAGAIN;
    uint32_t size = atomic_load_explicit(&slot->size, memory_order_relaxed);
    const void *at = slot->bytes;
    if (size > RING_INLINE_MAX) {
        uint32_t length = size & ~RING_IN_POOL, offset = atomic_load_explicit(&slot->offset, memory_order_relaxed);
        if (!(size & RING_IN_POOL) || !ring_range_ok(offset, length, consumer->map.pool_size))
            return -EBADMSG;
        at = consumer->map.pool + offset;
        size = length;
    }
    *data = at;
    return (int)size;
}

// The same where all messages have one size, a constant, which then need not be told from others. False: there is none,
// or it is another one; ring_peek says which.
static inline bool ring_peek_exact(struct ring_consumer *consumer, uint32_t size, const void **data) {
    const struct ring_map *map = &consumer->map;
    struct ring_slot *slot = ring_slot_at(map, consumer->head);
    if (atomic_load_explicit(&slot->sequence, memory_order_acquire) != consumer->head + 1 ||
        atomic_load_explicit(&slot->size, memory_order_relaxed) != ring_size_word(size))
        return false;
    *data = slot->bytes;
    if (size <= RING_INLINE_MAX)
        return true;
    uint32_t offset = atomic_load_explicit(&slot->offset, memory_order_relaxed);
    *data = map->pool + offset;
    return ring_range_ok(offset, size, map->pool_size);
}

// Done with it. Its slot is given back by ring_release at the latest.
static inline void ring_next(struct ring_consumer *consumer) {
    consumer->head++;
}

// Gives back what was taken: wakes a producer that waits for room.
static inline void ring_release(struct ring_consumer *consumer) {
    struct ring_control *control = consumer->map.control;
    consumer->shown = consumer->head;
    atomic_exchange_explicit(&control->head, consumer->head, memory_order_seq_cst);
    if (atomic_load_explicit(&control->producer_sleeps, memory_order_seq_cst))
        ring_bell(consumer->map.handle);
}

// Copies the next message: its size, -EAGAIN (none), -EMSGSIZE (larger than `room`: it stays), -EBADMSG (it is
// skipped).
static inline int ring_pop(struct ring_consumer *consumer, void *to, uint32_t room) {
    const void *data;
    int size = ring_peek(consumer, &data);
    if (size == -EAGAIN)
        return size;
    if (size > 0 && (uint32_t)size > room)
        return -EMSGSIZE;
    if (size > 0)
        memcpy(to, data, (size_t)size);
    ring_next(consumer);
    ring_release(consumer);
    return size;
}
