// SPDX-License-Identifier: MPL-2.0
// capget, capset, and the part of prctl that is about capabilities.
#include "cred_priv.h"
#include "prctl_priv.h"
#include "process_priv.h"
#include <abi/prctl.h>
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/string.h>

#define ALL_CAPABILITIES ((1ull << (CAP_LAST + 1)) - 1)

// The number of 32-bit words of a version; 0: unknown, and the preferred version is told.
static int words_of(struct abi_cap_header *header, void __user *to) {
    switch (header->version) {
    case CAPABILITY_VERSION_1:
        return 1;
    case CAPABILITY_VERSION_2:
    case CAPABILITY_VERSION_3:
        return 2;
    default:
        return put_user(CAPABILITY_VERSION_3, (uint32_t __user *)to) != 0 ? -EFAULT : 0;
    }
}

long sys_capget(void __user *user_header, void __user *data) {
    struct abi_cap_header header;
    if (copy_from_user(&header, user_header, sizeof(header)) != 0)
        return -EFAULT;
    int words = words_of(&header, user_header);
    if (words <= 0)
        return words < 0 ? words : data ? -EINVAL : 0;
    if (header.pid < 0)
        return -EINVAL;
    if (!data)
        return 0;
    rcu_read_lock();
    struct process *process = header.pid == 0 ? process_current() : nullptr;
    struct posix_thread *thread = process ? nullptr : thread_seen(thread_find(header.pid));
    if (thread)
        process = thread->process;
    struct abi_cap_data caps[2];
    memset(caps, 0, sizeof(caps));
    if (process) {
        const struct cred *cred = atomic_load_explicit(&process->task.cred, memory_order_acquire);
        for (int i = 0; i < 2; i++)
            caps[i] = (struct abi_cap_data){(uint32_t)(cred->cap_effective >> (32 * i)),
                                            (uint32_t)(cred->cap_permitted >> (32 * i)),
                                            (uint32_t)(cred->cap_inheritable >> (32 * i))};
    }
    rcu_read_unlock();
    if (!process)
        return -ESRCH;
    return copy_to_user(data, caps, words * sizeof(caps[0]));
}

long sys_capset(void __user *user_header, const void __user *data) {
    struct abi_cap_header header;
    struct abi_cap_data caps[2];
    memset(caps, 0, sizeof(caps));
    if (copy_from_user(&header, user_header, sizeof(header)) != 0)
        return -EFAULT;
    int words = words_of(&header, user_header);
    if (words <= 0)
        return words < 0 ? words : -EINVAL;
    if (header.pid != 0 && header.pid != posix_current()->tid)
        return -EPERM;
    if (copy_from_user(caps, data, words * sizeof(caps[0])) != 0)
        return -EFAULT;
    const struct cred *old = cred_current();
    uint64_t effective = (caps[0].effective | (uint64_t)caps[1].effective << 32) & ALL_CAPABILITIES;
    uint64_t permitted = (caps[0].permitted | (uint64_t)caps[1].permitted << 32) & ALL_CAPABILITIES;
    uint64_t inheritable = (caps[0].inheritable | (uint64_t)caps[1].inheritable << 32) & ALL_CAPABILITIES;
    if (!cred_has_cap(old, CAP_SETPCAP) && (inheritable & ~(old->cap_inheritable | old->cap_permitted)))
        return -EPERM;
    if (inheritable & ~(old->cap_inheritable | old->cap_bounding))
        return -EPERM;
    if ((permitted & ~old->cap_permitted) || (effective & ~permitted))
        return -EPERM;
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    next->cap_effective = effective;
    next->cap_permitted = permitted;
    next->cap_inheritable = inheritable;
    next->cap_ambient &= permitted & inheritable;
    return cred_commit(next);
}

// --- prctl ---

long prctl_capbset_read(unsigned long cap) {
    return cap > CAP_LAST ? -EINVAL : (long)(cred_current()->cap_bounding >> cap & 1);
}

long prctl_capbset_drop(unsigned long cap) {
    if (!cred_has_cap(cred_current(), CAP_SETPCAP))
        return -EPERM;
    if (cap > CAP_LAST)
        return -EINVAL;
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    next->cap_bounding &= ~(1ull << cap);
    return cred_commit(next);
}

static long set_ambient(uint64_t ambient) {
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    next->cap_ambient = ambient;
    return cred_commit(next);
}

long prctl_cap_ambient(unsigned long what, unsigned long cap) {
    const struct cred *cred = cred_current();
    if (what == PR_CAP_AMBIENT_CLEAR_ALL)
        return cap ? -EINVAL : set_ambient(0);
    if (cap > CAP_LAST)
        return -EINVAL;
    uint64_t bit = 1ull << cap;
    switch (what) {
    case PR_CAP_AMBIENT_IS_SET:
        return (cred->cap_ambient & bit) != 0;
    case PR_CAP_AMBIENT_RAISE:
        if (!(cred->cap_permitted & cred->cap_inheritable & bit) || (cred->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
            return -EPERM;
        return set_ambient(cred->cap_ambient | bit);
    case PR_CAP_AMBIENT_LOWER:
        return set_ambient(cred->cap_ambient & ~bit);
    default:
        return -EINVAL;
    }
}

long prctl_set_securebits(unsigned long bits) {
    const struct cred *old = cred_current();
    uint32_t locks = (old->securebits & 0xaa) >> 1; // bits whose lock is set may not change, nor the locks be cleared
    if (((old->securebits ^ bits) & locks) || (old->securebits & 0xaa & ~bits) || (bits & ~0xfful) ||
        !cred_has_cap(old, CAP_SETPCAP))
        return -EPERM;
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    next->securebits = (uint32_t)bits;
    return cred_commit(next);
}

long prctl_set_keepcaps(unsigned long on) {
    const struct cred *old = cred_current();
    if (on > 1)
        return -EINVAL;
    if (old->securebits & SECBIT_KEEP_CAPS_LOCKED)
        return -EPERM;
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    next->securebits = on ? next->securebits | SECBIT_KEEP_CAPS : next->securebits & ~SECBIT_KEEP_CAPS;
    return cred_commit(next);
}

long prctl_set_no_new_privs(void) {
    struct cred *next = cred_begin();
    if (!next)
        return -ENOMEM;
    next->no_new_privileges = true;
    return cred_commit(next);
}
