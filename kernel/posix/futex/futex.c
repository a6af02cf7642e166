// SPDX-License-Identifier: MPL-2.0
// Futexes: wait, wake and requeue on a user word.
//
// The user word cannot be read under a spinlock (the page may have to be brought in), so a waiter queues itself
// first and reads then:
//
//   waiter                                   waker (has changed the word)
//   bucket lock; queue; unlock               bucket lock
//   read the word: another value ->          takes waiters off the queue, sets `woken`, wakes
//     leave the queue, -EAGAIN               unlock
//   state = BLOCKED; woken? -> done
//   switch away
//
// If the waker's lock comes first, the waiter's read sees the new value; if it comes second, it finds the waiter.
// A waiter that finds another value, but has been taken off by a waker, passes the wake-up on: it never waited.
//
// `woken` is the last thing that a waker touches in a waiter, whose stack may be gone after it; the thread itself stays
// until the end of the waker's RCU read section.

#include "futex_priv.h"
#include "time/time_priv.h"
#include <abi/syscall_table.h>
#include <lib/status.h>

enum { BUCKETS = 256 };

struct bucket {
    struct spinlock lock;
    struct list_node waiters; // struct futex_waiter.node
};

struct futex_waiter {
    struct list_node node;
    struct bucket *_Atomic bucket; // changes when requeued, under both locks
    struct memory_key key;
    uint32_t bitset;
    struct thread *thread;
    _Atomic bool woken;
};

static struct {
    struct bucket buckets[BUCKETS];
} futex;

// The lists need pointers to themselves, which a static initialiser of an array cannot give.
static struct list_node *waiters_of(struct bucket *bucket) REQUIRES(&bucket->lock) {
    if (UNLIKELY(bucket->waiters.next == nullptr))
        list_init(&bucket->waiters);
    return &bucket->waiters;
}

static struct bucket *bucket_of(const struct memory_key *key) {
    return &futex.buckets[futex_hash(key, BUCKETS)];
}

status_t futex_key(vaddr_t address, bool private, struct memory_key *key) {
    if (address % sizeof(uint32_t))
        return -EINVAL;
    if (!user_range_ok(address, sizeof(uint32_t)))
        return -EFAULT;
    if (!private)
        return aspace_memory_key(aspace_current(), address, key);
    *key = (struct memory_key){aspace_current(), address};
    return 0;
}

static void wake(struct futex_waiter *waiter) {
    struct thread *thread = waiter->thread;
    list_remove(&waiter->node);
    atomic_exchange_explicit(&waiter->woken, true, memory_order_seq_cst);
    thread_wake_near(thread);
}

static int wake_in(struct bucket *bucket, const struct memory_key *key, unsigned count, uint32_t bitset)
    REQUIRES(&bucket->lock) {
    struct futex_waiter *waiter, *following;
    unsigned woken = 0;
    LIST_FOR_EACH_SAFE(waiter, following, waiters_of(bucket), node) {
        if (woken >= count)
            break;
        if (!futex_key_equal(&waiter->key, key) || !(waiter->bitset & bitset))
            continue;
        wake(waiter);
        woken++;
    }
    return (int)woken;
}

int futex_wake_key(const struct memory_key *key, unsigned count, uint32_t bitset) {
    struct bucket *bucket = bucket_of(key);
    spin_lock(&bucket->lock);
    int woken = wake_in(bucket, key, count, bitset);
    spin_unlock(&bucket->lock);
    return woken;
}

// --- waiting ---

// Takes the waiter off whatever queue it is on. False: a waker was faster.
static bool leave(struct futex_waiter *waiter) NO_THREAD_SAFETY {
    for (;;) {
        struct bucket *bucket = atomic_load_explicit(&waiter->bucket, memory_order_relaxed);
        spin_lock(&bucket->lock);
        bool same = bucket == atomic_load_explicit(&waiter->bucket, memory_order_relaxed);
        bool queued = list_is_linked(&waiter->node);
        if (same)
            list_remove(&waiter->node);
        spin_unlock(&bucket->lock);
        if (same)
            return queued;
    }
}

static status_t sleep_queued(struct futex_waiter *waiter, nsec_t deadline) {
    while (!atomic_load_explicit(&waiter->woken, memory_order_acquire)) {
        thread_prepare_block(WAIT_INTERRUPTIBLE);
        if (atomic_load_explicit(&waiter->woken, memory_order_seq_cst)) {
            thread_cancel_block();
            break;
        }
        status_t status = thread_block(deadline);
        if (status != 0)
            return leave(waiter) ? status : 0;
    }
    return 0;
}

static status_t wait(const struct memory_key *key, vaddr_t address, uint32_t value, uint32_t bitset, nsec_t deadline) {
    struct bucket *bucket = bucket_of(key);
    struct futex_waiter waiter = {.bucket = bucket, .key = *key, .bitset = bitset, .thread = thread_current()};
    uint32_t found;
    spin_lock(&bucket->lock);
    list_push_back(waiters_of(bucket), &waiter.node);
    spin_unlock(&bucket->lock);
    status_t status = get_user(found, (const uint32_t __user *)address);
    if (LIKELY(status == 0 && found == value))
        return sleep_queued(&waiter, deadline);
    if (!leave(&waiter))
        futex_wake_key(key, 1, bitset);
    return status != 0 ? status : -EAGAIN;
}

