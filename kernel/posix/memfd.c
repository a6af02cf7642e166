// SPDX-License-Identifier: MPL-2.0
// memfd_create: a memory object with a handle, a position and seals.
#include <abi/fcntl.h>
#include <abi/mman.h>
#include <abi/stat.h>
#include <abi/syscall_table.h>
#include <lib/fmt.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <mm/slab.h>
#include <object/stat.h>
#include <posix/memfd.h>
#include <posix/process.h>
#include <sched/realtime.h>

#define NAME_MAX_LENGTH 249

struct memfd {
    struct object object;
    struct vmo *vmo;
    struct mutex lock; // position, growth, times
    loff_t position;
    struct time_spec modified, changed;
    uint32_t uid, gid;
    char name[NAME_MAX_LENGTH + 1];
};

SLAB_CACHE(memfd_cache, struct memfd);

static struct memfd *memfd_of(struct object *object) { return CONTAINER_OF(object, struct memfd, object); }

static struct time_spec now(void) {
    nsec_t time = clock_realtime();
    return (struct time_spec){time / 1000000000, time % 1000000000};
}

static uint64_t size_of(const struct memfd *memfd) {
    return atomic_load_explicit(&memfd->vmo->size, memory_order_relaxed);
}

static void memfd_destroy(struct object *object) {
    struct memfd *memfd = memfd_of(object);
    vmo_put(memfd->vmo);
    slab_free(&memfd_cache, memfd);
}

static ssize_t memfd_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct memfd *memfd = memfd_of(object);
    if (pos && *pos < 0)
        return -EINVAL;
    mutex_lock(&memfd->lock);
    uint64_t at = (uint64_t)(pos ? *pos : memfd->position), size = size_of(memfd);
    ssize_t done = at < size ? vmo_read(memfd->vmo, at, uio, MIN(uio->resid, size - at)) : 0;
    if (done > 0 && pos)
        *pos += done;
    else if (done > 0)
        memfd->position += done;
    mutex_unlock(&memfd->lock);
    return done;
}

static ssize_t memfd_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct memfd *memfd = memfd_of(object);
    if (pos && *pos < 0)
        return -EINVAL;
    mutex_lock(&memfd->lock);
    bool append = atomic_load_explicit(&object->status_flags, memory_order_relaxed) & O_APPEND;
    uint64_t at = append ? size_of(memfd) : (uint64_t)(pos ? *pos : memfd->position);
    uint64_t limit = MIN(rlimit_current(RLIMIT_FSIZE), (uint64_t)INT64_MAX);
    ssize_t done = 0;
    if (uio->resid > 0 && at >= limit)
        done = -EFBIG;
    else if (uio->resid > 0)
        done = vmo_write(memfd->vmo, at, uio, MIN(uio->resid, limit - at));
    if (done > 0) {
        memfd->modified = memfd->changed = now();
        *(pos ? pos : &memfd->position) = (loff_t)at + done;
    }
    mutex_unlock(&memfd->lock);
    if (done == -EFBIG && at < INT64_MAX)
        signal_send_self(SIGXFSZ);
    return done;
}

static loff_t seek_to(struct memfd *memfd, loff_t offset, int whence) {
    switch (whence) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        offset += memfd->position;
        break;
    case SEEK_END:
        offset += (loff_t)size_of(memfd);
        break;
    case SEEK_DATA:
    case SEEK_HOLE:
        offset = offset < 0 ? -ENXIO : vmo_seek(memfd->vmo, (uint64_t)offset, whence == SEEK_DATA);
        return offset;
    default:
        return -EINVAL;
    }
    return offset < 0 ? -EINVAL : offset;
}

static loff_t memfd_seek(struct object *object, loff_t offset, int whence) {
    struct memfd *memfd = memfd_of(object);
    mutex_lock(&memfd->lock);
    loff_t result = seek_to(memfd, offset, whence);
    if (result >= 0)
        memfd->position = result;
    mutex_unlock(&memfd->lock);
    return result;
}

static status_t memfd_map(struct object *object, struct map_request *request) {
    struct memfd *memfd = memfd_of(object);
    vmo_get(memfd->vmo);
    request->vmo = memfd->vmo;
    return 0;
}

static status_t memfd_stat(struct object *object, struct stat_info *out) {
    struct memfd *memfd = memfd_of(object);
    mutex_lock(&memfd->lock);
    *out = (struct stat_info){
        .device = 1,
        .inode = object->id,
        .size = size_of(memfd),
        .blocks = atomic_load_explicit(&memfd->vmo->resident, memory_order_relaxed) * (PAGE_SIZE / 512),
        .mode = S_IFREG | 0777,
        .uid = memfd->uid,
        .gid = memfd->gid,
        .block_size = PAGE_SIZE,
        .accessed = memfd->modified,
        .modified = memfd->modified,
        .changed = memfd->changed,
    };
    mutex_unlock(&memfd->lock);
    return 0;
}

