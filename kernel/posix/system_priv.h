// SPDX-License-Identifier: MPL-2.0
// The system's names.
#pragma once

#include <abi/system.h>
#include <lib/types.h>

#define SYSTEM_RELEASE "6.1.0-tessera"
#define SYSTEM_VERSION "#1 SMP Tessera 0.1"

void system_names(struct abi_utsname *out);
void system_set_name(bool domain, const char *name, size_t size); // for /proc/sys/kernel/hostname
