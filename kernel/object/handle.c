// SPDX-License-Identifier: MPL-2.0
// What processes do with handles. Lookup is the path of every read and write: it takes no lock, and where no other
// thread uses the table no atomic instruction either, for then nobody can close the handle before the call ends.
//
// Whose table it is. A thread that found itself alone keeps a pointer to the table's first entries (thread.handles),
// and from then on looks there without asking. Only the thread itself reads and writes that pointer, so it has no order
// to keep, and it cannot be wrong:
//
// - Others begin to use the table because of what this thread does, and then the pointer goes to handles_none first:
//   it starts a thread, or a task that shares the table (handle_sharing_changes, handle_table_share). Those start with
//   handles_none themselves.
// - Others stop by themselves: a thread ends, a task ends or gets a table of its own. handle_find notices at the next
//   lookup that finds nothing near. It reads the two counts with acquire order, so what the last other one did to the
//   table before it left is seen then.
// - Who only has a reference to another's table (task_get_handles, for /proc/PID/fd and the like) looks up and installs
//   under its lock and closes nothing, so what the owner borrows stays.
//
// With more threads, or a table shared by tasks:
//
//   lookup (RCU read section)                 close
//   reads the entry                           marks the object: destroy after a grace period
//   takes a handle count, unless it is 0      clears the entry
//     (the object is gone, -EBADF)            drops its handle count
//
// The mark comes before the drop that could be the last, so the memory that the lookup reads stays.

#include <object/handle.h>

#include "handle_table.h"
#include "object_priv.h"
#include <object/rights.h>
#include <object/task.h>
#include <sched/sched.h>

static struct handle_table *current_table(void) {
    return atomic_load_explicit(&task_current()->handles, memory_order_relaxed);
}

void handle_drop(struct object *object, struct task *task) {
    if (UNLIKELY(object->ops->handle_closed != nullptr))
        object->ops->handle_closed(object, task);
    object_handle_release(object);
}

const _Atomic uint64_t handles_none[HANDLES_NEAR];

// Who has but a reference to the table does not use it, so that count may be anything.
bool handles_are_own(const _Atomic uint64_t *handles) {
    return handles == current_table()->first_entries &&
           atomic_load_explicit(&task_current()->thread_count, memory_order_relaxed) <= 1;
}

// Why `entry` does not do.
static NOINLINE status_t lacking(uint64_t entry, uint32_t rights) {
    uint32_t have = entry_rights(entry), missing = rights & ~have;
    if (entry == 0 || (have & RIGHT_PATH) || (missing & (RIGHT_READ | RIGHT_WRITE | RIGHT_PATH)))
        return -EBADF;
    return -EACCES;
}

static struct handle_ref no_ref(status_t status) {
    return (struct handle_ref){.object = nullptr, .rights = (uint32_t)status};
}

static struct handle_ref find_shared(struct handle_table *table, unsigned number, uint32_t rights) {
    struct handle_ref ref = no_ref(-EBADF);
    rcu_read_lock();
    if (number < atomic_load_explicit(&table->capacity, memory_order_acquire)) {
        uint64_t entry = atomic_load_explicit(table_entry(table, number), memory_order_consume);
        if (!entry_allows(entry, rights))
            ref = no_ref(lacking(entry, rights));
        else if (object_handle_try_acquire(entry_object(entry)))
            ref = (struct handle_ref){entry_object(entry), entry_rights(entry), true};
    }
    rcu_read_unlock();
    return ref;
}

struct handle_ref handle_find(int handle, uint32_t rights) {
    struct handle_table *table = current_table();
    unsigned number = (unsigned)handle;
    if (table_is_shared(table))
        return find_shared(table, number, rights);
    thread_current()->handles = table->first_entries;
    if (number >= table->capacity)
        return no_ref(-EBADF);
    uint64_t entry = atomic_load_explicit(table_entry(table, number), memory_order_relaxed);
    if (!entry_allows(entry, rights))
        return no_ref(lacking(entry, rights));
    return (struct handle_ref){entry_object(entry), entry_rights(entry), false};
}

// The target's word has to be brought up to date first, which may block.
static NOINLINE uint32_t signals_slow(int handle, uint32_t mask) {
    struct handle_ref ref;
    if (handle_lookup(handle, RIGHT_WAIT, &ref) != 0)
        return HANDLE_BAD;
    uint32_t signals = object_signals(object_wait_target(ref.object)) & mask;
    handle_release(&ref);
    return signals;
}

