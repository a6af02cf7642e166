// SPDX-License-Identifier: MPL-2.0
// The functions of arch/uaccess.h that any processor does alike: range check here, the copying in the port's
// user_copy.S.
#include <arch/uaccess.h>
#include <common/port.h>
#include <lib/status.h>

size_t copy_from_user_partial(void *to, const void __user *from, size_t size) {
    return user_range_ok((uintptr_t)from, size) ? port_copy_from_user(to, (const void *)(uintptr_t)from, size) : size;
}

size_t copy_to_user_partial(void __user *to, const void *from, size_t size) {
    return user_range_ok((uintptr_t)to, size) ? port_copy_to_user((void *)(uintptr_t)to, from, size) : size;
}

size_t clear_user_partial(void __user *to, size_t size) {
    return user_range_ok((uintptr_t)to, size) ? port_clear_user((void *)(uintptr_t)to, size) : size;
}

// The lowest byte of the result that is not 0 marks the first zero byte of the word.
static uint64_t zero_bytes(uint64_t word) {
    const uint64_t ones = 0x0101010101010101ul;
    return (word - ones) & ~word & (ones << 7);
}

// Eight bytes a step until the string ends, the buffer does, or a word cannot be read (it may lie half in an unmapped
// page); the rest byte by byte.
ssize_t string_from_user(char *to, const char __user *from, size_t size) {
    uintptr_t address = (uintptr_t)from;
    size_t done = 0;
    while (done + 8 <= size) {
        uint64_t word;
        if (get_user(word, (const uint64_t __user *)(address + done)) != 0)
            break;
        __builtin_memcpy(to + done, &word, 8);
        uint64_t zeros = zero_bytes(word);
        if (zeros != 0)
            return (ssize_t)(done + (size_t)__builtin_ctzl(zeros) / 8);
        done += 8;
    }
    for (; done < size; done++) {
        char c;
        if (get_user(c, from + done) != 0)
            return -EFAULT;
        to[done] = c;
        if (c == '\0')
            return (ssize_t)done;
    }
    return -ENAMETOOLONG;
}
