// SPDX-License-Identifier: MPL-2.0
// Ports and send rights as objects: their making, their end, their signals.
//
// A port is open as long as there is a handle to it. When the last one goes, all that is queued is dropped, callers get
// -EPIPE, and the rights hang up. A right is open likewise; what was sent through it is still delivered afterwards, and
// then, if the port asked for it, the note that nobody has it any more.
#include "packet.h"

#include <lib/fmt.h>
#include <mm/charged.h>

CHARGED_CACHE(port_cache, struct port);
CHARGED_CACHE(send_right_cache, struct send_right);

enum { MESSAGES_DEFAULT = 64, BYTES_DEFAULT = 64 * 1024, MESSAGES_MAX = 65536, BYTES_MAX = 16 << 20 };

const struct fipc_hooks *fipc_hooks;

// ---------------------------------------------------------------- messages come and go

static void update_right(struct send_right *right) {
    uint32_t now = credit_has(&right->sender.credit, 0) ? SIGNALS_WRITE : 0;
    if ((object_signals(&right->object) & SIGNALS_WRITE) != now)
        object_signal(&right->object, SIGNALS_WRITE & ~now, now);
}

static int64_t pages_of(size_t bytes) {
    return (int64_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

static void count_paid(struct send_right *right) {
    int64_t pages = atomic_load_explicit(&right->memory.charged, memory_order_relaxed);
    right->paid = (uint32_t)(MIN(pages, (int64_t)(UINT32_MAX >> PAGE_SHIFT)) << PAGE_SHIFT);
}

bool right_pay(struct send_right *right, const struct message *message) {
    struct memory_account *payer = sending_account();
    if (right->memory.account != payer && sender_is_idle(&right->sender) && !right_change_user(right, payer))
        return false;
    bool paid = charge_cover(&right->memory, pages_of(right->held + message_bytes(message)));
    count_paid(right);
    return paid;
}

void right_pay_less(struct send_right *right) {
    charge_shrink(&right->memory, pages_of(right->held));
    count_paid(right);
}

// Calls wait in their callers' memory and need no credit.
ALWAYS_INLINE void charge(struct port *port, struct send_right *right, const struct message *message)
    REQUIRES(&port->lock) {
    if (message->call)
        levels_add(&port->waiting, message->call->level);
    if (message->flags & (FIPC_CALL | FIPC_NOTE))
        return;
    right->held += (uint32_t)message_bytes(message);
    credit_take(&right->sender.credit, message->size);
    credit_take(&port->credit, message->size);
    update_right(right);
}

static void uncharge(struct port *port, struct send_right *right, const struct message *message) REQUIRES(&port->lock) {
    if (message->call)
        levels_remove(&port->waiting, message->call->level);
    if (message->flags & (FIPC_CALL | FIPC_NOTE))
        return;
    right->held -= (uint32_t)message_bytes(message);
    if (UNLIKELY(right->paid > right->held + RIGHT_PAID_AHEAD))
        right_pay_less(right);
    credit_give(&right->sender.credit, message->size);
    credit_give(&port->credit, message->size);
    if (UNLIKELY(!wait_queue_is_empty(&right->senders)))
        wait_queue_wake_one(&right->senders);
    if (UNLIKELY(!wait_queue_is_empty(&port->senders)))
        wait_queue_wake_one(&port->senders);
    update_right(right);
}

void port_put_locked(struct port *port, struct send_right *right, struct message *message) {
    if (sender_is_idle(&right->sender))
        object_get(&right->object);
    charge(port, right, message);
    queue_put(&right->sender, &message->queued);
    object_signal(&port->object, 0, SIGNALS_READ);
}

void port_put_back_locked(struct port *port, struct send_right *right, struct message *message) {
    if (sender_is_idle(&right->sender))
        object_get(&right->object);
    charge(port, right, message);
    queue_put_back(&right->sender, &message->queued);
    object_signal(&port->object, 0, SIGNALS_READ);
}

// After a message has left: the queue's reference to the right goes if it was the last one.
ALWAYS_INLINE void left(struct port *port, struct send_right *right, const struct message *message)
    REQUIRES(&port->lock) {
    uncharge(port, right, message);
    if (turns_are_empty(&port->turns))
        object_signal(&port->object, SIGNALS_READ, 0);
    if (sender_is_idle(&right->sender)) {
        if (UNLIKELY(!list_is_linked(&right->port_node)))
            right_leave_group(right);
        object_put(&right->object); // its destruction takes no lock
    }
}

void port_take_locked(struct port *port, struct message *message) {
    struct send_right *right = message_right(message);
    queue_take(&message->queued);
    left(port, right, message);
}

void port_remove_locked(struct port *port, struct message *message) {
    struct send_right *right = message_right(message);
    queue_remove(&message->queued);
    left(port, right, message);
}

struct fipc_thread *port_pop_receiver_locked(struct port *port) {
    struct fipc_thread *receiver = first_receiver(port);
    if (receiver)
        drop_receiver(port, receiver);
    return receiver;
}

// ---------------------------------------------------------------- send rights

static void right_closed(struct object *object) {
    struct send_right *right = right_of(object);
    struct port *port = right->port;
    spin_lock(&port->lock);
    list_remove(&right->port_node);
    if (sender_is_idle(&right->sender))
        right_leave_group(right);
    struct fipc_thread *receiver = nullptr;
    if (port->note_senders && !port->closed) {
        port_put_locked(port, right, &right->note);
        receiver = port_pop_receiver_locked(port);
    }
    if (receiver)
        thread_wake(receiver->thread);
    spin_unlock(&port->lock);
}

static void right_destroy(struct object *object) {
    object_put(&right_of(object)->port->object);
    charge_fini(&right_of(object)->memory);
    charged_free(&send_right_cache, right_of(object));
}

static int right_describe(struct object *object, char *to, size_t size) {
    struct port_counts counts;
    port_count(object, &counts);
    return fmt_snprintf(
        to, size, "port:\t%llu\nbadge:\t%llx\nqueued:\t%u of %u messages, %u of %u bytes\nonce:\t%d\nclosed:\t%d\n",
        (unsigned long long)counts.port, (unsigned long long)counts.badge, counts.messages, counts.messages_max,
        counts.bytes, counts.bytes_max, counts.once, counts.closed);
}

const struct object_ops send_right_ops = {
    .type = OBJECT_PORT,
    .name = "send-right",
    .closed = right_closed,
    .destroy = right_destroy,
    .describe = right_describe,
};

status_t port_right_create(struct object *object, const struct port_right *options, struct object **out) {
    struct port *port = port_of(object);
    uint32_t messages = options->credit_messages ? options->credit_messages : port->credit.messages_max;
    uint32_t bytes = options->credit_bytes ? options->credit_bytes : port->credit.bytes_max;
    if (messages > MESSAGES_MAX || bytes > BYTES_MAX)
        return -EINVAL;
    struct send_right *right = charged_alloc_zero(&send_right_cache);
    if (!right)
        return -ENOMEM;
    object_init(&right->object, &send_right_ops, SIGNALS_WRITE);
    right->port = port;
    object_get(object);
    right->badge = options->badge;
    right->once = options->flags & PORT_RIGHT_ONCE;
    sender_init(&right->sender, &port->turns);
    charge_init(&right->memory, nullptr);
    right->sender.credit = (struct credit){.messages_max = messages, .bytes_max = bytes};
    wait_queue_init(&right->senders);
    right->note = (struct message){.type = FIPC_NOTE_NO_SENDERS, .flags = FIPC_NOTE};
    spin_lock(&port->lock);
    list_push_back(&port->rights, &right->port_node);
    spin_unlock(&port->lock);
    *out = &right->object;
    return 0;
}

bool object_is_port_right(const struct object *object) {
    return object->ops == &send_right_ops;
}

bool port_right_leads_to(const struct object *right, const struct object *port) {
    return &((const struct send_right *)right)->port->object == port;
}

status_t right_lookup(int handle, struct handle_ref *ref, struct send_right **right) {
    status_t status = handle_lookup(handle, RIGHT_SEND, ref);
    if (UNLIKELY(status != 0))
        return status;
    if (UNLIKELY(ref->object->ops != &send_right_ops)) {
        handle_release(ref);
        return -EBADF;
    }
    *right = right_of(ref->object);
    return 0;
}

// ---------------------------------------------------------------- ports

// Takes everything out of the queue. Callers are told; what was sent goes to `dead`.
void port_empty_locked(struct port *port, struct list_node *dead) {
    struct queued *queued;
    while ((queued = queue_peek(&port->turns)) != nullptr) {
        struct message *message = CONTAINER_OF(queued, struct message, queued);
        struct fipc_call *call = message->call;
        bool note = message->flags == FIPC_NOTE;
        port_take_locked(port, message);
        if (call)
            call_fail_locked(call, -EPIPE); // what it moved goes back to it
        else if (!note)
            list_push_back(dead, &message->queued.node);
    }
    port_lend_locked(port);
}

static void port_closed(struct object *object) {
    struct port *port = port_of(object);
    struct list_node dead = LIST_INIT(dead);
    flight_lock();
    spin_lock(&port->lock);
    port->closed = true;
    port_empty_locked(port, &dead);
    wait_queue_wake_all(&port->senders);
    struct send_right *right;
    LIST_FOR_EACH(right, &port->rights, port_node) {
        wait_queue_wake_all(&right->senders);
        object_signal(&right->object, 0, SIGNAL_HANGUP | SIGNAL_ERROR | SIGNAL_PEER_CLOSED);
    }
    spin_unlock(&port->lock);
    flight_unlock();
    bool nested = thread_current()->dead_messages != nullptr; // of a chain of ports the first one collects, once
    messages_free(&dead);
    if (!nested)
        flight_collect(nullptr);
}

static void port_handle_closed(struct object *object, struct task *task) {
    struct port *port = port_of(object);
    (void)task;
    if (UNLIKELY(atomic_load_explicit(&port->flight.passed, memory_order_relaxed)))
        flight_collect(&port->flight);
}

static struct flight *port_flight(struct object *object) {
    return &port_of(object)->flight;
}

static void port_destroy(struct object *object) {
    flight_remove(&port_of(object)->flight);
    charged_free(&port_cache, port_of(object));
}

static int port_describe(struct object *object, char *to, size_t size) {
    struct port_counts counts;
    port_count(object, &counts);
    return fmt_snprintf(to, size,
                        "port:\t%llu\nqueued:\t%u of %u messages, %u of %u bytes\nsend-rights:\t%u\nreceivers:\t%u\n",
                        (unsigned long long)counts.port, counts.messages, counts.messages_max, counts.bytes,
                        counts.bytes_max, counts.rights, counts.receivers);
}

const struct object_ops port_ops = {
    .type = OBJECT_PORT,
    .name = "port",
    .closed = port_closed,
    .handle_closed = port_handle_closed,
    .flight = port_flight,
    .destroy = port_destroy,
    .describe = port_describe,
};

struct object *port_create(const struct port_options *options) {
    struct port *port = charged_alloc_zero(&port_cache);
    if (!port)
        return nullptr;
    object_init(&port->object, &port_ops, 0);
    spin_init(&port->lock);
    port->note_senders = options->flags & PORT_NOTE_SENDERS;
    turn_group_init(&port->turns, nullptr);
    port->credit = (struct credit){.messages_max = options->messages ? options->messages : MESSAGES_DEFAULT,
                                   .bytes_max = options->bytes ? options->bytes : BYTES_DEFAULT};
    list_init(&port->receivers);
    list_init(&port->rights);
    list_init(&port->servers);
    wait_queue_init(&port->senders);
    flight_init(&port->flight, &port->object, &port_flight_ops);
    return &port->object;
}

bool port_options_ok(const struct port_options *options) {
    return options->messages <= MESSAGES_MAX && options->bytes <= BYTES_MAX && !(options->flags & ~PORT_NOTE_SENDERS) &&
           options->reserved == 0;
}

bool object_is_port(const struct object *object) {
    return object->ops == &port_ops;
}

status_t port_lookup(int handle, struct handle_ref *ref, struct port **port) {
    status_t status = handle_lookup(handle, RIGHT_RECEIVE, ref);
    if (UNLIKELY(status != 0))
        return status;
    if (UNLIKELY(ref->object->ops != &port_ops)) {
        handle_release(ref);
        return -EBADF;
    }
    *port = port_of(ref->object);
    return 0;
}

static uint32_t length_of(const struct list_node *list) {
    uint32_t count = 0;
    for (const struct list_node *node = list->next; node != list; node = node->next)
        count++;
    return count;
}

void port_count(const struct object *object, struct port_counts *out) {
    struct object *any = (struct object *)(uintptr_t)object;
    struct send_right *right = object_is_port_right(object) ? right_of(any) : nullptr;
    struct port *port = right ? right->port : port_of(any);
    *out =
        (struct port_counts){.port = port->object.id, .badge = right ? right->badge : 0, .once = right && right->once};
    spin_lock(&port->lock);
    const struct credit *credit = right ? &right->sender.credit : &port->credit;
    out->messages = credit->messages;
    out->messages_max = credit->messages_max;
    out->bytes = credit->bytes;
    out->bytes_max = credit->bytes_max;
    out->rights = length_of(&port->rights);
    out->receivers =
        length_of(&port->receivers) + (port->parked[IN_MEMORY] != nullptr) + (port->parked[IN_WORDS] != nullptr);
    out->closed = port->closed;
    spin_unlock(&port->lock);
}
