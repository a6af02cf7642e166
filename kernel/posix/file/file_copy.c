// SPDX-License-Identifier: MPL-2.0
// Copying between descriptors in the kernel: sendfile, copy_file_range, splice, tee, vmsplice.
#include "fd.h"
#include "file_vec.h"
#include "io_count.h"

#include <sched/sched.h>
#include <vfs/splice.h>

enum { COPY_BUFFER = 64 * 1024 };

// Two descriptors: one to read from, one to write to.
struct copy {
    struct handle_ref in, out;
};

static status_t copy_get(struct copy *copy, int in, int out) {
    status_t status = fd_get(in, RIGHT_READ, &copy->in);
    if (status != 0)
        return status;
    status = fd_get(out, RIGHT_WRITE, &copy->out);
    if (status == 0 && !writes_data(&copy->out)) {
        handle_release(&copy->out);
        status = -EBADF;
    }
    if (status != 0)
        handle_release(&copy->in);
    return status;
}

static void copy_put(struct copy *copy) {
    handle_release(&copy->in);
    handle_release(&copy->out);
}

static status_t get_offset(loff_t *offset, const loff_t __user *user) {
    if (!user)
        return 0;
    if (get_user(*offset, user) != 0)
        return -EFAULT;
    return *offset < 0 ? -EINVAL : 0;
}

// Reads at *in_at and writes at *out_at (null: the object's own position), and advances both by what was written.
static ssize_t copy_piece(struct copy *copy, loff_t *in_at, loff_t *out_at, void *buffer, size_t size) {
    struct object *in = copy->in.object, *out = copy->out.object;
    struct uio uio;
    uio_init_kernel(&uio, buffer, size);
    ssize_t got = io_count_read(in->ops->read(in, &uio, in_at, 0));
    if (got <= 0)
        return got;
    uio_init_kernel(&uio, buffer, (size_t)got);
    ssize_t done = io_count_write(out->ops->write(out, &uio, out_at, io_flags(out)));
    if (done > 0) {
        *in_at += done;
        if (out_at)
            *out_at += done;
    }
    return done;
}

static ssize_t copy_all(struct copy *copy, loff_t *in_at, loff_t *out_at, size_t size) {
    size_t piece = MIN(size, (size_t)COPY_BUFFER), total = 0;
    ssize_t done = 0;
    if (size == 0)
        return 0;
    void *buffer = kmalloc_charged(piece);
    if (!buffer)
        return -ENOMEM;
    while (total < size) {
        done = copy_piece(copy, in_at, out_at, buffer, MIN(piece, size - total));
        if (done <= 0)
            break;
        total += (size_t)done;
        if (thread_is_interrupted())
            break;
        sched_preempt_point();
    }
    kfree(buffer);
    return total ? (ssize_t)total : done;
}

// Without an offset of the user's the file's own position counts, and moves.
static loff_t position_of(struct object *object) {
    return object->ops->seek(object, 0, SEEK_CUR);
}
static void set_position(struct object *object, loff_t position) {
    object->ops->seek(object, position, SEEK_SET);
}

long sys_sendfile(int out, int in, loff_t __user *user_offset, size_t count) {
    struct copy copy;
    loff_t offset = 0;
    long result = get_offset(&offset, user_offset);
    if (result == 0)
        result = copy_get(&copy, in, out);
    if (result != 0)
        return result;
    struct object *source = copy.in.object;
    result = -EINVAL;
    if (!source->ops->read || !source->ops->seek || !copy.out.object->ops->write)
        goto put;
    if (atomic_load(&copy.out.object->status_flags) & O_APPEND)
        goto put;
    if (!user_offset) {
        result = offset = position_of(source);
        if (result < 0)
            goto put;
    }
    result = copy_all(&copy, &offset, nullptr, MIN(count, IO_SIZE_MAX));
    if (result > 0 && !user_offset)
        set_position(source, offset);
    else if (result >= 0 && user_offset && put_user(offset, user_offset) != 0)
        result = -EFAULT;
put:
    copy_put(&copy);
    return result;
}

// ---------------------------------------------------------------- copy_file_range

static status_t check_range(struct copy *copy, loff_t in_at, loff_t out_at, size_t size) {
    struct file *in = file_of(copy->in.object), *out = file_of(copy->out.object);
    if (!in || !out)
        return -EINVAL;
    if (S_ISTYPE(in->vnode->mode, S_IFDIR) || S_ISTYPE(out->vnode->mode, S_IFDIR))
        return -EISDIR;
    if (!in->vnode->data || !out->vnode->data)
        return -EINVAL;
    if (atomic_load(&out->object.status_flags) & O_APPEND)
        return -EBADF;
    bool overlap = in->vnode == out->vnode && in_at < out_at + (loff_t)size && out_at < in_at + (loff_t)size;
    return overlap ? -EINVAL : 0;
}

