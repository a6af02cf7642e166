// SPDX-License-Identifier: MPL-2.0
// In-kernel tests: what CPUs see of each other's memory, through the primitives that have no lock
// (docs/memory-model.md).
//
// Each runs one body on several CPUs at once for a while. A message's plain words must be whole when its receiver is
// told (message passing), and of two that store first and then look at the other's store, one must see it (store
// buffering): where the second pattern fails a wake-up is lost, which shows as a time-out.

#include "ktest_crew.h"
#include <arch/cpu.h>
#include <arch/smp.h>
#include <lib/ktest.h>
#include <mm/slab.h>
#include <object/object.h>
#include <sched/dpc.h>
#include <sched/mutex.h>
#include <sched/rcu.h>
#include <sched/sched.h>

// --- store buffering by itself, as the kernel writes it: an exchange, then a sequentially consistent load ---

enum { SLOTS = 512 };
static struct {
    struct {
        _Alignas(64) _Atomic uint32_t word;
    } stored[2][SLOTS];
    _Atomic uint32_t seen[2][SLOTS];
    _Atomic uint32_t arrived[2];
} litmus;

static void meet(unsigned self, uint32_t round) {
    atomic_store(&litmus.arrived[self], round);
    while (atomic_load(&litmus.arrived[!self]) < round && !crew_is_over())
        sched_preempt_point();
}

static void store_and_look(unsigned self) {
    for (uint32_t round = 1; !crew_is_over(); round++) {
        for (unsigned i = 0; i < SLOTS; i++)
            atomic_store_explicit(&litmus.stored[self][i].word, 0, memory_order_relaxed);
        meet(self, 3 * round);
        for (unsigned i = 0; i < SLOTS; i++) {
            atomic_exchange_explicit(&litmus.stored[self][i].word, 1, memory_order_seq_cst);
            uint32_t other = atomic_load_explicit(&litmus.stored[!self][i].word, memory_order_seq_cst);
            atomic_store_explicit(&litmus.seen[self][i], other, memory_order_relaxed);
        }
        meet(self, 3 * round + 1);
        for (unsigned i = 0; i < SLOTS && !crew_is_over(); i++)
            crew_verify(litmus.seen[0][i] != 0 || litmus.seen[1][i] != 0 || crew_is_over());
        meet(self, 3 * round + 2);
    }
    atomic_store(&litmus.arrived[self], ~0u);
}

KTEST(order_of_two_stores_one_is_seen) {
    litmus.arrived[0] = litmus.arrived[1] = 0;
    KTEST_CHECK(crew_run(2, store_and_look));
}

// --- blocking and waking without a lock ---

static struct {
    struct thread *_Atomic thread[2];
    _Atomic uint64_t turn;
    uint64_t message[4]; // plain
} pair;

static void sleep_until_turn(uint64_t turn) {
    while (atomic_load_explicit(&pair.turn, memory_order_seq_cst) != turn) {
        thread_prepare_block(WAIT_UNINTERRUPTIBLE);
        if (atomic_load_explicit(&pair.turn, memory_order_seq_cst) == turn) {
            thread_cancel_block();
            return;
        }
        if (thread_block(clock_now() + LOST) == -ETIMEDOUT)
            crew_verify(atomic_load_explicit(&pair.turn, memory_order_seq_cst) != turn || crew_is_over());
    }
}

static void block_and_wake(unsigned self) {
    atomic_store(&pair.thread[self], thread_current());
    while (atomic_load(&pair.thread[!self]) == nullptr)
        sched_yield();
    for (uint64_t turn = self;; turn += 2) {
        sleep_until_turn(turn);
        bool whole = true;
        for (unsigned i = 0; i < ARRAY_SIZE(pair.message); i++)
            whole &= pair.message[i] == turn + i;
        crew_verify(whole);
        bool last = crew_is_over();
        for (unsigned i = 0; i < ARRAY_SIZE(pair.message); i++)
            pair.message[i] = turn + 1 + i;
        rcu_read_lock(); // the other may end when it sees its turn; its memory stays
        atomic_exchange_explicit(&pair.turn, turn + 1, memory_order_seq_cst);
        thread_wake(pair.thread[!self]);
        rcu_read_unlock();
        if (last)
            return;
    }
}

