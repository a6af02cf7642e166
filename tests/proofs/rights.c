// SPDX-License-Identifier: MPL-2.0
// For `make prove`: what is done to the rights of handles, as the kernel compiles it.
#include <stdint.h>

#include <object/rights.h>
