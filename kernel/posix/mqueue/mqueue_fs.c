// SPDX-License-Identifier: MPL-2.0
// The file system "mqueue": one flat directory of queues. mq_open finds names in it whether it is mounted or not;
// mounted (usually at /dev/mqueue) it shows them, and reading one tells what is in it.
//
// There is one instance. A name belongs to the sandbox that made it, and everybody sees those of his own only, so
// nothing is kept in the cache of names (VNODE_DYNAMIC). Names are under the directory's lock; each has a reference to
// its vnode, and that one to its queue.
#include "mqueue.h"
#include "proc/proc_priv.h"
#include "process/process_priv.h"

#include <abi/fcntl.h>
#include <abi/mqueue.h>
#include <abi/stat.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <object/job.h>
#include <vfs/namespace.h>

#define TEXT_MAX 80 // what a queue's file reads as, and its size
enum { NAME_LENGTH_MAX = 255, COOKIE_FIRST = 2, DIRECTORY_TYPE = 4, FILE_TYPE = 8 };

struct queue_name {
    struct list_node node; // by cookie
    uint64_t scope;        // job_scope_current() of who made it
    uint64_t cookie;       // its position for readdir
    struct vnode *vnode;   // one reference
    uint32_t length;
    char text[];
};

static struct {
    struct path root;       // where the kernel has it mounted for itself
    struct list_node names; // under the root vnode's lock
    uint64_t next_cookie;
} fs = {.names = LIST_INIT(fs.names), .next_cookie = COOKIE_FIRST};

static const struct vnode_ops queue_ops, folder_ops;

static struct queue_name *name_of(struct list_node *node) {
    return CONTAINER_OF(node, struct queue_name, node);
}

// The directory's lock is held, for reading at least.
static struct queue_name *find(struct name name) {
    uint64_t scope = job_scope_current();
    struct queue_name *at;
    LIST_FOR_EACH(at, &fs.names, node)
    if (at->scope == scope && at->length == name.length && memcmp(at->text, name.text, name.length) == 0)
        return at;
    return nullptr;
}

static uint64_t count_mine(void) {
    uint64_t scope = job_scope_current(), count = 0;
    struct queue_name *at;
    LIST_FOR_EACH(at, &fs.names, node)
    count += at->scope == scope;
    return count;
}

// ---------------------------------------------------------------- making and removing

static struct vnode *make_vnode(struct super *super, uint32_t mode, struct mqueue *queue) {
    struct vnode *vnode = vnode_create(super, &queue_ops, S_IFREG | mode, super_next_inode(super));
    if (!vnode)
        return nullptr;
    vnode->fs_private = queue; // takes over the reference
    vnode->flags |= VNODE_NO_TIMES;
    vnode->uid = cred_current()->fsuid;
    vnode->gid = cred_current()->fsgid;
    return vnode;
}

// The directory is locked for writing, and has no such name. *out: referenced.
static status_t add(struct vnode *dir, struct name name, uint32_t mode, const struct mqueue_shape *asked,
                    struct vnode **out) {
    struct mqueue_shape shape;
    struct mqueue *queue;
    if (name.length > NAME_LENGTH_MAX)
        return -ENAMETOOLONG;
    if (count_mine() >= mqueue_limits.queues_max && !cred_has_cap(cred_current(), CAP_SYS_RESOURCE))
        return -ENOSPC;
    status_t status = mqueue_check_shape(asked, &shape);
    if (status == 0)
        status = mqueue_make(&shape, &queue);
    if (status != 0)
        return status;
    struct queue_name *entry = kmalloc_charged(sizeof(*entry) + name.length);
    struct vnode *vnode = entry ? make_vnode(dir->super, mode & S_IALLUGO, queue) : nullptr;
    if (!vnode) {
        kfree(entry);
        object_put(&queue->object);
        return -ENOMEM;
    }
    *entry = (struct queue_name){.scope = job_scope_current(), .cookie = fs.next_cookie++, .vnode = vnode};
    entry->length = name.length;
    memcpy(entry->text, name.text, name.length);
    list_push_back(&fs.names, &entry->node);
    vnode_get(vnode);
    *out = vnode;
    return 0;
}

