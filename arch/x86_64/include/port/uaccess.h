// SPDX-License-Identifier: MPL-2.0
// x86-64: get_user and put_user inline; the exception table. See arch/uaccess.h.
//
// An instruction that may fault on a user address has an entry in the section .extable: where it
// is and where to go on if the fault cannot be resolved, both relative to the entry. stac and clac
// are three-byte no-ops until cpu/patch.c finds that the processor has SMAP.
#pragma once

#include <lib/status.h>
#include <lib/types.h>
#include <port/mmu.h>

#define X86_EXTABLE(instruction, fixup)                                                              \
    ".pushsection .extable, \"aR\"\n\t.balign 4\n\t.long " #instruction " - .\n\t.long " fixup " - " \
    ".\n\t.popsection\n\t"

// 66 66 90 is a no-op; the entry says what to write over it: stac is 0f 01 cb, clac 0f 01 ca.
#define X86_SMAP_PATCH(last_byte)                                                        \
    "771: .byte 0x66, 0x66, 0x90\n\t.pushsection .smap_patches, \"aR\"\n\t.balign 4\n\t" \
    ".long 771b - .\n\t.long " last_byte "\n\t.popsection\n\t"
#define X86_STAC X86_SMAP_PATCH("0xcb")
#define X86_CLAC X86_SMAP_PATCH("0xca")

#define X86_GET_USER(type, suffix, register)                                                                   \
    ({                                                                                                         \
        type got_;                                                                                             \
        __asm__ goto(X86_STAC "1: mov" suffix " (%1), %" register "0\n\t" X86_EXTABLE(1b, "%l[bad_]") X86_CLAC \
                     : "=r"(got_)                                                                              \
                     : "r"(address_)                                                                           \
                     : "memory"                                                                                \
                     : bad_);                                                                                  \
        got_;                                                                                                  \
    })

#define X86_PUT_USER(type, suffix, register, value)                                                        \
    __asm__ goto(X86_STAC "1: mov" suffix " %" register "0, (%1)\n\t" X86_EXTABLE(1b, "%l[bad_]") X86_CLAC \
                 :                                                                                         \
                 : "r"((type)(uintptr_t)(value)), "r"(address_)                                            \
                 : "memory"                                                                                \
                 : bad_)

