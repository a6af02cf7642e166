// SPDX-License-Identifier: MPL-2.0
// Calls on handles and signals of any object. Rights only shrink: what a new handle may do is what the old one may,
// less what the mask leaves out.
#include "ipc_priv.h"

#include <abi/native.h>
#include <abi/syscall_table.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <object/rights.h>
#include <object/task.h>

static uint32_t cloexec(unsigned flags) {
    return flags & HANDLE_KEEP ? 0 : HANDLE_CLOEXEC;
}

long sys_handle_duplicate(int handle, uint32_t rights, unsigned flags) {
    if (flags & ~HANDLE_KEEP)
        return -EINVAL;
    return handle_duplicate(handle, rights & RIGHTS_ALL, cloexec(flags), 0);
}

// A private copy of a VMO (memfd): the caller's own, so it may read, write and map it.
long sys_vmo_clone(int handle, unsigned flags) {
    struct handle_ref ref;
    struct object *copy = nullptr;
    if (flags & ~HANDLE_KEEP)
        return -EINVAL;
    status_t status = handle_lookup(handle, RIGHT_READ | RIGHT_DUPLICATE, &ref);
    if (status != 0)
        return status;
    uint32_t rights = ref.rights | RIGHT_WRITE;
    status = ref.object->ops->snapshot ? ref.object->ops->snapshot(ref.object, &copy) : -EINVAL;
    handle_release(&ref);
    if (status != 0)
        return status;
    int number = handle_install(copy, rights, cloexec(flags));
    if (number < 0)
        object_put(copy);
    return number;
}

// Gives `ref`, which was detached, to the table of another task.
static long give(struct task *task, const struct handle_ref *ref, uint32_t rights) {
    struct handle_table *table = task_get_handles(task);
    if (!table)
        return -ESRCH;
    object_get(ref->object);
    int number = handle_install_in(table, ref->object, handle_rights_left(ref->rights, rights), HANDLE_CLOEXEC);
    if (number < 0)
        object_put(ref->object);
    handle_table_put(table, task);
    return number;
}

long sys_handle_transfer(int handle, int task_handle, uint32_t rights) {
    struct handle_ref target, ref;
    status_t status = handle_lookup(task_handle, RIGHT_WRITE, &target);
    if (status != 0)
        return status;
    if (!target.owned)
        object_handle_acquire(target.object); // it may be the one that moves
    target.owned = true;
    struct task *task = fipc_hooks->task_of(target.object);
    status = task ? fipc_hooks->may_change(task) : -EBADF;
    long result = status;
    if (status == 0)
        result = handle_detach(handle, RIGHT_TRANSFER, &ref);
    if (status == 0 && result == 0) {
        result = give(task, &ref, rights);
        if (result < 0) {
            handle_reattach(handle, &ref);
        } else {
            object_handle_release(ref.object);
            handle_unreserve(handle);
        }
    }
    handle_release(&target);
    return result;
}

long sys_handle_info(int handle, void __user *out, size_t size) {
    struct handle_ref ref;
    if (size < sizeof(struct handle_info))
        return -EINVAL;
    status_t status = handle_lookup(handle, 0, &ref);
    if (status != 0)
        return status;
    struct object *object = ref.object;
    struct handle_info info = {.type = object->ops->type,
                               .rights = ref.rights,
                               .signals = object_signals(object_wait_target(object)),
                               .handles = atomic_load(&object->handles) - ref.owned,
                               .id = object->id};
    string_copy(info.name, object->ops->name, sizeof info.name);
    handle_release(&ref);
    return copy_to_user(out, &info, sizeof info);
}

// If the bits are up they are left alone: then whoever clears them sees what the caller did before.
ALWAYS_INLINE long signal_object(struct object *object, uint32_t clear, uint32_t set) {
    if (UNLIKELY(((clear | set) & ~SIGNAL_USER) != 0))
        return -EINVAL;
    atomic_thread_fence(memory_order_seq_cst);
    return object_signal_waited(object->wait_target, clear, set);
}

static NOINLINE long signal_by_lookup(int handle, uint32_t clear, uint32_t set) {
    struct handle_ref ref;
    status_t status = handle_lookup(handle, RIGHT_SIGNAL, &ref);
    if (status != 0)
        return status;
    long result = signal_object(ref.object, clear, set);
    handle_release(&ref);
    return result;
}

long sys_object_signal(int handle, uint32_t clear, uint32_t set) {
    uint64_t entry = handle_near(handle);
    if (UNLIKELY(!entry_allows(entry, RIGHT_SIGNAL)))
        return signal_by_lookup(handle, clear, set);
    return signal_object(entry_object(entry), clear, set);
}

// ---------------------------------------------------------------- waiting

