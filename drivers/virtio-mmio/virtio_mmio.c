// SPDX-License-Identifier: MPL-2.0
// Virtio devices in slots of memory: the transport of QEMU's microvm and, beside PCI, of Arm's `virt`. Version 2 of the
// registers; devices of version 1 (QEMU makes them so unless told otherwise) offer no VERSION_1, and are only listed.

#include <arch/irq.h>
#include <arch/platform.h>
#include <lib/fmt.h>
#include <lib/log.h>
#include <lib/status.h>
#include <mm/slab.h>
#include <virtio/virtio.h>

#define MAGIC 0x74726976u // "virt"
#define SLOT_SIZE 0x200u
#define CAUSES_TRIES 16u

enum {
    REG_MAGIC = 0x0,
    REG_VERSION = 0x4,
    REG_DEVICE = 0x8,
    REG_VENDOR = 0xc,
    REG_OFFERED = 0x10,
    REG_OFFERED_SELECT = 0x14,
    REG_ACCEPTED = 0x20,
    REG_ACCEPTED_SELECT = 0x24,
    REG_QUEUE_SELECT = 0x30,
    REG_QUEUE_MAX = 0x34,
    REG_QUEUE_SIZE = 0x38,
    REG_QUEUE_READY = 0x44,
    REG_NOTIFY = 0x50,
    REG_INTERRUPT = 0x60,
    REG_INTERRUPT_DONE = 0x64,
    REG_STATUS = 0x70,
    REG_QUEUE_DESCRIPTORS = 0x80,
    REG_QUEUE_AVAILABLE = 0x90,
    REG_QUEUE_USED = 0xa0,
    REG_GENERATION = 0xfc,
    REG_CONFIG = 0x100
};
enum { VERSION_LEGACY = 1, VERSION_1 = 2, INTERRUPT_USED = 1 };

struct slot {
    struct virtio_device device; // first
    struct arch_io io;
    char folder[48];
};

static struct arch_io io_of(struct virtio_device *device) {
    return ((struct slot *)device)->io;
}

static uint8_t get_status(struct virtio_device *device) {
    return (uint8_t)arch_io_read32(io_of(device), REG_STATUS);
}
static void set_status(struct virtio_device *device, uint8_t status) {
    arch_io_write32(io_of(device), REG_STATUS, status);
}

static uint32_t offered(struct virtio_device *device, unsigned word) {
    arch_io_write32(io_of(device), REG_OFFERED_SELECT, word);
    return arch_io_read32(io_of(device), REG_OFFERED);
}
static void accept(struct virtio_device *device, unsigned word, uint32_t features) {
    arch_io_write32(io_of(device), REG_ACCEPTED_SELECT, word);
    arch_io_write32(io_of(device), REG_ACCEPTED, features);
}

static bool read_config(struct virtio_device *device, unsigned offset, void *to, unsigned size) {
    if (offset + size > SLOT_SIZE - REG_CONFIG)
        return false;
    for (unsigned i = 0; i < size; i++)
        ((uint8_t *)to)[i] = arch_io_read8(io_of(device), REG_CONFIG + offset + i);
    return true;
}
static uint32_t config_generation(struct virtio_device *device) {
    return arch_io_read32(io_of(device), REG_GENERATION);
}

static unsigned queue_size(struct virtio_device *device, unsigned index) {
    arch_io_write32(io_of(device), REG_QUEUE_SELECT, index);
    return arch_io_read32(io_of(device), REG_QUEUE_READY) == 0 ? arch_io_read32(io_of(device), REG_QUEUE_MAX) : 0;
}

static void write64(struct arch_io io, unsigned offset, uint64_t value) {
    arch_io_write32(io, offset, (uint32_t)value);
    arch_io_write32(io, offset + 4, (uint32_t)(value >> 32));
}

static status_t queue_start(struct virtio_device *device, unsigned index, const struct virtqueue *queue) {
    struct arch_io io = io_of(device);
    struct virtqueue_place place = virtqueue_place(queue);
    arch_io_write32(io, REG_QUEUE_SELECT, index);
    arch_io_write32(io, REG_QUEUE_SIZE, queue->size);
    write64(io, REG_QUEUE_DESCRIPTORS, place.descriptors);
    write64(io, REG_QUEUE_AVAILABLE, place.available);
    write64(io, REG_QUEUE_USED, place.used);
    arch_io_write32(io, REG_QUEUE_READY, 1);
    return 0;
}

static void notify(struct virtio_device *device, unsigned index) {
    arch_io_write32(io_of(device), REG_NOTIFY, index);
}

static const struct virtio_transport transport = {
    .set_status = set_status,
    .get_status = get_status,
    .offered = offered,
    .accept = accept,
    .read_config = read_config,
    .config_generation = config_generation,
    .queue_size = queue_size,
    .queue_start = queue_start,
    .notify = notify,
};

// The line may be an edge: the device must be seen quiet, or it never comes again. One that does not become quiet is
// left.
static void interrupt(void *context) {
    struct slot *slot = context;
    uint32_t causes, all = 0;
    for (unsigned i = 0; i < CAUSES_TRIES && (causes = arch_io_read32(slot->io, REG_INTERRUPT)) != 0; i++) {
        arch_io_write32(slot->io, REG_INTERRUPT_DONE, causes);
        all |= causes;
    }
    if (all & INTERRUPT_USED)
        virtio_interrupted(&slot->device);
}

static status_t attach(const struct platform_device *platform) {
    struct arch_io io = platform->io;
    uint32_t version = arch_io_read32(io, REG_VERSION), kind = arch_io_read32(io, REG_DEVICE);
    if (arch_io_read32(io, REG_MAGIC) != MAGIC || (version != VERSION_LEGACY && version != VERSION_1) || kind == 0)
        return -ENODEV;
    struct slot *slot = kzalloc(sizeof *slot);
    if (!slot)
        return -ENOMEM;
    fmt_snprintf(slot->folder, sizeof slot->folder, "devices/platform/virtio-mmio.%u", platform->index);
    slot->io = io;
    slot->device.transport = &transport;
    slot->device.folder = slot->folder;
    slot->device.kind = kind;
    slot->device.vendor = arch_io_read32(io, REG_VENDOR);
    status_t status = arch_irq_register(platform->irq, interrupt, slot);
    if (status == 0)
        status = virtio_add(&slot->device);
    return status;
}
PLATFORM_DRIVER(virtio_mmio_driver) = {"virtio-mmio", attach};
