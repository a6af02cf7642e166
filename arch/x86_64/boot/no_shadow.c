// SPDX-License-Identifier: MPL-2.0
// Builds without the address sanitizer have no shadow.

#include "boot/shadow.h"

void shadow_map_early(uint64_t slide) {}
void shadow_back(uintptr_t start, uint64_t size) {}
