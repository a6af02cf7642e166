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

#define X86_EXTABLE(instruction, fixup)                                                            \
    ".pushsection .extable, \"aR\"\n\t.balign 4\n\t.long " #instruction " - .\n\t.long " fixup     \
    " - .\n\t.popsection\n\t"

// 66 66 90 is a no-op; the entry says what to write over it: stac is 0f 01 cb, clac 0f 01 ca.
#define X86_SMAP_PATCH(last_byte)                                                                  \
    "771: .byte 0x66, 0x66, 0x90\n\t.pushsection .smap_patches, \"aR\"\n\t.balign 4\n\t"           \
    ".long 771b - .\n\t.long " last_byte "\n\t.popsection\n\t"
#define X86_STAC X86_SMAP_PATCH("0xcb")
#define X86_CLAC X86_SMAP_PATCH("0xca")

#define X86_GET_USER(type, suffix, register)                                                       \
    ({                                                                                             \
        type got_;                                                                                 \
        __asm__ goto(X86_STAC "1: mov" suffix " (%1), %" register "0\n\t" X86_EXTABLE(1b, "%l[bad_]") X86_CLAC \
                     : "=r"(got_)                                                                  \
                     : "r"(address_)                                                               \
                     : "memory"                                                                    \
                     : bad_);                                                                      \
        got_;                                                                                      \
    })

#define X86_PUT_USER(type, suffix, register, value)                                                \
    __asm__ goto(X86_STAC "1: mov" suffix " %" register "0, (%1)\n\t" X86_EXTABLE(1b, "%l[bad_]") X86_CLAC \
                 :                                                                                 \
                 : "r"((type)(uintptr_t)(value)), "r"(address_)                                               \
                 : "memory"                                                                        \
                 : bad_)

// The fault handler closes the user window (clears AC) before it goes to a fixup.
#define get_user(value, ptr)                                                                       \
    ({                                                                                             \
        __label__ bad_, done_;                                                                     \
        status_t status_ = 0;                                                                      \
        uintptr_t address_ = (uintptr_t)(ptr);                                                     \
        if (UNLIKELY(address_ > ARCH_USER_TOP - sizeof(*(ptr))))                                   \
            goto bad_;                                                                             \
        switch (sizeof(*(ptr))) {                                                                  \
        case 1: (value) = (typeof(value))(uintptr_t)X86_GET_USER(uint8_t, "b", "b"); break;                   \
        case 2: (value) = (typeof(value))(uintptr_t)X86_GET_USER(uint16_t, "w", "w"); break;                  \
        case 4: (value) = (typeof(value))(uintptr_t)X86_GET_USER(uint32_t, "l", "k"); break;                  \
        default: (value) = (typeof(value))(uintptr_t)X86_GET_USER(uint64_t, "q", ""); break;                  \
        }                                                                                          \
        static_assert(sizeof(*(ptr)) == 1 || sizeof(*(ptr)) == 2 || sizeof(*(ptr)) == 4 ||         \
                      sizeof(*(ptr)) == 8);                                                        \
        goto done_;                                                                                \
    bad_:                                                                                          \
        status_ = -EFAULT;                                                                         \
    done_:                                                                                         \
        status_;                                                                                   \
    })

#define put_user(value, ptr)                                                                       \
    ({                                                                                             \
        __label__ bad_, done_;                                                                     \
        status_t status_ = 0;                                                                      \
        uintptr_t address_ = (uintptr_t)(ptr);                                                     \
        if (UNLIKELY(address_ > ARCH_USER_TOP - sizeof(*(ptr))))                                   \
            goto bad_;                                                                             \
        switch (sizeof(*(ptr))) {                                                                  \
        case 1: X86_PUT_USER(uint8_t, "b", "b", value); break;                                     \
        case 2: X86_PUT_USER(uint16_t, "w", "w", value); break;                                    \
        case 4: X86_PUT_USER(uint32_t, "l", "k", value); break;                                    \
        default: X86_PUT_USER(uint64_t, "q", "", value); break;                                    \
        }                                                                                          \
        static_assert(sizeof(*(ptr)) == 1 || sizeof(*(ptr)) == 2 || sizeof(*(ptr)) == 4 ||         \
                      sizeof(*(ptr)) == 8);                                                        \
        goto done_;                                                                                \
    bad_:                                                                                          \
        status_ = -EFAULT;                                                                         \
    done_:                                                                                         \
        status_;                                                                                   \
    })
