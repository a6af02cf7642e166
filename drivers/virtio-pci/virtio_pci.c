// SPDX-License-Identifier: MPL-2.0
// Virtio devices behind PCI, as virtio 1.0 has them: capabilities say where in the device's ranges the registers are.
// Interrupts come by message (MSI-X) or, where there are none, by pin. Devices of before 1.0 have no such capabilities
// and are not driven.

#include <lib/fmt.h>
#include <lib/log.h>
#include <lib/status.h>
#include <mm/slab.h>
#include <pci/pci.h>
#include <virtio/virtio.h>

#define VENDOR 0x1af4u
#define DEVICE_OLD 0x1000u // to 0x103f: new ones that can pass for old ones; the kind is the subsystem's
#define DEVICE_NEW 0x1040u // to 0x107f, by kind
#define DEVICE_END 0x1080u
#define NO_VECTOR 0xffffu
#define QUEUES_MAX 8u
#define CAPABILITIES_MAX 48u

enum { CAPABILITY_VENDOR = 0x9 };
enum { CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_MULTIPLIER = 16 };
enum part { PART_COMMON = 1, PART_NOTIFY, PART_INTERRUPT, PART_DEVICE, PARTS };
// Registers of PART_COMMON.
enum {
    REG_OFFERED_SELECT = 0,
    REG_OFFERED = 4,
    REG_ACCEPTED_SELECT = 8,
    REG_ACCEPTED = 12,
    REG_CONFIG_VECTOR = 16,
    REG_STATUS = 20,
    REG_GENERATION = 21,
    REG_QUEUE_SELECT = 22,
    REG_QUEUE_SIZE = 24,
    REG_QUEUE_VECTOR = 26,
    REG_QUEUE_ENABLE = 28,
    REG_QUEUE_NOTIFY = 30,
    REG_QUEUE_DESCRIPTORS = 32,
    REG_QUEUE_AVAILABLE = 40,
    REG_QUEUE_USED = 48,
    COMMON_SIZE = 56
};
enum { INTERRUPT_USED = 1 };

struct function {
    struct virtio_device device; // first
    struct pci_device *pci;
    struct arch_io parts[PARTS];
    uint32_t sizes[PARTS]; // 0: it has no such part
    uint32_t multiplier;   // of PART_NOTIFY
    uint32_t notify_at[QUEUES_MAX];
    bool messages;
    char folder[48];
};

static struct function *function_of(struct virtio_device *device) {
    return (struct function *)device;
}
static struct arch_io common_of(struct virtio_device *device) {
    return function_of(device)->parts[PART_COMMON];
}

// ---------------------------------------------------------------- the transport

static uint8_t get_status(struct virtio_device *device) {
    return arch_io_read8(common_of(device), REG_STATUS);
}
static void set_status(struct virtio_device *device, uint8_t status) {
    arch_io_write8(common_of(device), REG_STATUS, status);
}

static uint32_t offered(struct virtio_device *device, unsigned word) {
    arch_io_write32(common_of(device), REG_OFFERED_SELECT, word);
    return arch_io_read32(common_of(device), REG_OFFERED);
}
static void accept(struct virtio_device *device, unsigned word, uint32_t features) {
    arch_io_write32(common_of(device), REG_ACCEPTED_SELECT, word);
    arch_io_write32(common_of(device), REG_ACCEPTED, features);
}

static bool read_config(struct virtio_device *device, unsigned offset, void *to, unsigned size) {
    struct function *function = function_of(device);
    if (offset + size > function->sizes[PART_DEVICE])
        return false;
    for (unsigned i = 0; i < size; i++)
        ((uint8_t *)to)[i] = arch_io_read8(function->parts[PART_DEVICE], offset + i);
    return true;
}
static uint32_t config_generation(struct virtio_device *device) {
    return arch_io_read8(common_of(device), REG_GENERATION);
}

static unsigned queue_size(struct virtio_device *device, unsigned index) {
    arch_io_write16(common_of(device), REG_QUEUE_SELECT, (uint16_t)index);
    return index < QUEUES_MAX ? arch_io_read16(common_of(device), REG_QUEUE_SIZE) : 0;
}

static void write64(struct arch_io io, unsigned offset, uint64_t value) {
    arch_io_write32(io, offset, (uint32_t)value);
    arch_io_write32(io, offset + 4, (uint32_t)(value >> 32));
}

