// SPDX-License-Identifier: MPL-2.0
// BLAKE2s against RFC 7693's vector and lengths around the block size (computed with Python's hashlib).
#include <lib/blake2s.h>
#include <tap.h>

static const struct {
    size_t size; // of 0, 1, … 250, 0, 1, …
    const char *hash;
} vectors[] = {
    {0, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9"},
    {1, "e34d74dbaf4ff4c6abd871cc220451d2ea2648846c7757fbaac82fe51ad64bea"},
    {63, "e57cb79487dd57902432b250733813bd96a84efce59f650fac26e6696aefafc3"},
    {64, "56f34e8b96557e90c1f24b52d0c89d51086acf1b00f634cf1dde9233b8eaaa3e"},
    {65, "1b53ee94aaf34e4b159d48de352c7f0661d0a40edff95a0b1639b4090e974472"},
    {127, "f18417b39d617ab1c18fdf91ebd0fc6d5516bb34cf39364037bce81fa04cecb1"},
    {128, "1fa877de67259d19863a2a34bcc6962a2b25fcbf5cbecd7ede8f1fa36688a796"},
    {129, "5bd169e67c82c2c2e98ef7008bdf261f2ddf30b1c00f9e7f275bb3e8a28dc9a2"},
    {255, "d96772649409d6df967e34e7aee3902033b81d7d44f1943e0c0a5f8057f774b8"},
    {1000, "1c067a5e746fb0f6734efac9a8cdb0e11061f0077f255184365c690115392501"},
};

static void to_hex(const uint8_t *bytes, char *hex) {
    for (unsigned i = 0; i < BLAKE2S_SIZE; i++)
        sprintf(hex + 2 * i, "%02x", bytes[i]);
}

static void hash(const uint8_t *from, size_t size, size_t step, char *hex) {
    struct blake2s b;
    uint8_t out[BLAKE2S_SIZE];
    blake2s_init(&b);
    for (size_t done = 0; done < size; done += step)
        blake2s_update(&b, from + done, MIN(step, size - done));
    blake2s_final(&b, out);
    to_hex(out, hex);
}

int main(void) {
    uint8_t data[1000];
    char hex[2 * BLAKE2S_SIZE + 1];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i % 251);
    hash((const uint8_t *)"abc", 3, 3, hex);
    ok(strcmp(hex, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982") == 0, "RFC 7693, \"abc\"");
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        for (size_t step = 1; step <= 1000; step *= 10) {
            hash(data, vectors[i].size, step, hex);
            ok(strcmp(hex, vectors[i].hash) == 0, "%zu bytes in pieces of %zu", vectors[i].size, step);
        }
    }
    return tap_done();
}
