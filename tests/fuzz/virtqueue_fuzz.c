// SPDX-License-Identifier: MPL-2.0
// Fuzzes the driver's side of a virtqueue against a device that writes anything into what it shares, also while the
// driver looks at it: each buffer comes back once at most, with no more bytes than it has room for, and the driver's
// own notes are all that is followed.
#include <mm/page.h>
#include <virtio/queue.h>

#include <stdlib.h>
#include <string.h>

enum { SIZE = 8, TOKENS = 64 };
enum step { ADD, TAKE, WRITE_USED, WRITE_INDEX, WRITE_ANYWHERE, USE_HONESTLY, STEPS };

static struct virtqueue queue;
// By token: with the device, and how many bytes it may write.
static struct buffer {
    bool open;
    uint32_t writable;
} buffers[TOKENS];
static unsigned next_buffer;
static uint16_t seen; // of the available ring, by an honest device

// The device's view, by the standard's words: three parts in one stretch of memory.
static uint16_t *available(void) {
    return (uint16_t *)queue.available;
}
static uint16_t *used(void) {
    return (uint16_t *)queue.used;
}

static void check(bool good) {
    if (!good)
        abort();
}

static void add(uint8_t first, uint8_t second) {
    struct virtqueue_segment segments[8];
    struct buffer *buffer = &buffers[next_buffer % TOKENS];
    if (buffer->open)
        return;
    unsigned out = first % 4, in = first / 4 % 5;
    for (unsigned i = 0; i < out + in; i++)
        segments[i] = (struct virtqueue_segment){0x1000 * i, second};
    struct virtqueue_chain chain = {segments, out, in, buffer};
    if (virtqueue_add(&queue, &chain) != 0)
        return;
    *buffer = (struct buffer){true, in * second};
    next_buffer++;
}

static void back(struct buffer *buffer) {
    check(buffer >= buffers && buffer < buffers + TOKENS && buffer->open);
    buffer->open = false;
}

static void take(void) {
    uint32_t written;
    struct buffer *buffer = virtqueue_take(&queue, &written);
    if (buffer) {
        check(written <= buffer->writable);
        back(buffer);
    }
}

static void put_used(uint32_t id, uint32_t size) {
    uint16_t index = used()[1];
    uint32_t entry[2] = {id, size};
    memcpy(used() + 2 + 4 * (index % SIZE), entry, sizeof entry);
    used()[1] = (uint16_t)(index + 1);
}

static void act(enum step step, uint8_t first, uint8_t second) {
    switch (step) {
    case ADD:
        add(first, second);
        break;
    case TAKE:
        take();
        break;
    case WRITE_USED:
        put_used((uint32_t)(int8_t)first, (uint32_t)(int8_t)second);
        break;
    case WRITE_INDEX:
        used()[1] = (uint16_t)(first | second << 8);
        break;
    case WRITE_ANYWHERE: // descriptors, the available ring, the used one
        ((uint8_t *)
             queue.descriptors)[(first * 3) % ((uint8_t *)(used() + 2 + 4 * SIZE) - (uint8_t *)queue.descriptors)] =
            second;
        break;
    default:
        if (seen != queue.published)
            put_used(available()[2 + seen++ % SIZE], 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool started;
    if (!started)
        page_init();
    started = true;
    memset(buffers, 0, sizeof buffers);
    next_buffer = 0, seen = 0;
    check(virtqueue_init(&queue, SIZE) == 0);
    for (size_t at = 0; at + 3 <= size; at += 3)
        act(data[at] % STEPS, data[at + 1], data[at + 2]);
    for (struct buffer *buffer; (buffer = virtqueue_abandon(&queue)) != nullptr;)
        back(buffer);
    for (unsigned i = 0; i < TOKENS; i++)
        check(!buffers[i].open);
    check(queue.free_count == SIZE && queue.open == 0);
    virtqueue_fini(&queue);
    return 0;
}
