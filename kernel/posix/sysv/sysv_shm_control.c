// SPDX-License-Identifier: MPL-2.0
// shmctl. Memory never leaves for a disk, so SHM_LOCK only says so, and counts for RLIMIT_MEMLOCK.
#include "process/process_priv.h"
#include "sysv_shm.h"

#include <abi/syscall_table.h>
#include <abi/sysv.h>
#include <arch/uaccess.h>
#include <object/cred.h>
#include <sched/realtime.h>

#define PERMISSIONS 0777u
#define NOBODY UINT32_MAX // no user id

// The highest index in use; 0 if there is none.
static long last_index(struct shm_space *space) REQUIRES(&shm_lock) {
    uint64_t last = 0;
    for (uint64_t at = 0; shm_next(space, &at); at++)
        last = at;
    return (long)last;
}

static long limits_out(struct shm_space *space, void __user *buffer) {
    spin_lock(&shm_lock);
    struct abi_shminfo info = {.size_max = space->size_max,
                               .size_min = 1,
                               .count_max = space->count_max,
                               .attached_max = space->count_max,
                               .pages_max = space->pages_max};
    long result = last_index(space);
    spin_unlock(&shm_lock);
    return copy_to_user(buffer, &info, sizeof(info)) == 0 ? result : -EFAULT;
}

static long use_out(struct shm_space *space, void __user *buffer) {
    struct shm_segment *segment;
    spin_lock(&shm_lock);
    struct abi_shm_info info = {.count = (int)space->count, .pages = space->pages};
    for (uint64_t at = 0; (segment = shm_next(space, &at)); at++)
        info.resident += atomic_load_explicit(&segment->vmo->resident, memory_order_relaxed);
    long result = last_index(space);
    spin_unlock(&shm_lock);
    return copy_to_user(buffer, &info, sizeof(info)) == 0 ? result : -EFAULT;
}

static void describe(const struct shm_segment *segment, struct abi_shmid_ds *out) REQUIRES(&shm_lock) {
    *out = (struct abi_shmid_ds){.perm = {.key = segment->key,
                                          .uid = segment->uid,
                                          .gid = segment->gid,
                                          .creator_uid = segment->creator_uid,
                                          .creator_gid = segment->creator_gid,
                                          .mode = segment->mode,
                                          .sequence = (uint16_t)(segment->id / SHM_INDEXES)},
                                 .size = segment->size,
                                 .attach_time = segment->attach_time,
                                 .detach_time = segment->detach_time,
                                 .change_time = segment->change_time,
                                 .creator = segment->creator,
                                 .last = segment->last,
                                 .attached = segment->attached};
}

// IPC_STAT goes by id, the other two by index, and they give the id.
static long state_out(struct shm_space *space, int id, int command, void __user *buffer) {
    struct abi_shmid_ds state;
    uint64_t index = (uint64_t)id;
    spin_lock(&shm_lock);
    struct shm_segment *segment = command == IPC_STAT ? shm_find(space, id) : shm_next(space, &index);
    if (segment && command != IPC_STAT && index != (uint64_t)id)
        segment = nullptr; // a later one
    long result = !segment ? -EINVAL : command == IPC_STAT ? 0 : segment->id;
    if (segment && command != SHM_STAT_ANY && !shm_permits(segment, 0444))
        result = -EACCES;
    if (result >= 0)
        describe(segment, &state);
    spin_unlock(&shm_lock);
    if (result < 0)
        return result;
    return copy_to_user(buffer, &state, sizeof(state)) == 0 ? result : -EFAULT;
}

static bool is_owner(const struct shm_segment *segment) REQUIRES(&shm_lock) {
    uint32_t user = cred_current()->euid;
    return user == segment->uid || user == segment->creator_uid;
}

static long remove_segment(struct shm_space *space, int id) {
    bool gone = false;
    spin_lock(&shm_lock);
    struct shm_segment *segment = shm_find(space, id);
    long result = !segment ? -EINVAL : is_owner(segment) || cred_has_cap(cred_current(), CAP_SYS_ADMIN) ? 0 : -EPERM;
    if (result == 0)
        gone = shm_remove(segment);
    spin_unlock(&shm_lock);
    if (gone)
        object_put(&segment->object);
    return result;
}

static long change(struct shm_space *space, int id, const void __user *buffer) {
    struct abi_shmid_ds state;
    if (copy_from_user(&state, buffer, sizeof(state)) != 0)
        return -EFAULT;
    spin_lock(&shm_lock);
    struct shm_segment *segment = shm_find(space, id);
    long result = !segment ? -EINVAL : is_owner(segment) || cred_has_cap(cred_current(), CAP_SYS_ADMIN) ? 0 : -EPERM;
    if (result == 0 && (state.perm.uid == NOBODY || state.perm.gid == NOBODY))
        result = -EINVAL;
    if (result == 0) {
        segment->uid = state.perm.uid;
        segment->gid = state.perm.gid;
        segment->mode = (segment->mode & ~PERMISSIONS) | (state.perm.mode & PERMISSIONS);
        segment->change_time = clock_realtime() / NSEC_PER_SEC;
    }
    spin_unlock(&shm_lock);
    return result;
}

// Whether the caller may have this segment locked beside those that its user has locked already.
static status_t may_lock(struct shm_space *space, const struct shm_segment *segment) REQUIRES(&shm_lock) {
    if (cred_has_cap(cred_current(), CAP_IPC_LOCK))
        return 0;
    uint64_t bytes = ALIGN_UP(segment->size, PAGE_SIZE);
    struct shm_segment *other;
    for (uint64_t at = 0; (other = shm_next(space, &at)); at++)
        if ((other->mode & SHM_MODE_LOCKED) && other->locker == cred_current()->uid)
            bytes += ALIGN_UP(other->size, PAGE_SIZE);
    return bytes <= rlimit_current(RLIMIT_MEMLOCK) ? 0 : -ENOMEM;
}

static long lock_segment(struct shm_space *space, int id, bool lock) {
    bool may_all = cred_has_cap(cred_current(), CAP_IPC_LOCK);
    spin_lock(&shm_lock);
    struct shm_segment *segment = shm_find(space, id);
    long result = !segment ? -EINVAL : may_all || is_owner(segment) ? 0 : -EPERM;
    if (result == 0 && lock && !may_all && rlimit_current(RLIMIT_MEMLOCK) == 0)
        result = -EPERM;
    if (result == 0 && lock && !(segment->mode & SHM_MODE_LOCKED)) {
        result = may_lock(space, segment);
        segment->locker = cred_current()->uid;
        segment->mode |= result == 0 ? SHM_MODE_LOCKED : 0u;
    } else if (result == 0 && !lock) {
        segment->mode &= ~(uint32_t)SHM_MODE_LOCKED;
    }
    spin_unlock(&shm_lock);
    return result;
}

long sys_shmctl(int id, int command, void __user *buffer) {
    if (id < 0 || command < 0)
        return -EINVAL;
    struct shm_space *space = shm_space_current();
    if (!space)
        return -ENOMEM;
    switch (command) {
    case IPC_INFO:
        return limits_out(space, buffer);
    case SHM_INFO:
        return use_out(space, buffer);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
        return state_out(space, id, command, buffer);
    case IPC_RMID:
        return remove_segment(space, id);
    case IPC_SET:
        return change(space, id, buffer);
    case SHM_LOCK:
    case SHM_UNLOCK:
        return lock_segment(space, id, command == SHM_LOCK);
    default:
        return -EINVAL;
    }
}
