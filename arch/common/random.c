// SPDX-License-Identifier: MPL-2.0
// Random numbers: the processor's, a word at a time, and those that boot code makes do with before there are better
// ones.
#include <arch/cpu.h>
#include <common/boot.h>
#include <common/port.h>
#include <lib/string.h>

size_t arch_random(void *to, size_t size) {
    size_t done = 0;
    while (done < size) {
        uint64_t word;
        if (!port_random_word(&word))
            break;
        size_t part = MIN(size - done, sizeof word);
        memcpy((char *)to + done, &word, part);
        done += part;
    }
    return done;
}

uint64_t random_early(void) {
    early_entropy = (early_entropy ^ port_counter()) * 0x9e3779b97f4a7c15ull;
    early_entropy ^= early_entropy >> 29;
    uint64_t out = early_entropy * 0xbf58476d1ce4e5b9ull;
    return out ^ (out >> 32);
}
