// SPDX-License-Identifier: MPL-2.0
// The queue of a disk, with a driver that the test is: what is refused, what is merged, who goes first, and that each
// request is done exactly once whatever the driver answers.

#include "../block_priv.h"
#include <stdlib.h>
#include <tap.h>

enum { PAGES = 8, LIMIT_SECTORS = 32, LIMIT_SEGMENTS = 4 };

// Taken by the queue from elsewhere in the kernel.
struct block_devices block_devices;

static struct {
    const struct block_request *had[64]; // chains that the driver has, in order
    unsigned count;
    status_t answer;
    unsigned room;
} driver;

static status_t start(void *context, const struct block_request *first) {
    (void)context;
    if (driver.answer != 0)
        return driver.answer;
    if (driver.count >= driver.room)
        return -EAGAIN;
    driver.had[driver.count++] = first;
    return 0;
}

static const struct block_driver ops = {.prefix = "t", .major = 1, .start = start};
static struct block_device device;

static void reset(unsigned room) {
    device.info = (struct block_info){.driver = &ops,
                                      .sectors = 1000,
                                      .limits = {.logical_size = 512,
                                                 .max_sectors = LIMIT_SECTORS,
                                                 .max_segments = LIMIT_SEGMENTS,
                                                 .max_segment_size = 4096,
                                                 .depth = 16,
                                                 .discard_max = 100,
                                                 .flush = true}};
    atomic_store(&device.read_only, false);
    queue_init(&device.queue);
    driver.count = 0;
    driver.answer = 0;
    driver.room = room;
}

struct item {
    struct block_request request;
    struct block_segment segment;
    unsigned done;
};

static unsigned done_count;
static void done(struct block_request *request) {
    ((struct item *)request->context)->done++;
    done_count++;
}

static void set(struct item *item, enum block_operation operation, uint64_t sector, uint32_t count) {
    bool moves = operation <= BLOCK_WRITE;
    *item = (struct item){.segment = {0x1000, count * 512}};
    item->request = (struct block_request){.operation = operation,
                                           .priority = BLOCK_NORMAL,
                                           .rights = RIGHT_READ | RIGHT_WRITE,
                                           .sector = sector,
                                           .count = count,
                                           .segments = moves ? &item->segment : nullptr,
                                           .segment_count = moves,
                                           .done = done,
                                           .context = item};
}

static void submit(struct item *items, unsigned count) {
    struct list_node list = LIST_INIT(list);
    for (unsigned i = 0; i < count; i++)
        list_push_back(&list, &items[i].request.node);
    block_submit(&device, &list);
}

// The driver is through with its oldest chain.
static void complete(status_t status) {
    if (driver.count == 0)
        return;
    const struct block_request *first = driver.had[0];
    memmove(driver.had, driver.had + 1, --driver.count * sizeof *driver.had);
    block_complete(&device, (struct block_request *)(uintptr_t)first, status);
}

static void refused(const char *what, struct item *item, status_t error) {
    submit(item, 1);
    ok(item->done == 1 && item->request.status == error && driver.count == 0, "%s: %d", what, -error);
}

