// SPDX-License-Identifier: MPL-2.0
// The change of image: from here on nothing fails. What a program does not inherit from the one before it is put away
// here.
#include "core/core.h"
#include "exec_priv.h"
#include "file/aio.h"
#include "futex/futex_priv.h"
#include "keys/keys.h"
#include "signal/exception.h"
#include "signal/signal_priv.h"
#include <abi/signal.h>
#include <arch/thread.h>
#include <ipc/port.h>
#include <lib/string.h>
#include <sched/sched.h>

static void replace_memory(struct exec *exec, struct posix_thread *self) {
    struct process *process = self->process;
    futex_thread_exit(self); // robust list and clear_child_tid refer to the old memory
    self->robust_list = self->clear_child_tid = self->rseq_area = 0;
    spin_lock(&process->signal_lock);
    struct aspace *old = atomic_load_explicit(&process->task.aspace, memory_order_relaxed);
    atomic_store_explicit(&process->task.aspace, exec->aspace, memory_order_release);
    spin_unlock(&process->signal_lock);
    sched_set_aspace(&exec->aspace->arch);
    exec->aspace = nullptr; // the process's now
    vfork_complete(self);
    if (old) {
        uint64_t peak = aspace_peak_resident(old) * (PAGE_SIZE / 1024);
        process->dead_threads.peak_resident_kib = MAX(process->dead_threads.peak_resident_kib, peak);
        aspace_put(old);
    }
}

static void reset_signals(struct posix_thread *self) {
    struct process *process = self->process;
    spin_lock(&process->signal_lock);
    signal_actions_reset(process->actions);
    self->altstack_base = self->altstack_size = 0;
    self->altstack_flags = SS_DISABLE;
    self->restart.again = nullptr;
    self->dispatch = (struct user_dispatch){};
    spin_unlock(&process->signal_lock);
}

static void replace_cred(struct exec *exec, struct process *process) {
    if (exec->secure) {
        process->death_signal = 0;
        process->dumpable = core_suid_dumpable();
    } else {
        process->dumpable = 1;
    }
    if (!exec->cred)
        return;
    struct cred *old = atomic_load_explicit(&process->task.cred, memory_order_relaxed);
    atomic_store_explicit(&process->task.cred, exec->cred, memory_order_release);
    exec->cred = nullptr;
    cred_put(old);
}

// Tables that other processes share (CLONE_FILES, CLONE_SIGHAND) are theirs: a program gets copies.
static status_t unshare_tables(struct process *process) {
    if (refcount_value(&process->actions->ref) > 1) {
        struct signal_actions *copy = signal_actions_copy(process->actions);
        if (!copy)
            return -ENOMEM;
        spin_lock(&process->signal_lock);
        struct signal_actions *old = process->actions;
        process->actions = copy;
        spin_unlock(&process->signal_lock);
        signal_actions_put(old);
    }
    return 0;
}

status_t exec_commit(struct exec *exec) {
    struct posix_thread *self = posix_current();
    struct process *process = self->process;
    status_t status = unshare_tables(process);
    if (status == 0)
        status = process_end_other_threads();
    if (status != 0)
        return status;

    // The point of no return.
    posix_timers_delete_all(process);
    aio_forget(process);
    replace_memory(exec, self);
    reset_signals(self);
    replace_cred(exec, process);
    struct object *old = process_set_executable(process, exec->file);
    exec->file = nullptr;
    executable_put(old);
    fipc_thread_leave();
    keys_exec();
    if (exec->secure)
        exception_forget_process(process);
    handle_table_close_on_exec(process->task.handles, &process->task);
    process_set_name(self, exec->name);
    spin_lock(&process_tree_lock);
    process->exit_signal = SIGCHLD;
    process->has_execed = true;
    spin_unlock(&process_tree_lock);
    arch_thread_reset_user();
    arch_frame_init_user(arch_thread_frame(&self->thread), exec->entry, exec->stack_pointer);
    return 0;
}
