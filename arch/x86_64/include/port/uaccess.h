// SPDX-License-Identifier: MPL-2.0
// x86-64: one word from or to user memory; arch/user_access.h makes get_user and the like of them. stac and clac are
// three-byte no-ops until cpu/patch.c finds that the processor has SMAP; the fault handler clears AC before it goes to
// a fixup.
#pragma once

#include <arch/user_fault.h>
#include <port/mmu.h>

// 66 66 90 is a no-op; the entry says what to write over it: stac is 0f 01 cb, clac 0f 01 ca.
#define X86_SMAP_PATCH(last_byte)                                                        \
    "771: .byte 0x66, 0x66, 0x90\n\t.pushsection .smap_patches, \"aR\"\n\t.balign 4\n\t" \
    ".long 771b - .\n\t.long " last_byte "\n\t.popsection\n\t"
#define X86_STAC X86_SMAP_PATCH("0xcb")
#define X86_CLAC X86_SMAP_PATCH("0xca")

#define ARCH_USER_REFUSES(address, size) ((address) > ARCH_USER_TOP - (size))
#define ARCH_USER_OPEN __asm__ volatile(X86_STAC ::: "memory")
#define ARCH_USER_CLOSE __asm__ volatile(X86_CLAC ::: "memory")

// A type, the suffix of the instruction, and of its register.
#define ARCH_USER_8 uint8_t, "b", "b"
#define ARCH_USER_16 uint16_t, "w", "w"
#define ARCH_USER_32 uint32_t, "l", "k"
#define ARCH_USER_64 uint64_t, "q", "q"

#define X86_LOAD(type, suffix, modifier, word, address, at, bad)                          \
    __asm__ goto("1: mov" suffix " %1, %" modifier "0\n\t" USER_FAULT(1b, "%l[" #bad "]") \
                 : "=r"(word)                                                             \
                 : "m"(*(const volatile type *)((address) + (at)))                        \
                 :                                                                        \
                 : bad)
#define X86_STORE(type, suffix, modifier, word, address, at, bad)                         \
    __asm__ goto("1: mov" suffix " %" modifier "1, %0\n\t" USER_FAULT(1b, "%l[" #bad "]") \
                 : "=m"(*(volatile type *)((address) + (at)))                             \
                 : "r"(word)                                                              \
                 :                                                                        \
                 : bad)
#define ARCH_USER_LOAD(...) X86_LOAD(__VA_ARGS__)
#define ARCH_USER_STORE(...) X86_STORE(__VA_ARGS__)
