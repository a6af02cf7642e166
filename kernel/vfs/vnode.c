// SPDX-License-Identifier: MPL-2.0
// Vnodes: life, permission, times, who writes and who executes.
#include "vfs_priv.h"

#include <sched/realtime.h>

CHARGED_CACHE(vnode_slab, struct vnode);

_Atomic nsec_t vfs_realtime_offset;
const struct vfs_hooks *vfs_hooks;

struct time_spec time_now(void) {
    nsec_t now = clock_realtime();
    return (struct time_spec){now / 1000000000, now % 1000000000};
}

struct vnode *vnode_create(struct super *super, const struct vnode_ops *ops, uint32_t mode, uint64_t inode) {
    struct memory_account *payer = super->ops->makers_pay ? account_current() : nullptr;
    struct vnode *vnode = charged_alloc_zero_by(&vnode_slab, payer);
    if (!vnode)
        return nullptr;
    refcount_init(&vnode->ref, 1);
    rwlock_init(&vnode->lock);
    vnode->mode = mode;
    vnode->ops = ops;
    vnode->super = super;
    vnode->inode = inode;
    vnode->links = 1;
    vnode->accessed = vnode->modified = vnode->changed = vnode->born = time_now();
    return vnode;
}

static void reclaim(struct rcu_head *head) {
    struct vnode *vnode = CONTAINER_OF(head, struct vnode, rcu);
    if (!(vnode->flags & VNODE_STATIC_LINK))
        kfree((void *)(uintptr_t)vnode->link_target);
    charged_free(&vnode_slab, vnode);
}

void vnode_put(struct vnode *vnode) {
    if (!refcount_down(&vnode->ref))
        return;
    locks_free(vnode);
    if (vnode->ops->release)
        vnode->ops->release(vnode);
    if (vnode->data)
        vmo_put(vnode->data);
    if (vnode->pipe)
        pipe_put(vnode->pipe);
    rcu_call(&vnode->rcu, reclaim);
}

// ---------------------------------------------------------------- permission

static unsigned class_bits(const struct vnode *vnode, const struct cred *cred) {
    if (cred->fsuid == vnode->uid)
        return vnode->mode >> 6 & 7;
    if (cred->fsgid == vnode->gid || cred_in_group(cred, vnode->gid))
        return vnode->mode >> 3 & 7;
    return vnode->mode & 7;
}

status_t vnode_permission(struct vnode *vnode, const struct cred *cred, unsigned access) {
    if (vnode->ops->permission)
        return vnode->ops->permission(vnode, cred, access);
    if ((class_bits(vnode, cred) & access) == access)
        return 0;
    bool directory = S_ISTYPE(vnode->mode, S_IFDIR);
    // DAC_OVERRIDE: everything, but executing only what someone may execute.
    if (cred_has_cap(cred, CAP_DAC_OVERRIDE) && (directory || !(access & X_OK) || vnode->mode & S_IXUGO))
        return 0;
    if (cred_has_cap(cred, CAP_DAC_READ_SEARCH) && (access == R_OK || (directory && !(access & W_OK))))
        return 0;
    return -EACCES;
}

status_t vnode_may_delete(struct vnode *dir, struct vnode *victim, const struct cred *cred) {
    status_t status = vnode_permission(dir, cred, W_OK | X_OK);
    if (status != 0)
        return status;
    bool sticky = dir->mode & S_ISVTX && cred->fsuid != victim->uid && cred->fsuid != dir->uid;
    return sticky && !cred_has_cap(cred, CAP_FOWNER) ? -EPERM : 0;
}

void vnode_set_owner(struct vnode *vnode, const struct vnode *dir, const struct cred *cred) {
    vnode->uid = cred->fsuid;
    vnode->gid = cred->fsgid;
    if (!(dir->mode & S_ISGID))
        return;
    vnode->gid = dir->gid;
    if (S_ISTYPE(vnode->mode, S_IFDIR))
        vnode->mode |= S_ISGID;
}

// ---------------------------------------------------------------- times

void vnode_touch(struct vnode *vnode) {
    vnode->modified = vnode->changed = time_now();
}
void vnode_changed(struct vnode *vnode) {
    vnode->changed = time_now();
}

static bool is_older(const struct time_spec *a, const struct time_spec *b) {
    return a->seconds != b->seconds ? a->seconds < b->seconds : a->nanoseconds < b->nanoseconds;
}

// relatime: only if it was read before the last change, or not for a day.
void vnode_accessed(struct vnode *vnode, const struct mount *mount) {
    enum { DAY = 24 * 60 * 60 };
    uint32_t flags = atomic_load_explicit(&mount->flags, memory_order_relaxed);
    if (flags & (MS_NOATIME | MS_RDONLY) || vnode->flags & VNODE_NO_TIMES)
        return;
    if (flags & MS_NODIRATIME && S_ISTYPE(vnode->mode, S_IFDIR))
        return;
    if (!(flags & MS_STRICTATIME) && is_older(&vnode->modified, &vnode->accessed) &&
        is_older(&vnode->changed, &vnode->accessed)) {
        // When this thread got the CPU is exact enough for a day, and at hand.
        nsec_t now = arch_current()->run_start + atomic_load_explicit(&realtime_offset, memory_order_relaxed);
        if (now < (vnode->accessed.seconds + DAY) * 1000000000)
            return;
    }
    vnode->accessed = time_now();
}

// ---------------------------------------------------------------- writers against executors

status_t vnode_get_writer(struct vnode *vnode) {
    int32_t old = atomic_load_explicit(&vnode->writers, memory_order_relaxed);
    do {
        if (old < 0)
            return -ETXTBSY;
    } while (!atomic_compare_exchange_weak(&vnode->writers, &old, old + 1));
    return 0;
}

void vnode_put_writer(struct vnode *vnode) {
    atomic_fetch_sub(&vnode->writers, 1);
}

status_t vnode_deny_write(struct vnode *vnode) {
    int32_t old = atomic_load_explicit(&vnode->writers, memory_order_relaxed);
    do {
        if (old > 0)
            return -ETXTBSY;
    } while (!atomic_compare_exchange_weak(&vnode->writers, &old, old - 1));
    return 0;
}

void vnode_allow_write(struct vnode *vnode) {
    atomic_fetch_add(&vnode->writers, 1);
}
