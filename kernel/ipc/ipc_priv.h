// SPDX-License-Identifier: MPL-2.0
// What the files of kernel/ipc share.
//
// A message waits in memory of its sender's: one that is sent in a block of its own (struct message, then handles, then
// data), one of a call of at most FIPC_FAST_MAX bytes and no handles in the caller's struct fipc_call. A reply goes
// into room that the caller set aside, so replying cannot fail.
//
// Locks: the flight lock when messages with has_flight come or go, port->lock, then object locks and run queues. A
// call's `state` is changed by compare-and-exchange, see call.c.
#pragma once

#include "levels.h"
#include "queue.h"
#include <abi/fipc.h>
#include <abi/native.h>
#include <abi/posix_server.h>
#include <arch/uaccess.h>
#include <ipc/port.h>
#include <lib/rbtree.h>
#include <lib/status.h>
#include <mm/aspace.h>
#include <object/flight.h>
#include <object/handle.h>
#include <sched/thread.h>
#include <sched/timer.h>

#define HEADER_SIZE ((uint32_t)sizeof(struct fipc_message))
static_assert(sizeof(struct fipc_message) == 32 && sizeof(struct fipc_handle) == 16);

// The type of a message and, above it, its size: the first eight bytes of its header.
typedef uint64_t type_and_size;

struct message_handle {
    struct object *object; // a handle count
    uint32_t rights;
};

struct message {
    struct queued queued; // first
    uint32_t type, size;
    uint32_t flags; // FIPC_* as received
    uint32_t handle_count;
    bool has_flight;        // some of the handles are the collector's concern (object/flight.h)
    struct fipc_call *call; // its sender waits for the answer; null: it does not
    struct message_handle *handles;
    void *data;
};

// Where who sleeps without a stack wants its message: indices of port.parked.
enum parked { IN_MEMORY, IN_WORDS };

struct port {
    struct object object; // first; READABLE while messages are queued
    struct spinlock lock; // protects the rest
    bool closed;
    bool note_senders;
    struct turn_group turns;    // of the root job's rights, and of groups: groups.c
    struct rb_tree groups;      // one for each other job that uses it
    struct credit credit;       // of all senders together
    struct list_node receivers; // fipc_thread.receive_node: asleep in fipc_recv
    // One more of each kind, whose turn is first: asleep without a stack (straight.c); or null.
    struct fipc_thread *parked[2];
    struct list_node rights;   // send_right.port_node: open ones
    struct list_node servers;  // fipc_thread.serve_node: who received from it last
    struct levels waiting;     // of queued calls' callers
    uint8_t lent;              // to all servers: the highest of `waiting` when that was looked at last
    struct wait_queue senders; // for room in the port
    struct flight flight;
};

// The object behind a send right.
struct send_right {
    struct object object; // first; WRITABLE while it has credit, HANGUP once the port is closed
    struct port *port;    // one reference
    uint64_t badge;
    bool once;
    // Under port->lock.
    bool used;                   // of a once right: it was
    struct sender sender;        // while messages are queued they have a reference to the right together
    uint32_t held, paid;         // bytes of the blocks that are queued; bytes that `memory` covers
    struct memory_charge memory; // for these: the job that began to send pays, and has the turns, until none is queued
    struct list_node port_node;
    struct wait_queue senders; // for credit
    struct message note;       // NO_SENDERS
};

// Where the receiver keeps the right to reply: a thread, or a reply object.
struct fipc_slot {
    struct fipc_call *_Atomic call; // null: none. SLOT_GONE: its caller has given up
    uint64_t state;                 // what call->state is while the slot has it
};
#define SLOT_GONE ((struct fipc_call *)1)

enum call_phase { CALL_IDLE, CALL_QUEUED, CALL_TAKEN, CALL_BUSY, CALL_DONE, CALL_PHASES = 0xff };
#define CALL_GENERATION 0x100u

// Which signals end the wait for an answer of a receiver that has taken the call.
enum call_patience { CALL_BY_HANDLER, CALL_ANY_SIGNAL, CALL_KILL_ONLY };

