// SPDX-License-Identifier: MPL-2.0
// A socket, and what an address family supplies. The calls (socket_*.c) copy arguments, check what is the same
// for all families, and come here; AF_UNIX is the first family.
#pragma once

#include <abi/inet.h>
#include <abi/socket.h>
#include <object/object.h>
#include <sched/wait.h>

struct socket;
struct parcel; // handles in flight
struct control_message;

struct address {
    unsigned size; // bytes of what follows that count
    union {
        uint16_t family;
        struct abi_sockaddr_un un;
        struct abi_sockaddr_in in;
        struct abi_sockaddr_in6 in6;
        uint8_t bytes[ABI_SOCKADDR_MAX];
    };
};

#define ANCILLARY_RECORDS 256u

// What goes with a message beside its data.
struct ancillary {
    struct parcel *rights; // sending: owned until the family takes it. Receiving: handed over. Null: none
    struct abi_ucred credentials;
    bool has_credentials;
    // Internet families. Sending: from which address, with how many hops, in which class, if that is asked for.
    bool has_source;
    uint8_t source[16];
    int16_t hops, class; // -1: as the socket says
    // Receiving: control messages as they go to the user, each ALIGN_UP(size, 8) bytes.
    unsigned record_size;
    alignas(8) uint8_t records[ANCILLARY_RECORDS];
};

// One send or receive. The common paths (read, write, send, recv) leave address and ancillary null.
struct message {
    struct uio *data;
    struct address *address;     // send: to; receive: gets the sender (size 0: none). Null: none, not wanted
    struct ancillary *ancillary; // null: none, not wanted
    uint32_t flags;              // MSG_*
    uint32_t result;             // receive: MSG_TRUNC, MSG_EOR …
};

// Whose name: the socket's own, its peer's (-ENOTCONN), or the peer's of one that was just accepted, which may be gone.
enum socket_name { NAME_OWN, NAME_PEER, NAME_ACCEPTED };

// Context: thread, no lock held, may block. Null: -EOPNOTSUPP.
struct socket_ops {
    bool peeks_at; // has SO_PEEK_OFF
    status_t (*bind)(struct socket *socket, const struct address *address);
    status_t (*connect)(struct socket *socket, const struct address *address, bool nonblock);
    status_t (*listen)(struct socket *socket, int backlog);
    // *out: one reference, no handle yet.
    status_t (*accept)(struct socket *socket, bool nonblock, struct socket **out);
    status_t (*get_name)(struct socket *socket, enum socket_name name, struct address *out);
    status_t (*shutdown)(struct socket *socket, bool read, bool write);
    ssize_t (*send)(struct socket *socket, struct message *message);
    ssize_t (*receive)(struct socket *socket, struct message *message);
    // Options that the common code does not know; kernel memory. -ENOPROTOOPT.
    status_t (*set_option)(struct socket *socket, int level, int name, const void *value, size_t size);
    status_t (*get_option)(struct socket *socket, int level, int name, void *value, size_t *size);
    // A control message of sendmsg that is not SOL_SOCKET's. Null: ignored.
    status_t (*take_control)(struct socket *socket, const struct control_message *control, struct ancillary *out);
    long (*ioctl)(struct socket *socket, unsigned command, unsigned long argument);
    // Bytes received and not read, and how many messages were lost. Null: none.
    void (*memory)(struct socket *socket, uint32_t *unread, uint32_t *lost);
    void (*options_changed)(struct socket *socket); // buffer sizes
    void (*closed)(struct socket *socket);          // the last handle is gone
    // Both may be null: handles do not travel over it.
    void (*handle_closed)(struct socket *socket); // a handle to it is about to go
    struct flight *(*flight)(struct socket *socket);
    void (*destroy)(struct socket *socket); // the last reference is gone: free it
};

struct socket {
    struct object object;
    const struct socket_ops *ops; // these four never change
    uint16_t family;
    uint8_t type; // SOCK_*
    int protocol;
    // Options: words, each read and written whole.
    _Atomic uint32_t send_buffer, receive_buffer; // bytes
    _Atomic nsec_t receive_timeout, send_timeout; // 0: none
    _Atomic uint32_t receive_low_water;
    _Atomic int32_t peek_offset;  // SO_PEEK_OFF: where MSG_PEEK begins; -1: always at the first byte
    _Atomic uint32_t option_bits; // of SO_DEBUG … SO_PASSCRED, by number
    _Atomic int error;            // SO_ERROR: reported once
    _Atomic bool has_errors;      // its error queue is not empty
    struct abi_linger linger;
    int priority, mark, incoming_cpu;         // kept for the program: nothing here is sorted by them
    bool send_buffer_set, receive_buffer_set; // by the program: the family leaves them as they are
};

struct socket_family {
    int number;
    // *out: one reference. -ESOCKTNOSUPPORT, -EPROTONOSUPPORT, -ENOMEM.
    status_t (*create)(int type, int protocol, struct socket **out);
    status_t (*pair)(struct socket *a, struct socket *b); // null: no socketpair
};
void socket_family_register(const struct socket_family *family); // at boot; it stays

// For families: sets up the common part.
void socket_init(struct socket *socket, const struct socket_ops *ops, int family, int type);
// Null if the object is not a socket.
struct socket *socket_of(struct object *object);
ALWAYS_INLINE bool socket_option(struct socket *socket, unsigned name) {
    return atomic_load_explicit(&socket->option_bits, memory_order_relaxed) >> name & 1;
}
// SO_PEEK_OFF: where a receive with these flags begins; less than 0: at the first byte, as without the option.
ALWAYS_INLINE int32_t socket_peek_offset(const struct socket *socket, uint32_t flags) {
    return LIKELY(!(flags & MSG_PEEK)) ? -1 : atomic_load_explicit(&socket->peek_offset, memory_order_relaxed);
}
// So many bytes were looked at: the next peek begins behind them; or, taken away (less than 0): before.
void socket_peek_moved(struct socket *socket, int64_t bytes);
// Something came for `readers` of the socket. One is enough, but for readers who wait for what lies further behind.
ALWAYS_INLINE void socket_wake_reader(const struct socket *socket, struct wait_queue *readers) {
    if (LIKELY(atomic_load_explicit(&socket->peek_offset, memory_order_relaxed) < 0))
        wait_queue_wake_one_sync(readers);
    else
        wait_queue_wake_all(readers);
}
// Takes the pending error: 0 or -E….
status_t socket_take_error(struct socket *socket);
// When a wait that begins now must end; `timeout` 0: never.
nsec_t socket_deadline(nsec_t timeout);
// What an interrupted wait returns: with a timeout it cannot be restarted.
status_t socket_interrupted(status_t status, nsec_t timeout);
// -EPIPE, and SIGPIPE unless MSG_NOSIGNAL.
status_t socket_broken_pipe(uint32_t flags);
// Who sends: the current task.
struct abi_ucred socket_credentials(void);
