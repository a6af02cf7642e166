// SPDX-License-Identifier: MPL-2.0
// ptrace, as the files of kernel/posix see it.
//
// A thread that is traced has a struct tracee. It is linked and unlinked under process_tree_lock and the signal_lock of
// its process, so either is enough to look at it. The thread stops itself (trace_stop) on its way to user mode, at the
// entry or exit of a call, or at an event in the middle of one; there it sleeps until its tracer resumes it, the tracer
// ends, or it is killed. What the tracer reads and writes of it meanwhile it does under signal_lock, without which the
// thread cannot leave the stop.
#pragma once

#include "process/wait_report.h"
#include <abi/ptrace.h>
#include <posix/process.h>

enum trace_mode {
    TRACE_CONTINUE,
    TRACE_CALLS,
    TRACE_STEP,
    TRACE_EMULATE, // a stop at the entry of each call, which is then not made: PTRACE_SYSEMU
    TRACE_EMULATE_STEP
};
enum trace_state {
    TRACE_RUNNING,
    TRACE_STOPPED,
    TRACE_LISTENING // PTRACE_LISTEN: stopped, but not for requests
};

struct tracee {
    // Under process_tree_lock.
    struct posix_thread *tracer;
    struct list_node node;       // tracer->process->tracees
    struct posix_thread *thread; // null: has ended
    struct process *process;     // null: a thread that was not the main one has ended
    int tid, group;              // group: of a thread that has ended
    bool main;                   // of the main thread: process->trace, and it reports the end of the process
    bool seized;                 // by PTRACE_SEIZE
    bool privileged;             // the tracer may trace set-user-id programs (CAP_SYS_PTRACE)
    bool ended;                  // a thread that is not the main one: with exit_status, to be waited for
    int exit_status;
    // Under the process's signal_lock; `options` is read by the thread itself without.
    uint32_t options; // PTRACE_O_*
    enum trace_state state;
    enum trace_mode mode; // how it was resumed
    bool trap;            // an event stop is due: PTRACE_INTERRUPT, a group stop begins or ends
    bool unreported;      // wait4 reports each stop once
    bool has_info;
    int code;              // of the stop: signal | event << 8
    int why;               // CLD_*
    unsigned long message; // PTRACE_GETEVENTMSG
    struct signal_info info;
};

// What a thread stops for.
struct trace_stop {
    int code, why;
    int signal;               // it goes on with this if the tracer does not say
    unsigned long message;    // 0: the last one stays
    struct signal_info *info; // or null; the tracer may change it
    bool exiting;
};

// --- trace.c: who traces whom ---
struct tracee *tracee_alloc(void); // nullptr: no memory
void tracee_free(struct tracee *tracee);
// The child of a traced thread is traced, too, by the same. Takes the record.
void trace_inherit(struct posix_thread *parent, struct posix_thread *child, struct tracee *record)
    REQUIRES(&process_tree_lock);
// The caller has taken its last look at user memory: who traces it hears of its end.
void trace_thread_ended(struct posix_thread *self, int status) REQUIRES(&process_tree_lock);
// The caller traces no one any more.
void trace_tracer_ended(struct posix_thread *self);
// The process ended. True: its tracer is another than its parent, who hears of it when the tracer has.
bool trace_process_ended(struct process *process) REQUIRES(&process_tree_lock);
// The process is reaped.
void trace_process_reaped(struct process *process) REQUIRES(&process_tree_lock);
// The caller takes the place of the main thread (exec).
void trace_became_main(struct posix_thread *self) REQUIRES(&process_tree_lock);
// exec of a set-user-id file begins: false: who traces the caller may not see it. trace_gains_end: it is over.
bool trace_gains_begin(void);
void trace_gains_end(void);
// The tracer's pid; 0: none.
int trace_tracer_id(struct posix_thread *thread) REQUIRES(&process_tree_lock);
// Ends the relation. True: the process, a zombie, was reaped with it: the caller drops the family's reference after
// unlocking.
bool trace_unlink(struct tracee *tracee) REQUIRES(&process_tree_lock);
long trace_me(void);
long trace_attach(int tid, bool seize, uint32_t options);
long trace_detach(int tid, int signal);
// The thread, if the caller traces it; else null.
struct posix_thread *trace_find(int tid) REQUIRES(&process_tree_lock);

// --- trace_stop.c: the tracee's side ---
// Stops, if the thread is traced and not about to end. Returns the signal to go on with. Releases the lock meanwhile.
int trace_stop(struct process *process, struct posix_thread *self, const struct trace_stop *stop)
    REQUIRES(&process->signal_lock);
// A signal was taken from the queues: returns the one to act on, 0: none.
int trace_signal(struct process *process, struct posix_thread *self, struct signal_info *info)
    REQUIRES(&process->signal_lock);
// The stop that a trap or a group stop asks for.
void trace_trap(struct process *process, struct posix_thread *self) REQUIRES(&process->signal_lock);
// A group stop begins or ends, or SIGCONT came: seized threads report it.
void trace_notify(struct posix_thread *thread, bool trap);
// A stop of the current thread for an event (PTRACE_EVENT_*), if its tracer asked for it.
bool trace_wants(unsigned event);
void trace_event(unsigned event, unsigned long message);
void trace_exit_event(int status);
// After execve: the thread's number before.
void trace_execed(int old_tid);
// Around a call. entry returns false if there is to be none.
bool trace_call_entry(struct arch_frame *frame);
void trace_call_exit(struct arch_frame *frame);
// A filter asks the tracer, who wants to hear of it. Returns false if there is to be no call.
bool trace_seccomp_event(struct arch_frame *frame, unsigned long data);
// A handler was entered while the thread is stepped.
void trace_handler_entered(void);
// For the work that follows from it, `self->work` has THREAD_WORK_TRACE while the thread is traced; whoever finds it
// set without a reason clears it. True: still traced.
bool trace_is_current(void);

// --- ptrace.c ---
// Calls `act` for a thread that the caller traces, that is stopped and not on a CPU. Under its signal_lock: act does
// not block. -ESRCH: there is no such thread.
MUST_USE status_t trace_with_stopped(int tid, status_t (*act)(struct posix_thread *thread, void *context),
                                     void *context);

// --- trace_registers.c ---
long trace_user_word(int tid, unsigned long offset, unsigned long data, bool set);
// PTRACE_GETREGS and its like: the whole set at `data`.
long trace_registers(int tid, unsigned note, void __user *data, bool set);
// PTRACE_GETREGSET, SETREGSET: as much as the struct iovec at `iov` says.
long trace_regset(int tid, unsigned note, void __user *iov, bool set);
long trace_call_info(int tid, size_t room, void __user *to);

// --- trace_signals.c ---
long trace_signal_info(int tid, void __user *data, bool set);
long trace_signal_mask(int tid, size_t size, void __user *data, bool set);
long trace_peek_signals(int tid, const void __user *args, void __user *to);

// --- trace_wait.c ---
// wait4 and waitid: looks at the tracees of the calling process. True: *r is filled. *any: there is one to wait for.
bool trace_wait(const struct wait_selector *s, struct wait_report *r, bool *any) REQUIRES(&process_tree_lock);

// --- trace_access.c ---
// ptrace's rule for the current task: the same user and group throughout, no capability more, and dumpable; or
// CAP_SYS_PTRACE. By its real ids; or by those that count for files (/proc).
bool trace_may_access(struct process *process, bool by_file_ids);
