// SPDX-License-Identifier: MPL-2.0
// Host port: copies that stop where a "fault" would be.
#include <arch/uaccess.h>
#include <string.h>

size_t host_user_accessible(uintptr_t address, size_t size) {
    if (address < PAGE_SIZE || !user_range_ok(address, size))
        return 0;
    if (address >= host_fault_end || address + size <= host_fault_start)
        return size;
    return address >= host_fault_start ? 0 : host_fault_start - address;
}

size_t copy_from_user_partial(void *to, const void __user *from, size_t size) {
    size_t good = host_user_accessible((uintptr_t)from, size);
    memcpy(to, from, good);
    return size - good;
}

size_t copy_to_user_partial(void __user *to, const void *from, size_t size) {
    size_t good = host_user_accessible((uintptr_t)to, size);
    memcpy(to, from, good);
    return size - good;
}

size_t clear_user_partial(void __user *to, size_t size) {
    size_t good = host_user_accessible((uintptr_t)to, size);
    memset(to, 0, good);
    return size - good;
}

ssize_t string_from_user(char *to, const char __user *from, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (get_user(to[i], from + i) != 0)
            return -EFAULT;
        if (to[i] == '\0')
            return (ssize_t)i;
    }
    return -ENAMETOOLONG;
}

status_t user_cmpxchg_u32(uint32_t __user *ptr, uint32_t expected, uint32_t value, uint32_t *old) {
    status_t status = get_user(*old, ptr);
    return status != 0 || *old != expected ? status : put_user(value, ptr);
}

status_t user_xchg_u32(uint32_t __user *ptr, uint32_t value, uint32_t *old) {
    status_t status = get_user(*old, ptr);
    return status != 0 ? status : put_user(value, ptr);
}
