// SPDX-License-Identifier: MPL-2.0
// /proc/PID/fd and fdinfo; and places in the tree for objects that have no path.
//
// /proc/PID/fd/N is a magic link. To a file it leads to the file's path. To a pipe it leads to a nameless vnode that
// stands for the object, so that opening it (/dev/stdin in a pipeline) makes another end of the pipe. What was taken
// from the handle is withheld from what is opened by it (decision 8).
#include "procfs_priv.h"

#include <lib/fmt.h>
#include <vfs/splice.h>

// ---------------------------------------------------------------- nameless vnodes for objects

static struct path nameless; // the root of the mount they belong to; set at boot

static status_t object_node_open(struct vnode *vnode, uint32_t flags, struct object **out) {
    return pipe_reopen(vnode->fs_private, flags, out);
}

static status_t object_node_stat(struct vnode *vnode, struct stat_info *out) {
    struct object *object = vnode->fs_private;
    if (object->ops->stat)
        return object->ops->stat(object, out);
    vnode_stat(vnode, out);
    return 0;
}

static void object_node_release(struct vnode *vnode) {
    if (vnode->fs_private)
        object_put(vnode->fs_private);
}

static const struct vnode_ops object_node_ops = {
    .open = object_node_open, .get_attributes = object_node_stat, .release = object_node_release};

static status_t nameless_mount(struct super *super, const char *source, const char *options) {
    static const struct vnode_ops root_ops;
    super->root = vnode_create(super, &root_ops, S_IFDIR | 0500, 1);
    return super->root ? 0 : -ENOMEM;
}

static const struct super_ops nameless_super = {
    .name = "pipefs", .no_device = true, .single = true, .mount = nameless_mount};

status_t nameless_init(void) {
    filesystem_register(&nameless_super);
    return mount_hidden("pipefs", &nameless);
}

status_t nameless_place(const struct vnode_ops *ops, uint32_t mode, uint64_t inode, const char *text,
                        struct path *out) {
    struct vnode *vnode = vnode_create(path_vnode(&nameless)->super, ops, mode, inode);
    if (!vnode)
        return -ENOMEM;
    struct name name = name_make(text, strlen(text));
    struct entry *entry = entry_create(nullptr, &name, vnode);
    if (!entry)
        return -ENOMEM;
    *out = nameless;
    path_get(out);
    entry_put(out->entry);
    out->entry = entry;
    return 0;
}

static int object_text(struct object *object, char *to, size_t size) {
    if (object->ops->link_text)
        return object->ops->link_text(object, to, size);
    return fmt_snprintf(to, size, "anon_inode:[%s]", object->ops->name);
}

static status_t object_place(struct object *object, struct path *out) {
    const struct path *path = object_path(object);
    if (path) {
        *out = *path;
        path_get(out);
        return 0;
    }
    bool pipe = object_is_pipe(object);
    char text[64];
    object_text(object, text, sizeof text);
    status_t status = nameless_place(&object_node_ops, (pipe ? S_IFIFO : S_IFSOCK) | 0600, object->id, text, out);
    if (status != 0)
        return status;
    struct vnode *vnode = path_vnode(out);
    vnode->uid = vfs_cred()->fsuid;
    vnode->gid = vfs_cred()->fsgid;
    vnode->fs_private = object;
    object_get(object);
    return 0;
}

// ---------------------------------------------------------------- the directories

// The object behind a descriptor of another task, referenced.
static status_t find_object(struct vnode *vnode, struct handle_ref *ref) {
    struct proc_vnode *proc = proc_of(vnode);
    struct handle_table *table = task_get_handles(proc->task);
    if (!table)
        return -ENOENT;
    status_t status = handle_lookup_in(table, proc->handle, 0, ref);
    handle_table_put(table, proc->task);
    return status == 0 ? 0 : -ENOENT;
}

static status_t fd_follow(struct vnode *link, struct path *out, uint32_t *withheld) {
    struct handle_ref ref;
    status_t status = find_object(link, &ref);
    if (status != 0)
        return status;
    status = object_place(ref.object, out);
    *withheld = handle_withheld(ref.object, ref.rights);
    handle_release(&ref);
    return status;
}

static ssize_t fd_readlink(struct vnode *link, char *to, size_t size) {
    struct handle_ref ref;
    status_t status = find_object(link, &ref);
    if (status != 0)
        return status;
    char *text = kmalloc(PATH_MAX);
    ssize_t length = text ? object_text(ref.object, text, PATH_MAX) : -ENOMEM;
    if (length > 0) {
        length = (ssize_t)MIN((size_t)length, size);
        memcpy(to, text, (size_t)length);
    }
    kfree(text);
    handle_release(&ref);
    return length;
}

