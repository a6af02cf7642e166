// SPDX-License-Identifier: MPL-2.0
// Copying to and from places (mm/uio.h).
#include <lib/string.h>
#include <mm/uio.h>

// What a copy step does with `size` bytes at `base`; returns the bytes that could not be done.
typedef size_t copy_fn(uintptr_t base, void *data, size_t size, bool kernel);

static void advance(struct uio *uio, size_t size) {
    uio->vec->base += size;
    uio->vec->size -= size;
    uio->resid -= size;
}

// Applies `copy` piece by piece to the next min(size, resid) bytes.
ALWAYS_INLINE size_t walk(struct uio *uio, char *data, size_t size, copy_fn *copy) {
    size_t done = 0;
    size = MIN(size, uio->resid);
    while (done < size) {
        if (uio->vec->size == 0) {
            if (uio->count <= 1)
                break;
            uio->count--;
            uio->vec++;
            continue;
        }
        size_t step = MIN(size - done, uio->vec->size);
        size_t left = copy(uio->vec->base, data ? data + done : nullptr, step, uio->kernel);
        advance(uio, step - left);
        done += step - left;
        if (left)
            break;
    }
    return done;
}

static size_t write_step(uintptr_t base, void *data, size_t size, bool kernel) {
    if (!kernel)
        return copy_to_user_partial((__force void __user *)base, data, size);
    memcpy((void *)base, data, size);
    return 0;
}

static size_t read_step(uintptr_t base, void *data, size_t size, bool kernel) {
    if (!kernel)
        return copy_from_user_partial(data, (__force void __user *)base, size);
    memcpy(data, (void *)base, size);
    return 0;
}

static size_t zero_step(uintptr_t base, void *data, size_t size, bool kernel) {
    if (!kernel)
        return clear_user_partial((__force void __user *)base, size);
    memset((void *)base, 0, size);
    return 0;
}

size_t uio_write(struct uio *uio, const void *from, size_t size) {
    return walk(uio, (char *)from, size, write_step);
}

size_t uio_read(struct uio *uio, void *to, size_t size) {
    return walk(uio, to, size, read_step);
}

size_t uio_write_zeros(struct uio *uio, size_t size) {
    return walk(uio, nullptr, size, zero_step);
}

// Touches one byte of each page. Writing back what was read would race with other threads; a zero-byte exchange is not
// to be had, so for_write adds 0 by compare-and-exchange on an aligned word.
static bool touch(uintptr_t address, bool for_write) {
    if (for_write) {
        uint32_t old;
        uint32_t __user *word = (__force uint32_t __user *)ALIGN_DOWN(address, 4);
        return user_cmpxchg_u32(word, 0, 0, &old) == 0;
    }
    uint8_t byte;
    return get_user(byte, (__force uint8_t __user *)address) == 0;
}

void uio_prefault(struct uio *uio, size_t size, bool for_write) {
    if (uio->kernel)
        return;
    size = MIN(size, uio->resid);
    for (unsigned i = 0; i < uio->count && size > 0; i++) {
        size_t part = MIN(size, uio->vec[i].size);
        uintptr_t end = uio->vec[i].base + part;
        for (uintptr_t at = uio->vec[i].base; at < end; at = ALIGN_DOWN(at, PAGE_SIZE) + PAGE_SIZE)
            if (!touch(at, for_write))
                return;
        size -= part;
    }
}
