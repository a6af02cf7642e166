// SPDX-License-Identifier: MPL-2.0
// Cargo (arch/switch.h) in words that the compiler keeps in registers if there are enough, for ports whose switch does
// not exchange all vector registers anyway. Included by port/switch.h, after arch_thread_load.
#pragma once

#include <arch/cpu.h>
#include <lib/types.h>

struct thread;
ALWAYS_INLINE void arch_thread_load(struct thread *prev, struct thread *next);

struct arch_cargo {
    uint64_t words[8];
};
#define CARGO_WORD(ACCESS, cargo, address, at, i, bad) \
    ACCESS(ARCH_USER_64, (cargo)->words[i], address, (at) + 8 * (i), bad)
#define CARGO_4(ACCESS, cargo, address, at, i, bad)           \
    do {                                                      \
        CARGO_WORD(ACCESS, cargo, address, at, (i) + 0, bad); \
        CARGO_WORD(ACCESS, cargo, address, at, (i) + 1, bad); \
        CARGO_WORD(ACCESS, cargo, address, at, (i) + 2, bad); \
        CARGO_WORD(ACCESS, cargo, address, at, (i) + 3, bad); \
    } while (0)
#define CARGO_8(ACCESS, cargo, address, at, bad)     \
    do {                                             \
        CARGO_4(ACCESS, cargo, address, at, 0, bad); \
        CARGO_4(ACCESS, cargo, address, at, 4, bad); \
    } while (0)
#define ARCH_CARGO_LOAD(cargo, address, at, bad) CARGO_8(ARCH_USER_LOAD, cargo, address, at, bad)
#define ARCH_CARGO_STORE_64(cargo, address, at, bad) CARGO_8(ARCH_USER_STORE, cargo, address, at, bad)
#define ARCH_CARGO_STORE_32(cargo, address, at, bad) CARGO_4(ARCH_USER_STORE, cargo, address, at, 0, bad)
#define ARCH_CARGO_STORE_HEAD(first, second, address, at, bad)         \
    do {                                                               \
        ARCH_USER_STORE(ARCH_USER_64, first, address, at, bad);        \
        ARCH_USER_STORE(ARCH_USER_64, second, address, (at) + 8, bad); \
    } while (0)
ALWAYS_INLINE bool arch_cargo_begin(struct thread *self) {
    (void)self;
    arch_irq_disable();
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
}
ALWAYS_INLINE void arch_cargo_thread_load(struct thread *prev, struct thread *next) {
    arch_thread_load(prev, next);
}
