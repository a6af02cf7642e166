// SPDX-License-Identifier: MPL-2.0
// Trees of files that the kernel makes (see nodes_priv.h): the vnodes over them, and /sys.
#include "nodes_priv.h"

static const struct vnode_ops node_dir_ops, text_node_ops;

// ---------------------------------------------------------------- the tree

static struct node *find_child(struct node *dir, const char *name, size_t length) {
    struct node *child;
    LIST_FOR_EACH(child, &dir->children, sibling)
    if (strlen(child->name) == length && memcmp(child->name, name, length) == 0)
        return child;
    return nullptr;
}

static struct node *add_child(struct node_tree *nodes, struct node *dir, const char *name, size_t length) {
    struct node *node = kzalloc(sizeof *node + length + 1);
    if (!node)
        return nullptr;
    char *copy = (char *)(node + 1);
    memcpy(copy, name, length);
    node->name = copy;
    node->parent = dir;
    node->mode = S_IFDIR | 0555;
    node->inode = atomic_fetch_add(&nodes->next_inode, 1);
    list_init(&node->children);
    list_push_back(&dir->children, &node->sibling);
    return node;
}

status_t node_tree_add(struct node_tree *nodes, const char *path, const struct node *like) {
    struct node *at = &nodes->root;
    mutex_lock(&nodes->mutex);
    status_t status = 0;
    while (status == 0 && *path) {
        const char *end = strchr(path, '/');
        size_t length = end ? (size_t)(end - path) : strlen(path);
        struct node *child = find_child(at, path, length);
        if (child && !end)
            status = -EEXIST;
        else if (!child && !(child = add_child(nodes, at, path, length)))
            status = -ENOMEM;
        at = child ? child : at;
        path += length + (end != nullptr);
    }
    if (status == 0 && like) {
        at->mode = like->mode;
        at->show = like->show;
        at->store = like->store;
        at->context = like->context;
    }
    mutex_unlock(&nodes->mutex);
    return status;
}

// ---------------------------------------------------------------- vnodes

static struct node_tree *tree_of(const struct vnode *vnode) {
    return vnode->super->fs_private;
}

status_t node_vnode(struct super *super, struct node *node, struct vnode **out) {
    bool directory = S_ISTYPE(node->mode, S_IFDIR);
    *out = vnode_create(super, directory ? &node_dir_ops : &text_node_ops, node->mode, node->inode);
    if (!*out)
        return -ENOMEM;
    (*out)->fs_private = node;
    (*out)->flags |= VNODE_NO_TIMES;
    if (directory)
        (*out)->links = 2;
    if (S_ISTYPE(node->mode, S_IFLNK)) {
        (*out)->link_target = node->context;
        (*out)->flags |= VNODE_STATIC_LINK;
    }
    return 0;
}

status_t node_lookup(struct vnode *dir, struct name name, struct vnode **out) {
    struct node *node = dir->fs_private;
    mutex_lock(&tree_of(dir)->mutex);
    struct node *child = find_child(node, name.text, name.length);
    mutex_unlock(&tree_of(dir)->mutex);
    return child ? node_vnode(dir->super, child, out) : -ENOENT;
}

loff_t node_readdir_children(struct vnode *dir, loff_t position, loff_t first, struct dir_sink *sink) {
    struct node *node = dir->fs_private, *child;
    loff_t at = first;
    bool full = false;
    mutex_lock(&tree_of(dir)->mutex);
    LIST_FOR_EACH(child, &node->children, sibling) {
        if (at++ < position)
            continue;
        struct name name = {child->name, (uint32_t)strlen(child->name), 0};
        if (!sink->emit(sink, name, child->inode, (child->mode & S_IFMT) >> 12, at)) {
            full = true;
            break;
        }
    }
    mutex_unlock(&tree_of(dir)->mutex);
    return full ? 0 : at;
}

static status_t node_readdir(struct vnode *dir, loff_t position, struct dir_sink *sink) {
    struct node *node = dir->fs_private;
    if (position == 0 && !sink->emit(sink, (struct name){".", 1, 0}, node->inode, DT_DIR, 1))
        return 0;
    uint64_t parent = node->parent ? node->parent->inode : node->inode;
    if (position <= 1 && !sink->emit(sink, (struct name){"..", 2, 0}, parent, DT_DIR, 2))
        return 0;
    node_readdir_children(dir, MAX(position, (loff_t)2), 2, sink);
    return 0;
}

static ssize_t node_read(struct vnode *vnode, struct file *file, struct uio *uio, loff_t position) {
    struct node *node = vnode->fs_private;
    if (!file->text_made || position == 0) {
        file->text.length = 0;
        file->text.failed = false;
        if (node->show)
            node->show(&file->text, node->context);
        if (file->text.failed)
            return -ENOMEM;
        file->text_made = true;
    }
    return text_take(&file->text, uio, position);
}

static ssize_t node_write(struct vnode *vnode, struct file *file, struct uio *uio, loff_t position) {
    enum { STORE_MAX = 64 * 1024 };
    struct node *node = vnode->fs_private;
    if (!node->store)
        return -EACCES;
    size_t size = MIN(uio->resid, (size_t)STORE_MAX);
    char *text = kmalloc(size + 1);
    if (!text)
        return -ENOMEM;
    ssize_t done = -EFAULT;
    if (uio_read(uio, text, size) == size) {
        text[size] = 0;
        done = node->store(node->context, text, size);
    }
    kfree(text);
    return done;
}

// Truncating such a file is allowed and means nothing.
static status_t node_set_attributes(struct vnode *vnode, const struct attributes *attributes) {
    if (attributes->valid & ATTR_MODE)
        vnode->mode = attributes->mode;
    return attributes->valid & (ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct vnode_ops node_dir_ops = {.lookup = node_lookup, .readdir = node_readdir};
static const struct vnode_ops text_node_ops = {
    .read = node_read, .write = node_write, .set_attributes = node_set_attributes};

// ---------------------------------------------------------------- /sys

static struct node_tree sys_tree = NODE_TREE_INIT(sys_tree);

static status_t sysfs_mount(struct super *super, const char *source, const char *options) {
    super->fs_private = &sys_tree;
    return node_vnode(super, &sys_tree.root, &super->root);
}

static void sysfs_statfs(struct super *super, struct statfs_info *out) {
    out->type = 0x62656572;
}

static const struct super_ops sysfs_super = {
    .name = "sysfs", .no_device = true, .single = true, .mount = sysfs_mount, .statfs = sysfs_statfs};

status_t sysfs_add(const char *path, uint32_t mode, text_fn *show, text_store_fn *store, void *context) {
    return node_tree_add(&sys_tree, path,
                         &(struct node){.mode = S_IFREG | mode, .show = show, .store = store, .context = context});
}

status_t sysfs_add_link(const char *path, const char *target) {
    size_t size = strlen(target) + 1;
    char *copy = kmalloc(size); // for good, as the link is
    if (!copy)
        return -ENOMEM;
    memcpy(copy, target, size);
    status_t status = node_tree_add(&sys_tree, path, &(struct node){.mode = S_IFLNK | S_IRWXUGO, .context = copy});
    if (status != 0)
        kfree(copy);
    return status;
}

void sysfs_init(void) {
    static const char *const directories[] = {"block",   "bus",      "class", "class/input", "dev",   "dev/char",
                                              "devices", "firmware", "fs",    "kernel",      "module"};
    filesystem_register(&sysfs_super);
    for (unsigned i = 0; i < ARRAY_SIZE(directories); i++)
        if (node_tree_add(&sys_tree, directories[i], nullptr) != 0)
            panic("no memory for /sys");
}
