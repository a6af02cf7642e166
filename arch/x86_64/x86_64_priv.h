// SPDX-License-Identifier: MPL-2.0
// What the two halves of the port share: boot/ (start, paging, ACPI, APIC, clocks) and cpu/ (entry and exit,
// thread switch, vector state, TLB). Not for generic code.
#pragma once

#include <lib/types.h>

#define KERNEL_LINK_BASE 0xffffffff80000000ul // link address of physical 0
#define KERNEL_PHYS 0x200000ul                // where the image is loaded

// The image, from kernel.ld.
extern char kernel_start[], kernel_text_end[], kernel_rodata_end[], kernel_end[];
extern char percpu_start[], percpu_end[];
