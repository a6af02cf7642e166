// SPDX-License-Identifier: MPL-2.0
// shmget, shmat, shmdt: Linux's checks in Linux's order; the memory is mapped as any shared object is.
#include "process/process_priv.h"
#include "sysv_shm.h"

#include <abi/syscall_table.h>
#include <abi/sysv.h>
#include <mm/aspace.h>
#include <object/cred.h>

#define PERMISSIONS 0777

// ---------------------------------------------------------------- shmget

// A segment larger than all memory is refused, unless the flags say that it is a reservation (as by mmap).
static status_t check_size(const struct shm_space *space, uint64_t size, int flags) REQUIRES(&shm_lock) {
    struct page_stats pages;
    if (size == 0 || size > space->size_max)
        return -EINVAL;
    if (ALIGN_UP(size, PAGE_SIZE) < size)
        return -ENOSPC;
    if (space->pages + (ALIGN_UP(size, PAGE_SIZE) >> PAGE_SHIFT) > space->pages_max)
        return -ENOSPC;
    if (flags & SHM_HUGETLB) // no pages are set aside for it
        return cred_has_cap(cred_current(), CAP_IPC_LOCK) ? -ENOMEM : -EPERM;
    page_stats(&pages);
    return !(flags & SHM_NORESERVE) && size >> PAGE_SHIFT > pages.total ? -ENOMEM : 0;
}

static long find_existing(const struct shm_segment *segment, uint64_t size, int flags) REQUIRES(&shm_lock) {
    if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        return -EEXIST;
    if (segment->size < size)
        return -EINVAL;
    return shm_permits(segment, (unsigned)flags) ? segment->id : -EACCES;
}

// With the lock, as it looks now: what has the key, or what is wrong; 0: nothing has it, and it may be made.
static long look_up(struct shm_space *space, int key, uint64_t size, int flags, struct shm_segment **found)
    REQUIRES(&shm_lock) {
    *found = key == IPC_PRIVATE ? nullptr : shm_find_key(space, key);
    if (*found)
        return find_existing(*found, size, flags);
    if (key != IPC_PRIVATE && !(flags & IPC_CREAT))
        return -ENOENT;
    return check_size(space, size, flags);
}

long sys_shmget(int key, size_t size, int flags) {
    struct shm_space *space = shm_space_current();
    struct shm_segment *found, *fresh;
    if (!space)
        return -ENOMEM;
    spin_lock(&shm_lock);
    long result = look_up(space, key, size, flags, &found);
    spin_unlock(&shm_lock);
    if (found || result < 0)
        return result;
    status_t status = shm_make(key, size, (uint32_t)flags & PERMISSIONS, &fresh);
    if (status != 0)
        return status;
    spin_lock(&shm_lock);
    result = look_up(space, key, size, flags, &found); // another one may have been faster
    if (!found && result == 0)
        result = shm_add(space, fresh);
    bool added = !found && result == 0;
    if (added)
        result = fresh->id;
    spin_unlock(&shm_lock);
    if (!added)
        object_put(&fresh->object);
    return result;
}

// ---------------------------------------------------------------- shmat

// Where to: true: exactly there.
static status_t place(unsigned long *address, int flags, bool *fixed) {
    *fixed = *address != 0;
    if (*address == 0)
        return flags & SHM_REMAP ? -EINVAL : 0;
    if (IS_ALIGNED(*address, PAGE_SIZE))
        return 0;
    if (!(flags & SHM_RND))
        return -EINVAL;
    *address = ALIGN_DOWN(*address, PAGE_SIZE);
    return *address == 0 && (flags & SHM_REMAP) ? -EINVAL : 0;
}

static unsigned permissions_for(int flags) {
    return 0444u | (flags & SHM_RDONLY ? 0 : 0222u) | (flags & SHM_EXEC ? 0111u : 0);
}

// Referenced.
static status_t find_to_attach(int id, int flags, struct shm_segment **out) {
    struct shm_space *space = shm_space_current();
    if (!space)
        return -ENOMEM;
    spin_lock(&shm_lock);
    struct shm_segment *segment = shm_find(space, id);
    status_t status = !segment ? -EINVAL : shm_permits(segment, permissions_for(flags)) ? 0 : -EACCES;
    if (status == 0)
        object_get(&segment->object);
    spin_unlock(&shm_lock);
    *out = segment;
    return status;
}

long sys_shmat(int id, unsigned long address, int flags) {
    struct shm_segment *segment;
    bool fixed;
    status_t status = id < 0 ? -EINVAL : place(&address, flags, &fixed);
    if (status == 0)
        status = find_to_attach(id, flags, &segment);
    if (status != 0)
        return status;
    struct map_request request = {.address = address,
                                  .size = segment->size,
                                  .flags = REGION_SHARED | REGION_READ |
                                           (flags & SHM_RDONLY ? 0 : REGION_WRITE | REGION_MAY_WRITE) |
                                           (flags & SHM_EXEC ? REGION_EXEC : 0),
                                  .fixed = fixed,
                                  .no_replace = fixed && !(flags & SHM_REMAP),
                                  .vmo = segment->vmo,
                                  .file = &segment->object};
    vaddr_t result = 0;
    if (request.no_replace && address + segment->size < address)
        status = -EINVAL;
    else
        status = aspace_map(aspace_current(), &request, &result);
    object_put(&segment->object);
    return status == -EEXIST ? -EINVAL : status != 0 ? status : (long)result;
}

long sys_shmdt(unsigned long address) {
    return IS_ALIGNED(address, PAGE_SIZE) ? aspace_detach(aspace_current(), address, shm_is_segment) : -EINVAL;
}
