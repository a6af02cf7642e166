// SPDX-License-Identifier: MPL-2.0
// A queue: messages in order of priority and arrival, who waits for one or for room, and who is told of the first.
//
// A waker does not hand a message over: who is woken looks again. For notices that makes no difference to be seen from
// outside, as threads that are on their way to a message count as receivers until they have it.
//
// A message lies in pieces of less than a page, charged to the job of its sender. What a queue could hold at most
// counts against RLIMIT_MSGQUEUE of the user who made it, in Linux's measure.
#include "mqueue.h"
#include "process/process_priv.h"

#include <abi/mqueue.h>
#include <abi/signal.h>
#include <arch/uaccess.h>
#include <lib/fmt.h>
#include <mm/charged.h>
#include <net/netlink.h>
#include <net/socket.h>
#include <object/cred.h>
#include <vfs/file.h>

#define MESSAGES_HARD_MAX 65536 // for those who may go beyond the limits
#define SIZE_HARD_MAX (16ul << 20)
#define PER_MESSAGE 48 // what Linux counts for a message, and for a priority
#define PIECE_BYTES 4000

struct piece {
    struct piece *next;
    char data[];
};
struct mqueue_message {
    struct rb_node node;
    unsigned priority;
    size_t size;
    struct piece *pieces;
};
CHARGED_CACHE(message_cache, struct mqueue_message);
CHARGED_CACHE(queue_cache, struct mqueue);

struct mqueue_limits mqueue_limits = {
    .queues_max = 256, .messages_max = 10, .size_max = 8192, .messages_default = 10, .size_default = 8192};

// ---------------------------------------------------------------- messages

void mqueue_message_free(struct mqueue_message *message) {
    for (struct piece *piece = message->pieces, *next; piece; piece = next) {
        next = piece->next;
        kfree(piece);
    }
    charged_free(&message_cache, message);
}

static status_t fill(struct mqueue_message *message, const char __user *from, size_t size) {
    struct piece **link = &message->pieces;
    for (size_t done = 0; done < size; link = &(*link)->next) {
        size_t part = MIN(size - done, (size_t)PIECE_BYTES);
        struct piece *piece = kmalloc_charged(sizeof(*piece) + part);
        if (!piece)
            return -ENOMEM;
        piece->next = nullptr;
        *link = piece;
        if (copy_from_user(piece->data, from + done, part) != 0)
            return -EFAULT;
        done += part;
    }
    return 0;
}

struct mqueue_message *mqueue_message_make(const void __user *from, size_t size, unsigned priority, status_t *status) {
    struct mqueue_message *message = charged_alloc(&message_cache);
    *status = -ENOMEM;
    if (!message)
        return nullptr;
    *message = (struct mqueue_message){.priority = priority, .size = size};
    *status = fill(message, from, size);
    if (*status == 0)
        return message;
    mqueue_message_free(message);
    return nullptr;
}

ssize_t mqueue_message_take(struct mqueue_message *message, void __user *to, unsigned *priority) {
    size_t done = 0;
    ssize_t result = (ssize_t)message->size;
    for (struct piece *piece = message->pieces; piece && result >= 0; piece = piece->next) {
        size_t part = MIN(message->size - done, (size_t)PIECE_BYTES);
        if (copy_to_user((char __user *)to + done, piece->data, part) != 0)
            result = -EFAULT;
        done += part;
    }
    *priority = message->priority;
    mqueue_message_free(message);
    return result;
}

static struct mqueue_message *message_of(struct rb_node *node) {
    return node ? RB_ENTRY(node, struct mqueue_message, node) : nullptr;
}

// Higher priorities come first; of equal ones, those that were sent earlier.
static bool comes_before(const struct rb_node *a, const struct rb_node *b) {
    return RB_ENTRY(a, struct mqueue_message, node)->priority > RB_ENTRY(b, struct mqueue_message, node)->priority;
}

// ---------------------------------------------------------------- readiness and notices

static void count_changed(struct mqueue *queue, uint32_t news) REQUIRES(&queue->object.lock) {
    uint32_t now =
        (queue->count > 0 ? SIGNALS_READ : 0u) | (queue->count < queue->shape.messages_max ? SIGNALS_WRITE : 0u);
    object_signal_locked(&queue->object, (SIGNALS_READ | SIGNALS_WRITE) & ~now, now & news);
}

