// SPDX-License-Identifier: MPL-2.0
// The inside of pipes, for splice and fcntl.
#pragma once

#include "vfs_priv.h"

#include <mm/account.h>

enum { PIPE_DEFAULT_SIZE = 65536, PIPE_FIRST_BUFFER = 4096, PIPE_MAX_SIZE = 1 << 20 };

// A write in packet mode (O_DIRECT): one read never goes across its end.
struct packet {
    struct list_node node;
    uint64_t start, end;
};

struct pipe_end {
    struct object object;
    struct pipe *pipe;
    uint8_t access; // FILE_READ, FILE_WRITE
};

// Lock order: mutex, wait_lock. head and tail count bytes since the beginning; the byte n is at n & (size - 1).
struct pipe {
    struct refcount ref; // ends, and the FIFO's vnode
    struct mutex mutex;  // contents
    uint8_t *buffer GUARDED_BY(&mutex);
    uint32_t size GUARDED_BY(&mutex); // of the buffer: a power of two, grows up to `limit`
    uint32_t limit GUARDED_BY(&mutex);
    struct list_node packets GUARDED_BY(&mutex);
    uint32_t packet_count GUARDED_BY(&mutex);
    struct memory_charge memory; // whoever made it pays for buffer and packets; under mutex
    _Atomic uint32_t capacity;   // = limit, or less if memory is short; written under mutex
    _Atomic uint64_t head, tail; // written under mutex; the sleepers' conditions read them under wait_lock
    struct spinlock wait_lock;
    struct wait_queue read_wait, write_wait, open_wait GUARDED_BY(&wait_lock);
    _Atomic uint32_t readers, writers;
    size_t write_need; // the least room that wakes a writer; under wait_lock
    bool is_fifo;
    bool has_both;                       // someone opened it for both: sides[2] is kept up
    uint64_t id;                         // inode number
    uint32_t reader_opens, writer_opens; // how often opened, for the two sides of a FIFO to meet; under wait_lock
    struct object sides[3];              // what poll watches: [0] readers, [1] writers, [2] those who do both
    struct pipe_end ends[2];             // of a pipe that pipe(2) made
};

extern const struct object_ops pipe_end_ops;
ALWAYS_INLINE struct pipe_end *pipe_end_of(struct object *object) {
    return object->ops == &pipe_end_ops ? CONTAINER_OF(object, struct pipe_end, object) : nullptr;
}
// Follows a file to the FIFO end behind it. Null: not a pipe.
struct pipe_end *object_pipe_end(struct object *object);

ALWAYS_INLINE uint64_t pipe_used(struct pipe *pipe) {
    return atomic_load_explicit(&pipe->head, memory_order_acquire) -
           atomic_load_explicit(&pipe->tail, memory_order_acquire);
}
// After a change of head, tail, readers or writers, with no lock held: wakes who can go on, keeps the signals true.
void pipe_notify(struct pipe *pipe);
// Block until there is data or no writer; until `need` bytes fit or there is no reader. -ERESTARTSYS.
MUST_USE status_t pipe_wait_for_data(struct pipe *pipe);
MUST_USE status_t pipe_wait_for_room(struct pipe *pipe, size_t need);
// Free bytes, after growing the buffer towards `want` of them. 0 without a buffer: no memory.
size_t pipe_make_room(struct pipe *pipe, size_t want) REQUIRES(&pipe->mutex);
// Copies into the ring, in which there is room; returns the bytes, fewer than `size` on a fault.
size_t pipe_put_bytes(struct pipe *pipe, struct uio *uio, size_t size) REQUIRES(&pipe->mutex);
void pipe_consume(struct pipe *pipe, size_t size) REQUIRES(&pipe->mutex);
// Raises SIGPIPE; -EPIPE.
ssize_t pipe_broken(void);
