// SPDX-License-Identifier: MPL-2.0
// Priority-inheriting futexes. The user word holds the owner's thread id and WAITERS if the owner must call the
// kernel to unlock. While somebody waits, a pi_state records the owner and the waiters by importance; the
// owner runs at the level of the most important of all that wait for it, directly or through others.
//
// The user word cannot be touched under the lock of this file, so handing over has two steps: the first waiter is
// chosen and taken off the queue (CHOSEN), the word is written, then the waiter is told (OWNER). A chosen waiter
// cannot give up any more; it waits for the second step. If the owner died, the waiter writes the word itself (HEIR):
// a shared one may not be mapped any more where the owner died.
//
//   waiter                                       owner, in unlock
//   sets WAITERS in the word                     finds no state: writes 0 to the word,
//   queues itself on the word's state            looks for a state again: wakes its first waiter to try again
//   reads the word: not that owner -> start over
//
// Requeueing to such a futex (CMP_REQUEUE_PI) does not exist here; no C library uses it any more.

#include "futex_priv.h"
#include <lib/status.h>
#include <mm/charged.h>
#include <sched/sched.h>

enum { CHAIN_MAX = 16 };
enum pi_phase { PI_WAITING, PI_CHOSEN, PI_OWNER, PI_HEIR, PI_RETRY };

struct pi_state {
    struct list_node node; // pi.states
    struct memory_key key;
    struct thread *owner;
    struct list_node waiters; // struct pi_waiter.node, highest level first
};

struct pi_waiter {
    struct list_node node;
    struct pi_state *state; // null once off the queue
    struct thread *thread;
    int tid;
    int dead_tid; // PI_HEIR: who died
    unsigned level;
    _Atomic enum pi_phase phase;
};
CHARGED_CACHE(pi_state_cache, struct pi_state);

static struct {
    struct spinlock lock; // all of this; PI futexes that have waiters are few
    struct list_node states;
} pi = {.states = LIST_INIT(pi.states)};

static struct pi_state *find_state(const struct memory_key *key) REQUIRES(&pi.lock) {
    struct pi_state *state;
    LIST_FOR_EACH(state, &pi.states, node)
    if (futex_key_equal(&state->key, key))
        return state;
    return nullptr;
}

static struct pi_waiter *first_waiter(struct pi_state *state) {
    return list_is_empty(&state->waiters) ? nullptr : LIST_FIRST(&state->waiters, struct pi_waiter, node);
}

// What a thread's waiters lend it.
static unsigned lent_level(const struct thread *owner) REQUIRES(&pi.lock) {
    unsigned level = 0;
    struct pi_state *state;
    LIST_FOR_EACH(state, &pi.states, node)
    if (state->owner == owner && !list_is_empty(&state->waiters))
        level = MAX(level, first_waiter(state)->level);
    return level;
}

static void insert(struct pi_state *state, struct pi_waiter *waiter) {
    struct pi_waiter *other;
    struct list_node *before = &state->waiters;
    LIST_FOR_EACH(other, &state->waiters, node)
    if (other->level < waiter->level) {
        before = &other->node;
        break;
    }
    list_push_back(before, &waiter->node);
}

// The thread's waiters changed: its level follows, and so do those of the threads it waits for in turn.
static void propagate(struct thread *owner) REQUIRES(&pi.lock) {
    for (unsigned i = 0; owner && i < CHAIN_MAX; i++) {
        sched_boost(owner, lent_level(owner));
        struct pi_waiter *waiter = owner->pi_waiter;
        if (!waiter || !waiter->state || waiter->level == sched_level(owner))
            return;
        list_remove(&waiter->node);
        waiter->level = sched_level(owner);
        insert(waiter->state, waiter);
        owner = waiter->state->owner;
    }
}

// Does `owner` wait, directly or through others, for what `self` holds?
static bool would_deadlock(struct thread *owner, const struct thread *self) REQUIRES(&pi.lock) {
    for (unsigned i = 0; owner && i < CHAIN_MAX; i++) {
        if (owner == self)
            return true;
        struct pi_waiter *waiter = owner->pi_waiter;
        owner = waiter && waiter->state ? waiter->state->owner : nullptr;
    }
    return false;
}

