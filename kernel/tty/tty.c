// SPDX-License-Identifier: MPL-2.0
// Terminals: making, opening, closing.
//
// A terminal lives as long as someone has a reference: its driver, each open file, and briefly whoever signals it.
// Its memory is freed after an RCU grace period, because a session names its terminal by a plain pointer
// (tty_controlling takes a reference under RCU, or fails).
#include "tty_priv.h"

#include <abi/fcntl.h>
#include <lib/log.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <object/task.h>

const struct tty_job_ops *tty_job_ops;

struct tty *tty_alloc(const struct tty_driver *driver, void *context, uint32_t device) {
    struct tty *tty = kzalloc(sizeof(*tty));
    if (!tty)
        return nullptr;
    refcount_init(&tty->ref, 1);
    tty->driver = driver;
    tty->context = context;
    tty->device = device;
    spin_init(&tty->lock);
    spin_lock(&tty->lock);
    line_init(&tty->line);
    list_init(&tty->files);
    spin_unlock(&tty->lock);
    wait_queue_init(&tty->readers);
    wait_queue_init(&tty->writers);
    return tty;
}

static void reclaim(struct rcu_head *head) {
    kfree(CONTAINER_OF(head, struct tty, rcu));
}

void tty_get(struct tty *tty) {
    refcount_up(&tty->ref);
}

void tty_put(struct tty *tty) {
    if (refcount_down(&tty->ref))
        rcu_call(&tty->rcu, reclaim);
}

void *tty_context(struct tty *tty) {
    return tty->context;
}
uint32_t tty_device(struct tty *tty) {
    return tty->device;
}
const struct abi_termios2 *tty_termios(struct tty *tty) NO_THREAD_SAFETY {
    return &tty->line.termios;
}

static status_t open_node(const struct device_ops *node, uint32_t flags, struct object **out) {
    return tty_open(node->context, flags, false, out);
}

status_t tty_create(const struct tty_driver *driver, void *context, const char *name, uint32_t device,
                    struct tty **out) {
    struct tty *tty = tty_alloc(driver, context, device);
    if (!tty)
        return -ENOMEM;
    string_copy(tty->name, name, sizeof(tty->name));
    spin_lock(&tty->lock);
    tty->line.termios.cflag = B115200 | CS8 | CREAD | HUPCL | CLOCAL;
    tty->line.termios.ispeed = tty->line.termios.ospeed = 115200;
    spin_unlock(&tty->lock);
    tty->node =
        (struct device_ops){.name = tty->name, .device = device, .mode = 0620, .open = open_node, .context = tty};
    status_t status = device_register(&tty->node);
    if (status != 0) {
        tty_put(tty);
        return status;
    }
    *out = tty;
    return 0;
}

static void file_closed(struct object *object) {
    struct tty_file *file = CONTAINER_OF(object, struct tty_file, object);
    struct tty *tty = file->tty;
    file->closed = true;
    spin_lock(&tty->lock);
    list_remove(&file->node);
    bool last = --tty->open_count == 0;
    if (last)
        tty->exclusive = false;
    if (tty->driver->closed)
        tty->driver->closed(tty, last);
    spin_unlock(&tty->lock);
}

// An object that never got a handle (no room in the table) was never closed.
static void file_destroy(struct object *object) {
    struct tty_file *file = CONTAINER_OF(object, struct tty_file, object);
    if (!file->closed)
        file_closed(object);
    tty_put(file->tty);
    kfree(file);
}

// The foreground group, if there is one.
static int file_async_owner(struct object *object) {
    return -MAX(tty_foreground_group(CONTAINER_OF(object, struct tty_file, object)->tty), 0);
}

const struct object_ops tty_file_ops = {
    .type = OBJECT_STREAM,
    .name = "tty",
    .destroy = file_destroy,
    .closed = file_closed,
    .read = tty_file_read,
    .write = tty_file_write,
    .ioctl = tty_file_ioctl,
    .async_owner = file_async_owner,
};

status_t tty_open(struct tty *tty, uint32_t flags, bool console, struct object **out) {
    struct tty_file *file = kzalloc_charged(sizeof(*file));
    if (!file)
        return -ENOMEM;
    object_init(&file->object, &tty_file_ops, 0);
    file->tty = tty;
    file->console = console;
    file->readable = (flags & O_ACCMODE) != O_WRONLY;
    tty_get(tty);
    spin_lock(&tty->lock);
    status_t status = tty->carrier_lost                                                ? -EIO
                      : tty->exclusive && !cred_has_cap(cred_current(), CAP_SYS_ADMIN) ? -EBUSY
                                                                                       : 0;
    if (status == 0) {
        list_push_back(&tty->files, &file->node);
        bool first = tty->open_count++ == 0;
        if (tty->driver->opened)
            tty->driver->opened(tty, first);
        tty_update_signals_locked(tty);
    } else {
        list_init(&file->node);
    }
    spin_unlock(&tty->lock);
    if (status != 0) {
        tty_put(tty);
        kfree(file);
        return status;
    }
    tty_acquire_at_open(file, flags);
    *out = &file->object;
    return 0;
}

void tty_init(void) {
    console_init();
    pty_init();
}
