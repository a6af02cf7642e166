// SPDX-License-Identifier: MPL-2.0
// Host port: user memory is this process's own. Addresses in [host_fault_start, host_fault_end) and the
// zero page "fault", so that tests can see what a bad pointer does.
#pragma once

#include <lib/status.h>
#include <lib/types.h>
#include <port/mmu.h>

extern uintptr_t host_fault_start, host_fault_end;

// How many bytes from `address` on can be accessed before a fault.
size_t host_user_accessible(uintptr_t address, size_t size);

#define get_user(value, ptr)                                                                                    \
    ({                                                                                                          \
        __auto_type ptr_ = (ptr);                                                                               \
        status_t status_ = host_user_accessible((uintptr_t)ptr_, sizeof(*ptr_)) == sizeof(*ptr_) ? 0 : -EFAULT; \
        if (status_ == 0)                                                                                       \
            (value) = (typeof(value))*ptr_;                                                                     \
        status_;                                                                                                \
    })
#define put_user(value, ptr)                                                                                    \
    ({                                                                                                          \
        __auto_type ptr_ = (ptr);                                                                               \
        status_t status_ = host_user_accessible((uintptr_t)ptr_, sizeof(*ptr_)) == sizeof(*ptr_) ? 0 : -EFAULT; \
        if (status_ == 0)                                                                                       \
            *ptr_ = (typeof(*ptr_))(value);                                                                     \
        status_;                                                                                                \
    })

// None.
#define ARCH_COPY_INLINE_MAX 0
ALWAYS_INLINE status_t arch_copy_from_user_inline(void *to, const void __user *from, size_t size) {
    return -EFAULT;
}
ALWAYS_INLINE status_t arch_copy_to_user_inline(void __user *to, const void *from, size_t size) {
    return -EFAULT;
}
