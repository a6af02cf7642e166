// SPDX-License-Identifier: MPL-2.0
#pragma once

#include <arch/thread.h>
#include <mm/vmap.h>

// Kernel stacks: as many slots, each twice the size of a stack, which is its upper half.
#define VMAP_STACK_SLOTS 65536ul
#define VMAP_SLOT_SIZE (2 * KERNEL_STACK_SIZE)

// Kernel virtual memory for good, before vmap_init. Page-aligned.
vaddr_t vmap_boot_reserve(size_t size);
void vmap_init(void);