KTEST(order_no_wake_up_is_lost) {
    pair.thread[0] = pair.thread[1] = nullptr;
    pair.turn = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(pair.message); i++)
        pair.message[i] = i;
    KTEST_CHECK(crew_run(2, block_and_wake));
}

// --- signals of objects: a watcher that comes, a signal that goes up ---

static void nothing_to_destroy(struct object *object) {}
static const struct object_ops bare_ops = {.name = "test", .destroy = nothing_to_destroy};
static struct object ping[2];

static void signal_and_wait(unsigned self) {
    bool begins = self == 0;
    while (!crew_is_over()) {
        uint32_t seen;
        if (begins)
            object_signal(&ping[!self], 0, SIGNAL_READABLE);
        status_t status = object_wait(&ping[self], SIGNAL_READABLE, 0, clock_now() + LOST, &seen);
        crew_verify(status == 0 || crew_is_over());
        object_signal(&ping[self], SIGNAL_READABLE, 0);
        if (!begins)
            object_signal(&ping[!self], 0, SIGNAL_READABLE);
    }
    object_signal(&ping[!self], 0, SIGNAL_READABLE);
}

KTEST(order_no_signal_is_missed) {
    object_init(&ping[0], &bare_ops, 0);
    object_init(&ping[1], &bare_ops, 0);
    KTEST_CHECK(crew_run(2, signal_and_wait));
}

// --- reader-writer locks and mutexes ---

static struct rwlock shared_lock;
static struct mutex shared_mutex = MUTEX_INIT(shared_mutex);
static uint64_t guarded[2], counted;

static void read_and_write(unsigned self) {
    uint64_t own = 0;
    for (; !crew_is_over(); own++) {
        if ((own + self) % 4 == 0) {
            rwlock_write(&shared_lock);
            guarded[0]++;
            guarded[1]++;
            rwlock_write_unlock(&shared_lock);
        }
        rwlock_read(&shared_lock);
        crew_verify(guarded[0] == guarded[1]);
        rwlock_read_unlock(&shared_lock);
        mutex_lock(&shared_mutex);
        counted++;
        mutex_unlock(&shared_mutex);
        sched_preempt_point();
    }
    mutex_lock(&shared_mutex);
    counted -= own;
    mutex_unlock(&shared_mutex);
}

KTEST(order_locks_guard_and_wake) {
    rwlock_init(&shared_lock);
    guarded[0] = guarded[1] = counted = 0;
    KTEST_CHECK(crew_run(CREW_MAX, read_and_write));
    KTEST_CHECK(counted == 0);
}

// --- one dpc raised from all CPUs: each raise is followed by a run that sees the news ---

static _Atomic uint64_t news[CREW_MAX], taken[CREW_MAX];

static void take_news(struct dpc *dpc) {
    for (unsigned i = 0; i < CREW_MAX; i++)
        atomic_store_explicit(&taken[i], atomic_load_explicit(&news[i], memory_order_relaxed), memory_order_relaxed);
}

static void raise_all(unsigned self) {
    static struct dpc dpc = DPC_INIT(take_news);
    for (uint64_t n = atomic_load(&news[self]) + 1; !crew_is_over(); n++) {
        atomic_store_explicit(&news[self], n, memory_order_relaxed);
        dpc_raise(&dpc);
        nsec_t late = clock_now() + LOST;
        while (atomic_load_explicit(&taken[self], memory_order_relaxed) != n && clock_now() < late)
            sched_preempt_point();
        crew_verify(atomic_load_explicit(&taken[self], memory_order_relaxed) == n);
    }
}

KTEST(order_a_dpc_sees_what_it_was_raised_for) {
    KTEST_CHECK(crew_run(CREW_MAX, raise_all));
}

