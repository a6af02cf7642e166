// SPDX-License-Identifier: MPL-2.0
// Vectors of user buffers (struct iovec) as a uio.
#pragma once

#include <mm/charged.h>
#include <mm/slab.h>
#include <mm/uio.h>

enum { VECTOR_SMALL = 8 };

struct vector {
    struct uio uio;
    struct uio_vec small[VECTOR_SMALL];
    struct uio_vec *heap;
};

// The total is cut at the largest transfer of one call. -EINVAL, -EFAULT, -ENOMEM.
MUST_USE status_t vector_get(struct vector *vector, const void __user *iov, unsigned long count);
ALWAYS_INLINE void vector_put(struct vector *vector) {
    kfree(vector->heap);
}
