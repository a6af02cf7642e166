// SPDX-License-Identifier: MPL-2.0
// Streams: what connects two sockets, of AF_UNIX or TCP. Private to kernel/net.
//
// The two ends share a struct stream with a queue of packets for each direction, one lock, and weak pointers to the
// sockets. The families make streams, name their ends and close them; sending, receiving and readiness are here.
//
// AF_UNIX and TCP differ in how a stream ends. A closed AF_UNIX end is seen at once by both directions. A TCP end that
// closes says only that no more comes (FIN); what the other sends after that is refused (RST), and so is all that it
// has sent before and nobody has read.
#pragma once

#include "interface.h"
#include "net_priv.h"
#include "packet.h"

#include <mm/account.h>
#include <net/socket.h>

// Where a sleeping reader wants its data: its sender may copy there directly (stream_landing.c). On the reader's stack;
// under the stream's lock.
struct stream_landing {
    struct aspace *aspace; // the reader's; it stays while the reader sleeps
    uintptr_t base;
    size_t room, filled;
    bool busy; // a sender copies just now: the reader must not go on
};

// TCP's urgent data: one byte, in a packet of its own. The byte lies in the stream and marks a place there, but is read
// apart (MSG_OOB), unless SO_OOBINLINE is set. A newer mark takes the older one's place.
struct stream_mark {
    struct packet *packet; // in the end's queue; null: none
    bool taken;            // read by MSG_OOB: only the place is left
};

// One end: what it has yet to read, and what is the matter with it.
struct stream_end {
    struct list_node packets;
    uint32_t bytes;              // charge of the packets: against the other end's send buffer
    uint32_t limit;              // the other end's send buffer
    uint32_t paid;               // bytes that `memory` covers
    struct memory_charge memory; // who made the other end's socket pays for the packets
    bool reading;                // a reader has taken the first packets out and may put them back
    bool closed;                 // the socket is closed
    bool shut_read, shut_write;
    bool reset;                     // TCP: the other end refuses what is sent
    bool finished_first;            // it was the first to say that it sends no more
    struct stream_landing *landing; // of a reader that sleeps; null: none
    struct stream_mark mark;
    uint64_t received, pieces; // TCP: bytes that came here, and in how many packets
    struct socket *socket;     // weak: cleared when the socket is destroyed
    struct wait_queue readers; // of this end
    struct wait_queue writers; // of the other end, for room here
};

struct stream {
    struct refcount ref;         // one for each end
    struct stream *next_retired; // TCP: of a socket that was disconnected, under inet_lock
    bool tcp;                    // never changes
    struct spinlock lock;        // protects the rest
    struct stream_end end[2];
};

// A socket that is to be one end, and who pays for what is sent from it (null: nobody).
struct stream_party {
    struct socket *socket;
    struct memory_account *payer;
};

// No more comes to / may be sent from the end on this side.
ALWAYS_INLINE bool stream_receive_is_shut(const struct stream *stream, unsigned side) {
    const struct stream_end *mine = &stream->end[side], *other = &stream->end[!side];
    return mine->shut_read || other->shut_write || other->closed || mine->reset;
}

ALWAYS_INLINE bool stream_send_is_shut(const struct stream *stream, unsigned side) {
    const struct stream_end *mine = &stream->end[side], *other = &stream->end[!side];
    return mine->shut_write || mine->reset || (!stream->tcp && (other->shut_read || other->closed));
}

// Does the sender's job pay for so many bytes in this queue? Mostly it does already.
bool stream_pay(struct stream_end *end, uint32_t bytes);
ALWAYS_INLINE bool stream_is_paid(struct stream_end *end, uint32_t bytes) {
    return LIKELY(bytes <= end->paid) || stream_pay(end, bytes);
}
// TCP: so many bytes have come to this end. The stream is locked.
ALWAYS_INLINE void stream_count(struct stream_end *end, size_t size) {
    end->received += size;
    for (end->pieces++; UNLIKELY(size > PIECE_MAX); size -= PIECE_MAX, end->pieces++)
        interface_count(PIECE_MAX + TCP_HEADERS);
    interface_count(size + TCP_HEADERS);
}
// Less lies in the queue: it pays for little more.
void stream_pay_less(struct stream_end *end);
#define STREAM_PAID_AHEAD (8 * (uint32_t)PAGE_SIZE)

// Packets of so many bytes, in pages to pay for.
ALWAYS_INLINE int64_t stream_pages(uint32_t bytes) {
    return (int64_t)((bytes + PAGE_SIZE - 1) / PAGE_SIZE);
}

// Has the queue at `end` drained enough for its senders to go on?
ALWAYS_INLINE bool stream_has_drained(const struct stream_end *end) {
    return end->bytes <= end->limit / 4;
}

