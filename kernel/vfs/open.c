// SPDX-License-Identifier: MPL-2.0
// open(2): from a path and flags to an open file.
#include "notify_priv.h"

// The rights on the vnode that the flags ask for, in R_OK/W_OK bits.
static unsigned wanted_access(uint32_t flags) {
    static const uint8_t access[4] = {R_OK, W_OK, R_OK | W_OK, R_OK | W_OK};
    return access[flags & O_ACCMODE] | (flags & O_TRUNC ? W_OK : 0);
}

// Everything that may forbid opening what is there. `created`: by this very call, so permissions do not matter.
static status_t may_open(const struct path *path, struct vnode *vnode, uint32_t flags, bool created) {
    unsigned access = wanted_access(flags);
    uint32_t type = vnode->mode & S_IFMT;
    if (type == S_IFLNK)
        return -ELOOP;
    if (type == S_IFDIR && (access & W_OK || flags & O_CREAT))
        return -EISDIR;
    if (flags & O_DIRECTORY && type != S_IFDIR)
        return -ENOTDIR;
    bool device = type == S_IFCHR || type == S_IFBLK;
    if (device && mount_flags(path->mount) & MS_NODEV)
        return -EACCES;
    // What a sandbox was given is bound on its own place: a device that is only found in a folder was not.
    if (device && job_flags_current() & JOB_NO_DEVICES && !path_is_mount_root(path))
        return -EACCES;
    if (access & W_OK && !device && type != S_IFIFO && type != S_IFSOCK) {
        status_t status = path_check_writable(path);
        if (status != 0)
            return status;
    }
    if (flags & O_NOATIME && vfs_cred()->fsuid != vnode->uid && !cred_has_cap(vfs_cred(), CAP_FOWNER))
        return -EPERM;
    return created ? 0 : vnode_permission(vnode, vfs_cred(), access);
}

// The object of a device, FIFO or whatever the file system makes of the node.
static status_t open_inner(struct vnode *vnode, uint32_t flags, struct object **inner) {
    *inner = nullptr;
    if (vnode->ops->open)
        return vnode->ops->open(vnode, flags, inner);
    switch (vnode->mode & S_IFMT) {
    case S_IFCHR:
    case S_IFBLK:
        return device_open(vnode->mode & S_IFMT, vnode->device, flags, inner);
    case S_IFIFO:
        return fifo_open(vnode, flags, inner);
    case S_IFSOCK:
        return -ENXIO;
    default:
        return 0;
    }
}

static status_t open_vnode(const struct path *path, uint32_t flags, bool created, struct object **out) {
    struct vnode *vnode = path_vnode(path);
    if (!vnode)
        return -ENOENT;
    status_t status = may_open(path, vnode, flags, created);
    if (status != 0)
        return status;
    bool regular = S_ISTYPE(vnode->mode, S_IFREG), writer = regular && wanted_access(flags) & W_OK;
    if (writer && (status = vnode_get_writer(vnode)) != 0)
        return status;
    bool truncates = regular && flags & O_TRUNC && !created && vnode->data;
    if (writer && (status = vnode_prepare_write(vnode, truncates ? 0 : UINT64_MAX)) != 0)
        goto put_writer;
    if (truncates) {
        status = vnode_resize(vnode, 0);
        if (status != 0)
            goto put_writer;
        notify_path(path, NOTIFY_MODIFY);
    }
    status = file_create(path, flags, out);
    if (status != 0)
        goto put_writer;
    struct file *file = CONTAINER_OF(*out, struct file, object);
    file->holds_writer = writer;
    if (LIKELY(regular && !vnode->ops->open)) {
        notify_path(path, NOTIFY_OPEN);
        return 0;
    }
    struct object *inner;
    status = open_inner(vnode, flags, &inner);
    if (status == 0) {
        if (inner)
            file_set_inner(file, inner);
        notify_path(path, NOTIFY_OPEN);
        return 0;
    }
    file->holds_writer = false;
    object_put(*out);
put_writer:
    if (writer)
        vnode_put_writer(vnode);
    return status;
}

