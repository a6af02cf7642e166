// SPDX-License-Identifier: MPL-2.0
// The processor's random numbers, and what seeds ours at boot.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "boot/early.h"
#include "cpu/sysreg.h"
#include <lib/string.h>

// The flags say whether there was one.
static bool random_word(uint64_t *word) {
    for (int i = 0; i < 10; i++) { // the generator may be busy for a moment
        bool ok;
        __asm__ volatile("mrs %0, s3_3_c2_c4_0\n\tcset %w1, ne" : "=r"(*word), "=r"(ok)::"cc");
        if (ok)
            return true;
    }
    return false;
}

size_t arch_random(void *to, size_t size) {
    if (!arm64_features.rng)
        return 0;
    size_t done = 0;
    while (done < size) {
        uint64_t word;
        if (!random_word(&word))
            break;
        size_t part = MIN(size - done, sizeof word);
        memcpy((char *)to + done, &word, part);
        done += part;
    }
    return done;
}

// What early.c gathered, stirred with the time that has passed since. Good enough to slide things about.
uint64_t random_early(void) {
    arm64_early_entropy = (arm64_early_entropy ^ sysreg_read(CNTVCT_EL0)) * 0x9e3779b97f4a7c15ull;
    arm64_early_entropy ^= arm64_early_entropy >> 29;
    uint64_t out = arm64_early_entropy * 0xbf58476d1ce4e5b9ull;
    return out ^ (out >> 32);
}

void random_seed_fill(void) {
    uint64_t words[sizeof boot_info.random_seed / 8] = {};
    (void)arch_random(words, sizeof words);
    static_assert(sizeof words == sizeof boot_handoff.seed);
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        uint64_t firmware = 0;
        if (boot_handoff.seeded)
            memcpy(&firmware, boot_handoff.seed + 8 * i, sizeof firmware);
        words[i] ^= random_early() ^ firmware;
    }
    memcpy(boot_info.random_seed, words, sizeof words);
    memset(boot_handoff.seed, 0, sizeof boot_handoff.seed);
}
