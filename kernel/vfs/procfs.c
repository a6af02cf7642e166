// SPDX-License-Identifier: MPL-2.0
// /proc: fixed files (nodes.c) and a directory for each process.
//
// Names below /proc/PID are never cached: a process and its descriptors come and go. Their vnodes hold a reference on
// the task. Inode numbers are made of the process id and the place in the table, so that they are the same at each
// look.
#include "procfs_priv.h"

#include <lib/fmt.h>

enum { TABLES_MAX = 4, PID_BASE = 0x100000, PER_PID = 0x10000, PROC_MAGIC = 0x9fa0 };

static struct node_tree proc_tree = NODE_TREE_INIT(proc_tree);

static struct {
    const struct proc_entry *entries;
    unsigned count;
} tables[TABLES_MAX];
static unsigned table_count;

void procfs_add_task_entries(const struct proc_entry *entries, unsigned count) {
    ASSERT(table_count < TABLES_MAX);
    tables[table_count].entries = entries;
    tables[table_count++].count = count;
}

status_t procfs_add(const char *path, uint32_t mode, text_fn *show, text_store_fn *store, void *context) {
    return node_tree_add(&proc_tree, path,
                         &(struct node){.mode = S_IFREG | mode, .show = show, .store = store, .context = context});
}

// ---------------------------------------------------------------- vnodes that belong to a task

static const struct vnode_ops proc_table_ops, proc_pid_ops, proc_tasks_ops;

struct proc_vnode *proc_of(const struct vnode *vnode) {
    return vnode->fs_private;
}

struct task *procfs_task(const struct vnode *vnode) {
    return vnode->ops == &proc_pid_ops && !proc_of(vnode)->is_thread ? proc_of(vnode)->task : nullptr;
}

void proc_release(struct vnode *vnode) {
    struct proc_vnode *proc = proc_of(vnode);
    if (proc && proc->task)
        object_put(&proc->task->object);
    kfree(proc);
}

status_t proc_vnode_create(struct super *super, const struct vnode_ops *ops, uint32_t mode,
                           const struct proc_vnode *like, struct vnode **out) {
    struct proc_vnode *proc = kmalloc(sizeof *proc);
    if (!proc)
        return -ENOMEM;
    uint64_t inode = PID_BASE + (uint64_t)like->id * PER_PID + like->place;
    *out = vnode_create(super, ops, mode, inode);
    if (!*out) {
        kfree(proc);
        return -ENOMEM;
    }
    *proc = *like;
    object_get(&proc->task->object);
    (*out)->fs_private = proc;
    (*out)->flags |= VNODE_NO_TIMES | (S_ISTYPE(mode, S_IFDIR) ? VNODE_DYNAMIC : 0);
    struct cred *cred = atomic_load(&proc->task->cred);
    if (cred) {
        (*out)->uid = cred->euid;
        (*out)->gid = cred->egid;
    }
    if (S_ISTYPE(mode, S_IFDIR))
        (*out)->links = 2;
    return 0;
}

bool name_is(const struct name *name, const char *text) {
    return strlen(text) == name->length && memcmp(text, name->text, name->length) == 0;
}

int name_to_id(const struct name *name) {
    int id = 0;
    if (name->length == 0 || name->length > 9 || (name->text[0] == '0' && name->length > 1))
        return -1;
    for (uint32_t i = 0; i < name->length; i++) {
        if (name->text[i] < '0' || name->text[i] > '9')
            return -1;
        id = id * 10 + (name->text[i] - '0');
    }
    return id;
}

bool emit_text(struct dir_sink *sink, const char *text, uint64_t inode, unsigned type, loff_t next) {
    return sink->emit(sink, (struct name){text, (uint32_t)strlen(text), 0}, inode, type, next);
}

bool emit_number(struct dir_sink *sink, int number, uint64_t inode, unsigned type, loff_t next) {
    char text[12];
    fmt_snprintf(text, sizeof text, "%d", number);
    return emit_text(sink, text, inode, type, next);
}

bool emit_dots(struct vnode *dir, loff_t *position, struct dir_sink *sink) {
    if (*position == 0 && !emit_text(sink, ".", dir->inode, DT_DIR, 1))
        return false;
    if (*position <= 1 && !emit_text(sink, "..", dir->inode, DT_DIR, 2))
        return false;
    *position = MAX(*position, (loff_t)2);
    return true;
}

