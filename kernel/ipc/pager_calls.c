// SPDX-License-Identifier: MPL-2.0
// The system calls of pagers (docs/pagers.md). A server has the pager's handle and names memory objects by their keys.
#include "pager_priv.h"

#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <ipc/port.h>
#include <mm/aspace.h>
#include <mm/charged.h>
#include <mm/slab.h>

#define PAGER_RIGHTS (RIGHTS_BASIC | RIGHT_READ | RIGHT_WRITE | RIGHT_SIGNAL | RIGHT_ADMIN)
#define SIZE_MAX_BYTES ((uint64_t)INT64_MAX)

// ---------------------------------------------------------------- arguments

static status_t pager_lookup(int handle, uint32_t rights, struct handle_ref *ref, struct pager **pager) {
    status_t status = handle_lookup(handle, rights, ref);
    if (status != 0)
        return status;
    if (!object_is_pager(ref->object)) {
        handle_release(ref);
        return -EBADF;
    }
    *pager = pager_of(ref->object);
    return 0;
}

// A memory object of the pager's, by its key, for a call that needs these rights.
struct target {
    struct handle_ref ref;
    struct pager *pager;
    struct vmo *vmo; // one reference
};

static status_t target_open(int handle, uint32_t rights, uint64_t key, struct target *target) {
    status_t status = pager_lookup(handle, rights, &target->ref, &target->pager);
    if (status != 0)
        return status;
    target->vmo = pager_find(target->pager, key);
    if (target->vmo)
        return 0;
    handle_release(&target->ref);
    return -ENOENT;
}

static void target_close(struct target *target) {
    vmo_put(target->vmo);
    handle_release(&target->ref);
}

// The same with a range in it.
struct part {
    struct target target;
    uint64_t first, end; // pages
};

static status_t part_open(int handle, uint32_t rights, const void __user *user, struct part *part) {
    struct pager_range range;
    if (copy_from_user(&range, user, sizeof range) != 0)
        return -EFAULT;
    if ((range.offset | range.size) & PAGE_MASK || range.size == 0 || range.offset > SIZE_MAX_BYTES ||
        range.size > SIZE_MAX_BYTES)
        return -EINVAL;
    part->first = range.offset >> PAGE_SHIFT;
    part->end = part->first + (range.size >> PAGE_SHIFT);
    return target_open(handle, rights, range.key, &part->target);
}

// ---------------------------------------------------------------- pagers

// Needs RIGHT_RECEIVE on the port. -EBADF, -EACCES, -EFAULT, -EINVAL, -ENOMEM, -EMFILE.
long sys_pager_create(int port_handle, const void __user *user) {
    struct pager_options options = {};
    struct pager *pager;
    if (user && copy_from_user(&options, user, sizeof options) != 0)
        return -EFAULT;
    if (options.requests > PAGER_REQUESTS_MAX || (options.flags & ~(uint32_t)PAGER_GIVES_BACK))
        return -EINVAL;
    struct object *port;
    status_t status = port_get(port_handle, &port);
    if (status != 0)
        return status;
    status = pager_make(port, &options, &pager);
    object_put(port);
    if (status != 0)
        return status;
    int handle = handle_install(&pager->object, PAGER_RIGHTS, HANDLE_CLOEXEC);
    if (handle < 0) {
        object_handle_acquire(&pager->object); // closed as any other is
        object_put(&pager->object);
        object_handle_release(&pager->object);
    }
    return handle;
}

// Needs RIGHT_ADMIN, and RIGHT_RECEIVE on the port.
long sys_pager_attach(int handle, int port_handle) {
    struct handle_ref ref;
    struct pager *pager;
    struct object *port;
    status_t status = pager_lookup(handle, RIGHT_ADMIN, &ref, &pager);
    if (status != 0)
        return status;
    status = port_get(port_handle, &port);
    if (status == 0) {
        status = pager_move(pager, port);
        object_put(port);
    }
    handle_release(&ref);
    return status;
}