// A call of a thread: it makes one at a time.
struct fipc_call {
    _Atomic uint64_t state; // generation and enum call_phase
    struct thread *thread;
    struct fipc_slot *slot; // who has taken it
    void __user *landing;   // for the answer, if the caller waits parked IN_MEMORY (straight.c); else null
    bool words;             // the caller waits parked IN_WORDS
    struct message message; // small calls
    struct message *queued; // `message` or a block, until a receiver takes it
    bool flight;            // it has_flight
    uint8_t level;          // of its caller when it was queued
    enum call_patience patience;
    // The answer. `room` bytes and `handle_room` handles are what the caller takes.
    uint32_t room, handle_room;
    status_t status;
    union {
        struct {
            uint32_t type, size;
        };
        type_and_size what;
    };
    uint32_t handle_count; // 0 but while a reply with handles is there
    uint8_t *reply;        // `data`, or a block of `capacity` bytes that the thread keeps
    size_t capacity;
    uint8_t data[FIPC_FAST_MAX] __attribute__((aligned(8))); // of the message, then of the reply
    struct message_handle handles[FIPC_HANDLES_MAX];         // of the reply
};

// A message on its way from a port to its receiver.
struct taken {
    uint64_t badge;
    uint32_t type, size, handle_count, flags;
    struct message *block;    // to be freed, or put back; null: a small call or a note
    struct send_right *right; // one reference; `direct`: the waiting caller's
    struct fipc_call *call;   // which is in `held`; null: no call
    bool direct;              // came by the fast path
    uint8_t data[FIPC_FAST_MAX] __attribute__((aligned(8)));
};

// What the fast path hands to a receiver: always a call.
struct inbox {
    struct send_right *right; // the waiting caller's; null, and always so between calls: nothing was handed over
    uint64_t badge;
    type_and_size what;
    uint64_t data[FIPC_FAST_MAX / 8];
};

// What a thread that uses ports has. Freed a grace period after the thread's end, so others may look at it in an RCU
// read section.
struct fipc_thread {
    struct thread *thread;
    struct fipc_call call;
    struct fipc_slot held; // the call that it has taken
    bool replied;          // fipc_reply_recv was interrupted after its reply
    bool words;            // what it receives goes into registers (words.c)
    // Asleep in fipc_recv: under port->lock.
    struct list_node receive_node;
    uint32_t room;        // bytes of data; not if it is parked, then it has FIPC_FAST_MAX at least, or WORDS_SIZE
    void __user *landing; // for the message, if it waits parked IN_MEMORY (straight.c); else null
    struct inbox inbox;
    struct port *serves; // received from last; one reference. Changed by the thread itself alone
    // Under its lock.
    struct list_node serve_node;
    uint8_t call_level; // lent by the caller of `held`; 0 if thread->donated_level is
};

ALWAYS_INLINE struct port *port_of(struct object *object) {
    return (struct port *)object;
}
ALWAYS_INLINE struct send_right *right_of(struct object *object) {
    return (struct send_right *)object;
}
extern const struct object_ops port_ops, send_right_ops, reply_ops;

// Sizes and flags that make sense.
bool port_options_ok(const struct port_options *options);
// The current thread's; null: no memory.
struct fipc_thread *fipc_thread_make(void);
ALWAYS_INLINE struct fipc_thread *fipc_thread_current(void) {
    struct fipc_thread *self = thread_current()->fipc;
    return LIKELY(self != nullptr) ? self : fipc_thread_make();
}

// --- flights.c ---
extern const struct flight_ops port_flight_ops;
// Before a message with has_flight is put into a port's queue: the collector must look at the port. Then the lock.
// departed: as departs said. The message may be gone by then.
MUST_USE bool message_departs(struct port *port, const struct message *message);
void message_departed(bool locked);

