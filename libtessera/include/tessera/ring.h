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
    uint64_t last; // byte that the last slot begins at
    uint32_t pool_size;
    uint32_t lines; // of the pool, for each slot
    uint32_t flags;
    uint32_t seen; // bells, when the kernel last told
    int handle;    // -1: nobody to be rung for
};

// Numbers of messages are kept as slots have them, in high halves (ring_high, ring_number).
struct ring_producer {
    struct ring_map map;
    uint64_t tail;  // the next message
    uint32_t room;  // how many messages have room, as known so far
    uint64_t at;    // where the slot of the next message begins, in bytes
    uint32_t shown; // what was flushed; a plain number
};

struct ring_consumer {
    struct ring_map map;
    uint64_t head;  // the next message
    uint64_t at;    // where its slot begins, in bytes
    uint32_t shown; // what was released; a plain number
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
// How many messages have room. (By value, so that a producer may live in registers.)
uint32_t ring_find_room(const struct ring_control *control, uint32_t tail, uint32_t slots);
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

// What the part of the pool that a slot has can hold.
static inline uint32_t ring_cell_size(const struct ring_map *map) {
    return map->lines * RING_SLOT_SIZE;
}
// What a message may have at most.
static inline uint32_t ring_size_max(const struct ring_map *map) {
    uint32_t cell = ring_cell_size(map);
    return cell > RING_INLINE_MAX ? cell : RING_INLINE_MAX;
}

static inline uint32_t ring_slots(const struct ring_map *map) {
    return (uint32_t)(map->last / RING_SLOT_SIZE) + 1;
}

// Slots by the byte that they begin at, which is kept from message to message: `at` of message `index`, of the next
// one, the slot itself and its part of the pool.
static inline uint64_t ring_at(const struct ring_map *map, uint32_t index) {
    return (uint64_t)ring_slot_of(index, ring_slots(map) - 1) * RING_SLOT_SIZE;
}
static inline uint64_t ring_behind(const struct ring_map *map, uint64_t at) {
    return ring_slot_behind(at, map->last);
}
static inline struct ring_slot *ring_slot_at(const struct ring_map *map, uint64_t at) {
    return (struct ring_slot *)((uint8_t *)map->slots + at);
}
static inline uint8_t *ring_cell_at(const struct ring_map *map, uint64_t at) {
    return map->pool + ring_cell_offset(at, map->lines, ring_slots(map), map->pool_size);
}

// The next number. (Hidden from the compiler, which would make several counters of one in a loop.)
static inline uint64_t ring_following(uint64_t high) {
    high += RING_ONE;
    __asm__("" : "+r"(high));
    return high;
}

// Whether the next message has room.
static inline bool ring_has_room(struct ring_producer *producer) {
    if (__builtin_expect(producer->room == 0, 0))
        producer->room = ring_find_room(producer->map.control, ring_number(producer->tail), ring_slots(&producer->map));
    return producer->room != 0;
}

// Where to write the next message, of up to `size` bytes; null: full, or too large. Nothing is sent before ring_commit.
static inline void *ring_reserve(struct ring_producer *producer, uint32_t size) {
    const struct ring_map *map = &producer->map;
    if (!ring_has_room(producer))
        return NULL;
    if (size <= RING_INLINE_MAX)
        return ring_slot_at(map, producer->at)->bytes;
    return size <= ring_cell_size(map) ? ring_cell_at(map, producer->at) : NULL;
}

// The message that was written where ring_reserve said is complete. The consumer may see it at once; that it does is
// sure only after ring_flush. `size`: at most what was reserved, and on the same side of RING_INLINE_MAX.
static inline void ring_commit(struct ring_producer *producer, uint32_t size) {
    uint64_t tail = producer->tail, at = producer->at;
    atomic_store_explicit(&ring_slot_at(&producer->map, at)->ready, ring_ready(tail, size), memory_order_release);
    producer->tail = ring_following(tail);
    producer->at = ring_behind(&producer->map, at);
    producer->room--;
}

// 0, -EAGAIN (full), -EMSGSIZE.
static inline int ring_put(struct ring_producer *producer, const void *data, uint32_t size) {
    const struct ring_map *map = &producer->map;
    if (__builtin_expect(size > RING_INLINE_MAX && size > ring_cell_size(map), 0))
        return -EMSGSIZE;
    if (__builtin_expect(!ring_has_room(producer), 0))
        return -EAGAIN;
    memcpy(size <= RING_INLINE_MAX ? ring_slot_at(map, producer->at)->bytes : ring_cell_at(map, producer->at), data,
           size);
    ring_commit(producer, size);
    return 0;
}

// Lets the consumer know: wakes it if it sleeps. The exchange is a full barrier: see docs/memory-model.md.
static inline void ring_flush(struct ring_producer *producer) {
    struct ring_control *control = producer->map.control;
    producer->shown = ring_number(producer->tail);
    atomic_exchange_explicit(&control->tail, producer->shown, memory_order_seq_cst);
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

// The next message, where it lies: its size, -EAGAIN (none), -EBADMSG (there is no such size; ring_next skips it).
static inline int ring_peek(struct ring_consumer *consumer, const void **data) {
    const struct ring_map *map = &consumer->map;
    struct ring_slot *slot = ring_slot_at(map, consumer->at);
    uint64_t ready = atomic_load_explicit(&slot->ready, memory_order_acquire);
    if (!ring_is_ready(ready, consumer->head))
        return -EAGAIN;
    uint32_t size = (uint32_t)ready - RING_COMPLETE;
    *data = slot->bytes;
    if (size <= RING_INLINE_MAX)
        return (int)size;
    *data = ring_cell_at(map, consumer->at);
    return size <= ring_cell_size(map) ? (int)size : -EBADMSG;
}

// The same where all messages have one size, a constant, which then need not be told from others. False: there is none,
// or it is another one; ring_peek says which.
static inline bool ring_peek_exact(struct ring_consumer *consumer, uint32_t size, const void **data) {
    const struct ring_map *map = &consumer->map;
    if (size > RING_INLINE_MAX && size > ring_cell_size(map))
        return false;
    struct ring_slot *slot = ring_slot_at(map, consumer->at);
    *data = size <= RING_INLINE_MAX ? slot->bytes : ring_cell_at(map, consumer->at);
    return atomic_load_explicit(&slot->ready, memory_order_acquire) == ring_ready(consumer->head, size);
}

// Done with it. Its slot is given back by ring_release at the latest.
static inline void ring_next(struct ring_consumer *consumer) {
    consumer->head = ring_following(consumer->head);
    consumer->at = ring_behind(&consumer->map, consumer->at);
}

// Gives back what was taken: wakes a producer that waits for room.
static inline void ring_release(struct ring_consumer *consumer) {
    struct ring_control *control = consumer->map.control;
    consumer->shown = ring_number(consumer->head);
    atomic_exchange_explicit(&control->head, consumer->shown, memory_order_seq_cst);
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
