// SPDX-License-Identifier: MPL-2.0
// tmpfs: files in memory. Contents are anonymous VMOs, directories are lists with a hash index.
//
// A directory keeps its names twice: in a list in order of creation, each with a growing cookie that is its
// position for readdir, so that a reader who comes back finds its place whatever was removed; and, from 8 names on, in
// a hash table. Both are under the directory's lock, which the vfs holds. Names hold a reference to their vnode.
#include "vfs_priv.h"

#include <lib/fmt.h>

enum { TMPFS_MAGIC = 0x01021994, RAMFS_MAGIC = (int)0x858458f6, HASH_FROM = 8, COOKIE_FIRST = 2, NAME_COST = 20 };

struct tmpfs {
    uint64_t page_limit; // 0: none
    uint64_t node_limit; // 0: none
    _Atomic uint64_t pages, nodes;
};

struct dir_name {
    struct list_node node;
    struct dir_name *hash_next;
    uint64_t cookie;
    struct vnode *vnode; // one reference
    uint32_t hash;
    uint16_t length;
    char text[];
};

struct dir {
    struct list_node names; // by cookie
    struct dir_name **buckets;
    uint32_t bucket_count; // power of two, or 0
    uint32_t count;
    uint64_t next_cookie;
    struct dir_name *hint; // where the last readdir stopped
    struct vnode *parent;  // no reference; itself at the root
};

static const struct vnode_ops tmpfs_dir_ops, tmpfs_ops;
CHARGED_CACHE(dir_slab, struct dir);

static struct dir *dir_of(const struct vnode *vnode) {
    return vnode->fs_private;
}
static struct tmpfs *tmpfs_of(const struct vnode *vnode) {
    return vnode->super->fs_private;
}

// ---------------------------------------------------------------- directories

static struct dir_name **bucket_of(struct dir *dir, uint32_t hash) {
    return &dir->buckets[(hash ^ hash >> 15) & (dir->bucket_count - 1)];
}

static struct dir_name *dir_find(struct dir *dir, const struct name *name) {
    struct dir_name *at;
    if (dir->buckets) {
        for (at = *bucket_of(dir, name->hash); at; at = at->hash_next)
            if (at->hash == name->hash && at->length == name->length && memcmp(at->text, name->text, name->length) == 0)
                return at;
        return nullptr;
    }
    LIST_FOR_EACH(at, &dir->names, node)
    if (at->hash == name->hash && at->length == name->length && memcmp(at->text, name->text, name->length) == 0)
        return at;
    return nullptr;
}

// Failing to grow only makes lookups slower.
static void dir_rehash(struct dir *dir) {
    uint32_t count = dir->bucket_count ? dir->bucket_count * 4 : 32;
    struct dir_name **buckets = kcalloc_charged(count, sizeof *buckets), *at;
    if (!buckets)
        return;
    kfree(dir->buckets);
    dir->buckets = buckets;
    dir->bucket_count = count;
    LIST_FOR_EACH(at, &dir->names, node) {
        struct dir_name **bucket = bucket_of(dir, at->hash);
        at->hash_next = *bucket;
        *bucket = at;
    }
}

// Takes over a reference on `vnode`.
static status_t dir_add(struct dir *dir, const struct name *name, struct vnode *vnode) {
    struct dir_name *at = kmalloc_charged(sizeof *at + name->length);
    if (!at)
        return -ENOMEM;
    at->hash = name->hash;
    at->length = (uint16_t)name->length;
    memcpy(at->text, name->text, name->length);
    at->vnode = vnode;
    at->cookie = dir->next_cookie++;
    list_push_back(&dir->names, &at->node);
    dir->count++;
    if (dir->buckets) {
        struct dir_name **bucket = bucket_of(dir, at->hash);
        at->hash_next = *bucket;
        *bucket = at;
    }
    if (dir->count >= HASH_FROM && dir->count > dir->bucket_count * 2)
        dir_rehash(dir);
    return 0;
}

// Frees the name; its reference on the vnode becomes the caller's.
static void dir_remove(struct dir *dir, struct dir_name *name) {
    if (dir->buckets) {
        struct dir_name **link = bucket_of(dir, name->hash);
        while (*link != name)
            link = &(*link)->hash_next;
        *link = name->hash_next;
    }
    if (dir->hint == name)
        dir->hint = nullptr;
    list_remove(&name->node);
    dir->count--;
    kfree(name);
}

