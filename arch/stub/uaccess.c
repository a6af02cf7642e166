// SPDX-License-Identifier: MPL-2.0
// Porting guide: copies to and from user memory. Check user_range_ok; open the user window; every access that can fault
// has an exception table entry; return the exact number of bytes not copied (retry byte by byte after a fault).
#include <arch/uaccess.h>

status_t stub_user_access(uintptr_t address, size_t size) {
    return -EFAULT;
}
size_t copy_from_user_partial(void *to, const void __user *from, size_t size) {
    return size;
}
size_t copy_to_user_partial(void __user *to, const void *from, size_t size) {
    return size;
}
size_t clear_user_partial(void __user *to, size_t size) {
    return size;
}
ssize_t string_from_user(char *to, const char __user *from, size_t size) {
    return -EFAULT;
}
// Atomic against user code on other CPUs: the processor's own instructions on the user's word.
status_t user_cmpxchg_u32(uint32_t __user *ptr, uint32_t expected, uint32_t value, uint32_t *old) {
    return -EFAULT;
}
status_t user_xchg_u32(uint32_t __user *ptr, uint32_t value, uint32_t *old) {
    return -EFAULT;
}
