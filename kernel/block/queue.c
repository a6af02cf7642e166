// SPDX-License-Identifier: MPL-2.0
// Requests on their way to a disk.
//
//   submitted -> waiting, by priority -> started: the driver has it -> done
//
// A request that follows another one on the disk, and waits with it, joins it: the two become one command. The driver
// has as many chains as it can take; the rest waits, and the most urgent goes first. Whoever was passed
// PATIENCE times goes ahead all the same. When a command of several requests fails, each is tried alone, so that an
// error is the one's that has the bad sector.
//
// Drivers are called with the lock held, makers without: what ends is collected and told at the end.
#include "block_priv.h"

#include <sched/timer.h>

#define PATIENCE 16u
#define MERGE_DEPTH 8u // requests at the end of the queue that one is compared with

void queue_init(struct block_queue *queue) {
    *queue = (struct block_queue){};
    spin_init(&queue->lock);
    for (unsigned i = 0; i < BLOCK_PRIORITIES; i++)
        list_init(&queue->waiting[i]);
}

// ---------------------------------------------------------------- counters

static enum block_counter counter_of(enum block_operation operation) {
    static const uint8_t counters[BLOCK_OPERATIONS] = {[BLOCK_READ] = COUNT_READ,
                                                       [BLOCK_WRITE] = COUNT_WRITE,
                                                       [BLOCK_FLUSH] = COUNT_FLUSH,
                                                       [BLOCK_DISCARD] = COUNT_DISCARD,
                                                       [BLOCK_ZERO] = COUNT_WRITE};
    return counters[operation];
}

static void count_time(struct block_queue *queue) REQUIRES(&queue->lock) {
    nsec_t now = clock_now(), passed = now - queue->counted;
    if (queue->counters.open > 0)
        queue->counters.busy_time += passed;
    queue->counted = now;
}

static void count_done(struct block_queue *queue, const struct block_request *request) REQUIRES(&queue->lock) {
    enum block_counter counter = counter_of(request->operation);
    queue->counters.by[counter].requests++;
    queue->counters.by[counter].sectors += request->count;
    queue->counters.by[counter].time += queue->counted - request->since;
    queue->counters.open--;
    queue->counters.open_reads -= request->operation == BLOCK_READ;
}

void queue_read_counters(struct block_queue *queue, struct block_counters *out) {
    spin_lock(&queue->lock);
    count_time(queue);
    *out = queue->counters;
    spin_unlock(&queue->lock);
}

// ---------------------------------------------------------------- checks

static bool has_segments(const struct block_limits *limits, const struct block_request *request) {
    uint64_t bytes = 0;
    for (unsigned i = 0; i < request->segment_count; i++) {
        uint32_t size = request->segments[i].size;
        if (size == 0 || size > limits->max_segment_size)
            return false;
        bytes += size;
    }
    return request->segment_count <= limits->max_segments && request->count <= limits->max_sectors &&
           bytes == (uint64_t)request->count << BLOCK_SECTOR_SHIFT;
}

