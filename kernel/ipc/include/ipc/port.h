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
bool port_right_leads_to(const struct object *right, const struct object *port);

// What there is to be said of a port or, with the port's own numbers of rights and receivers, of a right to send to it.
struct port_counts {
    uint64_t port, badge;
    uint32_t messages, messages_max, bytes, bytes_max; // queued, and that may be
    uint32_t rights, receivers;                        // open; asleep in fipc_recv
    bool once, closed;
};
void port_count(const struct object *object, struct port_counts *out);

// fipc_call and fipc_reply_recv for whoever wants to see them return: all but the straight path.
long object_wait_general(void __user *user, unsigned count, nsec_t deadline);
long fipc_call_general(int handle, const void __user *message, void __user *reply, size_t room, nsec_t deadline);
long fipc_reply_recv_general(const void __user *reply, int handle, void __user *message, size_t room, nsec_t deadline);
long fipc_call_words_general(int handle, uint32_t type, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3);
long fipc_reply_recv_words_general(int handle, uint32_t type, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3);

// A call by the kernel for the current thread: sends up to FIPC_FAST_MAX bytes through a right and waits for the reply,
// whose type goes to *answer and whose data, if it fits, to `data`. -EPIPE: there is no receiver any more, or it
// dropped the call. -EINTR: the thread was killed. Blocks.
MUST_USE status_t port_kernel_call(struct object *right, uint32_t type, void *data, uint32_t size, uint32_t *answer);

// A call by the kernel for the current thread of any size, without handles (kernel_call.c). The request is made first
// and filled in; port_request consumes it. nullptr: no memory.
struct message;
struct message *port_request_create(uint32_t type, uint32_t size, void **data);
void port_request_free(struct message *request);
struct port_answer {
    uint32_t room; // bytes of data that the answer may have
    bool waits;    // any signal ends the wait for the answer; otherwise only one that kills
    uint32_t type, size;
    const void *data; // until the thread's next call
};
// As port_kernel_call, and -ERESTARTSYS: interrupted before the server has seen it; -EINTR: while it had it;
// -EMSGSIZE: the answer is too long.
MUST_USE status_t port_request(struct object *right, struct message *request, struct port_answer *answer);
// A message that nobody waits for and that needs no credit: the caller must bound how many there can be. -ENOMEM,
// -EPIPE. Does not block.
MUST_USE status_t port_notify(struct object *right, uint32_t type, const void *data, uint32_t size);
// How many messages wait that were sent through the right; and: they are taken back. Any context that may take a lock.
uint32_t port_queued(struct object *right);
void port_withdraw(struct object *right);
// The port behind the current task's handle, with a reference, if it has RIGHT_RECEIVE. -EBADF, -EACCES.
MUST_USE status_t port_get(int handle, struct object **port);
// The port, with a reference, if the current task's handle has RIGHT_RECEIVE; or nullptr.
struct object *port_of_handle(int handle);

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
