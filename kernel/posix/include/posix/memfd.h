// SPDX-License-Identifier: MPL-2.0
// Seals of memory files (memfd_create), for fcntl.
#pragma once

#include <object/object.h>

// F_ADD_SEALS, F_GET_SEALS. -EINVAL: not a file in memory.
MUST_USE status_t memfd_add_seals(struct object *object, uint32_t rights, unsigned seals);
long memfd_get_seals(struct object *object);
