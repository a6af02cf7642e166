// SPDX-License-Identifier: MPL-2.0
// ARM64: get_user and put_user inline; the exception table. See arch/uaccess.h.
//
// ldtr and sttr access memory with user mode's rights, so single values and small copies need no open user window
// (PAN). An instruction that may fault on a user address has an entry in the section .extable: where it is and where to
// go on if the fault cannot be resolved, both relative to the entry. An access that begins below USER_TOP and
// ends beyond faults like any other: nothing is ever mapped there.
#pragma once

#include <lib/status.h>
#include <lib/types.h>
#include <port/mmu.h>

#define ARM64_EXTABLE(instruction, fixup)                                                            \
    ".pushsection .extable, \"aR\"\n\t.balign 4\n\t.long " #instruction " - .\n\t.long " fixup " - " \
    ".\n\t.popsection\n\t"

#define ARM64_GET_USER(type, suffix, register)                                                  \
    ({                                                                                          \
        type got_;                                                                              \
        __asm__ goto("1: ldtr" suffix " %" register "0, [%1]\n\t" ARM64_EXTABLE(1b, "%l[bad_]") \
                     : "=r"(got_)                                                               \
                     : "r"(address_)                                                            \
                     : "memory"                                                                 \
                     : bad_);                                                                   \
        got_;                                                                                   \
    })

#define ARM64_PUT_USER(type, suffix, register, value)                                       \
    __asm__ goto("1: sttr" suffix " %" register "0, [%1]\n\t" ARM64_EXTABLE(1b, "%l[bad_]") \
                 :                                                                          \
                 : "rZ"((type)(uintptr_t)(value)), "r"(address_)                            \
                 : "memory"                                                                 \
                 : bad_)

#define get_user(value, ptr)                                                                                     \
    ({                                                                                                           \
        __label__ bad_, done_;                                                                                   \
        status_t status_ = 0;                                                                                    \
        uintptr_t address_ = (uintptr_t)(ptr);                                                                   \
        if (UNLIKELY(address_ >= ARCH_USER_TOP))                                                                 \
            goto bad_;                                                                                           \
        switch (sizeof(*(ptr))) {                                                                                \
        case 1:                                                                                                  \
            (value) = (typeof(value))(uintptr_t)ARM64_GET_USER(uint8_t, "b", "w");                               \
            break;                                                                                               \
        case 2:                                                                                                  \
            (value) = (typeof(value))(uintptr_t)ARM64_GET_USER(uint16_t, "h", "w");                              \
            break;                                                                                               \
        case 4:                                                                                                  \
            (value) = (typeof(value))(uintptr_t)ARM64_GET_USER(uint32_t, "", "w");                               \
            break;                                                                                               \
        default:                                                                                                 \
            (value) = (typeof(value))(uintptr_t)ARM64_GET_USER(uint64_t, "", "x");                               \
            break;                                                                                               \
        }                                                                                                        \
        static_assert(sizeof(*(ptr)) == 1 || sizeof(*(ptr)) == 2 || sizeof(*(ptr)) == 4 || sizeof(*(ptr)) == 8); \
        goto done_;                                                                                              \
    bad_:                                                                                                        \
        status_ = -EFAULT;                                                                                       \
    done_:                                                                                                       \
        status_;                                                                                                 \
    })

