// SPDX-License-Identifier: MPL-2.0
// System calls on memory: arguments checked as Linux does, the work done by kernel/mm.
#include "file/fd.h"

#include <abi/fcntl.h>
#include <abi/mman.h>
#include <abi/syscall_table.h>
#include <mm/aspace.h>
#include <mm/slab.h>
#include <mm/upcall.h>
#include <object/rights.h>
#include <posix/process.h>
#include <sched/sched.h>

void region_file_get(struct object *file) {
    object_get(file);
    if (UNLIKELY(file->ops->mapped != nullptr))
        file->ops->mapped(file, 1);
}
void region_file_put(struct object *file) {
    if (UNLIKELY(file->ops->mapped != nullptr))
        file->ops->mapped(file, -1);
    object_put(file);
}

static bool may_lock_unlimited(void) {
    return cred_has_cap(cred_current(), CAP_IPC_LOCK);
}
static bool may_lock(void) {
    return may_lock_unlimited() || rlimit_current(RLIMIT_MEMLOCK) != 0;
}

// Whether `size` more bytes may be locked.
static bool lock_fits(struct aspace *aspace, uint64_t size) {
    uint64_t locked = (uint64_t)atomic_load_explicit(&aspace->locked_pages, memory_order_relaxed) << PAGE_SHIFT;
    return may_lock_unlimited() || locked + size <= rlimit_current(RLIMIT_MEMLOCK);
}

// --- mmap ---

static_assert(REGION_READ == PROT_READ && REGION_WRITE == PROT_WRITE && REGION_EXEC == PROT_EXEC);
#define PROT_KNOWN (PROT_READ | PROT_WRITE | PROT_EXEC)

// Of mmap's and mprotect's bits those that say something, as REGION_ flags.
static uint32_t region_prot(unsigned long prot) {
    return (prot & PROT_KNOWN) | (arch_prot_map(prot) & PROT_MAP_GUARDED ? REGION_GUARDED : 0);
}

// What MAP_SHARED_VALIDATE accepts.
#define MAP_VALID                                                                                                     \
    (MAP_TYPE | MAP_FIXED | MAP_ANONYMOUS | MAP_32BIT | MAP_GROWSDOWN | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_LOCKED | \
     MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_FIXED_NOREPLACE)

