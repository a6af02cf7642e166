// SPDX-License-Identifier: MPL-2.0
// Shadow memory of the address sanitizer. Debug builds take shadow.c, others no_shadow.c.
#pragma once

#include <lib/types.h>

// early.c, before the image runs: all of the upper half gets a shadow that says "fine"; that of the image is its own
// and writable. `slide` is how far the image was moved.
void shadow_map_early(uint64_t slide);
// paging.c: gives [start, start + size) writable shadow of its own.
void shadow_back(uintptr_t start, uint64_t size);
