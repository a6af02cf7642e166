// SPDX-License-Identifier: MPL-2.0
// The handle to a paged memory object: mmap, read, write, lseek, fstat, fsync. Its size is the pager's affair.
#include "pager_priv.h"

#include <abi/fcntl.h>
#include <abi/stat.h>
#include <lib/fmt.h>
#include <mm/aspace.h>
#include <mm/charged.h>
#include <object/stat.h>

#define VMO_RIGHTS (RIGHTS_READ_WRITE | RIGHT_EXEC | RIGHT_SIGNAL)

struct vmo_handle {
    struct object object;    // first
    struct vmo *vmo;         // one reference
    _Atomic loff_t position; // of read and write; of several at once, the last one counts
};
CHARGED_CACHE(vmo_handle_cache, struct vmo_handle);

static struct vmo *vmo_of(struct object *object) {
    return ((struct vmo_handle *)object)->vmo;
}

static uint64_t size_of(struct object *object) {
    return atomic_load_explicit(&vmo_of(object)->size, memory_order_relaxed);
}

static _Atomic loff_t *position_of(struct object *object) {
    return &((struct vmo_handle *)object)->position;
}

typedef ssize_t transfer(struct vmo *vmo, uint64_t offset, struct uio *uio, size_t size);

// What of it lies in the object; `end` is the result at its end, and if it was cut meanwhile.
static ssize_t transfer_part(struct object *object, struct uio *uio, loff_t *pos, transfer *transfer, ssize_t end) {
    uint64_t at = (uint64_t)(pos ? *pos : atomic_load_explicit(position_of(object), memory_order_relaxed));
    uint64_t size = size_of(object);
    if (uio->resid == 0)
        return 0;
    if (at >= size)
        return end;
    ssize_t done = transfer(vmo_of(object), at, uio, MIN(size - at, uio->resid));
    if (done > 0 && pos)
        *pos += done;
    else if (done > 0)
        atomic_store_explicit(position_of(object), (loff_t)at + done, memory_order_relaxed);
    return done == -ENXIO ? end : done;
}

static ssize_t vmo_handle_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    (void)flags;
    return transfer_part(object, uio, pos, vmo_read, 0);
}

static ssize_t vmo_handle_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    (void)flags;
    return transfer_part(object, uio, pos, vmo_write, -ENOSPC);
}

static loff_t vmo_handle_seek(struct object *object, loff_t offset, int whence) {
    loff_t from = whence == SEEK_SET   ? 0
                  : whence == SEEK_CUR ? atomic_load_explicit(position_of(object), memory_order_relaxed)
                  : whence == SEEK_END ? (loff_t)size_of(object)
                                       : -1;
    loff_t to;
    if (from < 0 || __builtin_add_overflow(from, offset, &to) || to < 0)
        return -EINVAL;
    atomic_store_explicit(position_of(object), to, memory_order_relaxed);
    return to;
}

static status_t vmo_handle_map(struct object *object, struct map_request *request) {
    request->vmo = vmo_of(object);
    vmo_get(request->vmo);
    return 0;
}

static status_t vmo_handle_stat(struct object *object, struct stat_info *out) {
    struct vmo *vmo = vmo_of(object);
    *out = (struct stat_info){.inode = source_of(vmo)->key,
                              .size = size_of(object),
                              .blocks = atomic_load_explicit(&vmo->resident, memory_order_relaxed) * (PAGE_SIZE / 512),
                              .mode = S_IFREG | 0600,
                              .links = 1,
                              .block_size = PAGE_SIZE};
    return 0;
}

static status_t vmo_handle_sync(struct object *object, bool data_only) {
    (void)data_only;
    return vmo_sync(vmo_of(object), 0, INT64_MAX);
}

static int vmo_handle_describe(struct object *object, char *to, size_t size) {
    struct vmo *vmo = vmo_of(object);
    return fmt_snprintf(to, size, "pager:\t%llu\nkey:\t%llx\nsize:\t%llu\nresident:\t%llu\n",
                        (unsigned long long)source_of(vmo)->pager->object.id, (unsigned long long)source_of(vmo)->key,
                        (unsigned long long)vmo->size, (unsigned long long)vmo->resident << PAGE_SHIFT);
}

static void vmo_handle_destroy(struct object *object) {
    struct vmo *vmo = vmo_of(object);
    atomic_fetch_sub_explicit(&source_of(vmo)->users, 1, memory_order_relaxed);
    vmo_put(vmo);
    charged_free(&vmo_handle_cache, (struct vmo_handle *)object);
}

static const struct object_ops vmo_handle_ops = {
    .type = OBJECT_VMO,
    .name = "vmo",
    .destroy = vmo_handle_destroy,
    .read = vmo_handle_read,
    .write = vmo_handle_write,
    .seek = vmo_handle_seek,
    .map = vmo_handle_map,
    .stat = vmo_handle_stat,
    .sync = vmo_handle_sync,
    .describe = vmo_handle_describe,
};

long vmo_handle_install(struct vmo *vmo) {
    struct vmo_handle *handle = charged_alloc_zero(&vmo_handle_cache);
    if (!handle)
        return -ENOMEM;
    object_init(&handle->object, &vmo_handle_ops, SIGNALS_FILE);
    handle->object.status_flags = O_RDWR;
    handle->vmo = vmo;
    vmo_get(vmo);
    atomic_fetch_add_explicit(&source_of(vmo)->users, 1, memory_order_relaxed);
    int number = handle_install(&handle->object, VMO_RIGHTS, HANDLE_CLOEXEC);
    if (number < 0)
        object_put(&handle->object);
    return number;
}
