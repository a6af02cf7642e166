// SPDX-License-Identifier: MPL-2.0
// get_user, put_user and copies of a few words, for ports whose port/uaccess.h has only what the processor does with
// one word:
//
//   ARCH_USER_REFUSES(address, size)  true: not user memory. May let an access through that begins below the end and
//                                     goes on beyond, if that faults in any case
//   ARCH_USER_OPEN, ARCH_USER_CLOSE   statements around accesses; a fault that goes to its fixup closes, too
//   ARCH_USER_8, _16, _32, _64        what makes the next two access so many bits
//   ARCH_USER_LOAD(BITS, word, address, at, bad)   word = what is at address + at (a constant); faults go to bad
//   ARCH_USER_STORE(BITS, word, address, at, bad)  the other way
#pragma once

#include <lib/status.h>
#include <lib/types.h>
#include <port/uaccess.h>

#define USER_GET_WORD(BITS, type, value)                \
    do {                                                \
        type word_;                                     \
        ARCH_USER_OPEN;                                 \
        ARCH_USER_LOAD(BITS, word_, address_, 0, bad_); \
        ARCH_USER_CLOSE;                                \
        (value) = (typeof(value))(uintptr_t)word_;      \
    } while (0)
#define USER_PUT_WORD(BITS, type, value)                 \
    do {                                                 \
        type word_ = (type)(uintptr_t)(value);           \
        ARCH_USER_OPEN;                                  \
        ARCH_USER_STORE(BITS, word_, address_, 0, bad_); \
        ARCH_USER_CLOSE;                                 \
    } while (0)

// One value at `ptr`, by its size. The value is computed with the window closed.
#define USER_ACCESS(ACCESS, value, ptr)                                                                          \
    ({                                                                                                           \
        __label__ bad_, done_;                                                                                   \
        status_t status_ = 0;                                                                                    \
        uintptr_t address_ = (uintptr_t)(ptr);                                                                   \
        static_assert(sizeof(*(ptr)) == 1 || sizeof(*(ptr)) == 2 || sizeof(*(ptr)) == 4 || sizeof(*(ptr)) == 8); \
        if (UNLIKELY(ARCH_USER_REFUSES(address_, sizeof(*(ptr)))))                                               \
            goto bad_;                                                                                           \
        switch (sizeof(*(ptr))) {                                                                                \
        case 1:                                                                                                  \
            ACCESS(ARCH_USER_8, uint8_t, value);                                                                 \
            break;                                                                                               \
        case 2:                                                                                                  \
            ACCESS(ARCH_USER_16, uint16_t, value);                                                               \
            break;                                                                                               \
        case 4:                                                                                                  \
            ACCESS(ARCH_USER_32, uint32_t, value);                                                               \
            break;                                                                                               \
        default:                                                                                                 \
            ACCESS(ARCH_USER_64, uint64_t, value);                                                               \
            break;                                                                                               \
        }                                                                                                        \
        goto done_;                                                                                              \
    bad_:                                                                                                        \
        status_ = -EFAULT;                                                                                       \
    done_:                                                                                                       \
        status_;                                                                                                 \
    })
#define get_user(value, ptr) USER_ACCESS(USER_GET_WORD, value, ptr)
#define put_user(value, ptr) USER_ACCESS(USER_PUT_WORD, value, ptr)

// Copies of a constant size: a load and a store for each word, with the window open once. The conditions are the
// compiler's to decide.
#define ARCH_COPY_INLINE_MAX 64
#define USER_COPY_IN(BITS, type, at)                                \
    do {                                                            \
        type word_;                                                 \
        ARCH_USER_LOAD(BITS, word_, address, at, bad);              \
        __builtin_memcpy((char *)to + (at), &word_, sizeof(word_)); \
    } while (0)
#define USER_COPY_OUT(BITS, type, at)                                       \
    do {                                                                    \
        type word_;                                                         \
        __builtin_memcpy(&word_, (const char *)from + (at), sizeof(word_)); \
        ARCH_USER_STORE(BITS, word_, address, at, bad);                     \
    } while (0)
#define USER_COPY_WORDS(COPY)                          \
    do {                                               \
        if (size >= 8)                                 \
            COPY(ARCH_USER_64, uint64_t, 0);           \
        if (size >= 16)                                \
            COPY(ARCH_USER_64, uint64_t, 8);           \
        if (size >= 24)                                \
            COPY(ARCH_USER_64, uint64_t, 16);          \
        if (size >= 32)                                \
            COPY(ARCH_USER_64, uint64_t, 24);          \
        if (size >= 40)                                \
            COPY(ARCH_USER_64, uint64_t, 32);          \
        if (size >= 48)                                \
            COPY(ARCH_USER_64, uint64_t, 40);          \
        if (size >= 56)                                \
            COPY(ARCH_USER_64, uint64_t, 48);          \
        if (size >= 64)                                \
            COPY(ARCH_USER_64, uint64_t, 56);          \
        if (size & 4)                                  \
            COPY(ARCH_USER_32, uint32_t, size & ~7ul); \
        if (size & 2)                                  \
            COPY(ARCH_USER_16, uint16_t, size & ~3ul); \
        if (size & 1)                                  \
            COPY(ARCH_USER_8, uint8_t, size & ~1ul);   \
    } while (0)

ALWAYS_INLINE status_t arch_copy_from_user_inline(void *to, const void __user *from, size_t size) {
    uintptr_t address = (uintptr_t)from;
    if (UNLIKELY(ARCH_USER_REFUSES(address, size)))
        return -EFAULT;
    ARCH_USER_OPEN;
    USER_COPY_WORDS(USER_COPY_IN);
    ARCH_USER_CLOSE;
    return 0;
bad:
    return -EFAULT;
}

ALWAYS_INLINE status_t arch_copy_to_user_inline(void __user *to, const void *from, size_t size) {
    uintptr_t address = (uintptr_t)to;
    if (UNLIKELY(ARCH_USER_REFUSES(address, size)))
        return -EFAULT;
    ARCH_USER_OPEN;
    USER_COPY_WORDS(USER_COPY_OUT);
    ARCH_USER_CLOSE;
    return 0;
bad:
    return -EFAULT;
}
