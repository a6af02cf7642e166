// SPDX-License-Identifier: MPL-2.0
// Objects: what a handle refers to.
//
// Two counts, two events. References (`ref`) keep memory alive; handles (`handles`) count entries of
// handle tables and messages in flight. When the last handle goes, `closed` tells peers; when the
// last reference goes, `destroy` frees. Every handle owns one reference.
//
// An object that user space opened *is* the open file description of POSIX: it has the status
// flags (O_NONBLOCK, O_APPEND), and dup and SCM_RIGHTS share it.
//
// Signals are a word of level-triggered bits which says what the object is ready for; its low bits are poll's
// (EPOLLIN, …). The object keeps it current with object_signal, and that is all poll, epoll,
// object_wait and blocking servers need.
#pragma once

#include <abi/object.h>
#include <lib/list.h>
#include <lib/refcount.h>
#include <lib/status.h>
#include <mm/uio.h>
#include <sched/rcu.h>
#include <sched/spinlock.h>

#define SIGNALS_READ (SIGNAL_READABLE | SIGNAL_READ_NORMAL)
#define SIGNALS_WRITE (SIGNAL_WRITABLE | SIGNAL_WRITE_NORMAL)
#define SIGNALS_FILE (SIGNALS_READ | SIGNALS_WRITE) // regular files: always ready

struct flight;
struct object;
struct task;
struct map_request;
struct stat_info; // object/stat.h: what stat reports, before it is put in an ABI's layout

// All may be null: the default is given. Context: thread, no spinlock held, may block unless said.
// The caller holds a reference (so destroy cannot run meanwhile).
struct object_ops {
    enum object_type type;
    const char *name; // "pipe", "eventfd", …: as /proc/PID/fd shows it: "name:[id]" or the path
    // Last reference gone: free it. Not blocking; may run in dpc context.
    void (*destroy)(struct object *object);
    // Last handle gone. Runs once, before destroy, with a reference held. May block.
    void (*closed)(struct object *object);
    // A handle of one task was closed (POSIX locks, flush). `task` is whose.
    void (*handle_closed)(struct object *object, struct task *task);
    // `pos`: explicit position (pread), or null: the object's own (and -ESPIPE if it has no notion of one and pos
    // is not null). `flags`: RWF_* and IO_NONBLOCK. Defaults: -EINVAL.
    ssize_t (*read)(struct object *object, struct uio *uio, loff_t *pos, unsigned flags);
    ssize_t (*write)(struct object *object, struct uio *uio, loff_t *pos, unsigned flags);
    loff_t (*seek)(struct object *object, loff_t offset, int whence);               // -ESPIPE
    long (*ioctl)(struct object *object, unsigned command, unsigned long argument); // -ENOTTY
    uint32_t (*ioctl_rights)(struct object *object, unsigned command); // that the handle must have for it. None
    // Fills request->vmo/offset/flags or maps itself; rights were checked. -ENODEV
    status_t (*map)(struct object *object, struct map_request *request);
    // A region that maps it has come (1) or goes (-1). Not blocking: perhaps under aspace.lock.
    void (*mapped)(struct object *object, int by);
    status_t (*stat)(struct object *object, struct stat_info *out); // an anonymous inode
    status_t (*sync)(struct object *object, bool data_only);        // -EINVAL
    status_t (*truncate)(struct object *object, uint64_t size);     // -EINVAL
    // Status flags changed by fcntl(F_SETFL): may refuse.
    status_t (*set_flags)(struct object *object, uint32_t flags);
    // Whose signals poll and wait use, where object.wait_target does not say it for good. May return the object itself,
    // having brought its signals up to date. May block.
    struct object *(*wait_target)(struct object *object);
    // A private copy of what it is now, with one reference; later changes of either are not seen in the other. -EINVAL
    status_t (*snapshot)(struct object *object, struct object **copy);
    // What the collector of handles in flight knows of it (object/flight.h). Any context. None
    struct flight *(*flight)(struct object *object);
    // Lines for /proc/PID/fdinfo/N beyond pos, flags, rights; returns their length.
    int (*describe)(struct object *object, char *to, size_t size);
    // The text of /proc/PID/fd/N; default "name:[id]".
    int (*link_text)(struct object *object, char *to, size_t size);
    // Whom O_ASYNC tells if nobody was named: minus a process group, or OBJECT_ASYNC_*. OBJECT_ASYNC_NEVER
    int (*async_owner)(struct object *object);
};

enum { IO_NONBLOCK = 0x10000 }; // with RWF_* in the flags of read and write
// What async_owner says: who sets O_ASYNC; nobody until somebody is named; nobody ever.
enum { OBJECT_ASYNC_SETTER = 0, OBJECT_ASYNC_NAMED = 1, OBJECT_ASYNC_NEVER = 2 };
int object_async_named(struct object *object); // an async_owner: always OBJECT_ASYNC_NAMED

