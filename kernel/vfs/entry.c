// SPDX-License-Identifier: MPL-2.0
// The capability cache: names that were looked up, and what they led to.
//
// A hash table maps (parent entry, name) to an entry; an entry without vnode is negative: the name is known not to
// exist. Readers hold no lock: chains are followed under RCU and an entry's memory lives until a grace period after
// its last reference. Changes take cache.lock.
//
// References. The cache owns one of every hashed entry, so a count of 1 means that nobody uses it. To evict or to turn
// an entry negative, its count is exchanged from exactly that to 0: whoever tries to take a reference meanwhile fails
// and goes the slow way, through the directory's lock. Hence the rule that the walk depends on: an entry to which you
// hold a reference, and which has a vnode, keeps it.
//
// A rename changes parent and name of an entry in place, since open files and working directories hold it. It makes
// tree.sequence odd meanwhile, and the walk starts again if the number has changed.
//
// Size: the cache holds at most cache.limit entries. The clock hand passes over those used since its last visit
// (ENTRY_USED) and over those in use, and throws out the rest. Children hold their parent, so leaves go first.
#include "vfs_priv.h"

#include <arch/percpu.h>
#include <arch/smp.h>
#include <lib/log.h>

enum { CACHE_MIN = 1024, CACHE_DEFAULT = 16384, BUCKET_COUNT = 8192, CLOCK_STEPS = 16 };

static struct {
    struct spinlock lock;
    struct list_node clock GUARDED_BY(&lock);
    size_t count GUARDED_BY(&lock);
    size_t limit;
    uint64_t evictions GUARDED_BY(&lock);
    uint32_t seed;
    _Atomic(struct entry *) *buckets;
} cache = {.clock = LIST_INIT(cache.clock), .limit = CACHE_DEFAULT};

struct cache_counts {
    uint64_t hits, misses;
};
static struct cache_counts cache_counts PER_CPU;

SLAB_CACHE(entry_slab, struct entry);

struct tree_lock tree;

void tree_change_begin(void) {
    spin_lock(&tree.lock);
    atomic_fetch_add_explicit(&tree.sequence, 1, memory_order_relaxed);
    // A reader that sees any of the following stores must also see the odd number.
    atomic_thread_fence(memory_order_release);
}

void tree_change_end(void) {
    atomic_fetch_add_explicit(&tree.sequence, 1, memory_order_release);
    spin_unlock(&tree.lock);
}

struct name name_make(const char *text, size_t length) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)text[i]) * 16777619u;
    return (struct name){text, (uint32_t)length, hash};
}

static _Atomic(struct entry *) *bucket_of(const struct entry *parent, uint32_t hash) {
    uint64_t key = ((uint64_t)hash ^ cache.seed) + ((uintptr_t)parent >> 6);
    return &cache.buckets[(key * 0x9e3779b97f4a7c15ull) >> 51 & (BUCKET_COUNT - 1)];
}

