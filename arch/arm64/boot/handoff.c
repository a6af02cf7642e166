// SPDX-License-Identifier: MPL-2.0
// How we were started. In .data: it is filled before .bss is cleared.
#include "boot/boot_priv.h"

struct boot_handoff boot_handoff __attribute__((section(".data")));
