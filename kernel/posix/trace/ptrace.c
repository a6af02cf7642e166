// SPDX-License-Identifier: MPL-2.0
// ptrace(2): what a tracer may ask, and the requests about memory and about going on.
//
// Most requests are for a tracee that is stopped. The record says so before the thread has left the CPU, and what is on
// the CPU (vector state) cannot be seen from here: so the request waits until it sleeps, which is soon. Awake again
// it cannot go anywhere without signal_lock.
#include "process/process_priv.h"
#include "seccomp/seccomp.h"
#include "signal/signal_priv.h"
#include "trace_priv.h"
#include <abi/syscall_table.h>
#include <arch/thread.h>
#include <arch/uaccess.h>
#include <mm/aspace.h>
#include <sched/sched.h>

// --- a stopped tracee ---

static bool is_asleep(struct posix_thread *thread) {
    return atomic_load_explicit(&thread->thread.state, memory_order_acquire) == THREAD_BLOCKED &&
           !atomic_load_explicit(&thread->thread.on_cpu, memory_order_acquire);
}

// -EAGAIN: it is on its way.
static status_t try_with_stopped(int tid, status_t (*act)(struct posix_thread *, void *), void *context) {
    spin_lock(&process_tree_lock);
    struct posix_thread *thread = trace_find(tid);
    if (!thread) {
        spin_unlock(&process_tree_lock);
        return -ESRCH;
    }
    struct process *process = thread->process;
    spin_lock(&process->signal_lock);
    status_t status = -ESRCH;
    if (thread->trace->state == TRACE_STOPPED && !atomic_load(&thread->thread.killed))
        status = is_asleep(thread) ? act(thread, context) : -EAGAIN;
    spin_unlock(&process->signal_lock);
    spin_unlock(&process_tree_lock);
    return status;
}

