// SPDX-License-Identifier: MPL-2.0
// What the shared half of a port needs of the other: where the image lies, and its own way to copy.
#pragma once

#include <lib/types.h>

// The image, from kernel.ld.
extern char kernel_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[];
extern char percpu_start[], percpu_end[];
// Virtual minus physical address of the image, and the physical address of something within it.
extern uintptr_t image_offset;
ALWAYS_INLINE paddr_t image_phys(const void *address) {
    return (uintptr_t)address - image_offset;
}

// A random number of the processor's. False: it has none, or none yet after some tries.
bool port_random_word(uint64_t *word);
// Something that counts all the time.
uint64_t port_counter(void);

// user_copy.S: the number of bytes that were not copied. The range has been checked.
size_t port_copy_from_user(void *to, const void *from, size_t size);
size_t port_copy_to_user(void *to, const void *from, size_t size);
size_t port_clear_user(void *to, size_t size);
