// SPDX-License-Identifier: MPL-2.0
// Wait sets. Each item watches its object; when a signal of its mask comes up, the item goes to the ready list, and
// one sleeper is woken. Collecting looks at the true signals of the items on the list: what is not ready (any more) is
// dropped, level-triggered items that are ready go to its end.
//
// An item that is on the list is not touched by notify, which only adds behind the last one. So a collector, who holds
// set->mutex, walks the list without set->lock, up to what was the last item when it began. Only unlinking needs the
// lock: what comes up from then on must find the item unlinked, and what came up before is seen in its signals.
//
// Locks, in order: set->mutex (items, collecting), the lock of a watched object, set->lock (ready list, sleepers).
// A nested set signals its own object from within notify, so the order continues with that object's lock and the
// lock of the outer set; wait_set_add keeps nesting finite and free of loops.
//
// Leaving: an item goes by wait_set_remove, when the set's last handle goes, or when its object's last handle
// does (wait_sets_forget). All three hold set->mutex. The item holds no reference, since its object
// cannot go before its last handle; the watched target (a terminal behind a file) is referenced.

#include <object/wait_set.h>

#include "object_priv.h"
#include <lib/fmt.h>
#include <lib/rbtree.h>
#include <lib/status.h>
#include <mm/account.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <sched/mutex.h>
#include <sched/thread.h>

enum { NESTING_MAX = 5 };

struct wait_set {
    struct object object; // first; READABLE while the ready list may have something
    struct mutex mutex;
    struct rb_tree items;
    unsigned item_count;
    struct memory_charge memory; // for the items: whoever made the set pays
    struct spinlock lock;
    struct list_node ready;
    struct wait_queue sleepers;
    bool has_sets; // a nested set was added: signals may be out of date
};

struct item {
    struct rb_node node;     // set->items, by object and key
    struct list_node ready;  // set->ready; under set->lock
    struct watcher watcher;  // of the target
    struct watcher presence; // of the object itself, if that is not the target: only so that it finds the set
    struct wait_set *set;
    struct object *object;
    int key;
    bool is_set;
    struct wait_set_item_info info;
};
SLAB_CACHE(item_cache, struct item);
CHARGED_CACHE(wait_set_cache, struct wait_set);

// Serialises changes to the graph of nested sets, so that two cannot close a loop together.
static struct mutex nesting_mutex = MUTEX_INIT(nesting_mutex);

static bool collect_nothing(struct watcher *watcher, uint32_t signals) {
    (void)watcher, (void)signals;
    return false;
}

// An item has something: set->lock is taken, an object's lock is held.
static bool item_notify(struct watcher *watcher, uint32_t signals) {
    struct item *item = CONTAINER_OF(watcher, struct item, watcher);
    struct wait_set *set = item->set;
    (void)signals;
    bool woken = false, fresh = false;
    spin_lock(&set->lock);
    if (!list_is_linked(&item->ready)) {
        list_push_back(&set->ready, &item->ready);
        fresh = true;
    }
    woken = wait_queue_wake_one(&set->sleepers);
    spin_unlock(&set->lock);
    if (fresh || (item->info.flags & WAIT_SET_EDGE))
        object_signal(&set->object, 0, SIGNALS_READ);
    return woken;
}

static uint32_t item_signals(struct item *item) {
    return object_signals(item->watcher.object) & item->watcher.mask;
}

// What the item has now. An inner set's word may say more than is true; it is brought up to date first, which takes
// its mutex.
static uint32_t true_signals(struct item *item) {
    if (UNLIKELY(item->is_set))
        object_wait_target(item->watcher.object);
    return item_signals(item);
}

static void arm(struct item *item, const struct wait_set_item_info *info) {
    item->info = *info;
    item->watcher.mask = info->mask | SIGNAL_ERROR | SIGNAL_HANGUP;
    item->watcher.exclusive = info->flags & WAIT_SET_EXCLUSIVE;
    atomic_thread_fence(memory_order_seq_cst);
    if (item_signals(item))
        item_notify(&item->watcher, 0);
}

static int compare(const struct object *object, int key, const struct item *item) {
    if (object != item->object)
        return object < item->object ? -1 : 1;
    return key < item->key ? -1 : key > item->key;
}

static struct item *find(struct wait_set *set, struct object *object, int key) {
    for (struct rb_node *node = set->items.root; node;) {
        struct item *item = RB_ENTRY(node, struct item, node);
        int order = compare(object, key, item);
        if (order == 0)
            return item;
        node = node->child[order > 0];
    }
    return nullptr;
}

