// SPDX-License-Identifier: MPL-2.0
// What a CPU runs and what is ready there. For the scheduler's own files, and for sched/handoff.h.
#pragma once

#include <arch/percpu.h>
#include <sched/thread.h>

// Levels. Normal threads use 1 … 20: a base by nice (8 … 17) and what the predictor adds (-2 … +3).
enum {
    LEVEL_COUNT = 32,
    LEVEL_IDLE = 0, // SCHED_IDLE
    LEVEL_NORMAL = 12,
    LEVEL_NORMAL_MAX = 20,
    LEVEL_REALTIME = 24, // FIFO and RR, to 31; within a level sorted by rt_priority
};

struct run_queue {
    struct spinlock lock;
    uint32_t bitmap;        // bit n: level n has threads
    _Atomic uint32_t ready; // queued threads; read by thieves without the lock
    struct list_node levels[LEVEL_COUNT];
    struct thread *current; // runs here; changes under the lock
    struct thread *idle;
    // Of this CPU alone, its interrupts included; read at each switch.
    _Atomic bool dpc_pending; // dpcs are listed, or another CPU asks for a pass through dpc_run_pending
    nsec_t tick_armed;        // when the hardware timer will fire; written with interrupts off
    nsec_t clock;             // when the last switch or sample was
    nsec_t next_ageing;
    nsec_t next_balance;
    uint64_t round;       // of shares of the CPU (share.c) …
    nsec_t round_end;     // … and when the next one begins at the latest
    nsec_t share_charged; // of the current thread's time since it got the CPU
    unsigned cpu;
    uint64_t switches;
};
extern struct run_queue run_queue PER_CPU;

// When the current thread's slice ends, if others want the CPU.
ALWAYS_INLINE nsec_t run_queue_slice_end(const struct run_queue *rq) {
    return rq->current->run_start + rq->current->slice_left;
}

// A thread with a share of the CPU (share.c) has run for so long.
void share_account(struct run_queue *rq, struct thread *thread, nsec_t ran) REQUIRES(&rq->lock);

#ifdef TESSERA_DEBUG
void lockdep_assert_none_held(struct thread *thread); // about to block
#else
ALWAYS_INLINE void lockdep_assert_none_held(struct thread *thread) {
    (void)thread;
}
#endif
