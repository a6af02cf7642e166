// SPDX-License-Identifier: MPL-2.0
// Rings. An object for each side, so that each has its own handles, rights and signals; together they own what they
// share: the memory object that both map, and its first page, where the kernel keeps a few words.
//
// A side's fields are protected by its object's lock, and no two of these are ever held at once. A doorbell works on
// the other side:
//
//   a side goes to sleep (user space)          it is rung for (rung_for, its lock held)
//   sleeps = true                              sleeps = false
//   looks at the ring: nothing to do           rung++
//   ring_wait(seen): sleeps if rung == seen    wakes all that sleep
//
// A bell that takes back a wish was not counted yet when the side learned `seen`, so ring_wait does not sleep.
// tests/models/ring.pml checks it.
//
// The kernel writes to the shared page but never reads it: a side that scribbles over it harms its peer and itself
// only.

#include <ipc/ring.h>

#include <lib/fmt.h>
#include <mm/aspace.h>
#include <mm/charged.h>
#include <sched/thread.h>

struct ring;

struct ring_side {
    struct object object; // first
    struct ring *ring;    // the sides together own it
    uint32_t rung;        // times
    uint32_t taken;       // of them, as its reader knows
    bool peer_gone;       // all handles of the other side are closed
    struct wait_queue sleepers;
};

struct ring {
    struct refcount ref; // one a side
    struct vmo *vmo;
    struct page *page; // its first, with a reference
    struct ring_control *control;
    struct ring_side sides[2];
};
CHARGED_CACHE(ring_cache, struct ring);

static struct ring_side *side_of(struct object *object) {
    return CONTAINER_OF(object, struct ring_side, object);
}
static unsigned number_of(const struct ring_side *side) {
    return side == &side->ring->sides[RING_CONSUMER] ? RING_CONSUMER : RING_PRODUCER;
}
static struct ring_side *peer_of(struct ring_side *side) {
    return &side->ring->sides[!number_of(side)];
}
static _Atomic uint32_t *sleeps_of(struct ring_side *side) {
    struct ring_control *control = side->ring->control;
    return number_of(side) == RING_CONSUMER ? &control->consumer_sleeps : &control->producer_sleeps;
}

// --- the doorbell ---

static void take_bell_locked(struct ring_side *side) REQUIRES(&side->object.lock) {
    side->taken = side->rung;
    if (!side->peer_gone)
        object_signal_locked(&side->object, SIGNALS_READ, 0);
}

static void rung_for(struct ring_side *side) {
    spin_lock(&side->object.lock);
    atomic_store_explicit(sleeps_of(side), 0, memory_order_relaxed);
    side->rung++;
    object_signal_locked(&side->object, 0, SIGNALS_READ);
    wait_queue_wake_all(&side->sleepers);
    spin_unlock(&side->object.lock);
}

status_t ring_bell(struct object *object) {
    struct ring_side *side = side_of(object);
    spin_lock(&object->lock);
    bool gone = side->peer_gone;
    spin_unlock(&object->lock);
    if (gone)
        return -EPIPE;
    rung_for(peer_of(side));
    return 0;
}

// Sleeps while the side was rung for `seen` times and its peer is there.
static status_t sleep_locked(struct ring_side *side, uint32_t seen, nsec_t deadline) REQUIRES(&side->object.lock) {
    while (side->rung == seen && !side->peer_gone) {
        status_t status = wait_queue_sleep(&side->sleepers, &side->object.lock, WAIT_INTERRUPTIBLE, deadline);
        if (status != 0)
            return status == -EINTR ? -ERESTARTSYS : status;
    }
    return 0;
}

status_t ring_wait(struct object *object, uint32_t *seen, nsec_t deadline) {
    struct ring_side *side = side_of(object);
    spin_lock(&side->object.lock);
    status_t status = sleep_locked(side, *seen, deadline);
    if (status == 0) {
        take_bell_locked(side);
        *seen = side->rung;
        status = side->peer_gone ? -EPIPE : 0;
    }
    spin_unlock(&side->object.lock);
    return status;
}

// --- operations on the handles ---

static ssize_t ring_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct ring_side *side = side_of(object);
    if (uio->resid < sizeof(uint64_t))
        return -EINVAL;
    if (pos)
        return -ESPIPE;
    spin_lock(&side->object.lock);
    bool wait = side->rung == side->taken && !side->peer_gone;
    status_t status = wait && (flags & IO_NONBLOCK) ? -EAGAIN : sleep_locked(side, side->taken, NSEC_NEVER);
    uint64_t count = side->rung - side->taken;
    if (status == 0)
        take_bell_locked(side);
    spin_unlock(&side->object.lock);
    if (status != 0)
        return status;
    if (count == 0)
        return 0; // the other side has hung up
    return uio_write(uio, &count, sizeof count) == sizeof count ? (ssize_t)sizeof count : -EFAULT;
}