static void insert(struct wait_set *set, struct item *item) {
    struct rb_node *parent = nullptr, **link = &set->items.root;
    while (*link) {
        parent = *link;
        link = &parent->child[compare(item->object, item->key, RB_ENTRY(parent, struct item, node)) > 0];
    }
    rb_link(&set->items, &item->node, parent, link);
    set->item_count++;
}

// set->mutex is held.
static void drop(struct wait_set *set, struct item *item) {
    struct object *target = item->watcher.object;
    object_unwatch(&item->watcher);
    if (target != item->object) {
        object_unwatch(&item->presence);
        object_put(target);
    }
    spin_lock(&set->lock);
    list_remove(&item->ready);
    spin_unlock(&set->lock);
    rb_remove(&set->items, &item->node);
    set->item_count--;
    slab_free(&item_cache, item);
}

// How many sets deep `set` is, itself included; > NESTING_MAX also if it contains `wanted`. nesting_mutex is held.
static int depth_below(struct wait_set *set, const struct wait_set *wanted, int level) {
    if (set == wanted || level > NESTING_MAX)
        return NESTING_MAX + 1;
    int depth = 1;
    mutex_lock(&set->mutex);
    for (struct rb_node *node = rb_first(&set->items); node && set->has_sets; node = rb_next(node)) {
        struct item *item = RB_ENTRY(node, struct item, node);
        if (item->is_set)
            depth = MAX(depth, 1 + depth_below(wait_set_of(item->object), wanted, level + 1));
    }
    mutex_unlock(&set->mutex);
    return depth;
}

// The longest chain of sets that contain this one, itself included.
static int depth_above(struct wait_set *set, int level) {
    int depth = 1;
    struct watcher *watcher;
    if (level > NESTING_MAX)
        return NESTING_MAX + 1;
    spin_lock(&set->object.lock);
    LIST_FOR_EACH(watcher, &set->object.watchers, node)
    if (watcher->notify == item_notify) {
        int above = 1 + depth_above(CONTAINER_OF(watcher, struct item, watcher)->set, level + 1);
        depth = MAX(depth, above);
    }
    spin_unlock(&set->object.lock);
    return depth;
}

static int64_t pages_for(unsigned items) {
    return (int64_t)((items * sizeof(struct item) + PAGE_SIZE - 1) / PAGE_SIZE);
}

static struct item *make_item(struct wait_set *set, struct object *object, int key) {
    if (!charge_cover(&set->memory, pages_for(set->item_count + 1)))
        return nullptr;
    struct item *item = slab_alloc(&item_cache);
    if (!item)
        return nullptr;
    *item = (struct item){.set = set, .object = object, .key = key, .is_set = wait_set_of(object) != nullptr};
    list_init(&item->ready);
    item->watcher.notify = item_notify;
    item->presence.notify = collect_nothing;
    return item;
}

static status_t add_locked(struct wait_set *set, struct object *object, int key,
                           const struct wait_set_item_info *info) {
    if (find(set, object, key))
        return -EEXIST;
    struct item *item = make_item(set, object, key);
    if (!item)
        return -ENOMEM;
    set->has_sets |= item->is_set;
    object_mark(object, OBJECT_MARK_WAIT_SET);
    struct object *target = object_wait_target(object);
    if (target != object) {
        object_get(target);
        object_watch(object, &item->presence);
    }
    insert(set, item);
    item->watcher.mask = info->mask | SIGNAL_ERROR | SIGNAL_HANGUP;
    item->info = *info;
    object_watch(target, &item->watcher);
    arm(item, info);
    return 0;
}

static status_t add(struct wait_set *set, struct object *object, int key, const struct wait_set_item_info *info) {
    mutex_lock(&set->mutex);
    status_t status = add_locked(set, object, key, info);
    mutex_unlock(&set->mutex);
    return status;
}

status_t wait_set_add(struct wait_set *set, struct object *object, int key, const struct wait_set_item_info *info) {
    struct wait_set *inner = wait_set_of(object);
    if (!inner)
        return add(set, object, key, info);
    mutex_lock(&nesting_mutex);
    bool too_deep = depth_below(inner, set, 1) + depth_above(set, 1) > NESTING_MAX;
    status_t status = too_deep ? -ELOOP : add(set, object, key, info);
    mutex_unlock(&nesting_mutex);
    return status;
}

