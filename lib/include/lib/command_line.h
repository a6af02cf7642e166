// SPDX-License-Identifier: MPL-2.0
// Words of a kernel command line.
#pragma once

#include <lib/types.h>

// Cuts the next word out of the text at *cursor, in place: words end at blanks, "double quotes" keep blanks in and are
// taken away. Null: there is none. *closed is false if a quote had no partner (the word then goes to the end).
char *command_line_next(char **cursor, bool *closed);
