// SPDX-License-Identifier: MPL-2.0
// mount, umount, pivot_root.
#include "fd.h"

// The optional strings of mount(2).
struct mount_strings {
    struct user_path source, type;
    char *options;
};

static status_t get_optional(struct user_path *path, const char __user *from) {
    if (from)
        return user_path_get(path, from, true);
    path->text = path->small;
    path->small[0] = 0;
    return 0;
}

// The data page holds a string for all file systems that we have.
static status_t get_options(char **out, const void __user *data) {
    *out = nullptr;
    if (!data)
        return 0;
    char *options = kmalloc(PAGE_SIZE);
    if (!options)
        return -ENOMEM;
    ssize_t length = string_from_user(options, data, PAGE_SIZE);
    if (length < 0) {
        kfree(options);
        return length == -ENAMETOOLONG ? -EINVAL : (status_t)length;
    }
    *out = options;
    return 0;
}

static status_t mount_at(const struct mount_strings *strings, const struct path *target, unsigned long flags) {
    struct path from = {};
    struct mount_request request = {
        .source = strings->source.text,
        .type = strings->type.text[0] ? strings->type.text : nullptr,
        .options = strings->options,
        .target = target,
        .flags = flags,
    };
    bool needs_source = flags & (MS_BIND | MS_MOVE) && !(flags & MS_REMOUNT);
    if (needs_source) {
        status_t status = path_lookup(nullptr, strings->source.text, LOOKUP_FOLLOW, &from);
        if (status != 0)
            return status;
        request.from = &from;
    }
    status_t status = vfs_mount(&request);
    if (needs_source)
        path_put(&from);
    return status;
}

long sys_mount(const char __user *source, const char __user *target, const char __user *type, unsigned long flags,
               const void __user *data) {
    struct mount_strings strings;
    struct path path;
    if ((flags & 0xffff0000) == 0xc0ed0000)
        flags &= 0xffff; // the magic number of old times
    status_t status = get_optional(&strings.source, source);
    if (status != 0)
        return status;
    status = get_optional(&strings.type, type);
    if (status != 0)
        goto put_source;
    status = get_options(&strings.options, data);
    if (status != 0)
        goto put_type;
    status = path_lookup_user(AT_FDCWD, target, LOOKUP_FOLLOW, &path);
    if (status == 0) {
        status = mount_at(&strings, &path, flags);
        path_put(&path);
    }
    kfree(strings.options);
put_type:
    user_path_put(&strings.type);
put_source:
    user_path_put(&strings.source);
    return status;
}

long sys_umount2(const char __user *target, int flags) {
    struct path path;
    status_t status = path_lookup_user(AT_FDCWD, target, flags & UMOUNT_NOFOLLOW ? 0 : LOOKUP_FOLLOW, &path);
    if (status != 0)
        return status;
    status = vfs_unmount(&path, flags);
    path_put(&path);
    return status;
}

long sys_pivot_root(const char __user *new_root, const char __user *put_old) {
    struct path to, old;
    status_t status = path_lookup_user(AT_FDCWD, new_root, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &to);
    if (status != 0)
        return status;
    status = path_lookup_user(AT_FDCWD, put_old, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &old);
    if (status == 0) {
        status = vfs_pivot_root(&to, &old);
        path_put(&old);
    }
    path_put(&to);
    return status;
}
