// SPDX-License-Identifier: MPL-2.0
// seccomp(2), prctl's part of it, and what a tracer may read: filters come in here, checked before anybody runs them.
#include "proc/proc_priv.h"
#include "process/process_priv.h"
#include "seccomp_priv.h"
#include "trace/trace_priv.h"

#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <mm/aspace.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <object/cred.h>
#include <sched/sched.h>

#define TOTAL_MOST 32768 // instructions of a chain
#define TOLL 4           // that each filter counts in addition
#define FLAGS_KNOWN                                                                         \
    (SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | \
     SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_TSYNC_ESRCH | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)

// ---------------------------------------------------------------- filters

static status_t check(const struct seccomp_filter *filter) {
    uint16_t *reach = kmalloc(BPF_LENGTH_MAX * sizeof(*reach));
    if (!reach)
        return -ENOMEM;
    status_t status = bpf_check(filter->code, filter->length, reach);
    kfree(reach);
    return status;
}

// A checked filter in no chain yet.
static status_t filter_from_user(const void __user *from, struct seccomp_filter **out) {
    struct abi_bpf_program program;
    if (copy_from_user(&program, from, sizeof(program)) != 0)
        return -EFAULT;
    if (program.length == 0 || program.length > BPF_LENGTH_MAX)
        return -EINVAL;
    if (!cred_current()->no_new_privileges && !cred_has_cap(cred_current(), CAP_SYS_ADMIN))
        return -EACCES;
    size_t size = program.length * sizeof(struct abi_bpf_instruction);
    struct seccomp_filter *filter = kmalloc_charged(sizeof(*filter) + size);
    if (!filter)
        return -ENOMEM;
    *filter = (struct seccomp_filter){.length = program.length};
    refcount_init(&filter->ref, 1);
    status_t status = copy_from_user(filter->code, (const void __user *)program.code, size) != 0 ? -EFAULT : 0;
    if (status == 0)
        status = check(filter);
    if (status != 0) {
        kfree(filter);
        return status;
    }
    *out = filter;
    return 0;
}

// --- listeners: one to a chain ---

static bool has_listener(const struct seccomp_filter *chain) {
    while (chain && !chain->listener)
        chain = chain->previous;
    return chain != nullptr;
}

