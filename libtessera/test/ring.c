// SPDX-License-Identifier: MPL-2.0
// Rings between threads of this machine, with the kernel's part (doorbell, sleep, the other side's end) replaced. Built
// twice: with ASan and UBSan, and with ThreadSanitizer, which sees every access that the protocol does not order.

#include <tessera/ring.h>

#include "native.h"
#include <pthread.h>
#include <stdlib.h>
#include <tap.h>
#include <time.h>

// A handle is 2 * ring + side.
enum { RINGS = 2 };
static struct side {
    pthread_mutex_t lock;
    pthread_cond_t rung_for;
    uint32_t rung, sleeps;
    bool peer_gone;
    struct ring_control *control;
} sides[2 * RINGS];

static long fake_bell(int handle) {
    struct side *side = &sides[handle ^ 1];
    int number = (handle ^ 1) & 1;
    struct ring_control *control = side->control;
    pthread_mutex_lock(&side->lock);
    atomic_store_explicit(number == RING_CONSUMER ? &control->consumer_sleeps : &control->producer_sleeps, 0,
                          memory_order_relaxed);
    side->rung++;
    pthread_cond_broadcast(&side->rung_for);
    pthread_mutex_unlock(&side->lock);
    return 0;
}

static long fake_wait(int handle, uint32_t seen, int64_t deadline) {
    struct side *side = &sides[handle];
    int error = 0;
    struct timespec end = {deadline / 1'000'000'000, deadline % 1'000'000'000};
    pthread_mutex_lock(&side->lock);
    while (side->rung == seen && !side->peer_gone && error == 0) {
        side->sleeps++;
        error = deadline == RING_FOREVER ? pthread_cond_wait(&side->rung_for, &side->lock)
                                         : pthread_cond_timedwait(&side->rung_for, &side->lock, &end);
    }
    bool gone = side->peer_gone;
    uint32_t count = side->rung;
    pthread_mutex_unlock(&side->lock);
    return gone ? -EPIPE : error ? -error : (long)count;
}

long native_call(long number, long a, long b, long c, long d, long e) {
    (void)d, (void)e;
    switch (number) {
    case NATIVE_ring_bell:
        return fake_bell((int)a);
    case NATIVE_ring_wait:
        return fake_wait((int)a, (uint32_t)b, c);
    default:
        return -ENOSYS;
    }
}

static void hang_up(int handle) {
    struct side *peer = &sides[handle ^ 1];
    pthread_mutex_lock(&peer->lock);
    peer->peer_gone = true;
    pthread_cond_broadcast(&peer->rung_for);
    pthread_mutex_unlock(&peer->lock);
}

struct pair {
    struct ring_producer producer;
    struct ring_consumer consumer;
    struct ring_options options;
    void *memory;
};
static struct pair t, back;

// A ring whose first message has this number; `ring` says which handles it has.
static void start_at(struct pair *pair, const struct ring_options *options, uint32_t first, int ring) {
    size_t size = ring_mapping_size(options->slots, options->pool);
    pair->options = *options;
    pair->memory = aligned_alloc(4096, size);
    memset(pair->memory, 0, size);
    struct ring_control *control = pair->memory;
    control->head = control->tail = first;
    for (uint32_t i = first - options->slots; first && i != first; i++) // as the lap before has left them
        ((struct ring_slot *)((char *)pair->memory + 4096))[i & (options->slots - 1)].ready =
            ring_ready(ring_high(i), 0);
    ring_init_producer(&pair->producer, pair->memory, options);
    ring_init_consumer(&pair->consumer, pair->memory, options);
    for (int side = 0; side < 2; side++) {
        sides[2 * ring + side] = (struct side){.control = control};
        pthread_mutex_init(&sides[2 * ring + side].lock, NULL);
        pthread_cond_init(&sides[2 * ring + side].rung_for, NULL);
    }
    pair->producer.map.handle = 2 * ring + RING_PRODUCER;
    pair->consumer.map.handle = 2 * ring + RING_CONSUMER;
}
static void start(const struct ring_options *options) {
    start_at(&t, options, 0, 0);
}
static void finish(void) {
    free(t.memory);
}

static void test_basics(void) {
    char data[8192] = "abc", got[8192];
    const void *at;
    start(&(struct ring_options){.slots = 4, .pool = 4 * 4096});
    is(ring_pop(&t.consumer, got, sizeof got), -EAGAIN, "empty");
    is(ring_push(&t.producer, data, 4), 0, "a message");
    is(ring_pop(&t.consumer, got, 3), -EMSGSIZE, "too large for the room");
    is(ring_pop(&t.consumer, got, sizeof got), 4, "stays, and comes");
    ok(!strcmp(got, "abc"), "whole");
    is(ring_push(&t.producer, data, 0), 0, "an empty one");
    is(ring_pop(&t.consumer, got, sizeof got), 0, "comes too");
    is(ring_push(&t.producer, data, 4096), 0, "as large as a slot's part of the pool");
    is(ring_push(&t.producer, data, 4097), -EMSGSIZE, "larger");
    is(ring_pop(&t.consumer, got, sizeof got), 4096, "out of the pool");
    for (int i = 0; i < 4; i++)
        is(ring_put(&t.producer, &i, sizeof i), 0, "put %d", i);
    is(ring_put(&t.producer, data, 4), -EAGAIN, "full");
    ring_flush(&t.producer);
    for (int i = 0; i < 4; i++) {
        is(ring_peek(&t.consumer, &at), 4, "look at %d", i);
        is(*(const int *)at, i, "in order");
        ring_next(&t.consumer);
    }
    is(ring_put(&t.producer, data, 4), -EAGAIN, "full until they are released");
    ring_release(&t.consumer);
    is(ring_put(&t.producer, data, 4), 0, "room");
    is(ring_init_producer(&t.producer, t.memory, &(struct ring_options){.slots = 3}), -EINVAL, "no such ring");
    finish();
}

