// SPDX-License-Identifier: MPL-2.0
#pragma once

#include <mm/vmap.h>

// Kernel virtual memory for good, before vmap_init. Page-aligned.
vaddr_t vmap_boot_reserve(size_t size);
void vmap_init(void);