static long wait_again(struct restart *r) {
    struct memory_key key;
    status_t status = futex_key(r->futex.address, r->futex.flags & FUTEX_PRIVATE_FLAG, &key);
    if (status == 0)
        status = wait(&key, r->futex.address, r->futex.value, r->futex.bitset, r->futex.deadline);
    if (status != -EINTR)
        return status;
    r->again = wait_again;
    return -ERESTART_RESTARTBLOCK;
}

static long wait_user(vaddr_t address, int operation, uint32_t value, uint32_t bitset, nsec_t deadline) {
    struct memory_key key;
    status_t status = futex_key(address, operation & FUTEX_PRIVATE_FLAG, &key);
    if (bitset == 0)
        return -EINVAL;
    if (status == 0)
        status = wait(&key, address, value, bitset, deadline);
    if (LIKELY(status != -EINTR))
        return status;
    if (deadline == NSEC_NEVER)
        return -ERESTARTSYS;
    struct restart *r = &posix_current()->restart;
    r->futex.address = address;
    r->futex.value = value;
    r->futex.bitset = bitset;
    r->futex.deadline = deadline;
    r->futex.flags = (unsigned)operation;
    r->again = wait_again;
    return -ERESTART_RESTARTBLOCK;
}

// --- waking ---

static long wake_user(vaddr_t address, int operation, uint32_t count, uint32_t bitset) {
    struct memory_key key;
    if (bitset == 0)
        return -EINVAL;
    status_t status = futex_key(address, operation & FUTEX_PRIVATE_FLAG, &key);
    return status != 0 ? status : futex_wake_key(&key, count, bitset);
}

