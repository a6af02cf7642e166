// SPDX-License-Identifier: MPL-2.0
// The Linux face of a task: identity, family, signals, limits.
//
// Locks, in order: process_tree_lock (families, groups, sessions, the pid table), process.signal_lock.
#pragma once

#include <object/task.h>
#include <posix/signal.h>
#include <sched/rcu.h>

struct session { struct refcount ref; int id; struct tty *tty; /* controlling */ };
struct process_group { struct refcount ref; int id; struct session *session; struct list_node members; };

struct rlimit { uint64_t soft, hard; };
enum { RLIMIT_COUNT = 16 };

struct process {
    struct task task; // first
    // Family: under process_tree_lock.
    struct process *parent;
    struct list_node children, sibling;
    struct process_group *group;
    struct list_node group_node;
    struct list_node threads; // posix_thread.process_node
    struct posix_thread *main_thread;
    int exit_signal;     // to the parent, usually SIGCHLD
    bool exited;         // zombie: waits to be reaped
    int exit_status;     // as wait4 reports it
    bool has_execed;     // setpgid
    bool child_subreaper;
    int death_signal;    // PR_SET_PDEATHSIG
    bool dumpable;
    struct wait_queue child_wait; // wait4, under process_tree_lock
    // Signals: under signal_lock.
    struct spinlock signal_lock;
    struct signal_actions *actions; // shared by CLONE_SIGHAND
    struct signal_queue pending;    // to the whole process
    bool group_exit;     // exit_group or a fatal signal: all threads must end
    int group_exit_status;
    bool stopped;        // job control
    int stop_signal;
    bool stop_reported, continue_pending;
    // Limits and accounting.
    struct rlimit limits[RLIMIT_COUNT];
    nsec_t start_time;
    nsec_t child_user_time, child_system_time, dead_user_time, dead_system_time;
    uint64_t min_faults, maj_faults, child_min_faults, child_maj_faults;
    struct interval_timer *itimers[3];
    struct list_node posix_timers;
    struct rcu_head rcu;
};

struct posix_thread {
    struct thread thread; // first
    struct process *process;
    int tid;
    struct list_node process_node;
    uint64_t blocked;              // signal mask; written by the thread itself under signal_lock
    uint64_t saved_blocked;        // to restore after sigsuspend, pselect …
    bool restore_blocked;
    struct signal_queue pending;   // to this thread
    vaddr_t altstack_base; size_t altstack_size; int altstack_flags;
    vaddr_t clear_child_tid;       // CLONE_CHILD_CLEARTID
    vaddr_t robust_list; size_t robust_size;
    vaddr_t rseq_area; uint32_t rseq_size, rseq_signature;
    struct completion *vfork_done; // CLONE_VFORK parent waits on it
    int exit_code;
    struct restart { long (*again)(struct restart *r); union { struct { nsec_t deadline; vaddr_t remaining; int clock; } sleep; struct { vaddr_t address; uint32_t value, bitset; nsec_t deadline; unsigned flags; } futex; struct { vaddr_t fds; unsigned count; nsec_t deadline; } poll; }; } restart; // -ERESTART_RESTARTBLOCK
    struct rcu_head rcu;
};

ALWAYS_INLINE struct posix_thread *posix_current(void) { return CONTAINER_OF(arch_current(), struct posix_thread, thread); }
ALWAYS_INLINE struct process *process_current(void) { return posix_current()->process; }

extern struct spinlock process_tree_lock;
// Under rcu_read_lock or process_tree_lock; no reference. Null: none.
struct process *process_find(int pid);
struct posix_thread *thread_find(int tid);
struct process_group *process_group_find(int id); // process_tree_lock
// Referenced.
struct process *process_lookup(int pid);
ALWAYS_INLINE void process_put(struct process *process) { object_put(&process->task.object); }
// Boot: the first process, running `path` with argv[0] = path.
MUST_USE status_t process_start_init(const char *path, const char *const *argv);
