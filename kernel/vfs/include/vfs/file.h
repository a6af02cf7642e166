// SPDX-License-Identifier: MPL-2.0
// Open files: the object that open(2) makes. It keeps the position and the path; the contents are the vnode's.
//
// What a device or a FIFO opened is an object of its own (`inner`): the file forwards reading, writing, ioctl and
// mapping to it and names it as wait target, so that fstat and /proc/PID/fd still know the path while poll sees the
// device.
#pragma once

#include <vfs/path.h>

enum { FILE_READ = 1, FILE_WRITE = 2, FILE_PATH = 4 }; // file.access

struct file {
    struct object object; // OBJECT_FILE or OBJECT_DIRECTORY
    struct path path;     // one reference each; its entry keeps the vnode alive
    struct vnode *vnode;
    struct object *inner; // one handle; null for regular files and directories
    uint32_t access;
    uint32_t withheld; // rights that no handle to it has, since the one it was opened by had been reduced
    bool holds_writer; // counted in vnode->writers
    struct mutex lock; // protects what follows
    loff_t position;
    struct text_buffer text; // contents of a file of text, made at the first read
    bool text_made;
};

// Regular files (and text of the kernel's), directories, nodes with an object behind them.
extern const struct object_ops file_ops, directory_ops, node_file_ops;

// Null if the object is not one.
ALWAYS_INLINE struct file *file_of(struct object *object) {
    bool is_file = object->ops == &file_ops || object->ops == &directory_ops || object->ops == &node_file_ops;
    return is_file ? CONTAINER_OF(object, struct file, object) : nullptr;
}

// The rights that a handle to a file opened with these flags gets.
uint32_t file_rights(const struct file *file);
