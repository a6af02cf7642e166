// SPDX-License-Identifier: MPL-2.0
// What the files of the object layer share.
#pragma once

#include <object/object.h>

// Sets an OBJECT_MARK_*.
void object_mark(struct object *object, uint32_t mark);
// The object's last handle is gone: takes it out of all wait sets. Blocks. wait_set.c
void wait_sets_forget(struct object *object);
// Drops a handle that was taken out of a table: handle_closed of its task, then the count. Blocks. handle.c
void handle_drop(struct object *object, struct task *task);
