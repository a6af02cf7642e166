// SPDX-License-Identifier: MPL-2.0
// Registers the devices of this folder.
#include "dev_priv.h"

#include <dev/dev.h>

void dev_init(void) {
    memdev_init();
    random_device_init();
    kmsg_init();
}
