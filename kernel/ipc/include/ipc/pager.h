// SPDX-License-Identifier: MPL-2.0
// Pagers (docs/pagers.md) for other parts of the kernel: memory objects of a server's that the kernel makes itself, for
// a file system whose contents the server supplies.
#pragma once

#include <mm/vmo.h>
#include <object/object.h>

// The pager behind the current task's handle, as a handle of its own (pager_release), if that has RIGHT_ADMIN. -EBADF,
// -EACCES.
MUST_USE status_t pager_acquire(int handle, struct object **pager);
void pager_release(struct object *pager);
// The memory object of that key; made if there is none. Nobody pays for its pages. *vmo: one reference. -ENOMEM,
// -EPIPE. Does not block.
MUST_USE status_t pager_object(struct object *pager, uint64_t key, uint64_t size, struct vmo **vmo);
// The pager forgets it: the key is free, and missing pages of it are missing for good. Does not block.
void pager_forget(struct object *pager, uint64_t key);