status_t vfs_open_path(const struct path *path, uint32_t flags, struct object **out) {
    if (flags & O_PATH)
        return path_vnode(path) ? file_create(path, flags, out) : -ENOENT;
    return open_vnode(path, flags, false, out);
}

status_t vfs_open_vnode(const struct path *dir, const char *text, struct vnode *vnode, uint32_t flags,
                        struct object **out) {
    struct name name = name_make(text, strlen(text));
    struct path path = {dir->mount, entry_create(dir->entry, &name, vnode), 0};
    if (!path.entry)
        return -ENOMEM;
    status_t status = open_vnode(&path, flags, true, out);
    entry_put(path.entry);
    return status;
}

static bool may_ask(uint32_t flags, uint32_t withheld) {
    unsigned access = flags & O_PATH ? 0 : wanted_access(flags);
    return !(withheld & ((access & R_OK ? RIGHT_READ : 0u) | (access & W_OK ? RIGHT_WRITE : 0u)));
}

// What a walk has found; rights that are withheld are asked for in vain, and no handle to the new file has them.
static status_t open_found(const struct path *path, uint32_t flags, uint32_t withheld, struct object **out) {
    if (!may_ask(flags, withheld))
        return -EACCES;
    status_t status = vfs_open_path(path, flags, out);
    if (status == 0)
        to_file(*out)->withheld = withheld;
    return status;
}