// ---------------------------------------------------------------- vnodes

static status_t count_node(struct tmpfs *fs) {
    uint64_t nodes = atomic_fetch_add_explicit(&fs->nodes, 1, memory_order_relaxed) + 1;
    if (!fs->node_limit || nodes <= fs->node_limit)
        return 0;
    atomic_fetch_sub(&fs->nodes, 1);
    return -ENOSPC;
}

static struct vmo *new_data(struct tmpfs *fs) {
    struct vmo *vmo = vmo_create(0);
    if (vmo) {
        vmo->seals = F_SEAL_SEAL; // only memfd_create allows others
        vmo->charge = &fs->pages;
        vmo->charge_limit = fs->page_limit ? fs->page_limit : UINT64_MAX;
    }
    return vmo;
}

static status_t make_vnode(struct super *super, uint32_t mode, struct vnode **out) {
    struct tmpfs *fs = super->fs_private;
    status_t status = count_node(fs);
    if (status != 0)
        return status;
    bool directory = S_ISTYPE(mode, S_IFDIR);
    struct vnode *vnode = vnode_create(super, directory ? &tmpfs_dir_ops : &tmpfs_ops, mode, super_next_inode(super));
    if (!vnode)
        goto no_vnode;
    if (S_ISTYPE(mode, S_IFREG) && !(vnode->data = new_data(fs)))
        goto no_contents;
    if (directory) {
        struct dir *dir = charged_alloc_zero(&dir_slab);
        if (!dir)
            goto no_contents;
        list_init(&dir->names);
        dir->next_cookie = COOKIE_FIRST;
        vnode->fs_private = dir;
        vnode->links = 2;
    }
    *out = vnode;
    return 0;
no_contents:
    vnode_put(vnode); // uncounts by release
    return -ENOMEM;
no_vnode:
    atomic_fetch_sub(&fs->nodes, 1);
    return -ENOMEM;
}

// A new vnode with a name: the directory holds one reference, the caller another.
static status_t make_named(struct vnode *dir, const struct name *name, uint32_t mode, struct vnode **out) {
    status_t status = make_vnode(dir->super, mode, out);
    if (status != 0)
        return status;
    vnode_get(*out);
    status = dir_add(dir_of(dir), name, *out);
    if (status == 0)
        return 0;
    vnode_put(*out);
    vnode_put(*out);
    return status;
}

static void tmpfs_release(struct vnode *vnode) {
    atomic_fetch_sub(&tmpfs_of(vnode)->nodes, 1);
    xattr_free_all(vnode);
    if (!S_ISTYPE(vnode->mode, S_IFDIR))
        return;
    struct dir *dir = dir_of(vnode);
    if (!dir)
        return;
    // Only at unmount is a directory with names in it released.
    while (!list_is_empty(&dir->names)) {
        struct dir_name *name = LIST_FIRST(&dir->names, struct dir_name, node);
        struct vnode *child = name->vnode;
        dir_remove(dir, name);
        vnode_put(child);
    }
    kfree(dir->buckets);
    charged_free(&dir_slab, dir);
}

// ---------------------------------------------------------------- operations

static status_t tmpfs_lookup(struct vnode *dir, struct name name, struct vnode **out) {
    struct dir_name *at = dir_find(dir_of(dir), &name);
    if (!at)
        return -ENOENT;
    *out = at->vnode;
    vnode_get(*out);
    return 0;
}

static status_t tmpfs_create(struct vnode *dir, struct name name, uint32_t mode, uint64_t device, struct vnode **out) {
    status_t status = make_named(dir, &name, mode, out);
    if (status == 0)
        (*out)->device = device;
    return status;
}

static status_t tmpfs_create_nameless(struct vnode *dir, uint32_t mode, struct vnode **out) {
    return make_vnode(dir->super, mode, out);
}

static status_t tmpfs_mkdir(struct vnode *dir, struct name name, uint32_t mode, struct vnode **out) {
    status_t status = make_named(dir, &name, mode, out);
    if (status != 0)
        return status;
    dir_of(*out)->parent = dir;
    dir->links++;
    return 0;
}

