// SPDX-License-Identifier: MPL-2.0
// devpts: the directory of pseudo terminals, /dev/pts. Names come and go with the ptys, so nothing is cached: a vnode
// is made for each look at a name, and what chmod and chown change is kept in the pty.
//
// There is one instance, however often it is mounted. Mount options: uid=, gid=, mode=, ptmxmode=.
#include "pty.h"

#include <abi/stat.h>
#include <lib/fmt.h>
#include <lib/string.h>
#include <object/task.h>
#include <vfs/path.h>

#define DEVPTS_MAGIC 0x1cd1
enum { ROOT_INODE = 1, PTMX_INODE = 2, FIRST_INODE = 3 };

static struct {
    struct spinlock lock;
    bool has_uid GUARDED_BY(&lock), has_gid GUARDED_BY(&lock);
    uint32_t uid GUARDED_BY(&lock), gid GUARDED_BY(&lock), mode GUARDED_BY(&lock), ptmx_mode GUARDED_BY(&lock);
} options = {.mode = 0600};

// --- terminals ---

static status_t terminal_open(struct vnode *vnode, uint32_t flags, struct object **out) {
    struct pty *pty = pty_lookup((unsigned)(vnode->inode - FIRST_INODE));
    if (!pty)
        return -EIO;
    status_t status = pty_open_slave(pty, flags, out);
    object_put(&pty->master);
    return status;
}

static status_t terminal_set_attributes(struct vnode *vnode, const struct attributes *a) {
    struct pty *pty = pty_lookup((unsigned)(vnode->inode - FIRST_INODE));
    if (pty) {
        spin_lock(&pty->lock);
        if (a->valid & ATTR_MODE)
            pty->attributes.mode = a->mode & S_IALLUGO;
        if (a->valid & ATTR_UID)
            pty->attributes.uid = a->uid;
        if (a->valid & ATTR_GID)
            pty->attributes.gid = a->gid;
        pty->attributes.changed = time_now();
        spin_unlock(&pty->lock);
        object_put(&pty->master);
    }
    if (a->valid & ATTR_MODE)
        vnode->mode = (vnode->mode & S_IFMT) | (a->mode & S_IALLUGO);
    if (a->valid & ATTR_UID)
        vnode->uid = a->uid;
    if (a->valid & ATTR_GID)
        vnode->gid = a->gid;
    if (a->valid & ATTR_ACCESSED)
        vnode->accessed = a->accessed;
    if (a->valid & ATTR_MODIFIED)
        vnode->modified = a->modified;
    vnode->changed = time_now();
    return 0;
}

static const struct vnode_ops terminal_ops = {.open = terminal_open, .set_attributes = terminal_set_attributes};

static status_t make_terminal(struct super *super, unsigned index, struct vnode **out) {
    struct pty *pty = pty_lookup(index);
    if (!pty)
        return -ENOENT;
    struct vnode *vnode = vnode_create(super, &terminal_ops, S_IFCHR, FIRST_INODE + index);
    if (vnode) {
        spin_lock(&pty->lock);
        vnode->mode |= pty->attributes.mode;
        vnode->uid = pty->attributes.uid;
        vnode->gid = pty->attributes.gid;
        vnode->born = vnode->accessed = vnode->modified = pty->attributes.made;
        vnode->changed = pty->attributes.changed;
        spin_unlock(&pty->lock);
        vnode->device = pty->tty->device;
        *out = vnode;
    }
    object_put(&pty->master);
    return vnode ? 0 : -ENOMEM;
}

// --- ptmx in the directory itself ---

static status_t open_ptmx(struct vnode *vnode, uint32_t flags, struct object **out) {
    return ptmx_open(out);
}
static const struct vnode_ops ptmx_ops = {.open = open_ptmx};

static status_t make_ptmx(struct super *super, struct vnode **out) {
    struct vnode *vnode = vnode_create(super, &ptmx_ops, S_IFCHR, PTMX_INODE);
    if (!vnode)
        return -ENOMEM;
    spin_lock(&options.lock);
    vnode->mode |= options.ptmx_mode;
    spin_unlock(&options.lock);
    vnode->device = DEVICE_NUMBER(5, 2);
    *out = vnode;
    return 0;
}

// --- the directory ---

// "0", "17", but not "017".
static bool parse_number(struct name name, uint64_t *number) {
    char text[8];
    if (name.length == 0 || name.length >= sizeof(text) || (name.text[0] == '0' && name.length > 1))
        return false;
    memcpy(text, name.text, name.length);
    text[name.length] = '\0';
    return string_to_u64(text, 10, number);
}

static status_t directory_lookup(struct vnode *dir, struct name name, struct vnode **out) {
    uint64_t number;
    if (name.length == 4 && memcmp(name.text, "ptmx", 4) == 0)
        return make_ptmx(dir->super, out);
    if (!parse_number(name, &number) || number >= PTY_MAX)
        return -ENOENT;
    return make_terminal(dir->super, (unsigned)number, out);
}