static void test_exact(void) {
    char data[200] = "abc";
    const void *at;
    start(&(struct ring_options){.slots = 4, .pool = 4096});
    ok(!ring_peek_exact(&t.consumer, 4, &at), "nothing there");
    ring_push(&t.producer, data, 4);
    ok(!ring_peek_exact(&t.consumer, 3, &at) && !ring_peek_exact(&t.consumer, 200, &at), "of another size");
    ok(ring_peek_exact(&t.consumer, 4, &at) && !strcmp(at, "abc"), "of this size");
    ring_next(&t.consumer);
    ring_push(&t.producer, data, 200);
    ok(!ring_peek_exact(&t.consumer, 4, &at), "a large one where a small one is wanted");
    ok(ring_peek_exact(&t.consumer, 200, &at) && !strcmp(at, "abc"), "a large one");
    ring_next(&t.consumer);
    t.consumer.map.slots[2].ready = ring_ready(ring_high(2), 1025);
    ok(!ring_peek_exact(&t.consumer, 1025, &at), "one that no slot has room for");
    finish();
}

static void test_wrap(void) {
    uint32_t good = 0, word;
    start_at(&t, &(struct ring_options){.slots = 8}, UINT32_MAX - 20, 0);
    for (uint32_t i = 0; i < 96; i++) {
        for (uint32_t k = 0; k <= i % 8; k++)
            good += ring_push(&t.producer, &i, 4) == 0;
        for (uint32_t k = 0; k <= i % 8; k++)
            good += ring_pop(&t.consumer, &word, 4) == 4 && word == i;
    }
    is(good, 2 * 12 * 36, "message numbers wrap");
    finish();
    start_at(&t, &(struct ring_options){.slots = 8}, UINT32_MAX - 3, 0);
    for (uint32_t i = 0; i < 8; i++)
        ring_push(&t.producer, &i, 4);
    is(ring_push(&t.producer, &good, 4), -EAGAIN, "full across the wrap");
    is(ring_pop(&t.consumer, &word, 4), 4, "one out");
    is(ring_push(&t.producer, &good, 4), 0, "one in");
    finish();
}

static void test_nonsense(void) {
    char got[64];
    start(&(struct ring_options){.slots = 4, .pool = 4096});
    struct ring_slot *slots = t.consumer.map.slots;
    static const struct {
        uint32_t size;
        const char *what;
    } cases[] = {{1025, "larger than a slot's part of the pool"},
                 {4096, "as large as the pool"},
                 {RING_POOL_MAX, "as a pool can be"},
                 {INT32_MAX, "as an answer can be"},
                 {UINT32_MAX - RING_COMPLETE, "all ones"}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        slots[i & 3].ready = ring_ready(ring_high(i), cases[i].size);
        is(ring_pop(&t.consumer, got, sizeof got), -EBADMSG, "%s", cases[i].what);
    }
    slots[5 & 3].ready = ring_high(5) + 8;
    is(ring_pop(&t.consumer, got, sizeof got), -EAGAIN, "a number without the mark is no message");
    t.producer.map.control->head = 12345; // ahead of the tail
    t.producer.room = 0;
    is(ring_push(&t.producer, got, 4), -EAGAIN, "a head that cannot be is no room");
    finish();
}

static void test_successors(void) {
    uint32_t word = 5;
    const void *data;
    start(&(struct ring_options){.slots = 4});
    ring_push(&t.producer, &word, 4), ring_put(&t.producer, &word, 4), ring_put(&t.producer, &word, 4);
    ring_init_producer(&t.producer, t.memory, &t.options);
    ok(t.producer.tail == ring_high(3) && t.producer.shown == 1, "a producer goes on behind what is complete");
    ring_peek(&t.consumer, &data), ring_next(&t.consumer);
    ring_init_consumer(&t.consumer, t.memory, &t.options);
    is(t.consumer.head, 0, "a consumer where messages were released");
    finish();
}

// --- threads ---

enum { MESSAGES = 100000, PRODUCERS = 4 };

static uint32_t size_of(uint32_t i, uint32_t max) {
    return 8 + i * 4 % (max - 7);
}

static bool right(const uint32_t *words, uint32_t i, uint32_t size) {
    for (uint32_t k = 0; k < size / 4; k++)
        if (words[k] != i + k)
            return false;
    return true;
}

