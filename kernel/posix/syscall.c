// SPDX-License-Identifier: MPL-2.0
// The system-call table, and what happens to calls that are not in it.
//
// The table is generated from abi/syscalls.tbl; its entries are the sys_ functions themselves, so that the entry
// code's indirect call is all the dispatch there is. Unknown numbers return -ENOSYS and are counted:
// /proc/tessera/unknown_syscalls tells what a program asked for and we lack.
#define SYSCALL_DEFINE_TABLE
long call_unknown(void);
#include "process/process_priv.h"
#include "seccomp/seccomp.h"
#include "syscall_priv.h"
#include "trace/trace_priv.h"
#include <abi/syscall_table.h>
#include <arch/thread.h>
#include <ipc/port.h>
#include <lib/log.h>
#include <lib/status.h>
#include <posix/process.h>

static struct {
    _Atomic uint32_t count[SYSCALL_TABLE_SIZE];
    _Atomic uint32_t beyond; // numbers that the table does not reach
} unknown;

long syscall_unknown(unsigned long number) {
    if (number < SYSCALL_TABLE_SIZE)
        atomic_fetch_add_explicit(&unknown.count[number], 1, memory_order_relaxed);
    else
        atomic_fetch_add_explicit(&unknown.beyond, 1, memory_order_relaxed);
    return -ENOSYS;
}

long call_unknown(void) {
    return syscall_unknown(arch_frame_syscall_number(arch_thread_frame(arch_current())));
}

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
syscall_fn *const syscall_table[SYSCALL_TABLE_SIZE] = {
    [0 ... SYSCALL_TABLE_SIZE - 1] = (syscall_fn *)(void *)call_unknown, SYSCALL_ENTRIES};
#pragma clang diagnostic pop

const char *syscall_name(unsigned long number) {
    return number < SYSCALL_TABLE_SIZE ? syscall_names[number] : nullptr;
}

static bool logged; // `trace_calls` on the command line

bool syscalls_are_logged(void) {
    return logged;
}

void process_trace_calls(void) {
    logged = true;
}

// What may park its thread would not come back here.
static syscall_fn *returning(unsigned long number) {
    switch (number) {
    case SYSCALL_fipc_call:
        return (syscall_fn *)(void *)fipc_call_general;
    case SYSCALL_fipc_reply_recv:
        return (syscall_fn *)(void *)fipc_reply_recv_general;
    case SYSCALL_fipc_call_words:
        return (syscall_fn *)(void *)fipc_call_words_general;
    case SYSCALL_fipc_reply_recv_words:
        return (syscall_fn *)(void *)fipc_reply_recv_words_general;
    case SYSCALL_object_wait:
        return (syscall_fn *)(void *)object_wait_general;
    default:
        return syscall_table[number];
    }
}

static long call(struct arch_frame *frame) {
    unsigned long number = arch_frame_syscall_number(frame);
    unsigned long a[6];
    for (unsigned i = 0; i < 6; i++)
        a[i] = arch_frame_syscall_arg(frame, i);
    const char *name = syscall_name(number);
    int pid = process_current()->task.id;
    if (logged)
        klog(LOG_DEBUG, "[%d] %s(%lu) %lx %lx %lx %lx", pid, name ? name : "?", number, a[0], a[1], a[2], a[3]);
    long result =
        number < SYSCALL_TABLE_SIZE ? returning(number)(a[0], a[1], a[2], a[3], a[4], a[5]) : syscall_unknown(number);
    if (logged)
        klog(LOG_DEBUG, "[%d] %s = %ld", pid, name ? name : "?", result);
    return result;
}

// The slow way, for threads with THREAD_WORK_TRACE: those that are traced, or have filters (which see what a tracer has
// made of the call), or all if calls are logged.
long syscall_traced(struct arch_frame *frame) {
    bool traced = trace_is_current();
    bool dispatched = posix_current()->dispatch.on;
    bool filtered = posix_current()->seccomp_mode != SECCOMP_MODE_DISABLED;
    if (!traced && !filtered && !dispatched)
        return call(frame);
    if (dispatched && !user_dispatch_admit(frame))
        return arch_frame_result(frame);
    bool admitted = (!traced || trace_call_entry(frame)) && (!filtered || seccomp_admit(frame));
    long result = admitted ? call(frame) : arch_frame_result(frame);
    arch_frame_set_result(frame, result);
    if (traced)
        trace_call_exit(frame);
    return arch_frame_result(frame);
}

void unknown_syscalls_show(void (*line)(void *context, unsigned long number, unsigned count), void *context) {
    for (unsigned i = 0; i < SYSCALL_TABLE_SIZE; i++) {
        unsigned count = atomic_load_explicit(&unknown.count[i], memory_order_relaxed);
        if (count)
            line(context, i, count);
    }
    unsigned beyond = atomic_load_explicit(&unknown.beyond, memory_order_relaxed);
    if (beyond)
        line(context, SYSCALL_TABLE_SIZE, beyond);
}
