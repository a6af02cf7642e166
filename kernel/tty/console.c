// SPDX-License-Identifier: MPL-2.0
// /dev/tty, the terminal of whoever asks, and /dev/console, the terminal that the kernel was told to use. Opening the
// console never makes it a controlling terminal, and a hang-up leaves it open (init lives on it).
#include "tty_priv.h"

#include <abi/stat.h>
#include <lib/log.h>
#include <lib/string.h>
#include <vfs/path.h>

static struct {
    struct spinlock lock;
    struct tty *tty GUARDED_BY(&lock); // one reference, never dropped
} console;

void console_set(struct tty *tty) {
    spin_lock(&console.lock);
    console.tty = tty;
    spin_unlock(&console.lock);
}

struct tty *console_get(void) {
    spin_lock(&console.lock);
    struct tty *tty = console.tty;
    spin_unlock(&console.lock);
    return tty;
}

static status_t open_console(const struct device_ops *device, uint32_t flags, struct object **out) {
    struct tty *tty = console_get();
    return tty ? tty_open(tty, flags, true, out) : -ENODEV;
}

static status_t open_current(const struct device_ops *device, uint32_t flags, struct object **out) {
    struct tty *tty = tty_controlling();
    if (!tty)
        return -ENXIO;
    status_t status = tty_open(tty, flags, false, out);
    tty_put(tty);
    return status;
}

static const struct device_ops devices[] = {
    {.name = "tty", .device = DEVICE_NUMBER(5, 0), .mode = 0666, .open = open_current},
    {.name = "console", .device = DEVICE_NUMBER(5, 1), .mode = 0600, .open = open_console},
};

// /sys/class/tty/console/active: which device /dev/console is, for who wants it as controlling terminal.
static void show_active(struct text_buffer *text, void *context) {
    (void)context;
    struct tty *tty = console_get();
    if (tty)
        text_printf(text, "%s\n", tty->name);
}

// /proc/tty/drivers, by which ps and htop know the names of terminals.
static void show_drivers(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "%-20s /dev/%-8s %3d %7s system:%s\n", "/dev/tty", "tty", 5, "0", "/dev/tty");
    text_printf(text, "%-20s /dev/%-8s %3d %7s system:%s\n", "/dev/console", "console", 5, "1", "console");
    text_printf(text, "%-20s /dev/%-8s %3d %7s system\n", "/dev/ptmx", "ptmx", 5, "2");
    struct tty *tty = console_get();
    if (tty) {
        size_t length = strlen(tty->name); // the driver's is without the number
        while (length > 0 && tty->name[length - 1] >= '0' && tty->name[length - 1] <= '9')
            length--;
        text_printf(text, "%-20s /dev/%-8.*s %3d %7d serial\n", "serial", (int)length, tty->name,
                    abi_device_major(tty->node.device), abi_device_minor(tty->node.device));
    }
    text_printf(text, "%-20s /dev/%-8s %3d %7s pty:slave\n", "pty_slave", "pts", 136, "0-1048575");
    text_printf(text, "%-20s /dev/%-8s %3d %7s pty:master\n", "pty_master", "ptm", 128, "0-1048575");
}

void console_init(void) {
    if (procfs_add("tty/drivers", 0444, show_drivers, nullptr, nullptr) != 0)
        klog(LOG_ERROR, "no /proc/tty/drivers");
    if (sysfs_add("devices/virtual/tty/console/active", 0444, show_active, nullptr, nullptr) != 0)
        klog(LOG_ERROR, "no /sys/devices/virtual/tty/console/active");
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        status_t status = device_register(&devices[i]);
        if (status != 0)
            klog(LOG_ERROR, "/dev/%s: error %d", devices[i].name, -status);
    }
}
