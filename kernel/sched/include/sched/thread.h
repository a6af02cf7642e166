// SPDX-License-Identifier: MPL-2.0
// A thread as the scheduler sees it. Larger things embed it (kernel/posix: struct posix_thread);
// its memory and kernel stack are handed in, so that the scheduler needs no allocator.
#pragma once

#include <arch/mmu.h>
#include <arch/thread.h>
#include <lib/list.h>
#include <lib/rbtree.h>
#include <sched/spinlock.h>
#include <sched/timer.h>
#include <sched/wait.h>

enum thread_state {
    THREAD_NEW,     // never run
    THREAD_READY,   // on a run queue
    THREAD_RUNNING, // on a CPU
    THREAD_BLOCKED, // waiting; `wait_mode` says what may end it
    THREAD_STOPPED, // job control or a tracer holds it
    THREAD_DEAD,    // has exited and switched away for the last time
};

// Bits of thread.work: reasons to take the slow way out of the kernel. Set by anyone
// (thread_set_work), cleared by the thread itself in user_return_work.
enum {
    THREAD_WORK_RESCHED = 1, // another thread should run here
    THREAD_WORK_DPC = 2,     // deferred procedures wait on this CPU
    THREAD_WORK_SIGNAL = 4,  // a signal, stop or kill may be pending
    THREAD_WORK_TRACE = 8,   // system calls go through syscall_traced
    THREAD_WORK_RSEQ = 16,   // restartable sequence fix-up after a switch
};

enum sched_policy {
    SCHED_POLICY_NORMAL,
    SCHED_POLICY_FIFO,
    SCHED_POLICY_RR,
    SCHED_POLICY_BATCH = 3,
    SCHED_POLICY_IDLE = 5
};

struct cpu_share; // share.h

// What is left with a thread that asked for it by who has claimed it (thread_wake_claim): its system call is done, but
// for storing `value` at `to`, which is in the range of user memory, and its result is 1. The scheduler does that if
// the thread gets the CPU when another blocks, and its memory takes the word at once; the thread is in user mode then,
// and what it had on its kernel stack is given up. Else it goes on where it was, and finds what it was given.
struct thread_gift {
    uint32_t __user *to;
    uint32_t value;
};

struct cpu_mask {
    uint64_t bits; // CPU_MAX is 64
};

// For /proc/PID/io.
struct io_counts {
    uint64_t read_chars, written_chars; // by calls like read and write
    uint64_t reads, writes;             // of these calls
    uint64_t from_disk, to_disk;        // bytes that disks were asked for, and that their caches took
};

struct thread {
    struct arch_thread arch;       // first, and `work` next: entry code knows their offsets
    _Atomic uint32_t work;         // THREAD_WORK_*
    uint32_t arch_work;            // the port's own reasons for the slow way out; tested together with `work`
    void *stack;                   // KERNEL_STACK_SIZE bytes, from thread_stack_alloc
    struct arch_aspace *aspace;    // loaded when it runs; null for kernel threads
    struct task *task;             // null for idle threads
    void (*start)(void *argument); // kernel threads: entry; user threads: null, goes to user mode
    void *start_argument;
    char name[16];

    // Its task's first handles while no other thread uses them, else empty ones (object/handle.h).
    const _Atomic uint64_t *handles;

    // Scheduler's own. Protected by the run queue lock of `cpu`, or by nobody while it runs.
    struct list_node run_node;
    _Atomic uint32_t state; // enum thread_state
    uint8_t level;          // 0 … 31, 31 runs first; computed from the next four
    uint8_t policy;         // enum sched_policy
    int8_t nice;            // -20 … 19
    uint8_t rt_priority;    // 1 … 99 for FIFO and RR
    union {
        struct {
            uint16_t cpu;        // run queue that it is or was last on
            _Atomic bool on_cpu; // true until its registers are saved after a switch away
        };
        _Atomic uint32_t place; // both at one look: the CPU's number, if it is on none
    };
    struct cpu_mask affinity;
    struct cpu_share *share; // of its group, or null; lives as long as the thread
    uint32_t predicted_run;  // exponential average of recent run lengths, microseconds
    nsec_t run_start;        // when it got the CPU
    nsec_t slice_left;
    nsec_t run_time;                       // total time on a CPU …
    nsec_t burst;                          // … and since it last blocked
    nsec_t user_time, system_time;         // the sampled part of run_time (see sched_thread_times)
    nsec_t user_reported, system_reported; // what sched_thread_times said last
    uint64_t switches_voluntary, switches_involuntary;
    uint8_t base_level;    // given by nice or rt_priority
    uint8_t queued_level;  // the level it was queued at for this run (ageing and yield move it)
    uint8_t boost_level;   // lent by threads that wait for it (sched_boost), 0: none
    uint8_t donated_level; // of the caller that it works for (sched_donate), 0: none
    bool held;             // its share of the CPU is used up: it waits at the lowest level (share.c)
    bool leaving;          // switched away for good, or to move to another CPU: switch_end sees to it
    bool woken_near;       // on the CPU of its waker, which shares data with it: do not steal it at once
    uint8_t lingers;       // how many of its next synchronous wake-ups are ordinary ones, since it did not block
    nsec_t ready_since;
    void (*last_words)(struct thread *thread);

