// SPDX-License-Identifier: MPL-2.0
// Virtio devices: between the transports (PCI, slots in memory), which find them, and the drivers of each kind.
//
//   static status_t attach(struct virtio_device *device) { … }
//   VIRTIO_DRIVER(my_driver) = {.kind = 2, .attach = attach};
#pragma once

#include <lib/types.h>
#include <virtio/queue.h>

enum { VIRTIO_F_VERSION_1 = 32 }; // number of a feature: a driver's `features` has it as a bit

struct virtio_device;

// What a transport does. Thread context at boot, but for notify.
struct virtio_transport {
    void (*set_status)(struct virtio_device *device, uint8_t status); // 0 begins a reset
    uint8_t (*get_status)(struct virtio_device *device);
    // Features go by words of 32: word 0 has number 0 as its lowest bit.
    uint32_t (*offered)(struct virtio_device *device, unsigned word);
    void (*accept)(struct virtio_device *device, unsigned word, uint32_t features);
    // The device's configuration, bytes. False: it ends before that.
    bool (*read_config)(struct virtio_device *device, unsigned offset, void *to, unsigned size);
    uint32_t (*config_generation)(struct virtio_device *device);
    unsigned (*queue_size)(struct virtio_device *device, unsigned index); // 0: there is no such queue
    status_t (*queue_start)(struct virtio_device *device, unsigned index, const struct virtqueue *queue);
    void (*notify)(struct virtio_device *device, unsigned index); // any context
};

struct virtio_device {
    const struct virtio_transport *transport;
    const char *folder; // of the bus's device, below /sys: "devices/…/0000:00:01.0"
    uint32_t kind, vendor;
    unsigned number;                  // virtioN
    uint64_t features;                // that both sides have
    void (*interrupt)(void *context); // of the driver, in interrupt context; null until it has one
    void *context;
    char path[96]; // of the device itself, below /sys
};

struct virtio_driver {
    unsigned kind;
    status_t (*attach)(struct virtio_device *device);
};
#define VIRTIO_DRIVER(name) \
    static const struct virtio_driver name __attribute__((section(".virtio_drivers"), used, retain, aligned(8)))

// --- for transports ---
// A device was found: it gets a number, is listed in /sys, and a driver. It stays.
MUST_USE status_t virtio_add(struct virtio_device *device);
// The device has used a queue. Interrupt context.
void virtio_interrupted(struct virtio_device *device);

// --- for drivers ---
// Resets it and agrees on what of `wanted` it has (VERSION_1 is always wanted). -ENODEV: an older kind of device.
MUST_USE status_t virtio_begin(struct virtio_device *device, uint64_t wanted);
ALWAYS_INLINE bool virtio_has(const struct virtio_device *device, unsigned feature) {
    return device->features >> feature & 1;
}
// Makes a queue of at most `most` descriptors, between begin and ready. -ENODEV: there is none.
MUST_USE status_t virtio_queue_start(struct virtio_device *device, unsigned index, struct virtqueue *queue,
                                     unsigned most);
void virtio_ready(struct virtio_device *device);
// It is not to be used any more: it stops touching memory.
void virtio_stop(struct virtio_device *device);
// A stretch of the configuration that is all from one moment. False: it ends before that.
MUST_USE bool virtio_read_config(struct virtio_device *device, unsigned offset, void *to, unsigned size);
