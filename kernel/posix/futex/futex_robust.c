// SPDX-License-Identifier: MPL-2.0
// Robust futexes: a list in user memory of the mutexes that a thread holds. When it ends, each gets OWNER_DIED in its
// word, and a waiter is woken to find that out. The list is the program's and may be anything: every access may
// fault, and the walk is bounded.

#include "futex_priv.h"
#include <abi/syscall_table.h>
#include <lib/status.h>

long sys_set_robust_list(void __user *head, size_t size) {
    if (size != sizeof(struct abi_robust_list_head))
        return -EINVAL;
    posix_current()->robust_list = (__force vaddr_t)head;
    posix_current()->robust_size = size;
    return 0;
}

long sys_get_robust_list(int pid, void __user *head, void __user *size) {
    vaddr_t list = 0;
    status_t status = 0;
    rcu_read_lock();
    struct posix_thread *thread = pid ? thread_seen(thread_find(pid)) : posix_current();
    if (!thread)
        status = -ESRCH;
    else if (thread->process != process_current() && !cred_has_cap(cred_current(), CAP_SYS_PTRACE))
        status = -EPERM;
    else
        list = thread->robust_list;
    rcu_read_unlock();
    if (status != 0)
        return status;
    if (put_user((uint64_t)sizeof(struct abi_robust_list_head), (uint64_t __user *)size) != 0)
        return -EFAULT;
    return put_user((uint64_t)list, (uint64_t __user *)head);
}

// The owner of one mutex is dead. `pending`: it may have died between unlocking it and waking a waiter.
static status_t owner_died(vaddr_t address, uint32_t tid, bool is_pi, bool pending) {
    uint32_t __user *word = (uint32_t __user *)address;
    uint32_t old;
    struct memory_key key;
    if (futex_key(address, false, &key) != 0 || get_user(old, word) != 0)
        return -EFAULT;
    if (pending && !is_pi && old == 0) {
        futex_wake_key(&key, 1, FUTEX_BITSET_MATCH_ANY);
        return 0;
    }
    while ((old & FUTEX_TID_MASK) == tid) {
        uint32_t expected = old;
        if (user_cmpxchg_u32(word, expected, (expected & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &old) != 0)
            return -EFAULT;
        if (old != expected)
            continue;
        if (!is_pi && (expected & FUTEX_WAITERS))
            futex_wake_key(&key, 1, FUTEX_BITSET_MATCH_ANY);
        return 0;
    }
    return 0;
}

static void walk_list(struct posix_thread *thread) {
    struct abi_robust_list_head head;
    uint32_t tid = (uint32_t)thread->tid;
    vaddr_t start = thread->robust_list;
    if (!start || copy_from_user(&head, (const void __user *)start, sizeof head) != 0)
        return;
    uint64_t entry = head.list, pending = head.pending;
    for (unsigned i = 0; i < ROBUST_LIST_LIMIT && (entry & ~1ull) != start; i++) {
        uint64_t next;
        bool have_next = get_user(next, (const uint64_t __user *)(entry & ~1ull)) == 0;
        if ((entry & ~1ull) != (pending & ~1ull) &&
            owner_died((entry & ~1ull) + (uint64_t)head.offset, tid, entry & 1, false) != 0)
            return;
        if (!have_next)
            return;
        entry = next;
    }
    if (pending & ~1ull)
        (void)!owner_died((pending & ~1ull) + (uint64_t)head.offset, tid, pending & 1, true);
}

void futex_thread_exit(struct posix_thread *thread) {
    if (thread->robust_list) {
        walk_list(thread);
        thread->robust_list = 0;
    }
    futex_pi_exit(thread);
    vaddr_t clear = thread->clear_child_tid;
    thread->clear_child_tid = 0;
    struct memory_key key;
    if (clear && put_user(0u, (uint32_t __user *)clear) == 0 && futex_key(clear, false, &key) == 0)
        futex_wake_key(&key, 1, FUTEX_BITSET_MATCH_ANY);
}