static ssize_t ring_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    (void)flags;
    if (pos)
        return -ESPIPE;
    status_t status = ring_bell(object);
    return status == 0 ? (ssize_t)uio->resid : status;
}

static status_t ring_map(struct object *object, struct map_request *request) {
    request->vmo = side_of(object)->ring->vmo;
    vmo_get(request->vmo);
    return 0;
}

static int ring_describe(struct object *object, char *to, size_t size) {
    struct ring_side *side = side_of(object);
    spin_lock(&object->lock);
    uint32_t rung = side->rung;
    bool gone = side->peer_gone;
    spin_unlock(&object->lock);
    return fmt_snprintf(to, size, "ring-side: %s\nring-bytes: %llu\nring-bells: %u\nring-peer: %s\n",
                        number_of(side) == RING_CONSUMER ? "consumer" : "producer",
                        (unsigned long long)side->ring->vmo->size, rung, gone ? "gone" : "there");
}

// --- life ---

static void ring_closed(struct object *object) {
    struct ring_side *peer = peer_of(side_of(object));
    spin_lock(&peer->object.lock);
    peer->peer_gone = true;
    object_signal_locked(&peer->object, SIGNALS_WRITE,
                         SIGNALS_READ | SIGNAL_HANGUP | SIGNAL_READ_HANGUP | SIGNAL_PEER_CLOSED);
    wait_queue_wake_all(&peer->sleepers);
    spin_unlock(&peer->object.lock);
}

// One of several holders of a side is gone, perhaps by death between its message and its look at who sleeps: the other
// side looks for itself.
static void ring_handle_closed(struct object *object, struct task *task) {
    (void)task;
    rung_for(peer_of(side_of(object)));
}

static void free_ring(struct ring *ring) {
    page_put(ring->page);
    vmo_put(ring->vmo);
    charged_free(&ring_cache, ring);
}

static void ring_destroy(struct object *object) {
    struct ring *ring = side_of(object)->ring;
    if (refcount_down(&ring->ref))
        free_ring(ring);
}

static const struct object_ops ring_ops = {
    .type = OBJECT_RING,
    .name = "ring",
    .destroy = ring_destroy,
    .closed = ring_closed,
    .handle_closed = ring_handle_closed,
    .read = ring_read,
    .write = ring_write,
    .map = ring_map,
    .describe = ring_describe,
};

bool object_is_ring(const struct object *object) {
    return object->ops == &ring_ops;
}

static bool options_ok(const struct ring_options *options) {
    return options->slots >= 2 && options->slots <= RING_SLOTS_MAX && (options->slots & (options->slots - 1)) == 0 &&
           options->pool <= RING_POOL_MAX && !(options->flags & ~RING_MANY) && options->reserved == 0;
}

static status_t make_pages(struct ring *ring, const struct ring_options *options) {
    ring->vmo = vmo_create(ring_mapping_size(options->slots, options->pool));
    if (!ring->vmo)
        return -ENOMEM;
    status_t status = vmo_get_page(ring->vmo, 0, true, &ring->page);
    if (status != 0) {
        vmo_put(ring->vmo);
        return status;
    }
    ring->control = page_to_virt(ring->page);
    ring->control->slots = options->slots;
    ring->control->pool = ALIGN_UP(options->pool, (uint32_t)PAGE_SIZE);
    ring->control->flags = options->flags;
    return 0;
}

static void init_side(struct ring *ring, unsigned number) {
    struct ring_side *side = &ring->sides[number];
    object_init(&side->object, &ring_ops, SIGNALS_WRITE);
    side->ring = ring;
    side->rung = side->taken = 0;
    side->peer_gone = false;
    wait_queue_init(&side->sleepers);
}

status_t ring_create(const struct ring_options *options, struct object *sides[2]) {
    if (!options_ok(options))
        return -EINVAL;
    struct ring *ring = charged_alloc(&ring_cache);
    if (!ring)
        return -ENOMEM;
    status_t status = make_pages(ring, options);
    if (status != 0) {
        charged_free(&ring_cache, ring);
        return status;
    }
    refcount_init(&ring->ref, 2);
    for (unsigned number = 0; number < 2; number++) {
        init_side(ring, number);
        sides[number] = &ring->sides[number].object;
    }
    return 0;
}
