// SPDX-License-Identifier: MPL-2.0
// Pointer authentication of user mode: what prctl(2) asks. What thread switches call is in cpu_priv.h.
#pragma once

#include <abi/prctl.h>
#include <lib/types.h>

// Of the current thread. -EINVAL as Linux, also where the CPUs have no such keys.
long pauth_reset_keys(unsigned long keys);
long pauth_set_enabled(unsigned long keys, unsigned long enabled);
long pauth_get_enabled(void);
