// SPDX-License-Identifier: MPL-2.0
// Packets: what lies in the queues of AF_UNIX sockets. Private to kernel/net.
#pragma once

#include "parcel.h"

#include <abi/socket.h>
#include <lib/list.h>
#include <lib/refcount.h>
#include <mm/page.h>
#include <mm/uio.h>

struct unix_name;
struct unix_socket;

#define PACKET_SIZE 512u                  // of the struct
#define PACKET_STREAM_MAX (8 * PAGE_SIZE) // a stream is cut into packets of at most this

// How a datagram of the Internet families came.
struct packet_route {
    uint8_t from[16], to[16]; // struct inet_address
    uint16_t port;            // it came from
    uint16_t coverage;        // UDP-Lite: bytes that its checksum covers; 0: all
    uint8_t hops, class;
    nsec_t time; // wall clock
};

// Small data lies in the packet itself; larger data in pages, whose list lies in the packet or, if it is long, on the
// heap.
struct packet {
    struct list_node node;
    uint32_t size;       // bytes of data
    uint32_t start;      // of them read already (streams)
    uint32_t charge;     // counted against the sender's buffer
    uint16_t page_count; // 0: `bytes`
    bool heap_list;      // `list` is on the heap
    bool routed;         // has `route`, and holds nothing but data
    bool peeked;         // an empty datagram that was looked at, under the queue's lock
    struct refcount ref; // of the queue or who took it out, and of those who look at it there
    union {
        struct {
            struct parcel *rights;        // null: none
            struct unix_name *from;       // datagrams: the sender's name, one reference; null: none
            struct unix_socket *sender;   // datagrams: whose buffer is charged, one reference
            struct abi_ucred credentials; // of the sender
        };
        struct packet_route route;
    };
    struct page **list; // page_count pages
    union {
        struct page *few[0];
        uint8_t bytes[0];
    };
};
#define PACKET_INLINE (PACKET_SIZE - sizeof(struct packet))
#define PACKET_FEW (PACKET_INLINE / sizeof(struct page *))

// Takes `size` bytes out of `data` into a new packet. May block. -ENOMEM, -EFAULT.
MUST_USE status_t packet_create(struct uio *data, size_t size, struct packet **out);
// Copies `size` bytes from `offset` on to `to`; returns how many went: fewer if user memory faulted. May block.
size_t packet_copy(const struct packet *packet, size_t offset, struct uio *to, size_t size);
// The packet in which a peek at `offset` of all that lies in the queue begins, and *skip: how many of its unread bytes
// lie before. With `offset` 0 or less the first, but for an empty one that was looked at and an offset of 0. The queue
// is locked. nullptr: all of it lies before.
struct packet *packet_find(const struct list_node *packets, int32_t offset, size_t *skip);
// For a look at a datagram that stays in its queue, which is locked: a reference, for packet_destroy.
void packet_hold(struct packet *packet);
// Drops a reference; with the last what it holds: rights, names, pages. May block.
void packet_destroy(struct packet *packet);
void packet_destroy_all(struct list_node *packets);
