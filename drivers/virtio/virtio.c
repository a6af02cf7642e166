// SPDX-License-Identifier: MPL-2.0
// What all virtio devices have in common: the steps that bring one up, and their place in /sys.

#include <lib/fmt.h>
#include <lib/log.h>
#include <vfs/path.h>
#include <virtio/virtio.h>

enum { STATUS_ACKNOWLEDGE = 1, STATUS_DRIVER = 2, STATUS_DRIVER_OK = 4, STATUS_FEATURES_OK = 8, STATUS_FAILED = 128 };
#define CONFIG_TRIES 100u
#define RESET_TRIES 100'000u

// The linker gathers all VIRTIO_DRIVERs here.
extern const struct virtio_driver virtio_drivers_start[], virtio_drivers_end[];

static unsigned device_count; // written by one thread at boot

static void reset(struct virtio_device *device) {
    device->transport->set_status(device, 0);
    for (unsigned i = 0; device->transport->get_status(device) != 0 && i < RESET_TRIES; i++)
        ;
}

static uint64_t offered(struct virtio_device *device) {
    uint64_t high = device->transport->offered(device, 1);
    return high << 32 | device->transport->offered(device, 0);
}

static void accept(struct virtio_device *device, uint64_t features) {
    device->transport->accept(device, 1, (uint32_t)(features >> 32));
    device->transport->accept(device, 0, (uint32_t)features);
}

static void add_status(struct virtio_device *device, uint8_t bit) {
    device->transport->set_status(device, device->transport->get_status(device) | bit);
}

status_t virtio_begin(struct virtio_device *device, uint64_t wanted) {
    reset(device);
    add_status(device, STATUS_ACKNOWLEDGE);
    add_status(device, STATUS_DRIVER);
    device->features = offered(device) & (wanted | 1ull << VIRTIO_F_VERSION_1);
    if (!virtio_has(device, VIRTIO_F_VERSION_1))
        return -ENODEV;
    accept(device, device->features);
    add_status(device, STATUS_FEATURES_OK);
    return device->transport->get_status(device) & STATUS_FEATURES_OK ? 0 : -ENODEV;
}

status_t virtio_queue_start(struct virtio_device *device, unsigned index, struct virtqueue *queue, unsigned most) {
    unsigned size = device->transport->queue_size(device, index);
    if (size == 0)
        return -ENODEV;
    status_t status = virtqueue_init(queue, MIN(size, most));
    if (status != 0)
        return status;
    status = device->transport->queue_start(device, index, queue);
    if (status != 0)
        virtqueue_fini(queue);
    return status;
}

void virtio_ready(struct virtio_device *device) {
    add_status(device, STATUS_DRIVER_OK);
}

void virtio_stop(struct virtio_device *device) {
    reset(device);
    device->transport->set_status(device, STATUS_FAILED);
}

bool virtio_read_config(struct virtio_device *device, unsigned offset, void *to, unsigned size) {
    for (unsigned i = 0; i < CONFIG_TRIES; i++) {
        uint32_t before = device->transport->config_generation(device);
        if (!device->transport->read_config(device, offset, to, size))
            return false;
        if (device->transport->config_generation(device) == before)
            return true;
    }
    return false; // it changes all the time
}

void virtio_interrupted(struct virtio_device *device) {
    if (device->interrupt)
        device->interrupt(device->context);
}

// ---------------------------------------------------------------- /sys

static void show_device(struct text_buffer *text, void *context) {
    text_printf(text, "0x%04x\n", ((struct virtio_device *)context)->kind);
}
static void show_vendor(struct text_buffer *text, void *context) {
    text_printf(text, "0x%04x\n", ((struct virtio_device *)context)->vendor);
}
static void show_status(struct text_buffer *text, void *context) {
    struct virtio_device *device = context;
    text_printf(text, "0x%08x\n", device->transport->get_status(device));
}
static void show_features(struct text_buffer *text, void *context) {
    const struct virtio_device *device = context;
    for (unsigned i = 0; i < 64; i++)
        text_printf(text, "%c", virtio_has(device, i) ? '1' : '0');
    text_printf(text, "\n");
}
static void show_modalias(struct text_buffer *text, void *context) {
    const struct virtio_device *device = context;
    text_printf(text, "virtio:d%08Xv%08X\n", device->kind, device->vendor);
}
static void show_uevent(struct text_buffer *text, void *context) {
    text_printf(text, "MODALIAS=");
    show_modalias(text, context);
}

static status_t list(struct virtio_device *device) {
    static const struct {
        const char *name;
        text_fn *show;
    } files[] = {{"device", show_device},     {"vendor", show_vendor},     {"status", show_status},
                 {"features", show_features}, {"modalias", show_modalias}, {"uevent", show_uevent}};
    char path[128], target[128];
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        fmt_snprintf(path, sizeof path, "%s/%s", device->path, files[i].name);
        status_t status = sysfs_add(path, 0444, files[i].show, nullptr, device);
        if (status != 0)
            return status;
    }
    fmt_snprintf(path, sizeof path, "bus/virtio/devices/virtio%u", device->number);
    fmt_snprintf(target, sizeof target, "../../../%s", device->path);
    return sysfs_add_link(path, target);
}

status_t virtio_add(struct virtio_device *device) {
    device->number = device_count++;
    fmt_snprintf(device->path, sizeof device->path, "%s/virtio%u", device->folder, device->number);
    klog(LOG_INFO, "virtio%u: kind %u in %s", device->number, device->kind, device->folder);
    status_t status = list(device);
    if (status != 0)
        return status;
    for (const struct virtio_driver *driver = virtio_drivers_start; driver < virtio_drivers_end; driver++) {
        if (driver->kind != device->kind)
            continue;
        status = driver->attach(device);
        if (status != 0 && status != -ENODEV)
            klog(LOG_WARNING, "virtio%u: error %d", device->number, -status);
    }
    return 0;
}