static void drop_if_empty(struct pi_state *state) REQUIRES(&pi.lock) {
    if (!list_is_empty(&state->waiters))
        return;
    list_remove(&state->node);
    charged_free(&pi_state_cache, state);
}

static void dequeue(struct pi_waiter *waiter) REQUIRES(&pi.lock) {
    struct pi_state *state = waiter->state;
    struct thread *owner = state->owner;
    list_remove(&waiter->node);
    waiter->state = nullptr;
    waiter->thread->pi_waiter = nullptr;
    drop_if_empty(state);
    propagate(owner);
}

// Queues the waiter behind the thread that the user word names.
static status_t enqueue(const struct memory_key *key, struct pi_waiter *waiter, uint32_t owner_tid) {
    struct pi_state *fresh = charged_alloc(&pi_state_cache);
    if (!fresh)
        return -ENOMEM;
    status_t status = -ESRCH;
    rcu_read_lock();
    struct posix_thread *owner = thread_find((int)owner_tid);
    spin_lock(&pi.lock);
    if (owner && !owner->exiting) {
        status = would_deadlock(&owner->thread, waiter->thread) ? -EDEADLK : 0;
        struct pi_state *state = find_state(key);
        if (status == 0 && !state) {
            state = fresh;
            fresh = nullptr;
            *state = (struct pi_state){.key = *key, .owner = &owner->thread};
            list_init(&state->waiters);
            list_push_back(&pi.states, &state->node);
        } else if (status == 0 && state->owner != &owner->thread) {
            status = -EAGAIN; // being handed over
        }
        if (status == 0) {
            waiter->state = state;
            waiter->thread->pi_waiter = waiter;
            insert(state, waiter);
            propagate(state->owner);
        }
    }
    spin_unlock(&pi.lock);
    rcu_read_unlock();
    if (fresh)
        charged_free(&pi_state_cache, fresh);
    return status;
}

static status_t exchange(vaddr_t address, uint32_t expected, uint32_t value) {
    uint32_t old;
    status_t status = user_cmpxchg_u32((uint32_t __user *)address, expected, value, &old);
    return status != 0 ? status : old == expected ? 0 : -EAGAIN;
}

// Takes a free mutex, or marks it as waited for. 0: taken. -EBUSY: *word is what it holds, WAITERS set. -EAGAIN:
// changed.
static status_t take_or_mark(vaddr_t address, uint32_t tid, bool try_only, uint32_t *word) {
    uint32_t old;
    if (get_user(old, (const uint32_t __user *)address) != 0)
        return -EFAULT;
    if ((old & FUTEX_TID_MASK) == 0)
        return exchange(address, old, tid | (old & (FUTEX_OWNER_DIED | FUTEX_WAITERS)));
    if ((old & FUTEX_TID_MASK) == tid)
        return -EDEADLK;
    if (try_only)
        return -EBUSY;
    status_t status = old & FUTEX_WAITERS ? 0 : exchange(address, old, old | FUTEX_WAITERS);
    *word = old | FUTEX_WAITERS;
    return status != 0 ? status : -EBUSY;
}

// Sleeps until it is the owner (0), inherits (-EOWNERDEAD) or should try again (-EAGAIN). A time-out or signal after it
// was chosen comes too late.
static status_t sleep_queued(struct pi_waiter *waiter, nsec_t deadline) {
    status_t status = 0;
    for (;;) {
        thread_prepare_block(status == 0 ? WAIT_INTERRUPTIBLE : WAIT_UNINTERRUPTIBLE);
        enum pi_phase phase = atomic_load_explicit(&waiter->phase, memory_order_seq_cst);
        if (phase != PI_WAITING && phase != PI_CHOSEN) {
            thread_cancel_block();
            return phase == PI_OWNER ? 0 : phase == PI_HEIR ? -EOWNERDEAD : -EAGAIN;
        }
        status_t ended = thread_block(status == 0 ? deadline : NSEC_NEVER);
        if (ended == 0)
            continue;
        status = ended;
        spin_lock(&pi.lock);
        bool gave_up = waiter->phase == PI_WAITING;
        if (gave_up)
            dequeue(waiter);
        spin_unlock(&pi.lock);
        if (gave_up)
            return status;
    }
}