// What kind of object it is, and what the handle may do.
static void show_handle(struct text_buffer *text, const struct handle_ref *ref) {
    static const char *const names[] = {"READ",      "WRITE",    "EXEC", "MAP",    "SEND",  "RECEIVE",
                                        "DUPLICATE", "TRANSFER", "WAIT", "SIGNAL", "ADMIN", "PATH"};
    text_printf(text, "type:\t%s\nrights:\t", ref->object->ops->name);
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (ref->rights >> i & 1)
            text_printf(text, "%s ", names[i]);
    text_printf(text, "\n");
}

static ssize_t fdinfo_read(struct vnode *vnode, struct file *file, struct uio *uio, loff_t position) {
    if (position == 0) {
        struct handle_ref ref;
        status_t status = find_object(vnode, &ref);
        if (status != 0)
            return status;
        struct file *shown = file_of(ref.object);
        char more[512];
        int length = ref.object->ops->describe ? ref.object->ops->describe(ref.object, more, sizeof more) : 0;
        file->text.length = 0;
        text_printf(&file->text, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%d\nino:\t%lu\n", shown ? (long)shown->position : 0l,
                    atomic_load(&ref.object->status_flags), shown ? mount_id(shown->path.mount) : 15,
                    (unsigned long)(shown ? shown->vnode->inode : ref.object->id));
        show_handle(&file->text, &ref);
        if (length > 0)
            text_append(&file->text, more, (size_t)length);
        handle_release(&ref);
    }
    return text_take(&file->text, uio, position);
}

static const struct vnode_ops fd_link_ops = {.readlink = fd_readlink, .follow = fd_follow, .release = proc_release};
static const struct vnode_ops fdinfo_ops = {.read = fdinfo_read, .release = proc_release};

enum { FD_PLACE = 0x8000 };

static status_t handle_vnode(struct vnode *dir, struct name name, bool info, struct vnode **out) {
    struct proc_vnode like = *proc_of(dir);
    like.handle = name_to_id(&name);
    struct handle_table *table = like.handle >= 0 ? task_get_handles(like.task) : nullptr;
    if (!table)
        return -ENOENT;
    struct handle_ref ref;
    status_t status = handle_lookup_in(table, like.handle, 0, &ref);
    handle_table_put(table, like.task);
    if (status != 0)
        return -ENOENT;
    bool writes = ref.rights & RIGHT_WRITE && ref.object->ops->type != OBJECT_DIRECTORY;
    uint32_t mode = S_IFLNK | (ref.rights & RIGHT_READ ? 0500 : 0) | (writes ? 0300 : 0);
    handle_release(&ref);
    like.place = FD_PLACE + ((unsigned)like.handle * 2 + info) % FD_PLACE;
    if (info)
        return proc_vnode_create(dir->super, &fdinfo_ops, S_IFREG | 0400, &like, out);
    return proc_vnode_create(dir->super, &fd_link_ops, mode, &like, out);
}

static status_t fd_lookup(struct vnode *dir, struct name name, struct vnode **out) {
    return handle_vnode(dir, name, false, out);
}
static status_t fdinfo_lookup(struct vnode *dir, struct name name, struct vnode **out) {
    return handle_vnode(dir, name, true, out);
}

static status_t fd_readdir(struct vnode *dir, loff_t position, struct dir_sink *sink) {
    struct proc_vnode *proc = proc_of(dir);
    if (!emit_dots(dir, &position, sink))
        return 0;
    struct handle_table *table = task_get_handles(proc->task);
    if (!table)
        return 0;
    for (int fd = (int)position - 2; (fd = handle_next(table, fd)) >= 0; fd++)
        if (!emit_number(sink, fd, dir->inode + FD_PLACE + (unsigned)fd * 2,
                         dir->ops == &proc_fd_dir_ops ? DT_LNK : DT_REG, (loff_t)fd + 3))
            break;
    handle_table_put(table, proc->task);
    return 0;
}

const struct vnode_ops proc_fd_dir_ops = {.lookup = fd_lookup, .readdir = fd_readdir, .release = proc_release};
const struct vnode_ops proc_fdinfo_dir_ops = {.lookup = fdinfo_lookup, .readdir = fd_readdir, .release = proc_release};
