// SPDX-License-Identifier: MPL-2.0
// Rings: mapped, and taken over from a process that is gone.

#include <tessera/ring.h>

#include <sys/mman.h>

// --- maps ---

static bool options_ok(const struct ring_options *options) {
    return options->slots >= 2 && options->slots <= RING_SLOTS_MAX && (options->slots & (options->slots - 1)) == 0 &&
           options->pool <= RING_POOL_MAX;
}

static int init_map(struct ring_map *map, void *memory, const struct ring_options *options) {
    if (!options_ok(options))
        return -EINVAL;
    uint32_t pool = (options->pool + RING_PAGE - 1) / RING_PAGE * RING_PAGE;
    *map = (struct ring_map){
        .control = memory,
        .slots = (struct ring_slot *)((uint8_t *)memory + RING_PAGE),
        .pool = (uint8_t *)memory + ring_pool_start(options->slots),
        .last = (options->slots - 1) * RING_SLOT_SIZE,
        .pool_size = pool,
        .lines = ring_cell_lines(pool, options->slots),
        .flags = options->flags,
        .handle = -1,
    };
    return 0;
}

// Messages that were put but not flushed are complete, so they count.
static uint32_t find_tail(const struct ring_map *map) {
    uint32_t tail = atomic_load_explicit(&map->control->tail, memory_order_acquire);
    for (uint32_t i = 0; i < ring_slots(map); i++, tail++) {
        const struct ring_slot *slot = ring_slot_at(map, ring_at(map, tail));
        if (!ring_is_ready(atomic_load_explicit(&slot->ready, memory_order_acquire), ring_high(tail)))
            break;
    }
    return tail;
}

int ring_init_producer(struct ring_producer *producer, void *memory, const struct ring_options *options) {
    int status = init_map(&producer->map, memory, options);
    if (status != 0)
        return status;
    producer->shown = atomic_load_explicit(&producer->map.control->tail, memory_order_acquire);
    uint32_t tail = options->flags & RING_MANY ? producer->shown : find_tail(&producer->map);
    producer->tail = ring_high(tail);
    producer->room = 0;
    producer->at = ring_at(&producer->map, tail);
    return 0;
}

int ring_init_consumer(struct ring_consumer *consumer, void *memory, const struct ring_options *options) {
    int status = init_map(&consumer->map, memory, options);
    if (status != 0)
        return status;
    consumer->shown = atomic_load_explicit(&consumer->map.control->head, memory_order_acquire);
    consumer->head = ring_high(consumer->shown);
    consumer->at = ring_at(&consumer->map, consumer->shown);
    return 0;
}

// --- handles ---

// Reads what the ring says of itself.
static int read_options(int handle, struct ring_options *options) {
    struct ring_control *control = mmap(NULL, RING_PAGE, PROT_READ, MAP_SHARED, handle, 0);
    if (control == MAP_FAILED)
        return -errno;
    *options = (struct ring_options){.slots = control->slots, .pool = control->pool, .flags = control->flags};
    munmap(control, RING_PAGE);
    return options_ok(options) ? 0 : -EINVAL;
}

static int map_ring(int handle, const struct ring_options *given, struct ring_options *options, void **memory) {
    if (given)
        *options = *given;
    int status = given ? (options_ok(given) ? 0 : -EINVAL) : read_options(handle, options);
    if (status != 0)
        return status;
    size_t size = ring_mapping_size(options->slots, options->pool);
    *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
    return *memory == MAP_FAILED ? -errno : 0;
}

int ring_attach_producer(struct ring_producer *producer, int handle, const struct ring_options *given) {
    struct ring_options options;
    void *memory;
    int status = map_ring(handle, given, &options, &memory);
    if (status != 0)
        return status;
    status = ring_init_producer(producer, memory, &options);
    producer->map.handle = handle;
    if (status == 0 && producer->shown != ring_number(producer->tail))
        ring_flush(producer);
    return status;
}

int ring_attach_consumer(struct ring_consumer *consumer, int handle, const struct ring_options *given) {
    struct ring_options options;
    void *memory;
    int status = map_ring(handle, given, &options, &memory);
    if (status != 0)
        return status;
    status = ring_init_consumer(consumer, memory, &options);
    consumer->map.handle = handle;
    return status;
}

void ring_detach(struct ring_map *map) {
    munmap(map->control, ring_mapping_size(ring_slots(map), map->pool_size));
}
