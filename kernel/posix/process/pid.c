// SPDX-License-Identifier: MPL-2.0
// The pid table: chunks of entries that are made when first needed and never freed, so that a lookup is two loads and
// needs no lock. Numbers go round: a freed one is not reused until the others have been, as programs expect.
#include "pid.h"
#include <mm/slab.h>
#include <stdatomic.h>

enum { CHUNK_SIZE = 512 };

struct id_entry {
    void *_Atomic owner[ID_KIND_COUNT];
};

static struct {
    struct id_entry *_Atomic chunks[ID_LIMIT / CHUNK_SIZE];
    int last, maximum, highest_chunk;
    unsigned used[ID_KIND_COUNT];
} ids = {.maximum = 32768, .highest_chunk = -1};

static struct id_entry *entry_of(int id) {
    if (id <= 0 || id >= ID_LIMIT)
        return nullptr;
    struct id_entry *chunk = atomic_load_explicit(&ids.chunks[id / CHUNK_SIZE], memory_order_acquire);
    return chunk ? &chunk[id % CHUNK_SIZE] : nullptr;
}

static struct id_entry *entry_make(int id) {
    struct id_entry *entry = entry_of(id);
    if (entry)
        return entry;
    struct id_entry *chunk = kzalloc(CHUNK_SIZE * sizeof(*chunk));
    if (!chunk)
        return nullptr;
    int index = id / CHUNK_SIZE;
    ids.highest_chunk = MAX(ids.highest_chunk, index);
    atomic_store_explicit(&ids.chunks[index], chunk, memory_order_release);
    return &chunk[id % CHUNK_SIZE];
}

static bool is_free(const struct id_entry *entry) {
    for (unsigned k = 0; k < ID_KIND_COUNT; k++)
        if (atomic_load_explicit(&entry->owner[k], memory_order_relaxed))
            return false;
    return true;
}

int id_alloc(enum id_kind kind, void *owner) {
    int id = ids.last;
    for (int tries = 0; tries < ids.maximum; tries++) {
        if (++id >= ids.maximum)
            id = ids.maximum > ID_RESERVED + 1 ? ID_RESERVED : 1;
        struct id_entry *entry = entry_make(id);
        if (!entry)
            return -ENOMEM;
        if (!is_free(entry))
            continue;
        ids.last = id;
        id_set(id, kind, owner);
        return id;
    }
    return -EAGAIN;
}

void id_set(int id, enum id_kind kind, void *owner) {
    struct id_entry *entry = entry_of(id);
    ASSERT(entry);
    void *old = atomic_load_explicit(&entry->owner[kind], memory_order_relaxed);
    ids.used[kind] += (owner != nullptr) - (old != nullptr);
    atomic_store_explicit(&entry->owner[kind], owner, memory_order_release);
}

void *id_lookup(int id, enum id_kind kind) {
    struct id_entry *entry = entry_of(id);
    return entry ? atomic_load_explicit(&entry->owner[kind], memory_order_acquire) : nullptr;
}

int id_next(int id, enum id_kind kind) {
    if (id < 1)
        id = 1;
    while (id / CHUNK_SIZE <= ids.highest_chunk) {
        struct id_entry *entry = entry_of(id);
        if (!entry) {
            id = ALIGN_UP(id + 1, CHUNK_SIZE);
            continue;
        }
        if (atomic_load_explicit(&entry->owner[kind], memory_order_relaxed))
            return id;
        id++;
    }
    return -1;
}

int id_last(void) {
    return ids.last;
}

unsigned id_used(enum id_kind kind) {
    return ids.used[kind];
}

int id_maximum(void) {
    return ids.maximum;
}

status_t id_set_maximum(int maximum) {
    if (maximum <= ID_RESERVED + 1 || maximum > ID_LIMIT)
        return -EINVAL;
    ids.maximum = maximum;
    return 0;
}
