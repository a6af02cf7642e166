// SPDX-License-Identifier: MPL-2.0
// Unpacks the initramfs into the root file system.
//
// Members come in the order of the archive; hard links share an inode number, and the data comes with the last (GNU
// cpio) or the first of them. A member that cannot be made is logged and skipped. Directories get their times at the
// end, when nothing is put into them any more. A corrupt header ends the unpacking: what came before stays.
#include "cpio_priv.h"
#include "vfs_priv.h"

#include <lib/log.h>
#include <sched/sched.h>

// The first name of a file with several.
struct hard_link {
    struct hard_link *next;
    uint32_t inode, major, minor;
    const char *name; // in the archive
};

struct directory_time {
    struct directory_time *next;
    const char *name;
    uint32_t mtime;
};

struct unpack {
    struct hard_link *links;
    struct directory_time *directories;
    unsigned made, failed;
};

static void set_owner_and_time(const struct path *path, const struct cpio_member *member) {
    struct vnode *vnode = path_vnode(path);
    vnode->uid = member->uid;
    vnode->gid = member->gid;
    if (!S_ISTYPE(member->mode, S_IFLNK))
        vnode->mode = (vnode->mode & S_IFMT) | (member->mode & S_IALLUGO);
    vnode->accessed = vnode->modified = (struct time_spec){member->mtime, 0};
}

static status_t write_all(const char *name, const struct cpio_member *member) {
    struct object *object;
    status_t status =
        vfs_open(nullptr, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, member->mode & S_IALLUGO, &object);
    if (status != 0)
        return status;
    struct uio uio;
    uio_init_kernel(&uio, (void *)(uintptr_t)member->data, member->size);
    while (uio.resid && status == 0) {
        ssize_t done = object->ops->write(object, &uio, nullptr, 0);
        status = done > 0 ? 0 : done < 0 ? (status_t)done : -EIO;
    }
    object_handle_acquire(object); // so that `closed` runs and gives the write permission back
    object_handle_release(object);
    object_put(object);
    return status;
}

static status_t make_file(struct unpack *unpack, const struct cpio_member *member, const char *name) {
    if (member->links > 1) {
        struct hard_link *link = unpack->links;
        while (link && !(link->inode == member->inode && link->major == member->device_major &&
                         link->minor == member->device_minor))
            link = link->next;
        if (link) {
            struct path target;
            status_t status = path_lookup(nullptr, link->name, 0, &target);
            if (status != 0)
                return status;
            status = vfs_link(&target, nullptr, name);
            path_put(&target);
            return status != 0 || member->size == 0 ? status : write_all(name, member);
        }
        link = kmalloc(sizeof *link);
        if (!link)
            return -ENOMEM;
        *link = (struct hard_link){unpack->links, member->inode, member->device_major, member->device_minor, name};
        unpack->links = link;
    }
    return write_all(name, member);
}

static status_t make_link(const struct cpio_member *member, const char *name) {
    if (member->size == 0 || member->size >= PATH_MAX)
        return -EINVAL;
    char *target = kmalloc(member->size + 1);
    if (!target)
        return -ENOMEM;
    memcpy(target, member->data, member->size);
    target[member->size] = 0;
    status_t status = vfs_symlink(nullptr, name, target);
    kfree(target);
    return status;
}

static status_t make_directory(struct unpack *unpack, const struct cpio_member *member, const char *name) {
    status_t status = vfs_mkdir(nullptr, name, member->mode & S_IALLUGO);
    if (status == -EEXIST)
        status = 0;
    struct directory_time *time = kmalloc(sizeof *time);
    if (time) {
        *time = (struct directory_time){unpack->directories, name, member->mtime};
        unpack->directories = time;
    }
    return status;
}

// As Linux does: a name that exists as something else is replaced.
static void remove_other_kind(const char *name, uint32_t mode) {
    struct path path;
    if (path_lookup(nullptr, name, 0, &path) != 0)
        return;
    bool same = (path_vnode(&path)->mode & S_IFMT) == (mode & S_IFMT) && S_ISTYPE(mode, S_IFDIR);
    bool directory = S_ISTYPE(path_vnode(&path)->mode, S_IFDIR);
    path_put(&path);
    if (same)
        return;
    status_t status = directory ? vfs_rmdir(nullptr, name) : vfs_unlink(nullptr, name);
    (void)status; // making it will say why it could not
}

static status_t make_member(struct unpack *unpack, const struct cpio_member *member) {
    const char *name = member->name;
    while (*name == '/')
        name++;
    if (!*name)
        return 0;
    remove_other_kind(name, member->mode);
    status_t status;
    switch (member->mode & S_IFMT) {
    case S_IFREG:
        status = make_file(unpack, member, name);
        break;
    case S_IFDIR:
        status = make_directory(unpack, member, name);
        break;
    case S_IFLNK:
        status = make_link(member, name);
        break;
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
    case S_IFSOCK:
        status = vfs_mknod(nullptr, name, member->mode, abi_make_device(member->special_major, member->special_minor));
        break;
    default:
        return -EINVAL;
    }
    struct path path;
    if (status == 0 && (status = path_lookup(nullptr, name, 0, &path)) == 0) {
        set_owner_and_time(&path, member);
        path_put(&path);
    }
    return status;
}

static void forget_links(struct unpack *unpack) {
    for (struct hard_link *at = unpack->links, *next; at; at = next) {
        next = at->next;
        kfree(at);
    }
    unpack->links = nullptr;
}

static void finish(struct unpack *unpack) {
    for (struct directory_time *at = unpack->directories, *next; at; at = next) {
        struct path path;
        next = at->next;
        if (path_lookup(nullptr, at->name, 0, &path) == 0) {
            path_vnode(&path)->modified = path_vnode(&path)->accessed = (struct time_spec){at->mtime, 0};
            path_put(&path);
        }
        kfree(at);
    }
    forget_links(unpack);
}

status_t initramfs_unpack(const void *start, size_t size) {
    const uint8_t *base = start, *at = base, *end = base + size;
    struct unpack unpack = {};
    for (;;) {
        struct cpio_member member;
        enum cpio_result result = cpio_next(base, &at, end, &member);
        if (result == CPIO_TRAILER) { // the next archive's inode numbers mean other files
            forget_links(&unpack);
            continue;
        }
        if (result == CPIO_CORRUPT)
            klog(LOG_ERROR, "initramfs: bad header at byte %zu", (size_t)(at - base));
        if (result != CPIO_MEMBER)
            break;
        status_t status = make_member(&unpack, &member);
        if (status != 0) {
            klog(LOG_WARNING, "initramfs: %s: error %d", member.name, -status);
            unpack.failed++;
        } else {
            unpack.made++;
        }
        sched_preempt_point();
    }
    finish(&unpack);
    return unpack.made ? 0 : -EINVAL;
}
