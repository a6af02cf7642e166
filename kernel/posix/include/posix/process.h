// SPDX-License-Identifier: MPL-2.0
// The Linux face of a task: identity, family, signals, limits.
//
// Locks, in order: process_tree_lock (families, groups, sessions, the pid table), process.signal_lock,
// signal_actions.lock. Processes and threads are freed after an RCU grace period, so a read section may follow
// pointers to them without a reference.
#pragma once

#include <abi/resource.h>
#include <object/task.h>
#include <posix/signal.h>
#include <sched/rcu.h>

// Under process_tree_lock. A session lives while it has groups, a group while it has members.
struct session {
    int id;
    unsigned group_count;
    struct tty *tty; // controlling terminal, or null
};
struct process_group {
    int id;
    struct session *session;
    struct list_node members; // process.group_node
};

struct rlimit {
    uint64_t soft, hard;
};
enum { RLIMIT_COUNT = 16 };

struct user_account;    // processes and queued signals of one user: user_account.h
struct interval_timers; // itimer.h
struct resource_totals {
    nsec_t user, system;
    uint64_t min_faults, maj_faults, switches_voluntary, switches_involuntary, peak_resident_kib;
    struct io_counts io;
};

struct key;            // keys and keyrings: kernel/posix/keys
struct seccomp_filter; // what a thread's calls are asked about: seccomp.h
struct tracee;         // what a tracer does with a thread: trace_priv.h

struct process {
    struct task task; // first
    // Family: under process_tree_lock; `parent` may be read in an RCU section.
    struct process *_Atomic parent;
    struct list_node children, sibling;
    struct process_group *group;
    struct list_node group_node;
    struct list_node threads;                 // posix_thread.process_node; also under signal_lock
    struct posix_thread *_Atomic main_thread; // null once it has exited
    int exit_signal;                          // to the parent, usually SIGCHLD
    int parent_tid;                           // of the parent's thread that made it: its tracer by PTRACE_TRACEME
    struct list_node tracees;                 // whom its threads trace: tracee.node
    struct tracee *trace;                     // of the main thread, until the process is reaped; null: not traced
    bool exited;                              // zombie: waits to be reaped
    int exit_status;                          // as wait4 reports it
    bool has_execed;                          // setpgid
    _Atomic bool undoes_semaphores;           // it has made a semop with SEM_UNDO
    bool child_subreaper;                     // PR_SET_CHILD_SUBREAPER
    bool is_init;                             // signals without a handler do nothing to it
    bool is_helper;                           // the kernel started it: process/helper.c
    int death_signal;                         // PR_SET_PDEATHSIG
    uint8_t dumpable;                         // 0, 1, 2: PR_SET_DUMPABLE
    struct wait_queue child_wait;             // wait4
    uint32_t personality;
    uint32_t coredump_filter;                  // which memory a core file has
    uint64_t timer_slack, timer_slack_default; // nanoseconds
    int oom_score_adj;
    uint32_t login_uid;
    // Signals: under signal_lock.
    struct spinlock signal_lock;
    struct signal_actions *actions; // shared by CLONE_SIGHAND
    struct signal_queue pending;    // to the whole process
    struct list_node signal_watchers;
    bool group_exit; // exit_group or a fatal signal: all threads must end
    int group_exit_status;
    struct posix_thread *core_thread; // it writes a core file; the others wait for that at their end
    struct wait_queue core_wait;
    struct posix_thread *exec_thread; // it ends all other threads
    struct wait_queue thread_gone;    // exec, and the last thread, wait until thread_count is 1
    struct object *exception_right;   // a handle count; null: none
    _Atomic bool legacy_watched;      // a server of the legacy path wants to know of the end
    bool stop_dequeued;               // a stop signal is being acted on; SIGCONT cancels it
    bool stop_pending, stopped;       // job control: asked to stop; all threads have
    int stop_signal;
    unsigned stop_waiting;                     // threads that have not stopped yet
    bool stop_unreported, continue_unreported; // wait4 reports each once
    bool continue_notice;                      // the parent is still to be told of a continue
    struct wait_queue stop_wait;               // stopped threads
    struct user_account *account;
    // Limits and accounting.
    struct rlimit limits[RLIMIT_COUNT];
    nsec_t start_time;
    struct resource_totals dead_threads; // of threads that are gone
    struct resource_totals reaped;       // of children that were waited for
    _Atomic uint64_t min_faults, maj_faults;
    nsec_t cpu_limit_next;           // RLIMIT_CPU: when to signal again
    struct interval_timers *itimers; // null until used
    struct list_node posix_timers;   // timer_create
    struct list_node aio_contexts;   // of io_setup: file/aio.c; under signal_lock
    struct key *process_keyring;     // under key_lock; one reference; null: none
    int next_timer_id;
    struct rcu_head rcu;
};