static status_t tmpfs_symlink(struct vnode *dir, struct name name, const char *target, struct vnode **out) {
    size_t size = strlen(target) + 1;
    char *copy = kmalloc_charged(size);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, target, size);
    status_t status = make_named(dir, &name, S_IFLNK | S_IRWXUGO, out);
    if (status != 0)
        kfree(copy);
    else
        (*out)->link_target = copy;
    return status;
}

static status_t tmpfs_link(struct vnode *dir, struct name name, struct vnode *target) {
    vnode_get(target);
    status_t status = dir_add(dir_of(dir), &name, target);
    if (status == 0)
        target->links++;
    else
        vnode_put(target);
    return status;
}

static void remove_name(struct vnode *dir, const struct name *name) {
    struct dir_name *at = dir_find(dir_of(dir), name);
    struct vnode *victim = at->vnode;
    dir_remove(dir_of(dir), at);
    vnode_put(victim);
}

static status_t tmpfs_unlink(struct vnode *dir, struct name name, struct vnode *victim) {
    victim->links--;
    remove_name(dir, &name);
    return 0;
}

static status_t tmpfs_rmdir(struct vnode *dir, struct name name, struct vnode *victim) {
    if (dir_of(victim)->count != 0)
        return -ENOTEMPTY;
    victim->links = 0;
    dir->links--;
    remove_name(dir, &name);
    return 0;
}

static void set_parent(struct vnode *child, struct vnode *from, struct vnode *to) {
    if (!S_ISTYPE(child->mode, S_IFDIR) || from == to)
        return;
    dir_of(child)->parent = to;
    from->links--;
    to->links++;
}

static status_t exchange(struct vnode *from_dir, const struct name *from, struct vnode *to_dir, const struct name *to) {
    struct dir_name *a = dir_find(dir_of(from_dir), from), *b = dir_find(dir_of(to_dir), to);
    struct vnode *vnode = a->vnode;
    a->vnode = b->vnode;
    b->vnode = vnode;
    set_parent(b->vnode, from_dir, to_dir);
    set_parent(a->vnode, to_dir, from_dir);
    return 0;
}

static status_t tmpfs_rename(struct vnode *from_dir, struct name from, struct vnode *source, struct vnode *to_dir,
                             struct name to, struct vnode *target, unsigned flags) {
    if (flags & RENAME_EXCHANGE)
        return exchange(from_dir, &from, to_dir, &to);
    bool directory = S_ISTYPE(source->mode, S_IFDIR);
    if (target && directory && dir_of(target)->count != 0)
        return -ENOTEMPTY;
    if (target) { // its name stays and leads to the source from now on
        struct dir_name *at = dir_find(dir_of(to_dir), &to);
        vnode_get(source);
        at->vnode = source;
        target->links = directory ? 0 : target->links - 1;
        to_dir->links -= directory;
        vnode_put(target);
    } else {
        vnode_get(source);
        status_t status = dir_add(dir_of(to_dir), &to, source);
        if (status != 0) {
            vnode_put(source);
            return status;
        }
    }
    set_parent(source, from_dir, to_dir);
    remove_name(from_dir, &from);
    return 0;
}

static unsigned type_of(const struct vnode *vnode) {
    return (vnode->mode & S_IFMT) >> 12;
}

static struct dir_name *first_from(struct dir *dir, uint64_t cookie) {
    struct dir_name *at = dir->hint;
    if (!at || at->cookie > cookie)
        at = LIST_FIRST(&dir->names, struct dir_name, node);
    for (; &at->node != &dir->names; at = LIST_ENTRY(at->node.next, struct dir_name, node))
        if (at->cookie >= cookie)
            break;
    return at;
}

static status_t tmpfs_readdir(struct vnode *vnode, loff_t position, struct dir_sink *sink) {
    struct dir *dir = dir_of(vnode);
    if (position == 0) {
        if (!sink->emit(sink, (struct name){".", 1, 0}, vnode->inode, DT_DIR, 1))
            return 0;
        position = 1;
    }
    if (position == 1) {
        uint64_t parent = dir->parent ? dir->parent->inode : vnode->inode;
        if (!sink->emit(sink, (struct name){"..", 2, 0}, parent, DT_DIR, COOKIE_FIRST))
            return 0;
        position = COOKIE_FIRST;
    }
    struct dir_name *at = first_from(dir, (uint64_t)position);
    for (; &at->node != &dir->names; at = LIST_ENTRY(at->node.next, struct dir_name, node)) {
        struct name name = {at->text, at->length, at->hash};
        if (!sink->emit(sink, name, at->vnode->inode, type_of(at->vnode), (loff_t)at->cookie + 1)) {
            dir->hint = at;
            return 0;
        }
    }
    return 0;
}

