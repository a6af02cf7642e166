// SPDX-License-Identifier: MPL-2.0
// Slots for virtio devices in memory: finds those that hold a device, and lists them in /sys as Linux does. What drives
// a device (disk, network, …) is a driver of its own.

#include <arch/platform.h>
#include <lib/fmt.h>
#include <lib/log.h>
#include <lib/status.h>
#include <vfs/path.h>

#define DEVICES_MAX 64u
#define MAGIC 0x74726976u // "virt"

enum { REG_MAGIC = 0x0, REG_VERSION = 0x4, REG_DEVICE = 0x8, REG_VENDOR = 0xc, REG_STATUS = 0x70 };
enum { VERSION_LEGACY = 1, VERSION_1 = 2 };

struct virtio_device {
    struct arch_io io;
    uint32_t device, vendor;
};

static struct {
    struct virtio_device devices[DEVICES_MAX];
    unsigned count;
} virtio;

static void show_device(struct text_buffer *text, void *context) {
    text_printf(text, "0x%04x\n", ((struct virtio_device *)context)->device);
}
static void show_vendor(struct text_buffer *text, void *context) {
    text_printf(text, "0x%04x\n", ((struct virtio_device *)context)->vendor);
}
static void show_status(struct text_buffer *text, void *context) {
    text_printf(text, "0x%08x\n", arch_io_read32(((struct virtio_device *)context)->io, REG_STATUS));
}
static void show_modalias(struct text_buffer *text, void *context) {
    const struct virtio_device *device = context;
    text_printf(text, "virtio:d%08Xv%08X\n", device->device, device->vendor);
}
static void show_uevent(struct text_buffer *text, void *context) {
    text_printf(text, "MODALIAS=");
    show_modalias(text, context);
}

static status_t list(unsigned slot, unsigned number, struct virtio_device *device) {
    static const struct {
        const char *name;
        text_fn *show;
    } files[] = {{"device", show_device},
                 {"vendor", show_vendor},
                 {"status", show_status},
                 {"modalias", show_modalias},
                 {"uevent", show_uevent}};
    char path[80], target[80];
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        fmt_snprintf(path, sizeof path, "devices/platform/virtio-mmio.%u/virtio%u/%s", slot, number, files[i].name);
        status_t status = sysfs_add(path, 0444, files[i].show, nullptr, device);
        if (status != 0)
            return status;
    }
    fmt_snprintf(path, sizeof path, "bus/virtio/devices/virtio%u", number);
    fmt_snprintf(target, sizeof target, "../../../devices/platform/virtio-mmio.%u/virtio%u", slot, number);
    return sysfs_add_link(path, target);
}

static status_t attach(const struct platform_device *platform) {
    uint32_t version = arch_io_read32(platform->io, REG_VERSION);
    uint32_t device = arch_io_read32(platform->io, REG_DEVICE);
    if (arch_io_read32(platform->io, REG_MAGIC) != MAGIC || (version != VERSION_LEGACY && version != VERSION_1) ||
        device == 0 || virtio.count == DEVICES_MAX)
        return -ENODEV;
    unsigned number = virtio.count++;
    virtio.devices[number] = (struct virtio_device){platform->io, device, arch_io_read32(platform->io, REG_VENDOR)};
    klog(LOG_INFO, "virtio%u: device %u in slot %u, interrupt %u, %s", number, device, platform->index, platform->irq,
         version == VERSION_LEGACY ? "legacy" : "version 1");
    return list(platform->index, number, &virtio.devices[number]);
}
PLATFORM_DRIVER(virtio_mmio_driver) = {"virtio-mmio", attach};