static void set_flags(struct map_request *request, unsigned long prot, unsigned long flags) {
    bool shared = (flags & MAP_TYPE) != MAP_PRIVATE;
    request->flags = region_prot(prot) | REGION_MAY_WRITE | (shared ? REGION_SHARED : 0) |
                     (flags & MAP_LOCKED ? REGION_LOCKED : 0) | (flags & MAP_NORESERVE ? REGION_NORESERVE : 0) |
                     (flags & MAP_GROWSDOWN ? REGION_GROWS_DOWN : 0) | (flags & MAP_STACK ? REGION_NO_HUGE : 0);
    request->fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    request->no_replace = flags & MAP_FIXED_NOREPLACE;
    request->populate = (flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE || (flags & MAP_LOCKED);
    request->low = (flags & MAP_32BIT) && !request->fixed;
}

// Linux's checks in Linux's order, then the rights that only Tessera has. Whatever may be mapped may be read, as the
// hardware has no writing or executing without; a private mapping is written to in copies.
static status_t check_file_rights(const struct handle_ref *ref, unsigned long prot, unsigned long flags) {
    switch (flags & MAP_TYPE) {
    case MAP_SHARED_VALIDATE:
        if (flags & ~(unsigned long)MAP_VALID)
            return -EOPNOTSUPP;
        [[fallthrough]];
    case MAP_SHARED:
        if ((prot & PROT_WRITE) && !writes_data(ref))
            return -EACCES;
        [[fallthrough]];
    case MAP_PRIVATE:
        if (!(ref->rights & RIGHT_READ))
            return -EACCES;
        if (!ref->object->ops->map)
            return -ENODEV;
        if (flags & MAP_GROWSDOWN)
            return -EINVAL;
        return rights_include(ref->rights, RIGHT_MAP | (prot & PROT_EXEC ? RIGHT_EXEC : 0)) ? 0 : -EACCES;
    default:
        return -EINVAL;
    }
}

static status_t map_object(const struct handle_ref *ref, struct map_request *request, vaddr_t *address) {
    if ((request->flags & REGION_SHARED) && !(ref->rights & RIGHT_WRITE))
        request->flags &= ~(uint32_t)REGION_MAY_WRITE;
    if (!(ref->rights & RIGHT_EXEC))
        request->flags |= REGION_NO_EXEC;
    request->file = ref->object;
    status_t status = ref->object->ops->map(ref->object, request);
    if (status < 0)
        return status;
    status = aspace_map(aspace_current(), request, address);
    if (request->vmo)
        vmo_put(request->vmo); // map() gave us a reference
    return status;
}

static status_t map_anonymous(struct map_request *request, unsigned long flags, vaddr_t *address) {
    unsigned long type = flags & MAP_TYPE;
    if (type != MAP_PRIVATE && type != MAP_SHARED)
        return -EINVAL;
    if (type == MAP_PRIVATE)
        return aspace_map(aspace_current(), request, address);
    if (flags & MAP_GROWSDOWN)
        return -EINVAL;
    request->vmo = vmo_create(ALIGN_UP(request->size, PAGE_SIZE));
    request->offset = 0;
    if (!request->vmo)
        return -ENOMEM;
    request->name = "/dev/zero (deleted)";
    status_t status = aspace_map(aspace_current(), request, address);
    vmo_put(request->vmo);
    return status;
}

// Checks that do not depend on what is mapped.
static status_t check_request(const struct map_request *request) {
    if (request->size == 0)
        return -EINVAL;
    if (ALIGN_UP(request->size, PAGE_SIZE) == 0)
        return -ENOMEM;
    if ((request->offset >> PAGE_SHIFT) + (ALIGN_UP(request->size, PAGE_SIZE) >> PAGE_SHIFT) > UINT64_MAX >> PAGE_SHIFT)
        return -EOVERFLOW;
    if (!(request->flags & REGION_LOCKED))
        return 0;
    if (!may_lock())
        return -EPERM;
    return lock_fits(aspace_current(), request->size) ? 0 : -EAGAIN;
}

long sys_mmap(unsigned long address, size_t size, unsigned long prot, unsigned long flags, int fd,
              unsigned long offset) {
    if (offset & PAGE_MASK)
        return -EINVAL;
    struct map_request request = {.address = address, .size = size, .offset = offset};
    set_flags(&request, prot, flags);
    vaddr_t result;
    status_t status;
    if (flags & MAP_ANONYMOUS) {
        status = flags & MAP_HUGETLB ? -ENOMEM : check_request(&request); // no pages are set aside for hugetlb
        if (status == 0)
            status = map_anonymous(&request, flags, &result);
        return status < 0 ? status : (long)result;
    }
    struct handle_ref ref;
    status = handle_lookup(fd, 0, &ref);
    if (status < 0)
        return status;
    status = ref.rights & RIGHT_PATH ? -EBADF : flags & MAP_HUGETLB ? -EINVAL : check_request(&request);
    if (status == 0)
        status = check_file_rights(&ref, prot, flags);
    if (status == 0)
        status = map_object(&ref, &request, &result);
    handle_release(&ref);
    return status < 0 ? status : (long)result;
}

long sys_munmap(unsigned long address, size_t size) {
    return aspace_unmap(aspace_current(), address, size);
}

long sys_mprotect(unsigned long address, size_t size, unsigned long prot) {
    unsigned long grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
    prot &= ~(unsigned long)(PROT_GROWSDOWN | PROT_GROWSUP);
    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (prot & ~(PROT_KNOWN | PROT_SEM | arch_prot_extra())))
        return -EINVAL;
    return aspace_protect(aspace_current(), address, size, region_prot(prot));
}

long sys_mremap(unsigned long address, size_t old_size, size_t new_size, unsigned long flags,
                unsigned long new_address) {
    if (flags & ~(unsigned long)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
        return -EINVAL;
    struct remap_request request = {address, old_size, new_size, (unsigned)flags, new_address};
    vaddr_t result;
    status_t status = aspace_remap(aspace_current(), &request, &result);
    return status < 0 ? status : (long)result;
}

long sys_brk(unsigned long address) {
    return (long)aspace_brk(aspace_current(), address);
}

long sys_madvise(unsigned long address, size_t size, int advice) {
    return aspace_advise(aspace_current(), address, size, advice);
}

long sys_msync(unsigned long address, size_t size, int flags) {
    if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (address & PAGE_MASK))
        return -EINVAL;
    if ((flags & MS_ASYNC) && (flags & MS_SYNC))
        return -EINVAL;
    unsigned long end = address + ALIGN_UP(size, PAGE_SIZE);
    if (end < address || (size && !ALIGN_UP(size, PAGE_SIZE)))
        return -ENOMEM;
    return end == address ? 0 : aspace_sync(aspace_current(), address, size, flags);
}

