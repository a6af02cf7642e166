// SPDX-License-Identifier: MPL-2.0
// Atomic changes of a user word (arch/uaccess.h). What else is there is in common/uaccess.c.
#include <arch/uaccess.h>

status_t user_cmpxchg_u32(uint32_t __user *ptr, uint32_t expected, uint32_t value, uint32_t *old) {
    uintptr_t address = (uintptr_t)ptr;
    if (!user_range_ok(address, sizeof(*ptr)))
        return -EFAULT;
    uint32_t found;
    __asm__ goto(X86_STAC "1: lock cmpxchgl %2, (%1)\n\t" USER_FAULT(1b, "%l[bad]") X86_CLAC
                 : "=a"(found)
                 : "r"(address), "r"(value), "0"(expected)
                 : "memory", "cc"
                 : bad);
    *old = found;
    return 0;
bad:
    return -EFAULT;
}

status_t user_xchg_u32(uint32_t __user *ptr, uint32_t value, uint32_t *old) {
    uintptr_t address = (uintptr_t)ptr;
    if (!user_range_ok(address, sizeof(*ptr)))
        return -EFAULT;
    uint32_t found;
    __asm__ goto(X86_STAC "1: xchgl %0, (%1)\n\t" USER_FAULT(1b, "%l[bad]") X86_CLAC
                 : "=r"(found)
                 : "r"(address), "0"(value)
                 : "memory"
                 : bad);
    *old = found;
    return 0;
bad:
    return -EFAULT;
}
