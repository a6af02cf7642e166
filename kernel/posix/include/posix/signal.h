// SPDX-License-Identifier: MPL-2.0
// Signals as Linux has them: 64, those from 32 queued; actions per process, masks per thread.
#pragma once

#include <abi/signal.h>
#include <lib/list.h>
#include <lib/refcount.h>
#include <lib/status.h>
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
        struct {
            int32_t pid;
            uint32_t uid;
            uint64_t value;
        } sender; // kill, sigqueue
        struct {
            int32_t pid;
            uint32_t uid;
            int32_t status;
            int32_t pad;
            int64_t utime, stime;
        } child;
        struct {
            uint64_t address;
        } fault;
        struct {
            uint64_t call_address;
            int32_t call;
            uint32_t arch;
        } system_call;
        struct {
            int32_t timer, overrun;
            uint64_t value;
        } timer;
        struct {
            int64_t band;
            int32_t fd;
        } poll;
        uint8_t bytes[112];
    };
};
static_assert(sizeof(struct signal_info) == 128);
// All of it goes to user memory, so all of it is set.
ALWAYS_INLINE void signal_info_init(struct signal_info *info, int signal, int code) {
    __builtin_memset_inline(info, 0, sizeof(*info));
    info->signal = signal;
    info->code = code;
}

struct signal_action {
    uint64_t handler, flags, restorer, mask;
}; // as rt_sigaction passes it (x86-64 layout)
struct signal_actions {
    struct refcount ref;
    struct spinlock lock;
    struct signal_action action[SIGNAL_COUNT];
};
struct signal_queue {
    uint64_t set;
    struct list_node infos;
}; // struct queued_signal, in order of arrival

// Sends to a process (any thread that does not block it), a thread, a group. `info` null: from the kernel.
// Any context but interrupts; takes signal_lock. -EAGAIN: queue full (RLIMIT_SIGPENDING), real-time signals only.
// The process may have exited: then nothing happens. Callers hold a reference or are in an RCU read section.
status_t signal_send_process(struct process *process, int signal, const struct signal_info *info);
status_t signal_send_thread(struct posix_thread *thread, int signal, const struct signal_info *info);
// process_tree_lock is taken. Returns the number of processes reached. Null info: SI_KERNEL.
int signal_send_group(struct process_group *group, int signal, const struct signal_info *info);
// To the current thread, from the kernel: SIGPIPE of a write, SIGXFSZ.
void signal_send_self(int signal);
// A fault of the current thread: cannot be blocked or ignored.
void signal_force(int signal, int code, vaddr_t address);
// True if a signal that the thread does not block is pending.
bool signal_is_pending(struct posix_thread *thread);
// -EPERM unless the current task may signal it.
MUST_USE status_t signal_may_send(struct process *process, int signal);
// Fills `info` as kill does: SI_USER (or another code) and the current process's pid and uid.
void signal_info_from_current(struct signal_info *info, int signal, int code);
// The exit path: stops, kills or pushes a handler frame. In user_return_work.
void signal_deliver(void);

// --- for calls with a temporary mask: ppoll, pselect, epoll_pwait, sigsuspend ---
// Installs the mask at `mask` (null: does nothing). -EFAULT, -EINVAL (size).
MUST_USE status_t signal_mask_begin(const void __user *mask, size_t size);
// Ends what begin began. interrupted: the call returns EINTR and the old mask comes back only after the handler.
void signal_mask_end(bool interrupted);

// --- for signalfd and sigtimedwait ---
// Takes the next pending signal of `set` from the current thread or its process; returns its number, or 0.
int signal_dequeue(uint64_t set, struct signal_info *info);
// The signals pending for the current thread and its process.
uint64_t signal_pending_set(void);
// Told of each signal of `mask` that is queued to the process or one of its threads. notify runs with signal_lock held.
struct signal_watcher {
    struct list_node node; // process.signal_watchers
    struct process *process;
    uint64_t mask;
    void (*notify)(struct signal_watcher *watcher, int signal);
};
void signal_watch(struct process *process, struct signal_watcher *watcher); // no reference is taken
void signal_unwatch(struct signal_watcher *watcher);                        // on return notify does not run