// The directory is locked for writing.
static void drop(struct queue_name *name) {
    list_remove(&name->node);
    vnode_put(name->vnode);
    kfree(name);
}

// ---------------------------------------------------------------- the directory

static status_t folder_lookup(struct vnode *dir, struct name name, struct vnode **out) {
    (void)dir;
    struct queue_name *at = find(name);
    if (!at)
        return -ENOENT;
    vnode_get(at->vnode);
    *out = at->vnode;
    return 0;
}

static status_t folder_create(struct vnode *dir, struct name name, uint32_t mode, uint64_t device, struct vnode **out) {
    (void)device;
    return S_ISTYPE(mode, S_IFREG) ? add(dir, name, mode, nullptr, out) : -EPERM;
}

static status_t folder_unlink(struct vnode *dir, struct name name, struct vnode *victim) {
    (void)dir;
    victim->links = 0;
    drop(find(name));
    return 0;
}

static status_t folder_readdir(struct vnode *dir, loff_t position, struct dir_sink *sink) {
    uint64_t scope = job_scope_current();
    static const char dots[] = "..";
    for (; position < COOKIE_FIRST; position++)
        if (!sink->emit(sink, (struct name){dots, (uint32_t)position + 1, 0}, dir->inode, DIRECTORY_TYPE, position + 1))
            return 0;
    struct queue_name *at;
    LIST_FOR_EACH(at, &fs.names, node) {
        struct name name = {at->text, at->length, 0};
        if (at->scope != scope || at->cookie < (uint64_t)position)
            continue;
        if (!sink->emit(sink, name, at->vnode->inode, FILE_TYPE, (loff_t)at->cookie + 1))
            break;
    }
    return 0;
}

static const struct vnode_ops folder_ops = {
    .lookup = folder_lookup, .create = folder_create, .unlink = folder_unlink, .readdir = folder_readdir};

// ---------------------------------------------------------------- a queue's file

static struct mqueue *queue_of(struct vnode *vnode) {
    return vnode->fs_private;
}

static status_t queue_open(struct vnode *vnode, uint32_t flags, struct object **out) {
    (void)flags;
    *out = &queue_of(vnode)->object;
    object_get(*out);
    return 0;
}

static ssize_t queue_read(struct vnode *vnode, struct file *file, struct uio *uio, loff_t position) {
    char text[TEXT_MAX + 1];
    (void)file;
    loff_t length = mqueue_describe(queue_of(vnode), text, sizeof(text));
    if (position < 0)
        return -EINVAL;
    if (position >= length || uio->resid == 0)
        return 0;
    size_t size = MIN((size_t)(length - position), uio->resid), done = uio_write(uio, text + position, size);
    return done > 0 ? (ssize_t)done : -EFAULT;
}

static status_t queue_attributes(struct vnode *vnode, struct stat_info *out) {
    vnode_stat(vnode, out);
    out->size = TEXT_MAX;
    return 0;
}

static void queue_release(struct vnode *vnode) {
    object_put(&queue_of(vnode)->object);
}

static const struct vnode_ops queue_ops = {
    .open = queue_open, .read = queue_read, .get_attributes = queue_attributes, .release = queue_release};

// ---------------------------------------------------------------- by name, for the calls

// A name that mq_open and mq_unlink take: Linux looks up one component, and no directory's own.
static status_t check_name(struct name name) {
    if (name.length == 0 || memcmp(name.text, "..", MIN(name.length, 3u)) == 0)
        return name.length == 0 ? -ENOENT : -EACCES;
    for (uint32_t i = 0; i < name.length; i++)
        if (name.text[i] == '/')
            return -EACCES;
    return name.length > NAME_LENGTH_MAX ? -ENAMETOOLONG : 0;
}

static unsigned access_of(uint32_t flags) {
    return (flags & O_ACCMODE) == O_RDONLY ? 4 : (flags & O_ACCMODE) == O_WRONLY ? 2 : 6;
}

