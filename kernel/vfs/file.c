// SPDX-License-Identifier: MPL-2.0
// The object behind open(2): reading, writing, seeking; everything that needs a position.
//
// Contents of regular files are the vnode's VMO. Reading takes no lock but the one of the position. Writing holds the
// vnode's lock, which makes appends and size changes atomic; the size grows after the bytes are there, so no reader
// sees zeros that nobody wrote.
#include "notify_priv.h"

#include <mm/aspace.h>
#include <vfs/splice.h>

CHARGED_CACHE(file_slab, struct file);

static const loff_t position_max = INT64_MAX;

// ---------------------------------------------------------------- reading and writing contents

static ssize_t read_contents(struct file *file, struct uio *uio, loff_t position) {
    struct vnode *vnode = file->vnode;
    struct vmo *data = vnode->data;
    uint64_t size = atomic_load_explicit(&data->size, memory_order_acquire);
    if (UNLIKELY((uint64_t)position + uio->resid > INT64_MAX))
        return -EINVAL;
    if ((uint64_t)position >= size || uio->resid == 0)
        return 0;
    ssize_t done = vmo_read(data, (uint64_t)position, uio, MIN(uio->resid, size - (uint64_t)position));
    vnode_accessed(vnode, file->path.mount);
    if (done > 0)
        notify_path(&file->path, NOTIFY_ACCESS);
    return done;
}

// How much of a write of `size` bytes at `position` RLIMIT_FSIZE lets through; sends SIGXFSZ if nothing.
static ssize_t limit_write(loff_t position, size_t size) {
    if (position > position_max - (loff_t)MIN(size, (size_t)INT64_MAX))
        return -EINVAL;
    uint64_t limit = vfs_hooks && vfs_hooks->file_size_limit ? vfs_hooks->file_size_limit() : UINT64_MAX;
    if (LIKELY((uint64_t)position + size <= limit))
        return (ssize_t)size;
    if ((uint64_t)position < limit)
        return (ssize_t)(limit - (uint64_t)position);
    vfs_hooks->file_size_exceeded();
    return -EFBIG;
}

// Writing by someone without CAP_FSETID takes set-id bits away.
static void drop_set_id(struct vnode *vnode) {
    if (LIKELY(!(vnode->mode & (S_ISUID | S_ISGID))) || cred_has_cap(vfs_cred(), CAP_FSETID))
        return;
    uint32_t drop = S_ISUID | (vnode->mode & S_IXGRP ? S_ISGID : 0);
    vnode->mode &= ~drop;
}

static ssize_t write_contents(struct file *file, struct uio *uio, loff_t *position, bool append) {
    struct vnode *vnode = file->vnode;
    struct vmo *data = vnode->data;
    if (uio->resid == 0)
        return 0;
    rwlock_write(&vnode->lock);
    uint64_t size = atomic_load_explicit(&data->size, memory_order_relaxed);
    if (append)
        *position = (loff_t)size;
    ssize_t done = limit_write(*position, uio->resid);
    if (done > 0)
        done = vmo_write(data, (uint64_t)*position, uio, (size_t)done);
    if (done > 0) {
        if ((uint64_t)*position + (uint64_t)done > size) {
            status_t status = vmo_resize(data, (uint64_t)*position + (uint64_t)done);
            if (status != 0)
                done = status;
        }
        drop_set_id(vnode);
        vnode_touch(vnode);
    }
    rwlock_write_unlock(&vnode->lock);
    if (done > 0)
        notify_path(&file->path, NOTIFY_MODIFY);
    return done;
}

ssize_t file_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct file *file = to_file(object);
    if (S_ISTYPE(file->vnode->mode, S_IFDIR))
        return -EISDIR;
    bool text = file->vnode->ops->read != nullptr;
    if (!text && !file->vnode->data)
        return -EINVAL;
    if (pos && !text)
        return *pos < 0 ? -EINVAL : read_contents(file, uio, *pos);
    mutex_lock(&file->lock);
    loff_t at = pos ? *pos : file->position;
    ssize_t done = text ? file->vnode->ops->read(file->vnode, file, uio, at) : read_contents(file, uio, at);
    if (!pos && done > 0)
        file->position = at + done;
    mutex_unlock(&file->lock);
    return done;
}

static ssize_t file_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct file *file = to_file(object);
    bool append = atomic_load_explicit(&object->status_flags, memory_order_relaxed) & O_APPEND || flags & RWF_APPEND;
    if (file->vnode->ops->write) {
        mutex_lock(&file->lock);
        ssize_t done = file->vnode->ops->write(file->vnode, file, uio, pos ? *pos : file->position);
        if (!pos && done > 0)
            file->position += done;
        mutex_unlock(&file->lock);
        return done;
    }
    if (!file->vnode->data)
        return -EINVAL;
    if (pos) {
        loff_t at = *pos;
        return at < 0 ? -EINVAL : write_contents(file, uio, &at, append);
    }
    mutex_lock(&file->lock);
    loff_t at = file->position;
    ssize_t done = write_contents(file, uio, &at, append);
    if (done > 0)
        file->position = at + done;
    mutex_unlock(&file->lock);
    return done;
}

