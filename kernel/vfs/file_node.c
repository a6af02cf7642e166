// SPDX-License-Identifier: MPL-2.0
// Open nodes: files with the object of a device or a FIFO end behind them. The file knows the path and the flags;
// everything else is the inner object's. The file counts as one handle of it, so that the object learns when it is
// closed.
#include "vfs_priv.h"

ALWAYS_INLINE struct object *inner_of(struct object *object) {
    return to_file(object)->inner;
}

static ssize_t node_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct object *inner = inner_of(object);
    return inner->ops->read ? inner->ops->read(inner, uio, pos, flags) : file_read(object, uio, pos, flags);
}

static ssize_t node_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct object *inner = inner_of(object);
    return inner->ops->write ? inner->ops->write(inner, uio, pos, flags) : -EINVAL;
}

static loff_t node_seek(struct object *object, loff_t offset, int whence) {
    struct object *inner = inner_of(object);
    return inner->ops->seek ? inner->ops->seek(inner, offset, whence) : -ESPIPE;
}

static long node_ioctl(struct object *object, unsigned command, unsigned long argument) {
    struct object *inner = inner_of(object);
    return inner->ops->ioctl ? inner->ops->ioctl(inner, command, argument) : -ENOTTY;
}

static uint32_t node_ioctl_rights(struct object *object, unsigned command) {
    struct object *inner = inner_of(object);
    return inner->ops->ioctl_rights ? inner->ops->ioctl_rights(inner, command) : 0;
}

static status_t node_map(struct object *object, struct map_request *request) {
    struct object *inner = inner_of(object);
    return inner->ops->map ? inner->ops->map(inner, request) : -ENODEV;
}

static status_t node_sync(struct object *object, bool data_only) {
    struct object *inner = inner_of(object);
    return inner->ops->sync ? inner->ops->sync(inner, data_only) : -EINVAL;
}

static status_t node_set_flags(struct object *object, uint32_t flags) {
    struct object *inner = inner_of(object);
    return inner->ops->set_flags ? inner->ops->set_flags(inner, flags) : 0;
}

static struct object *node_wait_target(struct object *object) {
    return object_wait_target(inner_of(object));
}

static int node_describe(struct object *object, char *to, size_t size) {
    struct object *inner = inner_of(object);
    return inner->ops->describe ? inner->ops->describe(inner, to, size) : 0;
}

static int node_async_owner(struct object *object) {
    struct object *inner = inner_of(object);
    return inner->ops->async_owner ? inner->ops->async_owner(inner) : OBJECT_ASYNC_NEVER;
}

static void node_handle_closed(struct object *object, struct task *task) {
    struct object *inner = inner_of(object);
    file_handle_closed(object, task);
    if (inner->ops->handle_closed)
        inner->ops->handle_closed(inner, task);
}

static void node_closed(struct object *object) {
    file_closed(object);
    object_handle_release(inner_of(object)); // our reference stays until destroy, for callers that still use it
}

static void node_destroy(struct object *object) {
    object_put(inner_of(object));
    file_destroy(object);
}

const struct object_ops node_file_ops = {
    .type = OBJECT_FILE,
    .name = "node",
    .destroy = node_destroy,
    .closed = node_closed,
    .handle_closed = node_handle_closed,
    .read = node_read,
    .write = node_write,
    .seek = node_seek,
    .ioctl = node_ioctl,
    .ioctl_rights = node_ioctl_rights,
    .map = node_map,
    .stat = file_stat,
    .sync = node_sync,
    .set_flags = node_set_flags,
    .wait_target = node_wait_target,
    .describe = node_describe,
    .link_text = file_link_text,
    .async_owner = node_async_owner,
};

void file_set_inner(struct file *file, struct object *inner) {
    file->object.ops = &node_file_ops;
    file->inner = inner;
    object_handle_acquire(inner);
}
