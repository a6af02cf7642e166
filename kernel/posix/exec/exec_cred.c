// SPDX-License-Identifier: MPL-2.0
// Credentials across execve: set-user-id and set-group-id files, and Linux's rules for capabilities of root and of
// others (capabilities(7)); files have no capabilities of their own.
#include "exec_priv.h"
#include "trace/trace_priv.h"
#include <abi/prctl.h>
#include <abi/stat.h>
#include <vfs/namespace.h>

static void apply_file_ids(struct exec *exec, struct cred *cred) {
    const struct vnode *vnode = exec->vnode;
    bool gives = (vnode->mode & S_ISUID) || (vnode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    if (cred->no_new_privileges || (mount_flags(object_path(exec->file)->mount) & MS_NOSUID))
        return;
    if (gives && !trace_gains_begin())
        return;
    if (vnode->mode & S_ISUID)
        cred->euid = vnode->uid;
    if ((vnode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
        cred->egid = vnode->gid;
}

static void apply_capabilities(struct cred *cred, bool ids_changed) {
    if (ids_changed)
        cred->cap_ambient = 0;
    bool root = !(cred->securebits & SECBIT_NOROOT) && (cred->uid == 0 || cred->euid == 0);
    if (root) {
        cred->cap_permitted = cred->cap_inheritable | cred->cap_bounding;
        cred->cap_effective = cred->euid == 0 ? cred->cap_permitted : cred->cap_ambient;
    } else {
        cred->cap_permitted = cred->cap_effective = cred->cap_ambient;
    }
}

static bool same(const struct cred *a, const struct cred *b) {
    return a->euid == b->euid && a->egid == b->egid && a->suid == b->suid && a->sgid == b->sgid &&
           a->fsuid == b->fsuid && a->fsgid == b->fsgid && a->cap_permitted == b->cap_permitted &&
           a->cap_effective == b->cap_effective && a->cap_ambient == b->cap_ambient && a->securebits == b->securebits;
}

// Groups are at the end of the structure: the decision is made on a copy of the fixed part.
status_t exec_prepare_cred(struct exec *exec) {
    const struct cred *old = cred_current();
    struct cred next = *old;
    apply_file_ids(exec, &next);
    bool ids_changed = next.euid != old->euid || next.egid != old->egid;
    next.suid = next.fsuid = next.euid;
    next.sgid = next.fsgid = next.egid;
    apply_capabilities(&next, ids_changed);
    next.securebits &= ~SECBIT_KEEP_CAPS;
    exec->secure = next.euid != next.uid || next.egid != next.gid;
    if (same(&next, old))
        return 0;
    exec->cred = cred_copy(old, old->group_count);
    if (!exec->cred)
        return -ENOMEM;
    struct cred *cred = exec->cred;
    cred->euid = next.euid;
    cred->egid = next.egid;
    cred->suid = next.suid;
    cred->sgid = next.sgid;
    cred->fsuid = next.fsuid;
    cred->fsgid = next.fsgid;
    cred->cap_permitted = next.cap_permitted;
    cred->cap_effective = next.cap_effective;
    cred->cap_ambient = next.cap_ambient;
    cred->securebits = next.securebits;
    return 0;
}
