// SPDX-License-Identifier: MPL-2.0
// Start of the file system: the built-in types, the root, /dev. The initramfs comes later (initramfs.c).
#include "vfs_priv.h"

#include <lib/log.h>

// What the first process needs before it has mounted anything, as in Linux's own root.
static void make_console(void) {
    status_t status = vfs_mkdir(nullptr, "/dev", 0755);
    if (status == 0)
        status = vfs_mknod(nullptr, "/dev/console", S_IFCHR | 0600, abi_make_device(5, 1));
    if (status != 0)
        klog(LOG_ERROR, "vfs: /dev/console: error %d", -status);
}

status_t vfs_init(void) {
    entry_cache_init();
    tmpfs_register();
    overlay_register_type();
    sysfs_init();
    procfs_init();
    status_t status = mount_root_create("rootfs");
    if (status == 0)
        status = nameless_init();
    if (status == 0)
        status = memory_files_init();
    if (status != 0)
        return status;
    devfs_init();
    make_console();
    return 0;
}
