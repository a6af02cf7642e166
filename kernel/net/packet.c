// SPDX-License-Identifier: MPL-2.0
// Packets. User memory is copied when a packet is made and when it is read, never while a queue is locked.
#include "packet.h"
#include "unix_priv.h"

#include <lib/string.h>
#include <mm/slab.h>

#include <mm/slab_cache.h>

struct packet_memory {
    union {
        struct packet packet;
        uint8_t bytes[PACKET_SIZE];
    };
};
SLAB_CACHE(packet_slab, struct packet_memory);

static void free_pages(struct packet *packet) {
    for (unsigned i = 0; i < packet->page_count; i++)
        page_put(packet->list[i]);
    if (packet->heap_list)
        kfree(packet->list);
    packet->page_count = 0;
    packet->heap_list = false;
}

static status_t alloc_list(struct packet *packet, size_t count) {
    packet->list = packet->few;
    if (count <= PACKET_FEW)
        return 0;
    if (count > UINT16_MAX)
        return -EMSGSIZE;
    packet->list = kcalloc(count, sizeof(struct page *));
    packet->heap_list = packet->list != nullptr;
    return packet->list ? 0 : -ENOMEM;
}

static status_t fill_pages(struct packet *packet, struct uio *data, size_t size) {
    status_t status = alloc_list(packet, (size + PAGE_SIZE - 1) / PAGE_SIZE);
    for (size_t done = 0; done < size && status == 0;) {
        size_t part = MIN(size - done, PAGE_SIZE);
        struct page *page = page_alloc_one(ALLOC_USER);
        if (!page) {
            status = -ENOMEM;
            break;
        }
        packet->list[packet->page_count++] = page;
        if (uio_read(data, page_to_virt(page), part) != part)
            status = -EFAULT;
        done += part;
    }
    if (status != 0)
        free_pages(packet);
    return status;
}

status_t packet_create(struct uio *data, size_t size, struct packet **out) {
    struct packet_memory *memory = slab_alloc(&packet_slab);
    if (UNLIKELY(!memory))
        return -ENOMEM;
    struct packet *packet = &memory->packet;
    packet->size = (uint32_t)size;
    packet->start = 0;
    packet->page_count = 0;
    packet->heap_list = packet->routed = packet->peeked = false;
    refcount_init(&packet->ref, 1);
    packet->rights = nullptr;
    packet->from = nullptr;
    packet->sender = nullptr;
    status_t status = 0;
    if (size <= PACKET_INLINE) {
        packet->charge = PACKET_SIZE;
        if (UNLIKELY(uio_read(data, packet->bytes, size) != size))
            status = -EFAULT;
    } else {
        packet->charge = (uint32_t)(PACKET_SIZE + ALIGN_UP(size, PAGE_SIZE));
        status = fill_pages(packet, data, size);
    }
    if (UNLIKELY(status != 0)) {
        slab_free(&packet_slab, memory);
        return status;
    }
    *out = packet;
    return 0;
}

size_t packet_copy(const struct packet *packet, size_t offset, struct uio *to, size_t size) {
    if (packet->page_count == 0)
        return uio_write(to, packet->bytes + offset, size);
    size_t done = 0;
    while (done < size) {
        size_t at = (offset + done) % PAGE_SIZE;
        size_t part = MIN(size - done, PAGE_SIZE - at);
        const uint8_t *page = page_to_virt(packet->list[(offset + done) / PAGE_SIZE]);
        size_t copied = uio_write(to, page + at, part);
        done += copied;
        if (copied < part)
            break;
    }
    return done;
}

struct packet *packet_find(const struct list_node *packets, int32_t offset, size_t *skip) {
    struct packet *packet;
    size_t left = offset > 0 ? (size_t)offset : 0;
    LIST_FOR_EACH(packet, packets, node) {
        size_t size = packet->size - packet->start;
        if (offset < 0 || left < size || (left == 0 && !packet->peeked)) {
            *skip = left;
            return packet;
        }
        left -= size;
    }
    return nullptr;
}

void packet_hold(struct packet *packet) {
    refcount_up(&packet->ref);
    packet->peeked |= packet->size == 0;
}

void packet_destroy(struct packet *packet) {
    // Out of its queue nobody can get hold of it anew: one reference is ours.
    if (UNLIKELY(refcount_value(&packet->ref) > 1) && !refcount_down(&packet->ref))
        return;
    if (LIKELY(!packet->routed)) {
        parcel_destroy(packet->rights);
        if (packet->from)
            unix_name_put(packet->from);
        if (packet->sender)
            unix_sender_release(packet->sender, packet->charge);
    }
    if (packet->page_count > 0)
        free_pages(packet);
    slab_free(&packet_slab, packet);
}

void packet_destroy_all(struct list_node *packets) {
    struct list_node *node;
    while ((node = list_pop_front(packets)))
        packet_destroy(LIST_ENTRY(node, struct packet, node));
}