    // Waiting.
    struct waiter *waiter;           // what it waits on, if it waits on a queue
    uint8_t wait_mode;               // enum wait_mode
    status_t wake_status;            // why thread_block ended; written by the one who woke it
    _Atomic bool interrupted;        // a signal came: interruptible waits end at once
    _Atomic bool killed;             // a fatal signal came: killable ones too
    struct pi_waiter *pi_waiter;     // the priority-inheriting futex it waits for (kernel/posix)
    struct list_node *dead_messages; // what it drops just now (kernel/ipc); null: nothing
    struct list_node *dead_parcels;  // likewise (kernel/net)
    struct fipc_thread *fipc;        // its calls and what it receives (kernel/ipc); null until it uses ports
    long (*continuation)(void);      // where it goes on if it has given up its kernel stack (arch_thread_park)
    struct thread_gift *gift;        // on its stack; null: none. It came in with its whole frame (arch/thread.h)
    const char *wait_reason;         // for /proc/PID/wchan
    struct io_counts io;             // what it read and wrote: only the thread itself counts
    uint16_t io_priority;            // of its requests to disks, as ioprio_set has it; inherited
#ifdef TESSERA_DEBUG
    uint32_t spinlocks_held;
    struct spinlock *held_locks[16];
    uint32_t rcu_depth; // read sections
#endif
};

static_assert(offsetof(struct thread, work) == sizeof(struct arch_thread) && sizeof(struct arch_thread) % 8 == 0);
static_assert(offsetof(struct thread, arch_work) == sizeof(struct arch_thread) + 4);

ALWAYS_INLINE struct thread *thread_current(void) {
    return arch_current();
}

// Initialises the scheduler's fields and the kernel stack; inherits policy, nice, affinity from `parent` (may be
// null). `start` null: the thread goes to user mode with its arch_frame. Not visible until thread_start.
void thread_init(struct thread *thread, void *stack, const char *name, void (*start)(void *), void *argument,
                 const struct thread *parent);
// Makes a new thread ready.
void thread_start(struct thread *thread);
// Ends the current thread: never returns. `last_words(argument)` is called after the switch away,
// on another stack and by another thread, when the memory of this one may be freed; it must not block.
[[noreturn]] void thread_exit(void (*last_words)(struct thread *thread));

