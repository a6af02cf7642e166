// SPDX-License-Identifier: MPL-2.0
// Kernel virtual memory outside the direct map.
#pragma once

#include <lib/types.h>

// A kernel stack of KERNEL_STACK_SIZE with an unmapped guard page below; cached per CPU.
void *thread_stack_alloc(void);
void thread_stack_free(void *stack);
// Maps device memory uncached; nullptr: no room.
void *device_map(paddr_t start, size_t size);
void device_unmap(void *mapping, size_t size);