// The handle's memory stays until the end of the read section, so no reference is taken.
uint32_t handle_signals(int handle, uint32_t mask) {
    unsigned number = (unsigned)handle;
    uint32_t signals = HANDLE_BAD;
    bool blocks = false;
    rcu_read_lock();
    uint64_t entry = handle_near(handle);
    if (UNLIKELY(entry == 0)) {
        struct handle_table *table = current_table();
        if (number < atomic_load_explicit(&table->capacity, memory_order_acquire))
            entry = atomic_load_explicit(table_entry(table, number), memory_order_consume);
    }
    if (LIKELY((entry_rights(entry) & (RIGHT_WAIT | RIGHT_PATH)) == RIGHT_WAIT)) {
        struct object *target = entry_object(entry)->wait_target;
        blocks = target->ops->wait_target != nullptr;
        signals = object_signals(target) & mask;
    }
    rcu_read_unlock();
    return LIKELY(!blocks) ? signals : signals_slow(handle, mask);
}

status_t handle_lookup_in(struct handle_table *table, int handle, uint32_t rights, struct handle_ref *ref) {
    status_t status = -EBADF;
    unsigned number = (unsigned)handle;
    spin_lock(&table->lock);
    if (number < table->capacity) {
        uint64_t entry = atomic_load_explicit(table_entry(table, number), memory_order_relaxed);
        if (!entry_allows(entry, rights)) {
            status = lacking(entry, rights);
        } else {
            object_handle_acquire(entry_object(entry));
            *ref = (struct handle_ref){entry_object(entry), entry_rights(entry), true};
            status = 0;
        }
    }
    spin_unlock(&table->lock);
    return status;
}

static void set_entry(struct handle_table *table, unsigned number, struct object *object, uint32_t rights) {
    atomic_store_explicit(table_entry(table, number), entry_pack(object, rights), memory_order_release);
}

// The caller's reference becomes that of the handle.
static void adopt_reference(struct object *object) {
    object_handle_acquire(object);
    object_put(object);
}

static int install_in(struct handle_table *table, struct object *object, uint32_t rights, uint32_t flags, int minimum) {
    spin_lock(&table->lock);
    int number = table_take_free(table, (unsigned)minimum, flags & HANDLE_CLOEXEC);
    if (number >= 0) {
        adopt_reference(object);
        set_entry(table, (unsigned)number, object, rights);
    }
    spin_unlock(&table->lock);
    return number;
}

int handle_install_from(struct object *object, uint32_t rights, uint32_t flags, int minimum) {
    return install_in(current_table(), object, rights, flags, minimum);
}

int handle_install_in(struct handle_table *table, struct object *object, uint32_t rights, uint32_t flags) {
    return install_in(table, object, rights, flags, 0);
}

int handle_install(struct object *object, uint32_t rights, uint32_t flags) {
    return handle_install_from(object, rights, flags, 0);
}

int handle_reserve(uint32_t flags) {
    struct handle_table *table = current_table();
    spin_lock(&table->lock);
    int number = table_take_free(table, 0, flags & HANDLE_CLOEXEC);
    spin_unlock(&table->lock);
    return number;
}

void handle_commit(int handle, struct object *object, uint32_t rights) {
    struct handle_table *table = current_table();
    spin_lock(&table->lock);
    adopt_reference(object);
    set_entry(table, (unsigned)handle, object, rights);
    spin_unlock(&table->lock);
}

void handle_unreserve(int handle) {
    struct handle_table *table = current_table();
    spin_lock(&table->lock);
    table_free(table, (unsigned)handle);
    spin_unlock(&table->lock);
}

status_t handle_detach(int handle, uint32_t rights, struct handle_ref *ref) {
    struct handle_table *table = current_table();
    unsigned number = (unsigned)handle;
    status_t status = -EBADF;
    spin_lock(&table->lock);
    if (number < table->capacity) {
        uint64_t entry = atomic_load_explicit(table_entry(table, number), memory_order_relaxed);
        if (!entry_allows(entry, rights)) {
            status = lacking(entry, rights);
        } else {
            (void)table_clear(table, number);
            *ref = (struct handle_ref){entry_object(entry), entry_rights(entry), true};
            status = 0;
        }
    }
    spin_unlock(&table->lock);
    return status;
}

void handle_adopt(int handle, struct object *object, uint32_t rights) {
    struct handle_table *table = current_table();
    spin_lock(&table->lock);
    set_entry(table, (unsigned)handle, object, rights);
    spin_unlock(&table->lock);
}

void handle_reattach(int handle, const struct handle_ref *ref) {
    handle_adopt(handle, ref->object, ref->rights);
}

// The entry of a handle that may be duplicated, its object's handle count raised. table->lock is held.
static status_t share_entry(struct handle_table *table, int handle, uint64_t *entry) REQUIRES(&table->lock) {
    unsigned number = (unsigned)handle;
    if (number >= table->capacity)
        return -EBADF;
    uint64_t found = atomic_load_explicit(table_entry(table, number), memory_order_relaxed);
    if (!found)
        return -EBADF;
    if (!entry_allows(found, RIGHT_DUPLICATE))
        return -EACCES;
    object_handle_acquire(entry_object(found));
    *entry = found;
    return 0;
}

