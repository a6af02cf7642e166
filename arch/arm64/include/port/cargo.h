// SPDX-License-Identifier: MPL-2.0
// Cargo (arch/switch.h) in general registers, two at a time. There is no unprivileged form of that access, so the user
// window is open from arch_cargo_begin on, until the cargo is dropped, an access goes to its fixup, or user mode is
// entered. Interrupts are off all the while, and nothing in between but these accesses has user addresses. Included by
// port/switch.h.
#pragma once

#include <arch/user_fault.h>
#include <port/cpu.h>
#include <port/patch.h>

struct arch_cargo {
    uint64_t words[8];
};

#define ARM64_LOAD_PAIR(first, second, address, at, bad)                      \
    __asm__ goto("1: ldp %0, %1, [%2, %3]\n\t" USER_FAULT(1b, "%l[" #bad "]") \
                 : "=r"(first), "=r"(second)                                  \
                 : "r"(address), "i"(at)                                      \
                 : "memory"                                                   \
                 : bad)
#define ARM64_STORE_PAIR(first, second, address, at, bad)                       \
    __asm__ goto("1: stp %x0, %x1, [%2, %3]\n\t" USER_FAULT(1b, "%l[" #bad "]") \
                 :                                                              \
                 : "rZ"(first), "rZ"(second), "r"(address), "i"(at)             \
                 : "memory"                                                     \
                 : bad)
#define ARM64_CARGO_4(PAIR, cargo, address, at, i, bad)                                            \
    do {                                                                                           \
        PAIR((cargo)->words[(i)], (cargo)->words[(i) + 1], address, (at) + 8 * (i), bad);          \
        PAIR((cargo)->words[(i) + 2], (cargo)->words[(i) + 3], address, (at) + 8 * (i) + 16, bad); \
    } while (0)
#define ARM64_CARGO_8(PAIR, cargo, address, at, bad)     \
    do {                                                 \
        ARM64_CARGO_4(PAIR, cargo, address, at, 0, bad); \
        ARM64_CARGO_4(PAIR, cargo, address, at, 4, bad); \
    } while (0)
#define ARCH_CARGO_LOAD(cargo, address, at, bad) ARM64_CARGO_8(ARM64_LOAD_PAIR, cargo, address, at, bad)
#define ARCH_CARGO_STORE_64(cargo, address, at, bad) ARM64_CARGO_8(ARM64_STORE_PAIR, cargo, address, at, bad)
#define ARCH_CARGO_STORE_32(cargo, address, at, bad) ARM64_CARGO_4(ARM64_STORE_PAIR, cargo, address, at, 0, bad)
#define ARCH_CARGO_STORE_HEAD(first, second, address, at, bad) ARM64_STORE_PAIR(first, second, address, at, bad)

ALWAYS_INLINE bool arch_cargo_begin(struct thread *self) {
    (void)self;
    arch_irq_disable();
    arm64_window_open();
    return true;
}
ALWAYS_INLINE bool arch_cargo_suits(const struct thread *next) {
    (void)next;
    return true;
}
ALWAYS_INLINE void arch_cargo_copy(const struct arch_cargo *cargo, uint64_t *words) {
    __builtin_memcpy(words, cargo->words, sizeof cargo->words);
}
ALWAYS_INLINE void arch_cargo_drop(struct thread *self) {
    (void)self;
    arm64_window_close();
}
ALWAYS_INLINE void arch_cargo_thread_load(struct thread *prev, struct thread *next) {
    arch_thread_load(prev, next);
}