// What the last byte of a cookie says, which the program's thread reads from its socket.
enum { COOKIE_CAME = 1, COOKIE_REMOVED = 2 };

// Without memory or room for it the notice is lost: nobody waits for that.
static void send_cookie(struct mqueue_notice *notice, uint8_t why) {
    if (!notice->socket)
        return;
    notice->cookie[MQUEUE_COOKIE_SIZE - 1] = why;
    (void)!netlink_deliver(notice->socket, notice->cookie, sizeof(notice->cookie));
    object_put(&notice->socket->object);
}

static void tell(struct mqueue_notice *notice) {
    send_cookie(notice, COOKIE_CAME);
    if (notice->how == SIGEV_SIGNAL && notice->signal > 0) {
        struct signal_info info;
        signal_info_from_current(&info, notice->signal, SI_MESGQ);
        info.sender.value = notice->value;
        (void)signal_send_process(notice->owner, notice->signal, &info);
    }
    process_put(notice->owner);
}

status_t mqueue_notify(struct mqueue *queue, const struct mqueue_notice *notice) {
    spin_lock(&queue->object.lock);
    bool busy = queue->notice.owner != nullptr;
    if (!busy) {
        queue->notice = *notice;
        queue->notice.owner = process_current();
        object_get(&process_current()->task.object);
        if (notice->socket)
            object_get(&notice->socket->object);
    }
    spin_unlock(&queue->object.lock);
    return busy ? -EBUSY : 0;
}

void mqueue_forget(struct mqueue *queue, const struct process *process) {
    struct mqueue_notice notice = {};
    spin_lock(&queue->object.lock);
    if (queue->notice.owner == process) {
        notice = queue->notice;
        queue->notice.owner = nullptr;
    }
    spin_unlock(&queue->object.lock);
    if (!notice.owner)
        return;
    send_cookie(&notice, COOKIE_REMOVED);
    process_put(notice.owner);
}

// ---------------------------------------------------------------- sending and receiving

static status_t wait_on(struct mqueue *queue, struct wait_queue *where, bool wait, nsec_t deadline)
    REQUIRES(&queue->object.lock) {
    if (!wait)
        return -EAGAIN;
    status_t status = wait_queue_sleep(where, &queue->object.lock, WAIT_INTERRUPTIBLE, deadline);
    return status == -EINTR ? -ERESTARTSYS : status;
}

status_t mqueue_send(struct mqueue *queue, struct mqueue_message *message, bool wait, nsec_t deadline) {
    struct mqueue_notice notice = {};
    status_t status = 0;
    spin_lock(&queue->object.lock);
    while (status == 0 && queue->count >= queue->shape.messages_max)
        status = wait_on(queue, &queue->senders, wait, deadline);
    if (status == 0) {
        rb_insert(&queue->messages, &message->node, comes_before);
        queue->bytes += message->size;
        if (++queue->count == 1 && queue->receiving == 0) {
            notice = queue->notice;
            queue->notice.owner = nullptr;
        }
        count_changed(queue, SIGNALS_READ);
        (void)wait_queue_wake_one_sync(&queue->receivers);
    }
    spin_unlock(&queue->object.lock);
    if (notice.owner)
        tell(&notice);
    return status;
}

status_t mqueue_receive(struct mqueue *queue, bool wait, nsec_t deadline, struct mqueue_message **out) {
    status_t status = 0;
    spin_lock(&queue->object.lock);
    queue->receiving++;
    while (status == 0 && queue->count == 0)
        status = wait_on(queue, &queue->receivers, wait, deadline);
    queue->receiving--;
    if (status == 0) {
        *out = message_of(rb_first(&queue->messages));
        rb_remove(&queue->messages, &(*out)->node);
        queue->bytes -= (*out)->size;
        queue->count--;
        count_changed(queue, SIGNALS_WRITE);
        (void)wait_queue_wake_one(&queue->senders);
        if (queue->count > 0) // a wake-up that another one took before may have been for this one
            (void)wait_queue_wake_one(&queue->receivers);
    } else if (queue->count > 0) {
        (void)wait_queue_wake_one(&queue->receivers); // the one that was meant for us
    }
    spin_unlock(&queue->object.lock);
    return status;
}

