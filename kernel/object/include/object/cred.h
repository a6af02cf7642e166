// SPDX-License-Identifier: MPL-2.0
// Credentials: immutable once shared; a change makes a new one.
#pragma once

#include <lib/refcount.h>
#include <sched/rcu.h>

struct cred {
    struct refcount ref;
    uint32_t uid, euid, suid, fsuid;
    uint32_t gid, egid, sgid, fsgid;
    uint64_t cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
    uint32_t securebits;
    bool no_new_privileges;
    struct rcu_head rcu; // others may read a task's credentials under rcu_read_lock
    uint32_t group_count;
    uint32_t groups[]; // sorted
};

// nullptr: no memory. A private copy with room for `group_count` groups.
struct cred *cred_copy(const struct cred *from, unsigned group_count);
ALWAYS_INLINE void cred_get(struct cred *cred) {
    refcount_up(&cred->ref);
}
void cred_put(struct cred *cred);
// The file system group or one of the supplementary ones.
bool cred_in_group(const struct cred *cred, uint32_t gid);
ALWAYS_INLINE bool cred_has_cap(const struct cred *cred, unsigned cap) {
    return cred->cap_effective >> cap & 1;
}
extern struct cred cred_root; // uid 0, all capabilities

// Capabilities in use (Linux's numbers).
enum {
    CAP_CHOWN = 0,
    CAP_DAC_OVERRIDE = 1,
    CAP_DAC_READ_SEARCH = 2,
    CAP_FOWNER = 3,
    CAP_FSETID = 4,
    CAP_KILL = 5,
    CAP_SETGID = 6,
    CAP_SETUID = 7,
    CAP_SETPCAP = 8,
    CAP_NET_BIND_SERVICE = 10,
    CAP_NET_ADMIN = 12,
    CAP_NET_RAW = 13,
    CAP_IPC_LOCK = 14,
    CAP_IPC_OWNER = 15,
    CAP_SYS_CHROOT = 18,
    CAP_SYS_PTRACE = 19,
    CAP_SYS_ADMIN = 21,
    CAP_SYS_BOOT = 22,
    CAP_SYS_NICE = 23,
    CAP_SYS_RESOURCE = 24,
    CAP_SYS_TIME = 25,
    CAP_SYS_TTY_CONFIG = 26,
    CAP_MKNOD = 27,
    CAP_LAST = 40
};