static status_t dir_attributes(struct vnode *vnode, struct stat_info *out) {
    vnode_stat(vnode, out);
    out->size = (uint64_t)(dir_of(vnode)->count + 2) * NAME_COST;
    return 0;
}

static const struct vnode_ops tmpfs_dir_ops = {
    .lookup = tmpfs_lookup,
    .create = tmpfs_create,
    .create_nameless = tmpfs_create_nameless,
    .mkdir = tmpfs_mkdir,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .unlink = tmpfs_unlink,
    .rmdir = tmpfs_rmdir,
    .rename = tmpfs_rename,
    .readdir = tmpfs_readdir,
    .get_attributes = dir_attributes,
    .release = tmpfs_release,
    .get_xattr = xattr_memory_get,
    .set_xattr = xattr_memory_set,
    .list_xattr = xattr_memory_list,
};

static const struct vnode_ops tmpfs_ops = {
    .release = tmpfs_release,
    .get_xattr = xattr_memory_get,
    .set_xattr = xattr_memory_set,
    .list_xattr = xattr_memory_list,
};

// ---------------------------------------------------------------- mounting

struct options {
    uint64_t size, nr_inodes;
    uint32_t mode, uid, gid;
};

// A number with k, m, g or (of memory) %. False: not one.
static bool parse_size(const char *text, uint64_t *value) {
    char number[24];
    size_t length = strlen(text);
    unsigned shift = 0;
    bool percent = false;
    if (length == 0 || length >= sizeof number)
        return false;
    memcpy(number, text, length + 1);
    switch (number[length - 1] | 0x20) {
    case 'g':
        shift += 10;
        [[fallthrough]];
    case 'm':
        shift += 10;
        [[fallthrough]];
    case 'k':
        shift += 10;
        break;
    default:
        percent = number[length - 1] == '%';
    }
    if (shift || percent)
        number[length - 1] = 0;
    if (!string_to_u64(number, 10, value) || *value > UINT64_MAX >> (shift + 7))
        return false;
    if (percent) {
        struct page_stats stats;
        page_stats(&stats);
        *value = *value * stats.total / 100 * PAGE_SIZE;
    }
    *value <<= shift;
    return true;
}

static bool parse_option(const char *key, const char *value, struct options *options) {
    uint64_t number;
    if (strcmp(key, "size") == 0)
        return value && parse_size(value, &options->size);
    if (strcmp(key, "nr_inodes") == 0)
        return value && parse_size(value, &options->nr_inodes);
    if (strcmp(key, "nr_blocks") == 0) {
        if (!value || !parse_size(value, &number))
            return false;
        options->size = number * PAGE_SIZE;
        return true;
    }
    bool mode = strcmp(key, "mode") == 0;
    if (!mode && strcmp(key, "uid") != 0 && strcmp(key, "gid") != 0)
        return strcmp(key, "huge") == 0 || strcmp(key, "inode32") == 0 || strcmp(key, "inode64") == 0;
    if (!value || !string_to_u64(value, mode ? 8 : 10, &number) || number > UINT32_MAX)
        return false;
    *(mode ? &options->mode : key[0] == 'u' ? &options->uid : &options->gid) = (uint32_t)number;
    return true;
}

static status_t parse_options(const char *text, struct options *options) {
    char pair[64];
    while (text && *text) {
        size_t length = 0;
        while (text[length] && text[length] != ',')
            length++;
        if (length >= sizeof pair)
            return -EINVAL;
        memcpy(pair, text, length);
        pair[length] = 0;
        text += length + (text[length] == ',');
        char *value = strchr(pair, '=');
        if (value)
            *value++ = 0;
        if (*pair && !parse_option(pair, value, options))
            return -EINVAL;
    }
    return 0;
}

static uint64_t pages_of(uint64_t size) {
    return (size + PAGE_MASK) >> PAGE_SHIFT;
}

static status_t tmpfs_start(struct super *super, const struct options *options) {
    struct tmpfs *fs = kzalloc(sizeof *fs);
    if (!fs)
        return -ENOMEM;
    fs->page_limit = pages_of(options->size);
    fs->node_limit = options->nr_inodes;
    super->fs_private = fs;
    status_t status = make_vnode(super, S_IFDIR | (options->mode & S_IALLUGO), &super->root);
    if (status != 0) {
        kfree(fs);
        return status;
    }
    super->root->uid = options->uid;
    super->root->gid = options->gid;
    return 0;
}

