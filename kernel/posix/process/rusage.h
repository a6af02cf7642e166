// SPDX-License-Identifier: MPL-2.0
// Resource usage in the form that getrusage and wait4 give.
#pragma once

#include <abi/resource.h>
#include <posix/process.h>

void rusage_to_abi(const struct resource_totals *totals, struct abi_rusage *out);