// Needs RIGHT_ADMIN. -EEXIST, -EINVAL (the size, the key ~0).
long sys_pager_vmo_create(int handle, uint64_t key, uint64_t size) {
    struct handle_ref ref;
    struct pager *pager;
    struct vmo *vmo;
    if (size > SIZE_MAX_BYTES || key == UINT64_MAX)
        return -EINVAL;
    status_t status = pager_lookup(handle, RIGHT_ADMIN, &ref, &pager);
    if (status != 0)
        return status;
    long result = pager_add(pager, key, size, true, &vmo);
    if (result == 0) {
        result = vmo_handle_install(vmo);
        if (result < 0)
            (void)!pager_remove(pager, key); // gone already, perhaps
        vmo_put(vmo);
    }
    handle_release(&ref);
    return result;
}

// Needs RIGHT_ADMIN. -ENOENT.
long sys_pager_vmo_open(int handle, uint64_t key) {
    struct target target;
    status_t status = target_open(handle, RIGHT_ADMIN, key, &target);
    if (status != 0)
        return status;
    long result = vmo_handle_install(target.vmo);
    target_close(&target);
    return result;
}

// Needs RIGHT_ADMIN. -ENOENT.
long sys_pager_resize(int handle, uint64_t key, uint64_t size) {
    struct target target;
    if (size > SIZE_MAX_BYTES)
        return -EINVAL;
    status_t status = target_open(handle, RIGHT_ADMIN, key, &target);
    if (status != 0)
        return status;
    status = vmo_resize(target.vmo, size);
    // Who waits for what was cut off looks again, and finds the end.
    source_answer(source_of(target.vmo), ALIGN_UP(size, PAGE_SIZE) >> PAGE_SHIFT, UINT64_MAX >> PAGE_SHIFT, 0);
    target_close(&target);
    return status;
}

// Needs RIGHT_ADMIN. -ENOENT.
long sys_pager_detach(int handle, uint64_t key) {
    struct handle_ref ref;
    struct pager *pager;
    status_t status = pager_lookup(handle, RIGHT_ADMIN, &ref, &pager);
    if (status != 0)
        return status;
    status = pager_remove(pager, key);
    handle_release(&ref);
    return status;
}

// Needs RIGHT_READ. How many of those with this key or a higher one.
long sys_pager_list(int handle, uint64_t key, void __user *out, unsigned count) {
    struct handle_ref ref;
    struct pager *pager;
    struct vmo *vmo;
    if (count == 0 || count > PAGER_LIST_MAX)
        return -EINVAL;
    long status = pager_lookup(handle, RIGHT_READ, &ref, &pager);
    if (status != 0)
        return status;
    long found = 0;
    for (; status == 0 && found < count && (vmo = pager_next(pager, &key)) != nullptr; key++, found++) {
        struct pager_vmo_info info = {
            .key = key, .size = vmo->size, .resident = vmo->resident << PAGE_SHIFT, .users = source_of(vmo)->users};
        vmo_put(vmo);
        status = copy_to_user((struct pager_vmo_info __user *)out + found, &info, sizeof info);
    }
    handle_release(&ref);
    return status == 0 ? found : -EFAULT;
}

// ---------------------------------------------------------------- pages

// The memory object behind a handle, whose pages are to move: READ WRITE MAP. *vmo gets a reference.
static status_t donor(int handle, struct vmo **vmo) {
    struct handle_ref ref;
    struct map_request request = {.flags = REGION_SHARED | REGION_READ | REGION_WRITE | REGION_MAY_WRITE};
    status_t status = handle_lookup(handle, RIGHT_READ | RIGHT_WRITE | RIGHT_MAP, &ref);
    if (status != 0)
        return status;
    status = ref.object->ops->map ? ref.object->ops->map(ref.object, &request) : -EINVAL;
    handle_release(&ref);
    if (status == 0 && !request.vmo)
        status = -EINVAL;
    *vmo = request.vmo;
    return status;
}

