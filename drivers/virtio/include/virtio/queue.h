// SPDX-License-Identifier: MPL-2.0
// Split virtqueues: how buffers go to a virtio device and come back, whatever transport it is behind.
//
// The device is not trusted. What it can write to is read once, checked, and used for nothing but to find what the
// driver itself has noted: an index that no device could have reached, a buffer that it does not have, more bytes than
// there was room for make the queue *broken*, which it stays.
#pragma once

#include <lib/status.h>
#include <lib/types.h>

#define VIRTQUEUE_SIZE_MAX 256u

struct virtqueue_descriptor;
struct virtqueue_available;
struct virtqueue_used;

struct virtqueue_segment {
    uint64_t address; // physical
    uint32_t size;
};

struct virtqueue {
    unsigned size; // descriptors; a power of two
    struct virtqueue_descriptor *descriptors;
    struct virtqueue_available *available;
    struct virtqueue_used *used;
    unsigned free_count;
    uint16_t free_first;
    uint16_t published; // chains made available so far, modulo 2^16
    uint16_t taken;     // chains taken back so far
    uint16_t open;      // the difference
    bool broken;
    // The driver's own notes, by descriptor. The device cannot reach them.
    struct virtqueue_note {
        void *token;       // of the chain that begins here; null: none does
        uint32_t writable; // bytes that the device may write to it
        uint16_t count;    // descriptors of it
        uint16_t next;     // of the chain, or of the free ones
    } notes[VIRTQUEUE_SIZE_MAX];
};

// Not synchronised: the owner locks. `size` is the device's offer: -EINVAL if it is none. -ENOMEM.
MUST_USE status_t virtqueue_init(struct virtqueue *queue, unsigned size);
void virtqueue_fini(struct virtqueue *queue); // the device has been reset
// Where the device finds the three parts.
struct virtqueue_place {
    uint64_t descriptors, available, used;
};
struct virtqueue_place virtqueue_place(const struct virtqueue *queue);

// Hands a chain over: `out` segments that the device reads, then `in` ones that it writes. `token`, not null, comes
// back by virtqueue_take. -EAGAIN: no room. -EIO: broken. -EINVAL: a chain that never has room.
struct virtqueue_chain {
    const struct virtqueue_segment *segments;
    unsigned out, in;
    void *token;
};
MUST_USE status_t virtqueue_add(struct virtqueue *queue, const struct virtqueue_chain *chain);
// After one or more: the device wants to be told.
bool virtqueue_wants_notice(const struct virtqueue *queue);
// A chain that the device is through with: its token, and how many bytes the device says it wrote. nullptr: none, or
// the queue is broken.
void *virtqueue_take(struct virtqueue *queue, uint32_t *written);
// Of a broken queue, once the device has been reset: the tokens that it never gave back, one after the other.
void *virtqueue_abandon(struct virtqueue *queue);