// The fault handler closes the user window (clears AC) before it goes to a fixup.
#define get_user(value, ptr)                                                                                     \
    ({                                                                                                           \
        __label__ bad_, done_;                                                                                   \
        status_t status_ = 0;                                                                                    \
        uintptr_t address_ = (uintptr_t)(ptr);                                                                   \
        if (UNLIKELY(address_ > ARCH_USER_TOP - sizeof(*(ptr))))                                                 \
            goto bad_;                                                                                           \
        switch (sizeof(*(ptr))) {                                                                                \
        case 1:                                                                                                  \
            (value) = (typeof(value))(uintptr_t)X86_GET_USER(uint8_t, "b", "b");                                 \
            break;                                                                                               \
        case 2:                                                                                                  \
            (value) = (typeof(value))(uintptr_t)X86_GET_USER(uint16_t, "w", "w");                                \
            break;                                                                                               \
        case 4:                                                                                                  \
            (value) = (typeof(value))(uintptr_t)X86_GET_USER(uint32_t, "l", "k");                                \
            break;                                                                                               \
        default:                                                                                                 \
            (value) = (typeof(value))(uintptr_t)X86_GET_USER(uint64_t, "q", "");                                 \
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
        if (UNLIKELY(address_ > ARCH_USER_TOP - sizeof(*(ptr))))                                                 \
            goto bad_;                                                                                           \
        switch (sizeof(*(ptr))) {                                                                                \
        case 1:                                                                                                  \
            X86_PUT_USER(uint8_t, "b", "b", value);                                                              \
            break;                                                                                               \
        case 2:                                                                                                  \
            X86_PUT_USER(uint16_t, "w", "w", value);                                                             \
            break;                                                                                               \
        case 4:                                                                                                  \
            X86_PUT_USER(uint32_t, "l", "k", value);                                                             \
            break;                                                                                               \
        default:                                                                                                 \
            X86_PUT_USER(uint64_t, "q", "", value);                                                              \
            break;                                                                                               \
        }                                                                                                        \
        static_assert(sizeof(*(ptr)) == 1 || sizeof(*(ptr)) == 2 || sizeof(*(ptr)) == 4 || sizeof(*(ptr)) == 8); \
        goto done_;                                                                                              \
    bad_:                                                                                                        \
        status_ = -EFAULT;                                                                                       \
    done_:                                                                                                       \
        status_;                                                                                                 \
    })

// Copies of a constant size: a move for each word, with the window open once. The conditions are the compiler's to
// decide.
#define ARCH_COPY_INLINE_MAX 64
#define X86_COPY_IN(type, suffix, modifier, at)                                           \
    do {                                                                                  \
        type word_;                                                                       \
        __asm__ goto("1: mov" suffix " %1, %" modifier "0\n\t" X86_EXTABLE(1b, "%l[bad]") \
                     : "=r"(word_)                                                        \
                     : "m"(*(const volatile type *)(address + (at)))                      \
                     :                                                                    \
                     : bad);                                                              \
        __builtin_memcpy((char *)to + (at), &word_, sizeof(word_));                       \
    } while (0)
#define X86_COPY_OUT(type, suffix, modifier, at)                                          \
    do {                                                                                  \
        type word_;                                                                       \
        __builtin_memcpy(&word_, (const char *)from + (at), sizeof(word_));               \
        __asm__ goto("1: mov" suffix " %" modifier "1, %0\n\t" X86_EXTABLE(1b, "%l[bad]") \
                     : "=m"(*(volatile type *)(address + (at)))                           \
                     : "r"(word_)                                                         \
                     :                                                                    \
                     : bad);                                                              \
    } while (0)
#define X86_COPY_WORDS(COPY)                       \
    do {                                           \
        if (size >= 8)                             \
            COPY(uint64_t, "q", "q", 0);           \
        if (size >= 16)                            \
            COPY(uint64_t, "q", "q", 8);           \
        if (size >= 24)                            \
            COPY(uint64_t, "q", "q", 16);          \
        if (size >= 32)                            \
            COPY(uint64_t, "q", "q", 24);          \
        if (size >= 40)                            \
            COPY(uint64_t, "q", "q", 32);          \
        if (size >= 48)                            \
            COPY(uint64_t, "q", "q", 40);          \
        if (size >= 56)                            \
            COPY(uint64_t, "q", "q", 48);          \
        if (size >= 64)                            \
            COPY(uint64_t, "q", "q", 56);          \
        if (size & 4)                              \
            COPY(uint32_t, "l", "k", size & ~7ul); \
        if (size & 2)                              \
            COPY(uint16_t, "w", "w", size & ~3ul); \
        if (size & 1)                              \
            COPY(uint8_t, "b", "b", size & ~1ul);  \
    } while (0)

ALWAYS_INLINE status_t arch_copy_from_user_inline(void *to, const void __user *from, size_t size) {
    uintptr_t address = (uintptr_t)from;
    if (UNLIKELY(address > ARCH_USER_TOP - size))
        return -EFAULT;
    __asm__ volatile(X86_STAC ::: "memory");
    X86_COPY_WORDS(X86_COPY_IN);
    __asm__ volatile(X86_CLAC ::: "memory");
    return 0;
bad:
    return -EFAULT;
}

ALWAYS_INLINE status_t arch_copy_to_user_inline(void __user *to, const void *from, size_t size) {
    uintptr_t address = (uintptr_t)to;
    if (UNLIKELY(address > ARCH_USER_TOP - size))
        return -EFAULT;
    __asm__ volatile(X86_STAC ::: "memory");
    X86_COPY_WORDS(X86_COPY_OUT);
    __asm__ volatile(X86_CLAC ::: "memory");
    return 0;
bad:
    return -EFAULT;
}
