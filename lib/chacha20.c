// SPDX-License-Identifier: MPL-2.0
// ChaCha20 as RFC 8439 has it: sixteen words, ten double rounds, and the input added at the end so that the
// permutation cannot be run backwards.
#include <lib/chacha20.h>
#include <lib/string.h>

static uint32_t load32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store32(uint8_t *p, uint32_t v) {
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

void chacha20_init(struct chacha20 *c, const uint8_t key[CHACHA20_KEY_SIZE], uint32_t counter,
                   const uint8_t nonce[12]) {
    static const uint8_t constants[] = "expand 32-byte k";
    for (unsigned i = 0; i < 4; i++)
        c->state[i] = load32(constants + 4 * i);
    for (unsigned i = 0; i < 8; i++)
        c->state[4 + i] = load32(key + 4 * i);
    c->state[12] = counter;
    for (unsigned i = 0; i < 3; i++)
        c->state[13 + i] = load32(nonce + 4 * i);
}

ALWAYS_INLINE uint32_t rotate(uint32_t v, unsigned n) {
    return v << n | v >> (32 - n);
}

ALWAYS_INLINE void quarter_round(uint32_t *x, unsigned a, unsigned b, unsigned c, unsigned d) {
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);
    x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);
    x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);
}

void chacha20_block(struct chacha20 *c, uint8_t out[CHACHA20_BLOCK_SIZE]) {
    uint32_t x[16];
    memcpy(x, c->state, sizeof(x));
    for (unsigned i = 0; i < 10; i++) {
        for (unsigned column = 0; column < 4; column++)
            quarter_round(x, column, 4 + column, 8 + column, 12 + column);
        for (unsigned diagonal = 0; diagonal < 4; diagonal++)
            quarter_round(x, diagonal, 4 + (diagonal + 1) % 4, 8 + (diagonal + 2) % 4, 12 + (diagonal + 3) % 4);
    }
    for (unsigned i = 0; i < 16; i++)
        store32(out + 4 * i, x[i] + c->state[i]);
    c->state[12]++;
}