static void refusals(void) {
    struct item item;
    reset(16);
    set(&item, BLOCK_READ, 0, 8), item.request.rights = RIGHT_WRITE;
    refused("reading without READ", &item, -EBADF);
    set(&item, BLOCK_WRITE, 0, 8), item.request.rights = RIGHT_READ;
    refused("writing without WRITE", &item, -EBADF);
    set(&item, BLOCK_DISCARD, 0, 8), item.request.rights = RIGHT_READ;
    refused("discarding without WRITE", &item, -EBADF);
    set(&item, BLOCK_FLUSH, 0, 0), item.request.rights = RIGHT_READ;
    refused("flushing without WRITE", &item, -EBADF);
    set(&item, BLOCK_READ, 1000, 1);
    refused("behind the end", &item, -EIO);
    set(&item, BLOCK_READ, 996, 8);
    refused("over the end", &item, -EIO);
    set(&item, BLOCK_READ, UINT64_MAX - 3, 8);
    refused("around the end of numbers", &item, -EIO);
    set(&item, BLOCK_READ, 0, 0);
    refused("nothing", &item, -EINVAL);
    set(&item, BLOCK_READ, 0, 8), item.segment.size = 512;
    refused("fewer bytes than sectors", &item, -EINVAL);
    set(&item, BLOCK_READ, 0, 16);
    refused("a segment that is too large", &item, -EINVAL);
    set(&item, BLOCK_DISCARD, 0, 101);
    refused("discarding more than the disk can", &item, -EINVAL);
    set(&item, BLOCK_ZERO, 0, 8);
    refused("zeroing, which it cannot", &item, -EOPNOTSUPP);
    device.info.limits.logical_size = 4096;
    set(&item, BLOCK_READ, 1, 8);
    refused("from within the disk's unit", &item, -EINVAL);
    device.info.limits.logical_size = 512;
    atomic_store(&device.read_only, true);
    set(&item, BLOCK_WRITE, 0, 8);
    refused("writing to a read-only disk", &item, -EPERM);
    set(&item, BLOCK_READ, 0, 8);
    submit(&item, 1);
    ok(driver.count == 1 && item.done == 0, "reading from it goes on");
    complete(-EIO);
    ok(item.done == 1 && item.request.status == -EIO, "and its error is the driver's");
}

static void merging(void) {
    struct item items[PAGES];
    reset(16);
    static const unsigned order[PAGES] = {0, 1, 3, 2, 10, 12, 11, 20};
    for (unsigned i = 0; i < PAGES; i++)
        set(&items[i], BLOCK_READ, order[i] * 8, 8);
    submit(items, PAGES);
    is(driver.count, 3, "what follows each other is one command, up to the limit");
    const struct block_request *first = driver.had[0];
    unsigned in_order = 0;
    for (const struct block_request *r = first; r; r = r->next)
        in_order += r->next == NULL || r->next->sector == r->sector + r->count;
    ok(in_order == 4 && first->chain_count == 32 && first->chain_segments == 4, "in the disk's order");
    while (driver.count > 0)
        complete(0);
    unsigned all = 0;
    for (unsigned i = 0; i < PAGES; i++)
        all += items[i].done == 1 && items[i].request.status == 0;
    is(all, PAGES, "each request is done once");
    struct block_counters counters;
    queue_read_counters(&device.queue, &counters);
    ok(counters.by[COUNT_READ].requests == PAGES && counters.by[COUNT_READ].sectors == 64 && counters.open == 0,
       "and counted");
    set(&items[0], BLOCK_READ, 0, 8), set(&items[1], BLOCK_WRITE, 8, 8);
    submit(items, 2);
    is(driver.count, 2, "a read and a write do not merge");
    complete(0), complete(0);
    set(&items[0], BLOCK_FLUSH, 0, 0), set(&items[1], BLOCK_FLUSH, 0, 0);
    submit(items, 2);
    is(driver.count, 2, "nor do flushes");
    complete(0), complete(0);
    device.info.limits.flush = false;
    set(&items[0], BLOCK_FLUSH, 0, 0);
    submit(items, 1);
    ok(driver.count == 0 && items[0].done == 1 && items[0].request.status == 0,
       "a disk without a cache is never asked");
}

static void priorities(void) {
    static struct item items[40];
    reset(1);
    for (unsigned i = 0; i < 40; i++) { // apart, so that none merge
        set(&items[i], BLOCK_READ, i * 20, 8);
        items[i].request.priority = i == 0   ? BLOCK_URGENT
                                    : i == 1 ? BLOCK_BACKGROUND
                                    : i < 5  ? BLOCK_NORMAL
                                             : BLOCK_URGENT;
    }
    submit(items, 40);
    ok(driver.count == 1 && driver.had[0] == &items[0].request, "the first one goes at once");
    unsigned urgent_before_normal = 0, position = 0, background_at = 0;
    while (driver.count > 0) {
        const struct block_request *now = driver.had[0];
        position++;
        if (now == &items[1].request)
            background_at = position;
        if (now == &items[2].request)
            urgent_before_normal = position;
        complete(0);
    }
    is(position, 40, "all are done");
    ok(urgent_before_normal > 10 && urgent_before_normal < 25, "the urgent go first, but not for ever (%u)",
       urgent_before_normal);
    ok(background_at < 40, "not even the last is forgotten (%u)", background_at);
}