static status_t memfd_sync(struct object *object, bool data_only) { return 0; } // memory is where it lives

static status_t memfd_truncate(struct object *object, uint64_t size) {
    struct memfd *memfd = memfd_of(object);
    mutex_lock(&memfd->lock);
    status_t status = vmo_resize(memfd->vmo, size);
    if (status == 0)
        memfd->modified = memfd->changed = now();
    mutex_unlock(&memfd->lock);
    return status;
}

static int memfd_link_text(struct object *object, char *to, size_t size) {
    return fmt_snprintf(to, size, "/memfd:%s (deleted)", memfd_of(object)->name);
}

static const struct object_ops memfd_ops = {
    .type = OBJECT_VMO,
    .name = "memfd",
    .destroy = memfd_destroy,
    .read = memfd_read,
    .write = memfd_write,
    .seek = memfd_seek,
    .map = memfd_map,
    .stat = memfd_stat,
    .sync = memfd_sync,
    .truncate = memfd_truncate,
    .link_text = memfd_link_text,
};

bool object_is_memfd(struct object *object) { return object->ops == &memfd_ops; }

#define SEALS_KNOWN (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

status_t memfd_add_seals(struct object *object, uint32_t rights, unsigned seals) {
    if (!object_is_memfd(object))
        return -EINVAL;
    if (!(rights & RIGHT_WRITE))
        return -EPERM;
    if (seals & ~(unsigned)SEALS_KNOWN)
        return -EINVAL;
    struct memfd *memfd = memfd_of(object);
    mutex_lock(&memfd->lock);
    status_t status = vmo_add_seals(memfd->vmo, seals);
    mutex_unlock(&memfd->lock);
    return status;
}

long memfd_get_seals(struct object *object) {
    return object_is_memfd(object) ? (long)memfd_of(object)->vmo->seals : -EINVAL;
}

static status_t allocate_locked(struct vmo *vmo, int mode, uint64_t start, uint64_t end) {
    uint64_t size = atomic_load_explicit(&vmo->size, memory_order_relaxed);
    if (mode & FALLOC_PUNCH_HOLE)
        return vmo_punch(vmo, start, end);
    bool grows = !(mode & FALLOC_KEEP_SIZE) && end > size;
    if (grows && (vmo->seals & F_SEAL_GROW))
        return -EPERM;
    status_t status = vmo_commit(vmo, start, end);
    return status == 0 && grows ? vmo_resize(vmo, end) : status;
}

status_t memfd_allocate(struct object *object, int mode, loff_t offset, loff_t size) {
    if (offset < 0 || size <= 0)
        return -EINVAL;
    if (mode != 0 && mode != FALLOC_KEEP_SIZE && mode != (FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE))
        return -EOPNOTSUPP;
    if (offset > INT64_MAX - size)
        return -EFBIG;
    struct memfd *memfd = memfd_of(object);
    mutex_lock(&memfd->lock);
    status_t status = allocate_locked(memfd->vmo, mode, (uint64_t)offset, (uint64_t)(offset + size));
    if (status == 0)
        memfd->modified = memfd->changed = now();
    mutex_unlock(&memfd->lock);
    return status;
}

static struct memfd *memfd_new(void) {
    struct memfd *memfd = slab_alloc_zero(&memfd_cache);
    if (!memfd)
        return nullptr;
    memfd->vmo = vmo_create(0);
    if (!memfd->vmo) {
        slab_free(&memfd_cache, memfd);
        return nullptr;
    }
    object_init(&memfd->object, &memfd_ops, SIGNALS_FILE);
    atomic_store_explicit(&memfd->object.status_flags, O_RDWR | O_LARGEFILE, memory_order_relaxed);
    mutex_init(&memfd->lock);
    memfd->modified = memfd->changed = now();
    memfd->uid = cred_current()->fsuid;
    memfd->gid = cred_current()->fsgid;
    return memfd;
}

long sys_memfd_create(const char __user *name, unsigned flags) {
    if (flags & ~(unsigned)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        return -EINVAL;
    struct memfd *memfd = memfd_new();
    if (!memfd)
        return -ENOMEM;
    ssize_t length = string_from_user(memfd->name, name, sizeof(memfd->name));
    long result = length == -ENAMETOOLONG ? -EINVAL : length < 0 ? -EFAULT : 0;
    memfd->vmo->seals = flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
    if (result == 0)
        result = handle_install(&memfd->object, RIGHTS_READ_WRITE, flags & MFD_CLOEXEC ? HANDLE_CLOEXEC : 0);
    if (result < 0)
        object_put(&memfd->object);
    return result;
}