struct waiting {
    struct wait_item items[WAIT_ENTRIES_MAX];
    struct handle_ref refs[WAIT_ENTRIES_MAX];
    struct wait_entry entries[WAIT_ENTRIES_MAX];
};

// The caller could not be told: what it has consumed is up again.
static void give_back(struct object *object, uint32_t consumed) {
    if (consumed != 0)
        object_signal(object_wait_target(object), 0, consumed);
}

static status_t look_up_all(struct waiting *w, unsigned count, unsigned *found) {
    for (unsigned i = 0; i < count; i++) {
        const struct wait_entry *entry = &w->entries[i];
        status_t status =
            may_consume(entry) ? handle_lookup(entry->handle, rights_to_wait(entry), &w->refs[i]) : -EINVAL;
        if (status != 0)
            return status;
        w->items[i] = (struct wait_item){.object = w->refs[i].object, .mask = entry->wanted, .consume = entry->consume};
        *found = i + 1;
    }
    return 0;
}

static long wait_entries(struct waiting *w, unsigned count, nsec_t deadline, struct wait_entry __user *user) {
    unsigned found = 0;
    long result = look_up_all(w, count, &found);
    if (result == 0) {
        result = object_wait_many(w->items, count, deadline);
        result = result == 0 ? -ETIMEDOUT : result == -EINTR ? -ERESTARTSYS : result;
    }
    for (unsigned i = 0; i < found; i++)
        w->entries[i].observed = w->items[i].ready;
    bool told = result <= 0 || copy_to_user(user, w->entries, count * sizeof(struct wait_entry)) == 0;
    for (unsigned i = 0; i < found; i++) {
        if (!told)
            give_back(w->items[i].object, w->items[i].ready & w->items[i].consume);
        handle_release(&w->refs[i]);
    }
    return told ? result : -EFAULT;
}

status_t wait_tell(struct wait_entry __user *user, struct object *object, uint32_t ready, uint32_t consume) {
    if (LIKELY(put_user(ready, &user->observed) == 0))
        return 1;
    give_back(object, ready & consume);
    return -EFAULT;
}

static long wait_for_one(struct wait_entry __user *user, nsec_t deadline) {
    struct wait_entry entry;
    struct handle_ref ref;
    uint32_t ready = 0;
    if (copy_from_user(&entry, user, sizeof entry) != 0)
        return -EFAULT;
    if (!may_consume(&entry))
        return -EINVAL;
    status_t status = handle_lookup(entry.handle, rights_to_wait(&entry), &ref);
    if (status != 0)
        return status;
    status = object_wait(ref.object, entry.wanted, entry.consume, deadline, &ready);
    if (LIKELY(status == 0))
        status = wait_tell(user, ref.object, ready, entry.consume);
    handle_release(&ref);
    return status == -EINTR ? -ERESTARTSYS : status;
}

// All is looked at before the signal is given. From then on this is object_wait, but -EINTR is final: restarted, it
// would signal again.
long sys_object_signal_and_wait(int handle, uint32_t clear, uint32_t set, void __user *user, int64_t deadline) {
    struct wait_entry entry;
    struct handle_ref to, from;
    uint32_t ready = 0;
    if (copy_from_user(&entry, user, sizeof entry) != 0)
        return -EFAULT;
    if (((clear | set) & ~SIGNAL_USER) != 0 || !may_consume(&entry))
        return -EINVAL;
    status_t status = handle_lookup(handle, RIGHT_SIGNAL, &to);
    if (UNLIKELY(status != 0))
        return status;
    status = handle_lookup(entry.handle, rights_to_wait(&entry), &from);
    if (LIKELY(status == 0)) {
        atomic_thread_fence(memory_order_seq_cst); // as in object_signal
        status =
            object_signal_and_wait(to.object, clear, set, from.object, entry.wanted, entry.consume, deadline, &ready);
        if (LIKELY(status == 0))
            status = wait_tell(user, from.object, ready, entry.consume);
        handle_release(&from);
    }
    handle_release(&to);
    return status;
}

long sys_object_wait(void __user *user, unsigned count, int64_t deadline) {
    return object_wait_general(user, count, deadline);
}

// How many entries have something; -ETIMEDOUT: none had until the deadline.
long object_wait_general(void __user *user, unsigned count, nsec_t deadline) {
    if (count == 0 || count > WAIT_ENTRIES_MAX)
        return -EINVAL;
    if (count == 1)
        return wait_for_one(user, deadline);
    struct waiting *w = kmalloc_charged(sizeof *w);
    if (!w)
        return -ENOMEM;
    bool read = copy_from_user(w->entries, user, count * sizeof(struct wait_entry)) == 0;
    long result = read ? wait_entries(w, count, deadline, user) : -EFAULT;
    kfree(w);
    return result;
}
