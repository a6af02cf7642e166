// SPDX-License-Identifier: MPL-2.0
// What /sys shows of a character device: a folder, links to it by class and by number. Disks show more, and do it
// themselves (kernel/block/sysfs.c).
//
// Nothing is behind most of these devices but the kernel, which is what devices/virtual means; a serial line is on the
// platform.
#include "vfs_priv.h"

#include <lib/fmt.h>
#include <lib/log.h>

#define PATH_SIZE 160u
#define NAME_SIZE 64u

static void show_number(struct text_buffer *text, void *context) {
    const struct device_ops *ops = context;
    text_printf(text, "%u:%u\n", abi_device_major(ops->device), abi_device_minor(ops->device));
}

static void show_event(struct text_buffer *text, void *context) {
    const struct device_ops *ops = context;
    text_printf(text, "MAJOR=%u\nMINOR=%u\nDEVNAME=%s\n", abi_device_major(ops->device), abi_device_minor(ops->device),
                ops->name);
    if (ops->mode != 0600)
        text_printf(text, "DEVMODE=0%o\n", ops->mode);
}

// Linux's classes, by the major number.
static const char *class_of(const struct device_ops *ops) {
    switch (abi_device_major(ops->device)) {
    case 1:
        return "mem";
    case 4:
    case 5:
    case 204:
        return "tty";
    default:
        return "misc";
    }
}

static bool is_serial(const struct device_ops *ops) {
    unsigned major = abi_device_major(ops->device);
    return major == 4 || major == 204;
}

status_t device_list(const struct device_ops *ops) {
    char name[NAME_SIZE], folder[PATH_SIZE], path[PATH_SIZE], target[PATH_SIZE];
    const char *class = class_of(ops);
    fmt_snprintf(name, sizeof name, "%s", ops->name);
    for (char *at = name; *at; at++)
        *at = *at == '/' ? '!' : *at; // as Linux writes it in a name
    fmt_snprintf(folder, sizeof folder, "devices/%s/%s/%s", is_serial(ops) ? "platform/serial" : "virtual", class,
                 name);
    fmt_snprintf(path, sizeof path, "%s/dev", folder);
    void *context = (void *)(uintptr_t)ops;
    status_t status = sysfs_add(path, 0444, show_number, nullptr, context);
    fmt_snprintf(path, sizeof path, "%s/uevent", folder);
    if (status == 0)
        status = sysfs_add(path, 0444, show_event, nullptr, context);
    fmt_snprintf(path, sizeof path, "%s/subsystem", folder);
    fmt_snprintf(target, sizeof target, "../../../../%sclass/%s", is_serial(ops) ? "../" : "", class);
    if (status == 0)
        status = sysfs_add_link(path, target);
    fmt_snprintf(target, sizeof target, "../../%s", folder);
    fmt_snprintf(path, sizeof path, "class/%s/%s", class, name);
    if (status == 0)
        status = sysfs_add_link(path, target);
    fmt_snprintf(path, sizeof path, "dev/char/%u:%u", abi_device_major(ops->device), abi_device_minor(ops->device));
    return status == 0 ? sysfs_add_link(path, target) : status;
}
