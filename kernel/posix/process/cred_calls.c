// SPDX-License-Identifier: MPL-2.0
// User and group ids. Credentials are immutable once shared: each call makes a copy, changes it, and puts it in the
// place of the old one. They belong to the process: all its threads change at once (which is what libc's setuid makes
// of Linux's per-thread ones).
#include "core/core.h"
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
    spin_lock(&process->signal_lock);
    unsigned threads = process->task.thread_count;
    struct user_account *old = process->account;
    process->account = account;
    atomic_fetch_add_explicit(&account->threads, threads, memory_order_relaxed);
    atomic_fetch_sub_explicit(&old->threads, threads, memory_order_relaxed);
    spin_unlock(&process->signal_lock);
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
        process->dumpable = core_suid_dumpable();
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

// A process's four ids of a kind. The rules are the same for users and groups, so each call is written once.
enum cred_kind { USER_IDS, GROUP_IDS };
struct ids {
    uint32_t real, effective, saved, fs;
};

static struct ids ids_of(const struct cred *cred, enum cred_kind kind) {
    return kind == USER_IDS ? (struct ids){cred->uid, cred->euid, cred->suid, cred->fsuid}
                            : (struct ids){cred->gid, cred->egid, cred->sgid, cred->fsgid};
}

static bool may_set_any(enum cred_kind kind) {
    return cred_has_cap(cred_current(), kind == USER_IDS ? CAP_SETUID : CAP_SETGID);
}

static bool is_one_of(uint32_t id, struct ids ids) {
    return id == KEEP || id == ids.real || id == ids.effective || id == ids.saved;
}

// Makes them the process's. What becomes of capabilities is for the calls that set more than the file system's id.
static status_t commit_ids(enum cred_kind kind, struct ids ids,
                           void (*fix)(struct cred *next, const struct cred *old)) {
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    if (kind == USER_IDS) {
        next->uid = ids.real, next->euid = ids.effective, next->suid = ids.saved, next->fsuid = ids.fs;
        fix(next, cred_current());
    } else {
        next->gid = ids.real, next->egid = ids.effective, next->sgid = ids.saved, next->fsgid = ids.fs;
    }
    return cred_commit(next);
}

static status_t set_id(enum cred_kind kind, uint32_t id) {
    struct ids ids = ids_of(cred_current(), kind);
    if (id == KEEP)
        return -EINVAL;
    if (may_set_any(kind))
        ids.real = ids.saved = id;
    else if (id != ids.real && id != ids.saved)
        return -EPERM;
    ids.effective = ids.fs = id;
    return commit_ids(kind, ids, fix_capabilities);
}

static status_t set_re_id(enum cred_kind kind, uint32_t real, uint32_t effective) {
    const struct ids old = ids_of(cred_current(), kind);
    struct ids ids = old;
    if (!may_set_any(kind)) {
        if (real != KEEP && real != old.real && real != old.effective)
            return -EPERM;
        if (!is_one_of(effective, old))
            return -EPERM;
    }
    if (real != KEEP)
        ids.real = real;
    if (effective != KEEP)
        ids.effective = effective;
    if (real != KEEP || (effective != KEEP && effective != old.real))
        ids.saved = ids.effective;
    ids.fs = ids.effective;
    return commit_ids(kind, ids, fix_capabilities);
}

static status_t set_res_id(enum cred_kind kind, uint32_t real, uint32_t effective, uint32_t saved) {
    struct ids ids = ids_of(cred_current(), kind);
    if (!may_set_any(kind) && (!is_one_of(real, ids) || !is_one_of(effective, ids) || !is_one_of(saved, ids)))
        return -EPERM;
    if (real != KEEP)
        ids.real = real;
    if (effective != KEEP)
        ids.effective = effective;
    if (saved != KEEP)
        ids.saved = saved;
    ids.fs = ids.effective;
    return commit_ids(kind, ids, fix_capabilities);
}

static void fix_file_capabilities(struct cred *next, const struct cred *old) {
    if (old->fsuid == 0 && next->fsuid != 0)
        next->cap_effective &= ~file_caps;
    else if (old->fsuid != 0 && next->fsuid == 0)
        next->cap_effective |= next->cap_permitted & file_caps;
}

// Returns the old value, whether it changed or not: that is all the caller can learn.
static long set_fs_id(enum cred_kind kind, uint32_t id) {
    struct ids ids = ids_of(cred_current(), kind);
    uint32_t previous = ids.fs;
    ids.fs = id;
    if (id != KEEP && id != previous && (is_one_of(id, ids) || may_set_any(kind)))
        (void)commit_ids(kind, ids, fix_file_capabilities);
    return previous;
}

static long get_res_id(enum cred_kind kind, uint32_t __user *real, uint32_t __user *effective, uint32_t __user *saved) {
    struct ids ids = ids_of(cred_current(), kind);
    if (put_user(ids.real, real) != 0 || put_user(ids.effective, effective) != 0 || put_user(ids.saved, saved) != 0)
        return -EFAULT;
    return 0;
}

long sys_setuid(uint32_t uid) {
    return set_id(USER_IDS, uid);
}
long sys_setgid(uint32_t gid) {
    return set_id(GROUP_IDS, gid);
}
long sys_setreuid(uint32_t real, uint32_t effective) {
    return set_re_id(USER_IDS, real, effective);
}
long sys_setregid(uint32_t real, uint32_t effective) {
    return set_re_id(GROUP_IDS, real, effective);
}
long sys_setresuid(uint32_t real, uint32_t effective, uint32_t saved) {
    return set_res_id(USER_IDS, real, effective, saved);
}
long sys_setresgid(uint32_t real, uint32_t effective, uint32_t saved) {
    return set_res_id(GROUP_IDS, real, effective, saved);
}
long sys_getresuid(uint32_t __user *real, uint32_t __user *effective, uint32_t __user *saved) {
    return get_res_id(USER_IDS, real, effective, saved);
}
long sys_getresgid(uint32_t __user *real, uint32_t __user *effective, uint32_t __user *saved) {
    return get_res_id(GROUP_IDS, real, effective, saved);
}
long sys_setfsuid(uint32_t uid) {
    return set_fs_id(USER_IDS, uid);
}
long sys_setfsgid(uint32_t gid) {
    return set_fs_id(GROUP_IDS, gid);
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
