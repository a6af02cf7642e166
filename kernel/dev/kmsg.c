// SPDX-License-Identifier: MPL-2.0
// /dev/kmsg: the log as records to read, one a read, and lines to write into it.
//
// Each open has its own position. klog runs in any context, so it cannot wake readers itself: it raises a dpc, which
// makes all open objects readable. A reader that has caught up takes the signal down and looks once more, so that a
// record that came in between is not missed.
#include "dev_priv.h"

#include <abi/fcntl.h>
#include <lib/fmt.h>
#include <lib/log.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <object/object.h>
#include <sched/dpc.h>
#include <vfs/vnode.h>

struct kmsg_reader {
    struct object object;  // its lock protects what follows
    struct list_node node; // kmsg.readers
    uint64_t position;     // number of the next record to be read
};

static void wake_readers(struct dpc *dpc);

static struct {
    struct spinlock lock;
    struct list_node readers GUARDED_BY(&lock);
    _Atomic bool ready;        // dpcs may be raised
    _Atomic uint64_t cleared;  // SYSLOG_ACTION_CLEAR and SEEK_DATA: first record after the last clear
    struct wait_queue waiters; // of kmsg_wait; under lock
    struct dpc dpc;
} kmsg = {.readers = LIST_INIT(kmsg.readers), .waiters = WAIT_QUEUE_INIT(kmsg.waiters), .dpc = DPC_INIT(wake_readers)};

static void wake_readers(struct dpc *dpc) {
    spin_lock(&kmsg.lock);
    struct kmsg_reader *reader;
    LIST_FOR_EACH(reader, &kmsg.readers, node)
    object_signal(&reader->object, 0, SIGNALS_READ);
    wait_queue_wake_all(&kmsg.waiters);
    spin_unlock(&kmsg.lock);
}

status_t kmsg_wait(uint64_t number) {
    struct klog_record record;
    status_t status = 0;
    spin_lock(&kmsg.lock);
    while (status == 0 && klog_ring_get(&klog_ring, number, &record) == KLOG_EMPTY)
        status = wait_queue_sleep(&kmsg.waiters, &kmsg.lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
    spin_unlock(&kmsg.lock);
    return status == -EINTR ? -ERESTARTSYS : status;
}

void kmsg_notify(void) {
    if (atomic_load_explicit(&kmsg.ready, memory_order_acquire))
        dpc_raise(&kmsg.dpc);
}

uint64_t kmsg_cleared(void) {
    return atomic_load_explicit(&kmsg.cleared, memory_order_relaxed);
}

void kmsg_clear(void) {
    atomic_store_explicit(&kmsg.cleared, atomic_load_explicit(&klog_ring.next, memory_order_relaxed),
                          memory_order_relaxed);
}

// Takes the next record. -EAGAIN: none yet. -EPIPE: some were overwritten; the position is now at the oldest.
static status_t take_record(struct kmsg_reader *reader, struct klog_record *record) {
    spin_lock(&reader->object.lock);
    enum klog_read result = klog_ring_get(&klog_ring, reader->position, record);
    if (result == KLOG_EMPTY) {
        object_signal_locked(&reader->object, SIGNALS_READ, 0);
        result = klog_ring_get(&klog_ring, reader->position, record);
    }
    status_t status = 0;
    if (result == KLOG_EMPTY) {
        status = -EAGAIN;
    } else if (result == KLOG_LOST) {
        reader->position = MAX(reader->position + 1, klog_ring_oldest(&klog_ring));
        object_signal_locked(&reader->object, 0, SIGNALS_READ);
        status = -EPIPE;
    } else {
        reader->position++;
        object_signal_locked(&reader->object, 0, SIGNALS_READ);
    }
    spin_unlock(&reader->object.lock);
    return status;
}

static void unread_record(struct kmsg_reader *reader, uint64_t number) {
    spin_lock(&reader->object.lock);
    reader->position = number;
    spin_unlock(&reader->object.lock);
}

static ssize_t kmsg_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct kmsg_reader *reader = CONTAINER_OF(object, struct kmsg_reader, object);
    struct klog_record record;
    status_t status;
    while ((status = take_record(reader, &record)) == -EAGAIN) {
        if (flags & IO_NONBLOCK)
            return -EAGAIN;
        uint32_t signals;
        status = object_wait(object, SIGNALS_READ, 0, NSEC_NEVER, &signals);
        if (status != 0)
            return status == -EINTR ? -ERESTARTSYS : status;
    }
    if (status != 0)
        return status;
    char line[KLOG_TEXT_MAX * 4 + 64];
    int length = fmt_snprintf(line, sizeof(line), "%u,%llu,%lld,-;", record.level, (unsigned long long)record.number,
                              (long long)record.time / 1000);
    for (unsigned i = 0; i < record.length; i++) {
        uint8_t c = (uint8_t)record.text[i];
        if (c < ' ' || c >= 127 || c == '\\')
            length += fmt_snprintf(line + length, 5, "\\x%02x", c);
        else
            line[length++] = (char)c;
    }
    line[length++] = '\n';
    if (uio->resid < (size_t)length) {
        unread_record(reader, record.number);
        return -EINVAL;
    }
    return uio_write(uio, line, (size_t)length) == (size_t)length ? length : -EFAULT;
}

