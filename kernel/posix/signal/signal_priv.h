// SPDX-License-Identifier: MPL-2.0
// Signals, as the files of kernel/posix see them.
#pragma once

#include "signal_queue.h"
#include <posix/process.h>

// --- actions ---
struct signal_actions *signal_actions_copy(struct signal_actions *from); // nullptr: no memory
void signal_actions_reset(struct signal_actions *actions);               // caught ones to the default (exec)
void signal_actions_put(struct signal_actions *actions);
// SIGCHLD is ignored or SA_NOCLDWAIT: zombies are not kept.
bool signal_children_ignored(struct process *process);
// SIGCHLD is sent when a child stops or continues (no SA_NOCLDSTOP).
bool signal_wants_child_stops(struct process *process);
bool signal_is_ignored_or_blocked(struct posix_thread *thread, int signal);

// --- sending ---
// Puts a signal in a queue and wakes who should handle it. `thread` null: to the process.
status_t signal_generate(struct process *process, struct posix_thread *thread, int signal,
                         const struct signal_info *info) REQUIRES(&process->signal_lock);
// Takes the next pending signal of `set` that is for `self` or its process. Its number, or 0.
int signal_take(struct process *process, struct posix_thread *self, uint64_t set, struct signal_info *info)
    REQUIRES(&process->signal_lock);
// As signal_force, with other information than of a fault.
void signal_force_info(const struct signal_info *info);
// Ends the current process as by this signal's default action, whatever it or a tracer would make of the signal.
[[noreturn]] void signal_end_process(const struct signal_info *info);
// Drops what is pending of `set` for the process and its threads.
void signal_flush(struct process *process, uint64_t set) REQUIRES(&process->signal_lock);
// What the current thread has to handle it will handle at its exit to user mode; else it forgets that it was
// interrupted. After any change of mask or queues of the current thread.
void signal_recalculate(struct process *process, struct posix_thread *self) REQUIRES(&process->signal_lock);
// A thread leaves: lets others handle what is pending for the process.
void signal_retarget(struct process *process) REQUIRES(&process->signal_lock);
// Changes the current thread's mask.
void signal_set_mask(struct posix_thread *self, uint64_t mask);
// Is one pending that `self` takes now?
bool signal_pending_locked(struct process *process, struct posix_thread *self) REQUIRES(&process->signal_lock);

// Is one pending to the current thread that kills it or whose handler has no SA_RESTART?
bool signal_ends_call(void);

// --- stopping (signal_stop.c) ---
// Begins to stop the process by `signal`. Called and returns with signal_lock held, but releases it meanwhile.
void signal_stop_begin(struct process *process, int signal) REQUIRES(&process->signal_lock);
// Waits while the process is stopped, if this thread has to.
void signal_stop_wait(struct process *process, struct posix_thread *self) REQUIRES(&process->signal_lock);
// A thread that has not stopped yet leaves. True: now all have stopped.
bool signal_stop_leave(struct process *process, struct posix_thread *thread) REQUIRES(&process->signal_lock);
void signal_stop_cancel(struct process *process, bool by_continue) REQUIRES(&process->signal_lock);
void signal_notify_stopped(struct process *process); // takes process_tree_lock
void signal_notify_continued(struct process *process);