// How an interrupted call goes on after a stop: -ERESTART_RESTARTBLOCK.
struct restart {
    long (*again)(struct restart *restart);
    union {
        struct {
            nsec_t deadline;
            vaddr_t remaining;
            int clock;
        } sleep;
        struct {
            vaddr_t address;
            uint32_t value, bitset;
            nsec_t deadline;
            unsigned flags;
        } futex;
        struct {
            vaddr_t fds;
            unsigned count;
            nsec_t deadline;
        } poll;
    };
};

// PR_SET_SYSCALL_USER_DISPATCH: which calls are the program's own to answer.
struct user_dispatch {
    bool on;
    vaddr_t start; // calls from here on are made
    size_t size;
    vaddr_t selector; // of a byte; 0: none
};

struct posix_thread {
    struct thread thread; // first
    struct process *process;
    int tid;
    struct list_node process_node;
    _Atomic bool ends;      // runs no user code any more; set before others can know by its cleared thread id
    bool core_parked;       // waits in core_park; under signal_lock
    bool exiting;           // left process->threads
    bool reset_on_fork;     // SCHED_RESET_ON_FORK: children begin with the normal policy
    uint64_t memory_policy; // set_mempolicy: mempolicy.c; 0: the default
    uint64_t blocked;       // signal mask; written by the thread itself under signal_lock
    uint64_t saved_blocked; // to restore after sigsuspend, pselect …
    bool restore_blocked;
    bool stop_counted;              // one of process->stop_waiting
    uint64_t wait_set;              // sigtimedwait: blocked signals that wake it all the same
    struct signal_queue pending;    // to this thread
    struct object *exception_right; // under signal_lock; a handle count; null: none
    struct object *object;          // under signal_lock; one reference; null: nobody asked for it (thread_open)
    vaddr_t altstack_base;
    size_t altstack_size;
    int altstack_flags;
    vaddr_t clear_child_tid; // CLONE_CHILD_CLEARTID
    vaddr_t robust_list;
    size_t robust_size;
    vaddr_t rseq_area;
    uint32_t rseq_size, rseq_signature;
    struct completion *vfork_done; // CLONE_VFORK parent waits on it
    struct restart restart;
    // ptrace: trace_priv.h.
    struct tracee *_Atomic trace; // null: not traced; written under process_tree_lock and signal_lock
    struct wait_queue trace_wait; // where it stops; under signal_lock
    int trace_signal;             // what its tracer makes of the signal that it stopped for; under signal_lock
    // seccomp: written under signal_lock, read by the thread itself without.
    struct seccomp_filter *_Atomic filter; // one reference; null: none
    _Atomic uint8_t seccomp_mode;          // SECCOMP_MODE_*
    struct user_dispatch dispatch;         // the thread's own affair
    // Keyrings: under key_lock; one reference each; null: none.
    struct key *thread_keyring;
    struct key *_Atomic session_keyring;
    int8_t key_destination; // KEY_REQKEY_DEFL_*; the thread's own affair
    bool gains_rights;      // it executes a set-user-id file: nobody may attach; under process_tree_lock
    struct rcu_head rcu;
};

ALWAYS_INLINE struct posix_thread *posix_current(void) {
    return CONTAINER_OF(arch_current(), struct posix_thread, thread);
}
ALWAYS_INLINE struct process *process_current(void) {
    return posix_current()->process;
}
ALWAYS_INLINE struct process *task_process(struct task *task) {
    return CONTAINER_OF(task, struct process, task);
}
// An rlimit of the current process (soft).
ALWAYS_INLINE uint64_t rlimit_current(unsigned resource) {
    return process_current()->limits[resource].soft;
}

extern struct spinlock process_tree_lock;
// Under rcu_read_lock or process_tree_lock; no reference. Null: none. A zombie is found, too.
struct process *process_find(int pid);
struct posix_thread *thread_find(int tid);
struct process_group *process_group_find(int id); // process_tree_lock
// Referenced.
struct process *process_lookup(int pid);
ALWAYS_INLINE void process_put(struct process *process) {
    object_put(&process->task.object);
}
// What the current task's job lets it see: the argument, or null.
struct process *process_seen(struct process *process);
struct posix_thread *thread_seen(struct posix_thread *thread);
struct process *process_lookup_seen(int pid); // referenced
// The first process with a pid ≥ `pid`, referenced; null: none. For /proc.
struct process *process_next(int pid);
extern const struct object_ops process_object_ops; // of task.object: the pidfd's

// Boot: sets the hooks of the lower layers, adds the files of /proc. After vfs_init, before process_start_init.
void posix_init(void);
// Boot: `norandmaps` and `trace_calls` on the command line: no random addresses; all system calls in the log (debug).
void exec_set_randomize(bool on);
void process_trace_calls(void);
// Boot: the first process, running `path` (null: /init, then /sbin/init, /etc/init, /bin/init, /bin/sh) with argv and
// envp (null-terminated; argv[0] is replaced by the path tried). Returns once the process exists; the machine panics
// if nothing can be run. Thread context; after posix_init and initramfs_unpack. The strings must stay.
MUST_USE status_t process_start_init(const char *path, const char *const *argv, const char *const *envp);
