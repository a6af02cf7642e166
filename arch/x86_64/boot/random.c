// SPDX-License-Identifier: MPL-2.0
// The processor's random numbers, and what seeds ours at boot.

#include "boot/boot_priv.h"
#include "boot/page_bits.h"
#include "boot/port_io.h"
#include "x86_64_priv.h"
#include <lib/string.h>

static bool random_word(uint64_t *word) {
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

size_t arch_random(void *to, size_t size) {
    if (!x86_features.rdrand && !x86_features.rdseed)
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
    x86_early_entropy = (x86_early_entropy ^ tsc_read()) * 0x9e3779b97f4a7c15ull;
    x86_early_entropy ^= x86_early_entropy >> 29;
    uint64_t out = x86_early_entropy * 0xbf58476d1ce4e5b9ull;
    return out ^ (out >> 32);
}

void random_seed_fill(void) {
    uint64_t words[sizeof boot_info.random_seed / 8] = {};
    (void)arch_random(words, sizeof words);
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        words[i] ^= random_early();
    memcpy(boot_info.random_seed, words, sizeof words);
}
