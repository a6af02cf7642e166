// SPDX-License-Identifier: MPL-2.0
// read, write and their relatives; lseek.
#include "fd.h"
#include "file_vec.h"
#include "io_count.h"

// ---------------------------------------------------------------- one buffer

long sys_read(int fd, void __user *buffer, size_t size) {
    struct handle_ref ref;
    status_t status = handle_lookup(fd, RIGHT_READ, &ref);
    if (UNLIKELY(status != 0))
        return status;
    struct uio uio;
    uio_init_user(&uio, buffer, MIN(size, IO_SIZE_MAX));
    struct object *object = ref.object;
    ssize_t done =
        LIKELY(object->ops->read != nullptr) ? object->ops->read(object, &uio, nullptr, io_flags(object)) : -EINVAL;
    handle_release(&ref);
    return io_count_read(done);
}

long sys_write(int fd, const void __user *buffer, size_t size) {
    struct handle_ref ref;
    status_t status = handle_lookup(fd, RIGHT_WRITE, &ref);
    if (UNLIKELY(status != 0))
        return status;
    struct uio uio;
    uio_init_user(&uio, (void __user *)buffer, MIN(size, IO_SIZE_MAX));
    struct object *object = ref.object;
    ssize_t done =
        LIKELY(object->ops->write != nullptr) ? object->ops->write(object, &uio, nullptr, io_flags(object)) : -EINVAL;
    handle_release(&ref);
    return io_count_write(done);
}

// Positioned transfers need an object that has positions.
static bool has_positions(struct object *object) {
    return object->ops->seek != nullptr;
}

static ssize_t transfer_at(struct object *object, struct uio *uio, loff_t offset, unsigned flags, bool write) {
    if (offset < 0)
        return -EINVAL;
    if (!has_positions(object))
        return -ESPIPE;
    if (write)
        return object->ops->write ? object->ops->write(object, uio, &offset, flags) : -EINVAL;
    return object->ops->read ? object->ops->read(object, uio, &offset, flags) : -EINVAL;
}

long sys_pread64(int fd, void __user *buffer, size_t size, loff_t offset) {
    struct handle_ref ref;
    status_t status = handle_lookup(fd, RIGHT_READ, &ref);
    if (UNLIKELY(status != 0))
        return status;
    struct uio uio;
    uio_init_user(&uio, buffer, MIN(size, IO_SIZE_MAX));
    ssize_t done = transfer_at(ref.object, &uio, offset, io_flags(ref.object), false);
    handle_release(&ref);
    return io_count_read(done);
}

long sys_pwrite64(int fd, const void __user *buffer, size_t size, loff_t offset) {
    struct handle_ref ref;
    status_t status = handle_lookup(fd, RIGHT_WRITE, &ref);
    if (UNLIKELY(status != 0))
        return status;
    struct uio uio;
    uio_init_user(&uio, (void __user *)buffer, MIN(size, IO_SIZE_MAX));
    ssize_t done = transfer_at(ref.object, &uio, offset, io_flags(ref.object), true);
    handle_release(&ref);
    return io_count_write(done);
}

// ---------------------------------------------------------------- several buffers

// User's struct iovec has the layout of struct uio_vec. The total is cut at IO_SIZE_MAX.
status_t vector_get(struct vector *vector, const void __user *iov, unsigned long count) {
    static_assert(sizeof(struct uio_vec) == 16);
    vector->heap = nullptr;
    if (count > IOV_MAX)
        return -EINVAL;
    struct uio_vec *vec = vector->small;
    if (count > VECTOR_SMALL && !(vec = vector->heap = kmalloc_charged(count * sizeof *vec)))
        return -ENOMEM;
    status_t status = copy_from_user(vec, iov, count * sizeof *vec);
    size_t total = 0;
    for (unsigned long i = 0; i < count && status == 0; i++) {
        if ((ssize_t)vec[i].size < 0)
            status = -EINVAL;
        vec[i].size = MIN(vec[i].size, IO_SIZE_MAX - total);
        total += vec[i].size;
    }
    if (status != 0)
        kfree(vector->heap);
    vector->uio.vec = vec;
    vector->uio.count = (unsigned)count;
    vector->uio.kernel = false;
    vector->uio.resid = total;
    return status;
}

struct vector_call {
    int fd;
    bool write;
    bool positioned;
    loff_t offset;
    int flags; // RWF_*
};

static long transfer_vector(const struct vector_call *call, const void __user *iov, unsigned long count) {
    struct handle_ref ref;
    struct vector vector;
    if (call->flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
        return -EOPNOTSUPP;
    ssize_t done = handle_lookup(call->fd, call->write ? RIGHT_WRITE : RIGHT_READ, &ref);
    if (done != 0)
        return done;
    done = vector_get(&vector, iov, count);
    if (done != 0)
        goto release;
    struct object *object = ref.object;
    unsigned flags = io_flags(object) | (unsigned)call->flags | (call->flags & RWF_NOWAIT ? IO_NONBLOCK : 0);
    if (call->positioned)
        done = transfer_at(object, &vector.uio, call->offset, flags, call->write);
    else if (call->write)
        done = object->ops->write ? object->ops->write(object, &vector.uio, nullptr, flags) : -EINVAL;
    else
        done = object->ops->read ? object->ops->read(object, &vector.uio, nullptr, flags) : -EINVAL;
    vector_put(&vector);
release:
    handle_release(&ref);
    return call->write ? io_count_write(done) : io_count_read(done);
}

long sys_readv(int fd, const void __user *iov, unsigned long count) {
    return transfer_vector(&(struct vector_call){.fd = fd}, iov, count);
}

long sys_writev(int fd, const void __user *iov, unsigned long count) {
    return transfer_vector(&(struct vector_call){.fd = fd, .write = true}, iov, count);
}

// 64-bit ABIs pass the whole offset in `low`.
long sys_preadv(int fd, const void __user *iov, unsigned long count, unsigned long low, unsigned long high) {
    return transfer_vector(&(struct vector_call){.fd = fd, .positioned = true, .offset = (loff_t)low}, iov, count);
}

long sys_pwritev(int fd, const void __user *iov, unsigned long count, unsigned long low, unsigned long high) {
    return transfer_vector(&(struct vector_call){.fd = fd, .write = true, .positioned = true, .offset = (loff_t)low},
                           iov, count);
}

// Offset -1: the current position.
long sys_preadv2(int fd, const void __user *iov, unsigned long count, unsigned long low, unsigned long high,
                 int flags) {
    bool positioned = (loff_t)low != -1;
    return transfer_vector(&(struct vector_call){fd, false, positioned, (loff_t)low, flags}, iov, count);
}

long sys_pwritev2(int fd, const void __user *iov, unsigned long count, unsigned long low, unsigned long high,
                  int flags) {
    bool positioned = (loff_t)low != -1;
    return transfer_vector(&(struct vector_call){fd, true, positioned, (loff_t)low, flags}, iov, count);
}

// ---------------------------------------------------------------- lseek

long sys_lseek(int fd, loff_t offset, int whence) {
    struct handle_ref ref;
    status_t status = fd_get(fd, 0, &ref);
    if (status != 0)
        return status;
    struct object *object = ref.object;
    loff_t to = object->ops->seek ? object->ops->seek(object, offset, whence) : -ESPIPE;
    handle_release(&ref);
    return to;
}
