// SPDX-License-Identifier: MPL-2.0
// Private to kernel/dev.
#pragma once

#include "klog_ring.h"

#include <lib/types.h>

#define DEVICE_NUMBER(major, minor) ((uint32_t)((major) << 8 | (minor)))

extern struct klog_ring klog_ring;

// Starts waking the readers of /dev/kmsg (kmsg.c), for klog.c.
void kmsg_notify(void);
// Blocks until record `number` is there. -ERESTARTSYS.
MUST_USE status_t kmsg_wait(uint64_t number);
// The first record after the last kmsg_clear().
uint64_t kmsg_cleared(void);
void kmsg_clear(void);

void memdev_init(void);
void random_device_init(void);
void kmsg_init(void);
