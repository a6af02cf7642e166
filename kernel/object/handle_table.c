// SPDX-License-Identifier: MPL-2.0
// The numbers of a handle table: entries and two bitmaps (used, close-on-exec) in chunks that double in size. A chunk
// never moves once it is there, so a reader needs no lock; the first one is part of the table. A search for the
// lowest free number looks at 64 of them at a time.

#include <mm/charged.h>
#include <mm/slab.h>

#include "handle_table.h"
#include "object_priv.h"
#include <lib/string.h>
#include <object/job.h>
#include <object/task.h>

CHARGED_CACHE(handle_table_cache, struct handle_table);

bool table_is_shared(const struct handle_table *table) {
    return atomic_load_explicit(&table->ref.value, memory_order_acquire) != 1 ||
           atomic_load_explicit(&task_current()->thread_count, memory_order_acquire) > 1;
}

static uint64_t *used_word(struct handle_table *table, unsigned number) {
    unsigned chunk = chunk_of(number);
    return &table->chunks[chunk].used[(number - chunk_start(chunk)) / 64];
}

static uint64_t *cloexec_word(struct handle_table *table, unsigned number) {
    unsigned chunk = chunk_of(number);
    return &table->chunks[chunk].cloexec[(number - chunk_start(chunk)) / 64];
}

bool table_is_used(struct handle_table *table, unsigned number) {
    return number < table->capacity && (*used_word(table, number) >> (number % 64) & 1);
}

bool table_is_cloexec(struct handle_table *table, unsigned number) {
    return *cloexec_word(table, number) >> (number % 64) & 1;
}

void table_set_cloexec(struct handle_table *table, unsigned number, bool on) {
    uint64_t bit = 1ull << (number % 64), *word = cloexec_word(table, number);
    *word = on ? *word | bit : *word & ~bit;
}

status_t table_grow(struct handle_table *table, unsigned number) {
    while (table->capacity <= number) {
        unsigned chunk = chunk_of(table->capacity), size = chunk_size(chunk);
        struct handle_chunk new = {
            .entries = kzalloc_charged(size * sizeof(uint64_t)),
            .used = kzalloc_charged(size / 8),
            .cloexec = kzalloc_charged(size / 8),
        };
        if (!new.entries || !new.used || !new.cloexec) {
            kfree(new.entries);
            kfree(new.used);
            kfree(new.cloexec);
            return -ENOMEM;
        }
        table->chunks[chunk] = new;
        atomic_store_explicit(&table->capacity, table->capacity + size, memory_order_release);
    }
    return 0;
}

// One more handle than the job pays for: charges ahead if it may, so that the counters of the tree are touched once in
// many handles; where there is a limit each counts at once.
static NOINLINE bool charge_more(struct handle_table *table) REQUIRES(&table->lock) {
    enum { AHEAD = 32 };
    bool ahead = job_handles_are_unlimited(table->job);
    uint32_t more = ahead ? AHEAD : 1;
    if (!job_charge_handles(table->job, more))
        return false;
    table->charged += more;
    table->spare = ahead ? 2 * AHEAD : 0;
    return true;
}

static bool may_use_one_more(struct handle_table *table) REQUIRES(&table->lock) {
    return LIKELY(table->count < table->charged) || charge_more(table);
}

static NOINLINE void charge_less(struct handle_table *table) REQUIRES(&table->lock) {
    if (!table->job)
        return;
    uint32_t less = table->charged - table->count - table->spare / 2;
    table->charged -= less;
    job_uncharge_handles(table->job, less);
}

status_t handle_table_set_job(struct handle_table *table, struct job *job) {
    spin_lock(&table->lock);
    struct job *old = table->job;
    bool may = job_charge_handles(job, table->count);
    if (may) {
        job_get(job);
        if (old)
            job_uncharge_handles(old, table->charged);
        table->job = job;
        table->charged = table->count;
        table->spare = 0;
    }
    spin_unlock(&table->lock);
    if (may && old)
        job_put(old);
    return may ? 0 : -EMFILE;
}

bool handle_table_is_shared(struct handle_table *table) {
    return refcount_value(&table->ref) > 1;
}

static void mark_used(struct handle_table *table, unsigned number, bool cloexec) REQUIRES(&table->lock) {
    *used_word(table, number) |= 1ull << (number % 64);
    table_set_cloexec(table, number, cloexec);
    table->count++;
}

int table_take_free(struct handle_table *table, unsigned minimum, bool cloexec) {
    unsigned number = MAX(minimum, table->next_free);
    for (; number < table->capacity; number = (number | 63) + 1) {
        uint64_t unused = ~*used_word(table, number) >> (number % 64);
        if (unused) {
            number += (unsigned)__builtin_ctzll(unused);
            break;
        }
    }
    if (number >= table->limit || number >= HANDLE_MAX)
        return -EMFILE;
    if (number >= table->capacity && table_grow(table, number) != 0)
        return -ENOMEM;
    if (!may_use_one_more(table))
        return -EMFILE;
    if (minimum <= table->next_free)
        table->next_free = number + 1;
    mark_used(table, number, cloexec);
    return (int)number;
}

status_t table_take(struct handle_table *table, unsigned number, bool cloexec) {
    if (number >= table->capacity && table_grow(table, number) != 0)
        return -ENOMEM;
    if (table_is_used(table, number))
        table_set_cloexec(table, number, cloexec);
    else if (!may_use_one_more(table))
        return -EMFILE;
    else
        mark_used(table, number, cloexec);
    return 0;
}

void table_free(struct handle_table *table, unsigned number) {
    *used_word(table, number) &= ~(1ull << (number % 64));
    table->count--;
    if (UNLIKELY(table->charged - table->count > table->spare))
        charge_less(table);
    if (number < table->next_free)
        table->next_free = number;
}

