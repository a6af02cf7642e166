// SPDX-License-Identifier: MPL-2.0
#pragma once

#include <sqfs/compressor.h>

// What expands zstd blocks for libsquashfs; its own would need five libraries. NULL: no memory.
sqfs_compressor_t *expander_create(void);
