// SPDX-License-Identifier: MPL-2.0
// What is authenticated has one length and one reading: a label, the name padded with zeros, the generation and the
// view, so that no two different things give the same bytes.
#include "token.h"

#include <sodium/crypto_auth_hmacsha256.h>
#include <string.h>

struct [[gnu::packed]] statement {
    [[gnu::nonstring]] char label[16];
    char name[TOKEN_NAME_MAX + 1];
    uint64_t generation, view;
};

static struct statement statement(const char *name, uint64_t generation, uint64_t view) {
    struct statement s = {.label = "registry enter 1", .generation = generation, .view = view};
    memcpy(s.name, name, strnlen(name, TOKEN_NAME_MAX));
    return s;
}

void token_derive(const uint8_t key[TOKEN_KEY_SIZE], const char *name, uint64_t generation, uint64_t view,
                  uint8_t token[TOKEN_SIZE]) {
    struct statement s = statement(name, generation, view);
    crypto_auth_hmacsha256(token, (const unsigned char *)&s, sizeof s, key);
}

bool token_is_for(const uint8_t key[TOKEN_KEY_SIZE], const char *name, uint64_t generation, uint64_t view,
                  const uint8_t token[TOKEN_SIZE]) {
    struct statement s = statement(name, generation, view);
    return crypto_auth_hmacsha256_verify(token, (const unsigned char *)&s, sizeof s, key) == 0;
}