// --- blocking: the primitive under wait queues, futexes and ports ---
// thread_prepare_block marks the current thread blocked; from then on thread_wake makes it ready again, even
// before it has switched away; thread_block switches away unless that happened.
// Typical: take lock, queue yourself, thread_prepare_block, release lock, thread_block.
ALWAYS_INLINE void thread_prepare_block(enum wait_mode mode) {
    struct thread *self = arch_current();
    self->wait_mode = (uint8_t)mode;
    self->wake_status = 0;
    // Sequentially consistent, as are the looks at what may have ended the wait already, in block.c and in callers:
    // none of them comes before this. The other side: thread_wake_with, thread_interrupt.
    atomic_exchange_explicit(&self->state, THREAD_BLOCKED, memory_order_seq_cst);
}
// Returns 0 or -ETIMEDOUT / -EINTR (then the caller removes itself from its queue, under its lock). May return 0
// without a cause now and then: callers check their condition and wait again.
MUST_USE status_t thread_block(nsec_t deadline);
// The same for an interruptible wait, in place unless there is a deadline or an interruption.
SAVES_NOTHING void schedule_block(void); // another thread in place of this one, which blocks or dies
MUST_USE ALWAYS_INLINE status_t thread_block_interruptible(nsec_t deadline) {
    if (UNLIKELY(deadline != NSEC_NEVER) ||
        UNLIKELY(atomic_load_explicit(&arch_current()->interrupted, memory_order_seq_cst)))
        return thread_block(deadline);
    schedule_block();
    return arch_current()->wake_status;
}
// The same without a deadline, for functions that never return (ARCH_PARKS): nothing is saved for them on any port.
ARCH_PARKS void schedule_park(void);
MUST_USE ALWAYS_INLINE status_t thread_block_parking(void) {
    if (UNLIKELY(atomic_load_explicit(&arch_current()->interrupted, memory_order_seq_cst)))
        return thread_block(NSEC_NEVER);
    schedule_park();
    return arch_current()->wake_status;
}
// Instead of thread_block, when the condition turned out to hold after thread_prepare_block.
void thread_cancel_block(void);
// Makes a blocked thread ready; false if it was not blocked. Any context but interrupt handlers. What the thread waits
// for was stored before, under a lock that its check takes too, or else by an exchange, and it and the check (after
// thread_prepare_block) are sequentially consistent.
bool thread_wake(struct thread *thread);
// The same in two steps, for a waker that has something to do which the thread must find done: claim it (false: it was
// not blocked; else no other waker can), then make it ready.
MUST_USE ALWAYS_INLINE bool thread_wake_claim(struct thread *thread) {
    uint32_t state = THREAD_BLOCKED;
    if (!atomic_compare_exchange_strong_explicit(&thread->state, &state, THREAD_READY, memory_order_seq_cst,
                                                 memory_order_seq_cst))
        return false;
    thread->wake_status = 0;
    return true;
}
long thread_make_ready(struct thread *thread); // 0, so that it can be the end of a system call
// As thread_wake, but prefers this CPU, whose data the two share …
bool thread_wake_near(struct thread *thread);
// … and leaves that to the current thread until it blocks, for 200 us at most: it is about to.
bool thread_wake_sync(struct thread *thread);
// Direct hand-off: blocks the current thread (already prepared) and runs `next` (just woken, i.e. blocked) at
// once without a run queue. Falls back to wake + block when it may not run here.
MUST_USE status_t thread_handoff(struct thread *next, nsec_t deadline);
// The two halves of a leaner hand-off, for callers that check everything first. claim: may `next` take this CPU at
// once, and nothing else is due here? Then it is ready, on no queue, and the caller must switch to it. False: nothing
// has changed. The current thread may be prepared to block already.
//
// A thread that sleeps where it last ran needs no look at its affinity: sched_set_affinity has given it work if that
// has changed. It may have run elsewhere, and be asleep again, between the first look and the exchange, hence the
// second.
bool thread_take_slow(struct thread *next);
bool thread_taken_elsewhere(struct thread *next);
// Without a look at the work of the current thread, `self`, and without a status for the wake-up.
MUST_USE ALWAYS_INLINE bool thread_take(const struct thread *self, struct thread *next) {
    uint32_t here = self->cpu, state = THREAD_BLOCKED;
    if (UNLIKELY(atomic_load_explicit(&next->place, memory_order_relaxed) != here))
        return thread_take_slow(next);
    if (UNLIKELY(!atomic_compare_exchange_strong_explicit(&next->state, &state, THREAD_READY, memory_order_acq_rel,
                                                          memory_order_relaxed)))
        return false;
    return LIKELY(atomic_load_explicit(&next->place, memory_order_acquire) == here) ? true
                                                                                    : thread_taken_elsewhere(next);
}
MUST_USE ALWAYS_INLINE bool thread_claim(struct thread *next) {
    // A better thread in this CPU's queue shows as work of the current one, as does a deferred procedure.
    struct thread *self = arch_current();
    if (UNLIKELY(atomic_load_explicit(&self->work, memory_order_relaxed) != 0) || !thread_take(self, next))
        return false;
    next->wake_status = 0;
    return true;
}
// A claimed thread is not switched to after all: it was woken for nothing.
void thread_give_back(struct thread *next);
// Blocks the current thread (prepared) and runs the claimed one on its slice and at its level. As thread_block without
// a deadline: the status it was woken with.
SAVES_NOTHING void schedule_direct(struct thread *next);
MUST_USE ALWAYS_INLINE status_t thread_switch_to(struct thread *next) {
    schedule_direct(next);
    return arch_current()->wake_status;
}
// Ends interruptible (fatal: also killable) waits of the thread, now and until thread_clear_interrupt. Sets
// THREAD_WORK_SIGNAL and kicks the CPU that runs it.
void thread_interrupt(struct thread *thread, bool fatal);
void thread_clear_interrupt(struct thread *thread); // by the thread itself
ALWAYS_INLINE bool thread_is_interrupted(void) {
    return atomic_load_explicit(&arch_current()->interrupted, memory_order_relaxed);
}
ALWAYS_INLINE bool thread_is_killed(void) {
    return atomic_load_explicit(&arch_current()->killed, memory_order_relaxed);
}
// Sets bits in work; if the thread runs on another CPU, makes that CPU notice.
void thread_set_work(struct thread *thread, uint32_t bits);
// Sleeps until the deadline; -EINTR by mode; 0 when the time has come.
MUST_USE status_t thread_sleep_until(nsec_t deadline, enum wait_mode mode);