static status_t check_kind(const struct block_limits *limits, const struct block_request *request) {
    switch (request->operation) {
    case BLOCK_READ:
    case BLOCK_WRITE:
        return has_segments(limits, request) ? 0 : -EINVAL;
    case BLOCK_DISCARD:
        return limits->discard_max == 0 ? -EOPNOTSUPP : request->count > limits->discard_max ? -EINVAL : 0;
    case BLOCK_ZERO:
        return limits->zero_max == 0 ? -EOPNOTSUPP : request->count > limits->zero_max ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

static status_t check(const struct block_device *device, const struct block_request *request) {
    const struct block_limits *limits = &device->info.limits;
    uint32_t needed = request->operation == BLOCK_READ ? RIGHT_READ : RIGHT_WRITE;
    if (!(request->rights & needed))
        return -EBADF;
    if (request->operation == BLOCK_FLUSH)
        return request->count == 0 ? 0 : -EINVAL;
    if (request->operation != BLOCK_READ && block_is_read_only(device))
        return -EPERM;
    uint64_t sectors = device->info.sectors;
    if (request->sector > sectors || request->count > sectors - request->sector)
        return -EIO;
    uint32_t unit = limits->logical_size >> BLOCK_SECTOR_SHIFT;
    if (request->count == 0 || request->sector % unit != 0 || request->count % unit != 0 ||
        request->priority >= BLOCK_PRIORITIES)
        return -EINVAL;
    return check_kind(limits, request);
}

// ---------------------------------------------------------------- merging

static bool fit(const struct block_limits *limits, const struct block_request *a, const struct block_request *b) {
    return a->operation == b->operation && a->operation <= BLOCK_WRITE && !a->alone && !b->alone &&
           a->chain_count + b->chain_count <= limits->max_sectors &&
           a->chain_segments + b->chain_segments <= limits->max_segments;
}

static void join(struct block_request *first, struct block_request *second) {
    first->last->next = second;
    first->last = second->last;
    first->chain_count += second->chain_count;
    first->chain_segments += second->chain_segments;
}

// Takes a chain that `chain` follows, or that follows it, out of the queue: the first of both, now one. nullptr: none.
// The limit on what a disk does at once bounds how often one can be put off by this.
static struct block_request *join_waiting(struct block_device *device, struct block_request *chain)
    REQUIRES(&device->queue.lock) {
    struct list_node *head = &device->queue.waiting[chain->priority], *node = head->prev;
    for (unsigned i = 0; i < MERGE_DEPTH && node != head; i++, node = node->prev) {
        struct block_request *other = LIST_ENTRY(node, struct block_request, node);
        bool follows = other->sector + other->chain_count == chain->sector;
        if (!fit(&device->info.limits, other, chain) ||
            (!follows && chain->sector + chain->chain_count != other->sector))
            continue;
        list_remove(node);
        join(follows ? other : chain, follows ? chain : other);
        return follows ? other : chain;
    }
    return nullptr;
}

// ---------------------------------------------------------------- to the driver

static struct block_request *pick(struct block_queue *queue) REQUIRES(&queue->lock) {
    int best = -1;
    for (int i = BLOCK_PRIORITIES - 1; i >= 0; i--) {
        bool waits = !list_is_empty(&queue->waiting[i]);
        if (waits && (best < 0 || queue->passed[best] < PATIENCE))
            best = i;
    }
    if (best < 0)
        return nullptr;
    for (int i = best + 1; i < BLOCK_PRIORITIES; i++)
        queue->passed[i] += !list_is_empty(&queue->waiting[i]);
    queue->passed[best] = 0;
    return LIST_ENTRY(list_pop_front(&queue->waiting[best]), struct block_request, node);
}

static void finish(struct block_queue *queue, struct block_request *first, status_t status, struct list_node *ended)
    REQUIRES(&queue->lock) {
    count_time(queue);
    for (struct block_request *request = first; request != nullptr; request = request->next) {
        request->status = status;
        count_done(queue, request);
    }
    list_push_back(ended, &first->node);
}

static void start_waiting(struct block_device *device, struct list_node *ended) REQUIRES(&device->queue.lock) {
    struct block_request *first;
    while (!device->queue.full && device->queue.started < device->info.limits.depth &&
           (first = pick(&device->queue)) != nullptr) {
        status_t status = device->info.driver->start(device->info.context, first);
        if (status == 0) {
            device->queue.started++;
        } else if (status == -EAGAIN && device->queue.started > 0) {
            list_push_front(&device->queue.waiting[first->priority], &first->node);
            device->queue.full = true;
        } else {
            finish(&device->queue, first, status == -EAGAIN ? -EIO : status, ended);
        }
    }
}

static void tell(struct list_node *ended) {
    struct list_node *node;
    while ((node = list_pop_front(ended)) != nullptr) {
        struct block_request *request = LIST_ENTRY(node, struct block_request, node), *next;
        for (; request != nullptr; request = next) {
            next = request->next; // the request may be gone after this
            request->done(request);
        }
    }
}

static void make_chain_of_one(struct block_request *request, bool alone) {
    request->next = nullptr;
    request->last = request;
    request->chain_count = request->count;
    request->chain_segments = request->segment_count;
    request->alone = alone;
}

// The requests of a chain wait once more, each for itself. They count as submitted when they were.
static void split(struct block_queue *queue, struct block_request *first) REQUIRES(&queue->lock) {
    for (struct block_request *request = first, *next; request != nullptr; request = next) {
        next = request->next;
        make_chain_of_one(request, true);
        list_push_back(&queue->waiting[request->priority], &request->node);
    }
}

static void add(struct block_device *device, struct block_request *request) REQUIRES(&device->queue.lock) {
    make_chain_of_one(request, false);
    count_time(&device->queue);
    request->since = device->queue.counted;
    device->queue.counters.open++;
    device->queue.counters.open_reads += request->operation == BLOCK_READ;
    struct block_request *chain = request, *longer;
    for (; (longer = join_waiting(device, chain)) != nullptr; chain = longer)
        device->queue.counters.by[counter_of(request->operation)].merged++;
    list_push_back(&device->queue.waiting[request->priority], &chain->node);
}

void block_submit(struct block_device *device, struct list_node *requests) {
    struct list_node *node, ended = LIST_INIT(ended);
    spin_lock(&device->queue.lock);
    while ((node = list_pop_front(requests)) != nullptr) {
        struct block_request *request = LIST_ENTRY(node, struct block_request, node);
        request->status = check(device, request);
        bool nothing = request->operation == BLOCK_FLUSH && !device->info.limits.flush;
        request->next = nullptr;
        if (request->status != 0 || nothing)
            list_push_back(&ended, &request->node);
        else
            add(device, request);
    }
    start_waiting(device, &ended);
    spin_unlock(&device->queue.lock);
    tell(&ended);
}

void block_complete(struct block_device *device, struct block_request *first, status_t status) {
    struct list_node ended = LIST_INIT(ended);
    spin_lock(&device->queue.lock);
    device->queue.started--;
    device->queue.full = false;
    list_init(&first->node);
    if (status == -EIO && first->next)
        split(&device->queue, first);
    else
        finish(&device->queue, first, status, &ended);
    start_waiting(device, &ended);
    spin_unlock(&device->queue.lock);
    tell(&ended);
}