ALWAYS_INLINE bool name_matches(const struct entry *entry, const struct name *name) {
    const struct entry_name *own = entry_name(entry);
    if (own->hash != name->hash || own->length != name->length)
        return false;
    const char *a = own->text, *b = name->text;
    for (uint32_t i = 0; i < name->length; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

ALWAYS_INLINE struct entry *find(const struct entry *parent, const struct name *name) {
    struct entry *entry = atomic_load_explicit(bucket_of(parent, name->hash), memory_order_acquire);
    for (; entry; entry = atomic_load_explicit(&entry->hash_next, memory_order_acquire))
        if (entry_parent(entry) == parent && name_matches(entry, name))
            return entry;
    return nullptr;
}

static void mark_used(struct entry *entry) {
    uint32_t flags = atomic_load_explicit(&entry->flags, memory_order_relaxed);
    if (UNLIKELY(!(flags & ENTRY_USED)))
        atomic_fetch_or_explicit(&entry->flags, ENTRY_USED, memory_order_relaxed);
}

struct entry *entry_peek(struct entry *parent, const struct name *name) {
    struct entry *entry = find(parent, name);
    if (entry)
        mark_used(entry);
    return entry;
}

void entry_count_hits(unsigned count) {
    this_cpu(cache_counts).hits += count;
}

struct entry *entry_find(struct entry *parent, const struct name *name) {
    struct entry *entry = entry_peek(parent, name);
    if (entry)
        this_cpu(cache_counts).hits++;
    else
        this_cpu(cache_counts).misses++;
    return entry;
}

static struct entry_name *own_name(struct entry *entry) {
    return (struct entry_name *)entry->own_name;
}

static void reclaim(struct rcu_head *head) {
    struct entry *entry = CONTAINER_OF(head, struct entry, rcu);
    struct entry_name *name = atomic_load_explicit(&entry->name, memory_order_relaxed);
    if (name != own_name(entry))
        kfree(name);
    slab_free(&entry_slab, entry);
}

// Parents are dropped in a loop, not by recursion: chains of removed directories can be long.
void entry_free(struct entry *entry) {
    while (entry) {
        struct entry *parent = entry_parent(entry);
        struct vnode *vnode = entry_vnode(entry);
        rcu_call(&entry->rcu, reclaim);
        if (vnode)
            vnode_put(vnode);
        entry = parent && refcount_down(&parent->ref) ? parent : nullptr;
    }
}

static void fill_name(struct entry_name *to, const char *text, size_t length, uint32_t hash) {
    to->hash = hash;
    to->length = (uint32_t)length;
    memcpy(to->text, text, length);
    to->text[length] = 0;
}

static status_t set_name(struct entry *entry, const struct name *name) {
    struct entry_name *to = own_name(entry);
    if (name->length >= ENTRY_INLINE_NAME && !(to = kmalloc(sizeof *to + name->length + 1)))
        return -ENOMEM;
    fill_name(to, name->text, name->length, name->hash);
    atomic_store_explicit(&entry->name, to, memory_order_release);
    return 0;
}

struct entry_name *entry_name_copy(const struct entry *entry) {
    const struct entry_name *from = entry_name(entry);
    struct entry_name *to = kmalloc(sizeof *to + from->length + 1);
    if (to)
        fill_name(to, from->text, from->length, from->hash);
    return to;
}

struct entry *entry_create(struct entry *parent, const struct name *name, struct vnode *vnode) {
    struct entry *entry = slab_alloc(&entry_slab);
    if (!entry || set_name(entry, name) != 0) {
        if (entry)
            slab_free(&entry_slab, entry);
        if (vnode)
            vnode_put(vnode);
        return nullptr;
    }
    atomic_store_explicit(&entry->hash_next, nullptr, memory_order_relaxed);
    atomic_store_explicit(&entry->parent, parent, memory_order_relaxed);
    atomic_store_explicit(&entry->vnode, vnode, memory_order_relaxed);
    atomic_store_explicit(&entry->flags, 0, memory_order_relaxed);
    refcount_init(&entry->ref, 1);
    list_init(&entry->clock);
    list_init(&entry->children);
    list_init(&entry->sibling);
    if (parent)
        entry_get(parent);
    return entry;
}

// ---------------------------------------------------------------- the table

static void hash_locked(struct entry *entry) REQUIRES(&cache.lock) {
    _Atomic(struct entry *) *bucket = bucket_of(entry_parent(entry), entry_name(entry)->hash);
    atomic_store_explicit(&entry->hash_next, atomic_load_explicit(bucket, memory_order_relaxed), memory_order_relaxed);
    atomic_store_explicit(bucket, entry, memory_order_release);
    list_push_back(&entry_parent(entry)->children, &entry->sibling);
}

static void unhash_locked(struct entry *entry) REQUIRES(&cache.lock) {
    _Atomic(struct entry *) *link = bucket_of(entry_parent(entry), entry_name(entry)->hash);
    struct entry *at;
    while ((at = atomic_load_explicit(link, memory_order_relaxed)) != entry)
        link = &at->hash_next;
    atomic_store_explicit(link, atomic_load_explicit(&entry->hash_next, memory_order_relaxed), memory_order_release);
    list_remove(&entry->sibling);
}

// Takes the entry out of the cache. The cache's reference becomes the caller's.
static void forget_locked(struct entry *entry) REQUIRES(&cache.lock) {
    unhash_locked(entry);
    list_remove(&entry->clock);
    cache.count--;
    atomic_fetch_and_explicit(&entry->flags, ~(uint32_t)ENTRY_HASHED, memory_order_relaxed);
}

static bool evict_locked(struct entry *entry) REQUIRES(&cache.lock) {
    uint32_t unused = 1;
    if (!atomic_compare_exchange_strong(&entry->ref.value, &unused, 0))
        return false;
    forget_locked(entry);
    cache.evictions++;
    return true;
}

// Moves the clock hand a few steps. The evicted are chained by hash_next, which readers may still follow: to another
// dead entry, i.e. they miss, and go the slow way.
static struct entry *run_clock_locked(void) REQUIRES(&cache.lock) {
    struct entry *dead = nullptr;
    for (int i = 0; i < CLOCK_STEPS && cache.count > cache.limit; i++) {
        struct entry *entry = LIST_FIRST(&cache.clock, struct entry, clock);
        if (!(atomic_fetch_and(&entry->flags, ~(uint32_t)ENTRY_USED) & ENTRY_USED) && evict_locked(entry)) {
            atomic_store_explicit(&entry->hash_next, dead, memory_order_relaxed);
            dead = entry;
            continue;
        }
        list_remove(&entry->clock);
        list_push_back(&cache.clock, &entry->clock);
    }
    return dead;
}

static void free_chain(struct entry *dead) {
    while (dead) {
        struct entry *next = atomic_load_explicit(&dead->hash_next, memory_order_relaxed);
        entry_free(dead);
        dead = next;
    }
}

static bool try_get(struct entry *entry) {
    return refcount_try_up(&entry->ref);
}

struct entry *entry_insert(struct entry *entry) {
    const struct entry_name *own = entry_name(entry);
    struct name name = {own->text, own->length, own->hash};
    spin_lock(&cache.lock);
    struct entry *other = find(entry_parent(entry), &name);
    if (other && try_get(other)) {
        spin_unlock(&cache.lock);
        entry_put(entry);
        return other;
    }
    entry_get(entry);
    atomic_fetch_or_explicit(&entry->flags, ENTRY_HASHED, memory_order_relaxed);
    hash_locked(entry);
    list_push_back(&cache.clock, &entry->clock);
    cache.count++;
    struct entry *dead = cache.count > cache.limit ? run_clock_locked() : nullptr;
    spin_unlock(&cache.lock);
    free_chain(dead);
    return entry;
}

// ---------------------------------------------------------------- looking up through the file system

bool entry_caches_names(const struct entry *parent) {
    const struct vnode *dir = entry_vnode(parent);
    uint32_t flags = atomic_load_explicit(&dir->flags, memory_order_relaxed);
    if (flags & VNODE_DYNAMIC)
        return false;
    return entry_flags(parent) & ENTRY_HASHED || !entry_parent(parent) || flags & VNODE_DEAD;
}

status_t entry_lookup_locked(struct entry *parent, const struct name *name, struct entry **out) {
    struct vnode *dir = entry_vnode(parent), *vnode = nullptr;
    struct entry *entry = nullptr;
    bool cached = entry_caches_names(parent);
    if (cached && (entry = find(parent, name)) && try_get(entry)) {
        *out = entry;
        return 0;
    }
    if (!dir->ops->lookup)
        return -ENOTDIR;
    if (dir->flags & VNODE_DEAD)
        return -ENOENT;
    status_t status = dir->ops->lookup(dir, *name, &vnode);
    if (status != 0 && status != -ENOENT)
        return status;
    entry = entry_create(parent, name, status == 0 ? vnode : nullptr);
    if (!entry)
        return -ENOMEM;
    *out = cached ? entry_insert(entry) : entry;
    return 0;
}

status_t entry_lookup(struct entry *parent, const struct name *name, struct entry **out) {
    struct vnode *dir = entry_vnode(parent);
    if (entry_caches_names(parent)) {
        uint32_t since = tree_sequence();
        struct entry *entry = find(parent, name);
        if (entry && try_get(entry)) {
            if (tree_unchanged(since)) {
                *out = entry;
                return 0;
            }
            entry_put(entry);
        }
    }
    rwlock_read(&dir->lock);
    status_t status = entry_lookup_locked(parent, name, out);
    rwlock_read_unlock(&dir->lock);
    return status;
}

// ---------------------------------------------------------------- changes of the tree

void entry_fill(struct entry *entry, struct vnode *vnode) {
    ASSERT(!entry_vnode(entry));
    atomic_store_explicit(&entry->vnode, vnode, memory_order_release);
}

// A directory that is removed has only negative names below it. They go at once, for they would keep it in memory.
static void forget_children(struct entry *entry) {
    struct entry *dead = nullptr, *child, *next;
    if (LIKELY(list_is_empty(&entry->children)))
        return;
    spin_lock(&cache.lock);
    LIST_FOR_EACH_SAFE(child, next, &entry->children, sibling) {
        if (evict_locked(child)) {
            atomic_store_explicit(&child->hash_next, dead, memory_order_relaxed);
            dead = child;
        }
    }
    spin_unlock(&cache.lock);
    free_chain(dead);
}

// If only the caller uses the entry it becomes negative in place, which saves the next creation a lookup. Else it
// leaves the cache and stays positive for those who hold it: an open file whose name is gone.
void entry_removed(struct entry *entry) {
    forget_children(entry);
    uint32_t unused = 2; // the cache's and the caller's
    spin_lock(&cache.lock);
    bool hashed = entry_flags(entry) & ENTRY_HASHED;
    if (hashed && !(entry_flags(entry) & ENTRY_MOUNTED) &&
        atomic_compare_exchange_strong(&entry->ref.value, &unused, 0)) {
        struct vnode *vnode = entry_vnode(entry);
        atomic_store_explicit(&entry->vnode, nullptr, memory_order_release);
        atomic_store_explicit(&entry->ref.value, 2, memory_order_release);
        spin_unlock(&cache.lock);
        vnode_put(vnode);
        return;
    }
    if (hashed)
        forget_locked(entry);
    spin_unlock(&cache.lock);
    if (hashed)
        entry_put(entry);
}

static void reclaim_name(struct rcu_head *head) {
    kfree(CONTAINER_OF(head, struct entry_name, rcu));
}

static void publish_name(struct entry *entry, struct entry_name *name) {
    struct entry_name *old = atomic_load_explicit(&entry->name, memory_order_relaxed);
    atomic_store_explicit(&entry->name, name, memory_order_release);
    if (old != own_name(entry))
        rcu_call(&old->rcu, reclaim_name);
}

static void place_locked(struct entry *entry, struct entry *parent, struct entry_name *name) REQUIRES(&cache.lock) {
    bool hashed = entry_flags(entry) & ENTRY_HASHED;
    if (hashed)
        unhash_locked(entry);
    publish_name(entry, name);
    atomic_store_explicit(&entry->parent, parent, memory_order_release);
    if (hashed)
        hash_locked(entry);
}

// `over`, which had the name, leaves the cache.
void entry_move(struct entry *entry, struct entry *over, struct entry_name *new_name) {
    struct entry *old_parent = entry_parent(entry), *parent = entry_parent(over);
    entry_get(parent);
    tree_change_begin();
    spin_lock(&cache.lock);
    bool hashed = entry_flags(over) & ENTRY_HASHED;
    if (hashed)
        forget_locked(over);
    place_locked(entry, parent, new_name);
    spin_unlock(&cache.lock);
    tree_change_end();
    if (hashed)
        entry_put(over);
    forget_children(over);
    entry_put(old_parent);
}

void entry_exchange(struct entry *a, struct entry *b, struct entry_name *a_new, struct entry_name *b_new) {
    tree_change_begin();
    spin_lock(&cache.lock);
    struct entry *a_parent = entry_parent(a), *b_parent = entry_parent(b);
    place_locked(a, b_parent, a_new);
    place_locked(b, a_parent, b_new);
    spin_unlock(&cache.lock);
    tree_change_end();
}

bool entry_is_below(struct entry *entry, struct entry *ancestor) {
    spin_lock(&tree.lock);
    while (entry && entry != ancestor)
        entry = entry_parent(entry);
    spin_unlock(&tree.lock);
    return entry != nullptr;
}

static bool belongs_to(struct entry *entry, struct entry *root) {
    for (struct entry *up; (up = entry_parent(entry)); entry = up) {
    }
    return entry == root;
}

// Leaves go first, and each round makes new leaves, so this ends after as many rounds as the tree is deep.
void entry_evict_super(struct entry *root) {
    struct entry *dead;
    do {
        dead = nullptr;
        spin_lock(&cache.lock);
        struct entry *entry, *next;
        LIST_FOR_EACH_SAFE(entry, next, &cache.clock, clock) {
            if (!belongs_to(entry, root) || !evict_locked(entry))
                continue;
            atomic_store_explicit(&entry->hash_next, dead, memory_order_relaxed);
            dead = entry;
        }
        spin_unlock(&cache.lock);
        free_chain(dead);
    } while (dead);
}

static void show_cache(struct text_buffer *text, void *context) {
    struct cache_counts sum = {};
    for (unsigned cpu = 0; cpu < arch_cpu_count(); cpu++) {
        struct cache_counts *counts = &cpu_local(cache_counts, cpu);
        sum.hits += counts->hits;
        sum.misses += counts->misses;
    }
    uint64_t all = sum.hits + sum.misses, rate = all ? sum.hits * 10000 / all : 0;
    spin_lock(&cache.lock);
    size_t count = cache.count;
    uint64_t evictions = cache.evictions;
    spin_unlock(&cache.lock);
    text_printf(text, "entries %zu\nlimit %zu\nhits %lu\nmisses %lu\nevictions %lu\nhit_rate %lu.%02lu %%\n", count,
                cache.limit, sum.hits, sum.misses, evictions, rate / 100, rate % 100);
}

static ssize_t store_limit(void *context, const char *text, size_t length) {
    char number[24];
    uint64_t limit;
    if (length >= sizeof number)
        return -EINVAL;
    memcpy(number, text, length);
    number[length - (length && text[length - 1] == '\n')] = 0;
    if (!string_to_u64(number, 10, &limit) || limit < CACHE_MIN)
        return -EINVAL;
    cache.limit = limit;
    return (ssize_t)length;
}

void entry_cache_init(void) {
    cache.buckets = kcalloc(BUCKET_COUNT, sizeof *cache.buckets);
    if (!cache.buckets)
        panic("no memory for the capability cache");
    cache.seed = (uint32_t)arch_cycles();
    if (sysfs_add("posix/capcache", 0644, show_cache, store_limit, nullptr) != 0)
        klog(LOG_WARNING, "vfs: no /sys/posix/capcache");
}