status_t trace_with_stopped(int tid, status_t (*act)(struct posix_thread *thread, void *context), void *context) {
    status_t status;
    while ((status = try_with_stopped(tid, act, context)) == -EAGAIN) {
        if (thread_sleep_until(clock_now() + 20'000, WAIT_KILLABLE) == -EINTR)
            return -ESRCH;
    }
    return status;
}

static status_t nothing(struct posix_thread *thread, void *context) {
    (void)thread;
    (void)context;
    return 0;
}

// --- memory ---

static long access_word(int tid, vaddr_t address, unsigned long *word, bool write) {
    status_t status = trace_with_stopped(tid, nothing, nullptr);
    if (status != 0)
        return status;
    rcu_read_lock();
    struct posix_thread *thread = thread_find(tid);
    struct aspace *aspace = thread ? process_get_aspace(thread->process) : nullptr;
    rcu_read_unlock();
    if (!aspace)
        return -ESRCH;
    ssize_t done = aspace_access(aspace, address, word, sizeof(*word), write, true);
    aspace_put(aspace);
    return done == sizeof(*word) ? 0 : -EIO;
}

static long peek(int tid, vaddr_t address, unsigned long data) {
    unsigned long word;
    long status = access_word(tid, address, &word, false);
    return status != 0 ? status : put_user(word, (unsigned long __user *)data);
}

// --- going on ---

struct resume {
    enum trace_mode mode;
    int signal;
};

static status_t resume(struct posix_thread *thread, void *context) {
    const struct resume *how = context;
    struct tracee *tracee = thread->trace;
    tracee->mode = how->mode;
    arch_thread_set_step(&thread->thread, how->mode == TRACE_STEP || how->mode == TRACE_EMULATE_STEP);
    thread->trace_signal = how->signal;
    tracee->state = TRACE_RUNNING;
    tracee->unreported = false;
    wait_queue_wake_all(&thread->trace_wait);
    return 0;
}

static long go_on(int tid, enum trace_mode mode, unsigned long signal) {
    struct resume how = {mode, (int)signal};
    return signal > SIGNAL_COUNT ? -EIO : trace_with_stopped(tid, resume, &how);
}

static long kill_tracee(int tid) {
    status_t status = -ESRCH;
    spin_lock(&process_tree_lock);
    struct posix_thread *thread = trace_find(tid);
    if (thread)
        status = signal_send_thread(thread, SIGKILL, nullptr);
    spin_unlock(&process_tree_lock);
    return status;
}

static long interrupt(int tid) {
    status_t status = -ESRCH;
    spin_lock(&process_tree_lock);
    struct posix_thread *thread = trace_find(tid);
    if (thread) {
        status = thread->trace->seized ? 0 : -EIO;
        spin_lock(&thread->process->signal_lock);
        trace_notify(thread, true);
        spin_unlock(&thread->process->signal_lock);
    }
    spin_unlock(&process_tree_lock);
    return status;
}

// From an event stop: goes on listening for the end of a group stop.
static status_t listen(struct posix_thread *thread, void *context) {
    struct tracee *tracee = thread->trace;
    (void)context;
    if (!tracee->seized || tracee->code >> 8 != PTRACE_EVENT_STOP)
        return -EIO;
    tracee->state = TRACE_LISTENING;
    tracee->unreported = false;
    if (tracee->trap || thread->stop_counted)
        trace_notify(thread, false);
    return 0;
}

// --- settings ---

static status_t set_options(struct posix_thread *thread, void *context) {
    thread->trace->options = *(const unsigned *)context;
    return 0;
}

static status_t get_message(struct posix_thread *thread, void *context) {
    *(unsigned long *)context = thread->trace->message;
    return 0;
}

static long event_message(int tid, unsigned long data) {
    unsigned long message;
    status_t status = trace_with_stopped(tid, get_message, &message);
    return status != 0 ? status : put_user(message, (unsigned long __user *)data);
}

static long options(int tid, unsigned long wanted) {
    unsigned set = (unsigned)wanted;
    return wanted & ~(unsigned long)PTRACE_O_MASK ? -EINVAL : trace_with_stopped(tid, set_options, &set);
}

static long seize(int tid, unsigned long address, unsigned long wanted) {
    if (address != 0 || (wanted & ~(unsigned long)PTRACE_O_MASK))
        return -EIO;
    return trace_attach(tid, true, (uint32_t)wanted);
}

// --- the call ---

static long of_signals(long request, int tid, unsigned long address, unsigned long data) {
    void __user *to = (void __user *)data;
    switch (request) {
    case PTRACE_GETSIGINFO:
    case PTRACE_SETSIGINFO:
        return trace_signal_info(tid, to, request == PTRACE_SETSIGINFO);
    case PTRACE_GETSIGMASK:
    case PTRACE_SETSIGMASK:
        return trace_signal_mask(tid, address, to, request == PTRACE_SETSIGMASK);
    default: // PTRACE_PEEKSIGINFO
        return trace_peek_signals(tid, (const void __user *)address, to);
    }
}

// The older requests for register sets, where the architecture has them.
static long other(long request, int tid, unsigned long data) {
    bool set;
    unsigned note = arch_regset_of_request(request, &set);
    if (note != 0)
        return trace_registers(tid, note, (void __user *)data, set);
    status_t status = trace_with_stopped(tid, nothing, nullptr);
    return status != 0 ? status : -EIO;
}

long sys_ptrace(long request, long pid, unsigned long address, unsigned long data) {
    int tid = (int)pid;
    switch (request) {
    case PTRACE_TRACEME:
        return trace_me();
    case PTRACE_ATTACH:
        return trace_attach(tid, false, 0);
    case PTRACE_SEIZE:
        return seize(tid, address, data);
    case PTRACE_DETACH:
        return data > SIGNAL_COUNT ? -EIO : trace_detach(tid, (int)data);
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        return peek(tid, address, data);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return access_word(tid, address, &data, true);
    case PTRACE_PEEKUSER:
    case PTRACE_POKEUSER:
        return trace_user_word(tid, address, data, request == PTRACE_POKEUSER);
    case PTRACE_CONT:
        return go_on(tid, TRACE_CONTINUE, data);
    case PTRACE_SYSCALL:
        return go_on(tid, TRACE_CALLS, data);
    case PTRACE_SINGLESTEP:
        return go_on(tid, TRACE_STEP, data);
    case PTRACE_SYSEMU:
        return go_on(tid, TRACE_EMULATE, data);
    case PTRACE_SYSEMU_SINGLESTEP:
        return go_on(tid, TRACE_EMULATE_STEP, data);
    case PTRACE_KILL:
        return kill_tracee(tid);
    case PTRACE_INTERRUPT:
        return interrupt(tid);
    case PTRACE_LISTEN:
        return trace_with_stopped(tid, listen, nullptr);
    case PTRACE_SETOPTIONS:
        return options(tid, data);
    case PTRACE_GETEVENTMSG:
        return event_message(tid, data);
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        return trace_regset(tid, (unsigned)address, (void __user *)data, request == PTRACE_SETREGSET);
    case PTRACE_SECCOMP_GET_FILTER:
        return seccomp_get_filter(tid, address, (void __user *)data);
    case PTRACE_SECCOMP_GET_METADATA:
        return seccomp_get_metadata(tid, address, (void __user *)data);
    case PTRACE_GET_SYSCALL_INFO:
        return trace_call_info(tid, address, (void __user *)data);
    case PTRACE_GETSIGINFO:
    case PTRACE_SETSIGINFO:
    case PTRACE_GETSIGMASK:
    case PTRACE_SETSIGMASK:
    case PTRACE_PEEKSIGINFO:
        return of_signals(request, tid, address, data);
    default:
        return other(request, tid, data);
    }
}
