// SPDX-License-Identifier: MPL-2.0
// memfd_create: a file without a name whose contents, a memory object, can be sealed.
#include <abi/fcntl.h>
#include <abi/mman.h>
#include <abi/syscall_table.h>
#include <mm/aspace.h>
#include <mm/slab.h>
#include <posix/memfd.h>
#include <posix/process.h>
#include <vfs/file.h>
#include <vfs/namespace.h>

#define PREFIX "memfd:"
enum { PREFIX_LENGTH = sizeof(PREFIX) - 1, NAME_LENGTH_MAX = 249 };
#define SEALS_KNOWN (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

// Files of a tmpfs, memfds or not; the others begin sealed against seals.
static struct vmo *sealable(struct object *object) {
    struct vnode *vnode = object_vnode(object);
    return vnode && vnode->data && !vnode->data->pager ? vnode->data : nullptr;
}

status_t memfd_add_seals(struct object *object, uint32_t rights, unsigned seals) {
    struct vmo *vmo = sealable(object);
    if (!vmo)
        return -EINVAL;
    if (!(rights & RIGHT_WRITE))
        return -EPERM;
    return seals & ~(unsigned)SEALS_KNOWN ? -EINVAL : vmo_add_seals(vmo, seals);
}

long memfd_get_seals(struct object *object) {
    struct vmo *vmo = sealable(object);
    return vmo ? (long)vmo->seals : -EINVAL;
}

static long create(const char *name, unsigned flags) {
    struct object *object;
    status_t status = vfs_make_memory_file(name, O_RDWR | O_LARGEFILE, &object);
    if (status < 0)
        return status;
    struct vmo *vmo = sealable(object);
    vmo->seals = flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
    int fd = handle_install(object, file_rights(file_of(object)), flags & MFD_CLOEXEC ? HANDLE_CLOEXEC : 0);
    if (fd < 0)
        object_put(object);
    return fd;
}

long sys_memfd_create(const char __user *name, unsigned flags) {
    if (flags & ~(unsigned)(MFD_CLOEXEC | MFD_ALLOW_SEALING))
        return -EINVAL;
    char *text = kmalloc(PREFIX_LENGTH + NAME_LENGTH_MAX + 1);
    if (!text)
        return -ENOMEM;
    for (unsigned i = 0; i < PREFIX_LENGTH; i++)
        text[i] = PREFIX[i];
    ssize_t length = string_from_user(text + PREFIX_LENGTH, name, NAME_LENGTH_MAX + 1);
    long result = length == -ENAMETOOLONG ? -EINVAL : length < 0 ? -EFAULT : create(text, flags);
    kfree(text);
    return result;
}