// --- port.c ---
// The handle must have the right RECEIVE or SEND. -EBADF, -EACCES.
MUST_USE status_t port_lookup(int handle, struct handle_ref *ref, struct port **port);
MUST_USE status_t right_lookup(int handle, struct handle_ref *ref, struct send_right **right);
// Messages come and go: these keep credits and signals. All: port->lock is held.
void port_put_locked(struct port *port, struct send_right *right, struct message *message) REQUIRES(&port->lock);
void port_put_back_locked(struct port *port, struct send_right *right, struct message *message) REQUIRES(&port->lock);
void port_take_locked(struct port *port, struct message *message) REQUIRES(&port->lock);
// A message leaves that nobody received.
void port_remove_locked(struct port *port, struct message *message) REQUIRES(&port->lock);
// Takes everything out of the queue. Callers get -EPIPE; what was sent goes to `dead`. The flight lock is held, too.
void port_empty_locked(struct port *port, struct list_node *dead) REQUIRES(&port->lock);
ALWAYS_INLINE struct send_right *message_right(const struct message *message) {
    return CONTAINER_OF(message->queued.sender, struct send_right, sender);
}
// The block of a message.
ALWAYS_INLINE size_t message_bytes(const struct message *message) {
    return sizeof *message + message->handle_count * sizeof(struct message_handle) + message->size;
}
// The port is locked. The account of the job that sends now.
ALWAYS_INLINE struct memory_account *sending_account(void) {
    struct arch_aspace *aspace = thread_current()->aspace;
    return LIKELY(aspace != nullptr) ? CONTAINER_OF(aspace, struct aspace, arch)->charge.account : nullptr;
}
// Likewise. Does the current job pay for the message, too, or the one that began to, as long as something is queued?
bool right_pay(struct send_right *right, const struct message *message);
// Likewise. Little is queued for what is paid.
void right_pay_less(struct send_right *right);
#define RIGHT_PAID_AHEAD (8 * (uint32_t)PAGE_SIZE)
// The first sleeping receiver, taken off the list; null: none sleeps.
struct fipc_thread *port_pop_receiver_locked(struct port *port) REQUIRES(&port->lock);

// --- groups.c: all with the port locked ---
// Nothing is queued through the right; this job sends next. False: no memory.
MUST_USE bool right_change_user(struct send_right *right, struct memory_account *account);
// Nothing is queued through the right, and nobody has it any more.
void right_leave_group(struct send_right *right);
// Is something queued that was sent through the right, or by the job through any?
bool job_has_queued(struct port *port, const struct send_right *right, const struct memory_account *account);
// True: a visit was.
bool port_for_each_queued(struct port *port, bool (*visit)(struct queued *queued, void *context), void *context);

// --- message.c ---
// A block with what the user's message says; handles are taken out of the sender's table and their numbers kept, until
// message_sent or message_return. -EFAULT, -EINVAL, -EMSGSIZE, -ENOMEM, and what handles may give.
struct outgoing {
    struct message *message;
    struct fipc_handle items[FIPC_HANDLES_MAX];
    uint32_t rights[FIPC_HANDLES_MAX]; // of moved ones, to be given back
};
MUST_USE status_t message_create(const struct fipc_message *header, const void __user *data, struct outgoing *out);
// The same with up to FIPC_FAST_MAX bytes and no handles. nullptr: no memory.
struct message *message_create_small(type_and_size what, const uint64_t *data);
void message_sent(const struct outgoing *out, unsigned count); // moved handles are gone for good
void message_return(struct outgoing *out);                     // it was not sent: handles go back, the block is freed
void message_end(struct message *message);                     // frees the block alone
void messages_free(struct list_node *dead);                    // a list of them
void message_free(struct message *message);                    // drops its handles. May block
void handles_drop(struct message_handle *handles, unsigned count);
// Reads and checks a header. -EFAULT, -EMSGSIZE, -EINVAL.
MUST_USE status_t header_from_user(struct fipc_message *header, const void __user *message);
// The header of a reply, which may have as much data as a posix server's. The caller's room bounds it further.
MUST_USE status_t reply_header_from_user(struct fipc_message *header, const void __user *message);
#define REPLY_MAX POSIX_DATA_MAX
ALWAYS_INLINE const void __user *message_data(const void __user *message) {
    return (const uint8_t __user *)message + HEADER_SIZE;
}

