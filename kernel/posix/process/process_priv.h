// SPDX-License-Identifier: MPL-2.0
// Processes, as the files of kernel/posix that make, end and reap them see them.
#pragma once

#include "pid.h"
#include "user_account.h"
#include <posix/process.h>
#include <vfs/path.h>

// --- user_dispatch.c ---
// At the entry of a call of a thread that has it on. False: it gets SIGSYS instead, or ends.
bool user_dispatch_admit(struct arch_frame *frame);

// --- process.c: memory and the pid table ---
// A process and thread with one reference / not yet visible. nullptr: no memory.
struct process *process_alloc(void);
struct posix_thread *posix_thread_alloc(void);
// Gives back a thread that was never started (its fields that own things are null or released by the caller).
void posix_thread_free(struct posix_thread *thread);
// Sets the identity of a new process and thread: adds them to the pid table, the families and groups.
MUST_USE status_t process_link(struct process *process, struct process *parent, struct posix_thread *thread)
    REQUIRES(&process_tree_lock);
MUST_USE status_t thread_link(struct process *process, struct posix_thread *thread) REQUIRES(&process_tree_lock);
// As process_find, but the id may be that of any thread of it, as kill and getpgid on Linux take it.
struct process *process_find_by_thread(int tid);
// The process whose handle (pidfd) this object is; null: another object. No reference.
struct process *pidfd_process(struct object *object);
// comm: of the current thread, and of its process if it is the main one.
void process_set_name(struct posix_thread *thread, const char *name);
// The address space of a process that may be exiting, referenced; null: gone.
struct aspace *process_get_aspace(struct process *process);
uint64_t process_forks(void);            // processes made since boot
struct process *process_init_task(void); // pid 1, or null before it is started

// --- helper.c ---
struct helper_start {
    const char *name;
    void (*main)(void *argument); // on the kernel's side: it executes a program (exec_kernel)
    void *argument;
    struct object *input; // its standard input, for reading
};
// Starts a process of the kernel's own. -EAGAIN: there are too many; -ENOMEM.
MUST_USE status_t helper_start(const struct helper_start *how);
void helper_ended(void); // one has

// --- init_process.c ---
void process_set_default_limits(struct process *process);
// What a process has that is nobody's child: root's rights, the root job, no files, a copy of `fs`. -ENOMEM: what it
// got goes by process_discard.
MUST_USE status_t process_give_parts(struct process *process, struct fs_context *fs);
// What init sees of the file system, referenced.
struct fs_context *process_get_init_fs(void);
// The root directory that init has, referenced.
void process_get_init_root(struct path *out);

// --- fork.c ---
struct clone_request {
    uint64_t flags; // CLONE_*
    int exit_signal;
    vaddr_t stack; // 0: the parent's
    vaddr_t tls;
    vaddr_t parent_tid, child_tid, pidfd; // user addresses, by the flags
};
long process_clone(const struct clone_request *request);
// Gives back a process that was never linked, with all it has.
void process_discard(struct process *process);

// A one-shot event for one waiter: vfork.
struct completion {
    bool done;
    struct posix_thread *child;
    struct wait_queue queue;
};
// Tells the parent that waits in vfork that the child's memory is its own again.
void vfork_complete(struct posix_thread *child);

// --- exec_load.c ---
// Another process runs this file / does not any more. Null is allowed.
struct object *executable_get(struct object *executable);
void executable_put(struct object *executable);
// Replaces task.executable under signal_lock (/proc/PID/exe reads it there); returns the old one.
struct object *process_set_executable(struct process *process, struct object *executable);

// --- exit.c ---
// Ends the current thread; the last one ends the process. `status` as wait4 shows it.
[[noreturn]] void posix_thread_exit(int status);
// Ends all threads of the current process.
[[noreturn]] void process_exit(int status);
// Does nobody wait for it when it ends? Then it is reaped.
bool process_ends_unnoticed(struct process *process) REQUIRES(&process_tree_lock);
// Marks the process as ending and interrupts its threads (not `self`).
void process_begin_group_exit(struct process *process, int status, struct posix_thread *self)
    REQUIRES(&process->signal_lock);
// SIGKILL, whatever the state of memory.
void process_kill_locked(struct process *process) REQUIRES(&process_tree_lock);

// --- job_calls.c ---
// Ends all processes of the job and of those below it; no new ones begin.
void job_end(struct job *job);

// --- out_of_memory.c ---
// A page fault of the current thread found no memory: ends what policy says, and waits for its memory.
enum memory_verdict { MEMORY_AGAIN, MEMORY_KILLED, MEMORY_FAULT }; // fault again; do not; SIGBUS
MUST_USE enum memory_verdict memory_is_short(void);
// For exec: ends all other threads; on return the caller is the main thread. -EAGAIN: the process is exiting.
MUST_USE status_t process_end_other_threads(void);
// Has the current process one thread only? If so, others that are just ending are waited for: what the process is
// charged for is then the caller's.
bool process_is_alone(void);
// Removes a zombie. The caller drops the family's reference after releasing the lock.
void process_reap(struct process *process) REQUIRES(&process_tree_lock);

// --- sched_calls.c ---
// Calls `act` on all threads that (which, who) names as in getpriority, under process_tree_lock. True if there was one.
bool threads_for_each(int which, int who, void (*act)(struct posix_thread *thread, void *context), void *context);

// --- wait.c ---
// Tells the parent that the process exited, stopped or continued: SIGCHLD and wait4. `code`: CLD_*.
void process_notify_parent(struct process *process, int code, int status) REQUIRES(&process_tree_lock);

// --- rusage.c ---
void resource_totals_of_thread(struct posix_thread *thread, struct resource_totals *out);
void resource_totals_add(struct resource_totals *to, const struct resource_totals *from);
// All threads, dead and alive. Takes signal_lock.
void resource_totals_of_process(struct process *process, struct resource_totals *out);

// --- job.c ---
// A new session and group for a process that has neither (init), or setsid.
MUST_USE status_t session_create(struct process *process) REQUIRES(&process_tree_lock);
void group_join(struct process *process, struct process_group *group) REQUIRES(&process_tree_lock);
// The group or session may be freed.
void group_leave(struct process *process) REQUIRES(&process_tree_lock);
// POSIX: no member has a parent in another group of the same session. `without`: as if it were gone; or null.
bool group_is_orphaned(struct process_group *group, struct process *without) REQUIRES(&process_tree_lock);
// `child` loses `parent`. If that made the child's group orphaned, and it has a stopped member: SIGHUP and SIGCONT to
// the group. Only a parent in another group of the session kept it from that, so a parent in the same group costs
// nothing, however many members there are. `without`: as if it were gone; or null.
void group_check_orphaned(struct process *child, struct process *parent, struct process *without)
    REQUIRES(&process_tree_lock);
// A session leader that ends gives up the terminal. Blocks.
void session_leader_exited(struct process *process);
void job_init(void);

// --- timers, which end with the process (posix_timer.c, itimer.c) ---
void posix_timers_delete_all(struct process *process);
// A signal with SI_TIMER leaves the queue for whoever handles it: its overruns are known now, and its timer goes on.
void posix_timer_taken(struct process *process, struct signal_info *info) REQUIRES(&process->signal_lock);
// Signals were dropped: timers that waited for them to be taken go on.
void posix_timers_flushed(struct process *process) REQUIRES(&process->signal_lock);
void interval_timers_delete(struct process *process);
