// SPDX-License-Identifier: MPL-2.0
// Names and the send rights that they stand for. No system calls here: handles are numbers that this file only keeps.
#pragma once

#include <stdint.h>
#include <tessera/token.h>

#define NAMES_MAX 1024

struct name {
    char text[TOKEN_NAME_MAX + 1];
    uint64_t generation;
    int right;
};

struct names {
    struct name list[NAMES_MAX]; // in the alphabet's order
    unsigned count;
};

// The entry of that name, or null.
struct name *names_find(struct names *names, const char *text);
// Enters or replaces; *old is the right that was there before, or -1. 0, ESTALE (its generation is later), ENOSPC.
int names_enter(struct names *names, const char *text, uint64_t generation, int right, int *old);
// The first entry behind `text`, or null.
struct name *names_after(struct names *names, const char *text);