// ---------------------------------------------------------------- files from the tables

static ssize_t entry_read(struct vnode *vnode, struct file *file, struct uio *uio, loff_t position) {
    struct proc_vnode *proc = proc_of(vnode);
    const struct proc_entry *entry = proc->entry;
    if (entry->read)
        return entry->read(proc->task, uio, position);
    if (!file->text_made || position == 0) {
        file->text.length = 0;
        file->text.failed = false;
        status_t status = entry->show ? entry->show(&file->text, proc->task, proc->id) : -EINVAL;
        if (status != 0)
            return status;
        if (file->text.failed)
            return -ENOMEM;
        file->text_made = true;
    }
    return text_take(&file->text, uio, position);
}

static ssize_t entry_write(struct vnode *vnode, struct file *file, struct uio *uio, loff_t position) {
    struct proc_vnode *proc = proc_of(vnode);
    if (proc->entry->write)
        return proc->entry->write(proc->task, uio, position);
    if (!proc->entry->store)
        return -EINVAL;
    char *text = kmalloc(PAGE_SIZE);
    if (!text)
        return -ENOMEM;
    size_t size = MIN(uio->resid, PAGE_SIZE - 1);
    ssize_t done = -EFAULT;
    if (uio_read(uio, text, size) == size) {
        text[size] = 0;
        done = proc->entry->store(proc->task, text, size);
    }
    kfree(text);
    return done;
}

static status_t link_follow(struct vnode *link, struct path *out, uint32_t *withheld) {
    (void)withheld; // these lead where a path leads, too
    return proc_of(link)->entry->follow(proc_of(link)->task, out);
}

ssize_t proc_path_text(struct path *path, char *to, size_t size) {
    struct path root;
    char *buffer = kmalloc(PATH_MAX);
    if (!buffer)
        return -ENOMEM;
    fs_get_root(&root);
    const char *text = path_text(path, &root, buffer, PATH_MAX);
    path_put(&root);
    ssize_t length = pointer_status(text);
    if (!is_error_pointer(text)) {
        length = (ssize_t)MIN(strlen(text), size);
        memcpy(to, text, (size_t)length);
    }
    kfree(buffer);
    return length;
}

// The text that a link has of its own.
static ssize_t link_show(const struct proc_vnode *proc, char *to, size_t size) {
    struct text_buffer text = {};
    status_t status = proc->entry->show(&text, proc->task, proc->id);
    ssize_t length = status != 0 ? status : text.failed ? -ENOMEM : (ssize_t)MIN(text.length, size);
    if (length > 0)
        memcpy(to, text.data, (size_t)length);
    kfree(text.data);
    return length;
}

static ssize_t link_read(struct vnode *link, char *to, size_t size) {
    if (proc_of(link)->entry->show)
        return link_show(proc_of(link), to, size);
    struct path path;
    uint32_t withheld = 0;
    status_t status = link_follow(link, &path, &withheld);
    if (status != 0)
        return status;
    ssize_t length = proc_path_text(&path, to, size);
    path_put(&path);
    return length;
}

