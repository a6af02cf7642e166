// SPDX-License-Identifier: MPL-2.0
// What init gives a service to register a name with: HMAC-SHA256, under a key that only init and registryd know, of all
// that it vouches for (servers/registryd/token.h). A service finds one such entry a name in its handle `token`.
#pragma once

#include <stdint.h>

#define TOKEN_NAME_MAX 63
#define TOKEN_SIZE 32

struct tessera_token {
    char name[TOKEN_NAME_MAX + 1];
    uint64_t generation; // which start of the service it is for: registryd takes no older one
    uint8_t bytes[TOKEN_SIZE];
};
