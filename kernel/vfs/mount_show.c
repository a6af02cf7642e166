// SPDX-License-Identifier: MPL-2.0
// What there is to know of mounts: flags, statfs, and /proc/PID/mounts and mountinfo, which show the mounts that the
// process can reach from its root.
#include "vfs_priv.h"

int mount_id(const struct mount *mount) {
    return (int)mount->id;
}
uint32_t mount_flags(const struct mount *mount) {
    return atomic_load((_Atomic uint32_t *)(uintptr_t)&mount->flags);
}
uint32_t path_mount_flags(const struct path *path) {
    return mount_flags(path->mount);
}
bool path_is_mount_root(const struct path *path) {
    return path->entry == path->mount->root;
}

status_t path_check_writable(const struct path *path) {
    uint32_t flags = atomic_load_explicit(&path->mount->flags, memory_order_relaxed) |
                     atomic_load_explicit(&path->mount->super->flags, memory_order_relaxed);
    return flags & MS_RDONLY ? -EROFS : 0;
}

void vfs_statfs(struct vnode *vnode, const struct mount *mount, struct statfs_info *out) {
    enum { ST_VALID = 0x20 };
    struct super *super = vnode->super;
    *out = (struct statfs_info){.block_size = PAGE_SIZE, .name_max = NAME_MAX};
    if (super->ops->statfs)
        super->ops->statfs(super, out);
    uint32_t flags = mount ? mount_flags(mount) : 0;
    out->flags = ST_VALID | (flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME)) |
                 (super->flags & MS_RDONLY);
}

// ---------------------------------------------------------------- /proc/mounts and friends

static void show_flags(struct text_buffer *text, uint32_t flags) {
    static const struct {
        uint32_t flag;
        const char *name;
    } names[] = {{MS_NOSUID, ",nosuid"},   {MS_NODEV, ",nodev"},           {MS_NOEXEC, ",noexec"},
                 {MS_NOATIME, ",noatime"}, {MS_NODIRATIME, ",nodiratime"}, {MS_NOSYMFOLLOW, ",nosymfollow"}};
    text_printf(text, "%s", flags & MS_RDONLY ? "ro" : "rw");
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (flags & names[i].flag)
            text_printf(text, "%s", names[i].name);
    if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
        text_printf(text, ",relatime");
}

// Blanks, tabs, newlines and backslashes as octal, as in fstab.
static void show_escaped(struct text_buffer *text, const char *from) {
    for (; *from; from++) {
        if (*from == ' ' || *from == '\t' || *from == '\n' || *from == '\\')
            text_printf(text, "\\%03o", (unsigned)(uint8_t)*from);
        else
            text_printf(text, "%c", *from);
    }
}

static void show_super(struct text_buffer *text, struct super *super) {
    text_printf(text, "%s", super->flags & MS_RDONLY ? "ro" : "rw");
    if (super->ops->show_options)
        super->ops->show_options(super, text);
}

static void describe(struct mount *mount, struct text_buffer *text, char *place) {
    show_escaped(text, mount->source);
    text_printf(text, " ");
    show_escaped(text, place);
    text_printf(text, " %s ", mount->super->ops->name);
    show_flags(text, mount->flags | (mount->super->flags & MS_RDONLY));
    if (mount->super->ops->show_options)
        mount->super->ops->show_options(mount->super, text);
    text_printf(text, " 0 0\n");
}

static void describe_info(struct mount *mount, struct text_buffer *text, char *place) {
    char *buffer = kmalloc(PATH_MAX);
    if (!buffer)
        return;
    struct path root = {mount, mount->root}, top = {mount, mount->super->root_entry};
    const char *shown = path_text(&root, &top, buffer, PATH_MAX);
    struct mount *parent = mount->parent;
    text_printf(text, "%u %u %u:%u ", mount->id, parent ? parent->id : 1, abi_device_major(mount->super->device),
                abi_device_minor(mount->super->device));
    show_escaped(text, is_error_pointer(shown) ? "/" : shown);
    text_printf(text, " ");
    show_escaped(text, place);
    text_printf(text, " ");
    show_flags(text, mount->flags);
    text_printf(text, " - %s ", mount->super->ops->name);
    show_escaped(text, mount->source);
    text_printf(text, " ");
    show_super(text, mount->super);
    text_printf(text, "\n");
    kfree(buffer);
}

struct describing {
    struct text_buffer *text;
    bool mountinfo;
    struct path root;
    char *buffer;
};

static void describe_one(struct mount *mount, void *context) {
    struct describing *d = context;
    struct path at = {mount, mount->root};
    const char *place = path_text_below(&at, &d->root, d->buffer, PATH_MAX);
    if (!is_error_pointer(place))
        (d->mountinfo ? describe_info : describe)(mount, d->text, (char *)(uintptr_t)place);
}

void mount_describe_all(struct text_buffer *text, bool mountinfo, const struct path *root) {
    struct describing d = {.text = text, .mountinfo = mountinfo, .root = *root, .buffer = kmalloc(PATH_MAX)};
    if (!d.buffer)
        text->failed = true;
    else
        mounts_visit(root, describe_one, &d);
    kfree(d.buffer);
}