static void failures(void) {
    struct item items[3];
    reset(0);
    set(&items[0], BLOCK_READ, 0, 8);
    submit(items, 1);
    ok(items[0].done == 1 && items[0].request.status == -EIO, "a driver that has no room and nothing to do fails");
    reset(16);
    driver.answer = -ENODEV;
    for (unsigned i = 0; i < 3; i++)
        set(&items[i], BLOCK_READ, i * 8, 8);
    submit(items, 3);
    ok(items[0].done == 1 && items[1].done == 1 && items[2].done == 1 && items[2].request.status == -ENODEV,
       "its error is that of the whole chain");
}

static void one_of_a_chain(void) {
    struct item items[3], behind;
    reset(16);
    for (unsigned i = 0; i < 3; i++)
        set(&items[i], BLOCK_READ, i * 8, 8);
    submit(items, 3);
    is(driver.count, 1, "three that are one command");
    complete(-EIO);
    ok(driver.count == 3 && items[0].done + items[1].done + items[2].done == 0, "are tried one by one when it fails");
    set(&behind, BLOCK_READ, 24, 8);
    submit(&behind, 1);
    is(driver.count, 4, "and merge with nothing");
    complete(0), complete(-EIO), complete(0), complete(0);
    ok(items[0].done == 1 && items[0].request.status == 0 && items[2].done == 1 && items[2].request.status == 0,
       "so the error is not that of its neighbours");
    ok(items[1].done == 1 && items[1].request.status == -EIO && driver.count == 0, "but of the one that has it");
}

// Any requests, any answers: each is done once, and in the end the queue is empty.
static void any(unsigned seed) {
    enum { ITEMS = 2000 };
    static struct item items[ITEMS];
    reset(3);
    srand(seed);
    done_count = 0;
    unsigned next = 0;
    while (next < ITEMS || driver.count > 0) {
        unsigned batch = (unsigned)rand() % 6;
        if (batch < 4 && next + batch < ITEMS) {
            for (unsigned i = 0; i < batch; i++) {
                struct item *item = &items[next + i];
                set(item, (enum block_operation)(rand() % BLOCK_OPERATIONS), (uint64_t)rand() % 1010,
                    (uint32_t)rand() % 10);
                item->request.priority = (enum block_priority)(rand() % BLOCK_PRIORITIES);
                item->request.rights = (uint32_t)rand() % 4;
            }
            submit(&items[next], batch);
            next += batch;
        } else if (next + 4 >= ITEMS) {
            next = ITEMS;
        }
        driver.answer = rand() % 20 == 0 ? -EIO : 0;
        if (driver.count > 0 && rand() % 2)
            complete(rand() % 8 == 0 ? -EIO : 0);
    }
    unsigned submitted = 0, wrong = 0;
    for (unsigned i = 0; i < ITEMS; i++) {
        submitted += items[i].request.done != nullptr;
        wrong += items[i].request.done != nullptr && items[i].done != 1;
        items[i] = (struct item){};
    }
    struct block_counters counters;
    queue_read_counters(&device.queue, &counters);
    ok(wrong == 0 && done_count == submitted && counters.open == 0 && device.queue.started == 0,
       "seed %u: %u requests, each done once", seed, submitted);
}

int main(void) {
    refusals();
    merging();
    priorities();
    failures();
    one_of_a_chain();
    for (unsigned seed = 1; seed <= 20; seed++)
        any(seed);
    return tap_done();
}
