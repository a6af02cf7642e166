// SPDX-License-Identifier: MPL-2.0
// What the kernel and the vDSO's code must agree on.
#pragma once

#include <common/vdso_data.h>

#define VDSO_CLOCK_SHIFT 24
