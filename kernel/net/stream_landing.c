// SPDX-License-Identifier: MPL-2.0
// Direct delivery: when a stream's reader already sleeps, a large write is copied once, from the writer's memory into
// the reader's, instead of into packets and out again.
//
//   reader                                    writer
//   queue empty: end->landing = &landing
//   sleeps                                    lock; landing->busy = true; end->landing = null; unlock
//                                             finds each of the reader's pages, copies into it
//   (a signal: sleeps on while busy)          lock; filled = n; busy = false; wakes the reader; unlock
//   filled bytes are in its buffer
//
// Order is kept: the landing is taken only while the queue is empty, and the reader takes nothing from the queue before
// it has looked at the landing. Pages are found through the reader's address space, which handles copy-on-write
// and absent pages as a fault of its own would.
#include "stream.h"

#include <mm/aspace.h>
#include <sched/sched.h>

bool stream_landing_offer(struct message *message, struct stream_landing *landing) {
    const struct uio *uio = message->data;
    if (uio->resid < STREAM_LANDING_MIN || uio->kernel || uio->count != 1 || message->ancillary || message->address ||
        (message->flags & (MSG_PEEK | MSG_DONTWAIT)))
        return false;
    *landing = (struct stream_landing){.aspace = aspace_current(), .base = uio->vec->base, .room = uio->resid};
    return user_range_ok(landing->base, landing->room);
}

status_t stream_landing_wait(struct stream *stream, unsigned side, struct stream_landing *landing, nsec_t deadline) {
    struct stream_end *mine = &stream->end[side];
    bool open = mine->landing == nullptr;
    if (open)
        mine->landing = landing;
    status_t status = wait_queue_sleep(&mine->readers, &stream->lock, WAIT_INTERRUPTIBLE, deadline);
    if (mine->landing == landing)
        mine->landing = nullptr;
    while (landing->busy)
        (void)wait_queue_sleep(&mine->readers, &stream->lock, WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
    return status;
}

static struct stream_landing *take_landing(struct stream *stream, unsigned side) {
    struct stream_end *to = &stream->end[!side];
    spin_lock(&stream->lock);
    struct stream_landing *landing = to->landing;
    bool open = landing && list_is_empty(&to->packets) && !to->reading && !stream_send_is_shut(stream, side);
    if (open) {
        to->landing = nullptr;
        landing->busy = true;
    }
    spin_unlock(&stream->lock);
    return open ? landing : nullptr;
}

static void finish_landing(struct stream *stream, unsigned side, struct stream_landing *landing, size_t filled) {
    struct stream_end *to = &stream->end[!side];
    spin_lock(&stream->lock);
    landing->filled = filled;
    landing->busy = false;
    if (stream->tcp && filled > 0)
        stream_count(to, filled);
    // The reader is almost always the only one; if not, it may not be the first.
    wait_queue_wake_one_sync(&to->readers);
    if (UNLIKELY(!wait_queue_is_empty(&to->readers)))
        wait_queue_wake_all(&to->readers);
    spin_unlock(&stream->lock);
}

// Copies the next bytes into the reader's page at `address`; returns how many.
static size_t fill_page(struct stream_landing *landing, uintptr_t address, struct uio *data, size_t size) {
    struct page *page;
    if (aspace_get_page(landing->aspace, address, true, &page) != 0)
        return 0;
    size_t copied = uio_read(data, (uint8_t *)page_to_virt(page) + address % PAGE_SIZE, size);
    page_put(page);
    return copied;
}

size_t stream_landing_send(struct stream *stream, unsigned side, struct message *message) {
    if (message->ancillary || !stream->end[!side].landing) // looked at again under the lock
        return 0;
    struct stream_landing *landing = take_landing(stream, side);
    if (!landing)
        return 0;
    size_t total = MIN(message->data->resid, landing->room), done = 0;
    while (done < total) {
        uintptr_t address = landing->base + done;
        size_t part = MIN(total - done, PAGE_SIZE - address % PAGE_SIZE);
        size_t copied = fill_page(landing, address, message->data, part);
        done += copied;
        if (copied < part)
            break;
    }
    finish_landing(stream, side, landing, done);
    // Let the reader take it and come back, so that what follows can land as well.
    if (done > 0)
        sched_yield();
    return done;
}