static long copy_range(struct copy *copy, loff_t __user *in_user, loff_t __user *out_user, size_t size) {
    loff_t in_at = 0, out_at = 0;
    long result = get_offset(&in_at, in_user);
    if (result == 0)
        result = get_offset(&out_at, out_user);
    if (result == 0)
        result = check_range(copy, in_at, out_at, 0);
    if (result != 0)
        return result;
    if (!in_user)
        in_at = position_of(copy->in.object);
    if (!out_user)
        out_at = position_of(copy->out.object);
    result = check_range(copy, in_at, out_at, size);
    if (result == 0)
        result = copy_all(copy, &in_at, &out_at, size);
    if (result <= 0)
        return result;
    if (!in_user)
        set_position(copy->in.object, in_at);
    else if (put_user(in_at, in_user) != 0)
        return -EFAULT;
    if (!out_user)
        set_position(copy->out.object, out_at);
    else if (put_user(out_at, out_user) != 0)
        return -EFAULT;
    return result;
}

long sys_copy_file_range(int in, loff_t __user *in_offset, int out, loff_t __user *out_offset, size_t size,
                         unsigned flags) {
    struct copy copy;
    if (flags != 0)
        return -EINVAL;
    status_t status = copy_get(&copy, in, out);
    if (status != 0)
        return status;
    long result = copy_range(&copy, in_offset, out_offset, MIN(size, IO_SIZE_MAX));
    copy_put(&copy);
    return result;
}

// ---------------------------------------------------------------- splice, tee, vmsplice

static unsigned splice_io_flags(struct object *object, unsigned flags) {
    return io_flags(object) | (flags & SPLICE_NONBLOCK && object_is_pipe(object) ? IO_NONBLOCK : 0);
}

static long splice_at(const struct copy *copy, loff_t __user *in_user, loff_t __user *out_user, size_t size,
                      unsigned flags) {
    loff_t in_at = 0, out_at = 0;
    struct object *in = copy->in.object, *out = copy->out.object;
    bool in_pipe = object_is_pipe(in), out_pipe = object_is_pipe(out);
    if (!in_pipe && !out_pipe)
        return -EINVAL;
    if ((in_pipe && in_user) || (out_pipe && out_user))
        return -ESPIPE;
    if (!out_pipe && atomic_load(&out->status_flags) & O_APPEND)
        return -EINVAL;
    long result = get_offset(&in_at, in_user);
    if (result == 0)
        result = get_offset(&out_at, out_user);
    if (result != 0)
        return result;
    struct splice_request request = {
        .in = in,
        .out = out,
        .in_offset = in_user ? &in_at : nullptr,
        .out_offset = out_user ? &out_at : nullptr,
        .size = MIN(size, IO_SIZE_MAX),
        .in_flags = splice_io_flags(in, flags),
        .out_flags = splice_io_flags(out, flags),
    };
    result = pipe_splice(&request);
    if (result > 0 && in_user && put_user(in_at, in_user) != 0)
        return -EFAULT;
    if (result > 0 && out_user && put_user(out_at, out_user) != 0)
        return -EFAULT;
    return result;
}

static const unsigned splice_flags = SPLICE_MOVE | SPLICE_NONBLOCK | SPLICE_MORE | SPLICE_GIFT;

long sys_splice(int in, loff_t __user *in_offset, int out, loff_t __user *out_offset, size_t size, unsigned flags) {
    struct copy copy;
    if (size == 0)
        return 0;
    if (flags & ~splice_flags)
        return -EINVAL;
    status_t status = copy_get(&copy, in, out);
    if (status != 0)
        return status;
    long result = splice_at(&copy, in_offset, out_offset, size, flags);
    copy_put(&copy);
    return result;
}

long sys_tee(int in, int out, size_t size, unsigned flags) {
    struct copy copy;
    if (flags & ~splice_flags)
        return -EINVAL;
    if (size == 0)
        return 0;
    status_t status = copy_get(&copy, in, out);
    if (status != 0)
        return status;
    struct splice_request request = {
        .in = copy.in.object,
        .out = copy.out.object,
        .size = MIN(size, IO_SIZE_MAX),
        .in_flags = splice_io_flags(copy.in.object, flags),
        .out_flags = splice_io_flags(copy.out.object, flags),
    };
    long result = pipe_tee(&request);
    copy_put(&copy);
    return result;
}

// Into a pipe like writev, out of one like readv: by copying, which the interface allows.
long sys_vmsplice(int fd, const void __user *iov, unsigned long count, unsigned flags) {
    struct handle_ref ref;
    struct vector vector;
    if (flags & ~splice_flags)
        return -EINVAL;
    long result = fd_get(fd, 0, &ref);
    if (result != 0)
        return result;
    struct object *object = ref.object;
    unsigned io = splice_io_flags(object, flags);
    result = object_is_pipe(object) ? vector_get(&vector, iov, count) : -EBADF;
    if (result != 0)
        goto release;
    if (ref.rights & RIGHT_WRITE)
        result = object->ops->write(object, &vector.uio, nullptr, io);
    else
        result = object->ops->read(object, &vector.uio, nullptr, io);
    vector_put(&vector);
release:
    handle_release(&ref);
    return result;
}
