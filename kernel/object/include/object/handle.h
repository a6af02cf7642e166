// SPDX-License-Identifier: MPL-2.0
// The handle table of a process: a file descriptor is a handle with rights.
//
// Lookup takes no lock: entries are found under RCU and objects are reclaimed by reference count. The table grows in
// chunks that never move. Changes take table->lock.
#pragma once

#include <abi/rights.h>
#include <object/handle_entry.h>
#include <object/object.h>
#include <object/rights.h>
#include <sched/thread.h>

#define RIGHTS_BASIC (RIGHT_DUPLICATE | RIGHT_TRANSFER | RIGHT_WAIT)
#define RIGHTS_READ_WRITE (RIGHTS_BASIC | RIGHT_READ | RIGHT_WRITE | RIGHT_MAP)

// What a mask leaves of a handle's rights. PATH takes away what the others give, so it always stays.
ALWAYS_INLINE uint32_t handle_rights_left(uint32_t have, uint32_t mask) {
    return rights_reduce(have, mask | RIGHT_PATH);
}

#define HANDLE_CLOEXEC 1u

#define HANDLE_MAX (1u << 20) // numbers are below

struct handle_table;

// nullptr: no memory. One reference; threads and CLONE_FILES share.
struct handle_table *handle_table_create(void);
struct handle_table *handle_table_copy(struct handle_table *from); // fork
// Whose limit on handles counts from now on; its children's tables follow. -EMFILE: the limit is below what it has.
struct job;
MUST_USE status_t handle_table_set_job(struct handle_table *table, struct job *job);
bool handle_table_is_shared(struct handle_table *table); // by several tasks
// The current task's table, with a reference for another task.
struct handle_table *handle_table_share(void);
// The current task gets another table, or none, and gives up what it has.
void handle_table_replace(struct task *task, struct handle_table *new);
void handle_table_put(struct handle_table *table, struct task *task); // the last one closes all handles
void handle_table_close_on_exec(struct handle_table *table, struct task *task);

// Finds the object of `handle` if the handle has all of `rights`. -EBADF: no such handle. Lacking READ or WRITE is
// -EBADF too (POSIX), and so is any use of an O_PATH handle that needs more; lacking any other right is -EACCES.
struct handle_ref {
    struct object *object;
    uint32_t rights;
    bool owned; // drop with handle_release
};
// If no other thread uses the table the reference is borrowed from it (no atomic instruction). Otherwise it counts as a
// handle, so the object is not closed under the feet of an operation.
//
// A thread has a pointer to the first entries of its table for as long as they are its own, and to empty ones
// otherwise, so one look tells all (handle.c). What is not found in this way handle_find looks for.
#define HANDLES_NEAR 64u
extern const _Atomic uint64_t handles_none[HANDLES_NEAR];
struct handle_ref handle_find(int handle, uint32_t rights); // object null: `rights` is the error

// Before another thread or task begins to use the current thread's table, or this thread another table; also for a
// thread that is not running yet.
ALWAYS_INLINE void handle_sharing_changes_for(struct thread *thread) {
    thread->handles = handles_none;
}
ALWAYS_INLINE void handle_sharing_changes(void) {
    handle_sharing_changes_for(thread_current());
}

ALWAYS_INLINE struct object *entry_object(uint64_t entry) {
    return (struct object *)entry_address(entry);
}
// For debug kernels: as handle.c says.
bool handles_are_own(const _Atomic uint64_t *handles);
// The entry of a handle in the thread's own table. 0: none, or it is not near, or not this thread's alone.
ALWAYS_INLINE uint64_t handle_near(int handle) {
    const _Atomic uint64_t *handles = thread_current()->handles;
    DEBUG_ASSERT(handles == handles_none || handles_are_own(handles));
    unsigned number = (unsigned)handle;
    return LIKELY(number < HANDLES_NEAR) ? atomic_load_explicit(&handles[number], memory_order_relaxed) : 0;
}
// In the current task.
MUST_USE ALWAYS_INLINE status_t handle_lookup(int handle, uint32_t rights, struct handle_ref *ref) {
    uint64_t entry = handle_near(handle);
    if (LIKELY(entry_allows(entry, rights))) {
        *ref = (struct handle_ref){entry_object(entry), entry_rights(entry), false};
        return 0;
    }
    *ref = handle_find(handle, rights);
    return ref->object ? 0 : (status_t)ref->rights;
}
// The shortest way, for calls that count instructions: the object, borrowed, if nothing stands in the way of that, the
// handle has all of `rights` and the object these operations. Null: ask handle_lookup.
ALWAYS_INLINE struct object *handle_borrow(int handle, uint32_t rights, const struct object_ops *ops) {
    uint64_t entry = handle_near(handle);
    struct object *object = entry_object(entry);
    return LIKELY(entry_allows(entry, rights)) && LIKELY(object->ops == ops) ? object : nullptr;
}
ALWAYS_INLINE void handle_release(struct handle_ref *ref) {
    if (UNLIKELY(ref->owned))
        object_handle_release(ref->object);
}
// For poll: the signals of `mask` that the object is ready for; HANDLE_BAD if it is no handle that can be waited on.
#define HANDLE_BAD (1u << 31)
uint32_t handle_signals(int handle, uint32_t mask);
// From another table, e.g. for /proc/PID/fd, pidfd_getfd. Always owned.
MUST_USE status_t handle_lookup_in(struct handle_table *table, int handle, uint32_t rights, struct handle_ref *ref);

// Installs an object in the lowest free number ≥ minimum; returns the number, -EMFILE, -ENOMEM. Takes over the
// caller's reference on success only. `flags`: HANDLE_CLOEXEC.
int handle_install(struct object *object, uint32_t rights, uint32_t flags);
int handle_install_from(struct object *object, uint32_t rights, uint32_t flags, int minimum);
// Two steps, for calls that must not fail late: reserve numbers, then install or give back.
int handle_reserve(uint32_t flags);
void handle_commit(int handle, struct object *object, uint32_t rights); // takes over the reference
void handle_unreserve(int handle);
// Messages. detach takes an object with all of `rights` out of the current task's table, for a message that may yet
// fail: the number stays taken until reattach puts it back or handle_unreserve frees it. The handle count goes to the
// caller.
MUST_USE status_t handle_detach(int handle, uint32_t rights, struct handle_ref *ref);
void handle_reattach(int handle, const struct handle_ref *ref);
// Puts an object with the caller's handle count at a reserved number of the current task.
void handle_adopt(int handle, struct object *object, uint32_t rights);
// As handle_install, in another table.
int handle_install_in(struct handle_table *table, struct object *object, uint32_t rights, uint32_t flags);
// dup2/dup3: puts the object of `from` at exactly `to`, closing what is there.
int handle_duplicate_to(int from, int to, uint32_t flags);
// New handle to the same object with rights & mask.
int handle_duplicate(int handle, uint32_t mask, uint32_t flags, int minimum);
MUST_USE status_t handle_close(int handle);
void handle_close_range(unsigned first, unsigned last, bool only_mark_cloexec);
int handle_get_flags(int handle);
MUST_USE status_t handle_set_flags(int handle, uint32_t flags);
// Iteration for /proc/PID/fd: the first used number ≥ start, or -1.
int handle_next(struct handle_table *table, int start);
unsigned handle_count(struct handle_table *table);
// RLIMIT_NOFILE of the table's owner.
void handle_table_set_limit(struct handle_table *table, unsigned limit);
unsigned handle_table_limit(struct handle_table *table);