// Both buckets, lower address first.
static void lock_two(struct bucket *a, struct bucket *b) NO_THREAD_SAFETY {
    spin_lock(a < b ? &a->lock : &b->lock);
    if (a != b)
        spin_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_two(struct bucket *a, struct bucket *b) NO_THREAD_SAFETY {
    spin_unlock(&a->lock);
    if (a != b)
        spin_unlock(&b->lock);
}

static int requeue(struct bucket *from, const struct memory_key *key, struct bucket *to,
                   const struct memory_key *new_key, unsigned count) NO_THREAD_SAFETY {
    struct futex_waiter *waiter, *following;
    unsigned moved = 0;
    LIST_FOR_EACH_SAFE(waiter, following, waiters_of(from), node) {
        if (moved >= count)
            break;
        if (!futex_key_equal(&waiter->key, key))
            continue;
        list_remove(&waiter->node);
        waiter->key = *new_key;
        atomic_store_explicit(&waiter->bucket, to, memory_order_relaxed);
        list_push_back(waiters_of(to), &waiter->node);
        moved++;
    }
    return (int)moved;
}

struct two_words {
    vaddr_t first, second;
    bool private;
    struct memory_key first_key, second_key;
};

static status_t two_keys(struct two_words *words) {
    status_t status = futex_key(words->first, words->private, &words->first_key);
    return status != 0 ? status : futex_key(words->second, words->private, &words->second_key);
}

// `expected`: what the first word must hold, or null. The word may change right after it was read, as it may on any
// other kernel: it is the program's.
static long requeue_user(struct two_words *words, int wake_count, int move_count,
                         const uint32_t *expected) NO_THREAD_SAFETY {
    uint32_t found;
    if (wake_count < 0 || move_count < 0)
        return -EINVAL;
    status_t status = two_keys(words);
    if (status != 0)
        return status;
    if (expected && get_user(found, (const uint32_t __user *)words->first) != 0)
        return -EFAULT;
    if (expected && found != *expected)
        return -EAGAIN;
    struct bucket *from = bucket_of(&words->first_key), *to = bucket_of(&words->second_key);
    lock_two(from, to);
    int woken = wake_in(from, &words->first_key, (unsigned)wake_count, FUTEX_BITSET_MATCH_ANY);
    int moved = 0;
    if (!futex_key_equal(&words->first_key, &words->second_key))
        moved = requeue(from, &words->first_key, to, &words->second_key, (unsigned)move_count);
    unlock_two(from, to);
    return woken + moved;
}

static status_t apply(unsigned operation, uint32_t operand, uint32_t old, uint32_t *new) {
    switch (operation) {
    case FUTEX_OP_SET:
        *new = operand;
        return 0;
    case FUTEX_OP_ADD:
        *new = old + operand;
        return 0;
    case FUTEX_OP_OR:
        *new = old | operand;
        return 0;
    case FUTEX_OP_ANDN:
        *new = old & ~operand;
        return 0;
    case FUTEX_OP_XOR:
        *new = old ^ operand;
        return 0;
    default:
        return -ENOSYS;
    }
}

static status_t compare(unsigned comparison, int32_t old, int32_t operand, bool *result) {
    switch (comparison) {
    case FUTEX_OP_CMP_EQ:
        *result = old == operand;
        return 0;
    case FUTEX_OP_CMP_NE:
        *result = old != operand;
        return 0;
    case FUTEX_OP_CMP_LT:
        *result = old < operand;
        return 0;
    case FUTEX_OP_CMP_LE:
        *result = old <= operand;
        return 0;
    case FUTEX_OP_CMP_GT:
        *result = old > operand;
        return 0;
    case FUTEX_OP_CMP_GE:
        *result = old >= operand;
        return 0;
    default:
        return -ENOSYS;
    }
}

// Changes the word at `address` as `code` says, atomically; *met: whether its old value compares.
static status_t operate(vaddr_t address, uint32_t code, bool *met) {
    uint32_t __user *word = (uint32_t __user *)address;
    uint32_t operand = (uint32_t)((int32_t)(code << 8) >> 20), old, new;
    int32_t comparand = (int32_t)(code << 20) >> 20;
    unsigned operation = code >> 28;
    if (operation & FUTEX_OP_SHIFT)
        operand = 1u << (operand & 31);
    if (get_user(old, word) != 0)
        return -EFAULT;
    for (;;) {
        uint32_t expected = old;
        status_t status = apply(operation & ~(unsigned)FUTEX_OP_SHIFT, operand, expected, &new);
        if (status == 0)
            status = user_cmpxchg_u32(word, expected, new, &old);
        if (status != 0)
            return status;
        if (old == expected)
            return compare(code >> 24 & 15, (int32_t)old, comparand, met);
    }
}

static long wake_op_user(struct two_words *words, unsigned count, unsigned second_count, uint32_t code) {
    bool met = false;
    status_t status = two_keys(words);
    if (status == 0)
        status = operate(words->second, code, &met);
    if (status != 0)
        return status;
    int woken = futex_wake_key(&words->first_key, count, FUTEX_BITSET_MATCH_ANY);
    if (met)
        woken += futex_wake_key(&words->second_key, second_count, FUTEX_BITSET_MATCH_ANY);
    return woken;
}

// --- the call ---

// WAIT's time is a duration, the others' a point in time, on the wall clock if so flagged.
static status_t read_deadline(int operation, const void __user *timeout, nsec_t *deadline) {
    int command = operation & FUTEX_COMMAND_MASK;
    nsec_t time;
    *deadline = NSEC_NEVER;
    if (!timeout)
        return 0;
    status_t status = timespec_from_user(timeout, &time);
    if (status != 0)
        return status;
    if (command == FUTEX_WAIT)
        *deadline = deadline_after(time);
    else if ((operation & FUTEX_CLOCK_REALTIME) || command == FUTEX_LOCK_PI)
        *deadline = time == NSEC_NEVER ? time : MAX(time - atomic_load(&realtime_offset), (nsec_t)1);
    else
        *deadline = time;
    return 0;
}

long sys_futex(uint32_t __user *address, int operation, uint32_t value, unsigned long timeout,
               uint32_t __user *address2, uint32_t value3) {
    vaddr_t at = (__force vaddr_t)address;
    bool private = operation & FUTEX_PRIVATE_FLAG;
    struct two_words words = {.first = at, .second = (__force vaddr_t)address2, .private = private};
    nsec_t deadline;
    status_t status;
    int command = operation & FUTEX_COMMAND_MASK;
    if ((operation & FUTEX_CLOCK_REALTIME) && command != FUTEX_WAIT_BITSET && command != FUTEX_LOCK_PI2 &&
        command != FUTEX_WAIT)
        return -ENOSYS;
    switch (command) {
    case FUTEX_WAKE:
        return wake_user(at, operation, value, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
        return wake_user(at, operation, value, value3);
    case FUTEX_WAIT:
        value3 = FUTEX_BITSET_MATCH_ANY;
        [[fallthrough]];
    case FUTEX_WAIT_BITSET:
        status = read_deadline(operation, (const void __user *)timeout, &deadline);
        return status != 0 ? status : wait_user(at, operation, value, value3, deadline);
    case FUTEX_REQUEUE:
        return requeue_user(&words, (int)value, (int)timeout, nullptr);
    case FUTEX_CMP_REQUEUE:
        return requeue_user(&words, (int)value, (int)timeout, &value3);
    case FUTEX_WAKE_OP:
        return wake_op_user(&words, value, (unsigned)timeout, value3);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        status = read_deadline(operation, (const void __user *)timeout, &deadline);
        return status != 0 ? status : futex_lock_pi(at, private, deadline, false);
    case FUTEX_TRYLOCK_PI:
        return futex_lock_pi(at, private, NSEC_NEVER, true);
    case FUTEX_UNLOCK_PI:
        return futex_unlock_pi(at, private);
    default:
        return -ENOSYS;
    }
}
