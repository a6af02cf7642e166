// SPDX-License-Identifier: MPL-2.0
// The devices as Linux shows them: a folder each in /sys/devices, links to them in /sys/bus/pci/devices, and
// /proc/bus/pci/devices. busybox's and Debian's lspci read these.

#include "pci_priv.h"
#include <lib/fmt.h>
#include <lib/log.h>
#include <lib/string.h>
#include <vfs/path.h>

#define PATH_SIZE (32 + 16 * (PCI_DEPTH_MAX + 1)) // a folder below /sys
#define CONFIG_SIZE 256u                          // of the 4 KiB, what every device has
// Kinds of ranges, in Linux's bits.
enum {
    RESOURCE_IO = 0x100,
    RESOURCE_MEMORY = 0x200,
    RESOURCE_PREFETCH = 0x2000,
    RESOURCE_SIZED = 0x40000,
    RESOURCE_64 = 0x100000
};

// --- files of a device; the context is the device ---

static void show_vendor(struct text_buffer *text, void *context) {
    text_printf(text, "0x%04x\n", ((struct pci_device *)context)->vendor);
}
static void show_device(struct text_buffer *text, void *context) {
    text_printf(text, "0x%04x\n", ((struct pci_device *)context)->device);
}
static void show_subsystem_vendor(struct text_buffer *text, void *context) {
    text_printf(text, "0x%04x\n", ((struct pci_device *)context)->subsystem_vendor);
}
static void show_subsystem_device(struct text_buffer *text, void *context) {
    text_printf(text, "0x%04x\n", ((struct pci_device *)context)->subsystem_device);
}
static void show_class(struct text_buffer *text, void *context) {
    text_printf(text, "0x%06x\n", ((struct pci_device *)context)->class);
}
static void show_revision(struct text_buffer *text, void *context) {
    text_printf(text, "0x%02x\n", ((struct pci_device *)context)->revision);
}
static void show_irq(struct text_buffer *text, void *context) {
    const struct pci_device *device = context;
    text_printf(text, "%u\n", device->line);
}

static void show_modalias(struct text_buffer *text, void *context) {
    const struct pci_device *device = context;
    text_printf(text, "pci:v%08Xd%08Xsv%08Xsd%08Xbc%02Xsc%02Xi%02X\n", device->vendor, device->device,
                device->subsystem_vendor, device->subsystem_device, device->class >> 16, device->class >> 8 & 0xff,
                device->class & 0xff);
}

static void show_uevent(struct text_buffer *text, void *context) {
    const struct pci_device *device = context;
    if (device->driver != nullptr)
        text_printf(text, "DRIVER=%s\n", device->driver->name);
    text_printf(text, "PCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SUBSYS_ID=%04X:%04X\n", device->class, device->vendor,
                device->device, device->subsystem_vendor, device->subsystem_device);
    text_printf(text, "PCI_SLOT_NAME=0000:%02x:%02x.%u\nMODALIAS=", pci_bus(device->address), pci_slot(device->address),
                pci_function(device->address));
    show_modalias(text, context);
}

static uint64_t resource_flags(const struct pci_bar *bar) {
    uint64_t kind = bar->flags & PCI_BAR_IO ? RESOURCE_IO : RESOURCE_MEMORY;
    return kind | RESOURCE_SIZED | (bar->flags & PCI_BAR_PREFETCH ? RESOURCE_PREFETCH : 0) |
           (bar->flags & PCI_BAR_64 ? RESOURCE_64 : 0) | bar->flags;
}

static void show_resource(struct text_buffer *text, void *context) {
    const struct pci_device *device = context;
    for (unsigned i = 0; i < PCI_BARS_MAX + 1; i++) { // the last is a ROM, which nobody maps
        struct pci_bar none = {}, bar = i < PCI_BARS_MAX ? device->bars[i] : none;
        bool there = bar.size != 0 && bar.address != 0;
        text_printf(text, "0x%016llx 0x%016llx 0x%016llx\n", there ? (unsigned long long)bar.address : 0,
                    there ? (unsigned long long)(bar.address + bar.size - 1) : 0,
                    there ? (unsigned long long)resource_flags(&bar) : 0);
    }
}

static void show_config(struct text_buffer *text, void *context) {
    const struct pci_device *device = context;
    for (unsigned offset = 0; offset < CONFIG_SIZE; offset += 4) {
        uint32_t value = pci_read32(device->address, offset);
        text_append(text, (const char *)&value, sizeof value);
    }
}

// --- /proc/bus/pci/devices ---

static void show_all(struct text_buffer *text, void *context) {
    const struct pci_device *device;
    LIST_FOR_EACH(device, &pci.devices, node) {
        text_printf(text, "%04x\t%04x%04x\t%x", device->address, device->vendor, device->device, device->line);
        for (unsigned i = 0; i < PCI_BARS_MAX; i++)
            text_printf(text, "\t%16llx", (unsigned long long)(device->bars[i].address | device->bars[i].flags));
        text_printf(text, "\t%16x", 0);
        for (unsigned i = 0; i < PCI_BARS_MAX; i++)
            text_printf(text, "\t%16llx", (unsigned long long)device->bars[i].size);
        text_printf(text, "\t%16x\t%s\n", 0, device->driver != nullptr ? device->driver->name : "");
    }
}

// --- start ---

// The folder of a device, below those of the bridges that lead to it. The walk is as deep as the scan's was.
int pci_folder(const struct pci_device *device, char *to, size_t size) {
    int length = device->bridge != nullptr ? pci_folder(device->bridge, to, size)
                                           : fmt_snprintf(to, size, "devices/pci0000:%02x", pci.host.bus_first);
    return length + fmt_snprintf(to + length, size - (size_t)length, "/0000:%02x:%02x.%u", pci_bus(device->address),
                                 pci_slot(device->address), pci_function(device->address));
}

static status_t list_device(struct pci_device *device) {
    static const struct {
        const char *name;
        uint32_t mode;
        text_fn *show;
    } files[] = {
        {"vendor", 0444, show_vendor},
        {"device", 0444, show_device},
        {"subsystem_vendor", 0444, show_subsystem_vendor},
        {"subsystem_device", 0444, show_subsystem_device},
        {"class", 0444, show_class},
        {"revision", 0444, show_revision},
        {"irq", 0444, show_irq},
        {"modalias", 0444, show_modalias},
        {"uevent", 0444, show_uevent},
        {"resource", 0444, show_resource},
        {"config", 0444, show_config},
    };
    char folder[PATH_SIZE], path[PATH_SIZE + 24];
    pci_folder(device, folder, sizeof folder);
    for (unsigned i = 0; i < ARRAY_SIZE(files); i++) {
        fmt_snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        status_t status = sysfs_add(path, files[i].mode, files[i].show, nullptr, device);
        if (status != 0)
            return status;
    }
    char target[PATH_SIZE + 16];
    fmt_snprintf(target, sizeof target, "../../../%s", folder);
    fmt_snprintf(path, sizeof path, "bus/pci/devices/%s", strrchr(folder, '/') + 1);
    return sysfs_add_link(path, target);
}

void pci_list(void) {
    status_t status = procfs_add("bus/pci/devices", 0444, show_all, nullptr, nullptr);
    struct pci_device *device;
    LIST_FOR_EACH(device, &pci.devices, node) {
        if (status == 0)
            status = list_device(device);
    }
    if (status != 0)
        klog(LOG_WARNING, "pci: /sys/bus/pci: error %d", -status);
}