int table_next_used(struct handle_table *table, unsigned start) {
    for (unsigned number = start; number < table->capacity; number = (number | 63) + 1) {
        uint64_t used = *used_word(table, number) >> (number % 64);
        if (used)
            return (int)(number + (unsigned)__builtin_ctzll(used));
    }
    return -1;
}

uint64_t table_clear(struct handle_table *table, unsigned number) {
    _Atomic uint64_t *entry = table_entry(table, number);
    uint64_t old = atomic_load_explicit(entry, memory_order_relaxed);
    if (old && UNLIKELY(table_is_shared(table)))
        object_mark(entry_object(old), OBJECT_MARK_RCU);
    atomic_store_explicit(entry, 0, memory_order_relaxed);
    return old;
}

struct handle_table *handle_table_create(void) {
    struct handle_table *table = charged_alloc(&handle_table_cache);
    if (!table)
        return nullptr;
    memset(table, 0, sizeof *table);
    table->capacity = CHUNK_FIRST;
    refcount_init(&table->ref, 1);
    spin_init(&table->lock);
    table->limit = 1024;
    table->charged = table->spare = UINT32_MAX;
    table->chunks[0] = (struct handle_chunk){table->first_entries, &table->first_used, &table->first_cloexec};
    return table;
}

// What it pays for its handles goes back; the handles are gone or were never there.
static void leave_job(struct handle_table *table) NO_THREAD_SAFETY {
    if (!table->job)
        return;
    job_uncharge_handles(table->job, table->charged);
    job_put(table->job);
    table->job = nullptr;
}

static void free_table(struct handle_table *table) {
    for (unsigned chunk = 1; chunk < CHUNK_COUNT && table->chunks[chunk].entries; chunk++) {
        kfree(table->chunks[chunk].entries);
        kfree(table->chunks[chunk].used);
        kfree(table->chunks[chunk].cloexec);
    }
    charged_free(&handle_table_cache, table);
}

static void reclaim_table(struct rcu_head *head) {
    free_table(CONTAINER_OF(head, struct handle_table, rcu));
}

// Copies the handles of 64 numbers. A number that is only reserved stays behind: its call belongs to the parent.
static void copy_word(struct handle_table *to, struct handle_table *from, unsigned start) NO_THREAD_SAFETY {
    uint64_t used = *used_word(from, start), kept = used;
    _Atomic uint64_t *source = table_entry(from, start), *target = table_entry(to, start);
    for (uint64_t left = used; left; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        uint64_t entry = atomic_load_explicit(&source[i], memory_order_relaxed);
        if (entry)
            object_handle_acquire(entry_object(entry));
        else
            kept &= ~(1ull << i);
        atomic_store_explicit(&target[i], entry, memory_order_relaxed);
    }
    *used_word(to, start) = kept;
    *cloexec_word(to, start) = *cloexec_word(from, start) & kept;
    to->count += (unsigned)__builtin_popcountll(kept);
    if (kept != ~0ull && to->next_free == start)
        to->next_free = start + (unsigned)__builtin_ctzll(~kept);
    else if (to->next_free == start)
        to->next_free = start + 64;
}

struct handle_table *handle_table_copy(struct handle_table *from) NO_THREAD_SAFETY {
    struct handle_table *to = handle_table_create();
    if (!to)
        return nullptr;
    spin_lock(&from->lock);
    int last = -1; // the highest used number
    for (unsigned start = from->capacity - 64; last < 0; start -= 64) {
        uint64_t used = *used_word(from, start);
        if (used)
            last = (int)(start + 63 - (unsigned)__builtin_clzll(used));
        if (start == 0)
            break;
    }
    if (from->job && job_charge_handles(from->job, from->count)) {
        job_get(from->job);
        to->job = from->job;
        to->charged = from->count;
        to->spare = 0;
    }
    if (to->job != from->job || (last >= 0 && table_grow(to, (unsigned)last) != 0)) {
        spin_unlock(&from->lock);
        leave_job(to);
        free_table(to);
        return nullptr;
    }
    to->limit = from->limit;
    for (int start = 0; start <= last; start += 64)
        copy_word(to, from, (unsigned)start);
    spin_unlock(&from->lock);
    return to;
}

struct handle_table *handle_table_share(void) {
    struct handle_table *table = atomic_load_explicit(&task_current()->handles, memory_order_relaxed);
    refcount_up(&table->ref);
    handle_sharing_changes();
    return table;
}

void handle_table_replace(struct task *task, struct handle_table *new) {
    struct handle_table *old = atomic_load_explicit(&task->handles, memory_order_relaxed);
    atomic_store_explicit(&task->handles, new, memory_order_release);
    handle_sharing_changes();
    if (old)
        handle_table_put(old, task);
}

void handle_table_put(struct handle_table *table, struct task *task) NO_THREAD_SAFETY {
    if (!refcount_down(&table->ref))
        return;
    // Nobody else has the table, so no lock is needed; closing may block.
    for (int number = 0; (number = table_next_used(table, (unsigned)number)) >= 0; number++) {
        uint64_t entry = atomic_load_explicit(table_entry(table, (unsigned)number), memory_order_relaxed);
        if (entry)
            handle_drop(entry_object(entry), task);
    }
    leave_job(table);
    rcu_call(&table->rcu, reclaim_table); // task_get_handles may be looking at its count
}

void handle_table_set_limit(struct handle_table *table, unsigned limit) {
    table->limit = limit;
}
unsigned handle_table_limit(struct handle_table *table) {
    return table->limit;
}

unsigned handle_count(struct handle_table *table) {
    return table->count;
}
