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
    struct socket *socket;          // weak: cleared when the socket is destroyed
    struct wait_queue readers;      // of this end
    struct wait_queue writers;      // of the other end, for room here
};

struct stream {
    struct refcount ref;  // one for each end
    bool tcp;             // never changes
    struct spinlock lock; // protects the rest
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
// Bytes that can be read here (of a seqpacket: of the first) / that the other end has not read yet.
uint32_t stream_unread(struct stream *stream, unsigned side, bool first_only);
uint32_t stream_unsent(struct stream *stream, unsigned side);

// --- stream_send.c, stream_receive.c: socket_ops.send and receive of the end's socket ---
ssize_t stream_send(struct stream *stream, unsigned side, struct socket *socket, struct message *message);
ssize_t stream_send_whole(struct stream *stream, unsigned side, struct socket *socket, struct message *message);
ssize_t stream_receive(struct stream *stream, unsigned side, struct socket *socket, struct message *message);
ssize_t stream_receive_whole(struct stream *stream, unsigned side, struct socket *socket, struct message *message);
// Hands out a packet's credentials and handles, if they are wanted.
void packet_take_ancillary(struct packet *packet, struct message *message, bool peek);

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
