// SPDX-License-Identifier: MPL-2.0
// What kernel/mm asks of the layers above it, found at link time. (Hooks would only add a null check.)
#pragma once

struct object;

// A region keeps the object that was mapped, for /proc/PID/maps. kernel/posix/memory/memory.c.
void region_file_get(struct object *file);
void region_file_put(struct object *file);
