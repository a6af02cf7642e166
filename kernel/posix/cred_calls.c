// SPDX-License-Identifier: MPL-2.0
// User and group ids. Credentials are immutable once shared: each call makes a copy, changes it, and puts it in the
// place of the old one. They belong to the process: all its threads change at once (which is what libc's setuid makes
// of Linux's per-thread ones).
#include "cred_priv.h"
#include "process_priv.h"
#include <abi/prctl.h>
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/slab.h>

#define KEEP UINT32_MAX // an argument of -1: leave it

struct cred *cred_begin(void) {
    const struct cred *old = cred_current();
    return cred_copy(old, old->group_count);
}

// The new uid's account pays for the process's threads from now on.
static status_t move_account(struct process *process, const struct cred *next) {
    if (process->account->uid == next->uid)
        return 0;
    struct user_account *account = user_account_lookup(next->uid);
    if (!account)
        return -EAGAIN;
    unsigned threads = process->task.thread_count;
    spin_lock(&process->signal_lock);
    struct user_account *old = process->account;
    process->account = account;
    spin_unlock(&process->signal_lock);
    atomic_fetch_add_explicit(&account->threads, threads, memory_order_relaxed);
    atomic_fetch_sub_explicit(&old->threads, threads, memory_order_relaxed);
    user_account_put(old);
    return 0;
}

status_t cred_commit(struct cred *next) {
    struct process *process = process_current();
    struct cred *old = cred_current();
    status_t status = move_account(process, next);
    if (status != 0) {
        cred_put(next);
        return status;
    }
    if (next->euid != old->euid || next->egid != old->egid || next->fsuid != old->fsuid || next->fsgid != old->fsgid ||
        (next->cap_permitted & ~old->cap_permitted) != 0) {
        process->dumpable = 0;
        process->death_signal = 0;
    }
    atomic_store_explicit(&process->task.cred, next, memory_order_release);
    cred_put(old);
    return 0;
}

// Linux: what becomes of capabilities when user ids go from and to 0.
static void fix_capabilities(struct cred *next, const struct cred *old) {
    if (next->securebits & SECBIT_NO_SETUID_FIXUP)
        return;
    bool was_root = old->uid == 0 || old->euid == 0 || old->suid == 0;
    bool is_root = next->uid == 0 || next->euid == 0 || next->suid == 0;
    if (was_root && !is_root && !(next->securebits & SECBIT_KEEP_CAPS)) {
        next->cap_permitted = next->cap_effective = 0;
        next->cap_ambient = 0;
    }
    if (old->euid == 0 && next->euid != 0)
        next->cap_effective = 0;
    if (old->euid != 0 && next->euid == 0)
        next->cap_effective = next->cap_permitted;
}

static const uint64_t file_caps = 1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH |
                                  1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_MKNOD |
                                  1ull << 9 /* LINUX_IMMUTABLE */ | 1ull << 32 /* MAC_OVERRIDE */;

static long commit_uids(struct cred *next) {
    fix_capabilities(next, cred_current());
    return cred_commit(next);
}

long sys_setuid(uint32_t uid) {
    const struct cred *old = cred_current();
    bool privileged = cred_has_cap(old, CAP_SETUID);
    if (uid == KEEP)
        return -EINVAL;
    if (!privileged && uid != old->uid && uid != old->suid)
        return -EPERM;
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    if (privileged)
        next->uid = next->suid = uid;
    next->euid = next->fsuid = uid;
    return commit_uids(next);
}

long sys_setgid(uint32_t gid) {
    const struct cred *old = cred_current();
    bool privileged = cred_has_cap(old, CAP_SETGID);
    if (gid == KEEP)
        return -EINVAL;
    if (!privileged && gid != old->gid && gid != old->sgid)
        return -EPERM;
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    if (privileged)
        next->gid = next->sgid = gid;
    next->egid = next->fsgid = gid;
    return cred_commit(next);
}

long sys_setreuid(uint32_t real, uint32_t effective) {
    const struct cred *old = cred_current();
    if (!cred_has_cap(old, CAP_SETUID)) {
        if (real != KEEP && real != old->uid && real != old->euid)
            return -EPERM;
        if (effective != KEEP && effective != old->uid && effective != old->euid && effective != old->suid)
            return -EPERM;
    }
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    if (real != KEEP)
        next->uid = real;
    if (effective != KEEP)
        next->euid = effective;
    if (real != KEEP || (effective != KEEP && effective != old->uid))
        next->suid = next->euid;
    next->fsuid = next->euid;
    return commit_uids(next);
}

long sys_setregid(uint32_t real, uint32_t effective) {
    const struct cred *old = cred_current();
    if (!cred_has_cap(old, CAP_SETGID)) {
        if (real != KEEP && real != old->gid && real != old->egid)
            return -EPERM;
        if (effective != KEEP && effective != old->gid && effective != old->egid && effective != old->sgid)
            return -EPERM;
    }
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    if (real != KEEP)
        next->gid = real;
    if (effective != KEEP)
        next->egid = effective;
    if (real != KEEP || (effective != KEEP && effective != old->gid))
        next->sgid = next->egid;
    next->fsgid = next->egid;
    return cred_commit(next);
}