// The word may have been unlocked before we were queued. -EAGAIN: start over.
static status_t wait_in_queue(struct pi_waiter *waiter, vaddr_t address, uint32_t word, nsec_t deadline) {
    uint32_t now;
    status_t status = get_user(now, (const uint32_t __user *)address);
    if (status == 0 && ((now ^ word) & FUTEX_TID_MASK) == 0)
        return sleep_queued(waiter, deadline);
    spin_lock(&pi.lock);
    bool waiting = waiter->phase == PI_WAITING;
    if (waiting)
        dequeue(waiter);
    spin_unlock(&pi.lock);
    if (!waiting)
        return sleep_queued(waiter, NSEC_NEVER);
    return status != 0 ? status : -EAGAIN;
}

// Takes the first waiter off the queue as the next owner; null: nobody waits. -EPERM: they wait for another than `self`
// (null: for anybody).
static status_t choose(const struct memory_key *key, struct thread *self, struct pi_waiter **chosen) {
    status_t status = 0;
    *chosen = nullptr;
    spin_lock(&pi.lock);
    struct pi_state *state = find_state(key);
    if (state && self && state->owner != self)
        status = -EPERM;
    else if (state) {
        struct pi_waiter *waiter = first_waiter(state);
        list_remove(&waiter->node);
        waiter->state = nullptr;
        waiter->thread->pi_waiter = nullptr;
        waiter->phase = PI_CHOSEN;
        struct thread *next = waiter->thread, *before = state->owner;
        state->owner = next;
        drop_if_empty(state);
        propagate(next);
        propagate(before);
        *chosen = waiter;
    }
    spin_unlock(&pi.lock);
    return status;
}

static void tell(struct pi_waiter *waiter, enum pi_phase phase) {
    struct thread *thread = waiter->thread;
    rcu_read_lock(); // the thread stays, though the waiter is gone after the next line
    atomic_exchange_explicit(&waiter->phase, phase, memory_order_seq_cst);
    thread_wake(thread);
    rcu_read_unlock();
}

// Makes all who wait for the mutex start over, if they wait for `owner` (null: for anybody).
static void send_away(const struct memory_key *key, struct thread *owner) {
    struct pi_waiter *waiter;
    while (choose(key, owner, &waiter) == 0 && waiter) {
        if (owner)
            owner = waiter->thread; // whom the rest wait for now
        tell(waiter, PI_RETRY);
    }
}

// The owner died. Its word may say so already, somebody may have taken the mutex since, or the owner had unlocked it
// properly just before we queued behind it: then it is free, and nothing in the word says that anybody died with it.
static status_t inherit(vaddr_t address, const struct memory_key *key, const struct pi_waiter *heir) {
    uint32_t old, owner;
    status_t status = get_user(old, (const uint32_t __user *)address);
    while (status == 0) {
        uint32_t expected = old;
        owner = expected & FUTEX_TID_MASK;
        if (owner != 0 && owner != (uint32_t)heir->dead_tid) {
            status = -EAGAIN;
            break;
        }
        uint32_t died = owner != 0 ? FUTEX_OWNER_DIED : expected & FUTEX_OWNER_DIED;
        status =
            user_cmpxchg_u32((uint32_t __user *)address, expected, (uint32_t)heir->tid | FUTEX_WAITERS | died, &old);
        if (status == 0 && old == expected)
            return 0;
    }
    send_away(key, thread_current());
    return status;
}

// The thread that `word` names does not exist: -ESRCH, unless it had unlocked before it left, or its robust list has
// marked the word (-EAGAIN: look again).
static status_t owner_gone(vaddr_t address, uint32_t word) {
    uint32_t now;
    if (get_user(now, (const uint32_t __user *)address) != 0)
        return -EFAULT;
    return (now ^ word) & (FUTEX_TID_MASK | FUTEX_OWNER_DIED) ? -EAGAIN : -ESRCH;
}

