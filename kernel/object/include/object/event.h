// SPDX-License-Identifier: MPL-2.0
// Events: a 64-bit counter that can be waited for. eventfd is their Linux face: reading takes the whole count (as a
// semaphore: one of it) and waits while it is 0; writing adds to it and waits while it would overflow.
#pragma once

#include <object/object.h>

// nullptr: no memory. One reference.
struct object *event_create(uint64_t count, bool semaphore);
// Adds to the count from within the kernel; beyond the maximum it stays there and ERROR comes up. Any context but
// interrupts.
void event_add(struct object *event, uint64_t value);
bool object_is_event(const struct object *object);
