// SPDX-License-Identifier: MPL-2.0
// Events. The object's own lock protects the counter; READABLE and WRITABLE follow from it under that lock. A sleeper
// that is woken finds the count itself: nothing is handed over.

#include <object/event.h>

#include <lib/fmt.h>
#include <lib/status.h>
#include <mm/charged.h>
#include <sched/thread.h>

#define COUNT_MAX (UINT64_MAX - 1)

struct event {
    struct object object; // first
    uint64_t count;       // under object.lock
    bool semaphore;
    struct wait_queue readers, writers;
};
CHARGED_CACHE(event_cache, struct event);

static struct event *event_of(struct object *object) {
    return CONTAINER_OF(object, struct event, object);
}

static uint32_t signals_of(const struct event *event) {
    return (event->count > 0 ? SIGNALS_READ : 0) | (event->count < COUNT_MAX ? SIGNALS_WRITE : 0) |
           (event->count == UINT64_MAX ? SIGNAL_ERROR : 0);
}

static void count_changed(struct object *object, uint32_t news) REQUIRES(&object->lock) {
    uint32_t now = signals_of(event_of(object));
    object_signal_locked(object, (SIGNALS_READ | SIGNALS_WRITE | SIGNAL_ERROR) & ~now, now & news);
}

static ssize_t event_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct event *event = event_of(object);
    if (uio->resid < sizeof(uint64_t))
        return -EINVAL;
    if (pos)
        return -ESPIPE;
    spin_lock(&object->lock);
    while (event->count == 0) {
        status_t status = flags & IO_NONBLOCK
                              ? -EAGAIN
                              : wait_queue_sleep(&event->readers, &object->lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
        if (status != 0) {
            spin_unlock(&object->lock);
            return status == -EINTR ? -ERESTARTSYS : status;
        }
    }
    uint64_t value = event->semaphore ? 1 : event->count;
    event->count -= value;
    count_changed(object, SIGNALS_WRITE);
    wait_queue_wake_all(&event->writers);
    if (event->count > 0)
        wait_queue_wake_one(&event->readers);
    spin_unlock(&object->lock);
    return uio_write(uio, &value, sizeof value) == sizeof value ? (ssize_t)sizeof value : -EFAULT;
}

static ssize_t event_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct event *event = event_of(object);
    uint64_t value;
    if (uio->resid < sizeof value)
        return -EINVAL;
    if (pos)
        return -ESPIPE;
    if (uio_read(uio, &value, sizeof value) != sizeof value)
        return -EFAULT;
    if (value == UINT64_MAX)
        return -EINVAL;
    spin_lock(&object->lock);
    while (value > COUNT_MAX - event->count) {
        status_t status = flags & IO_NONBLOCK
                              ? -EAGAIN
                              : wait_queue_sleep(&event->writers, &object->lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
        if (status != 0) {
            spin_unlock(&object->lock);
            return status == -EINTR ? -ERESTARTSYS : status;
        }
    }
    event->count += value;
    if (event->count > 0) {
        count_changed(object, SIGNALS_READ);
        wait_queue_wake_one_sync(&event->readers);
    }
    spin_unlock(&object->lock);
    return sizeof value;
}

void event_add(struct object *object, uint64_t value) {
    struct event *event = event_of(object);
    spin_lock(&object->lock);
    event->count = value > UINT64_MAX - event->count ? UINT64_MAX : event->count + value;
    count_changed(object, SIGNALS_READ | SIGNAL_ERROR);
    wait_queue_wake_one(&event->readers);
    spin_unlock(&object->lock);
}

static void event_destroy(struct object *object) {
    charged_free(&event_cache, event_of(object));
}

static int event_describe(struct object *object, char *to, size_t size) {
    return fmt_snprintf(to, size, "eventfd-count: %16llx\neventfd-semaphore: %d\n",
                        (unsigned long long)event_of(object)->count, event_of(object)->semaphore);
}

static int event_link_text(struct object *object, char *to, size_t size) {
    (void)object;
    return fmt_snprintf(to, size, "anon_inode:[eventfd]");
}

static const struct object_ops event_ops = {
    .type = OBJECT_EVENT,
    .name = "eventfd",
    .destroy = event_destroy,
    .read = event_read,
    .write = event_write,
    .describe = event_describe,
    .link_text = event_link_text,
};

bool object_is_event(const struct object *object) {
    return object->ops == &event_ops;
}

struct object *event_create(uint64_t count, bool semaphore) {
    struct event *event = charged_alloc(&event_cache);
    if (!event)
        return nullptr;
    event->count = count;
    event->semaphore = semaphore;
    wait_queue_init(&event->readers);
    wait_queue_init(&event->writers);
    object_init(&event->object, &event_ops, signals_of(event));
    return &event->object;
}
