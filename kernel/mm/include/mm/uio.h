// SPDX-License-Identifier: MPL-2.0
// A place to copy to or from: user memory (one or several pieces) or kernel memory. read, readv, pread, recvmsg
// and kernel callers all pass one, so an object implements each operation once.
#pragma once

#include <arch/uaccess.h>
#include <lib/types.h>

struct uio_vec {
    uintptr_t base; // user or kernel address
    size_t size;
};

struct uio {
    struct uio_vec *vec; // current piece; consumed in place
    unsigned count;      // pieces left, the current one included
    bool kernel;         // addresses are kernel's
    size_t resid;        // bytes left in all
    struct uio_vec one;  // storage for the usual single piece
};

// A single user buffer. The range is checked when copied.
ALWAYS_INLINE void uio_init_user(struct uio *uio, void __user *base, size_t size) {
    uio->one = (struct uio_vec){(__force uintptr_t)base, size};
    uio->vec = &uio->one;
    uio->count = 1;
    uio->kernel = false;
    uio->resid = size;
}
ALWAYS_INLINE void uio_init_kernel(struct uio *uio, void *base, size_t size) {
    uio_init_user(uio, nullptr, size);
    uio->one.base = (uintptr_t)base;
    uio->kernel = true;
}
// Copies min(size, resid) bytes into / out of the place and advances it. Returns the bytes copied:
// fewer only if user memory faulted (the caller returns what it has, or -EFAULT if nothing).
size_t uio_write(struct uio *uio, const void *from, size_t size);
size_t uio_read(struct uio *uio, void *to, size_t size);
size_t uio_write_zeros(struct uio *uio, size_t size);
// Makes user pages of the next `size` bytes present, so that a copy under a lock that must not
// fault soon after will normally succeed.
void uio_prefault(struct uio *uio, size_t size, bool for_write);
