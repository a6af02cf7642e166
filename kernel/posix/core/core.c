// SPDX-License-Identifier: MPL-2.0
// When a core file is written, and what the process's threads do meanwhile.
//
// The thread that takes a fatal signal has ended the process already; the others come to their end, and wait there
// (core_park), off their CPUs and with all registers stored. This thread's own vector registers are stored by a switch,
// too: it sleeps until one has taken place. Then it writes, as the user that it is, until it is done, meets the limit,
// or is killed: of signals only SIGKILL gets through (signal_generate).
#include "core.h"
#include "process/process_priv.h"
#include "signal/signal_priv.h"

#include <abi/fcntl.h>
#include <abi/wait.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <mm/slab.h>
#include <sched/sched.h>
#include <vfs/file.h>
#include <vfs/namespace.h>

#define POLL_PERIOD ((nsec_t)100'000)

void core_park(struct posix_thread *self) {
    struct process *process = self->process;
    spin_lock(&process->signal_lock);
    if (UNLIKELY(process->core_thread && process->core_thread != self)) {
        self->core_parked = true;
        while (process->core_thread) {
            status_t status =
                wait_queue_sleep(&process->core_wait, &process->signal_lock, WAIT_UNINTERRUPTIBLE, NSEC_NEVER);
            ASSERT(status == 0);
        }
        self->core_parked = false;
    }
    spin_unlock(&process->signal_lock);
}

static bool is_off_cpu(struct posix_thread *thread) {
    return atomic_load_explicit(&thread->thread.state, memory_order_acquire) == THREAD_BLOCKED &&
           !atomic_load_explicit(&thread->thread.on_cpu, memory_order_acquire);
}

// How many are parked. *all: the others have no user registers any more.
static unsigned count_parked(struct process *process, bool *all) {
    struct posix_thread *thread;
    unsigned count = 0;
    *all = true;
    spin_lock(&process->signal_lock);
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        if (thread == posix_current() || atomic_load_explicit(&thread->ends, memory_order_relaxed))
            continue;
        if (thread->core_parked && is_off_cpu(thread))
            count++;
        else
            *all = false;
    }
    spin_unlock(&process->signal_lock);
    return count;
}

// -EINTR: killed.
static status_t await_others(struct process *process, unsigned *count) {
    uint64_t switches = thread_current()->switches_voluntary;
    for (;;) {
        bool all;
        *count = count_parked(process, &all);
        if (all && thread_current()->switches_voluntary != switches)
            return 0;
        if (thread_sleep_until(clock_now() + POLL_PERIOD, WAIT_KILLABLE) == -EINTR)
            return -EINTR;
    }
}

static status_t gather(struct process *process, struct core *core) {
    unsigned count;
    status_t status = await_others(process, &count);
    if (status != 0)
        return status;
    core->threads = kcalloc(count + 1, sizeof(struct posix_thread *));
    if (!core->threads)
        return -ENOMEM;
    core->threads[0] = posix_current();
    core->thread_count = 1;
    struct posix_thread *thread;
    spin_lock(&process->signal_lock);
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        if (thread->core_parked && core->thread_count <= count)
            core->threads[core->thread_count++] = thread;
    }
    spin_unlock(&process->signal_lock);
    return 0;
}

enum { OPEN_FLAGS = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_LARGEFILE };

// A new file of root's own, at a place that is not the user's choice: below init's root, by a whole path.
static status_t open_as_root(struct process *process, const char *name, struct object **out) {
    struct path root;
    struct cred *own = cred_current();
    struct cred *as_root = *name == '/' ? cred_copy(own, own->group_count) : nullptr;
    if (!as_root)
        return *name == '/' ? -ENOMEM : -EPERM;
    as_root->fsuid = 0;
    process_get_init_root(&root);
    atomic_store_explicit(&process->task.cred, as_root, memory_order_release);
    status_t status = vfs_open_at(
        &root, name, &(struct open_request){.flags = OPEN_FLAGS, .mode = 0600, .lookup = LOOKUP_IN_ROOT}, out);
    atomic_store_explicit(&process->task.cred, own, memory_order_release);
    path_put(&root);
    cred_put(as_root);
    return status;
}

// A new file of the user's own: what has the name is removed first, and no link is followed.
static status_t open_as_user(const char *name, struct object **out) {
    (void)!vfs_unlink(nullptr, name); // if there is one
    return vfs_open(nullptr, name, OPEN_FLAGS, 0600, out);
}

static status_t open_file(const char *name, struct object **out) {
    struct process *process = process_current();
    return process->dumpable == 2 ? open_as_root(process, name, out) : open_as_user(name, out);
}

// True: there is a file, be it short.
static bool write_file(struct core *core, const char *name) {
    if (core->limit < PAGE_SIZE || open_file(name, &core->file) != 0)
        return false;
    object_handle_acquire(core->file); // so that it is closed
    (void)!core_write(core);           // as much as there could be
    object_handle_release(core->file);
    object_put(core->file);
    return true;
}

static bool write_somewhere(struct core *core) {
    struct core_target *target = kmalloc(sizeof(*target));
    bool written = false;
    if (target && core_name(&(struct core_name){core->info->signal, core->limit}, target) == 0)
        written = target->arguments > 0 ? core_pipe(core, target) : write_file(core, target->text);
    kfree(target);
    return written;
}

static bool dump(struct process *process, struct core *core) {
    bool written = false;
    core->page = kmalloc(PAGE_SIZE);
    core->aspace = process_get_aspace(process);
    if (core->page && core->aspace && gather(process, core) == 0)
        written = write_somewhere(core);
    if (core->aspace)
        aspace_put(core->aspace);
    kfree(core->threads);
    kfree(core->page);
    return written;
}

static bool is_killed(const struct process *process, const struct posix_thread *self) REQUIRES(&process->signal_lock) {
    return ((self->pending.set | process->pending.set) & SIGNAL_BIT(SIGKILL)) != 0;
}

// A program gets all, but a limit of 1 is that of programs that get cores (process/helper.c).
static bool is_wanted(const struct process *process, uint64_t limit) {
    return process->dumpable != 0 && (core_pattern_is_program() ? limit != 1 : limit >= PAGE_SIZE);
}

bool core_dump(struct process *process, const struct signal_info *info) {
    struct posix_thread *self = posix_current();
    struct core core = {.info = info, .limit = process->limits[RLIMIT_CORE].soft};
    if (!is_wanted(process, core.limit) || is_killed(process, self))
        return false;
    process->core_thread = self;
    thread_clear_interrupt(&self->thread); // the signal has been taken; what interrupts from now on is SIGKILL
    atomic_store_explicit(&self->thread.killed, false, memory_order_relaxed);
    spin_unlock(&process->signal_lock);
    bool written = dump(process, &core);
    spin_lock(&process->signal_lock);
    process->core_thread = nullptr;
    wait_queue_wake_all(&process->core_wait);
    if (!is_killed(process, self))
        return written;
    process->group_exit_status = WAIT_STATUS_SIGNALED(SIGKILL); // as on Linux, that is what it ended by
    return false;
}