int handle_duplicate(int handle, uint32_t mask, uint32_t flags, int minimum) {
    struct handle_table *table = current_table();
    uint64_t entry = 0;
    spin_lock(&table->lock);
    int number = share_entry(table, handle, &entry);
    if (number == 0) {
        number = table_take_free(table, (unsigned)minimum, flags & HANDLE_CLOEXEC);
        if (number >= 0)
            set_entry(table, (unsigned)number, entry_object(entry), handle_rights_left(entry_rights(entry), mask));
    } else {
        entry = 0;
    }
    spin_unlock(&table->lock);
    if (number < 0 && entry)
        object_handle_release(entry_object(entry));
    return number;
}

int handle_duplicate_to(int from, int to, uint32_t flags) {
    struct handle_table *table = current_table();
    uint64_t entry = 0, old = 0;
    if ((unsigned)to >= table->limit || (unsigned)to >= HANDLE_MAX)
        return -EBADF;
    spin_lock(&table->lock);
    status_t status = share_entry(table, from, &entry);
    if (status == 0 && from != to) {
        bool used = table_is_used(table, (unsigned)to);
        status = table_take(table, (unsigned)to, flags & HANDLE_CLOEXEC);
        if (status == 0) {
            old = table_clear(table, (unsigned)to);
            if (used && !old)
                status = -EBUSY; // reserved: another thread is opening it
            else
                set_entry(table, (unsigned)to, entry_object(entry), entry_rights(entry));
        }
    }
    spin_unlock(&table->lock);
    if (entry && (status != 0 || from == to))
        object_handle_release(entry_object(entry));
    if (old)
        handle_drop(entry_object(old), task_current());
    return status != 0 ? status : to;
}

status_t handle_close(int handle) {
    struct handle_table *table = current_table();
    unsigned number = (unsigned)handle;
    uint64_t entry = 0;
    spin_lock(&table->lock);
    if (number < table->capacity) {
        entry = table_clear(table, number);
        if (entry)
            table_free(table, number);
    }
    spin_unlock(&table->lock);
    if (!entry)
        return -EBADF;
    handle_drop(entry_object(entry), task_current());
    return 0;
}

void handle_close_range(unsigned first, unsigned last, bool only_mark_cloexec) {
    struct handle_table *table = current_table();
    for (unsigned number = first;; number++) {
        spin_lock(&table->lock);
        int next = number < table->capacity ? table_next_used(table, number) : -1;
        if (next >= 0 && (unsigned)next <= last && only_mark_cloexec)
            table_set_cloexec(table, (unsigned)next, true);
        spin_unlock(&table->lock);
        if (next < 0 || (unsigned)next > last)
            return;
        if (!only_mark_cloexec)
            (void)handle_close(next); // -EBADF: another thread was faster, or it is only reserved
        number = (unsigned)next;
        sched_preempt_point();
    }
}

void handle_table_close_on_exec(struct handle_table *table, struct task *task) {
    for (unsigned number = 0;; number++) {
        uint64_t entry = 0;
        spin_lock(&table->lock);
        int next = table_next_used(table, number);
        if (next >= 0 && table_is_cloexec(table, (unsigned)next)) {
            entry = table_clear(table, (unsigned)next);
            if (entry)
                table_free(table, (unsigned)next);
        }
        spin_unlock(&table->lock);
        if (next < 0)
            return;
        if (entry)
            handle_drop(entry_object(entry), task);
        number = (unsigned)next;
    }
}

int handle_get_flags(int handle) {
    struct handle_table *table = current_table();
    unsigned number = (unsigned)handle;
    int flags = -EBADF;
    spin_lock(&table->lock);
    if (number < table->capacity && *table_entry(table, number))
        flags = table_is_cloexec(table, number) ? HANDLE_CLOEXEC : 0;
    spin_unlock(&table->lock);
    return flags;
}

status_t handle_set_flags(int handle, uint32_t flags) {
    struct handle_table *table = current_table();
    unsigned number = (unsigned)handle;
    status_t status = -EBADF;
    spin_lock(&table->lock);
    if (number < table->capacity && *table_entry(table, number)) {
        table_set_cloexec(table, number, flags & HANDLE_CLOEXEC);
        status = 0;
    }
    spin_unlock(&table->lock);
    return status;
}

int handle_next(struct handle_table *table, int start) {
    spin_lock(&table->lock);
    int number = start;
    while ((number = table_next_used(table, (unsigned)number)) >= 0 && !*table_entry(table, (unsigned)number))
        number++;
    spin_unlock(&table->lock);
    return number;
}
