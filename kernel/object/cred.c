// SPDX-License-Identifier: MPL-2.0
// Credentials: immutable once shared; a change makes a copy. Others may read a task's under RCU, so they are
// freed after a grace period.

#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <object/cred.h>

#define ALL_CAPS ((1ull << (CAP_LAST + 1)) - 1)

struct cred cred_root = {
    .ref = REFCOUNT_INIT(1),
    .cap_effective = ALL_CAPS,
    .cap_permitted = ALL_CAPS,
    .cap_bounding = ALL_CAPS,
};

struct cred *cred_copy(const struct cred *from, unsigned group_count) {
    struct cred *cred = kmalloc_charged(sizeof *cred + group_count * sizeof cred->groups[0]);
    if (!cred)
        return nullptr;
    *cred = *from;
    refcount_init(&cred->ref, 1);
    cred->group_count = group_count;
    memcpy(cred->groups, from->groups, MIN(group_count, from->group_count) * sizeof cred->groups[0]);
    return cred;
}

static void reclaim(struct rcu_head *head) {
    kfree(CONTAINER_OF(head, struct cred, rcu));
}

void cred_put(struct cred *cred) {
    if (refcount_down(&cred->ref))
        rcu_call(&cred->rcu, reclaim);
}

bool cred_in_group(const struct cred *cred, uint32_t gid) {
    if (gid == cred->fsgid)
        return true;
    unsigned low = 0, high = cred->group_count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (cred->groups[middle] == gid)
            return true;
        if (cred->groups[middle] < gid)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}