static unsigned lookup_flags(const struct open_request *request) {
    unsigned lookup = request->lookup;
    if (!(request->flags & O_NOFOLLOW) && (request->flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
        lookup |= LOOKUP_FOLLOW;
    if (request->flags & O_DIRECTORY)
        lookup |= LOOKUP_DIRECTORY;
    return lookup;
}

// Makes the regular file `name` in walk->at unless it is there. *created tells which. On success walk->at is the file's
// directory still and *entry, referenced, is positive.
static status_t create_here(struct walk *walk, const struct open_request *request, struct entry **entry,
                            bool *created) {
    struct vnode *dir = path_vnode(&walk->at), *vnode;
    rwlock_write(&dir->lock);
    status_t status = entry_lookup_locked(walk->at.entry, &walk->last, entry);
    if (status != 0)
        goto unlock;
    *created = false;
    if (entry_vnode(*entry)) {
        status = request->flags & O_EXCL ? -EEXIST : 0;
        goto put_on_error;
    }
    status = path_check_writable(&walk->at);
    if (status == 0)
        status = vnode_permission(dir, walk->cred, W_OK | X_OK);
    if (status == 0 && !dir->ops->create)
        status = -EACCES;
    if (status == 0 && dir->flags & VNODE_DEAD)
        status = -ENOENT;
    if (status != 0)
        goto put_on_error;
    uint32_t mode = S_IFREG | (request->mode & S_IALLUGO & ~vfs_context()->umask);
    status = dir->ops->create(dir, walk->last, mode, 0, &vnode);
    if (status != 0)
        goto put_on_error;
    vnode_set_owner(vnode, dir, walk->cred);
    entry_fill(*entry, vnode);
    vnode_touch(dir);
    notify_name(dir, &walk->last, vnode, NOTIFY_CREATE);
    *created = true;
put_on_error:
    if (status != 0)
        entry_put(*entry);
unlock:
    rwlock_write_unlock(&dir->lock);
    return status;
}

// Creates the last name of walk->at's directory, or opens what another created meanwhile. *link: it is a symbolic link,
// held for the caller, who goes on where it leads.
static status_t create_or_open(struct walk *walk, const struct open_request *request, struct object **out,
                               struct entry **link) {
    struct entry *entry;
    bool created;
    *link = nullptr;
    if (walk->last_is_special || walk->trailing_slash)
        return -EISDIR;
    if (walk->withheld & RIGHT_WRITE || !may_ask(request->flags, walk->withheld))
        return -EACCES;
    status_t status = vnode_permission(path_vnode(&walk->at), walk->cred, X_OK);
    if (status == 0)
        status = create_here(walk, request, &entry, &created);
    if (status != 0)
        return status;
    struct vnode *vnode = entry_vnode(entry);
    if (S_ISTYPE(vnode->mode, S_IFLNK) && !(request->flags & O_NOFOLLOW) && vnode->link_target) {
        *link = entry;
        return 0;
    }
    struct path path = {walk->at.mount, entry, 0};
    status = open_vnode(&path, request->flags, created, out);
    if (status == 0)
        to_file(*out)->withheld = walk->withheld;
    entry_put(entry);
    return status;
}

// A link that leads to no file yet: creates where it leads, be it over more links.
static status_t open_create(const struct path *at, const char *text, const struct open_request *request,
                            struct object **out) {
    enum { LINKS_MAX = 40 };
    struct walk walk;
    struct entry *link = nullptr, *next;
    status_t status = walk_begin(&walk, at, text, request->lookup, true);
    for (unsigned links = 0; status == 0; links++) {
        status = links > LINKS_MAX ? -ELOOP : create_or_open(&walk, request, out, &next);
        if (status != 0 || !next) {
            walk_finish(&walk);
            break;
        }
        struct path dir = walk.at;
        dir.withheld = walk.withheld;
        path_get(&dir);
        walk_finish(&walk);
        if (link)
            entry_put(link);
        link = next; // holds the text that the walk reads
        status = walk_begin(&walk, &dir, entry_vnode(link)->link_target, request->lookup, true);
        path_put(&dir);
    }
    if (link)
        entry_put(link);
    return status;
}

// O_TMPFILE: a file without a name in a directory.
static status_t open_nameless(const struct path *at, const char *text, const struct open_request *request,
                              struct object **out) {
    struct path dir_path;
    if (!(wanted_access(request->flags) & W_OK))
        return -EINVAL;
    uint32_t withheld;
    status_t status = path_lookup_withheld(at, text, lookup_flags(request) | LOOKUP_DIRECTORY, &dir_path, &withheld);
    if (status != 0)
        return status;
    struct vnode *dir = path_vnode(&dir_path), *vnode;
    status = may_ask(request->flags, withheld) ? vnode_permission(dir, vfs_cred(), W_OK | X_OK) : -EACCES;
    if (status == 0)
        status = path_check_writable(&dir_path);
    if (status == 0 && !dir->ops->create_nameless)
        status = -EOPNOTSUPP;
    if (status == 0)
        status = dir->ops->create_nameless(dir, S_IFREG | (request->mode & S_IALLUGO & ~vfs_context()->umask), &vnode);
    if (status != 0)
        goto out;
    vnode_set_owner(vnode, dir, vfs_cred());
    vnode->links = 0;
    vnode->flags |= request->flags & O_EXCL ? 0 : VNODE_NAMELESS;
    struct name name = name_make("#nameless", 9);
    struct path path = {dir_path.mount, entry_create(dir_path.entry, &name, vnode), 0};
    status = path.entry ? open_vnode(&path, request->flags & ~(uint32_t)O_TMPFILE, true, out) : -ENOMEM;
    if (status == 0)
        to_file(*out)->withheld = withheld;
    if (path.entry)
        entry_put(path.entry);
out:
    path_put(&dir_path);
    return status;
}

status_t vfs_open_at(const struct path *at, const char *text, const struct open_request *request, struct object **out) {
    bool path_only = request->flags & O_PATH;
    if (!path_only && request->flags & O_TMPFILE_ONLY)
        return open_nameless(at, text, request, out);
    if (!path_only && request->flags & O_CREAT && request->flags & O_DIRECTORY)
        return -EINVAL;
    struct path path;
    uint32_t withheld;
    status_t status = -ENOENT;
    if (path_only || (request->flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL)) {
        status = path_lookup_withheld(at, text, lookup_flags(request), &path, &withheld);
        if (status == 0) {
            status = open_found(&path, request->flags, withheld, out);
            path_put(&path);
            return status;
        }
    }
    return status == -ENOENT && !path_only && request->flags & O_CREAT ? open_create(at, text, request, out) : status;
}

status_t vfs_open(const struct path *at, const char *text, uint32_t flags, uint32_t mode, struct object **out) {
    return vfs_open_at(at, text, &(struct open_request){flags, mode, 0}, out);
}
