// SPDX-License-Identifier: MPL-2.0
#include "names.h"

#include <errno.h>
#include <string.h>

// How many names are less than the text: where it is, or would be.
static unsigned position(const struct names *names, const char *text) {
    unsigned low = 0, high = names->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (strcmp(names->list[middle].text, text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct name *names_find(struct names *names, const char *text) {
    unsigned at = position(names, text);
    return at < names->count && strcmp(names->list[at].text, text) == 0 ? &names->list[at] : NULL;
}

int names_enter(struct names *names, const char *text, uint64_t generation, int right, int *old) {
    struct name *name = names_find(names, text);
    *old = -1;
    if (name && generation < name->generation)
        return ESTALE;
    if (name) {
        *old = name->right;
    } else {
        if (names->count == NAMES_MAX)
            return ENOSPC;
        unsigned at = position(names, text);
        name = &names->list[at];
        memmove(name + 1, name, (names->count++ - at) * sizeof *name);
        strncpy(name->text, text, TOKEN_NAME_MAX);
        name->text[TOKEN_NAME_MAX] = '\0';
    }
    name->generation = generation;
    name->right = right;
    return 0;
}

struct name *names_after(struct names *names, const char *text) {
    unsigned at = position(names, text);
    at += at < names->count && strcmp(names->list[at].text, text) == 0;
    return at < names->count ? &names->list[at] : NULL;
}
