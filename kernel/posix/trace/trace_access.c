// SPDX-License-Identifier: MPL-2.0
// Who may look into whom: the one rule of ptrace, process_vm_readv, /proc/PID/mem, pidfd_getfd and thread_open.
#include "ready/pidfd_priv.h"
#include "trace_priv.h"

bool trace_may_access(struct process *process, bool by_file_ids) {
    const struct cred *mine = cred_current();
    if (process == process_current() || cred_has_cap(mine, CAP_SYS_PTRACE))
        return true;
    uint32_t uid = by_file_ids ? mine->fsuid : mine->uid, gid = by_file_ids ? mine->fsgid : mine->gid;
    uint64_t rights = by_file_ids ? mine->cap_effective : mine->cap_permitted;
    struct cred *theirs = task_get_cred(&process->task);
    if (!theirs)
        return false;
    bool same = uid == theirs->uid && uid == theirs->euid && uid == theirs->suid && gid == theirs->gid &&
                gid == theirs->egid && gid == theirs->sgid && !(theirs->cap_permitted & ~rights);
    cred_put(theirs);
    return same && process->dumpable == 1;
}

bool process_may_inspect(struct process *process) {
    return trace_may_access(process, true);
}
