// SPDX-License-Identifier: MPL-2.0
// For `make prove`: the arithmetic of rings as the kernel and libtessera compile it.
#include <stdint.h>

#include <abi/ring_index.h>