// The directory is locked for writing. *out: referenced.
static status_t find_or_add(struct vnode *dir, struct name name, const struct mqueue_open *request,
                            struct vnode **out) {
    struct queue_name *at = find(name);
    if (!at)
        return request->flags & O_CREAT ? add(dir, name, request->mode, request->shape, out) : -ENOENT;
    if ((request->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if ((request->flags & O_ACCMODE) == O_ACCMODE)
        return -EINVAL;
    status_t status = vnode_permission(at->vnode, cred_current(), access_of(request->flags));
    if (status != 0)
        return status;
    vnode_get(at->vnode);
    *out = at->vnode;
    return 0;
}

status_t mqueue_open(const struct mqueue_open *request, struct object **out) {
    struct name name = {request->name, (uint32_t)strlen(request->name), 0};
    struct vnode *dir = path_vnode(&fs.root), *vnode;
    status_t status = check_name(name);
    if (status != 0)
        return status;
    rwlock_write(&dir->lock);
    status = find_or_add(dir, name, request, &vnode);
    rwlock_write_unlock(&dir->lock);
    return status == 0 ? vfs_open_vnode(&fs.root, request->name, vnode, request->flags, out) : status;
}

status_t mqueue_unlink(const char *text) {
    status_t status = check_name((struct name){text, (uint32_t)strlen(text), 0});
    return status == 0 ? vfs_unlink(&fs.root, text) : status;
}

void mqueue_task_ended(struct job *job) {
    struct vnode *dir = path_vnode(&fs.root);
    for (; job && job->scope; job = job->parent) {
        if (job->scope != job || job->tasks != 0) // this is looked at again below
            continue;
        rwlock_write(&dir->lock);
        struct list_node *at, *next;
        for (at = fs.names.next; at != &fs.names; at = next) {
            next = at->next;
            if (name_of(at)->scope == job->object.id && job->tasks == 0)
                drop(name_of(at));
        }
        rwlock_write_unlock(&dir->lock);
    }
}

// ---------------------------------------------------------------- mounting, limits

static status_t mqueue_mount(struct super *super, const char *source, const char *options) {
    (void)source;
    (void)options;
    super->root = vnode_create(super, &folder_ops, S_IFDIR | S_ISVTX | 0777, super_next_inode(super));
    if (!super->root)
        return -ENOMEM;
    super->root->links = 2;
    super->root->flags |= VNODE_DYNAMIC;
    return 0;
}

static void mqueue_statfs(struct super *super, struct statfs_info *out) {
    (void)super;
    out->type = MQUEUE_MAGIC;
}

static const struct super_ops mqueue_super = {.name = "mqueue",
                                              .no_device = true,
                                              .single = true,
                                              .makers_pay = true,
                                              .mount = mqueue_mount,
                                              .statfs = mqueue_statfs};

static void limit_show(struct text_buffer *text, void *context) {
    text_printf(text, "%llu\n", (unsigned long long)*(uint64_t *)context);
}

// Within what Linux allows for each: 1 to a hard maximum.
static ssize_t limit_store(void *context, const char *from, size_t size) {
    uint64_t value, *limit = context;
    bool bytes = limit == &mqueue_limits.size_max || limit == &mqueue_limits.size_default;
    bool queues = limit == &mqueue_limits.queues_max;
    uint64_t low = queues ? 0 : bytes ? 128 : 1, high = queues ? INT32_MAX : bytes ? 16u << 20 : 65536u;
    if (!proc_parse_number(from, size, &value) || value < low || value > high)
        return -EINVAL;
    *limit = value;
    return (ssize_t)size;
}

void mqueue_init(void) {
    static const struct proc_file files[] = {
        {"sys/fs/mqueue/queues_max", 0644, limit_show, limit_store, &mqueue_limits.queues_max},
        {"sys/fs/mqueue/msg_max", 0644, limit_show, limit_store, &mqueue_limits.messages_max},
        {"sys/fs/mqueue/msgsize_max", 0644, limit_show, limit_store, &mqueue_limits.size_max},
        {"sys/fs/mqueue/msg_default", 0644, limit_show, limit_store, &mqueue_limits.messages_default},
        {"sys/fs/mqueue/msgsize_default", 0644, limit_show, limit_store, &mqueue_limits.size_default},
    };
    filesystem_register(&mqueue_super);
    if (mount_hidden("mqueue", &fs.root) != 0)
        panic("no memory for message queues");
    proc_add_all(files, ARRAY_SIZE(files));
}
