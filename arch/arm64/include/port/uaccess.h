// SPDX-License-Identifier: MPL-2.0
// ARM64: one word from or to user memory; arch/user_access.h makes get_user and the like of them.
//
// ldtr and sttr access memory with user mode's rights, so single values and small copies need no open user window
// (PAN). An access that begins below USER_TOP and ends beyond faults like any other: nothing is ever mapped there.
#pragma once

#include <arch/user_fault.h>
#include <port/mmu.h>

#define ARCH_USER_REFUSES(address, size) ((address) >= ARCH_USER_TOP)
#define ARCH_USER_OPEN ((void)0)
#define ARCH_USER_CLOSE ((void)0)

// The suffix of the instruction, and of its register.
#define ARCH_USER_8 "b", "w"
#define ARCH_USER_16 "h", "w"
#define ARCH_USER_32 "", "w"
#define ARCH_USER_64 "", "x"

#define ARM64_LOAD(suffix, register, word, address, at, bad)                                     \
    __asm__ goto("1: ldtr" suffix " %" register "0, [%1, %2]\n\t" USER_FAULT(1b, "%l[" #bad "]") \
                 : "=r"(word)                                                                    \
                 : "r"(address), "i"(at)                                                         \
                 : "memory"                                                                      \
                 : bad)
#define ARM64_STORE(suffix, register, word, address, at, bad)                                    \
    __asm__ goto("1: sttr" suffix " %" register "0, [%1, %2]\n\t" USER_FAULT(1b, "%l[" #bad "]") \
                 :                                                                               \
                 : "rZ"(word), "r"(address), "i"(at)                                             \
                 : "memory"                                                                      \
                 : bad)
#define ARCH_USER_LOAD(...) ARM64_LOAD(__VA_ARGS__)
#define ARCH_USER_STORE(...) ARM64_STORE(__VA_ARGS__)
