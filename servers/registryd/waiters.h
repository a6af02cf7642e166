// SPDX-License-Identifier: MPL-2.0
// Lookups that wait for a name: the handles by which they are to be answered, first come first.
#pragma once

#include <stdint.h>
#include <tessera/token.h>

#define WAITERS_MAX 512
#define WAITERS_OF_VIEW 64 // one client's impatience must not take the others' room

struct waiter {
    char name[TOKEN_NAME_MAX + 1];
    uint64_t view;
    int reply;
};

struct waiters {
    struct waiter list[WAITERS_MAX];
    unsigned count;
};

// Adds one. Where there is no room, the view's oldest one (or the oldest of all) gives way: its reply handle, to be
// answered with EAGAIN, is returned; otherwise -1.
int waiters_add(struct waiters *waiters, const char *name, uint64_t view, int reply);
// Takes one out of the list: its reply handle.
int waiters_remove(struct waiters *waiters, unsigned at);
