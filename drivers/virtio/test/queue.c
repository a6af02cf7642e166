// SPDX-License-Identifier: MPL-2.0
// Virtqueues: against a device that keeps to the rules, and against one that does anything: whatever it writes, each
// token comes back exactly once, and the driver's own notes (whose bounds the sanitizers watch) are all that is
// followed.

#include <mm/page.h>
#include <virtio/queue.h>

#include <stdlib.h>
#include <tap.h>

enum { SIZE = 16, NEXT = 1, WRITE = 2 };

// The layout, once more and by the standard's words.
struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};
struct device {
    struct virtqueue *queue;
    uint16_t seen; // of the available ring
};

static struct descriptor *descriptors(struct device *device) {
    return (struct descriptor *)device->queue->descriptors;
}
static uint16_t *available(struct device *device) {
    return (uint16_t *)device->queue->available;
}
static uint16_t *used(struct device *device) {
    return (uint16_t *)device->queue->used;
}

static bool next_available(struct device *device, uint16_t *head) {
    if (device->seen == available(device)[1])
        return false;
    *head = available(device)[2 + device->seen++ % device->queue->size];
    return true;
}

static void put_used(struct device *device, uint32_t head, uint32_t size) {
    uint16_t index = used(device)[1];
    uint32_t *entry = (uint32_t *)(used(device) + 2) + 2 * (index % device->queue->size);
    entry[0] = head;
    entry[1] = size;
    used(device)[1] = (uint16_t)(index + 1);
}

static struct virtqueue queue;
static struct device device;

static void make(unsigned size) {
    ok(virtqueue_init(&queue, size) == 0, "a queue of %u", size);
    device = (struct device){&queue, 0};
}

static void a_chain(void) {
    make(SIZE);
    struct virtqueue_segment segments[] = {{0x1000, 16}, {0x2000, 4096}, {0x3000, 1}};
    int token;
    struct virtqueue_chain chain = {segments, 1, 2, &token};
    uint16_t head;
    uint32_t written;
    is(virtqueue_add(&queue, &chain), 0, "a chain of three");
    ok(virtqueue_take(&queue, &written) == NULL && !queue.broken, "is with the device");
    ok(virtqueue_wants_notice(&queue), "which wants to hear of it");
    used(&device)[0] = 1;
    ok(!virtqueue_wants_notice(&queue), "or not");
    ok(next_available(&device, &head), "the device finds it");
    const struct descriptor *at = &descriptors(&device)[head];
    ok(at->address == 0x1000 && at->size == 16 && at->flags == NEXT, "what it reads comes first");
    at = &descriptors(&device)[at->next];
    ok(at->address == 0x2000 && at->size == 4096 && at->flags == (NEXT | WRITE), "then what it writes");
    at = &descriptors(&device)[at->next];
    ok(at->address == 0x3000 && at->size == 1 && at->flags == WRITE, "to the end");
    put_used(&device, head, 4097);
    ok(virtqueue_take(&queue, &written) == &token && written == 4097, "and it comes back");
    ok(queue.free_count == SIZE && queue.open == 0, "with all its descriptors");
    virtqueue_fini(&queue);
}

static void room(void) {
    make(SIZE);
    struct virtqueue_segment segments[SIZE + 1] = {};
    for (unsigned i = 0; i <= SIZE; i++)
        segments[i] = (struct virtqueue_segment){0x1000, 8};
    int token;
    struct virtqueue_chain whole = {segments, SIZE, 0, &token}, more = {segments, SIZE, 1, &token},
                           none = {segments, 0, 0, &token}, one = {segments, 1, 0, &token};
    is(virtqueue_add(&queue, &more), -EINVAL, "a chain that is longer than the queue");
    is(virtqueue_add(&queue, &none), -EINVAL, "and one without anything");
    is(virtqueue_add(&queue, &whole), 0, "one that fills it");
    is(virtqueue_add(&queue, &one), -EAGAIN, "leaves no room");
    uint16_t head;
    uint32_t written;
    next_available(&device, &head);
    put_used(&device, head, 0);
    ok(virtqueue_take(&queue, &written) == &token, "until it is back");
    is(virtqueue_add(&queue, &one), 0, "then there is");
    virtqueue_fini(&queue);
    is(virtqueue_init(&queue, 0), -EINVAL, "no queue of nothing");
    is(virtqueue_init(&queue, 1), -EINVAL, "nor of one");
    make(100);
    is(queue.size, 64, "a size that is no power of two becomes one");
    virtqueue_fini(&queue);
    make(1u << 20);
    is(queue.size, VIRTQUEUE_SIZE_MAX, "and one that is too large the largest");
    virtqueue_fini(&queue);
}

