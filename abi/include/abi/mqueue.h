// SPDX-License-Identifier: MPL-2.0
// POSIX message queues: Linux's numbers and structures.
#pragma once

#include <stdint.h>

#define MQ_PRIO_MAX 32768
#define MQUEUE_MAGIC 0x19800202

struct abi_mq_attr {
    int64_t flags, messages_max, size_max, messages, reserved[4];
};
static_assert(sizeof(struct abi_mq_attr) == 64);
