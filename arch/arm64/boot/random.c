// SPDX-License-Identifier: MPL-2.0
// The processor's random numbers, and what seeds ours at boot.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "boot/early.h"
#include "cpu/sysreg.h"
#include <lib/string.h>

// The flags say whether there was one.
bool port_random_word(uint64_t *word) {
    if (!arm64_features.rng)
        return false;
    for (int i = 0; i < 10; i++) { // the generator may be busy for a moment
        bool ok;
        __asm__ volatile("mrs %0, s3_3_c2_c4_0\n\tcset %w1, ne" : "=r"(*word), "=r"(ok)::"cc");
        if (ok)
            return true;
    }
    return false;
}

uint64_t port_counter(void) {
    return sysreg_read(CNTVCT_EL0);
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
