// SPDX-License-Identifier: MPL-2.0
// get_mempolicy, set_mempolicy, mbind: from which nodes of memory a thread's, or a mapping's, pages should come.
//
// There is one node, number 0, and all memory is on it: whatever policy is accepted is followed. What is left to do is
// to accept what Linux on a machine of one node accepts, and to remember it: a thread's policy is inherited by those
// that it makes and kept by exec, a mapping's lies in its region (kernel/mm/policy.c).
//
// A policy is one word: what set_mempolicy calls the mode, with its flags, and the nodes. Nodes beyond NODE_LIMIT are
// an error to name.
#include "process/process_priv.h"
#include <abi/mman.h>
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <mm/aspace.h>

#define NODE_LIMIT 32u  // names that a set of nodes may have
#define NODES_PRESENT 1 // node 0

enum policy_shift { POLICY_NODES_SHIFT = 32 };

ALWAYS_INLINE uint64_t policy_make(unsigned mode, uint32_t nodes) {
    return (uint64_t)nodes << POLICY_NODES_SHIFT | mode;
}
ALWAYS_INLINE unsigned policy_mode(uint64_t policy) {
    return (uint32_t)policy;
}
ALWAYS_INLINE uint32_t policy_nodes(uint64_t policy) {
    return (uint32_t)(policy >> POLICY_NODES_SHIFT);
}

// --- sets of nodes from and to the user: arrays of 64-bit words ---

#define BITS_MAX (PAGE_SIZE * 8)

// `bits` is one more than there are bits, as it always was on Linux. Named nodes that cannot be: -EINVAL.
static status_t nodes_from_user(const void __user *from, unsigned long bits, uint32_t *nodes) {
    const uint64_t __user *words = from;
    bits--;
    *nodes = 0;
    if (bits == 0 || !from)
        return 0;
    if (bits > BITS_MAX)
        return -EINVAL;
    bool beyond = false;
    for (unsigned long at = 0; at < bits; at += 64) {
        uint64_t word;
        if (get_user(word, words + at / 64) != 0)
            return -EFAULT;
        if (bits - at < 64)
            word &= (1ull << (bits - at)) - 1;
        if (at == 0)
            *nodes = (uint32_t)word;
        beyond = beyond || (at == 0 ? word >> NODE_LIMIT : word) != 0;
    }
    return beyond ? -EINVAL : 0;
}

static status_t nodes_to_user(void __user *to, unsigned long bits, uint32_t nodes) {
    uint64_t __user *words = to;
    unsigned long count = ALIGN_UP(bits - 1, 64) / 64;
    if (count > PAGE_SIZE / sizeof(uint64_t))
        return -EINVAL;
    for (unsigned long i = 0; i < count; i++)
        if (put_user((uint64_t)(i == 0 ? nodes : 0), words + i) != 0)
            return -EFAULT;
    return 0;
}

// --- policies ---

// Checks a mode with its flags and nodes in Linux's order, and makes one word of them. 0: the default.
static status_t policy_check(unsigned mode, uint32_t nodes, uint64_t *policy) {
    unsigned kind = mode & ~(unsigned)MPOL_MODE_FLAGS;
    bool moved = mode & (MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES);
    if (kind == MPOL_DEFAULT) {
        *policy = 0;
        return nodes ? -EINVAL : 0;
    }
    if (kind == MPOL_LOCAL || (kind == MPOL_PREFERRED && !nodes)) {
        *policy = policy_make(MPOL_LOCAL | (mode & MPOL_MODE_FLAGS), 0);
        return nodes || moved ? -EINVAL : 0;
    }
    // Relative nodes are counted among those that there are: any number is that of node 0.
    uint32_t meant = mode & MPOL_F_RELATIVE_NODES ? nodes != 0 : nodes & NODES_PRESENT;
    *policy = policy_make(mode, moved ? nodes : meant);
    return meant ? 0 : -EINVAL;
}

