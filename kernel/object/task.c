// SPDX-License-Identifier: MPL-2.0
// What others may read of a task. The pointers change under them; what they pointed to is freed after a grace period
// only, so a count that is not zero yet can be raised.

#include <object/task.h>

#include "handle_table.h"

struct handle_table *task_get_handles(struct task *task) {
    rcu_read_lock();
    struct handle_table *table = atomic_load_explicit(&task->handles, memory_order_consume);
    if (table && !refcount_try_up(&table->ref))
        table = nullptr;
    rcu_read_unlock();
    return table;
}

struct cred *task_get_cred(struct task *task) {
    rcu_read_lock();
    struct cred *cred = atomic_load_explicit(&task->cred, memory_order_consume);
    if (cred && !refcount_try_up(&cred->ref))
        cred = nullptr;
    rcu_read_unlock();
    return cred;
}