// "<N>text": N is facility * 8 + level; without it, a notice of the user facility. A final newline is dropped.
static ssize_t kmsg_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    char text[1024];
    size_t size = uio->resid;
    if (size > sizeof(text) - 1)
        return -EINVAL;
    if (uio_read(uio, text, size) != size)
        return -EFAULT;
    text[size] = '\0';
    char *start = text;
    unsigned level = LOG_NOTICE;
    if (start[0] == '<') {
        char *end = strchr(start, '>');
        uint64_t number;
        if (end) {
            *end = '\0';
            if (string_to_u64(start + 1, 10, &number) && number < 192) {
                level = number & 7;
                start = end + 1;
            } else {
                *end = '>';
            }
        }
    }
    size_t length = strlen(start);
    if (length > 0 && start[length - 1] == '\n')
        start[length - 1] = '\0';
    klog((enum log_level)level, "%s", start);
    return (ssize_t)size;
}

static loff_t kmsg_seek(struct object *object, loff_t offset, int whence) {
    struct kmsg_reader *reader = CONTAINER_OF(object, struct kmsg_reader, object);
    if (offset != 0)
        return -ESPIPE;
    uint64_t position;
    switch (whence) {
    case SEEK_SET:
        position = klog_ring_oldest(&klog_ring);
        break;
    case SEEK_DATA:
        position = MAX(kmsg_cleared(), klog_ring_oldest(&klog_ring));
        break;
    case SEEK_END:
        position = atomic_load_explicit(&klog_ring.next, memory_order_relaxed);
        break;
    default:
        return -EINVAL;
    }
    unread_record(reader, position);
    object_signal(object, 0, SIGNALS_READ); // a read finds out whether that is true
    return 0;
}

static void kmsg_destroy(struct object *object) {
    struct kmsg_reader *reader = CONTAINER_OF(object, struct kmsg_reader, object);
    spin_lock(&kmsg.lock);
    list_remove(&reader->node);
    spin_unlock(&kmsg.lock);
    kfree(reader);
}

static const struct object_ops kmsg_ops = {
    .type = OBJECT_LOG,
    .name = "kmsg",
    .destroy = kmsg_destroy,
    .read = kmsg_read,
    .write = kmsg_write,
    .seek = kmsg_seek,
};

static status_t kmsg_open(const struct device_ops *device, uint32_t flags, struct object **out) {
    struct kmsg_reader *reader = kzalloc_charged(sizeof(*reader));
    if (!reader)
        return -ENOMEM;
    object_init(&reader->object, &kmsg_ops, SIGNALS_READ | SIGNALS_WRITE);
    reader->position = klog_ring_oldest(&klog_ring);
    spin_lock(&kmsg.lock);
    list_push_back(&kmsg.readers, &reader->node);
    spin_unlock(&kmsg.lock);
    *out = &reader->object;
    return 0;
}

static const struct device_ops kmsg_device = {
    .name = "kmsg", .device = DEVICE_NUMBER(1, 11), .mode = 0644, .open = kmsg_open};

void kmsg_init(void) {
    status_t status = device_register(&kmsg_device);
    if (status != 0)
        klog(LOG_ERROR, "/dev/kmsg: error %d", -status);
    atomic_store_explicit(&kmsg.ready, true, memory_order_release);
}