// The part that comes before the nodes are read.
static status_t mode_check(unsigned long mode) {
    unsigned long kind = mode & ~(unsigned long)MPOL_MODE_FLAGS;
    unsigned long both = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES;
    if (kind >= MPOL_KINDS || (mode & both) == both)
        return -EINVAL;
    return (mode & MPOL_F_NUMA_BALANCING) && kind != MPOL_BIND ? -EINVAL : 0;
}

static status_t policy_from_user(unsigned long mode, const void __user *from, unsigned long bits, uint32_t *nodes) {
    status_t status = mode_check(mode);
    return status == 0 ? nodes_from_user(from, bits, nodes) : status;
}

long sys_set_mempolicy(int mode, const void __user *from, unsigned long bits) {
    uint32_t nodes;
    uint64_t policy;
    status_t status = policy_from_user((unsigned)mode, from, bits, &nodes);
    if (status == 0)
        status = policy_check((unsigned)mode, nodes, &policy);
    if (status == 0)
        posix_current()->memory_policy = policy;
    return status;
}

long sys_mbind(unsigned long address, size_t size, unsigned long mode, const void __user *from, unsigned long bits,
               unsigned flags) {
    uint32_t nodes;
    uint64_t policy;
    status_t status = policy_from_user(mode, from, bits, &nodes);
    if (status != 0)
        return status;
    if (flags & ~(unsigned)(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL))
        return -EINVAL;
    if ((flags & MPOL_MF_MOVE_ALL) && !cred_has_cap(cred_current(), CAP_SYS_NICE))
        return -EPERM;
    unsigned long end = address + ALIGN_UP(size, PAGE_SIZE);
    if ((address & PAGE_MASK) || end < address)
        return -EINVAL;
    if (end == address)
        return 0;
    status = policy_check((unsigned)mode, nodes, &policy);
    if (status != 0)
        return status;
    return end > USER_TOP ? -EFAULT : aspace_set_policy(aspace_current(), address, end, policy);
}

// --- asking ---

// The node that the page at an address is on: it is brought in, to be somewhere.
static long node_of(unsigned long address) {
    struct page *page;
    status_t status = aspace_get_page(aspace_current(), ALIGN_DOWN(address, PAGE_SIZE), false, &page);
    if (status != 0)
        return -EFAULT;
    page_put(page);
    return 0;
}

// What get_mempolicy answers, into *mode and *nodes.
static long look_up(unsigned long address, unsigned long flags, long *mode, uint32_t *nodes) {
    uint64_t policy = posix_current()->memory_policy;
    if (flags & MPOL_F_MEMS_ALLOWED) {
        *mode = 0;
        *nodes = NODES_PRESENT;
        return flags & (MPOL_F_NODE | MPOL_F_ADDR) ? -EINVAL : 0;
    }
    if (!(flags & MPOL_F_ADDR) && address)
        return -EINVAL;
    if (flags & MPOL_F_ADDR) {
        status_t status = aspace_policy(aspace_current(), address, &policy);
        if (status != 0)
            return status;
    }
    *mode = policy_mode(policy);
    *nodes = policy_nodes(policy);
    if (!(flags & MPOL_F_NODE))
        return 0;
    if (flags & MPOL_F_ADDR)
        return *mode = node_of(address);
    // The node that the next page of an interleaved range comes from.
    bool interleaves = (policy_mode(policy) & ~(unsigned)MPOL_MODE_FLAGS) == MPOL_INTERLEAVE;
    *mode = 0;
    return interleaves ? 0 : -EINVAL;
}

long sys_get_mempolicy(int __user *to_mode, void __user *to_nodes, unsigned long bits, unsigned long address,
                       unsigned long flags) {
    long mode;
    uint32_t nodes;
    if (to_nodes && bits < 1) // less than the nodes that there are
        return -EINVAL;
    if (flags & ~(unsigned long)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED))
        return -EINVAL;
    long status = look_up(address, flags, &mode, &nodes);
    if (status != 0)
        return status;
    if (to_mode && put_user((int)mode, to_mode) != 0)
        return -EFAULT;
    return to_nodes ? nodes_to_user(to_nodes, bits, nodes) : 0;
}
