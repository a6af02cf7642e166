// SPDX-License-Identifier: MPL-2.0
// The one way from this library into the kernel. Tests put a function of their own in its place.
#pragma once

#include <abi/native_numbers.h>

// A native call with up to five arguments: its result, or a negative error number.
long native_call(long number, long a, long b, long c, long d, long e);
