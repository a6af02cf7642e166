// SPDX-License-Identifier: MPL-2.0
// What filters do to a call: all of a thread's are run, the gravest answer counts.
//
// A thread with a mode has THREAD_WORK_TRACE, so its calls come by syscall_traced; one without does not execute an
// instruction for any of this. Other threads change a thread's chain only by TSYNC, which makes it longer: so the
// thread reads its own without a lock or a reference.
#include "process/process_priv.h"
#include "seccomp_priv.h"
#include "signal/signal_priv.h"
#include "trace/trace_priv.h"

#include <abi/syscall_table.h>
#include <arch/thread.h>
#include <lib/log.h>
#include <mm/slab.h>
#include <object/cred.h>
#include <port/abi.h>

#define ERRNO_MOST 4095
#define LOG_BURST 20 // lines a second

enum { SYS_SECCOMP = 1 }; // si_code

// ---------------------------------------------------------------- chains

void seccomp_filter_put(struct seccomp_filter *filter) {
    while (filter && refcount_down(&filter->ref)) {
        struct seccomp_filter *previous = filter->previous;
        if (filter->listener)
            seccomp_listener_desert(filter->listener);
        kfree(filter);
        filter = previous;
    }
}

void seccomp_take(struct posix_thread *thread, struct seccomp_filter *filter) {
    struct seccomp_filter *old = atomic_load_explicit(&thread->filter, memory_order_relaxed);
    atomic_store_explicit(&thread->filter, filter, memory_order_release);
    atomic_store_explicit(&thread->seccomp_mode, SECCOMP_MODE_FILTER, memory_order_release);
    thread_set_work(&thread->thread, THREAD_WORK_TRACE);
    seccomp_filter_put(old); // the new one refers to it, too: the thread may be running it
}

void seccomp_inherit(struct posix_thread *child) {
    struct posix_thread *self = posix_current();
    uint8_t mode = atomic_load_explicit(&self->seccomp_mode, memory_order_relaxed);
    if (LIKELY(mode == SECCOMP_MODE_DISABLED))
        return;
    spin_lock(&self->process->signal_lock);
    child->filter = self->filter;
    if (child->filter)
        refcount_up(&child->filter->ref);
    spin_unlock(&self->process->signal_lock);
    atomic_store_explicit(&child->seccomp_mode, mode, memory_order_relaxed);
    thread_set_work(&child->thread, THREAD_WORK_TRACE);
}

void seccomp_forget(struct posix_thread *thread) {
    if (LIKELY(!thread->filter))
        return;
    spin_lock(&thread->process->signal_lock); // others may be looking at it
    struct seccomp_filter *filter = atomic_exchange_explicit(&thread->filter, nullptr, memory_order_relaxed);
    spin_unlock(&thread->process->signal_lock);
    seccomp_filter_put(filter);
}

unsigned seccomp_filter_count(struct posix_thread *thread) {
    spin_lock(&thread->process->signal_lock);
    const struct seccomp_filter *filter = thread->filter;
    unsigned count = filter ? filter->depth : 0;
    spin_unlock(&thread->process->signal_lock);
    return count;
}

// ---------------------------------------------------------------- answers

static void describe_call(struct arch_frame *frame, struct abi_seccomp_data *out) {
    *out = (struct abi_seccomp_data){.number = (int)arch_frame_syscall_number(frame),
                                     .arch = ARCH_AUDIT,
                                     .instruction_pointer = arch_frame_pc(frame)};
    for (unsigned i = 0; i < 6; i++)
        out->args[i] = arch_frame_syscall_arg(frame, i);
}

// *whose: the filter whose answer it is; null: all of them allow.
static uint32_t ask_filters(struct posix_thread *self, const struct abi_seccomp_data *data,
                            const struct seccomp_filter **whose) {
    uint32_t gravest = SECCOMP_RET_ALLOW;
    const struct seccomp_filter *filter = atomic_load_explicit(&self->filter, memory_order_acquire);
    *whose = nullptr;
    for (; filter; filter = filter->previous) {
        uint32_t answer = bpf_run(filter->code, data);
        if ((int32_t)(answer & SECCOMP_RET_ACTION_FULL) < (int32_t)(gravest & SECCOMP_RET_ACTION_FULL)) {
            gravest = answer;
            *whose = filter;
        }
    }
    return gravest;
}

