// SPDX-License-Identifier: MPL-2.0
// /dev/random, /dev/urandom and getrandom(2). The generator is seeded before the first process runs, so all three are
// the same and never block.
#include "dev_priv.h"

#include <abi/syscall_table.h>
#include <lib/log.h>
#include <lib/random.h>
#include <lib/string.h>
#include <object/object.h>
#include <object/task.h>
#include <sched/sched.h>
#include <vfs/vnode.h>

enum { GRND_NONBLOCK = 1, GRND_RANDOM = 2, GRND_INSECURE = 4 };
enum {
    RNDGETENTCNT = 0x80045200,
    RNDADDTOENTCNT = 0x40045201,
    RNDADDENTROPY = 0x40085203,
    RNDCLEARPOOL = 0x5206,
    RNDRESEEDCRNG = 0x5207
};
#define CHUNK 512

static ssize_t random_read(struct uio *uio) {
    uint8_t chunk[CHUNK];
    size_t done = 0;
    while (uio->resid > 0) {
        size_t part = MIN(uio->resid, sizeof(chunk));
        random_bytes(chunk, part);
        size_t copied = uio_write(uio, chunk, part);
        done += copied;
        if (copied < part) {
            if (done == 0)
                return -EFAULT;
            break;
        }
        // Linux: 256 bytes always come whole, more may be cut by a signal.
        sched_preempt_point();
        if (thread_is_interrupted())
            break;
    }
    memset(chunk, 0, sizeof(chunk));
    return (ssize_t)done;
}

static ssize_t device_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    return random_read(uio);
}

// Anybody may stir the pool; it can only help.
static ssize_t device_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    uint8_t chunk[CHUNK];
    size_t done = 0;
    while (uio->resid > 0) {
        size_t part = MIN(uio->resid, sizeof(chunk));
        size_t copied = uio_read(uio, chunk, part);
        random_mix(chunk, copied);
        done += copied;
        if (copied < part)
            return done > 0 ? (ssize_t)done : -EFAULT;
        sched_preempt_point();
        if (thread_is_interrupted())
            break;
    }
    return (ssize_t)done;
}

static status_t add_entropy(const int32_t __user *argument) {
    int32_t header[2]; // bits, bytes
    if (copy_from_user(header, argument, sizeof(header)) != 0)
        return -EFAULT;
    if (header[0] < 0 || header[1] < 0)
        return -EINVAL;
    struct uio uio;
    uio_init_user(&uio, (void __user *)(argument + 2), (size_t)header[1]);
    ssize_t result = device_write(nullptr, &uio, nullptr, 0);
    return result < 0 ? (status_t)result : 0;
}

static long device_ioctl(struct object *object, unsigned command, unsigned long argument) {
    bool admin = cred_has_cap(cred_current(), CAP_SYS_ADMIN);
    switch (command) {
    case RNDGETENTCNT:
        return put_user(256, (int32_t __user *)argument);
    case RNDADDENTROPY:
        return admin ? add_entropy((const int32_t __user *)argument) : -EPERM;
    case RNDADDTOENTCNT:
    case RNDCLEARPOOL: // as on Linux since 4.8: accepted, the pool keeps what it has
        return admin ? 0 : -EPERM;
    case RNDRESEEDCRNG:
        if (!admin)
            return -EPERM;
        random_mix(&command, sizeof(command));
        return 0;
    default:
        return -ENOTTY;
    }
}

static loff_t no_seek(struct object *object, loff_t offset, int whence) {
    return 0;
}
static void never_destroyed(struct object *object) {
    panic("the random device lost its last reference");
}

static const struct object_ops random_ops = {
    .type = OBJECT_FILE,
    .name = "random",
    .destroy = never_destroyed,
    .read = device_read,
    .write = device_write,
    .seek = no_seek,
    .ioctl = device_ioctl,
};
static struct object random_object; // its first reference is never dropped

static status_t device_open(const struct device_ops *device, uint32_t flags, struct object **out) {
    object_get(&random_object);
    *out = &random_object;
    return 0;
}

static const struct device_ops devices[] = {
    {.name = "random", .device = DEVICE_NUMBER(1, 8), .mode = 0666, .open = device_open},
    {.name = "urandom", .device = DEVICE_NUMBER(1, 9), .mode = 0666, .open = device_open},
};

void random_device_init(void) {
    object_init(&random_object, &random_ops, SIGNALS_READ | SIGNALS_WRITE);
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        status_t status = device_register(&devices[i]);
        if (status != 0)
            klog(LOG_ERROR, "/dev/%s: error %d", devices[i].name, -status);
    }
}

long sys_getrandom(void __user *buffer, size_t size, unsigned flags) {
    if (flags & ~(unsigned)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    if ((flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
        return -EINVAL;
    struct uio uio;
    uio_init_user(&uio, buffer, MIN(size, (size_t)INT32_MAX));
    return random_read(&uio);
}
