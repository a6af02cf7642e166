// SPDX-License-Identifier: MPL-2.0
// The ChaCha20 block function (RFC 8439).
#pragma once

#include <lib/types.h>

#define CHACHA20_KEY_SIZE 32
#define CHACHA20_BLOCK_SIZE 64

struct chacha20 {
    uint32_t state[16]; // constants, key, counter, nonce
};

void chacha20_init(struct chacha20 *c, const uint8_t key[CHACHA20_KEY_SIZE], uint32_t counter, const uint8_t nonce[12]);
// The key stream's next block; counts the block counter up.
void chacha20_block(struct chacha20 *c, uint8_t out[CHACHA20_BLOCK_SIZE]);
