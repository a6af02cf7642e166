// SPDX-License-Identifier: MPL-2.0
// BLAKE2s as RFC 7693 has it. A full block is compressed only when more input follows, because the last one is
// marked.
#include <lib/blake2s.h>
#include <lib/string.h>

static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static const uint8_t sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

ALWAYS_INLINE uint32_t rotate_right(uint32_t v, unsigned n) {
    return v >> n | v << (32 - n);
}

struct mix_cells {
    uint32_t *a, *b, *c, *d;
};

static void mix(struct mix_cells v, uint32_t x, uint32_t y) {
    *v.a += *v.b + x, *v.d = rotate_right(*v.d ^ *v.a, 16);
    *v.c += *v.d, *v.b = rotate_right(*v.b ^ *v.c, 12);
    *v.a += *v.b + y, *v.d = rotate_right(*v.d ^ *v.a, 8);
    *v.c += *v.d, *v.b = rotate_right(*v.b ^ *v.c, 7);
}

static void compress(struct blake2s *b, bool last) {
    uint32_t v[16], m[16];
    for (unsigned i = 0; i < 16; i++)
        m[i] = (uint32_t)b->block[4 * i] | (uint32_t)b->block[4 * i + 1] << 8 | (uint32_t)b->block[4 * i + 2] << 16 |
               (uint32_t)b->block[4 * i + 3] << 24;
    for (unsigned i = 0; i < 8; i++) {
        v[i] = b->h[i];
        v[8 + i] = initial[i];
    }
    v[12] ^= (uint32_t)b->counted;
    v[13] ^= (uint32_t)(b->counted >> 32);
    if (last)
        v[14] = ~v[14];
    for (unsigned round = 0; round < 10; round++) {
        const uint8_t *s = sigma[round];
        for (unsigned i = 0; i < 4; i++)
            mix((struct mix_cells){&v[i], &v[4 + i], &v[8 + i], &v[12 + i]}, m[s[2 * i]], m[s[2 * i + 1]]);
        for (unsigned i = 0; i < 4; i++)
            mix((struct mix_cells){&v[i], &v[4 + (i + 1) % 4], &v[8 + (i + 2) % 4], &v[12 + (i + 3) % 4]},
                m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
    }
    for (unsigned i = 0; i < 8; i++)
        b->h[i] ^= v[i] ^ v[8 + i];
}

void blake2s_init(struct blake2s *b) {
    memset(b, 0, sizeof(*b));
    memcpy(b->h, initial, sizeof(initial));
    b->h[0] ^= 0x01010000 ^ BLAKE2S_SIZE; // digest length; no key; sequential
}

void blake2s_update(struct blake2s *b, const void *from, size_t size) {
    const uint8_t *p = from;
    while (size > 0) {
        if (b->used == sizeof(b->block)) {
            b->counted += sizeof(b->block);
            compress(b, false);
            b->used = 0;
        }
        size_t part = MIN(size, sizeof(b->block) - b->used);
        memcpy(b->block + b->used, p, part);
        b->used += part;
        p += part;
        size -= part;
    }
}

void blake2s_final(struct blake2s *b, uint8_t out[BLAKE2S_SIZE]) {
    b->counted += b->used;
    memset(b->block + b->used, 0, sizeof(b->block) - b->used);
    compress(b, true);
    for (unsigned i = 0; i < BLAKE2S_SIZE; i++)
        out[i] = (uint8_t)(b->h[i / 4] >> (8 * (i % 4)));
    memset(b, 0, sizeof(*b));
}