struct object {
    const struct object_ops *ops;
    struct refcount ref;
    _Atomic uint32_t handles;
    _Atomic uint32_t signals;
    _Atomic uint32_t status_flags;               // O_NONBLOCK, O_APPEND, O_DIRECT, O_ASYNC … and the access mode
    struct spinlock lock;                        // protects watchers; objects may use it for their own state too
    struct list_node watchers GUARDED_BY(&lock); // struct watcher.node
    uint64_t id;                                 // unique, for "name:[id]" and kcmp
    struct object *wait_target;         // whose signals poll and wait use: itself, or another that lives as long
    _Atomic uint32_t marks;             // OBJECT_MARK_*
    struct object_async *_Atomic async; // who is told by signals; null: nobody ever was (object/async.h)
    union {
        struct object *next_dead;
        struct rcu_head rcu; // once the last reference is gone
    };
};
// Set by the object core, never cleared.
enum {
    OBJECT_MARK_RCU = 1,      // a lock-free lookup may have seen it: destroy after a grace period
    OBJECT_MARK_WAIT_SET = 2, // a wait set has it: tell it when the last handle goes
    OBJECT_MARK_ASYNC = 8,    // it has `async`
    OBJECT_MARK_FLIGHT = 4,   // its handles were in messages: perhaps only those are left (object/flight.h)
};

// One reference, no handle yet.
void object_init(struct object *object, const struct object_ops *ops, uint32_t signals);
ALWAYS_INLINE void object_get(struct object *object) {
    refcount_up(&object->ref);
}
void object_destroy(struct object *object); // queue the dead and drain: never recurses
ALWAYS_INLINE void object_put(struct object *object) {
    if (refcount_down(&object->ref))
        object_destroy(object);
}
// Handle counting: for handle tables, messages in flight and operations in progress. All handles together own one
// reference, which the first takes and the last drops after calling closed(). The caller of acquire has a
// reference, and either has a handle or knows that none was ever made.
void object_handle_acquire(struct object *object);
void object_handle_release(struct object *object);
// For lookups: fails if the last handle is gone or going.
MUST_USE bool object_handle_try_acquire(struct object *object);

// Clears then sets bits, and tells the watchers of `set` — also when they were set already, for that is
// what edge-triggered waiters count on. Takes object->lock only if there are watchers. Any context but interrupts.
void object_signal(struct object *object, uint32_t clear, uint32_t set);
// The same, shorter if a thread waits in object_wait. 0, so that it can be the end of a system call.
long object_signal_waited(struct object *object, uint32_t clear, uint32_t set);
// The same for callers that hold object->lock.
void object_signal_locked(struct object *object, uint32_t clear, uint32_t set) REQUIRES(&object->lock);
ALWAYS_INLINE uint32_t object_signals(struct object *object) {
    return atomic_load_explicit(&object->signals, memory_order_acquire);
}
// The object whose signals count for waiting on this one (follows wait_target).
struct object *object_wait_target_slow(struct object *object);
ALWAYS_INLINE struct object *object_wait_target(struct object *object) {
    struct object *target = object->wait_target;
    return LIKELY(!target->ops->wait_target) ? target : object_wait_target_slow(target);
}

// A watcher is told, with the watched object's lock held, that bits of its mask came up. It must not block and may
// only take locks below the object's (wait set, thread wake-up). Of exclusive watchers only the first that returns true
// (it woke somebody) is told.
struct watcher {
    struct list_node node; // object->watchers
    struct object *object;
    uint32_t mask;
    bool exclusive;
    bool (*notify)(struct watcher *watcher, uint32_t signals); // may take it off the list
};
void object_watch(struct object *object, struct watcher *watcher);
void object_unwatch(struct watcher *watcher); // on return notify does not run
// The bits of `mask` that are up; those of `consume`, too, are cleared in the same step, so of several who take a bit
// one gets it. What the signaller did before it raised a bit is seen by whoever takes it, and if it finds the bit still
// up (and does not raise it), by whoever takes it afterwards.
uint32_t object_consume(struct object *object, uint32_t mask, uint32_t consume);
ALWAYS_INLINE uint32_t object_take(struct object *object, uint32_t mask, uint32_t consume) {
    uint32_t ready = atomic_load_explicit(&object->signals, memory_order_seq_cst) & mask;
    return LIKELY((ready & consume) == 0) ? ready : object_consume(object, mask, consume);
}
// Blocks until any bit of `mask` is up, and takes what is. 0, -ETIMEDOUT, -EINTR. *signals gets what is up.
MUST_USE status_t object_wait(struct object *object, uint32_t mask, uint32_t consume, nsec_t deadline,
                              uint32_t *signals);
// object_signal, and then object_wait for `waited`. A thread that the first wakes and that was in object_wait gets the
// CPU of the caller if that sleeps and if it may run here. Whatever this returns, the signal has been given.
MUST_USE status_t object_signal_and_wait(struct object *object, uint32_t clear, uint32_t set, struct object *waited,
                                         uint32_t mask, uint32_t consume, nsec_t deadline, uint32_t *signals);
// Poll's way: waits on many. `entries` in kernel memory; watchers are supplied (count of them).
struct wait_item {
    struct object *object; // as looked up; wait_target is followed. Null: ignored
    uint32_t mask, consume, ready;
    struct watcher watcher;
    struct poll_waiter *waiter;
};
// Returns the number of items with ready != 0, 0 on time-out, -EINTR.
int object_wait_many(struct wait_item *items, unsigned count, nsec_t deadline);
