// SPDX-License-Identifier: MPL-2.0
// Tokens for names of services: init derives them, registryd checks them. HMAC-SHA256 (libsodium's) under a key that
// both got from init's random numbers, over everything that the token vouches for.
#pragma once

#include <stdint.h>
#include <tessera/token.h>

#define TOKEN_KEY_SIZE 32

// For a service that may enter `name` by the registry handle of view `view`, in its start `generation`.
void token_derive(const uint8_t key[TOKEN_KEY_SIZE], const char *name, uint64_t generation, uint64_t view,
                  uint8_t token[TOKEN_SIZE]);
// In the same time whether it is right or wrong.
[[nodiscard]] bool token_is_for(const uint8_t key[TOKEN_KEY_SIZE], const char *name, uint64_t generation, uint64_t view,
                                const uint8_t token[TOKEN_SIZE]);
