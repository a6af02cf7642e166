// SPDX-License-Identifier: MPL-2.0
// Between the fuzzer of protocols and what tools/gen-protocol makes for it of each.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <tessera/server.h>

struct fuzzed {
    const struct tessera_protocol *about;
    void *server;
    void (*const *calls)(void); // one a method
};

// What a server or client was handed: it must lie within its bounds.
void look_string(const char *text, size_t room);
void look_bytes(const uint8_t *bytes, uint32_t size, size_t room);
void look_handle(int handle);
void gave(unsigned handles); // a client is about to give these away
bool refuses(void);          // whether the server's method fails