// Positions: 0 ".", 1 "..", 2 "ptmx", 3 + N terminal N.
static status_t directory_readdir(struct vnode *dir, loff_t position, struct dir_sink *sink) {
    static const char *const fixed[] = {".", "..", "ptmx"};
    for (; position < 3; position++) {
        struct name name = {.text = fixed[position], .length = (uint32_t)strlen(fixed[position])};
        bool is_dir = position < 2;
        if (!sink->emit(sink, name, is_dir ? ROOT_INODE : PTMX_INODE, is_dir ? DT_DIR : DT_CHR, position + 1))
            return 0;
    }
    int index;
    while ((index = pty_next((unsigned)(position - 3))) >= 0) {
        char text[12];
        struct name name = {.text = text};
        name.length = (uint32_t)fmt_snprintf(text, sizeof(text), "%d", index);
        position = index + 4;
        if (!sink->emit(sink, name, (uint64_t)index + FIRST_INODE, DT_CHR, position))
            return 0;
    }
    return 0;
}

static const struct vnode_ops directory_ops_devpts = {.lookup = directory_lookup, .readdir = directory_readdir};

// --- mounting ---

static bool parse_option(const char *text, size_t length) REQUIRES(&options.lock) {
    static const struct {
        const char *name;
        unsigned base;
    } known[] = {{"uid=", 10}, {"gid=", 10}, {"mode=", 8}, {"ptmxmode=", 8}};
    char value[16];
    if (length == 0 || (length == 11 && memcmp(text, "newinstance", 11) == 0))
        return true;
    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        size_t skip = strlen(known[i].name);
        uint64_t number;
        if (length <= skip || length - skip >= sizeof(value) || memcmp(text, known[i].name, skip) != 0)
            continue;
        memcpy(value, text + skip, length - skip);
        value[length - skip] = '\0';
        if (!string_to_u64(value, known[i].base, &number) || (i >= 2 && number > S_IALLUGO))
            return false;
        uint32_t *const target[] = {&options.uid, &options.gid, &options.mode, &options.ptmx_mode};
        *target[i] = (uint32_t)number;
        options.has_uid |= i == 0;
        options.has_gid |= i == 1;
        return true;
    }
    return length > 4 && memcmp(text, "max=", 4) == 0;
}

static status_t set_options(const char *text) {
    status_t status = 0;
    spin_lock(&options.lock);
    while (text && *text && status == 0) {
        const char *comma = strchr(text, ',');
        size_t length = comma ? (size_t)(comma - text) : strlen(text);
        if (!parse_option(text, length))
            status = -EINVAL;
        text += length + (comma ? 1 : 0);
    }
    spin_unlock(&options.lock);
    return status;
}

static status_t devpts_mount(struct super *super, const char *source, const char *text) {
    status_t status = set_options(text);
    if (status != 0)
        return status;
    super->root = vnode_create(super, &directory_ops_devpts, S_IFDIR | 0755, ROOT_INODE);
    if (!super->root)
        return -ENOMEM;
    super->root->links = 2;
    super->root->flags |= VNODE_DYNAMIC;
    return 0;
}

static status_t devpts_remount(struct super *super, const char *source_options) {
    return set_options(source_options);
}

static void devpts_show_options(struct super *super, struct text_buffer *text) {
    spin_lock(&options.lock);
    bool has_uid = options.has_uid, has_gid = options.has_gid;
    uint32_t uid = options.uid, gid = options.gid, mode = options.mode, ptmx_mode = options.ptmx_mode;
    spin_unlock(&options.lock);
    if (has_uid)
        text_printf(text, ",uid=%u", uid);
    if (has_gid)
        text_printf(text, ",gid=%u", gid);
    text_printf(text, ",mode=%03o,ptmxmode=%03o", mode, ptmx_mode);
}

static void devpts_statfs(struct super *super, struct statfs_info *out) {
    out->type = DEVPTS_MAGIC;
    out->block_size = PAGE_SIZE;
    out->name_max = 255;
}

static const struct super_ops devpts_super_ops = {
    .name = "devpts",
    .no_device = true,
    .single = true,
    .mount = devpts_mount,
    .remount = devpts_remount,
    .show_options = devpts_show_options,
    .statfs = devpts_statfs,
};

void devpts_init_attributes(struct pty_attributes *attributes) {
    const struct cred *cred = cred_current();
    spin_lock(&options.lock);
    attributes->mode = options.mode;
    attributes->uid = options.has_uid ? options.uid : cred->fsuid;
    attributes->gid = options.has_gid ? options.gid : cred->fsgid;
    spin_unlock(&options.lock);
    attributes->made = attributes->changed = time_now();
}

void devpts_init(void) {
    filesystem_register(&devpts_super_ops);
}