// ---------------------------------------------------------------- seeking

static loff_t seek_base(struct file *file, int whence, loff_t offset) {
    struct vmo *data = file->vnode->data;
    switch (whence) {
    case SEEK_SET:
        return 0;
    case SEEK_CUR:
        return file->position;
    case SEEK_END:
        return data ? (loff_t)atomic_load(&data->size) : 0;
    default:
        return -EINVAL;
    }
}

static loff_t seek_data(struct file *file, loff_t offset, bool data) {
    if (!file->vnode->data)
        return -EINVAL;
    if (offset < 0 || (uint64_t)offset >= atomic_load(&file->vnode->data->size))
        return -ENXIO;
    return vmo_seek(file->vnode->data, (uint64_t)offset, data);
}

static loff_t file_seek(struct object *object, loff_t offset, int whence) {
    struct file *file = to_file(object);
    mutex_lock(&file->lock);
    loff_t to;
    if (whence == SEEK_DATA || whence == SEEK_HOLE) {
        to = seek_data(file, offset, whence == SEEK_DATA);
    } else {
        to = seek_base(file, whence, offset);
        if (to >= 0 && (__builtin_add_overflow(to, offset, &to) || to < 0))
            to = -EINVAL;
    }
    if (to >= 0)
        file->position = to;
    mutex_unlock(&file->lock);
    return to;
}

status_t vfs_readdir(struct file *file, struct dir_sink *sink) {
    struct vnode *dir = file->vnode;
    if (!dir->ops->readdir)
        return -ENOTDIR;
    rwlock_read(&dir->lock);
    status_t status = dir->flags & VNODE_DEAD ? -ENOENT : dir->ops->readdir(dir, file->position, sink);
    rwlock_read_unlock(&dir->lock);
    vnode_accessed(dir, file->path.mount);
    notify_path(&file->path, NOTIFY_ACCESS);
    return status;
}

// ---------------------------------------------------------------- the other operations

static long file_ioctl(struct object *object, unsigned command, unsigned long argument) {
    struct file *file = to_file(object);
    if (command == FIONREAD && file->vnode->data) {
        mutex_lock(&file->lock);
        int64_t left = (int64_t)atomic_load(&file->vnode->data->size) - file->position;
        mutex_unlock(&file->lock);
        return put_user((int)MAX(left, 0), (int __user *)argument) == 0 ? 0 : -EFAULT;
    }
    return -ENOTTY;
}

static status_t file_map(struct object *object, struct map_request *request) {
    struct file *file = to_file(object);
    if (!file->vnode->data)
        return -ENODEV;
    if (request->flags & REGION_SHARED && !(file->access & FILE_WRITE)) {
        if (request->flags & REGION_WRITE)
            return -EACCES;
        request->flags &= ~(uint32_t)REGION_MAY_WRITE;
    }
    if (mount_flags(file->path.mount) & MS_NOEXEC) {
        if (request->flags & REGION_EXEC)
            return -EPERM;
        request->flags |= REGION_NO_EXEC;
    }
    request->vmo = file->vnode->data;
    vmo_get(request->vmo); // the caller drops it
    vnode_accessed(file->vnode, file->path.mount);
    return 0;
}

status_t file_stat(struct object *object, struct stat_info *out) {
    return vfs_stat(to_file(object)->vnode, out);
}

static status_t file_sync(struct object *object, bool data_only) {
    struct file *file = to_file(object);
    return file->vnode->ops->sync ? file->vnode->ops->sync(file->vnode) : 0;
}

// A file of /proc has no size to set: nothing happens, as on Linux, where programs empty one before they write it.
static status_t file_truncate(struct object *object, uint64_t size) {
    struct file *file = to_file(object);
    if (!S_ISTYPE(file->vnode->mode, S_IFREG) || !(file->access & FILE_WRITE))
        return -EINVAL;
    if (!file->vnode->data)
        return 0;
    status_t status = vnode_resize(file->vnode, size);
    if (status == 0)
        notify_path(&file->path, NOTIFY_MODIFY);
    return status;
}

static status_t file_set_flags(struct object *object, uint32_t flags) {
    struct file *file = to_file(object);
    if (flags & O_NOATIME && vfs_cred()->fsuid != file->vnode->uid && !cred_has_cap(vfs_cred(), CAP_FOWNER))
        return -EPERM;
    return 0;
}

int file_link_text(struct object *object, char *to, size_t size) {
    struct path root;
    fs_get_root(&root);
    const char *text = path_text(&to_file(object)->path, &root, to, size);
    path_put(&root);
    if (is_error_pointer(text))
        return pointer_status(text);
    size_t length = strlen(text);
    memmove(to, text, length + 1);
    return (int)length;
}