// --- send.c ---
// Waits for credit and queues. Takes over the message on success only. -EAGAIN, -ETIMEDOUT, -ERESTARTSYS, -EPIPE,
// -EBADF (a once right that was used), -EMSGSIZE (it can never fit), -ENOMEM (the job is at its limit).
MUST_USE status_t right_send(struct send_right *right, struct message *message, nsec_t deadline);

// --- call.c ---
// Queues call->queued and waits for the end of the call. 0: call->status and the reply are there.
MUST_USE status_t call_wait(struct send_right *right, struct fipc_call *call, nsec_t deadline);
// Under port->lock: a receiver takes a queued call into its slot.
void call_take_locked(struct fipc_call *call, struct fipc_slot *slot);
// The receiver could not take delivery: false: the caller has given up meanwhile. Under port->lock.
bool call_put_back_locked(struct fipc_slot *slot, const struct taken *taken);
void call_fail_locked(struct fipc_call *call, status_t status); // queued; wakes the caller
// The same, having slept already, which ended with `status`.
MUST_USE status_t call_end(struct send_right *right, struct fipc_call *call, nsec_t deadline, status_t status);
// A reply in kernel memory.
struct reply {
    uint32_t type, size, handle_count;
    const void *data;
    struct message_handle *handles; // their counts go to the caller
    status_t status;                // to the caller
};
// -EBADF: the slot is empty. -EPIPE: the caller has given up. Handles are taken over on success only. *caller: to be
// woken; stays valid in the RCU read section that the caller of this is in.
MUST_USE status_t call_reply(struct fipc_slot *slot, const struct reply *reply, struct thread **caller);
void call_drop(struct fipc_slot *slot); // without an answer: -EPIPE to the caller
ALWAYS_INLINE enum call_phase call_phase(struct fipc_call *call) {
    return (enum call_phase)(atomic_load_explicit(&call->state, memory_order_acquire) & CALL_PHASES);
}
// Moves a call to another slot. False: the caller has given up.
bool call_move(struct fipc_slot *from, struct fipc_slot *to);

// --- lend.c ---
// The highest level of the callers that wait has changed, or may have.
void port_lend_locked(struct port *port) REQUIRES(&port->lock);
// A server of the port works for this call's caller from now on; null: for no caller.
void server_work_locked(struct port *port, struct fipc_thread *server, const struct fipc_call *call)
    REQUIRES(&port->lock);
void server_done(struct fipc_thread *self);                     // the same with null; the current thread
void server_enter(struct fipc_thread *self, struct port *port); // it receives from another port than before
void server_leave(struct fipc_thread *self);

// --- reply.c ---
// Replies from user memory. Wakes the caller.
MUST_USE status_t reply_user(struct fipc_slot *slot, const void __user *message);
// Hands the reply over and wakes the caller.
MUST_USE status_t reply_send(struct fipc_slot *slot, const struct reply *reply);
struct object *reply_object_create(void); // nullptr: no memory
// Moves the thread's call into the object. False: the caller has given up.
bool reply_object_take(struct object *object, struct fipc_thread *self);
// fipc_send on a reply object.
MUST_USE status_t reply_object_send(struct object *object, const void __user *message);

// --- receive.c, delivery.c ---
// A thread lies down among the receivers, and gets up after a sleep that ended with `status`. 0: look again, or there
// is a message in the inbox.
void receive_begin_locked(struct port *port, struct fipc_thread *self) REQUIRES(&port->lock);
MUST_USE status_t receive_end_locked(struct port *port, struct fipc_thread *self, status_t status)
    REQUIRES(&port->lock);
long port_receive(struct port *port, void __user *message, size_t room, nsec_t deadline);
// Hands a message to the current thread's memory and handle table; if that fails it goes back.
long deliver(struct port *port, struct fipc_thread *self, struct taken *taken, void __user *message);
// Room for handles as the receiver's header says.
MUST_USE status_t handle_room_from_user(const void __user *message, uint64_t *array, uint32_t *room);
struct arrival {
    uint32_t count;
    int numbers[FIPC_HANDLES_MAX]; // reserved
};
MUST_USE status_t arrival_reserve(struct arrival *arrival, uint32_t count);
void arrival_cancel(struct arrival *arrival, uint32_t from); // gives back numbers from that one on
// Tells the user of the handles; then they may be installed.
MUST_USE status_t arrival_announce(const struct arrival *arrival, const struct message_handle *handles, uint32_t count,
                                   uint64_t array);
