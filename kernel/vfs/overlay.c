// SPDX-License-Identifier: MPL-2.0
// Mounting overlays (overlay_priv.h): options, layers, statfs.
//
// Options are Linux's: lowerdir=A:B:C (A the highest; a backslash takes the meaning from a colon), upperdir=, workdir=.
// Its switches index, metacopy, nfs_export, redirect_dir and xino are taken where they say what is done here.
#include "overlay_priv.h"

#include <lib/fmt.h>

#define OVERLAY_MAGIC 0x794c7630

struct overlay_options {
    char *text; // a copy, cut into pieces
    char *lower, *upper, *work;
};

// ---------------------------------------------------------------- options

static bool is_switch(const char *option) {
    static const char *const taken[] = {"index=off", "metacopy=off", "nfs_export=off", "redirect_dir=off",
                                        "xino=on",   "xino=auto",    "xino=off"};
    for (unsigned i = 0; i < ARRAY_SIZE(taken); i++)
        if (strcmp(option, taken[i]) == 0)
            return true;
    return false;
}

static char *value_of(char *option, const char *key) {
    size_t length = strlen(key);
    return strncmp(option, key, length) == 0 ? option + length : nullptr;
}

static bool take_option(struct overlay_options *options, char *option) {
    char *value;
    if ((value = value_of(option, "lowerdir=")))
        options->lower = value;
    else if ((value = value_of(option, "upperdir=")))
        options->upper = value;
    else if ((value = value_of(option, "workdir=")))
        options->work = value;
    else
        return *option == 0 || is_switch(option);
    return true;
}

// Cuts at the next separator that has no backslash before it; null: there is none.
static char *cut(char *text, char separator) {
    for (; *text; text++) {
        if (*text == '\\' && text[1])
            text++;
        else if (*text == separator) {
            *text = 0;
            return text + 1;
        }
    }
    return nullptr;
}

static void remove_backslashes(char *text) {
    char *to = text;
    for (; *text; *to++ = *text++)
        if (*text == '\\' && text[1])
            text++;
    *to = 0;
}

static status_t parse(struct overlay_options *options) {
    for (char *at = options->text, *next; at; at = next) {
        next = cut(at, ',');
        if (!take_option(options, at))
            return -EINVAL;
    }
    return options->lower && !options->upper == !options->work ? 0 : -EINVAL;
}

// ---------------------------------------------------------------- layers

static status_t find_directory(char *text, struct path *out) {
    remove_backslashes(text);
    return *text ? path_lookup(nullptr, text, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, out) : -EINVAL;
}

static bool overlap(const struct path *a, const struct path *b) {
    return a->mount->super == b->mount->super &&
           (entry_is_below(a->entry, b->entry) || entry_is_below(b->entry, a->entry));
}

static status_t add_lower(struct overlay *overlay, char *text) {
    struct path *lower = &overlay->lower[overlay->lower_count];
    if (overlay->lower_count == OVERLAY_LOWERS_MAX)
        return -EINVAL;
    status_t status = find_directory(text, lower);
    if (status != 0)
        return status;
    overlay->lower_count++;
    struct vnode *vnode = path_vnode(lower);
    if (overlay_owns(vnode))
        overlay->depth = MAX(overlay->depth, overlay_of(vnode)->depth + 1);
    if (overlay->depth > OVERLAY_DEPTH_MAX || vnode->flags & VNODE_DYNAMIC)
        return -EINVAL;
    for (unsigned i = 0; i + 1 < overlay->lower_count; i++)
        if (overlap(lower, &overlay->lower[i]))
            return -ELOOP;
    return 0;
}

// The upper must be able to hold all that is made, and be nobody else's.
static status_t check_upper(const struct overlay *overlay) {
    const struct vnode *upper = path_vnode(&overlay->upper), *work = path_vnode(&overlay->work);
    if (overlay->upper.mount != overlay->work.mount || overlap(&overlay->upper, &overlay->work))
        return -EINVAL;
    const struct vnode_ops *ops = upper->ops;
    if (overlay_owns(upper) || !ops->create_nameless || !ops->rename || !ops->set_xattr || !ops->get_xattr)
        return -EINVAL;
    if ((upper->flags | work->flags) & VNODE_OVERLAID)
        return -EBUSY;
    if (path_check_writable(&overlay->upper) != 0)
        return -EROFS;
    for (unsigned i = 0; i < overlay->lower_count; i++)
        if (overlap(&overlay->lower[i], &overlay->upper) || overlap(&overlay->lower[i], &overlay->work))
            return -ELOOP;
    return 0;
}

