// SPDX-License-Identifier: MPL-2.0
// `#!` as Linux reads it: blanks, the interpreter up to a blank, blanks, then all the rest of the line as one
// argument without trailing blanks. The line ends at a newline or at the 256th byte; there the interpreter's path must
// have ended, or it may be a wrong one.
#include "exec_script.h"
#include <lib/string.h>

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

status_t script_parse(const char *head, size_t size, struct script_line *out) {
    if (size < 2 || head[0] != '#' || head[1] != '!')
        return -ENOEXEC;
    size = MIN(size, (size_t)SCRIPT_LINE_MAX);
    const char *end = memchr(head, '\n', size);
    bool whole = end != nullptr || size < SCRIPT_LINE_MAX;
    if (!end)
        end = head + size;
    const char *nul = memchr(head, 0, end - head);
    if (nul) {
        end = nul;
        whole = true;
    }

    const char *p = head + 2;
    while (p < end && is_blank(*p))
        p++;
    const char *path = p;
    while (p < end && !is_blank(*p))
        p++;
    if (p == path || (p == end && !whole))
        return -ENOEXEC;
    memcpy(out->interpreter, path, p - path);
    out->interpreter[p - path] = 0;

    while (p < end && is_blank(*p))
        p++;
    while (end > p && is_blank(end[-1]))
        end--;
    out->has_argument = end > p;
    memcpy(out->argument, p, end - p);
    out->argument[end - p] = 0;
    return 0;
}