void file_handle_closed(struct object *object, struct task *task) {
    struct file *file = to_file(object);
    if (UNLIKELY(file->vnode->locks))
        locks_task_closed(file->vnode, task);
}

void file_closed(struct object *object) {
    struct file *file = to_file(object);
    if (!(file->access & FILE_PATH))
        notify_path(&file->path, file->access & FILE_WRITE ? NOTIFY_CLOSE_WRITE : NOTIFY_CLOSE_NOWRITE);
    if (UNLIKELY(file->vnode->locks))
        locks_file_closed(file->vnode, object);
    if (file->holds_writer) {
        file->holds_writer = false;
        vnode_put_writer(file->vnode);
    }
}

void file_destroy(struct object *object) {
    struct file *file = to_file(object);
    kfree(file->text.data);
    path_put(&file->path);
    charged_free(&file_slab, file);
}

const struct object_ops file_ops = {
    .type = OBJECT_FILE,
    .name = "file",
    .destroy = file_destroy,
    .closed = file_closed,
    .handle_closed = file_handle_closed,
    .read = file_read,
    .write = file_write,
    .seek = file_seek,
    .ioctl = file_ioctl,
    .map = file_map,
    .stat = file_stat,
    .sync = file_sync,
    .truncate = file_truncate,
    .set_flags = file_set_flags,
    .snapshot = memory_file_snapshot,
    .link_text = file_link_text,
};

// Its handle has WRITE, for the names in it.
static ssize_t directory_write(struct object *object, struct uio *data, loff_t *position, unsigned flags) {
    (void)object, (void)data, (void)position, (void)flags;
    return -EBADF;
}

const struct object_ops directory_ops = {
    .type = OBJECT_DIRECTORY,
    .name = "directory",
    .destroy = file_destroy,
    .closed = file_closed,
    .handle_closed = file_handle_closed,
    .read = file_read,
    .write = directory_write,
    .seek = file_seek,
    .ioctl = file_ioctl,
    .stat = file_stat,
    .sync = file_sync,
    .link_text = file_link_text,
};

status_t file_create(const struct path *path, uint32_t flags, struct object **out) {
    struct file *file = charged_alloc(&file_slab);
    if (!file)
        return -ENOMEM;
    struct vnode *vnode = path_vnode(path);
    static const uint8_t access[4] = {FILE_READ, FILE_WRITE, FILE_READ | FILE_WRITE, 0};
    object_init(&file->object, S_ISTYPE(vnode->mode, S_IFDIR) ? &directory_ops : &file_ops, SIGNALS_FILE);
    file->object.status_flags = flags & ~(uint32_t)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
    file->path = *path;
    file->path.withheld = 0;
    path_get(&file->path);
    file->vnode = vnode;
    file->inner = nullptr;
    file->access = flags & O_PATH ? FILE_PATH : access[flags & O_ACCMODE];
    file->withheld = 0;
    file->holds_writer = false;
    mutex_init(&file->lock);
    file->position = 0;
    file->text = (struct text_buffer){};
    file->text_made = false;
    *out = &file->object;
    return 0;
}

uint32_t file_rights(const struct file *file) {
    if (file->access & FILE_PATH)
        return ((RIGHT_DUPLICATE | RIGHT_TRANSFER) & ~file->withheld) | RIGHT_PATH;
    uint32_t rights = RIGHTS_BASIC | RIGHT_MAP | RIGHT_EXEC | RIGHT_SIGNAL | RIGHT_ADMIN;
    if (file->access & FILE_READ)
        rights |= RIGHT_READ;
    if (file->access & FILE_WRITE || file->object.ops == &directory_ops) // of a directory: to change names in it
        rights |= RIGHT_WRITE;
    return rights & ~file->withheld;
}

// Nothing can be made of an object that is neither a file nor a pipe. An end of a pipe begins with READ or WRITE.
uint32_t handle_withheld(struct object *object, uint32_t rights) {
    const uint32_t always = RIGHTS_BASIC | RIGHT_SIGNAL | RIGHT_ADMIN;
    struct file *file = file_of(object);
    if (file && LIKELY(rights == file_rights(file)))
        return file->withheld;
    if (!file && (!object_is_pipe(object) || (rights_include(rights, always) && rights & (RIGHT_READ | RIGHT_WRITE))))
        return 0;
    return RIGHTS_ALL & ~RIGHT_PATH & ~rights;
}

bool handle_place(const struct handle_ref *ref, struct path *out) {
    const struct path *path = object_path(ref->object);
    if (!path)
        return false;
    *out = *path;
    out->withheld = handle_withheld(ref->object, ref->rights);
    return true;
}

struct vnode *object_vnode(struct object *object) {
    struct file *file = file_of(object);
    return file ? file->vnode : nullptr;
}

const struct path *object_path(struct object *object) {
    struct file *file = file_of(object);
    return file ? &file->path : nullptr;
}
