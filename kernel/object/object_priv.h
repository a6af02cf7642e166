// SPDX-License-Identifier: MPL-2.0
// What the files of the object layer share.
#pragma once

#include <object/object.h>

struct thread;

// Sets an OBJECT_MARK_*.
void object_mark(struct object *object, uint32_t mark);
// As object_signal, but if a thread that waits for this object alone comes first, it is claimed and not made ready: the
// caller sees to that (thread_make_ready, thread_block_for) and neither blocks nor returns before. Null: none was.
MUST_USE struct thread *object_signal_claim(struct object *object, uint32_t clear, uint32_t set);
// The object's last handle is gone: nobody is told of its signals any more. async.c
void object_async_forget(struct object *object);
// The object's last handle is gone: takes it out of all wait sets. Blocks. wait_set.c
void wait_sets_forget(struct object *object);
// Drops a handle that was taken out of a table: handle_closed of its task, then the count. Blocks. handle.c
void handle_drop(struct object *object, struct task *task);
