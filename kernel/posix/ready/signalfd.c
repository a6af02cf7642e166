// SPDX-License-Identifier: MPL-2.0
// signalfd: reads the signals that are pending for whoever reads. So its readiness depends on who asks: wait_target
// brings it up to date for the current process and makes that the process whose new signals it watches. Each
// process that has a handle may do so in turn; when it closes its handle (its exit does at the latest),
// it is watched no longer.

#include <abi/fcntl.h>
#include <abi/poll.h>
#include <abi/syscall_table.h>
#include <lib/fmt.h>
#include <lib/status.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <posix/process.h>
#include <sched/mutex.h>

struct signal_queue_object {
    struct object object; // first; its lock protects `readers`
    _Atomic uint64_t mask;
    struct wait_queue readers;
    struct mutex mutex; // the watcher's registration
    struct signal_watcher watcher;
};
CHARGED_CACHE(signalfd_cache, struct signal_queue_object);

static struct signal_queue_object *queue_of(struct object *object) {
    return CONTAINER_OF(object, struct signal_queue_object, object);
}

static void signal_came(struct signal_watcher *watcher, int signal) {
    struct signal_queue_object *queue = CONTAINER_OF(watcher, struct signal_queue_object, watcher);
    (void)signal;
    spin_lock(&queue->object.lock);
    object_signal_locked(&queue->object, 0, SIGNALS_READ);
    wait_queue_wake_all(&queue->readers);
    spin_unlock(&queue->object.lock);
}

// Watches the current process.
static void attach(struct signal_queue_object *queue) {
    struct process *process = process_current();
    if (queue->watcher.process == process)
        return;
    mutex_lock(&queue->mutex);
    if (queue->watcher.process)
        signal_unwatch(&queue->watcher);
    queue->watcher.mask = queue->mask;
    queue->watcher.process = process;
    signal_watch(process, &queue->watcher);
    mutex_unlock(&queue->mutex);
}

static void detach(struct signal_queue_object *queue, const struct process *process) {
    mutex_lock(&queue->mutex);
    if (queue->watcher.process && (!process || queue->watcher.process == process)) {
        signal_unwatch(&queue->watcher);
        queue->watcher.process = nullptr;
    }
    mutex_unlock(&queue->mutex);
}

static void signalfd_handle_closed(struct object *object, struct task *task) {
    detach(queue_of(object), task_process(task));
}

static struct object *signalfd_wait_target(struct object *object) {
    struct signal_queue_object *queue = queue_of(object);
    attach(queue);
    // Cleared first: a signal that comes in between sets it again.
    object_signal(object, SIGNALS_READ, 0);
    if (signal_pending_set() & queue->mask)
        object_signal(object, 0, SIGNALS_READ);
    return object;
}

static struct abi_signalfd_siginfo convert(const struct signal_info *info) {
    struct abi_signalfd_siginfo out = {.signal = (uint32_t)info->signal, .error = info->error, .code = info->code};
    switch (info->signal) {
    case SIGCHLD:
        out.pid = (uint32_t)info->child.pid;
        out.uid = info->child.uid;
        out.status = info->child.status;
        out.utime = (uint64_t)info->child.utime;
        out.stime = (uint64_t)info->child.stime;
        return out;
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
        if (info->code > 0) {
            out.address = info->fault.address;
            return out;
        }
        break;
    case SIGIO:
        if (info->code > 0) {
            out.band = (uint32_t)info->poll.band;
            out.fd = info->poll.fd;
            return out;
        }
        break;
    }
    if (info->code == SI_TIMER) {
        out.timer = (uint32_t)info->timer.timer;
        out.overrun = (uint32_t)info->timer.overrun;
        out.value = info->timer.value;
        out.value_int = (int32_t)info->timer.value;
        return out;
    }
    out.pid = (uint32_t)info->sender.pid;
    out.uid = info->sender.uid;
    out.value = info->sender.value;
    out.value_int = (int32_t)info->sender.value;
    return out;
}