status_t wait_set_modify(struct wait_set *set, struct object *object, int key, const struct wait_set_item_info *info) {
    mutex_lock(&set->mutex);
    struct item *item = find(set, object, key);
    status_t status = !item ? -ENOENT : (item->info.flags & WAIT_SET_EXCLUSIVE) ? -EINVAL : 0;
    if (status == 0)
        arm(item, info);
    mutex_unlock(&set->mutex);
    return status;
}

status_t wait_set_remove(struct wait_set *set, struct object *object, int key) {
    mutex_lock(&set->mutex);
    struct item *item = find(set, object, key);
    if (item)
        drop(set, item);
    mutex_unlock(&set->mutex);
    return item ? 0 : -ENOENT;
}

static void unlink_item(struct wait_set *set, struct item *item) {
    spin_lock(&set->lock);
    list_remove(&item->ready);
    spin_unlock(&set->lock);
}

static void relink_item(struct wait_set *set, struct item *item) {
    spin_lock(&set->lock);
    if (!list_is_linked(&item->ready))
        list_push_back(&set->ready, &item->ready);
    spin_unlock(&set->lock);
}

// Moves what is before `at` to the end of the ready list, so that others have their turn.
static void rotate(struct wait_set *set, struct list_node *at) {
    struct list_node done = LIST_INIT(done);
    spin_lock(&set->lock);
    done.next = set->ready.next;
    done.prev = at->prev;
    done.next->prev = done.prev->next = &done;
    set->ready.next = at;
    at->prev = &set->ready;
    list_splice_back(&set->ready, &done);
    spin_unlock(&set->lock);
}

// Looks at one item. True: it was reported. *refused: emit did not take it, and it is still on the list.
static bool report(struct wait_set *set, struct item *item, wait_set_emit *emit, void *context, bool *refused) {
    bool stays = !(item->info.flags & (WAIT_SET_EDGE | WAIT_SET_ONE_SHOT));
    uint32_t signals = true_signals(item);
    if (UNLIKELY(!stays || signals == 0)) {
        unlink_item(set, item);
        signals = true_signals(item);
        if (signals == 0)
            return false;
    }
    bool taken = emit(context, signals, item->info.data);
    if (LIKELY(taken) && (item->info.flags & WAIT_SET_ONE_SHOT))
        item->watcher.mask = 0;
    else if (UNLIKELY(!taken || stays) && !list_is_linked(&item->ready))
        relink_item(set, item); // refused, or it came up between the two looks
    *refused = !taken;
    return taken;
}

// Reports items of the ready list until `max` are reported or `emit` refuses one (*refused). Their number. set->mutex
// is held.
static unsigned collect(struct wait_set *set, unsigned max, wait_set_emit *emit, void *context, bool *refused) {
    unsigned count = 0;
    bool more;
    *refused = false;
    spin_lock(&set->lock);
    struct list_node *at = set->ready.next, *last = set->ready.prev;
    spin_unlock(&set->lock);
    if (at != &set->ready) {
        do {
            struct list_node *next = at->next;
            more = at != last;
            count += report(set, LIST_ENTRY(at, struct item, ready), emit, context, refused);
            if (*refused)
                break;
            at = next;
        } while (more && count < max);
        if (more && !*refused && set->ready.next != at)
            rotate(set, at);
    }
    if (list_is_empty(&set->ready)) {
        spin_lock(&set->lock);
        if (list_is_empty(&set->ready))
            object_signal(&set->object, SIGNALS_READ, 0); // clearing notifies nobody, so it takes no lock
        spin_unlock(&set->lock);
    } else if (UNLIKELY(!wait_queue_is_empty(&set->sleepers)) && count > 0) {
        spin_lock(&set->lock);
        wait_queue_wake_one(&set->sleepers);
        spin_unlock(&set->lock);
    }
    return count;
}

static bool is_empty(struct wait_set *set) {
    spin_lock(&set->lock);
    bool empty = list_is_empty(&set->ready);
    spin_unlock(&set->lock);
    return empty;
}

int wait_set_wait(struct wait_set *set, unsigned max, nsec_t deadline, wait_set_emit *emit, void *context) {
    status_t status = 0;
    for (;;) {
        unsigned count = 0;
        bool refused = false;
        if (!list_is_empty(&set->ready) || !is_empty(set)) {
            mutex_lock(&set->mutex);
            count = collect(set, max, emit, context, &refused);
            mutex_unlock(&set->mutex);
        }
        if (count > 0 || refused)
            return (int)count;
        if (deadline <= 0 || status == -ETIMEDOUT)
            return 0;
        if (status != 0)
            return status;
        spin_lock(&set->lock);
        while (list_is_empty(&set->ready) && status == 0)
            status = wait_queue_sleep(&set->sleepers, &set->lock, WAIT_INTERRUPTIBLE, deadline);
        spin_unlock(&set->lock);
    }
}

