// SPDX-License-Identifier: MPL-2.0
// The handle table's insides: chunks, entries, and the search for free numbers. See handle_table.c.
#pragma once

#include <object/handle.h>

#define CHUNK_FIRST HANDLES_NEAR // entries of chunk 0; chunk k > 0 holds numbers [32 << k, 64 << k)
#define CHUNK_COUNT 15           // up to HANDLE_MAX

static_assert(RIGHTS_ALL < ENTRY_SPAN);

struct handle_chunk {
    _Atomic uint64_t *entries;
    uint64_t *used;    // a bit a number: taken (perhaps only reserved)
    uint64_t *cloexec; // a bit a number
};

struct handle_table {
    _Atomic uint32_t capacity; // numbers below have chunks; grows
    struct refcount ref;
    struct spinlock lock; // all changes
    uint32_t next_free;   // no free number is below
    uint32_t count;       // used numbers
    uint32_t charged;     // of these, what the job pays for already: never less
    uint32_t spare;       // how much more may be charged than used
    struct job *job;      // one reference; null: nobody pays (then all is charged)
    uint32_t limit;
    struct handle_chunk chunks[CHUNK_COUNT]; // 0: the three below
    _Atomic uint64_t first_entries[CHUNK_FIRST];
    uint64_t first_used, first_cloexec;
    struct rcu_head rcu;
};

ALWAYS_INLINE uint64_t entry_pack(struct object *object, uint32_t rights) {
    return entry_of((uintptr_t)object, rights);
}

ALWAYS_INLINE unsigned chunk_of(unsigned number) {
    return 26 - (unsigned)__builtin_clz(number | (CHUNK_FIRST - 1));
}
ALWAYS_INLINE unsigned chunk_start(unsigned chunk) {
    return chunk ? (CHUNK_FIRST / 2) << chunk : 0;
}
ALWAYS_INLINE unsigned chunk_size(unsigned chunk) {
    return chunk ? (CHUNK_FIRST / 2) << chunk : CHUNK_FIRST;
}

// The entry of a number below capacity.
ALWAYS_INLINE _Atomic uint64_t *table_entry(struct handle_table *table, unsigned number) {
    unsigned chunk = chunk_of(number);
    return &table->chunks[chunk].entries[number - chunk_start(chunk)];
}

// All of these: table->lock is held.
bool table_is_used(struct handle_table *table, unsigned number) REQUIRES(&table->lock);
bool table_is_cloexec(struct handle_table *table, unsigned number) REQUIRES(&table->lock);
void table_set_cloexec(struct handle_table *table, unsigned number, bool on) REQUIRES(&table->lock);
// Takes the lowest free number ≥ minimum. -EMFILE, -ENOMEM.
int table_take_free(struct handle_table *table, unsigned minimum, bool cloexec) REQUIRES(&table->lock);
// Takes exactly this number, used or not. -ENOMEM.
MUST_USE status_t table_take(struct handle_table *table, unsigned number, bool cloexec) REQUIRES(&table->lock);
void table_free(struct handle_table *table, unsigned number) REQUIRES(&table->lock);
// The first used number ≥ start, or -1.
int table_next_used(struct handle_table *table, unsigned start) REQUIRES(&table->lock);
MUST_USE status_t table_grow(struct handle_table *table, unsigned number) REQUIRES(&table->lock);
// Empties an entry; returns what was in it (0: nothing), marked for lock-free readers if there may be any.
uint64_t table_clear(struct handle_table *table, unsigned number) REQUIRES(&table->lock);
// Another thread of this task, or another task, may look up in the current table at the same time. If not, all that
// others did to it is seen.
bool table_is_shared(const struct handle_table *table);
