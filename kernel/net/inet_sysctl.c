// SPDX-License-Identifier: MPL-2.0
// /proc/sys/net: the settings of the Internet families.
#include "inet_priv.h"

#include <lib/log.h>
#include <vfs/path.h>

#define NUMBERS_MAX 3 // in one file

// Reads up to `most` decimal numbers. How many there are; -EINVAL: something else is there.
static int parse_numbers(const char *text, size_t size, int64_t *out, unsigned most) {
    unsigned count = 0;
    for (size_t i = 0; i < size;) {
        if (text[i] == ' ' || text[i] == '\t' || text[i] == '\n') {
            i++;
            continue;
        }
        if (count == most)
            return -EINVAL;
        bool negative = text[i] == '-';
        int64_t value = 0;
        size_t start = i += negative;
        for (; i < size && text[i] >= '0' && text[i] <= '9' && i - start < 11; i++)
            value = value * 10 + (text[i] - '0');
        if (i == start || (i < size && text[i] != ' ' && text[i] != '\t' && text[i] != '\n'))
            return -EINVAL;
        out[count++] = negative ? -value : value;
    }
    return (int)count;
}

// --- who may ping ---

static void ping_groups_show(struct text_buffer *text, void *context) {
    uint64_t range = atomic_load_explicit(&ping_groups, memory_order_relaxed);
    text_printf(text, "%u\t%u\n", (unsigned)(range >> 32), (unsigned)range);
}

static ssize_t ping_groups_store(void *context, const char *from, size_t size) {
    int64_t value[2];
    if (parse_numbers(from, size, value, 2) != 2 || value[0] < 0 || value[1] < 0 || value[0] > INT32_MAX ||
        value[1] > INT32_MAX)
        return -EINVAL;
    if (value[0] > value[1]) { // nobody
        value[0] = 1;
        value[1] = 0;
    }
    atomic_store_explicit(&ping_groups, (uint64_t)value[0] << 32 | (uint64_t)value[1], memory_order_relaxed);
    return (ssize_t)size;
}

void inet_sysctl_init(void) {
    status_t status = procfs_add("sys/net/ipv4/ping_group_range", 0644, ping_groups_show, ping_groups_store, nullptr);
    if (status != 0)
        klog(LOG_ERROR, "/proc/sys/net: error %d", -status);
}
