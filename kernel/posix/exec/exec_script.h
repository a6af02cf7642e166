// SPDX-License-Identifier: MPL-2.0
// The `#!` line of a script.
#pragma once

#include <lib/status.h>

enum { SCRIPT_LINE_MAX = 256 };

struct script_line {
    char interpreter[SCRIPT_LINE_MAX];
    char argument[SCRIPT_LINE_MAX];
    bool has_argument;
};

// Parses the first bytes of a file. -ENOEXEC: not a script, no interpreter, or its path does not end within
// SCRIPT_LINE_MAX bytes (Linux's rules; an argument that is cut is not an error).
MUST_USE status_t script_parse(const char *head, size_t size, struct script_line *out);
