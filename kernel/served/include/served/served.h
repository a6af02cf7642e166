// SPDX-License-Identifier: MPL-2.0
// Volumes that servers in user space read.
#pragma once

// At boot: registers the file system type `served`.
void served_init(void);