// --- read-copy-update: what is published is whole, and stays while it is read ---

struct note {
    struct rcu_head rcu;
    uint64_t words[6];
};
static struct note *_Atomic published;

static void reclaim_note(struct rcu_head *head) {
    struct note *note = CONTAINER_OF(head, struct note, rcu);
    for (unsigned i = 0; i < ARRAY_SIZE(note->words); i++)
        note->words[i] = 0xdead;
    kfree(note);
}

static void publish(uint64_t n) {
    struct note *fresh = kmalloc(sizeof *fresh);
    if (fresh == nullptr)
        return;
    for (unsigned i = 0; i < ARRAY_SIZE(fresh->words); i++)
        fresh->words[i] = n + i;
    struct note *old = rcu_load(&published);
    rcu_store(&published, fresh);
    if (old != nullptr)
        rcu_call(&old->rcu, reclaim_note);
}

static void publish_and_read(unsigned self) {
    for (uint64_t n = 1; !crew_is_over(); n++) {
        if (self == 0)
            publish(n << 16);
        rcu_read_lock();
        const struct note *note = rcu_load(&published);
        bool whole = true;
        for (unsigned pass = 0; note && pass < 20; pass++)
            for (unsigned i = 0; i < ARRAY_SIZE(note->words); i++)
                whole &= *(const volatile uint64_t *)&note->words[i] == note->words[0] + i && note->words[0] != 0xdead;
        rcu_read_unlock();
        crew_verify(whole);
        if (n % 8 == 0)
            sched_preempt_point();
        if (self != 0 && n % 64 == 0) // idle CPUs take no part in grace periods
            (void)thread_sleep_until(clock_now() + MSEC / 20, WAIT_UNINTERRUPTIBLE);
    }
}

KTEST(order_published_memory_is_whole_and_stays) {
    KTEST_CHECK(crew_run(CREW_MAX, publish_and_read));
    struct note *last = rcu_load(&published);
    rcu_store(&published, nullptr);
    rcu_synchronize();
    kfree(last);
    rcu_barrier();
}

// --- the barrier on other CPUs: of two that store and load, one with the barrier for both, one sees the other ---

static struct {
    _Alignas(128) _Atomic uint32_t x;
    _Alignas(128) _Atomic uint32_t y;
    _Alignas(128) _Atomic uint32_t go, done, seen;
} dekker;

static void light_side(void) {
    for (uint32_t round = 0; !crew_is_over();) {
        uint32_t go = atomic_load_explicit(&dekker.go, memory_order_acquire);
        if (go == round) {
            sched_preempt_point();
            continue;
        }
        round = go;
        atomic_store_explicit(&dekker.y, round, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
        atomic_store_explicit(&dekker.seen, atomic_load_explicit(&dekker.x, memory_order_relaxed),
                              memory_order_relaxed);
        atomic_store_explicit(&dekker.done, round, memory_order_release);
    }
    atomic_store_explicit(&dekker.done, ~0u, memory_order_release);
}

static void barrier_side(unsigned self) {
    if (self == 1) {
        light_side();
        return;
    }
    for (uint32_t round = 1; !crew_is_over(); round++) {
        atomic_store_explicit(&dekker.go, round, memory_order_release);
        atomic_store_explicit(&dekker.x, round, memory_order_relaxed);
        sched_barrier(nullptr);
        uint32_t y = atomic_load_explicit(&dekker.y, memory_order_relaxed), done;
        while ((done = atomic_load_explicit(&dekker.done, memory_order_acquire)) != round && done != ~0u)
            sched_preempt_point();
        crew_verify(done == ~0u || y == round || atomic_load_explicit(&dekker.seen, memory_order_relaxed) == round);
    }
}

KTEST(order_a_barrier_on_others_orders_them) {
    if (arch_cpu_count() == 1) {
        ktest_skip("one CPU");
        return;
    }
    dekker.go = dekker.done = dekker.x = dekker.y = 0;
    KTEST_CHECK(crew_run(2, barrier_side));
}
