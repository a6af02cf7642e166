// SPDX-License-Identifier: MPL-2.0
// object_wait on the straight path: one object, no deadline, a task with one thread.
//
// The thread sleeps with a stack, like any other, and goes on from there if anybody else wakes it. But who raises a
// signal that it waits for takes that for it, and leaves it as a gift (object/wait_one.h): then all that is left to be
// done is to store a word in the thread's user memory and to go to user mode, and whoever switches to it does that
// (sched/handoff.h). Nothing on its stack needs an end: the handle is borrowed, the watcher is off the list.
#include "straight.h"

#include <object/wait_one.h>

[[noreturn]] static NOINLINE void wait_generally(void) {
    arch_syscall_return(object_wait_general((void __user *)argument(0), (unsigned)argument(1), (nsec_t)argument(2)));
}

// The object that a borrowed handle is of; null: ask handle_lookup.
ALWAYS_INLINE struct object *wait_borrow(const struct wait_entry *entry) {
    uint64_t found = handle_near(entry->handle);
    bool allowed = LIKELY(entry_allows(found, RIGHT_WAIT | RIGHT_SIGNAL)) || entry_allows(found, rights_to_wait(entry));
    return LIKELY(allowed) ? entry_object(found) : nullptr;
}

ALWAYS_INLINE bool read_entry(const struct wait_entry __user *user, struct wait_entry *entry) {
    uintptr_t at = (uintptr_t)user;
    if (UNLIKELY(ARCH_USER_REFUSES(at, sizeof *entry)))
        return false;
    ARCH_USER_OPEN;
    ARCH_USER_LOAD(ARCH_USER_32, entry->handle, at, offsetof(struct wait_entry, handle), bad);
    ARCH_USER_LOAD(ARCH_USER_32, entry->wanted, at, offsetof(struct wait_entry, wanted), bad);
    ARCH_USER_LOAD(ARCH_USER_32, entry->consume, at, offsetof(struct wait_entry, consume), bad);
    ARCH_USER_CLOSE;
    return true;
bad:
    return false;
}

// Until something is up, or the thread is interrupted.
ALWAYS_INLINE status_t wait_straight(struct single_wait *wait, uint32_t *ready) {
    for (;;) {
        status_t status = 0;
        if (LIKELY(single_wait_begin(wait)))
            status = thread_block_parking();
        else
            thread_cancel_block();
        *ready = single_wait_end(wait);
        if (*ready != 0)
            return 0;
        if (status != 0)
            return status;
    }
}

ARCH_PARKS void object_wait_straight(ARCH_PARKS_FIRST struct wait_entry __user *user, unsigned count,
                                     int64_t deadline) {
    struct wait_entry entry;
    if (UNLIKELY(count != 1) || UNLIKELY(deadline != FIPC_FOREVER) || UNLIKELY(!read_entry(user, &entry)))
        wait_generally();
    APART;
    struct object *object = may_consume(&entry) ? wait_borrow(&entry) : nullptr;
    if (UNLIKELY(!object))
        wait_generally();
    struct object *target = object->wait_target;
    if (UNLIKELY(target->ops->wait_target != nullptr))
        wait_generally();
    uint32_t ready = object_take(target, entry.wanted, entry.consume);
    status_t status = 0;
    if (ready == 0) {
        struct single_wait wait;
        single_wait_init(&wait, target, entry.wanted, entry.consume, &user->observed);
        status = wait_straight(&wait, &ready);
    }
    if (status == 0)
        status = wait_tell(user, target, ready, entry.consume);
    arch_syscall_return(status == -EINTR ? -ERESTARTSYS : status);
}