struct plan {
    uint32_t count, max, burst;
};

// Sends in bursts that are flushed at their end only.
static void *produce(void *argument) {
    const struct plan *plan = argument;
    uint32_t words[256];
    for (uint32_t i = 0; i < plan->count; i++) {
        uint32_t size = size_of(i, plan->max);
        for (uint32_t k = 0; k < size / 4; k++)
            words[k] = i + k;
        while (ring_put(&t.producer, words, size) == -EAGAIN)
            ring_wait_room(&t.producer, RING_FOREVER);
        if (i % plan->burst == 0)
            ring_flush(&t.producer);
    }
    ring_flush(&t.producer);
    hang_up(RING_PRODUCER);
    return NULL;
}

static void test_stream(const char *what, const struct ring_options *options, struct plan plan) {
    pthread_t thread;
    uint32_t i = 0, good = 0;
    const void *data;
    start(options);
    pthread_create(&thread, NULL, produce, &plan);
    for (;;) {
        int size = ring_peek(&t.consumer, &data);
        if (size == -EAGAIN) {
            if (ring_wait_message(&t.consumer, RING_FOREVER) != 0)
                break;
            continue;
        }
        good += size == (int)size_of(i, plan.max) && right(data, i, (uint32_t)size);
        ring_next(&t.consumer);
        if (++i % 3 == 0)
            ring_release(&t.consumer);
    }
    pthread_join(thread, NULL);
    is(good, plan.count, "%s: all messages in order and whole; slept %u and %u times", what, sides[0].sleeps,
       sides[1].sleeps);
    finish();
}

// One message there and one back: both sides sleep all the time, and a lost wake-up would hang.
static void *echo(void *unused) {
    uint32_t word;
    while (ring_receive(&t.consumer, &word, 4, RING_FOREVER) == 4)
        ring_send(&back.producer, &word, 4, RING_FOREVER);
    return unused;
}

static void test_ping_pong(void) {
    pthread_t thread;
    uint32_t good = 0, word = 0, rounds = MESSAGES / 5;
    start(&(struct ring_options){.slots = 2});
    start_at(&back, &(struct ring_options){.slots = 2}, 0, 1);
    pthread_create(&thread, NULL, echo, NULL);
    for (uint32_t i = 0; i < rounds; i++) {
        ring_send(&t.producer, &i, 4, RING_FOREVER);
        good += ring_receive(&back.consumer, &word, 4, RING_FOREVER) == 4 && word == i;
    }
    hang_up(RING_PRODUCER);
    pthread_join(thread, NULL);
    is(good, rounds, "ping-pong; slept %u and %u times", sides[1].sleeps, sides[3].sleeps);
    free(back.memory);
    finish();
}

static void *produce_many(void *argument) {
    uint32_t me = (uint32_t)(uintptr_t)argument, words[64];
    struct ring_producer mine = t.producer;
    for (uint32_t i = 0; i < MESSAGES / 10; i++) {
        for (uint32_t k = 0; k < 64; k++)
            words[k] = me << 28 | i;
        ring_send(&mine, words, i % 2 ? 8 : sizeof words, RING_FOREVER);
    }
    return NULL;
}

static void *hang_up_after(void *argument) {
    pthread_t *threads = argument;
    for (int i = 0; i < PRODUCERS; i++)
        pthread_join(threads[i], NULL);
    hang_up(RING_PRODUCER);
    return NULL;
}

static void test_many(uint32_t slots) {
    pthread_t threads[PRODUCERS], last;
    uint32_t next[PRODUCERS] = {}, words[64], good = 0;
    start(&(struct ring_options){.slots = slots, .pool = slots * 4096, .flags = RING_MANY});
    for (uintptr_t i = 0; i < PRODUCERS; i++)
        pthread_create(&threads[i], NULL, produce_many, (void *)i);
    pthread_create(&last, NULL, hang_up_after, threads);
    int size;
    while ((size = ring_receive(&t.consumer, words, sizeof words, RING_FOREVER)) > 0) {
        uint32_t from = words[0] >> 28, i = words[0] & 0xfffffff;
        good += from < PRODUCERS && i == next[from]++ && words[size / 4 - 1] == words[0];
    }
    pthread_join(last, NULL);
    is(good, PRODUCERS * (MESSAGES / 10), "%d producers, %u slots: whole, in order of each; slept %u and %u times",
       PRODUCERS, slots, sides[0].sleeps, sides[1].sleeps);
    finish();
}

int main(void) {
    test_basics();
    test_exact();
    test_wrap();
    test_nonsense();
    test_successors();
    test_stream("in slots", &(struct ring_options){.slots = 16}, (struct plan){MESSAGES, 56, 4});
    test_stream("in the pool", &(struct ring_options){.slots = 16, .pool = 65536}, (struct plan){MESSAGES, 1000, 4});
    test_stream("two slots", &(struct ring_options){.slots = 2}, (struct plan){MESSAGES / 5, 56, 1});
    test_ping_pong();
    test_many(2);
    test_many(64);
    return tap_done();
}
