// SPDX-License-Identifier: MPL-2.0
// Mounting a served volume: mount -t served -o right=N,pager=M, where N is the caller's handle to send to the server,
// and M its pager's. Both outlive the server if somebody else has them, too, as init does (docs/services.md).
#include "served_priv.h"

#include <abi/fcntl.h>
#include <abi/stat.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <object/handle.h>
#include <served/served.h>
#include <vfs/namespace.h>

enum { VOLUME_ROOM = 5 * 8 + 3 * 4 };
#define SERVED_MAGIC 0x7e55e7a5

// The number behind KEY= in the options. False: there is none.
static bool option(const char *text, const char *key, int *value) {
    size_t length = strlen(key);
    for (; text && *text; text = strchr(text, ',') ? strchr(text, ',') + 1 : nullptr) {
        if (strncmp(text, key, length) != 0)
            continue;
        uint64_t number = 0;
        const char *at = text + length;
        for (; *at >= '0' && *at <= '9' && number < INT32_MAX / 16; at++)
            number = number * 10 + (uint64_t)(*at - '0');
        *value = (int)number;
        return at > text + length && (*at == 0 || *at == ',');
    }
    return false;
}

static status_t acquire_right(int handle, struct object **out) {
    struct handle_ref ref;
    status_t status = handle_lookup(handle, RIGHT_SEND, &ref);
    if (status != 0)
        return status;
    bool good = object_is_port_right(ref.object);
    if (good) {
        object_handle_acquire(ref.object);
        *out = ref.object;
    }
    handle_release(&ref);
    return good ? 0 : -EBADF;
}

static status_t ask_volume(struct served *served, uint64_t *root) {
    struct served_answer answer;
    status_t status = served_ask(served, SERVED_VOLUME, nullptr, 0, VOLUME_ROOM, &answer);
    if (status != 0)
        return status;
    struct statfs_info *about = &served->about;
    *root = served_number(&answer, 8);
    about->type = SERVED_MAGIC;
    about->block_size = served_number(&answer, 4);
    about->blocks = served_number(&answer, 8);
    about->free = about->available = served_number(&answer, 8);
    about->files = served_number(&answer, 8);
    about->files_free = served_number(&answer, 8);
    about->name_max = served_number(&answer, 4);
    served->has_xattrs = served_number(&answer, 4) & 2; // 1: it could not be changed; not by this kernel, anyway
    return answer.bad ? -EIO : 0;
}

static status_t find_root(struct super *super) {
    uint64_t root;
    status_t status = ask_volume(served_of(super), &root);
    if (status == 0)
        status = served_get_node(super, root, root, &super->root);
    if (status == 0 && !S_ISTYPE(super->root->mode, S_IFDIR)) {
        vnode_put(super->root);
        status = -EIO;
    }
    return status;
}

static void served_unmount(struct super *super) {
    struct served *served = served_of(super);
    pager_release(served->pager);
    object_handle_release(served->right);
    kfree(served);
}

static status_t served_mount(struct super *super, const char *source, const char *options) {
    (void)source;
    int right, pager;
    if (!option(options, "right=", &right) || !option(options, "pager=", &pager))
        return -EINVAL;
    struct served *served = kzalloc(sizeof *served);
    if (!served)
        return -ENOMEM;
    spin_init(&served->lock);
    radix_init(&served->nodes);
    status_t status = acquire_right(right, &served->right);
    if (status != 0)
        goto free_served;
    status = pager_acquire(pager, &served->pager);
    if (status != 0)
        goto release_right;
    super->fs_private = served;
    atomic_fetch_or(&super->flags, MS_RDONLY);
    status = find_root(super);
    if (status != 0)
        served_unmount(super);
    return status;
release_right:
    object_handle_release(served->right);
free_served:
    kfree(served);
    return status;
}

static void served_statfs(struct super *super, struct statfs_info *out) {
    *out = served_of(super)->about;
}

static const struct super_ops served_super = {
    .name = "served",
    .no_device = true,
    .mount = served_mount,
    .unmount = served_unmount,
    .statfs = served_statfs,
};

void served_init(void) {
    filesystem_register(&served_super);
}
