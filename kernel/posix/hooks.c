// SPDX-License-Identifier: MPL-2.0
// What lower layers ask of processes, and the module's start.
#include "core/core.h"
#include "exec/exec_priv.h"
#include "file/aio.h"
#include "file/async.h"
#include "keys/keys.h"
#include "mqueue/mqueue.h"
#include "posix_init.h"
#include "proc/proc_priv.h"
#include "process/process_priv.h"
#include "ready/pidfd_priv.h"
#include "seccomp/seccomp.h"
#include "signal/signal_priv.h"
#include "sysv/sysv_shm.h"
#include <abi/resource.h>
#include <abi/signal.h>
#include <ipc/port.h>
#include <vfs/hooks.h>

static void broken_pipe(void) {
    signal_send_self(SIGPIPE);
}

static uint64_t file_size_limit(void) {
    return rlimit_current(RLIMIT_FSIZE);
}

static void file_size_exceeded(void) {
    signal_send_self(SIGXFSZ);
}

static struct task *task_find(int id) {
    struct process *process = process_lookup_seen(id);
    return process ? &process->task : nullptr;
}

static int task_next(int id) {
    for (; (id = id_next(id, ID_PROCESS)) >= 0; id++) {
        struct process *process = process_lookup_seen(id);
        if (process) {
            process_put(process);
            break;
        }
    }
    return id;
}

static int thread_next(struct task *task, int tid) {
    struct process *process = task_process(task);
    struct posix_thread *thread;
    int best = -1;
    spin_lock(&process->signal_lock);
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        if (thread->tid >= tid && (best < 0 || thread->tid < best))
            best = thread->tid;
    }
    bool zombie = list_is_empty(&process->threads);
    spin_unlock(&process->signal_lock);
    return zombie && tid <= task->id ? task->id : best;
}

static int current_thread_id(void) {
    return posix_current()->tid;
}

static void for_each_context(void (*visit)(struct fs_context *fs, void *argument), void *argument) {
    spin_lock(&process_tree_lock);
    for (int pid = 0; (pid = id_next(pid, ID_PROCESS)) >= 0; pid++) {
        struct fs_context *fs = atomic_load(&process_find(pid)->task.fs);
        if (fs)
            visit(fs, argument);
    }
    spin_unlock(&process_tree_lock);
}

static const struct vfs_hooks hooks = {
    .broken_pipe = broken_pipe,
    .file_size_limit = file_size_limit,
    .file_size_exceeded = file_size_exceeded,
    .task_find = task_find,
    .task_next = task_next,
    .thread_next = thread_next,
    .current_thread_id = current_thread_id,
    .for_each_context = for_each_context,
};

static status_t may_change(struct task *task) {
    return process_may_inspect(task_process(task)) ? 0 : -EPERM;
}

static struct task *task_of(struct object *object) {
    struct process *process = pidfd_process(object);
    return process ? &process->task : nullptr;
}

static const struct fipc_hooks native_hooks = {
    .signal_ends_call = signal_ends_call,
    .may_change = may_change,
    .task_of = task_of,
};

static void clock_changed(void) {
    atomic_store(&vfs_realtime_offset, atomic_load(&realtime_offset));
}

void posix_init(void) {
    static struct realtime_listener listener = {.changed = clock_changed, .copies = true};
    vfs_hooks = &hooks;
    fipc_hooks = &native_hooks;
    realtime_listen(&listener);
    clock_changed();
    job_init_root();
    job_init();
    sleep_init();
    cpu_timers_init();
    vdso_init();
    proc_task_init();
    proc_system_init();
    proc_sys_init();
    proc_tessera_init();
    shm_proc_init();
    mqueue_init();
    keys_init();
    aio_init();
    async_init();
    seccomp_init();
    core_init();
    proc_jobs_init();
}