// --- stream_end.c ---
// `a`, `b`: who pays for what each sends. Two references, one for each end. nullptr: no memory.
struct stream *stream_create(struct stream_party a, struct stream_party b, bool tcp);
// The end's socket is destroyed: drops its reference.
void stream_leave(struct stream *stream, unsigned side);
// The end's socket uses it no more, but keeps the reference: what other threads of it still do comes to nothing.
void stream_retire(struct stream *stream, unsigned side);
void stream_drop(struct stream *stream); // that reference
// Makes a retired stream, whose other end has left and which nobody uses, a new one with two references. False: it is
// in use.
bool stream_renew(struct stream *stream, struct stream_party a, struct stream_party b);
void stream_shutdown(struct stream *stream, unsigned side, bool read, bool write);
// How a stream has ended for an end that closes: not in order (or long ago), or in order: it closes while the other may
// still send, or both have finished, it first or last.
enum stream_close { STREAM_ABORTED, STREAM_HALF, STREAM_FINISHED_FIRST, STREAM_FINISHED_LAST };
// The last handle of the end's socket is gone. `reset`: TCP with SO_LINGER 0.
enum stream_close stream_close(struct stream *stream, unsigned side, bool reset);
// TCP: the end on this side gets `error` and is done.
void stream_reset_locked(struct stream *stream, unsigned side, int error) REQUIRES(&stream->lock);
// The buffers' sizes have changed.
void stream_sizes_changed(struct stream *stream);
// Nothing is sent or received any more, in either direction (TCP).
bool stream_is_over(struct stream *stream, unsigned side);
// All packets of this end's queue were taken away at once. The stream is locked.
void stream_queue_emptied_locked(struct stream_end *end);
// Brings the signals of one end in line with the state.
void stream_end_update_locked(struct stream *stream, unsigned side) REQUIRES(&stream->lock);
// Bytes that can be read here (of a seqpacket: of the first; up to a mark) / that the other end has not read yet.
uint32_t stream_unread(struct stream *stream, unsigned side, bool first_only);
uint32_t stream_unsent(struct stream *stream, unsigned side);

// --- stream_send.c, stream_receive.c: socket_ops.send and receive of the end's socket ---
ssize_t stream_send(struct stream *stream, unsigned side, struct socket *socket, struct message *message);
// The next `size` bytes of `message`; `urgent`: they are the mark.
MUST_USE status_t stream_send_piece(struct stream *stream, unsigned side, struct socket *socket,
                                    struct message *message, size_t size, bool urgent);
// Why nothing could be sent; SIGPIPE if that is due.
status_t stream_send_failed(struct stream *stream, struct socket *socket, struct message *message, status_t status);
// Takes the first packet out of this end's queue.
void stream_remove_first(struct stream *stream, unsigned side, struct packet *packet) REQUIRES(&stream->lock);
ssize_t stream_send_whole(struct stream *stream, unsigned side, struct socket *socket, struct message *message);
ssize_t stream_receive(struct stream *stream, unsigned side, struct socket *socket, struct message *message);
ssize_t stream_receive_whole(struct stream *stream, unsigned side, struct socket *socket, struct message *message);
// Hands out a packet's credentials and handles, if they are wanted.
void packet_take_ancillary(struct packet *packet, struct message *message, bool peek);

// --- stream_urgent.c: TCP only ---
// Sends the last byte of `message`, which has no others left, as urgent data. 1, or -E….
ssize_t stream_send_urgent(struct stream *stream, unsigned side, struct socket *socket, struct message *message);
// MSG_OOB. -EINVAL: there is none.
ssize_t stream_receive_urgent(struct stream *stream, unsigned side, struct socket *socket, struct message *message);
bool stream_is_at_mark(struct stream *stream, unsigned side); // SIOCATMARK
// The new packet in this end's queue is urgent.
void stream_mark_locked(struct stream *stream, unsigned side, struct packet *packet) REQUIRES(&stream->lock);
// Is that the mark, which a read goes around?
bool stream_is_mark_apart(const struct stream_end *end, const struct packet *packet);
// Is there something to read beside it?
bool stream_has_data(const struct stream_end *end);

// --- stream_landing.c ---
#define STREAM_LANDING_MIN 4096u // shorter data goes through the queue: that is cheaper
// May this receive have its data copied directly? If so, fills *landing.
bool stream_landing_offer(struct message *message, struct stream_landing *landing);
// Sleeps as wait_queue_sleep on the end's readers, with the landing open. Afterwards, whatever the result,
// landing->filled bytes have arrived.
MUST_USE status_t stream_landing_wait(struct stream *stream, unsigned side, struct stream_landing *landing,
                                      nsec_t deadline) REQUIRES(&stream->lock);
// The sender's side: copies to the other end's landing, if there is one. Returns the bytes that went.
size_t stream_landing_send(struct stream *stream, unsigned side, struct message *message);
