// SPDX-License-Identifier: MPL-2.0
// Porting guide: single values to and from user memory. A port opens the user window (PAN, SMAP) around the one access,
// puts the instruction into an exception table (arch/user_fault.h), and yields -EFAULT when the fault handler could not
// resolve the fault. One that defines ARCH_USER_LOAD and the like gets all below from arch/user_access.h.
#pragma once

#include <lib/status.h>
#include <lib/types.h>
#include <port/mmu.h>

// 0 or -EFAULT. Here: always the latter.
status_t stub_user_access(uintptr_t address, size_t size);

#define get_user(value, ptr)                                \
    ({                                                      \
        (value) = (typeof(value))0;                         \
        stub_user_access((uintptr_t)(ptr), sizeof(*(ptr))); \
    })
#define put_user(value, ptr)                                \
    ({                                                      \
        (void)(value);                                      \
        stub_user_access((uintptr_t)(ptr), sizeof(*(ptr))); \
    })

// None.
#define ARCH_COPY_INLINE_MAX 0
ALWAYS_INLINE status_t arch_copy_from_user_inline(void *to, const void __user *from, size_t size) {
    return -EFAULT;
}
ALWAYS_INLINE status_t arch_copy_to_user_inline(void __user *to, const void *from, size_t size) {
    return -EFAULT;
}
