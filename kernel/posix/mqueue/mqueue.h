// SPDX-License-Identifier: MPL-2.0
// POSIX message queues, as the files that make them see them (docs/ipc.md is about another thing: ports).
//
// A queue is the object behind a file of the file system "mqueue" (mqueue_fs.c): opened by mq_open or by a path, with
// poll's readiness like any other. What it holds is here; names are there; calls in mqueue_calls.c.
#pragma once

#include <lib/rbtree.h>
#include <object/object.h>
#include <vfs/vnode.h>

struct job;
struct process;
struct socket;
struct user_account;

struct mqueue_limits {
    uint64_t queues_max, messages_max, size_max, messages_default, size_default;
};
extern struct mqueue_limits mqueue_limits; // /proc/sys/fs/mqueue; numbers, set without a lock

// What it is to hold at most.
struct mqueue_shape {
    uint64_t messages_max, size_max; // size: bytes of a message
};

#define MQUEUE_COOKIE_SIZE 32
struct mqueue_notice {     // mq_notify's
    struct process *owner; // one reference; null: nobody wants to know
    int how, signal;
    uint64_t value;
    struct socket *socket; // SIGEV_THREAD: one reference; what a thread waits at
    uint8_t cookie[MQUEUE_COOKIE_SIZE];
};

struct mqueue {
    struct object object; // first; its lock protects what follows
    struct mqueue_shape shape;
    struct rb_tree messages; // the next one to be received is the first
    uint64_t count, bytes;
    unsigned receiving; // threads in mqueue_receive that have found nothing yet
    struct wait_queue receivers, senders;
    struct mqueue_notice notice;
    struct user_account *account; // one reference; pays `reserved` of RLIMIT_MSGQUEUE
    uint64_t reserved;
};

// --- mqueue.c ---
// The shape of a new queue. `asked` null: the default one. -EINVAL, -EOVERFLOW.
MUST_USE status_t mqueue_check_shape(const struct mqueue_shape *asked, struct mqueue_shape *out);
// One reference. -EMFILE: the user's RLIMIT_MSGQUEUE; -ENOMEM.
MUST_USE status_t mqueue_make(const struct mqueue_shape *shape, struct mqueue **out);
// The queue behind an open file; null: another object. No reference.
struct mqueue *mqueue_of_file(struct object *object);
// A message, filled by the caller and not yet sent. nullptr: no memory.
struct mqueue_message;
struct mqueue_message *mqueue_message_make(const void __user *from, size_t size, unsigned priority, status_t *status);
// Takes the message over on success. -EAGAIN, -ETIMEDOUT, -ERESTARTSYS. `deadline`: monotonic.
MUST_USE status_t mqueue_send(struct mqueue *queue, struct mqueue_message *message, bool wait, nsec_t deadline);
MUST_USE status_t mqueue_receive(struct mqueue *queue, bool wait, nsec_t deadline, struct mqueue_message **out);
// Bytes copied, or -EFAULT. Frees the message.
ssize_t mqueue_message_take(struct mqueue_message *message, void __user *to, unsigned *priority);
void mqueue_message_free(struct mqueue_message *message);
// The current process wants to know of the next message that comes to the empty queue. Takes over nothing. -EBUSY.
MUST_USE status_t mqueue_notify(struct mqueue *queue, const struct mqueue_notice *notice);
// `process` does not want to know any more.
void mqueue_forget(struct mqueue *queue, const struct process *process);
// What reading a queue's file gives.
int mqueue_describe(struct mqueue *queue, char *to, size_t size);

// --- mqueue_fs.c ---
struct mqueue_open {
    const char *name;
    uint32_t flags, mode;             // mode: without the umask
    const struct mqueue_shape *shape; // null: the default one
};
// *out: an open file, with one reference.
MUST_USE status_t mqueue_open(const struct mqueue_open *request, struct object **out);
MUST_USE status_t mqueue_unlink(const char *name);
// A task of the job has ended: names of a sandbox go with its last process. May block.
void mqueue_task_ended(struct job *job);
void mqueue_init(void); // at boot, after the vfs