static void add_three(int *tokens) {
    struct virtqueue_segment segments[] = {{0x1000, 16}, {0x2000, 512}};
    for (unsigned i = 0; i < 3; i++) {
        struct virtqueue_chain chain = {segments, 1, 1, &tokens[i]};
        (void)!virtqueue_add(&queue, &chain);
    }
}

// What a device must not do: each breaks the queue, and what it had can be had back once each.
static void broken(const char *what, void (*act)(void)) {
    int tokens[3], back = 0;
    uint32_t written;
    make(SIZE);
    add_three(tokens);
    act();
    while (virtqueue_take(&queue, &written))
        back++;
    ok(queue.broken, "%s: the queue is broken", what);
    struct virtqueue_segment segment = {0x1000, 1};
    struct virtqueue_chain chain = {&segment, 1, 0, tokens};
    is(virtqueue_add(&queue, &chain), -EIO, "takes nothing");
    while (virtqueue_abandon(&queue))
        back++;
    is(back, 3, "and all three are accounted for");
    is(queue.free_count, SIZE, "with their descriptors");
    virtqueue_fini(&queue);
}

static void far_index(void) {
    used(&device)[1] = 4;
}
static void index_behind(void) {
    used(&device)[1] = 0xffff;
}
static void no_such_descriptor(void) {
    put_used(&device, SIZE, 0);
}
static void huge_descriptor(void) {
    put_used(&device, 0xffffffff, 0);
}
static void not_a_head(void) {
    put_used(&device, 1, 0);
}
static void one_that_is_free(void) {
    put_used(&device, SIZE - 1, 0);
}
static void twice(void) {
    put_used(&device, 0, 0);
    put_used(&device, 0, 0);
}
static void too_many_bytes(void) {
    put_used(&device, 0, 513);
}

// A device that writes anything anywhere in what it shares. The tokens are what the test has handed over: a byte each.
static void anything(unsigned seed) {
    enum { TOKENS = 4096 };
    static unsigned char with_device[TOKENS];
    struct virtqueue_segment segments[SIZE];
    unsigned next = 0, wrong = 0, broken_queues = 0, back = 0;
    srand(seed);
    memset(with_device, 0, sizeof with_device);
    (void)!virtqueue_init(&queue, SIZE);
    device = (struct device){&queue, 0};
    for (unsigned step = 0; step < 200'000 && next < TOKENS; step++) {
        unsigned what = (unsigned)rand() % 100;
        uint32_t written;
        uint16_t head;
        unsigned char *token;
        if (what < 40) {
            unsigned out = (unsigned)rand() % 4, in = (unsigned)rand() % 4;
            for (unsigned i = 0; i < out + in; i++)
                segments[i] = (struct virtqueue_segment){(uint64_t)rand(), (uint32_t)rand() % 8192};
            struct virtqueue_chain chain = {segments, out, in, &with_device[next]};
            if (virtqueue_add(&queue, &chain) == 0)
                with_device[next++] = 1;
        } else if (what < 70) {
            if (next_available(&device, &head))
                put_used(&device, head, 0);
        } else if (what < 96) {
            token = virtqueue_take(&queue, &written);
            if (token)
                wrong += *token != 1, *token = 2, back++;
        } else if (what < 98) { // a stray byte of the ring or the descriptors
            ((unsigned char *)used(&device))[rand() % (4 + 8 * SIZE)] = (unsigned char)rand();
        } else {
            ((unsigned char *)descriptors(&device))[rand() % (16 * SIZE)] = (unsigned char)rand();
        }
        if (queue.broken) {
            while ((token = virtqueue_abandon(&queue)))
                wrong += *token != 1, *token = 2, back++;
            wrong += queue.free_count != SIZE || queue.open != 0;
            broken_queues++;
            virtqueue_fini(&queue);
            (void)!virtqueue_init(&queue, SIZE);
            device = (struct device){&queue, 0};
        }
    }
    while (virtqueue_abandon(&queue))
        back++;
    is(wrong, 0, "seed %u: no token came back that was not with the device (%u broken queues)", seed, broken_queues);
    is(back, next, "and each came back once");
    virtqueue_fini(&queue);
}

int main(void) {
    page_init();
    a_chain();
    room();
    broken("an index that is too far", far_index);
    broken("an index that goes back", index_behind);
    broken("a descriptor that does not exist", no_such_descriptor);
    broken("a huge number", huge_descriptor);
    broken("the middle of a chain", not_a_head);
    broken("a descriptor that is free", one_that_is_free);
    broken("the same chain twice", twice);
    broken("more bytes than there is room for", too_many_bytes);
    for (unsigned seed = 1; seed <= 20; seed++)
        anything(seed);
    return tap_done();
}