long sys_mincore(unsigned long address, size_t size, uint8_t __user *out) {
    if (address & PAGE_MASK)
        return -EINVAL;
    if (!user_range_ok(address, size))
        return -ENOMEM;
    size_t pages = ALIGN_UP(size, PAGE_SIZE) >> PAGE_SHIFT;
    if (!user_range_ok((__force uintptr_t)out, pages))
        return -EFAULT;
    uint8_t part[256];
    for (size_t done = 0; done < pages;) {
        size_t count = MIN(pages - done, sizeof(part));
        status_t status = aspace_resident(aspace_current(), address + done * PAGE_SIZE, count, part);
        if (status < 0)
            return status;
        if (copy_to_user(out + done, part, count) < 0)
            return -EFAULT;
        done += count;
    }
    return 0;
}

// --- locking ---

static long lock_range(unsigned long address, size_t size, enum lock_mode mode) {
    size = ALIGN_UP(size + (address & PAGE_MASK), PAGE_SIZE);
    address = ALIGN_DOWN(address, PAGE_SIZE);
    if (mode != LOCK_NONE && !lock_fits(aspace_current(), size))
        return -ENOMEM;
    if (address + size < address)
        return -EINVAL;
    if (size == 0)
        return 0;
    return address + size > USER_TOP ? -ENOMEM : aspace_lock(aspace_current(), address, size, mode);
}

long sys_mlock(unsigned long address, size_t size) {
    return may_lock() ? lock_range(address, size, LOCK_NOW) : -EPERM;
}

long sys_mlock2(unsigned long address, size_t size, int flags) {
    if (flags & ~MLOCK_ONFAULT)
        return -EINVAL;
    if (!may_lock())
        return -EPERM;
    return lock_range(address, size, flags & MLOCK_ONFAULT ? LOCK_ON_FAULT : LOCK_NOW);
}

long sys_munlock(unsigned long address, size_t size) {
    return lock_range(address, size, LOCK_NONE);
}

long sys_mlockall(int flags) {
    if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
        return -EINVAL;
    if (!may_lock())
        return -EPERM;
    struct aspace *aspace = aspace_current();
    uint64_t mapped = (uint64_t)atomic_load_explicit(&aspace->mapped_pages, memory_order_relaxed) << PAGE_SHIFT;
    if ((flags & MCL_CURRENT) && !may_lock_unlimited() && mapped > rlimit_current(RLIMIT_MEMLOCK))
        return -ENOMEM;
    aspace->lock_future = flags & MCL_FUTURE;
    aspace->lock_future_on_fault = flags & MCL_ONFAULT;
    return flags & MCL_CURRENT ? aspace_lock_all(aspace, flags & MCL_ONFAULT ? LOCK_ON_FAULT : LOCK_NOW) : 0;
}

long sys_munlockall(void) {
    aspace_current()->lock_future = false;
    return aspace_lock_all(aspace_current(), LOCK_NONE);
}

// --- membarrier ---

enum {
    MEMBARRIER_QUERY = 0,
    MEMBARRIER_GLOBAL = 1,
    MEMBARRIER_GLOBAL_EXPEDITED = 2,
    MEMBARRIER_REGISTER_GLOBAL_EXPEDITED = 4,
    MEMBARRIER_PRIVATE_EXPEDITED = 8,
    MEMBARRIER_REGISTER_PRIVATE_EXPEDITED = 16,
    MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE = 32,
    MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 64,
    MEMBARRIER_ALL = 127,
};

long sys_membarrier(int command, unsigned flags, int cpu) {
    if (flags)
        return -EINVAL;
    struct aspace *aspace = aspace_current();
    switch (command) {
    case MEMBARRIER_QUERY:
        return MEMBARRIER_ALL;
    case MEMBARRIER_GLOBAL:
    case MEMBARRIER_GLOBAL_EXPEDITED:
        sched_barrier(nullptr);
        return 0;
    case MEMBARRIER_REGISTER_GLOBAL_EXPEDITED:
    case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED:
    case MEMBARRIER_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
        atomic_fetch_or_explicit(&aspace->membarrier, (uint32_t)command >> 1, memory_order_relaxed);
        return 0;
    case MEMBARRIER_PRIVATE_EXPEDITED:
    case MEMBARRIER_PRIVATE_EXPEDITED_SYNC_CORE:
        if (!(atomic_load_explicit(&aspace->membarrier, memory_order_relaxed) & (uint32_t)command))
            return -EPERM;
        sched_barrier(&aspace->arch);
        return 0;
    default:
        return -EINVAL;
    }
}
