// SPDX-License-Identifier: MPL-2.0
// Advisory locks on files: who holds, who waits, who would wait for ever.
//
// All lock sets are under one spinlock: locking is rare, and deadlock detection must see everybody who waits at one
// moment. A waiting POSIX owner is listed with the owner that it waits for; following that chain back to oneself is
// a deadlock.
#include "locks_priv.h"

#include "vfs_priv.h"

struct file_locks {
    struct list_node ranges; // POSIX and open-file-description locks
    struct list_node flocks; // whole-file ranges; the owner is the file object
    struct wait_queue wait;
};

struct waiting {
    struct list_node node;
    const void *owner, *blocker;
};

static struct {
    struct spinlock lock;
    struct list_node waiting GUARDED_BY(&lock);
} locks = {.waiting = LIST_INIT(locks.waiting)};

CHARGED_CACHE(range_slab, struct range_lock);

static struct file_locks *locks_of(struct vnode *vnode) {
    struct file_locks *set = atomic_load(&vnode->locks);
    if (set)
        return set;
    set = kmalloc(sizeof *set);
    if (!set)
        return nullptr;
    list_init(&set->ranges);
    list_init(&set->flocks);
    wait_queue_init(&set->wait);
    struct file_locks *expected = nullptr;
    if (!atomic_compare_exchange_strong(&vnode->locks, &expected, set)) {
        kfree(set);
        set = expected;
    }
    return set;
}

static void free_ranges(struct list_node *freed) {
    while (!list_is_empty(freed))
        charged_free(&range_slab, LIST_ENTRY(list_pop_front(freed), struct range_lock, node));
}

void locks_free(struct vnode *vnode) {
    struct file_locks *set = atomic_load_explicit(&vnode->locks, memory_order_relaxed);
    if (LIKELY(!set))
        return;
    free_ranges(&set->ranges);
    free_ranges(&set->flocks);
    kfree(set);
}

static bool would_deadlock(const void *owner, const void *blocker) REQUIRES(&locks.lock) {
    // Each owner waits for at most one lock per thread; the chain is followed a bounded number of steps.
    for (int steps = 0; steps < 64; steps++) {
        if (blocker == owner)
            return true;
        struct waiting *at;
        const void *next = nullptr;
        LIST_FOR_EACH(at, &locks.waiting, node)
        if (at->owner == blocker)
            next = at->blocker;
        if (!next)
            return false;
        blocker = next;
    }
    return false;
}

// Applies when nothing is in the way. `detect`: fail rather than wait in a circle.
static status_t set_locked(struct file_locks *set, struct list_node *ranges, const struct lock_request *request,
                           struct range_lock *spare[2], struct list_node *freed, bool wait, bool detect)
    REQUIRES(&locks.lock) {
    struct range_lock *blocker;
    while (request->type != F_UNLCK && (blocker = ranges_conflict(ranges, request))) {
        if (!wait)
            return -EAGAIN;
        if (detect && would_deadlock(request->owner, blocker->lock.owner))
            return -EDEADLK;
        struct waiting waiting = {.owner = detect ? request->owner : nullptr, .blocker = blocker->lock.owner};
        list_push_back(&locks.waiting, &waiting.node);
        status_t status = wait_queue_sleep(&set->wait, &locks.lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
        list_remove(&waiting.node);
        if (status != 0)
            return -ERESTARTSYS;
    }
    ranges_apply(ranges, request, spare, freed);
    wait_queue_wake_all(&set->wait); // what was unlocked or downgraded may let others in
    return 0;
}

static status_t set_lock(struct vnode *vnode, const struct lock_request *request, bool is_flock, bool wait) {
    struct file_locks *set = locks_of(vnode);
    struct range_lock *spare[2] = {charged_alloc(&range_slab), charged_alloc(&range_slab)};
    struct list_node freed = LIST_INIT(freed);
    status_t status = -ENOLCK;
    if (!set || !spare[0] || !spare[1])
        goto free_spare;
    bool detect = !is_flock && request->pid >= 0;
    spin_lock(&locks.lock);
    status = set_locked(set, is_flock ? &set->flocks : &set->ranges, request, spare, &freed, wait, detect);
    spin_unlock(&locks.lock);
free_spare:
    for (int i = 0; i < 2; i++)
        if (spare[i])
            charged_free(&range_slab, spare[i]);
    free_ranges(&freed);
    return status;
}

status_t vfs_lock_set(struct vnode *vnode, const struct lock_request *request, bool wait) {
    return set_lock(vnode, request, false, wait);
}

void vfs_lock_test(struct vnode *vnode, struct lock_request *request) {
    struct file_locks *set = atomic_load(&vnode->locks);
    struct range_lock *blocker = nullptr;
    if (set) {
        spin_lock(&locks.lock);
        blocker = ranges_conflict(&set->ranges, request);
        if (blocker)
            *request = blocker->lock;
        spin_unlock(&locks.lock);
    }
    if (!blocker)
        request->type = F_UNLCK;
}

status_t vfs_flock(struct file *file, int type, bool wait) {
    struct lock_request request = {.type = type, .end = UINT64_MAX, .owner = &file->object, .pid = -1};
    if (type != F_UNLCK && atomic_load(&file->vnode->locks)) {
        // A conversion gives up the old lock first, as on Linux: two who upgrade do not wait for each other for ever.
        spin_lock(&locks.lock);
        struct range_lock *old;
        bool same = false, other = false;
        LIST_FOR_EACH(old, &atomic_load(&file->vnode->locks)->flocks, node)
        if (old->lock.owner == request.owner)
            *(old->lock.type == type ? &same : &other) = true;
        spin_unlock(&locks.lock);
        if (same)
            return 0;
        if (other) {
            struct lock_request unlock = request;
            unlock.type = F_UNLCK;
            status_t status = set_lock(file->vnode, &unlock, true, false);
            if (status != 0)
                return status;
        }
    }
    return set_lock(file->vnode, &request, true, wait);
}

static void drop_all(struct vnode *vnode, const void *owner, bool flocks) {
    struct file_locks *set = atomic_load(&vnode->locks);
    struct list_node freed = LIST_INIT(freed), *lists[2] = {&set->ranges, &set->flocks};
    spin_lock(&locks.lock);
    for (int i = 0; i < 1 + flocks; i++) {
        struct range_lock *at, *next;
        LIST_FOR_EACH_SAFE(at, next, lists[i], node)
        if (at->lock.owner == owner) {
            list_remove(&at->node);
            list_push_back(&freed, &at->node);
        }
    }
    if (!list_is_empty(&freed))
        wait_queue_wake_all(&set->wait);
    spin_unlock(&locks.lock);
    free_ranges(&freed);
}

void locks_task_closed(struct vnode *vnode, struct task *task) {
    drop_all(vnode, task, false);
}
void locks_file_closed(struct vnode *vnode, struct object *file) {
    drop_all(vnode, file, true);
}