#define put_user(value, ptr)                                                                                     \
    ({                                                                                                           \
        __label__ bad_, done_;                                                                                   \
        status_t status_ = 0;                                                                                    \
        uintptr_t address_ = (uintptr_t)(ptr);                                                                   \
        if (UNLIKELY(address_ >= ARCH_USER_TOP))                                                                 \
            goto bad_;                                                                                           \
        switch (sizeof(*(ptr))) {                                                                                \
        case 1:                                                                                                  \
            ARM64_PUT_USER(uint8_t, "b", "w", value);                                                            \
            break;                                                                                               \
        case 2:                                                                                                  \
            ARM64_PUT_USER(uint16_t, "h", "w", value);                                                           \
            break;                                                                                               \
        case 4:                                                                                                  \
            ARM64_PUT_USER(uint32_t, "", "w", value);                                                            \
            break;                                                                                               \
        default:                                                                                                 \
            ARM64_PUT_USER(uint64_t, "", "x", value);                                                            \
            break;                                                                                               \
        }                                                                                                        \
        static_assert(sizeof(*(ptr)) == 1 || sizeof(*(ptr)) == 2 || sizeof(*(ptr)) == 4 || sizeof(*(ptr)) == 8); \
        goto done_;                                                                                              \
    bad_:                                                                                                        \
        status_ = -EFAULT;                                                                                       \
    done_:                                                                                                       \
        status_;                                                                                                 \
    })

// Copies of a constant size: a load and a store for each word. The conditions are the compiler's to decide.
#define ARCH_COPY_INLINE_MAX 64
#define ARM64_COPY_IN(type, suffix, register, at)                                                  \
    do {                                                                                           \
        type word_;                                                                                \
        __asm__ goto("1: ldtr" suffix " %" register "0, [%1, %2]\n\t" ARM64_EXTABLE(1b, "%l[bad]") \
                     : "=r"(word_)                                                                 \
                     : "r"(address), "i"(at)                                                       \
                     : "memory"                                                                    \
                     : bad);                                                                       \
        __builtin_memcpy((char *)to + (at), &word_, sizeof(word_));                                \
    } while (0)
#define ARM64_COPY_OUT(type, suffix, register, at)                                                 \
    do {                                                                                           \
        type word_;                                                                                \
        __builtin_memcpy(&word_, (const char *)from + (at), sizeof(word_));                        \
        __asm__ goto("1: sttr" suffix " %" register "0, [%1, %2]\n\t" ARM64_EXTABLE(1b, "%l[bad]") \
                     :                                                                             \
                     : "rZ"(word_), "r"(address), "i"(at)                                          \
                     : "memory"                                                                    \
                     : bad);                                                                       \
    } while (0)
#define ARM64_COPY_WORDS(COPY)                     \
    do {                                           \
        if (size >= 8)                             \
            COPY(uint64_t, "", "x", 0);            \
        if (size >= 16)                            \
            COPY(uint64_t, "", "x", 8);            \
        if (size >= 24)                            \
            COPY(uint64_t, "", "x", 16);           \
        if (size >= 32)                            \
            COPY(uint64_t, "", "x", 24);           \
        if (size >= 40)                            \
            COPY(uint64_t, "", "x", 32);           \
        if (size >= 48)                            \
            COPY(uint64_t, "", "x", 40);           \
        if (size >= 56)                            \
            COPY(uint64_t, "", "x", 48);           \
        if (size >= 64)                            \
            COPY(uint64_t, "", "x", 56);           \
        if (size & 4)                              \
            COPY(uint32_t, "", "w", size & ~7ul);  \
        if (size & 2)                              \
            COPY(uint16_t, "h", "w", size & ~3ul); \
        if (size & 1)                              \
            COPY(uint8_t, "b", "w", size & ~1ul);  \
    } while (0)

ALWAYS_INLINE status_t arch_copy_from_user_inline(void *to, const void __user *from, size_t size) {
    uintptr_t address = (uintptr_t)from;
    if (UNLIKELY(address >= ARCH_USER_TOP))
        return -EFAULT;
    ARM64_COPY_WORDS(ARM64_COPY_IN);
    return 0;
bad:
    return -EFAULT;
}

ALWAYS_INLINE status_t arch_copy_to_user_inline(void __user *to, const void *from, size_t size) {
    uintptr_t address = (uintptr_t)to;
    if (UNLIKELY(address >= ARCH_USER_TOP))
        return -EFAULT;
    ARM64_COPY_WORDS(ARM64_COPY_OUT);
    return 0;
bad:
    return -EFAULT;
}
