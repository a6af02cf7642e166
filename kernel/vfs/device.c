// SPDX-License-Identifier: MPL-2.0
// Devices by kind and number, and /dev.
//
// /dev is a tmpfs (type devtmpfs, one instance however often it is mounted) into which registered devices are put,
// so that nodes, links and directories of the user's own may stand beside them.
#include "vfs_priv.h"

#include <lib/log.h>

struct device {
    struct list_node node;
    const struct device_ops *ops;
};

static struct {
    struct mutex mutex;
    struct list_node list GUARDED_BY(&mutex);
    struct path root GUARDED_BY(&mutex); // of /dev's tree; entry null until devfs_init
} devices = {.mutex = MUTEX_INIT(devices.mutex), .list = LIST_INIT(devices.list)};

SLAB_CACHE(device_slab, struct device);

static void log_failure(const char *what, const char *name, status_t status) {
    if (status != 0 && status != -EEXIST)
        klog(LOG_WARNING, "devfs: %s %s: error %d", what, name, -status);
}

// Makes the directories on the way to `name`.
static void make_parents(const struct path *root, const char *name) {
    char text[64];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t length = (size_t)(slash - name);
        if (length >= sizeof text)
            return;
        memcpy(text, name, length);
        text[length] = 0;
        log_failure("mkdir", text, vfs_mkdir(root, text, 0755));
    }
}

static uint32_t kind_of(const struct device_ops *ops) {
    return ops->block ? S_IFBLK : S_IFCHR;
}

static void add_node(const struct path *root, const struct device_ops *ops) {
    make_parents(root, ops->name);
    uint32_t umask = vfs_context()->umask;
    vfs_context()->umask = 0;
    log_failure("node", ops->name, vfs_mknod(root, ops->name, kind_of(ops) | ops->mode, ops->device));
    vfs_context()->umask = umask;
}

status_t device_register(const struct device_ops *ops) {
    struct device *device = slab_alloc(&device_slab), *other;
    if (!device)
        return -ENOMEM;
    device->ops = ops;
    mutex_lock(&devices.mutex);
    LIST_FOR_EACH(other, &devices.list, node)
    if (other->ops->device == ops->device && other->ops->block == ops->block) {
        mutex_unlock(&devices.mutex);
        slab_free(&device_slab, device);
        return -EEXIST;
    }
    list_push_back(&devices.list, &device->node);
    struct path root = devices.root;
    mutex_unlock(&devices.mutex);
    if (root.entry)
        add_node(&root, ops);
    if (!ops->block)
        log_failure("/sys", ops->name, device_list(ops));
    return 0;
}

void device_unregister(const struct device_ops *ops) {
    struct device *device, *found = nullptr;
    mutex_lock(&devices.mutex);
    LIST_FOR_EACH(device, &devices.list, node)
    if (device->ops == ops)
        found = device;
    if (found)
        list_remove(&found->node);
    struct path root = devices.root;
    mutex_unlock(&devices.mutex);
    if (!found)
        return;
    slab_free(&device_slab, found);
    if (root.entry)
        log_failure("remove", ops->name, vfs_unlink(&root, ops->name));
}

status_t device_open(uint32_t kind, uint64_t number, uint32_t flags, struct object **out) {
    struct device *device;
    const struct device_ops *ops = nullptr;
    mutex_lock(&devices.mutex);
    LIST_FOR_EACH(device, &devices.list, node)
    if (device->ops->device == number && kind_of(device->ops) == kind) {
        ops = device->ops;
        break;
    }
    mutex_unlock(&devices.mutex);
    return ops ? ops->open(ops, flags, out) : -ENXIO;
}

status_t devfs_add_link(const char *name, const char *target) {
    mutex_lock(&devices.mutex);
    struct path root = devices.root;
    mutex_unlock(&devices.mutex);
    return root.entry ? vfs_symlink(&root, name, target) : -ENODEV;
}

void devfs_init(void) {
    static const char *const links[][2] = {{"fd", "/proc/self/fd"},
                                           {"stdin", "/proc/self/fd/0"},
                                           {"stdout", "/proc/self/fd/1"},
                                           {"stderr", "/proc/self/fd/2"}};
    struct path root;
    status_t status = mount_hidden("devtmpfs", &root);
    if (status != 0)
        panic("devfs: error %d", -status);
    mutex_lock(&devices.mutex);
    devices.root = root;
    struct device *device;
    LIST_FOR_EACH(device, &devices.list, node)
    add_node(&root, device->ops);
    mutex_unlock(&devices.mutex);
    for (unsigned i = 0; i < ARRAY_SIZE(links); i++)
        log_failure("link", links[i][0], devfs_add_link(links[i][0], links[i][1]));
    log_failure("mkdir", "pts", vfs_mkdir(&root, "pts", 0755));
    log_failure("mkdir", "shm", vfs_mkdir(&root, "shm", 01777));
}
