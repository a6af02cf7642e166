// SPDX-License-Identifier: MPL-2.0
// Devices without hardware: null, zero, full, random, urandom, kmsg.
#pragma once

// Boot, after vfs_init: registers the devices.
void dev_init(void);
