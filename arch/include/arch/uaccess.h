// SPDX-License-Identifier: MPL-2.0
// The only functions that follow user pointers. Each checks that the range lies below USER_TOP,
// opens the user window (SMAP/PAN) for the access alone, and survives a fault.
//
// They may fault, so they may block: no spinlock may be held (checked in debug builds).
#pragma once

#include <lib/types.h>

#include <arch/user_access.h>

// The number of bytes that could not be copied: for read and write, which report partial success.
MUST_USE size_t copy_from_user_partial(void *to, const void __user *from, size_t size);
MUST_USE size_t copy_to_user_partial(void __user *to, const void *from, size_t size);
MUST_USE size_t clear_user_partial(void __user *to, size_t size);
// The length of the string without its NUL (≤ size-1), -ENAMETOOLONG if no NUL came within `size`
// bytes, or -EFAULT. `to` is terminated on success.
MUST_USE ssize_t string_from_user(char *to, const char __user *from, size_t size);

// 0 or -EFAULT. On a fault the bytes before it may have been copied. Sizes known to the compiler, up to
// ARCH_COPY_INLINE_MAX, become a few moves in place.
MUST_USE ALWAYS_INLINE status_t copy_from_user(void *to, const void __user *from, size_t size) {
    if (__builtin_constant_p(size) && size <= ARCH_COPY_INLINE_MAX)
        return arch_copy_from_user_inline(to, from, size);
    return copy_from_user_partial(to, from, size) == 0 ? 0 : -EFAULT;
}
MUST_USE ALWAYS_INLINE status_t copy_to_user(void __user *to, const void *from, size_t size) {
    if (__builtin_constant_p(size) && size <= ARCH_COPY_INLINE_MAX)
        return arch_copy_to_user_inline(to, from, size);
    return copy_to_user_partial(to, from, size) == 0 ? 0 : -EFAULT;
}

// Single values, 1, 2, 4 or 8 bytes; 0 or -EFAULT. `ptr` is a typed __user
// pointer:
//   get_user(value, ptr)   put_user(value, ptr)

// Compare and exchange / fetch-and-store of a user word (futex). 0 or -EFAULT; *old gets what was there.
MUST_USE status_t user_cmpxchg_u32(uint32_t __user *ptr, uint32_t expected, uint32_t value, uint32_t *old);
MUST_USE status_t user_xchg_u32(uint32_t __user *ptr, uint32_t value, uint32_t *old);

// True if [start, start+size) lies in the user half and does not wrap.
ALWAYS_INLINE bool user_range_ok(uintptr_t start, size_t size) {
    return size <= ARCH_USER_TOP && start <= ARCH_USER_TOP - size;
}
