// SPDX-License-Identifier: MPL-2.0
// What the boot code hands to kernel_main: where memory is, and what the loader passed.
#pragma once

#include <lib/boot_map.h>

extern struct boot_info boot_info;