// A descriptor that is not there yet, for the filter's listener; 0: none is wanted. -EMFILE, -ENOMEM.
static long prepare_listener(struct seccomp_filter *filter, unsigned flags) {
    if (!(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
        return 0;
    filter->listener = seccomp_listener_make(flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    return filter->listener ? handle_reserve(HANDLE_CLOEXEC) : -ENOMEM;
}

// --- TSYNC ---

static bool is_ancestor(const struct seccomp_filter *old, const struct seccomp_filter *chain) {
    while (chain && chain != old)
        chain = chain->previous;
    return chain == old;
}

// A thread whose chain is not a part of the caller's; null: there is none.
static struct posix_thread *find_apart(struct posix_thread *self) REQUIRES(&self->process->signal_lock) {
    struct posix_thread *thread;
    LIST_FOR_EACH(thread, &self->process->threads, process_node) {
        bool fits = thread->seccomp_mode == SECCOMP_MODE_DISABLED ||
                    (thread->seccomp_mode == SECCOMP_MODE_FILTER && is_ancestor(thread->filter, self->filter));
        if (thread != self && !fits)
            return thread;
    }
    return nullptr;
}

static void share(struct posix_thread *self) REQUIRES(&self->process->signal_lock) {
    struct posix_thread *thread;
    LIST_FOR_EACH(thread, &self->process->threads, process_node) {
        if (thread == self)
            continue;
        refcount_up(&self->filter->ref);
        seccomp_take(thread, self->filter);
    }
}

// Joins the filter to the caller's chain. On success it is taken over.
static long attach(struct posix_thread *self, struct seccomp_filter *filter, unsigned flags)
    REQUIRES(&process_tree_lock) REQUIRES(&self->process->signal_lock) {
    struct posix_thread *apart = nullptr;
    struct seccomp_filter *previous = self->filter;
    filter->total = filter->length + TOLL + (previous ? previous->total : 0);
    filter->depth = 1 + (previous ? previous->depth : 0);
    if (self->seccomp_mode == SECCOMP_MODE_STRICT)
        return -EINVAL;
    if (filter->total - TOLL > TOTAL_MOST)
        return -ENOMEM;
    if (filter->listener && has_listener(previous))
        return -EBUSY;
    if ((flags & SECCOMP_FILTER_FLAG_TSYNC) && (apart = find_apart(self)))
        return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : apart->tid;
    filter->previous = previous;
    if (previous)
        refcount_up(&previous->ref);
    seccomp_take(self, filter);
    if (flags & SECCOMP_FILTER_FLAG_TSYNC)
        share(self);
    return 0;
}

static bool flags_fit(unsigned flags) {
    bool listens = flags & SECCOMP_FILTER_FLAG_NEW_LISTENER;
    if (flags & ~(unsigned)FLAGS_KNOWN)
        return false;
    if (listens && (flags & SECCOMP_FILTER_FLAG_TSYNC) && !(flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH))
        return false; // a result would be a thread or a descriptor
    return listens || !(flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
}

// Joins the filter to the caller's chain, of which it is a part on success.
static long join(struct seccomp_filter *filter, unsigned flags) {
    spin_lock(&process_tree_lock); // no thread is being linked meanwhile
    struct posix_thread *self = posix_current();
    spin_lock(&self->process->signal_lock);
    long result = attach(self, filter, flags);
    spin_unlock(&self->process->signal_lock);
    spin_unlock(&process_tree_lock);
    if (result == 0 && (flags & SECCOMP_FILTER_FLAG_TSYNC))
        sched_barrier(&aspace_current()->arch); // no thread is on its way in by the fast entry any more
    return result;
}

static long set_filter(unsigned flags, const void __user *from) {
    struct seccomp_filter *filter;
    if (!flags_fit(flags))
        return -EINVAL;
    status_t status = filter_from_user(from, &filter);
    if (status != 0)
        return status;
    filter->logs = flags & SECCOMP_FILTER_FLAG_LOG;
    long fd = prepare_listener(filter, flags);
    struct object *listener = fd >= 0 && filter->listener ? seccomp_listener_object(filter->listener) : nullptr;
    if (listener)
        object_get(listener); // the descriptor's: the filter may be gone as soon as it is there
    long result = fd < 0 ? fd : join(filter, flags);
    if (result != 0)
        seccomp_filter_put(filter);
    if (result == 0 && listener) {
        handle_commit((int)fd, listener, RIGHTS_BASIC | RIGHT_READ | RIGHT_WRITE);
        return fd;
    }
    if (listener) {
        handle_unreserve((int)fd);
        object_put(listener);
    }
    return result;
}

static long set_strict(void) {
    struct posix_thread *self = posix_current();
    spin_lock(&self->process->signal_lock); // or TSYNC by another thread
    bool may = self->seccomp_mode != SECCOMP_MODE_FILTER;
    if (may) {
        atomic_store_explicit(&self->seccomp_mode, SECCOMP_MODE_STRICT, memory_order_relaxed);
        thread_set_work(&self->thread, THREAD_WORK_TRACE);
    }
    spin_unlock(&self->process->signal_lock);
    return may ? 0 : -EINVAL;
}

static long action_available(const void __user *from) {
    uint32_t action;
    if (copy_from_user(&action, from, sizeof(action)) != 0)
        return -EFAULT;
    switch (action) {
    case SECCOMP_RET_KILL_PROCESS:
    case SECCOMP_RET_KILL_THREAD:
    case SECCOMP_RET_TRAP:
    case SECCOMP_RET_ERRNO:
    case SECCOMP_RET_USER_NOTIF:
    case SECCOMP_RET_TRACE:
    case SECCOMP_RET_LOG:
    case SECCOMP_RET_ALLOW:
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}

static long sizes(void __user *to) {
    struct abi_seccomp_sizes sizes = {.notification = sizeof(struct abi_seccomp_notification),
                                      .response = sizeof(struct abi_seccomp_response),
                                      .data = sizeof(struct abi_seccomp_data)};
    return copy_to_user(to, &sizes, sizeof(sizes));
}

long sys_seccomp(unsigned operation, unsigned flags, const void __user *argument) {
    switch (operation) {
    case SECCOMP_SET_MODE_STRICT:
        return flags != 0 || argument ? -EINVAL : set_strict();
    case SECCOMP_SET_MODE_FILTER:
        return set_filter(flags, argument);
    case SECCOMP_GET_ACTION_AVAIL:
        return flags != 0 ? -EINVAL : action_available(argument);
    case SECCOMP_GET_NOTIF_SIZES:
        return flags != 0 ? -EINVAL : sizes((void __user *)(uintptr_t)argument);
    default:
        return -EINVAL;
    }
}

long seccomp_set_mode(unsigned long mode, const void __user *filter) {
    switch (mode) {
    case SECCOMP_MODE_STRICT:
        return set_strict();
    case SECCOMP_MODE_FILTER:
        return set_filter(0, filter);
    default:
        return -EINVAL;
    }
}

// ---------------------------------------------------------------- for tracers

struct look {
    unsigned long index;           // from the first filter that was set
    struct seccomp_filter *filter; // referenced
};

static status_t find_filter(struct posix_thread *thread, void *context) {
    struct look *look = context;
    struct seccomp_filter *filter = thread->filter;
    if (thread->seccomp_mode != SECCOMP_MODE_FILTER)
        return -EINVAL;
    if (look->index >= filter->depth)
        return -ENOENT;
    while (filter->depth > look->index + 1)
        filter = filter->previous;
    refcount_up(&filter->ref);
    look->filter = filter;
    return 0;
}

static status_t look_for(int tid, struct look *look) {
    if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN) || posix_current()->seccomp_mode != SECCOMP_MODE_DISABLED)
        return -EACCES;
    return trace_with_stopped(tid, find_filter, look);
}

long seccomp_get_filter(int tid, unsigned long index, void __user *to) {
    struct look look = {.index = index};
    status_t status = look_for(tid, &look);
    if (status != 0)
        return status;
    long result = (long)look.filter->length;
    if (to && copy_to_user(to, look.filter->code, look.filter->length * sizeof(*look.filter->code)) != 0)
        result = -EFAULT;
    seccomp_filter_put(look.filter);
    return result;
}

long seccomp_get_metadata(int tid, unsigned long size, void __user *to) {
    struct {
        uint64_t index, flags;
    } data;
    size = MIN(size, sizeof(data));
    if (size < sizeof(data.index))
        return -EINVAL;
    if (copy_from_user(&data.index, to, sizeof(data.index)) != 0)
        return -EFAULT;
    struct look look = {.index = data.index};
    status_t status = look_for(tid, &look);
    if (status != 0)
        return status;
    data.flags = look.filter->logs ? SECCOMP_FILTER_FLAG_LOG : 0;
    seccomp_filter_put(look.filter);
    return copy_to_user(to, &data, size) != 0 ? -EFAULT : (long)size;
}

static void actions_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "kill_process kill_thread trap errno user_notif trace log allow\n");
}

void seccomp_init(void) {
    static const struct proc_file files[] = {
        {"sys/kernel/seccomp/actions_avail", 0444, actions_show},
    };
    proc_add_all(files, ARRAY_SIZE(files));
}
