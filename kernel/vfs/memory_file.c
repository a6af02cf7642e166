// SPDX-License-Identifier: MPL-2.0
// Files of a hidden tmpfs that never had a name in any directory: memfd_create's.
#include "vfs_priv.h"

#include <abi/fcntl.h>
#include <abi/stat.h>
#include <lib/string.h>
#include <vfs/file.h>
#include <vfs/namespace.h>

static struct path hidden; // the root of that tmpfs

status_t memory_files_init(void) {
    return mount_hidden("tmpfs", &hidden);
}

status_t vfs_make_memory_file(const char *name, uint32_t flags, struct object **out) {
    struct vnode *root = path_vnode(&hidden), *vnode;
    status_t status = root->ops->create_nameless(root, S_IFREG | 0777, &vnode);
    if (status != 0)
        return status;
    vnode_set_owner(vnode, root, vfs_cred());
    vnode->links = 0;
    struct name entry_name = name_make(name, strlen(name));
    struct path path = {hidden.mount, entry_create(hidden.entry, &entry_name, vnode)};
    if (!path.entry)
        return -ENOMEM;
    status = vfs_open_path(&path, flags, out);
    entry_put(path.entry);
    return status;
}

status_t memory_file_snapshot(struct object *object, struct object **copy) {
    struct vnode *vnode = file_of(object)->vnode;
    if (!vnode->data || vnode->data->pager)
        return -EINVAL;
    status_t status = vfs_make_memory_file("memfd:snapshot", O_RDWR | O_LARGEFILE, copy);
    if (status != 0)
        return status;
    status = vmo_clone(file_of(*copy)->vnode->data, vnode->data);
    if (status != 0)
        object_put(*copy);
    return status;
}
