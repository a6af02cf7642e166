// SPDX-License-Identifier: MPL-2.0
// The BLAKE2s hash (RFC 7693), unkeyed, 32 bytes out.
#pragma once

#include <lib/types.h>

#define BLAKE2S_SIZE 32

struct blake2s {
    uint32_t h[8];
    uint64_t counted;  // bytes compressed so far
    uint8_t block[64]; // waiting to be
    size_t used;
};

void blake2s_init(struct blake2s *b);
void blake2s_update(struct blake2s *b, const void *from, size_t size);
void blake2s_final(struct blake2s *b, uint8_t out[BLAKE2S_SIZE]);
