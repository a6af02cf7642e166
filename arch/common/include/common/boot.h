// SPDX-License-Identifier: MPL-2.0
// For a port's boot code: what it fills boot_info with, and random numbers from before there are good ones.
#pragma once

#include <arch/boot.h>
#include <lib/types.h>

// Copies the command line: up to a NUL or `max` bytes. Control characters and bytes beyond ASCII cannot be meant: they
// become '?'.
void boot_command_line(const char *text, size_t max);
// [start, end) is of this type, whatever it was before. Panics if the map is full, unless memory would only be lost.
void boot_memory_set(uint64_t start, uint64_t end, enum boot_memory_type type);

// What the port's first code gathers before it places the image.
extern uint64_t early_entropy;
// That, stirred with the time that has passed since. Good enough to slide things about.
uint64_t random_early(void);
