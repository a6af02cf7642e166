// SPDX-License-Identifier: MPL-2.0
// Linux's own asynchronous I/O: io_setup, io_submit, io_getevents and their kin, which libaio's programs use.
//
// A request is carried out while it is submitted, and its event is there when io_submit returns: so Linux does it, too,
// for what is not read past the cache of a disk. An operation that fails is an event with an error; only what is no
// request at all fails io_submit. There is no IOCB_CMD_POLL (EINVAL, as before Linux 4.18).
//
// A context belongs to its process. Its number is the address of a page in the program's memory, since libaio looks
// there for a ring of events that it could read by itself: the page stays empty, which tells it to ask. Events lie in a
// ring of ours, as long as was asked for; requests that would have no room for their event are refused (EAGAIN). What
// is submitted holds a place in the ring beforehand, so that an event is never lost.
#include "aio.h"
#include "fd.h"

#include <abi/aio.h>
#include <abi/mman.h>
#include <arch/uaccess.h>
#include <object/event.h>
#include <posix/signal.h>
#include <sched/timer.h>

#include "proc/proc_priv.h"
#include "ready/wait_time.h"

#define EVENTS_MAX (1u << 20) // of one context

struct context {
    struct list_node node; // process->aio_contexts; one reference
    struct refcount ref;
    vaddr_t id;
    struct spinlock lock; // protects what follows
    bool closed;
    unsigned size, first, count, reserved; // of the ring; reserved: for requests that are being carried out
    struct wait_queue readers;
    struct abi_io_event ring[];
};

static struct {
    _Atomic uint64_t events, events_max; // of all contexts: /proc/sys/fs/aio-nr, aio-max-nr
} limits = {.events_max = 65536};

// ---------------------------------------------------------------- contexts

static void context_put(struct context *context) {
    if (!refcount_down(&context->ref))
        return;
    atomic_fetch_sub_explicit(&limits.events, context->size, memory_order_relaxed);
    kfree(context);
}

static struct context *find_locked(struct process *process, vaddr_t id) REQUIRES(&process->signal_lock) {
    struct context *context;
    LIST_FOR_EACH(context, &process->aio_contexts, node)
    if (context->id == id)
        return context;
    return nullptr;
}

// Referenced; null: there is none.
static struct context *context_get(vaddr_t id) {
    struct process *process = process_current();
    spin_lock(&process->signal_lock);
    struct context *context = find_locked(process, id);
    if (context)
        refcount_up(&context->ref);
    spin_unlock(&process->signal_lock);
    return context;
}

static status_t context_make(unsigned size, struct context **out) {
    uint64_t most = atomic_load_explicit(&limits.events_max, memory_order_relaxed);
    if (size > EVENTS_MAX)
        return -EINVAL;
    if (atomic_fetch_add_explicit(&limits.events, size, memory_order_relaxed) + size > most) {
        atomic_fetch_sub_explicit(&limits.events, size, memory_order_relaxed);
        return -EAGAIN;
    }
    struct context *context = kzalloc_charged(sizeof(*context) + size * sizeof(context->ring[0]));
    if (!context) {
        atomic_fetch_sub_explicit(&limits.events, size, memory_order_relaxed);
        return -ENOMEM;
    }
    refcount_init(&context->ref, 1);
    context->size = size;
    wait_queue_init(&context->readers);
    *out = context;
    return 0;
}

static void context_close(struct context *context) {
    spin_lock(&context->lock);
    context->closed = true;
    wait_queue_wake_all(&context->readers);
    spin_unlock(&context->lock);
    context_put(context);
}

long sys_io_setup(unsigned count, uint64_t __user *id) {
    struct process *process = process_current();
    struct context *context;
    uint64_t old;
    if (get_user(old, id) != 0)
        return -EFAULT;
    if (old != 0 || count == 0)
        return -EINVAL;
    status_t status = context_make(count, &context);
    if (status != 0)
        return status;
    long place = sys_mmap(0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place < 0) {
        context_put(context);
        return place;
    }
    context->id = (vaddr_t)place;
    if (put_user((uint64_t)place, id) != 0) {
        (void)sys_munmap((unsigned long)place, PAGE_SIZE);
        context_put(context);
        return -EFAULT;
    }
    spin_lock(&process->signal_lock);
    list_push_back(&process->aio_contexts, &context->node);
    spin_unlock(&process->signal_lock);
    return 0;
}

long sys_io_destroy(uint64_t id) {
    struct process *process = process_current();
    spin_lock(&process->signal_lock);
    struct context *context = find_locked(process, id);
    if (context)
        list_remove(&context->node);
    spin_unlock(&process->signal_lock);
    if (!context)
        return -EINVAL;
    context_close(context);
    (void)sys_munmap(id, PAGE_SIZE);
    return 0;
}