static status_t tmpfs_mount(struct super *super, const char *source, const char *text) {
    struct page_stats stats;
    page_stats(&stats);
    struct options options = {.size = stats.total / 2 * PAGE_SIZE, .nr_inodes = stats.total / 2, .mode = 01777};
    if (vfs_cred() != &cred_root) {
        options.uid = vfs_cred()->fsuid;
        options.gid = vfs_cred()->fsgid;
    }
    status_t status = parse_options(text, &options);
    return status == 0 ? tmpfs_start(super, &options) : status;
}

static status_t ramfs_mount(struct super *super, const char *source, const char *text) {
    struct options options = {.mode = 0755};
    status_t status = parse_options(text, &options);
    options.size = options.nr_inodes = 0; // no limits
    return status == 0 ? tmpfs_start(super, &options) : status;
}

static status_t tmpfs_remount(struct super *super, const char *text) {
    struct tmpfs *fs = super->fs_private;
    struct options options = {.size = fs->page_limit << PAGE_SHIFT, .nr_inodes = fs->node_limit};
    status_t status = parse_options(text, &options);
    if (status != 0)
        return status;
    if ((options.size && pages_of(options.size) < fs->pages) || (options.nr_inodes && options.nr_inodes < fs->nodes))
        return -EINVAL;
    fs->page_limit = pages_of(options.size);
    fs->node_limit = options.nr_inodes;
    return 0;
}

static void tmpfs_unmount(struct super *super) {
    kfree(super->fs_private);
}

static void tmpfs_statfs(struct super *super, struct statfs_info *out) {
    struct tmpfs *fs = super->fs_private;
    out->type = fs->page_limit ? TMPFS_MAGIC : (uint32_t)RAMFS_MAGIC;
    out->blocks = fs->page_limit;
    out->free = out->available = fs->page_limit > fs->pages ? fs->page_limit - fs->pages : 0;
    out->files = fs->node_limit;
    out->files_free = fs->node_limit > fs->nodes ? fs->node_limit - fs->nodes : 0;
}

static void tmpfs_show(struct super *super, struct text_buffer *text) {
    struct tmpfs *fs = super->fs_private;
    if (fs->page_limit)
        text_printf(text, ",size=%luk", (unsigned long)(fs->page_limit * (PAGE_SIZE / 1024)));
    if (fs->node_limit)
        text_printf(text, ",nr_inodes=%lu", (unsigned long)fs->node_limit);
    if ((super->root->mode & S_IALLUGO) != 01777)
        text_printf(text, ",mode=%o", super->root->mode & S_IALLUGO);
}

static const struct super_ops tmpfs_super = {
    .name = "tmpfs",
    .no_device = true,
    .makers_pay = true,
    .mount = tmpfs_mount,
    .remount = tmpfs_remount,
    .show_options = tmpfs_show,
    .unmount = tmpfs_unmount,
    .statfs = tmpfs_statfs,
};
static const struct super_ops ramfs_super = {.name = "ramfs",
                                             .no_device = true,
                                             .makers_pay = true,
                                             .mount = ramfs_mount,
                                             .unmount = tmpfs_unmount,
                                             .statfs = tmpfs_statfs};
static const struct super_ops rootfs_super = {.name = "rootfs",
                                              .no_device = true,
                                              .makers_pay = true,
                                              .mount = tmpfs_mount,
                                              .remount = tmpfs_remount,
                                              .show_options = tmpfs_show,
                                              .unmount = tmpfs_unmount,
                                              .statfs = tmpfs_statfs};

// /dev is one such tree that all mounts of it show.
static const struct super_ops devtmpfs_super = {.name = "devtmpfs",
                                                .no_device = true,
                                                .makers_pay = true,
                                                .single = true,
                                                .mount = ramfs_mount,
                                                .unmount = tmpfs_unmount,
                                                .statfs = tmpfs_statfs};

void tmpfs_register(void) {
    filesystem_register(&rootfs_super);
    filesystem_register(&tmpfs_super);
    filesystem_register(&ramfs_super);
    filesystem_register(&devtmpfs_super);
}