long futex_lock_pi(vaddr_t address, bool private, nsec_t deadline, bool try_only) {
    struct memory_key key;
    uint32_t tid = (uint32_t)posix_current()->tid, word = 0;
    status_t status = futex_key(address, private, &key);
    if (status != 0)
        return status;
    for (;;) {
        status = take_or_mark(address, tid, try_only, &word);
        if (status == -EBUSY && try_only)
            return -EAGAIN;
        if (status == -EBUSY) {
            struct pi_waiter waiter = {
                .thread = thread_current(), .tid = (int)tid, .level = sched_level(thread_current())};
            status = enqueue(&key, &waiter, word & FUTEX_TID_MASK);
            if (status == -ESRCH)
                status = owner_gone(address, word);
            if (status == 0)
                status = wait_in_queue(&waiter, address, word, deadline);
            if (status == -EOWNERDEAD)
                status = inherit(address, &key, &waiter);
        }
        if (status == -EINTR)
            return -ERESTARTNOINTR;
        if (status != -EAGAIN)
            return status;
        if (thread_is_killed())
            return -EINTR;
        sched_yield(); // the owner is in the middle of handing over
    }
}

// Nobody waits, or so it seemed: unlocks the word, and makes those who queued meanwhile start over.
static status_t unlock_free(vaddr_t address, const struct memory_key *key, uint32_t word) {
    status_t status = exchange(address, word, word & FUTEX_OWNER_DIED);
    if (status != 0)
        return status;
    send_away(key, thread_current());
    return 0;
}

// Writes the chosen waiter into the word, whatever happened to the other bits. WAITERS stays: the new owner's unlock
// finds out whether it is true.
static status_t hand_over(vaddr_t address, struct pi_waiter *waiter) {
    uint32_t old;
    status_t status = get_user(old, (const uint32_t __user *)address);
    while (status == 0) {
        uint32_t expected = old;
        status = user_cmpxchg_u32((uint32_t __user *)address, expected, (uint32_t)waiter->tid | FUTEX_WAITERS, &old);
        if (status == 0 && old == expected)
            break;
    }
    tell(waiter, status == 0 ? PI_OWNER : PI_RETRY);
    return status;
}

long futex_unlock_pi(vaddr_t address, bool private) {
    struct memory_key key;
    uint32_t word;
    status_t status = futex_key(address, private, &key);
    if (status != 0)
        return status;
    for (;;) {
        if (get_user(word, (const uint32_t __user *)address) != 0)
            return -EFAULT;
        if ((word & FUTEX_TID_MASK) != (uint32_t)posix_current()->tid)
            return -EPERM;
        struct pi_waiter *waiter;
        // The word says that it is ours. Those who wait for another have seen an older word: they shall look again.
        if (choose(&key, thread_current(), &waiter) != 0)
            send_away(&key, nullptr);
        if (waiter)
            return hand_over(address, waiter);
        status = unlock_free(address, &key, word);
        if (status != -EAGAIN)
            return status;
    }
}

// A state whose owner dies, if there is one: its key.
static bool owned_state(const struct thread *owner, struct memory_key *key) {
    struct pi_state *state;
    bool found = false;
    spin_lock(&pi.lock);
    LIST_FOR_EACH(state, &pi.states, node)
    if (state->owner == owner) {
        *key = state->key;
        found = true;
        break;
    }
    spin_unlock(&pi.lock);
    return found;
}

void futex_pi_exit(struct posix_thread *thread) {
    struct memory_key key;
    while (owned_state(&thread->thread, &key)) {
        struct pi_waiter *waiter;
        if (choose(&key, &thread->thread, &waiter) != 0 || !waiter)
            continue;
        waiter->dead_tid = thread->tid;
        tell(waiter, PI_HEIR);
    }
    sched_boost(&thread->thread, 0);
}