void aio_forget(struct process *process) {
    while (!list_is_empty(&process->aio_contexts))
        context_close(LIST_ENTRY(list_pop_front(&process->aio_contexts), struct context, node));
}

// ---------------------------------------------------------------- requests

static bool reserve(struct context *context) {
    spin_lock(&context->lock);
    bool fits = context->count + context->reserved < context->size;
    context->reserved += fits;
    spin_unlock(&context->lock);
    return fits;
}

static void complete(struct context *context, const struct abi_io_event *event) {
    spin_lock(&context->lock);
    context->reserved--;
    if (event) {
        context->ring[(context->first + context->count) % context->size] = *event;
        context->count++;
        wait_queue_wake_all(&context->readers);
    }
    spin_unlock(&context->lock);
}

static bool is_write(const struct abi_iocb *request) {
    return request->operation == IOCB_CMD_PWRITE || request->operation == IOCB_CMD_PWRITEV;
}

// May it be tried? What is asked of a file that cannot do it is refused here, and is no event.
static status_t check(const struct abi_iocb *request) {
    struct handle_ref ref;
    uint32_t rights = 0;
    switch (request->operation) {
    case IOCB_CMD_PREAD:
    case IOCB_CMD_PREADV:
        rights = RIGHT_READ;
        break;
    case IOCB_CMD_PWRITE:
    case IOCB_CMD_PWRITEV:
        rights = RIGHT_WRITE;
        break;
    case IOCB_CMD_FSYNC:
    case IOCB_CMD_FDSYNC:
        break;
    default:
        return -EINVAL;
    }
    if (request->reserved != 0 || (ssize_t)request->size < 0)
        return -EINVAL;
    status_t status = fd_get((int)request->fd, rights, &ref);
    if (status != 0)
        return status;
    const struct object_ops *ops = ref.object->ops;
    bool able = rights == RIGHT_READ    ? ops->read != nullptr
                : rights == RIGHT_WRITE ? ops->write != nullptr
                                        : ops->sync != nullptr;
    handle_release(&ref);
    return able ? 0 : -EINVAL;
}

// One buffer is a vector of one; files without positions take none.
static long transfer(const struct abi_iocb *request) {
    int fd = (int)request->fd, flags = (int)request->rw_flags;
    void __user *buffer = (void __user *)request->buffer;
    bool write = is_write(request);
    if (request->operation == IOCB_CMD_PREADV || request->operation == IOCB_CMD_PWRITEV) {
        unsigned long low = (unsigned long)request->offset;
        long done = write ? sys_pwritev2(fd, buffer, request->size, low, 0, flags)
                          : sys_preadv2(fd, buffer, request->size, low, 0, flags);
        if (done != -ESPIPE)
            return done;
        return write ? sys_writev(fd, buffer, request->size) : sys_readv(fd, buffer, request->size);
    }
    if (flags != 0) // RWF_*: only vectors have them
        return -EOPNOTSUPP;
    long done = write ? sys_pwrite64(fd, buffer, request->size, request->offset)
                      : sys_pread64(fd, buffer, request->size, request->offset);
    if (done != -ESPIPE)
        return done;
    return write ? sys_write(fd, buffer, request->size) : sys_read(fd, buffer, request->size);
}

static long carry_out(const struct abi_iocb *request) {
    long result = request->operation == IOCB_CMD_FSYNC    ? sys_fsync((int)request->fd)
                  : request->operation == IOCB_CMD_FDSYNC ? sys_fdatasync((int)request->fd)
                                                          : transfer(request);
    return result == -ERESTARTSYS || result == -ERESTARTNOINTR || result == -ERESTARTNOHAND ||
                   result == -ERESTART_RESTARTBLOCK
               ? -EINTR
               : result;
}

// The event's own event: eventfd. -EBADF, -EINVAL: it is none.
static status_t event_get(const struct abi_iocb *request, struct handle_ref *ref) {
    ref->object = nullptr;
    if (!(request->flags & IOCB_FLAG_RESFD))
        return 0;
    status_t status = fd_get((int)request->result_fd, 0, ref);
    if (status != 0 || object_is_event(ref->object))
        return status;
    handle_release(ref);
    ref->object = nullptr;
    return -EINVAL;
}

