// SPDX-License-Identifier: MPL-2.0
// The split virtqueue of virtio 1.x, without indirect descriptors and event indexes.
//
// Three arrays that driver and device share: descriptors (address, size, next), the ring of chains that are available,
// the ring of those that were used. The driver writes the first two and reads the third.

#include <arch/mmu.h>
#include <lib/string.h>
#include <mm/page.h>
#include <stdatomic.h>
#include <virtio/queue.h>

enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2 };
enum { USED_NO_NOTIFY = 1 };

struct virtqueue_descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};
struct virtqueue_available {
    uint16_t flags;
    _Atomic uint16_t index;
    uint16_t ring[];
};
struct virtqueue_used {
    _Atomic uint16_t flags, index;
    struct {
        _Atomic uint32_t id, size;
    } ring[];
};
static_assert(sizeof(struct virtqueue_descriptor) == 16);

#define USED_ALIGN 64u // 4 would do

static size_t available_at(unsigned size) {
    return size * sizeof(struct virtqueue_descriptor);
}
static size_t used_at(unsigned size) {
    return ALIGN_UP(available_at(size) + sizeof(struct virtqueue_available) + (size_t)(size + 1) * 2, USED_ALIGN);
}
static unsigned order_of(unsigned size) {
    size_t bytes = used_at(size) + sizeof(struct virtqueue_used) + (size_t)size * 8 + 2;
    unsigned order = 0;
    while (PAGE_SIZE << order < bytes)
        order++;
    return order;
}

status_t virtqueue_init(struct virtqueue *queue, unsigned size) {
    size = MIN(size, VIRTQUEUE_SIZE_MAX);
    if (size < 2)
        return -EINVAL;
    size = 1u << (31 - __builtin_clz(size));
    struct page *pages = page_alloc(order_of(size), ALLOC_ZERO);
    if (!pages)
        return -ENOMEM;
    char *memory = page_to_virt(pages);
    *queue = (struct virtqueue){.size = size,
                                .descriptors = (struct virtqueue_descriptor *)memory,
                                .available = (struct virtqueue_available *)(memory + available_at(size)),
                                .used = (struct virtqueue_used *)(memory + used_at(size)),
                                .free_count = size};
    for (unsigned i = 0; i < size; i++)
        queue->notes[i].next = (uint16_t)(i + 1); // the last one's is never followed
    return 0;
}

void virtqueue_fini(struct virtqueue *queue) {
    page_put(virt_to_page(queue->descriptors));
    queue->descriptors = nullptr;
}

struct virtqueue_place virtqueue_place(const struct virtqueue *queue) {
    paddr_t base = arch_virt_to_phys(queue->descriptors);
    return (struct virtqueue_place){base, base + available_at(queue->size), base + used_at(queue->size)};
}

// Takes `count` descriptors off the list of free ones, which are a chain by their `next` already.
static uint16_t fill_descriptors(struct virtqueue *queue, const struct virtqueue_chain *chain, uint32_t *writable) {
    uint16_t at = queue->free_first;
    unsigned count = chain->out + chain->in;
    for (unsigned i = 0; i < count; i++) {
        const struct virtqueue_segment *segment = &chain->segments[i];
        uint16_t flags = (uint16_t)((i >= chain->out ? DESCRIPTOR_WRITE : 0) | (i + 1 < count ? DESCRIPTOR_NEXT : 0));
        uint16_t next = queue->notes[at].next;
        queue->descriptors[at] =
            (struct virtqueue_descriptor){segment->address, segment->size, flags, i + 1 < count ? next : 0};
        *writable += i >= chain->out ? segment->size : 0;
        at = next;
    }
    return at;
}

status_t virtqueue_add(struct virtqueue *queue, const struct virtqueue_chain *chain) {
    unsigned count = chain->out + chain->in;
    if (queue->broken)
        return -EIO;
    if (count == 0 || count > queue->size)
        return -EINVAL;
    if (count > queue->free_count)
        return -EAGAIN;
    uint16_t first = queue->free_first;
    uint32_t writable = 0;
    queue->free_first = fill_descriptors(queue, chain, &writable);
    queue->free_count -= count;
    queue->notes[first].token = chain->token;
    queue->notes[first].writable = writable;
    queue->notes[first].count = (uint16_t)count;
    queue->available->ring[queue->published % queue->size] = first;
    queue->published++;
    queue->open++;
    // The device sees the chain before it sees that there is one.
    atomic_store_explicit(&queue->available->index, queue->published, memory_order_release);
    return 0;
}

bool virtqueue_wants_notice(const struct virtqueue *queue) {
    // The index above before the flag: either the device sees the chain, or we see that it sleeps.
    atomic_thread_fence(memory_order_seq_cst);
    return !(atomic_load_explicit(&queue->used->flags, memory_order_relaxed) & USED_NO_NOTIFY);
}

static void *give_back(struct virtqueue *queue, unsigned first) {
    struct virtqueue_note *note = &queue->notes[first];
    void *token = note->token;
    uint16_t last = (uint16_t)first;
    for (unsigned i = 1; i < note->count; i++)
        last = queue->notes[last].next;
    queue->notes[last].next = queue->free_first;
    queue->free_first = (uint16_t)first;
    queue->free_count += note->count;
    queue->open--;
    note->token = nullptr;
    return token;
}

static void *fail(struct virtqueue *queue) {
    queue->broken = true;
    return nullptr;
}

void *virtqueue_take(struct virtqueue *queue, uint32_t *written) {
    if (queue->broken)
        return nullptr;
    uint16_t index = atomic_load_explicit(&queue->used->index, memory_order_acquire);
    uint16_t ready = (uint16_t)(index - queue->taken);
    if (ready == 0)
        return nullptr;
    if (ready > queue->open)
        return fail(queue);
    unsigned place = queue->taken % queue->size;
    uint32_t id = atomic_load_explicit(&queue->used->ring[place].id, memory_order_relaxed);
    uint32_t size = atomic_load_explicit(&queue->used->ring[place].size, memory_order_relaxed);
    if (id >= queue->size || !queue->notes[id].token || size > queue->notes[id].writable)
        return fail(queue);
    queue->taken++;
    *written = size;
    return give_back(queue, id);
}

void *virtqueue_abandon(struct virtqueue *queue) {
    for (unsigned i = 0; i < queue->size; i++) {
        if (queue->notes[i].token)
            return give_back(queue, i);
    }
    return nullptr;
}
