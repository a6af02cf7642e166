// SPDX-License-Identifier: MPL-2.0
// Names for addresses in crash records.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Writes FUNCTION+OFFSET for a place in a program's file. False: the file has no name for it.
bool symbol_at(const char *path, uint64_t offset, char *name, size_t room);
