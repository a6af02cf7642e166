// SPDX-License-Identifier: MPL-2.0
// Signals as Linux has them: 64, those from 32 queued; actions per process, masks per thread.
#pragma once

#include <lib/list.h>
#include <sched/wait.h>

#define SIGNAL_COUNT 64
#define SIGNAL_BIT(n) (1ull << ((n) - 1))

struct process;
struct posix_thread;
struct process_group;

// Linux's siginfo_t, 128 bytes.
struct signal_info {
    int32_t signal, error, code, pad;
    union {
        struct { int32_t pid; uint32_t uid; uint64_t value; } sender;                  // kill, sigqueue
        struct { int32_t pid; uint32_t uid; int32_t status; int32_t pad; int64_t utime, stime; } child;
        struct { uint64_t address; } fault;
        struct { int32_t timer, overrun; uint64_t value; } timer;
        struct { int64_t band; int32_t fd; } poll;
        uint8_t bytes[112];
    };
};
static_assert(sizeof(struct signal_info) == 128);

struct signal_action { uint64_t handler, flags, restorer, mask; }; // as rt_sigaction passes it (x86-64 layout)
struct signal_actions { struct refcount ref; struct spinlock lock; struct signal_action action[SIGNAL_COUNT]; };
struct signal_queue { uint64_t set; struct list_node infos; };

// Sends to a process (any thread that does not block it), a thread, a group. `info` null: from the kernel.
// Any context but interrupts; takes signal_lock. -EAGAIN: queue full (RLIMIT_SIGPENDING), real-time signals only.
status_t signal_send_process(struct process *process, int signal, const struct signal_info *info);
status_t signal_send_thread(struct posix_thread *thread, int signal, const struct signal_info *info);
// process_tree_lock is taken. Returns the number of processes reached.
int signal_send_group(struct process_group *group, int signal, const struct signal_info *info);
// A fault of the current thread: cannot be blocked or ignored.
void signal_force(int signal, int code, vaddr_t address);
// True if a signal that the thread does not block is pending.
bool signal_is_pending(struct posix_thread *thread);
// -EPERM unless the current task may signal it.
MUST_USE status_t signal_may_send(struct process *process, int signal);
// The exit path: stops, kills or pushes a handler frame. In user_return_work.
void signal_deliver(void);
