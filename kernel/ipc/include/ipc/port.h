// SPDX-License-Identifier: MPL-2.0
// Ports: bounded queues of messages, send rights to them, and calls (docs/ipc.md). What other modules need of them;
// the structures of messages are abi/fipc.h's.
#pragma once

#include <abi/fipc.h>
#include <object/object.h>

struct fipc_thread;
struct thread;

// nullptr: no memory. One reference.
struct object *port_create(const struct port_options *options);
bool object_is_port(const struct object *object);
// A send right to a port, as the receiver mints it. -ENOMEM, -EINVAL (limits), -EPIPE (the port is closed).
MUST_USE status_t port_right_create(struct object *port, const struct port_right *options, struct object **right);
bool object_is_port_right(const struct object *object);

// A call by the kernel for the current thread: sends up to FIPC_FAST_MAX bytes through a right and waits for the reply,
// whose type goes to *answer and whose data, if it fits, to `data`. -EPIPE: there is no receiver any more, or it
// dropped the call. -EINTR: the thread was killed. Blocks.
MUST_USE status_t port_kernel_call(struct object *right, uint32_t type, void *data, uint32_t size, uint32_t *answer);

// The current thread ends, or begins a new program: drops the call that it has taken and not answered.
void fipc_thread_leave(void);
// The memory of a thread goes, a grace period after it ended.
void fipc_thread_free(struct fipc_thread *state);

// What this module needs of processes; kernel/posix fills it in at boot.
struct task;
struct fipc_hooks {
    // A signal is pending to the current thread that ends a call which the server has taken: one that kills, or whose
    // handler has no SA_RESTART.
    bool (*signal_ends_call)(void);
    // May the current task change this one? 0, -EPERM.
    status_t (*may_change)(struct task *task);
    // The task behind a pidfd; null: it is none.
    struct task *(*task_of)(struct object *object);
};
extern const struct fipc_hooks *fipc_hooks;
