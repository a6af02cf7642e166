// SPDX-License-Identifier: MPL-2.0
// The ChaCha20 block function against the vectors of RFC 8439.
#include <lib/chacha20.h>
#include <tap.h>

static void from_hex(const char *hex, uint8_t *to, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned byte;
        sscanf(hex + 2 * i, "%2x", &byte);
        to[i] = (uint8_t)byte;
    }
}

struct vector {
    const char *what, *key, *nonce, *block;
    uint32_t counter;
};

static const struct vector vectors[] = {
    {"section 2.3.2", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "000000090000004a00000000",
     "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
     "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e",
     1},
    {"appendix A.1 #1", "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
     "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
     0},
    {"appendix A.1 #2", "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
     "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
     1},
};

int main(void) {
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        const struct vector *v = &vectors[i];
        uint8_t key[32], nonce[12], want[64], got[64];
        struct chacha20 c;
        from_hex(v->key, key, sizeof(key));
        from_hex(v->nonce, nonce, sizeof(nonce));
        from_hex(v->block, want, sizeof(want));
        chacha20_init(&c, key, v->counter, nonce);
        chacha20_block(&c, got);
        ok(memcmp(got, want, sizeof(want)) == 0, "RFC 8439 %s", v->what);
    }
    // Two blocks in a row are the blocks of two counters.
    uint8_t zero[32] = {}, first[64], second[64], want[64];
    struct chacha20 c;
    chacha20_init(&c, zero, 0, zero);
    chacha20_block(&c, first);
    chacha20_block(&c, second);
    from_hex(vectors[2].block, want, sizeof(want));
    ok(memcmp(second, want, sizeof(want)) == 0, "the counter goes on");
    return tap_done();
}
