// SPDX-License-Identifier: MPL-2.0
// Threads as objects: something to wait on (TERMINATED, and readable, when the thread has ended) and to set an
// exception port of. Made when somebody asks for one; the thread has a reference while it lives.
#include "pid.h"
#include "ready/pidfd_priv.h"
#include "signal/exception.h"

#include <abi/native.h>
#include <abi/syscall_table.h>
#include <lib/fmt.h>
#include <mm/charged.h>

struct thread_object {
    struct object object; // first
    int tid, process;
    struct posix_thread *_Atomic thread; // null once it has ended; valid in an RCU section
};
CHARGED_CACHE(thread_object_cache, struct thread_object);

static struct thread_object *to_thread_object(struct object *object) {
    return CONTAINER_OF(object, struct thread_object, object);
}

static void thread_object_destroy(struct object *object) {
    charged_free(&thread_object_cache, to_thread_object(object));
}

static int thread_object_describe(struct object *object, char *to, size_t size) {
    struct thread_object *thread = to_thread_object(object);
    return fmt_snprintf(to, size, "Pid:\t%d\nTid:\t%d\n", thread->process, thread->tid);
}

static const struct object_ops thread_object_ops = {
    .type = OBJECT_THREAD,
    .name = "thread",
    .destroy = thread_object_destroy,
    .describe = thread_object_describe,
};

struct posix_thread *thread_object_thread(struct object *object) {
    return atomic_load_explicit(&to_thread_object(object)->thread, memory_order_acquire);
}

void thread_object_ended(struct posix_thread *thread) {
    spin_lock(&thread->process->signal_lock);
    struct object *object = thread->object;
    thread->object = nullptr;
    spin_unlock(&thread->process->signal_lock);
    if (!object)
        return;
    atomic_store_explicit(&to_thread_object(object)->thread, nullptr, memory_order_release);
    object_signal(object, 0, SIGNALS_READ | SIGNAL_TERMINATED);
    object_put(object);
}

// Gives the thread `fresh`, unless it has one or ends. Returns its object with a reference; null: it has ended.
static struct object *attach(struct posix_thread *thread, struct thread_object *fresh) {
    struct object *object = nullptr;
    spin_lock(&thread->process->signal_lock);
    if (!thread->exiting) {
        if (!thread->object) {
            fresh->tid = thread->tid;
            fresh->process = thread->process->task.id;
            atomic_store_explicit(&fresh->thread, thread, memory_order_release);
            object_get(&fresh->object);
            thread->object = &fresh->object;
        }
        object = thread->object;
        object_get(object);
    }
    spin_unlock(&thread->process->signal_lock);
    return object;
}

// tid 0: the current thread.
long sys_thread_open(int tid, unsigned flags) {
    if (flags & ~HANDLE_KEEP)
        return -EINVAL;
    struct thread_object *fresh = charged_alloc_zero(&thread_object_cache);
    if (!fresh)
        return -ENOMEM;
    object_init(&fresh->object, &thread_object_ops, 0);
    rcu_read_lock();
    struct posix_thread *thread = tid == 0 ? posix_current() : thread_find(tid);
    bool allowed = thread && process_may_inspect(thread->process);
    struct object *object = allowed ? attach(thread, fresh) : nullptr;
    rcu_read_unlock();
    object_put(&fresh->object);
    if (!object)
        return thread && !allowed ? -EPERM : -ESRCH;
    int handle =
        handle_install(object, RIGHTS_BASIC | RIGHT_WRITE | RIGHT_SIGNAL, flags & HANDLE_KEEP ? 0 : HANDLE_CLOEXEC);
    if (handle < 0)
        object_put(object);
    return handle;
}
