// SPDX-License-Identifier: MPL-2.0
// Programs that the kernel runs by itself, for what the administrator has set: as root, in the root job, with init's
// root and working directory, whoever gave the occasion. Such a process is init's child, but nobody waits for it: it is
// reaped when it ends. There are never more than HELPERS_MAX, since no job pays for them.
#include "exec/exec_priv.h"
#include "process_priv.h"
#include "syscall_priv.h"

#include <abi/resource.h>
#include <lib/string.h>

enum { HELPERS_MAX = 64 };

static _Atomic unsigned helpers;

void helper_ended(void) {
    atomic_fetch_sub_explicit(&helpers, 1, memory_order_relaxed);
}

// Makes it visible.
static status_t link_helper(struct process *process, struct posix_thread *thread) {
    spin_lock(&process_tree_lock);
    status_t status = job_add_task(&job_root);
    if (status == 0) {
        status = process_link(process, process_init_task(), thread);
        if (status != 0)
            job_remove_task(&job_root);
        else
            object_get(&process->task.object); // the thread's; the first is the family's
    }
    spin_unlock(&process_tree_lock);
    return status;
}

static status_t give_all(struct process *process, struct object *input) {
    struct fs_context *fs = process_get_init_fs();
    process_set_default_limits(process);
    process->limits[RLIMIT_CORE] = (struct rlimit){1, 1}; // core_dump: nothing is dumped of who dumps
    status_t status = process_give_parts(process, fs);
    fs_context_put(fs);
    if (status != 0)
        return status;
    object_get(input);
    int fd = handle_install_in(process->task.handles, input, RIGHTS_BASIC | RIGHT_READ | RIGHT_SIGNAL | RIGHT_ADMIN, 0);
    if (fd < 0)
        object_put(input);
    return MIN(fd, 0);
}

static status_t start(const struct helper_start *how) {
    struct process *process = process_alloc();
    if (!process)
        return -ENOMEM;
    process->is_helper = true;
    struct posix_thread *thread = posix_thread_alloc();
    status_t status = thread ? give_all(process, how->input) : -ENOMEM;
    if (status != 0)
        goto fail;
    string_copy(process->task.name, how->name, sizeof(process->task.name));
    thread_init(&thread->thread, thread->thread.stack, how->name, how->main, how->argument, nullptr);
    task_own_thread(&process->task, &thread->thread);
    if (syscalls_are_logged())
        thread_set_work(&thread->thread, THREAD_WORK_TRACE);
    status = job_charge_threads(&job_root, 1);
    if (status != 0)
        goto fail_thread;
    status = link_helper(process, thread);
    if (status == 0) {
        thread_start(&thread->thread);
        return 0;
    }
    job_uncharge_threads(&job_root, 1);
fail_thread:
    arch_thread_fini(&thread->thread);
fail:
    if (thread)
        posix_thread_free(thread);
    process_discard(process);
    return status;
}

status_t helper_start(const struct helper_start *how) {
    status_t status = -EAGAIN;
    if (atomic_fetch_add_explicit(&helpers, 1, memory_order_relaxed) < HELPERS_MAX)
        status = start(how);
    if (status != 0)
        helper_ended();
    return status;
}
