// SPDX-License-Identifier: MPL-2.0
// The log ring: order, overwriting, and writers and readers on several threads.
#include "klog_ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <tap.h>

static struct klog_ring ring;

static void add(const char *text) {
    klog_ring_add(&ring, 6, 1234, text, strlen(text));
}

static void test_order(void) {
    struct klog_record record;
    is(klog_ring_get(&ring, 0, &record), KLOG_EMPTY, "an empty ring has nothing");
    add("first");
    add("second");
    is(klog_ring_get(&ring, 0, &record), KLOG_OK, "the first record is there");
    ok(record.length == 5 && memcmp(record.text, "first", 5) == 0, "with its text");
    ok(record.level == 6 && record.time == 1234 && record.number == 0, "and its level, time and number");
    is(klog_ring_get(&ring, 1, &record), KLOG_OK, "so is the second");
    is(klog_ring_get(&ring, 2, &record), KLOG_EMPTY, "the third is not");
    is(klog_ring_oldest(&ring), 0, "nothing is lost yet");
}

static void test_long(void) {
    struct klog_record record;
    char text[400];
    memset(text, 'x', sizeof(text));
    uint64_t number = ring.next;
    klog_ring_add(&ring, 3, 0, text, sizeof(text));
    is(klog_ring_get(&ring, number, &record), KLOG_OK, "a long record is stored");
    is(record.length, KLOG_TEXT_MAX, "and cut");
}

static void test_overwrite(void) {
    struct klog_record record;
    for (unsigned i = 0; i < 3 * KLOG_SLOTS; i++) {
        char text[16];
        snprintf(text, sizeof(text), "line %u", i);
        add(text);
    }
    is(klog_ring_get(&ring, 0, &record), KLOG_LOST, "an overwritten record is lost");
    uint64_t oldest = klog_ring_oldest(&ring);
    is(ring.next - oldest, KLOG_SLOTS, "as many remain as there are slots");
    is(klog_ring_get(&ring, oldest, &record), KLOG_OK, "the oldest is readable");
    is(klog_ring_get(&ring, oldest - 1, &record), KLOG_LOST, "the one before is not");
    is(klog_ring_get(&ring, ring.next - 1, &record), KLOG_OK, "the newest is readable");
}

// A writer that was interrupted in the middle of a record, and a lap of others meanwhile.
static void test_stuck_writer(void) {
    struct klog_record record;
    uint64_t number = atomic_fetch_add(&ring.next, 1);
    struct klog_slot *slot = &ring.slot[number % KLOG_SLOTS];
    slot->state = 2 * number + 1;
    is(klog_ring_get(&ring, number, &record), KLOG_EMPTY, "a record being written is not there yet");
    uint64_t dropped = ring.dropped;
    for (unsigned i = 0; i < KLOG_SLOTS; i++)
        add("others");
    is(ring.dropped - dropped, 1, "the record that needed the slot is dropped");
    is(slot->state, 2 * number + 1, "the slot is untouched");
    is(klog_ring_get(&ring, number + KLOG_SLOTS, &record), KLOG_LOST, "and a reader skips it");
    slot->state = 2 * number + 2;
}

enum { WRITERS = 4, LINES = 20000 };

// Text that tells by itself whether it is whole: the same letter throughout.
static void *write_lines(void *argument) {
    char text[100];
    for (int i = 0; i < LINES; i++) {
        size_t length = 1 + (size_t)(i % 99);
        memset(text, 'a' + (i + (int)(intptr_t)argument) % 26, length);
        klog_ring_add(&ring, 6, i, text, length);
    }
    return nullptr;
}

static void test_threads(void) {
    pthread_t writer[WRITERS];
    uint64_t position = ring.next, end = position + (uint64_t)WRITERS * LINES;
    for (intptr_t i = 0; i < WRITERS; i++)
        pthread_create(&writer[i], nullptr, write_lines, (void *)i);
    unsigned good = 0, torn = 0, lost = 0;
    while (position < end) {
        struct klog_record record;
        enum klog_read result = klog_ring_get(&ring, position, &record);
        if (result == KLOG_EMPTY)
            continue;
        position++;
        if (result == KLOG_LOST) {
            lost++;
            continue;
        }
        good++;
        for (unsigned i = 1; i < record.length; i++)
            torn += record.text[i] != record.text[0];
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writer[i], nullptr);
    is(good + lost, WRITERS * LINES, "every number is read or lost");
    ok(good > 0, "%u were read, %u lost", good, lost);
    is(torn, 0, "none is torn");
}

int main(void) {
    test_order();
    test_long();
    test_overwrite();
    test_stuck_writer();
    test_threads();
    return tap_done();
}
