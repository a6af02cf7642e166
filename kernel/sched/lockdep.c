// SPDX-License-Identifier: MPL-2.0
// Lock checks of debug builds: holder, order, and nothing held when a thread blocks.
//
// Locks fall into classes by the line that initialises them (static locks are classes of their own). When a lock of
// class B is taken while one of class A is held, the edge A -> B is recorded; if B can already reach A, two
// threads could deadlock, and the kernel stops and names both. Locks of one class may nest: their order is by address
// or by protocol (two run queues, two pipes), which this cannot know.

#include <lib/fmt.h>

#include "sched_priv.h"

#ifdef TESSERA_DEBUG

enum { CLASS_MAX = 512 };

struct lock_class {
    const void *kind; // the text of spin_init, or the address of a static lock
    bool is_static;
    uint64_t after[CLASS_MAX / 64]; // classes taken while this one was held, directly
};

static struct {
    _Atomic uint32_t word; // a spinlock of its own, which is not checked
    unsigned count;
    struct lock_class classes[CLASS_MAX];
} lockdep;

static void enter(void) {
    while (atomic_exchange_explicit(&lockdep.word, 1, memory_order_acquire) != 0)
        arch_cpu_relax();
}

static void leave(void) {
    atomic_store_explicit(&lockdep.word, 0, memory_order_release);
}

static unsigned index_of(const struct lock_class *class) {
    return (unsigned)(class - lockdep.classes);
}

static struct lock_class *class_of(const struct spinlock *lock) {
    const void *kind = lock->kind ? lock->kind : lock;
    for (unsigned i = 0; i < lockdep.count; i++)
        if (lockdep.classes[i].kind == kind)
            return &lockdep.classes[i];
    if (lockdep.count == CLASS_MAX)
        return nullptr;
    struct lock_class *class = &lockdep.classes[lockdep.count++];
    class->kind = kind;
    class->is_static = !lock->kind;
    return class;
}

// Whether `from` leads to `to`. Depth-first over the small graph.
static bool reaches(unsigned from, unsigned to) {
    static uint64_t seen[CLASS_MAX / 64];
    static uint16_t stack[CLASS_MAX];
    unsigned depth = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(seen); i++)
        seen[i] = 0;
    stack[depth++] = (uint16_t)from;
    while (depth) {
        unsigned at = stack[--depth];
        if (at == to)
            return true;
        for (unsigned i = 0; i < lockdep.count; i++)
            if ((lockdep.classes[at].after[i / 64] >> (i % 64) & 1) && !(seen[i / 64] >> (i % 64) & 1)) {
                seen[i / 64] |= 1ull << (i % 64);
                stack[depth++] = (uint16_t)i;
            }
    }
    return false;
}

// Records held -> taken for all that the thread holds. Returns the class that it must not follow, or null.
static const struct lock_class *record_order(struct thread *thread, const struct lock_class *taken) {
    unsigned to = index_of(taken);
    for (unsigned i = 0; i < MIN(thread->spinlocks_held, (uint32_t)ARRAY_SIZE(thread->held_locks)); i++) {
        const struct lock_class *held = thread->held_locks[i]->class;
        if (!held || held == taken)
            continue;
        unsigned from = index_of(held);
        if (lockdep.classes[from].after[to / 64] >> (to % 64) & 1)
            continue;
        if (reaches(to, from))
            return held;
        lockdep.classes[from].after[to / 64] |= 1ull << (to % 64);
    }
    return nullptr;
}

[[noreturn]] static void bad_order(const struct lock_class *held, const struct lock_class *taken) {
    char text[2][24];
    const struct lock_class *classes[2] = {held, taken};
    for (unsigned i = 0; i < 2; i++)
        if (classes[i]->is_static)
            fmt_snprintf(text[i], sizeof text[i], "%p", classes[i]->kind);
        else
            fmt_snprintf(text[i], sizeof text[i], "%s", (const char *)classes[i]->kind);
    panic("lock order: %s is held and %s taken, and it has been the other way round", text[0], text[1]);
}

void lockdep_acquired(struct spinlock *lock, bool tried) {
    struct thread *thread = arch_current();
    lock->holder = thread;
    if (!thread)
        return;
    const struct lock_class *bad = nullptr;
    enter();
    if (!lock->class)
        lock->class = class_of(lock);
    if (lock->class && !tried) // a try cannot deadlock
        bad = record_order(thread, lock->class);
    leave();
    if (bad)
        bad_order(bad, lock->class);
    if (thread->spinlocks_held < ARRAY_SIZE(thread->held_locks))
        thread->held_locks[thread->spinlocks_held] = lock;
    thread->spinlocks_held++;
}

void lockdep_released(struct spinlock *lock) {
    struct thread *thread = arch_current();
    if (!thread || !lock->holder)
        return;
    if (lock->holder != thread)
        panic("spinlock %p released by another than its holder", (void *)lock);
    lock->holder = nullptr;
    uint32_t count = MIN(thread->spinlocks_held, (uint32_t)ARRAY_SIZE(thread->held_locks));
    for (uint32_t i = 0; i < count; i++)
        if (thread->held_locks[i] == lock) {
            for (; i + 1 < count; i++)
                thread->held_locks[i] = thread->held_locks[i + 1];
            break;
        }
    thread->spinlocks_held--;
}

void lockdep_assert_none_held(struct thread *thread) {
    if (thread->spinlocks_held) {
        const struct spinlock *last = thread->held_locks[thread->spinlocks_held - 1];
        panic("%s blocks with %u spinlocks held, the last one %p (%s)", thread->name, thread->spinlocks_held,
              (const void *)last, last->kind ? (const char *)last->kind : "static");
    }
    if (thread->rcu_depth)
        panic("%s blocks in an RCU read section", thread->name);
}

#endif
