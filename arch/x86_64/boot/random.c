// SPDX-License-Identifier: MPL-2.0
// The processor's random numbers, and what seeds ours at boot.

#include "boot/boot_priv.h"
#include "boot/page_bits.h"
#include "boot/port_io.h"
#include "x86_64_priv.h"
#include <lib/string.h>

bool port_random_word(uint64_t *word) {
    if (!x86_features.rdrand && !x86_features.rdseed)
        return false;
    for (int i = 0; i < 10; i++) { // the generator may be busy for a moment
        bool ok;
        if (x86_features.rdseed)
            __asm__ volatile("rdseed %0" : "=r"(*word), "=@ccc"(ok));
        else
            __asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(ok));
        if (ok)
            return true;
        if (x86_features.rdseed && x86_features.rdrand) {
            __asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(ok));
            if (ok)
                return true;
        }
    }
    return false;
}

uint64_t port_counter(void) {
    return tsc_read();
}

void random_seed_fill(void) {
    uint64_t words[sizeof boot_info.random_seed / 8] = {};
    (void)arch_random(words, sizeof words);
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        words[i] ^= random_early();
    memcpy(boot_info.random_seed, words, sizeof words);
}