// Takes a signal, waiting for one if `wait`. Its number or an error.
static int take(struct signal_queue_object *queue, struct signal_info *info, bool wait) {
    struct object *object = &queue->object;
    for (;;) {
        attach(queue);
        object_signal(object, SIGNALS_READ, 0);
        int signal = signal_dequeue(queue->mask, info);
        if (signal != 0)
            return signal;
        if (!wait)
            return -EAGAIN;
        status_t status = 0;
        spin_lock(&object->lock);
        while (!(object_signals(object) & SIGNAL_READABLE) && status == 0)
            status = wait_queue_sleep(&queue->readers, &object->lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
        spin_unlock(&object->lock);
        if (status != 0)
            return -ERESTARTSYS;
    }
}

static ssize_t signalfd_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct signal_queue_object *queue = queue_of(object);
    ssize_t done = 0;
    if (uio->resid < sizeof(struct abi_signalfd_siginfo))
        return -EINVAL;
    if (pos)
        return -ESPIPE;
    while (uio->resid >= sizeof(struct abi_signalfd_siginfo)) {
        struct signal_info info;
        int signal = take(queue, &info, done == 0 && !(flags & IO_NONBLOCK));
        if (signal < 0)
            return done > 0 ? done : signal;
        struct abi_signalfd_siginfo out = convert(&info);
        if (uio_write(uio, &out, sizeof out) != sizeof out)
            return done > 0 ? done : -EFAULT;
        done += (ssize_t)sizeof out;
    }
    return done;
}

static void signalfd_closed(struct object *object) {
    detach(queue_of(object), nullptr);
}

static void signalfd_destroy(struct object *object) {
    charged_free(&signalfd_cache, queue_of(object));
}

static int signalfd_describe(struct object *object, char *to, size_t size) {
    return fmt_snprintf(to, size, "sigmask:\t%016llx\n", (unsigned long long)queue_of(object)->mask);
}

static int signalfd_link_text(struct object *object, char *to, size_t size) {
    (void)object;
    return fmt_snprintf(to, size, "anon_inode:[signalfd]");
}

static const struct object_ops signalfd_ops = {
    .type = OBJECT_SIGNAL_QUEUE,
    .name = "signalfd",
    .destroy = signalfd_destroy,
    .closed = signalfd_closed,
    .handle_closed = signalfd_handle_closed,
    .read = signalfd_read,
    .wait_target = signalfd_wait_target,
    .describe = signalfd_describe,
    .link_text = signalfd_link_text,
};

static int create(uint64_t mask, int flags) {
    struct signal_queue_object *queue = charged_alloc_zero(&signalfd_cache);
    if (!queue)
        return -ENOMEM;
    object_init(&queue->object, &signalfd_ops, 0);
    queue->object.status_flags = O_RDWR | ((uint32_t)flags & O_NONBLOCK);
    queue->mask = mask;
    wait_queue_init(&queue->readers);
    mutex_init(&queue->mutex);
    queue->watcher.notify = signal_came;
    int fd = handle_install(&queue->object, RIGHTS_BASIC | RIGHT_READ, flags & O_CLOEXEC ? HANDLE_CLOEXEC : 0);
    if (fd < 0)
        object_put(&queue->object);
    return fd;
}

static int change(int fd, uint64_t mask) {
    struct handle_ref ref;
    status_t status = handle_lookup(fd, 0, &ref);
    if (status != 0)
        return status;
    if (ref.object->ops == &signalfd_ops) {
        struct signal_queue_object *queue = queue_of(ref.object);
        detach(queue, nullptr);
        queue->mask = mask;
        signalfd_wait_target(ref.object);
    } else {
        status = -EINVAL;
    }
    handle_release(&ref);
    return status != 0 ? status : fd;
}

long sys_signalfd4(int fd, const void __user *mask, size_t size, int flags) {
    uint64_t set;
    if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) || size != sizeof set)
        return -EINVAL;
    if (copy_from_user(&set, mask, sizeof set) != 0)
        return -EFAULT;
    set &= ~(SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP));
    return fd == -1 ? create(set, flags) : change(fd, set);
}

long sys_signalfd(int fd, const void __user *mask, size_t size) {
    return sys_signalfd4(fd, mask, size, 0);
}