static bool one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c) {
    return id == KEEP || id == a || id == b || id == c;
}

long sys_setresuid(uint32_t real, uint32_t effective, uint32_t saved) {
    const struct cred *old = cred_current();
    if (!cred_has_cap(old, CAP_SETUID) &&
        (!one_of(real, old->uid, old->euid, old->suid) || !one_of(effective, old->uid, old->euid, old->suid) ||
         !one_of(saved, old->uid, old->euid, old->suid)))
        return -EPERM;
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    if (real != KEEP)
        next->uid = real;
    if (effective != KEEP)
        next->euid = effective;
    if (saved != KEEP)
        next->suid = saved;
    next->fsuid = next->euid;
    return commit_uids(next);
}

long sys_setresgid(uint32_t real, uint32_t effective, uint32_t saved) {
    const struct cred *old = cred_current();
    if (!cred_has_cap(old, CAP_SETGID) &&
        (!one_of(real, old->gid, old->egid, old->sgid) || !one_of(effective, old->gid, old->egid, old->sgid) ||
         !one_of(saved, old->gid, old->egid, old->sgid)))
        return -EPERM;
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    if (real != KEEP)
        next->gid = real;
    if (effective != KEEP)
        next->egid = effective;
    if (saved != KEEP)
        next->sgid = saved;
    next->fsgid = next->egid;
    return cred_commit(next);
}

static long put_three(uint32_t __user *const to[3], const uint32_t ids[3]) {
    for (unsigned i = 0; i < 3; i++)
        if (put_user(ids[i], to[i]) != 0)
            return -EFAULT;
    return 0;
}

long sys_getresuid(uint32_t __user *real, uint32_t __user *effective, uint32_t __user *saved) {
    const struct cred *cred = cred_current();
    return put_three((uint32_t __user *[]){real, effective, saved}, (uint32_t[]){cred->uid, cred->euid, cred->suid});
}

long sys_getresgid(uint32_t __user *real, uint32_t __user *effective, uint32_t __user *saved) {
    const struct cred *cred = cred_current();
    return put_three((uint32_t __user *[]){real, effective, saved}, (uint32_t[]){cred->gid, cred->egid, cred->sgid});
}

// Both return the old value, whether they changed it or not.
long sys_setfsuid(uint32_t uid) {
    const struct cred *old = cred_current();
    uint32_t previous = old->fsuid;
    bool allowed =
        uid == old->uid || uid == old->euid || uid == old->suid || uid == old->fsuid || cred_has_cap(old, CAP_SETUID);
    struct cred *next = allowed && uid != KEEP && uid != previous ? cred_begin() : nullptr;
    if (!next)
        return previous;
    next->fsuid = uid;
    if (previous == 0 && uid != 0)
        next->cap_effective &= ~file_caps;
    else if (previous != 0 && uid == 0)
        next->cap_effective |= next->cap_permitted & file_caps;
    if (cred_commit(next) != 0)
        return previous;
    return previous;
}

long sys_setfsgid(uint32_t gid) {
    const struct cred *old = cred_current();
    uint32_t previous = old->fsgid;
    bool allowed =
        gid == old->gid || gid == old->egid || gid == old->sgid || gid == old->fsgid || cred_has_cap(old, CAP_SETGID);
    struct cred *next = allowed && gid != KEEP && gid != previous ? cred_begin() : nullptr;
    if (!next)
        return previous;
    next->fsgid = gid;
    if (cred_commit(next) != 0)
        return previous;
    return previous;
}

// --- groups ---

long sys_getgroups(int size, uint32_t __user *list) {
    const struct cred *cred = cred_current();
    if (size < 0)
        return -EINVAL;
    if (size == 0)
        return cred->group_count;
    if ((unsigned)size < cred->group_count)
        return -EINVAL;
    if (copy_to_user(list, cred->groups, cred->group_count * sizeof(cred->groups[0])) != 0)
        return -EFAULT;
    return cred->group_count;
}

// Sorted, for cred_in_group. Heap sort: no recursion, and no bad case that a user could choose.
static void sift(uint32_t *a, size_t root, size_t count) {
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && a[child] < a[child + 1])
            child++;
        if (a[root] >= a[child])
            return;
        uint32_t t = a[root];
        a[root] = a[child];
        a[child] = t;
    }
}

static void sort(uint32_t *a, size_t count) {
    for (size_t i = count / 2; i-- > 0;)
        sift(a, i, count);
    for (size_t end = count; end > 1; end--) {
        uint32_t t = a[0];
        a[0] = a[end - 1];
        a[end - 1] = t;
        sift(a, 0, end - 1);
    }
}

long sys_setgroups(int size, const uint32_t __user *list) {
    enum { GROUPS_MAX = 65536 };
    if (!cred_has_cap(cred_current(), CAP_SETGID))
        return -EPERM;
    if (size < 0 || size > GROUPS_MAX)
        return -EINVAL;
    struct cred *next = cred_copy(cred_current(), size);
    if (!next)
        return -ENOMEM;
    if (copy_from_user(next->groups, list, size * sizeof(next->groups[0])) != 0) {
        cred_put(next);
        return -EFAULT;
    }
    sort(next->groups, size);
    return cred_commit(next);
}
