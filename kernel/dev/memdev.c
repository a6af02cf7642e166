// SPDX-License-Identifier: MPL-2.0
// /dev/null, /dev/zero, /dev/full. They have no state, so each is one object for all who open it.
#include "dev_priv.h"

#include <lib/log.h>
#include <mm/aspace.h>
#include <object/object.h>
#include <sched/sched.h>
#include <vfs/vnode.h>

static ssize_t null_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    return 0;
}

static ssize_t null_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    return (ssize_t)uio->resid;
}

static ssize_t zero_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    size_t done = 0;
    while (uio->resid > 0) {
        size_t part = MIN(uio->resid, 16 * PAGE_SIZE);
        size_t copied = uio_write_zeros(uio, part);
        done += copied;
        if (copied < part)
            return done > 0 ? (ssize_t)done : -EFAULT;
        if (uio->resid > 0) {
            sched_preempt_point();
            if (thread_is_interrupted())
                break;
        }
    }
    return (ssize_t)done;
}

static ssize_t full_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    return -ENOSPC;
}

// These devices have no position; a seek succeeds and stays at the start.
static loff_t no_seek(struct object *object, loff_t offset, int whence) {
    return 0;
}

// A private mapping is ordinary anonymous memory; a shared one needs pages that fork's children share.
static status_t zero_map(struct object *object, struct map_request *request) {
    if (!(request->flags & REGION_SHARED))
        return 0;
    request->vmo = vmo_create(request->size);
    request->offset = 0;
    return request->vmo ? 0 : -ENOMEM;
}

static void never_destroyed(struct object *object) {
    panic("a memory device lost its last reference");
}

#define MEMORY_DEVICE_SIGNALS (SIGNALS_READ | SIGNALS_WRITE)

static const struct object_ops null_ops = {
    .type = OBJECT_FILE,
    .name = "null",
    .destroy = never_destroyed,
    .read = null_read,
    .write = null_write,
    .seek = no_seek,
};
static const struct object_ops zero_ops = {
    .type = OBJECT_FILE,
    .name = "zero",
    .destroy = never_destroyed,
    .read = zero_read,
    .write = null_write,
    .seek = no_seek,
    .map = zero_map,
};
static const struct object_ops full_ops = {
    .type = OBJECT_FILE,
    .name = "full",
    .destroy = never_destroyed,
    .read = zero_read,
    .write = full_write,
    .seek = no_seek,
    .map = zero_map,
};

// The first reference of each object is never dropped.
static struct object null_object, zero_object, full_object;

static status_t open_shared(const struct device_ops *device, uint32_t flags, struct object **out) {
    struct object *object = device->context;
    object_get(object);
    *out = object;
    return 0;
}

static const struct device_ops devices[] = {
    {.name = "null", .device = DEVICE_NUMBER(1, 3), .mode = 0666, .open = open_shared, .context = &null_object},
    {.name = "zero", .device = DEVICE_NUMBER(1, 5), .mode = 0666, .open = open_shared, .context = &zero_object},
    {.name = "full", .device = DEVICE_NUMBER(1, 7), .mode = 0666, .open = open_shared, .context = &full_object},
};

void memdev_init(void) {
    object_init(&null_object, &null_ops, MEMORY_DEVICE_SIGNALS);
    object_init(&zero_object, &zero_ops, MEMORY_DEVICE_SIGNALS);
    object_init(&full_object, &full_ops, MEMORY_DEVICE_SIGNALS);
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        status_t status = device_register(&devices[i]);
        if (status != 0)
            klog(LOG_ERROR, "/dev/%s: error %d", devices[i].name, -status);
    }
}