static status_t no_attributes(struct vnode *vnode, const struct attributes *attributes) {
    return attributes->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

static const struct vnode_ops proc_file_ops = {
    .read = entry_read, .write = entry_write, .set_attributes = no_attributes, .release = proc_release};
static const struct vnode_ops proc_link_ops = {
    .readlink = link_read, .follow = link_follow, .set_attributes = no_attributes, .release = proc_release};

static status_t table_vnode(struct vnode *dir, const struct proc_entry *entry, unsigned place, struct vnode **out) {
    struct proc_vnode like = *proc_of(dir);
    like.entry = entry;
    like.place = place;
    uint32_t type = entry->mode & S_IFMT;
    const struct vnode_ops *ops = type == S_IFDIR ? &proc_table_ops : type == S_IFLNK ? &proc_link_ops : &proc_file_ops;
    return proc_vnode_create(dir->super, ops, entry->mode, &like, out);
}

// ---------------------------------------------------------------- /proc/PID

// Our own entries of a process's directory, before those from the tables.
static const struct {
    const char *name;
    uint32_t mode;
    const struct vnode_ops *ops;
    bool process_only;
} own_entries[] = {
    {"task", S_IFDIR | 0555, &proc_tasks_ops, true},
    {"fd", S_IFDIR | 0500, &proc_fd_dir_ops, false},
    {"fdinfo", S_IFDIR | 0500, &proc_fdinfo_dir_ops, false},
};
enum { TABLE_PLACE = 0x100, CHILD_PLACE = 0x1000 };

// A sub-directory that a table describes.
static status_t children_lookup(struct vnode *dir, struct name name, struct vnode **out) {
    const struct proc_entry *entry = proc_of(dir)->entry;
    for (unsigned i = 0; i < entry->child_count; i++)
        if (name_is(&name, entry->children[i].name))
            return table_vnode(dir, &entry->children[i], CHILD_PLACE + proc_of(dir)->place * 16 + i, out);
    return -ENOENT;
}

static status_t children_readdir(struct vnode *dir, loff_t position, struct dir_sink *sink) {
    const struct proc_entry *entry = proc_of(dir)->entry;
    if (!emit_dots(dir, &position, sink))
        return 0;
    for (unsigned i = (unsigned)position - 2; i < entry->child_count; i++)
        if (!emit_text(sink, entry->children[i].name, dir->inode + i + 1, entry->children[i].mode >> 12 & 15, i + 3))
            break;
    return 0;
}

static status_t pid_lookup(struct vnode *dir, struct name name, struct vnode **out) {
    struct proc_vnode like = *proc_of(dir);
    for (unsigned i = 0; i < ARRAY_SIZE(own_entries); i++) {
        if (!name_is(&name, own_entries[i].name) || (own_entries[i].process_only && like.is_thread))
            continue;
        like.place = i + 1;
        return proc_vnode_create(dir->super, own_entries[i].ops, own_entries[i].mode, &like, out);
    }
    for (unsigned t = 0, place = TABLE_PLACE; t < table_count; t++)
        for (unsigned i = 0; i < tables[t].count; i++, place++) {
            const struct proc_entry *entry = &tables[t].entries[i];
            if (name_is(&name, entry->name) && !(entry->process_only && like.is_thread))
                return table_vnode(dir, entry, place, out);
        }
    return -ENOENT;
}

static status_t pid_readdir(struct vnode *dir, loff_t position, struct dir_sink *sink) {
    struct proc_vnode *proc = proc_of(dir);
    if (!emit_dots(dir, &position, sink))
        return 0;
    loff_t at = 2;
    for (unsigned i = 0; i < ARRAY_SIZE(own_entries); i++, at++)
        if (at >= position && !(own_entries[i].process_only && proc->is_thread) &&
            !emit_text(sink, own_entries[i].name, dir->inode + i + 1, own_entries[i].mode >> 12, at + 1))
            return 0;
    for (unsigned t = 0, place = TABLE_PLACE; t < table_count; t++)
        for (unsigned i = 0; i < tables[t].count; i++, at++, place++) {
            const struct proc_entry *entry = &tables[t].entries[i];
            if (at >= position && !(entry->process_only && proc->is_thread) &&
                !emit_text(sink, entry->name, dir->inode + place, entry->mode >> 12 & 15, at + 1))
                return 0;
        }
    return 0;
}

static const struct vnode_ops proc_table_ops = {
    .lookup = children_lookup, .readdir = children_readdir, .set_attributes = no_attributes, .release = proc_release};
static const struct vnode_ops proc_pid_ops = {
    .lookup = pid_lookup, .readdir = pid_readdir, .set_attributes = no_attributes, .release = proc_release};

// ---------------------------------------------------------------- /proc/PID/task

static status_t tasks_lookup(struct vnode *dir, struct name name, struct vnode **out) {
    struct proc_vnode like = *proc_of(dir);
    int id = name_to_id(&name);
    if (id < 0 || !vfs_hooks->thread_next || vfs_hooks->thread_next(like.task, id) != id)
        return -ENOENT;
    like.id = id;
    like.is_thread = true;
    like.place = 0x20;
    return proc_vnode_create(dir->super, &proc_pid_ops, S_IFDIR | 0555, &like, out);
}

static status_t tasks_readdir(struct vnode *dir, loff_t position, struct dir_sink *sink) {
    if (!emit_dots(dir, &position, sink) || !vfs_hooks->thread_next)
        return 0;
    for (int id = (int)position - 2; (id = vfs_hooks->thread_next(proc_of(dir)->task, id)) >= 0; id++)
        if (!emit_number(sink, id, PID_BASE + (uint64_t)id * PER_PID + 0x20, DT_DIR, (loff_t)id + 3))
            break;
    return 0;
}

static const struct vnode_ops proc_tasks_ops = {
    .lookup = tasks_lookup, .readdir = tasks_readdir, .set_attributes = no_attributes, .release = proc_release};

// ---------------------------------------------------------------- /proc

static ssize_t self_readlink(struct vnode *link, char *to, size_t size) {
    char text[48];
    int pid = task_current() ? task_current()->id : 0, length;
    if (link->inode == PROC_SELF_INODE)
        length = fmt_snprintf(text, sizeof text, "%d", pid);
    else
        length = fmt_snprintf(text, sizeof text, "%d/task/%d", pid,
                              vfs_hooks->current_thread_id ? vfs_hooks->current_thread_id() : pid);
    length = (int)MIN((size_t)length, size);
    memcpy(to, text, (size_t)length);
    return length;
}

static const struct vnode_ops proc_self_ops = {.readlink = self_readlink};

static status_t root_lookup(struct vnode *dir, struct name name, struct vnode **out) {
    bool self = name_is(&name, "self");
    if (self || name_is(&name, "thread-self")) {
        *out = vnode_create(dir->super, &proc_self_ops, S_IFLNK | S_IRWXUGO,
                            self ? PROC_SELF_INODE : PROC_THREAD_SELF_INODE);
        return *out ? 0 : -ENOMEM;
    }
    int id = name_to_id(&name);
    struct task *task = id > 0 && vfs_hooks && vfs_hooks->task_find ? vfs_hooks->task_find(id) : nullptr;
    if (!task)
        return id > 0 ? -ENOENT : node_lookup(dir, name, out);
    struct proc_vnode like = {.task = task, .id = id};
    status_t status = proc_vnode_create(dir->super, &proc_pid_ops, S_IFDIR | 0555, &like, out);
    object_put(&task->object);
    return status;
}

static status_t root_readdir(struct vnode *dir, loff_t position, struct dir_sink *sink) {
    enum { FIXED = 4, PIDS = 0x10000 };
    if (!emit_dots(dir, &position, sink))
        return 0;
    if (position <= 2 && !emit_text(sink, "self", PROC_SELF_INODE, DT_LNK, 3))
        return 0;
    if (position <= 3 && !emit_text(sink, "thread-self", PROC_THREAD_SELF_INODE, DT_LNK, FIXED))
        return 0;
    if (position < PIDS && node_readdir_children(dir, MAX(position, (loff_t)FIXED), FIXED, sink) == 0)
        return 0;
    if (!vfs_hooks || !vfs_hooks->task_next)
        return 0;
    int id = position < PIDS ? 1 : (int)(position - PIDS);
    for (; (id = vfs_hooks->task_next(id)) >= 0; id++)
        if (!emit_number(sink, id, PID_BASE + (uint64_t)id * PER_PID, DT_DIR, PIDS + (loff_t)id + 1))
            break;
    return 0;
}

static const struct vnode_ops proc_root_ops = {
    .lookup = root_lookup, .readdir = root_readdir, .set_attributes = no_attributes};

static status_t proc_mount(struct super *super, const char *source, const char *options) {
    super->fs_private = &proc_tree;
    super->root = vnode_create(super, &proc_root_ops, S_IFDIR | 0555, 1);
    if (!super->root)
        return -ENOMEM;
    super->root->fs_private = &proc_tree.root;
    super->root->links = 2;
    super->root->flags |= VNODE_DYNAMIC | VNODE_NO_TIMES;
    return 0;
}

static void proc_statfs(struct super *super, struct statfs_info *out) {
    out->type = PROC_MAGIC;
}

static const struct super_ops proc_super = {
    .name = "proc", .no_device = true, .single = true, .mount = proc_mount, .statfs = proc_statfs};

static void show_filesystems(struct text_buffer *text, void *context) {
    filesystems_describe(text);
}

void procfs_init(void) {
    filesystem_register(&proc_super);
    status_t status = procfs_add("filesystems", 0444, show_filesystems, nullptr, nullptr);
    if (status == 0)
        status =
            node_tree_add(&proc_tree, "mounts", &(struct node){.mode = S_IFLNK | S_IRWXUGO, .context = "self/mounts"});
    if (status != 0)
        panic("no memory for /proc");
}
