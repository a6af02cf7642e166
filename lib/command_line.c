// SPDX-License-Identifier: MPL-2.0
// See lib/command_line.h. A word only gets shorter when its quotes go, so it is written over itself.

#include <lib/command_line.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

char *command_line_next(char **cursor, bool *closed) {
    char *from = *cursor;
    while (is_blank(*from))
        from++;
    if (*from == '\0') {
        *cursor = from;
        return nullptr;
    }
    char *word = from, *to = from;
    bool quoted = false;
    for (; *from != '\0' && (quoted || !is_blank(*from)); from++) {
        if (*from == '"')
            quoted = !quoted;
        else
            *to++ = *from;
    }
    *cursor = *from == '\0' ? from : from + 1;
    *to = '\0';
    *closed = !quoted;
    return word;
}