// ---------------------------------------------------------------- a queue's life

static struct mqueue *queue_of(struct object *object) {
    return (struct mqueue *)object;
}

static void queue_destroy(struct object *object) {
    struct mqueue *queue = queue_of(object);
    struct mqueue_message *message;
    while ((message = message_of(rb_first(&queue->messages)))) {
        rb_remove(&queue->messages, &message->node);
        mqueue_message_free(message);
    }
    if (queue->notice.owner) {
        if (queue->notice.socket)
            object_put(&queue->notice.socket->object);
        process_put(queue->notice.owner);
    }
    atomic_fetch_sub_explicit(&queue->account->queue_bytes, queue->reserved, memory_order_relaxed);
    user_account_put(queue->account);
    charged_free(&queue_cache, queue);
}

static void queue_handle_closed(struct object *object, struct task *task) {
    mqueue_forget(queue_of(object), task_process(task));
}

static const struct object_ops queue_ops = {
    .type = OBJECT_STREAM,
    .name = "mqueue",
    .destroy = queue_destroy,
    .handle_closed = queue_handle_closed,
};

struct mqueue *mqueue_of_file(struct object *object) {
    struct file *file = file_of(object);
    return file && file->inner && file->inner->ops == &queue_ops ? queue_of(file->inner) : nullptr;
}

int mqueue_describe(struct mqueue *queue, char *to, size_t size) {
    spin_lock(&queue->object.lock);
    const struct mqueue_notice *notice = &queue->notice;
    int owner = notice->owner ? notice->owner->task.id : 0;
    int signal = notice->owner && notice->how == SIGEV_SIGNAL ? notice->signal : 0;
    int length = fmt_snprintf(to, size, "QSIZE:%-10llu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
                              (unsigned long long)queue->bytes, notice->owner ? notice->how : 0, signal, owner);
    spin_unlock(&queue->object.lock);
    return length;
}

status_t mqueue_check_shape(const struct mqueue_shape *asked, struct mqueue_shape *out) {
    const struct mqueue_limits *limits = &mqueue_limits;
    *out = (struct mqueue_shape){MIN(limits->messages_max, limits->messages_default),
                                 MIN(limits->size_max, limits->size_default)};
    if (!asked)
        return 0;
    *out = *asked;
    bool may_all = cred_has_cap(cred_current(), CAP_SYS_RESOURCE);
    if (asked->messages_max == 0 || asked->messages_max > (may_all ? MESSAGES_HARD_MAX : limits->messages_max))
        return -EINVAL;
    return asked->size_max == 0 || asked->size_max > (may_all ? SIZE_HARD_MAX : limits->size_max) ? -EINVAL : 0;
}

// In Linux's measure: all messages at their largest, and what it keeps for each, and for each priority that may occur.
static uint64_t footprint(const struct mqueue_shape *shape) {
    return shape->messages_max * (shape->size_max + PER_MESSAGE) +
           MIN(shape->messages_max, (uint64_t)MQ_PRIO_MAX) * PER_MESSAGE;
}

status_t mqueue_make(const struct mqueue_shape *shape, struct mqueue **out) {
    struct user_account *account = process_current()->account;
    uint64_t reserved = footprint(shape);
    if (atomic_fetch_add_explicit(&account->queue_bytes, reserved, memory_order_relaxed) + reserved >
        rlimit_current(RLIMIT_MSGQUEUE)) {
        atomic_fetch_sub_explicit(&account->queue_bytes, reserved, memory_order_relaxed);
        return -EMFILE;
    }
    struct mqueue *queue = charged_alloc_zero(&queue_cache);
    if (!queue) {
        atomic_fetch_sub_explicit(&account->queue_bytes, reserved, memory_order_relaxed);
        return -ENOMEM;
    }
    object_init(&queue->object, &queue_ops, SIGNALS_WRITE);
    queue->shape = *shape;
    wait_queue_init(&queue->receivers);
    wait_queue_init(&queue->senders);
    user_account_get(account);
    queue->account = account;
    queue->reserved = reserved;
    *out = queue;
    return 0;
}