// Needs RIGHT_WRITE. -ENOENT, -EINVAL, -EFAULT, -EPERM (the donor is sealed), -ENOMEM, -EINTR.
long sys_pager_supply(int handle, const void __user *user, int from, uint64_t offset) {
    struct part part;
    struct supply supply = {.offset = offset};
    if (from != PAGER_FROM_MEMORY && ((offset & PAGE_MASK) || offset > SIZE_MAX_BYTES))
        return -EINVAL;
    status_t status = from == PAGER_FROM_MEMORY ? 0 : donor(from, &supply.from);
    if (status != 0)
        return status;
    status = part_open(handle, RIGHT_WRITE, user, &part);
    if (status == 0) {
        struct vmo *vmo = part.target.vmo;
        uint64_t end = MIN(part.end, ALIGN_UP(vmo->size, PAGE_SIZE) >> PAGE_SHIFT);
        if (part.first < end)
            status = source_supply(source_of(vmo), part.first, end - part.first, &supply);
        pager_make_room(part.target.pager, end - MIN(part.first, end));
        target_close(&part.target);
    }
    if (supply.from)
        vmo_put(supply.from);
    return status;
}

// Needs RIGHT_WRITE. `error`: EIO, ENOSPC or EDQUOT, positive.
long sys_pager_fail(int handle, const void __user *user, int error) {
    struct part part;
    if (error != EIO && error != ENOSPC && error != EDQUOT)
        return -EINVAL;
    status_t status = part_open(handle, RIGHT_WRITE, user, &part);
    if (status != 0)
        return status;
    vmo_end_writing(part.target.vmo, part.first, part.end, true);
    source_answer(source_of(part.target.vmo), part.first, part.end, -error);
    target_close(&part.target);
    return 0;
}

static long find_dirty(struct part *part, struct vmo_run *runs, void __user *out, unsigned count, bool take) {
    struct vmo *vmo = part->target.vmo;
    uint64_t at = part->first;
    unsigned found = vmo_dirty_runs(vmo, &at, part->end, runs, count, take);
    for (unsigned i = 0; i < found; i++) {
        struct pager_dirty dirty = {runs[i].first << PAGE_SHIFT, runs[i].count << PAGE_SHIFT};
        if (copy_to_user((struct pager_dirty __user *)out + i, &dirty, sizeof dirty) == 0)
            continue;
        for (unsigned k = 0; take && k < found; k++) // the server will not know of them
            vmo_end_writing(vmo, runs[k].first, runs[k].first + runs[k].count, true);
        return -EFAULT;
    }
    return found;
}

// Needs RIGHT_READ, with PAGER_TAKE RIGHT_WRITE, too. How many runs of dirty pages, the first ones in the range.
long sys_pager_dirty(int handle, const void __user *user, void __user *out, unsigned count, unsigned flags) {
    struct part part;
    if (count == 0 || count > PAGER_DIRTY_MAX || (flags & ~PAGER_TAKE))
        return -EINVAL;
    status_t status = part_open(handle, RIGHT_READ | (flags & PAGER_TAKE ? RIGHT_WRITE : 0), user, &part);
    if (status != 0)
        return status;
    struct vmo_run *runs = kmalloc_charged(count * sizeof *runs);
    long result = runs ? find_dirty(&part, runs, out, count, flags & PAGER_TAKE) : -ENOMEM;
    kfree(runs);
    target_close(&part.target);
    return result;
}

// Needs RIGHT_WRITE.
long sys_pager_written(int handle, const void __user *user) {
    struct part part;
    status_t status = part_open(handle, RIGHT_WRITE, user, &part);
    if (status != 0)
        return status;
    vmo_end_writing(part.target.vmo, part.first, part.end, false);
    source_stored(source_of(part.target.vmo), part.first, part.end);
    target_close(&part.target);
    return 0;
}