static status_t find_upper(struct overlay *overlay, const struct overlay_options *options) {
    status_t status = find_directory(options->upper, &overlay->upper);
    if (status != 0) {
        overlay->upper = (struct path){};
        return status;
    }
    status = find_directory(options->work, &overlay->work);
    if (status != 0)
        overlay->work = (struct path){};
    else
        status = check_upper(overlay);
    if (status == 0) {
        path_vnode(&overlay->upper)->flags |= VNODE_OVERLAID | VNODE_DYNAMIC;
        path_vnode(&overlay->work)->flags |= VNODE_OVERLAID | VNODE_DYNAMIC;
        entry_evict_super(overlay->upper.mount->super->root_entry); // names found there before
    }
    return status;
}

static status_t find_layers(struct overlay *overlay, const struct overlay_options *options) {
    status_t status = 0;
    for (char *at = options->lower, *next; status == 0 && at; at = next) {
        next = cut(at, ':');
        status = add_lower(overlay, at);
    }
    if (status == 0 && options->upper)
        return find_upper(overlay, options);
    return status == 0 && overlay->lower_count < 2 ? -EINVAL : status; // nothing to lay over it
}

static void free_overlay(struct overlay *overlay, bool mounted) {
    if (mounted && overlay->upper.mount) {
        path_vnode(&overlay->upper)->flags &= ~(uint32_t)VNODE_OVERLAID;
        path_vnode(&overlay->work)->flags &= ~(uint32_t)VNODE_OVERLAID;
    }
    for (unsigned i = 0; i < overlay->lower_count; i++)
        path_put(&overlay->lower[i]);
    if (overlay->upper.mount)
        path_put(&overlay->upper);
    if (overlay->work.mount)
        path_put(&overlay->work);
    kfree(overlay->shown);
    kfree(overlay);
}

// ---------------------------------------------------------------- the super

static status_t make_root(struct super *super, struct overlay *overlay) {
    struct overlay_parts parts = {.lower_count = overlay->lower_count};
    if (overlay->upper.mount) {
        parts.upper = path_vnode(&overlay->upper);
        vnode_get(parts.upper);
    }
    for (unsigned i = 0; i < overlay->lower_count; i++) {
        parts.lower[i] = (struct overlay_lower){path_vnode(&overlay->lower[i]), i + 1};
        vnode_get(parts.lower[i].vnode);
    }
    struct name none = name_make("", 0);
    return overlay_make_node(super, &parts, &none, &super->root);
}

static char *copy_text(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = kmalloc(size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

static status_t start(struct super *super, struct overlay *overlay, struct overlay_options *options) {
    status_t status = parse(options);
    if (status == 0)
        status = find_layers(overlay, options);
    bool laid = status == 0;
    super->fs_private = overlay;
    if (status == 0)
        status = make_root(super, overlay);
    if (status == 0 && !overlay->upper.mount)
        atomic_fetch_or(&super->flags, MS_RDONLY);
    if (status != 0)
        free_overlay(overlay, laid);
    return status;
}

static status_t overlay_mount(struct super *super, const char *source, const char *text) {
    (void)source;
    struct overlay *overlay = kzalloc(sizeof *overlay);
    struct overlay_options options = {.text = text ? copy_text(text) : nullptr};
    char *shown = text ? copy_text(text) : nullptr;
    if (!overlay || (text && (!options.text || !shown))) {
        kfree(overlay);
        kfree(options.text);
        kfree(shown);
        return -ENOMEM;
    }
    *overlay = (struct overlay){.depth = 1, .shown = shown};
    mutex_init(&overlay->mutex);
    spin_init(&overlay->lock);
    radix_init(&overlay->by_upper);
    status_t status = start(super, overlay, &options);
    kfree(options.text);
    return status;
}

static void overlay_unmount(struct super *super) {
    free_overlay(super->fs_private, true);
}

static void overlay_statfs(struct super *super, struct statfs_info *out) {
    struct overlay *overlay = super->fs_private;
    struct super *real = (overlay->upper.mount ? overlay->upper : overlay->lower[0]).mount->super;
    if (real->ops->statfs)
        real->ops->statfs(real, out);
    out->type = OVERLAY_MAGIC;
}

static void overlay_show(struct super *super, struct text_buffer *text) {
    struct overlay *overlay = super->fs_private;
    text_printf(text, ",%s", overlay->shown);
}

static const struct super_ops overlay_super = {
    .name = "overlay",
    .no_device = true,
    .mount = overlay_mount,
    .show_options = overlay_show,
    .unmount = overlay_unmount,
    .statfs = overlay_statfs,
};

void overlay_register_type(void) {
    filesystem_register(&overlay_super);
}
