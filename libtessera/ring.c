// SPDX-License-Identifier: MPL-2.0
// Rings: what is not inline in tessera/ring.h: room looked for, several producers, sleeping.
//
// To sleep, a side says so and looks at the ring once more; only then does it wait for a bell that it has not heard of.
// The other side writes to the ring and then looks whether it sleeps. All four accesses are sequentially consistent and
// the two stores are exchanges (docs/memory-model.md, rule 3), so one of the two sees the other.

#include <tessera/ring.h>

#include "native.h"
#include <time.h>

uint32_t ring_find_room(const struct ring_control *control, uint32_t tail, uint32_t slots) {
    return ring_room(tail, atomic_load_explicit(&control->head, memory_order_acquire), slots);
}

int ring_create(const struct ring_options *options, int handles[2]) {
    return (int)native_call(NATIVE_ring_create, (long)options, (long)handles, 0, 0, 0);
}

int ring_bell(int handle) {
    return handle < 0 ? 0 : (int)native_call(NATIVE_ring_bell, handle, 0, 0, 0, 0);
}

// --- several producers ---

// A message number of its own for this producer.
static int claim(struct ring_producer *producer, uint32_t *index) {
    struct ring_control *control = producer->map.control;
    uint32_t tail = atomic_load_explicit(&control->tail, memory_order_relaxed);
    for (;;) {
        uint32_t head = atomic_load_explicit(&control->head, memory_order_seq_cst);
        if (ring_room(tail, head, ring_slots(&producer->map)) != 0) {
            if (atomic_compare_exchange_weak_explicit(&control->tail, &tail, tail + 1, memory_order_relaxed,
                                                      memory_order_relaxed)) {
                *index = tail;
                return 0;
            }
            continue;
        }
        uint32_t again = atomic_load_explicit(&control->tail, memory_order_relaxed);
        if (again == tail) // else others were faster, and perhaps the consumer, too
            return -EAGAIN;
        tail = again;
    }
}

int ring_push_many(struct ring_producer *producer, const void *data, uint32_t size) {
    struct ring_map *map = &producer->map;
    uint32_t index;
    if (size > ring_size_max(map))
        return -EMSGSIZE;
    if (claim(producer, &index) != 0)
        return -EAGAIN;
    uint64_t at = ring_at(map, index);
    struct ring_slot *slot = ring_slot_at(map, at);
    memcpy(size <= RING_INLINE_MAX ? slot->bytes : ring_cell_at(map, at), data, size);
    atomic_exchange_explicit(&slot->ready, ring_ready(ring_high(index), size), memory_order_seq_cst);
    if (atomic_load_explicit(&map->control->consumer_sleeps, memory_order_seq_cst))
        ring_bell(map->handle);
    return 0;
}

// --- sleeping ---

static bool is_many(const struct ring_producer *producer) {
    return producer->map.flags & RING_MANY;
}

// The look after saying that one sleeps.
static bool room_is_there(struct ring_producer *producer) {
    struct ring_control *control = producer->map.control;
    uint32_t head = atomic_load_explicit(&control->head, memory_order_seq_cst);
    uint32_t tail =
        is_many(producer) ? atomic_load_explicit(&control->tail, memory_order_seq_cst) : ring_number(producer->tail);
    return ring_room(tail, head, ring_slots(&producer->map)) != 0;
}

// Seeing the tail of a flush makes all that was flushed visible; several producers publish each message for itself.
static bool message_is_there(struct ring_consumer *consumer) {
    atomic_load_explicit(&consumer->map.control->tail, memory_order_seq_cst);
    struct ring_slot *slot = ring_slot_at(&consumer->map, consumer->at);
    return ring_is_ready(atomic_load_explicit(&slot->ready, memory_order_seq_cst), consumer->head);
}

// A bell may be rung for nothing, so the deadline is looked at here, too.
static int wait(struct ring_map *map, int64_t deadline) {
    struct timespec now;
    long count = native_call(NATIVE_ring_wait, map->handle, map->seen, deadline, 0, 0);
    if (count < 0)
        return (int)count;
    map->seen = (uint32_t)count;
    if (deadline == RING_FOREVER)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec < deadline ? 0 : -ETIMEDOUT;
}

int ring_wait_room(struct ring_producer *producer, int64_t deadline) {
    struct ring_control *control = producer->map.control;
    if (producer->shown != ring_number(producer->tail) && !is_many(producer))
        ring_flush(producer);
    for (;;) {
        atomic_exchange_explicit(&control->producer_sleeps, 1, memory_order_seq_cst);
        int status = room_is_there(producer) ? 0 : wait(&producer->map, deadline);
        if (!is_many(producer)) // of several, another one may still sleep
            atomic_store_explicit(&control->producer_sleeps, 0, memory_order_relaxed);
        if (room_is_there(producer) && status != -EPIPE)
            return 0;
        if (status != 0)
            return status;
    }
}

int ring_wait_message(struct ring_consumer *consumer, int64_t deadline) {
    struct ring_control *control = consumer->map.control;
    if (consumer->shown != ring_number(consumer->head))
        ring_release(consumer);
    for (;;) {
        atomic_exchange_explicit(&control->consumer_sleeps, 1, memory_order_seq_cst);
        int status = message_is_there(consumer) ? 0 : wait(&consumer->map, deadline);
        atomic_store_explicit(&control->consumer_sleeps, 0, memory_order_relaxed);
        if (message_is_there(consumer)) // also the last words of a producer that is gone
            return 0;
        if (status != 0)
            return status;
    }
}

int ring_send(struct ring_producer *producer, const void *data, uint32_t size, int64_t deadline) {
    for (;;) {
        int status = is_many(producer) ? ring_push_many(producer, data, size) : ring_push(producer, data, size);
        if (status == -EAGAIN)
            status = ring_wait_room(producer, deadline);
        else
            return status;
        if (status != 0)
            return status;
    }
}

int ring_receive(struct ring_consumer *consumer, void *to, uint32_t room, int64_t deadline) {
    for (;;) {
        int size = ring_pop(consumer, to, room);
        if (size != -EAGAIN)
            return size;
        int status = ring_wait_message(consumer, deadline);
        if (status != 0)
            return status;
    }
}
