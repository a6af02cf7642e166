// SPDX-License-Identifier: MPL-2.0
// The scheduler: 32 levels, a queue per level and CPU, a bitmap pick; the levels of the normal band
// are given by nice and by the predictor (short runners first); FIFO and RR sit above.
#pragma once

#include <sched/thread.h>

// Boot CPU, before anything blocks: makes the caller (on the boot stack) that CPU's idle thread.
void sched_init(void);
// Each secondary CPU, on its idle stack. `idle` and its stack are handed in.
void sched_init_secondary(unsigned cpu, struct thread *idle, void *stack);
// The idle loop: dpcs, page zeroing hook, sleep. Never returns.
[[noreturn]] void sched_idle_loop(void);
// Called by the idle loop when it has nothing else to do; returns true if it did something useful and wants to be
// called again (mm sets it to zero free pages).
extern bool (*sched_idle_hook)(void);

// Gives the CPU to another ready thread of this level or above, if any.
void sched_yield(void);
// For long loops in the kernel with no lock held: runs dpcs and other threads when they are due. Cheap.
void sched_preempt_point(void);
// Services THREAD_WORK_RESCHED and THREAD_WORK_DPC; interrupts on. For user_return_work.
void sched_service_work(uint32_t work);
// -EINVAL; -ESRCH never: the thread is given.
MUST_USE status_t sched_set_policy(struct thread *thread, enum sched_policy policy, unsigned rt_priority);
void sched_set_nice(struct thread *thread, int nice);
// Moves the thread if it is on a CPU outside the mask. -EINVAL: no CPU of the mask exists.
MUST_USE status_t sched_set_affinity(struct thread *thread, struct cpu_mask mask);
// Lends the thread a level (priority inheritance) until it is called with 0; the higher of the two counts.
void sched_boost(struct thread *thread, unsigned level);
// The same, of another kind: the level of the caller that a server works for.
void sched_donate(struct thread *thread, unsigned level);
unsigned sched_level(const struct thread *thread); // what counts now, loan included
nsec_t sched_slice(const struct thread *thread);   // of its policy and nice

// Sets and loads the current thread's address space (exec; nullptr before the last aspace_put of an exit).
void sched_set_aspace(struct arch_aspace *aspace);

// On return every CPU that ran a thread of this address space when it was called (nullptr: every CPU) has executed a
// full memory barrier, and fetches the instructions that were in memory before. Interrupts on.
void sched_barrier(const struct arch_aspace *aspace);

// Time on a CPU up to now, exact for any thread: whatever it was charged with, and what it runs at this moment. No run
// queue locked.
nsec_t sched_run_time(struct thread *thread);
// run_time split by the timer's samples, as times and getrusage report it.
void sched_thread_times(struct thread *thread, nsec_t *user, nsec_t *system);
// Called at each sample (at most 100 a second and CPU, only while a thread runs) with the current thread and the
// mode it was in. Dpc context. For CPU time limits and ITIMER_PROF; null: nobody cares.
#define SCHED_SAMPLE_PERIOD 10000000ll // nanoseconds between samples of a busy CPU
extern void (*sched_tick_hook)(struct thread *thread, bool user);
void sched_load_average(uint64_t out[3]); // Linux's fixed point, 16 fraction bits
struct sched_cpu_times {
    nsec_t user, system, idle, irq;
    uint64_t switches, interrupts;
};
void sched_cpu_times(unsigned cpu, struct sched_cpu_times *out);
unsigned sched_ready_count(void);
