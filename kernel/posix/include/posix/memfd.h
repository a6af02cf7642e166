// SPDX-License-Identifier: MPL-2.0
// memfd_create's objects, for the calls that treat them specially.
#pragma once

#include <object/object.h>

// F_ADD_SEALS, F_GET_SEALS. -EINVAL: the object is not a memfd.
MUST_USE status_t memfd_add_seals(struct object *object, uint32_t rights, unsigned seals);
long memfd_get_seals(struct object *object);
bool object_is_memfd(struct object *object);
// fallocate: mode is 0 or FALLOC_FL_*.
MUST_USE status_t memfd_allocate(struct object *object, int mode, loff_t offset, loff_t size);