static long submit(struct context *context, struct abi_iocb __user *user) {
    struct abi_iocb request;
    struct handle_ref event;
    if (copy_from_user(&request, user, sizeof(request)) != 0)
        return -EFAULT;
    status_t status = check(&request);
    if (status == 0)
        status = event_get(&request, &event);
    if (status != 0)
        return status;
    status = put_user((uint32_t)0, &user->key) != 0 ? -EFAULT : reserve(context) ? 0 : -EAGAIN;
    if (status == 0) {
        complete(context,
                 &(struct abi_io_event){.data = request.data, .iocb = (uint64_t)user, .result = carry_out(&request)});
        if (event.object)
            event_add(event.object, 1);
    }
    if (event.object)
        handle_release(&event);
    return status;
}

long sys_io_submit(uint64_t id, long count, const uint64_t __user *list) {
    struct context *context = context_get(id);
    long done = 0, status = 0;
    if (!context)
        return -EINVAL;
    if (count < 0)
        status = -EINVAL;
    for (; status == 0 && done < MIN(count, (long)context->size); done += status == 0) {
        uint64_t user;
        status = get_user(user, &list[done]) != 0 ? -EFAULT : submit(context, (struct abi_iocb __user *)user);
        if (status == 0 && thread_is_interrupted()) {
            done++;
            break;
        }
    }
    context_put(context);
    return done > 0 ? done : status;
}

// There is never one that is still to be carried out.
long sys_io_cancel(uint64_t id, void __user *request, void __user *result) {
    const struct abi_iocb __user *user = request;
    uint32_t key;
    (void)id, (void)result;
    return get_user(key, &user->key) != 0 ? -EFAULT : -EINVAL;
}

// ---------------------------------------------------------------- events

// The next one, once there are `least`; then whatever there is, without waiting.
static status_t take(struct context *context, unsigned least, nsec_t deadline, struct abi_io_event *out) {
    status_t status = 0;
    spin_lock(&context->lock);
    while (status == 0 && context->count == 0) {
        if (context->closed)
            status = -EINVAL;
        else if (least == 0 || deadline == 0)
            status = -ETIMEDOUT;
        else
            status = wait_queue_sleep(&context->readers, &context->lock, WAIT_INTERRUPTIBLE, deadline);
    }
    if (status == 0) {
        *out = context->ring[context->first];
        context->first = (context->first + 1) % context->size;
        context->count--;
    }
    spin_unlock(&context->lock);
    return status;
}

static long get_events(uint64_t id, long least, long most, struct abi_io_event __user *to, nsec_t deadline) {
    struct context *context = context_get(id);
    long done = 0;
    status_t status = 0;
    if (!context)
        return -EINVAL;
    if (least < 0 || most < 0 || least > most)
        status = -EINVAL;
    while (status == 0 && done < most) {
        struct abi_io_event event;
        status = take(context, done < least, deadline, &event);
        if (status == 0)
            status = copy_to_user(&to[done], &event, sizeof(event));
        done += status == 0;
    }
    context_put(context);
    return done > 0 || status == -ETIMEDOUT ? done : status;
}

long sys_io_getevents(uint64_t id, long least, long most, void __user *to, const void __user *timeout) {
    nsec_t deadline;
    status_t status = wait_deadline_from_user(timeout, &deadline);
    return status == 0 ? get_events(id, least, most, to, deadline) : status;
}

long sys_io_pgetevents(uint64_t id, long least, long most, void __user *to, const void __user *timeout,
                       const void __user *user_set) {
    struct abi_aio_sigset set = {};
    nsec_t deadline;
    status_t status = wait_deadline_from_user(timeout, &deadline);
    if (status == 0 && user_set && copy_from_user(&set, user_set, sizeof(set)) != 0)
        status = -EFAULT;
    if (status == 0)
        status = signal_mask_begin((const void __user *)set.mask, set.size);
    if (status != 0)
        return status;
    long result = get_events(id, least, most, to, deadline);
    signal_mask_end(result == -EINTR);
    return result;
}

// ---------------------------------------------------------------- limits

static void number_show(struct text_buffer *text, void *context) {
    text_printf(text, "%llu\n", (unsigned long long)atomic_load((_Atomic uint64_t *)context));
}

static ssize_t most_store(void *context, const char *from, size_t size) {
    uint64_t value;
    if (!proc_parse_number(from, size, &value))
        return -EINVAL;
    atomic_store((_Atomic uint64_t *)context, value);
    return (ssize_t)size;
}

void aio_init(void) {
    static const struct proc_file files[] = {
        {"sys/fs/aio-nr", 0444, number_show, nullptr, &limits.events},
        {"sys/fs/aio-max-nr", 0644, number_show, most_store, &limits.events_max},
    };
    proc_add_all(files, ARRAY_SIZE(files));
}