static bool refuse(void *context, uint32_t signals, uint64_t data) {
    (void)context, (void)signals, (void)data;
    return false;
}

// Readiness of the set itself (poll on it, or an outer set): drops what is on the list but not ready any more.
static struct object *refresh(struct object *object) {
    struct wait_set *set = CONTAINER_OF(object, struct wait_set, object);
    if (object_signals(object) == 0)
        return object;
    bool refused;
    mutex_lock(&set->mutex);
    collect(set, 1, refuse, nullptr, &refused);
    mutex_unlock(&set->mutex);
    return object;
}

// The last handle of `object` is gone. Finds a set that watches it, and keeps the set alive while it is taken out.
static struct wait_set *find_watching_set(struct object *object, struct object *holder) {
    struct watcher *watcher;
    struct wait_set *found = nullptr;
    spin_lock(&holder->lock);
    LIST_FOR_EACH(watcher, &holder->watchers, node) {
        const struct item *item = watcher->notify == item_notify       ? CONTAINER_OF(watcher, struct item, watcher)
                                  : watcher->notify == collect_nothing ? CONTAINER_OF(watcher, struct item, presence)
                                                                       : nullptr;
        if (item && item->object == object && refcount_try_up(&item->set->object.ref)) {
            found = item->set;
            break;
        }
    }
    spin_unlock(&holder->lock);
    return found;
}

static void drop_object(struct wait_set *set, struct object *object) {
    mutex_lock(&set->mutex);
    for (struct rb_node *node = set->items.root; node;) {
        struct item *item = RB_ENTRY(node, struct item, node);
        if (item->object == object) {
            drop(set, item);
            node = set->items.root;
        } else {
            node = node->child[object > item->object];
        }
    }
    mutex_unlock(&set->mutex);
    object_put(&set->object);
}

void wait_sets_forget(struct object *object) {
    struct wait_set *set;
    while ((set = find_watching_set(object, object)) != nullptr)
        drop_object(set, object);
}

static void set_closed(struct object *object) {
    struct wait_set *set = CONTAINER_OF(object, struct wait_set, object);
    mutex_lock(&set->mutex);
    for (struct rb_node *node; (node = rb_first(&set->items)) != nullptr;)
        drop(set, RB_ENTRY(node, struct item, node));
    (void)charge_set(&set->memory, 0); // gives back
    mutex_unlock(&set->mutex);
}

static void set_destroy(struct object *object) {
    struct wait_set *set = CONTAINER_OF(object, struct wait_set, object);
    charge_fini(&set->memory);
    charged_free(&wait_set_cache, set);
}

static int set_describe(struct object *object, char *to, size_t size) {
    return wait_set_describe(CONTAINER_OF(object, struct wait_set, object), to, size);
}

static int set_link_text(struct object *object, char *to, size_t size) {
    (void)object;
    return fmt_snprintf(to, size, "anon_inode:[eventpoll]");
}

const struct object_ops wait_set_ops = {
    .type = OBJECT_WAIT_SET,
    .name = "eventpoll",
    .destroy = set_destroy,
    .closed = set_closed,
    .wait_target = refresh,
    .describe = set_describe,
    .link_text = set_link_text,
};

struct object *wait_set_create(void) {
    struct wait_set *set = charged_alloc(&wait_set_cache);
    if (!set)
        return nullptr;
    object_init(&set->object, &wait_set_ops, 0);
    mutex_init(&set->mutex);
    rb_init(&set->items);
    set->item_count = 0;
    charge_init(&set->memory, account_current());
    spin_init(&set->lock);
    list_init(&set->ready);
    wait_queue_init(&set->sleepers);
    set->has_sets = false;
    return &set->object;
}

int wait_set_describe(struct wait_set *set, char *to, size_t size) {
    int length = 0;
    mutex_lock(&set->mutex);
    for (struct rb_node *node = rb_first(&set->items); node && (size_t)length < size; node = rb_next(node)) {
        const struct item *item = RB_ENTRY(node, struct item, node);
        length += fmt_snprintf(to + length, size - (size_t)length, "tfd: %8d events: %8x data: %16llx\n", item->key,
                               item->info.mask, (unsigned long long)item->info.data);
    }
    mutex_unlock(&set->mutex);
    return (size_t)length < size ? length : (int)size;
}