void arrival_install(struct arrival *arrival, struct message_handle *handles, uint32_t count);

// What a call has got goes to the user.
struct answer {
    void __user *message;
    uint64_t array; // of its handles
    struct arrival arrival;
};
long deliver_answer(struct fipc_call *call, struct answer *answer);

// What the fast path has left in the inbox.
long deliver_inbox(struct port *port, struct fipc_thread *self, void __user *message);

// --- words.c: messages of four words, in registers ---
#define WORDS_SIZE 32u
// A message of at most so many bytes goes to the registers of the current thread.
void words_out(uint64_t badge, uint32_t type, const void *data, uint32_t size);
// As fast_call, fast_reply_recv, finish_call, finish_receive, fipc_continue. The call's data and room are there.
// Receiving gives what a message says of itself: FIPC_CALL, FIPC_NOTE, or 0.
long fast_call_words(struct send_right *right, struct fipc_call *call, type_and_size what);
long fast_reply_recv_words(struct port *port, type_and_size what, const uint64_t *words);
long finish_call_words(struct send_right *right, struct fipc_call *call, status_t status);
long finish_receive_words(struct fipc_thread *self, struct port *port, status_t status);
long call_words_continue(struct fipc_call *call, int handle);

// --- fipc_calls.c ---
// It receives again: what was taken before and not answered is dropped.
void fipc_drop_held(struct fipc_thread *self);
// Room for a reply with `size` bytes of data.
MUST_USE status_t call_reply_room(struct fipc_call *call, uint32_t size);

// --- fast.c, straight.c ---
#define NOT_FAST 1000 // no call gives that: the slow path must be taken, nothing has happened
// Given the object.
long fast_call(struct send_right *right, const void __user *message, void __user *reply, size_t room);
long fast_reply_recv(const void __user *reply, struct port *port, void __user *message, size_t room);
// Awake again. The caller's wait ended with `status`; is its answer there?
long finish_call(struct send_right *right, struct fipc_call *call, status_t status, void __user *reply);
// The receiver's. Is there a message in the inbox?
long finish_receive(struct fipc_thread *self, struct port *port, void __user *message, size_t room, status_t status);
long fipc_continue(void); // of a parked thread, of any kind
// An answer is left with a caller that will find it when it runs.
void note_answer(struct fipc_call *call, type_and_size what, const uint64_t *data);
// What a wait clears it could clear by object_signal as well.
ALWAYS_INLINE uint32_t rights_to_wait(const struct wait_entry *entry) {
    return RIGHT_WAIT | (entry->consume != 0 ? RIGHT_SIGNAL : 0);
}
ALWAYS_INLINE bool may_consume(const struct wait_entry *entry) {
    return (entry->consume & ~(entry->wanted & SIGNAL_USER)) == 0;
}
// Tells what one entry has got: 1. If that fails, it is given back: -EFAULT.
status_t wait_tell(struct wait_entry __user *user, struct object *object, uint32_t ready, uint32_t consume);
// What the port's entry code jumps to: see arch_thread_park.
[[noreturn]] ARCH_PARKS void object_wait_straight(ARCH_PARKS_FIRST struct wait_entry __user *user, unsigned count,
                                                  int64_t deadline);
[[noreturn]] ARCH_PARKS void fipc_call_straight(ARCH_PARKS_FIRST int handle, const void __user *message,
                                                void __user *reply, size_t room, int64_t deadline);
[[noreturn]] ARCH_PARKS void fipc_reply_recv_straight(ARCH_PARKS_FIRST const void __user *reply, int handle,
                                                      void __user *message, size_t room, int64_t deadline);
[[noreturn]] ARCH_PARKS void fipc_call_words_straight(ARCH_PARKS_FIRST int handle);
[[noreturn]] ARCH_PARKS void fipc_reply_recv_words_straight(ARCH_PARKS_FIRST int handle);