// A filter may be asked a million times a second, and the log belongs to all.
static void note(const struct abi_seccomp_data *data, uint32_t answer) {
    static _Atomic uint64_t second, lines;
    uint64_t now = (uint64_t)(clock_now() / NSEC_PER_SEC);
    if (atomic_exchange_explicit(&second, now, memory_order_relaxed) != now)
        atomic_store_explicit(&lines, 0, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&lines, 1, memory_order_relaxed) < LOG_BURST)
        klog(LOG_NOTICE, "seccomp: process %d (%s), call %d at 0x%llx: 0x%08x", process_current()->task.id,
             process_current()->task.name, data->number, (unsigned long long)data->instruction_pointer, answer);
}

static void fill_info(struct signal_info *info, const struct abi_seccomp_data *data, uint32_t answer) {
    signal_info_init(info, SIGSYS, SYS_SECCOMP);
    info->error = (int)(answer & SECCOMP_RET_DATA);
    info->system_call.call_address = data->instruction_pointer;
    info->system_call.call = data->number;
    info->system_call.arch = data->arch;
}

static void trap(struct arch_frame *frame, const struct abi_seccomp_data *data, uint32_t answer) {
    struct signal_info info;
    fill_info(&info, data, answer);
    arch_frame_undo_call(frame);
    signal_force_info(&info);
}

// The process leaves a core file, with the registers that the call was made with.
[[noreturn]] static void kill_thread(struct arch_frame *frame, const struct abi_seccomp_data *data, uint32_t answer,
                                     bool process) {
    note(data, answer);
    if (!process && !process_is_alone())
        posix_thread_exit(WAIT_STATUS_SIGNALED(SIGSYS));
    struct signal_info info;
    fill_info(&info, data, answer);
    arch_frame_undo_call(frame);
    signal_end_process(&info);
}

// The tracer is told, and may change the call; then the filters have their say about what it is now.
static bool ask_tracer(struct arch_frame *frame, uint32_t answer);

static bool act(struct arch_frame *frame, const struct abi_seccomp_data *data, uint32_t answer,
                const struct seccomp_filter *whose, bool traced) {
    switch (answer & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_LOG:
        note(data, answer);
        return true;
    case SECCOMP_RET_ALLOW:
        return true;
    case SECCOMP_RET_TRACE:
        return traced || ask_tracer(frame, answer);
    case SECCOMP_RET_ERRNO: {
        uint32_t number = answer & SECCOMP_RET_DATA;
        arch_frame_set_result(frame, -(long)MIN(number, (uint32_t)ERRNO_MOST));
        break;
    }
    case SECCOMP_RET_TRAP:
        trap(frame, data, answer);
        break;
    case SECCOMP_RET_USER_NOTIF:
        return seccomp_ask_listener(whose, frame, data);
    case SECCOMP_RET_KILL_THREAD:
        kill_thread(frame, data, answer, false);
    default:
        kill_thread(frame, data, answer, true);
    }
    if (whose->logs)
        note(data, answer);
    return false;
}

static bool judge(struct arch_frame *frame, bool traced) {
    struct abi_seccomp_data data;
    const struct seccomp_filter *whose;
    describe_call(frame, &data);
    uint32_t answer = ask_filters(posix_current(), &data, &whose);
    return act(frame, &data, answer, whose, traced);
}

static bool ask_tracer(struct arch_frame *frame, uint32_t answer) {
    if (!trace_wants(PTRACE_EVENT_SECCOMP)) {
        arch_frame_set_result(frame, -ENOSYS);
        return false;
    }
    return trace_seccomp_event(frame, answer & SECCOMP_RET_DATA) && judge(frame, true);
}

static bool is_strict_call(long number) {
    return number == SYSCALL_read || number == SYSCALL_write || number == SYSCALL_exit ||
           number == SYSCALL_rt_sigreturn;
}

bool seccomp_admit(struct arch_frame *frame) {
    struct posix_thread *self = posix_current();
    if (atomic_load_explicit(&self->seccomp_mode, memory_order_acquire) == SECCOMP_MODE_FILTER)
        return judge(frame, false);
    if (is_strict_call(arch_frame_syscall_number(frame)))
        return true;
    posix_thread_exit(WAIT_STATUS_SIGNALED(SIGKILL));
}
