// SPDX-License-Identifier: MPL-2.0
// Fusion Rings, the kernel's part: the shared pages, the doorbell, and the other side's end. Messages pass without the
// kernel (docs/rings.md); what lies in the pages is user space's word and never believed here.
#pragma once

#include <abi/ring.h>
#include <object/object.h>

// The producer's and the consumer's side, one reference each. -EINVAL: options that make no sense. -ENOMEM.
MUST_USE status_t ring_create(const struct ring_options *options, struct object *sides[2]);
// Rings for the other side. -EPIPE: it is closed.
MUST_USE status_t ring_bell(struct object *side);
bool object_is_ring(const struct object *object);
// Blocks until the side was rung for another number of times than *seen, which becomes that number. 0, -EPIPE (the
// other side is closed), -ETIMEDOUT, -ERESTARTSYS. Takes the bell back, as reading does.
MUST_USE status_t ring_wait(struct object *side, uint32_t *seen, nsec_t deadline);