static status_t queue_start(struct virtio_device *device, unsigned index, const struct virtqueue *queue) {
    struct function *function = function_of(device);
    struct arch_io io = common_of(device);
    struct virtqueue_place place = virtqueue_place(queue);
    uint16_t vector = function->messages ? 0 : NO_VECTOR;
    arch_io_write16(io, REG_QUEUE_SELECT, (uint16_t)index);
    arch_io_write16(io, REG_QUEUE_SIZE, (uint16_t)queue->size);
    arch_io_write16(io, REG_QUEUE_VECTOR, vector);
    if (arch_io_read16(io, REG_QUEUE_VECTOR) != vector)
        return -ENODEV;
    uint64_t at = (uint64_t)arch_io_read16(io, REG_QUEUE_NOTIFY) * function->multiplier;
    if (at + 2 > function->sizes[PART_NOTIFY])
        return -ENODEV;
    function->notify_at[index] = (uint32_t)at;
    write64(io, REG_QUEUE_DESCRIPTORS, place.descriptors);
    write64(io, REG_QUEUE_AVAILABLE, place.available);
    write64(io, REG_QUEUE_USED, place.used);
    arch_io_write16(io, REG_QUEUE_ENABLE, 1);
    return 0;
}

static void notify(struct virtio_device *device, unsigned index) {
    struct function *function = function_of(device);
    arch_io_write16(function->parts[PART_NOTIFY], function->notify_at[index], (uint16_t)index);
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

// ---------------------------------------------------------------- interrupts

static void message_arrived(void *context) {
    virtio_interrupted(context);
}

// Reading what it is about takes the pin back.
static void pin_raised(void *context) {
    struct function *function = context;
    if (arch_io_read8(function->parts[PART_INTERRUPT], 0) & INTERRUPT_USED)
        virtio_interrupted(&function->device);
}

static status_t connect(struct function *function) {
    function->messages = pci_message_register(function->pci, 0, message_arrived, function) == 0;
    if (function->messages) {
        arch_io_write16(function->parts[PART_COMMON], REG_CONFIG_VECTOR, NO_VECTOR);
        return 0;
    }
    return pci_irq_register(function->pci, pin_raised, function);
}

// ---------------------------------------------------------------- start

// Maps what one capability names. What is wrong with it is left out, as if it were not there.
static void read_part(struct function *function, unsigned capability) {
    static const uint32_t least[PARTS] = {
        [PART_COMMON] = COMMON_SIZE, [PART_NOTIFY] = 2, [PART_INTERRUPT] = 1, [PART_DEVICE] = 1};
    const struct pci_device *pci = function->pci;
    unsigned type = pci_read8(pci->address, capability + CAP_TYPE), bar = pci_read8(pci->address, capability + CAP_BAR);
    uint64_t offset = pci_read32(pci->address, capability + CAP_OFFSET);
    uint32_t size = pci_read32(pci->address, capability + CAP_LENGTH);
    struct arch_io io;
    if (type < PART_COMMON || type >= PARTS || function->sizes[type] != 0 || bar >= PCI_BARS_MAX || offset % 4 != 0 ||
        size < least[type] || offset + size > pci->bars[bar].size || pci_map_bar(pci, bar, &io) != 0)
        return;
    io.base += offset;
    function->parts[type] = io;
    function->sizes[type] = size;
    if (type == PART_NOTIFY)
        function->multiplier = pci_read32(pci->address, capability + CAP_MULTIPLIER);
}

static uint32_t kind_of(const struct pci_device *pci) {
    return pci->device >= DEVICE_NEW ? pci->device - DEVICE_NEW : pci->subsystem_device;
}

static status_t attach(struct pci_device *pci) {
    if (pci->device < DEVICE_OLD || pci->device >= DEVICE_END)
        return -ENODEV;
    struct function *function = kzalloc(sizeof *function);
    if (!function)
        return -ENOMEM;
    function->pci = pci;
    unsigned at = 0; // the list may be a loop
    for (unsigned i = 0; i < CAPABILITIES_MAX && (at = pci_find_capability(pci, CAPABILITY_VENDOR, at)) != 0; i++)
        read_part(function, at);
    status_t status =
        function->sizes[PART_COMMON] && function->sizes[PART_NOTIFY] && function->sizes[PART_INTERRUPT] ? 0 : -ENODEV;
    if (status == 0) {
        pci_enable(pci);
        status = connect(function);
        if (status != 0)
            klog(LOG_WARNING, "virtio-pci: no interrupt for the device of kind %u", kind_of(pci));
    }
    if (status != 0) {
        kfree(function);
        return status;
    }
    pci_folder(pci, function->folder, sizeof function->folder);
    function->device.transport = &transport;
    function->device.folder = function->folder;
    function->device.kind = kind_of(pci);
    function->device.vendor = pci->subsystem_vendor;
    return virtio_add(&function->device);
}
PCI_DRIVER(virtio_pci_driver) = {.name = "virtio-pci", .vendor = VENDOR, .attach = attach};
