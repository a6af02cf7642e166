// SPDX-License-Identifier: MPL-2.0
// Views: which names a registry handle, by its badge, shows.
#pragma once

#include <stdint.h>

#define VIEW_ALL 1 // init's
#define VIEWS_MAX 256
#define VIEW_TEXT_MAX 2000

struct view {
    uint64_t badge;
    char names[VIEW_TEXT_MAX + 1]; // words with a blank between them; `*` is all
};

struct views {
    struct view list[VIEWS_MAX];
    unsigned count;
};

// 0, ENOSPC.
int views_set(struct views *views, uint64_t badge, const char *names);
// Has anybody said what this badge shows?
bool views_known(const struct views *views, uint64_t badge);
// A badge without a view shows nothing.
bool views_show(const struct views *views, uint64_t badge, const char *name);
