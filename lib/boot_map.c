// SPDX-License-Identifier: MPL-2.0
// A sorted table of memory ranges without overlap. Firmware's maps come unsorted and overlapping: ranges are
// added in order of rising authority, and each cuts its place out of those before it.

#include <lib/boot_map.h>
#include <lib/string.h>

static void remove_at(struct boot_info *info, unsigned i) {
    memmove(&info->ranges[i], &info->ranges[i + 1], (info->range_count - i - 1) * sizeof info->ranges[0]);
    info->range_count--;
}

static void insert_at(struct boot_info *info, unsigned i, struct boot_range range) {
    memmove(&info->ranges[i + 1], &info->ranges[i], (info->range_count - i) * sizeof info->ranges[0]);
    info->ranges[i] = range;
    info->range_count++;
}

// Removes [start, end) from all ranges. One of them may fall into two.
static void cut(struct boot_info *info, uint64_t start, uint64_t end) {
    for (unsigned i = 0; i < info->range_count;) {
        struct boot_range *range = &info->ranges[i];
        if (range->end <= start || range->start >= end) {
            i++;
        } else if (range->start >= start && range->end <= end) {
            remove_at(info, i);
        } else if (range->start < start && range->end > end) {
            struct boot_range tail = {end, range->end, range->type};
            range->end = start;
            insert_at(info, i + 1, tail);
            return;
        } else {
            if (range->start < start)
                range->end = start;
            else
                range->start = end;
            i++;
        }
    }
}

static void join_neighbours(struct boot_info *info) {
    for (unsigned i = 0; i + 1 < info->range_count;) {
        struct boot_range *range = &info->ranges[i], *next = range + 1;
        if (range->end == next->start && range->type == next->type) {
            range->end = next->end;
            remove_at(info, i + 1);
        } else {
            i++;
        }
    }
}

bool boot_map_set(struct boot_info *info, uint64_t start, uint64_t end, enum boot_memory_type type) {
    if (type == BOOT_MEMORY_USABLE) {
        if (start > UINT64_MAX - PAGE_SIZE)
            return true;
        start = ALIGN_UP(start, PAGE_SIZE);
        end = ALIGN_DOWN(end, PAGE_SIZE);
    } else {
        start = ALIGN_DOWN(start, PAGE_SIZE);
        end = end > UINT64_MAX - PAGE_SIZE ? ALIGN_DOWN(UINT64_MAX, PAGE_SIZE) : ALIGN_UP(end, PAGE_SIZE);
    }
    if (start >= end)
        return true;
    if (info->range_count + 2 > BOOT_RANGES_MAX) // the cut and the new one
        return false;
    cut(info, start, end);
    unsigned i = 0;
    while (i < info->range_count && info->ranges[i].start < start)
        i++;
    insert_at(info, i, (struct boot_range){start, end, type});
    join_neighbours(info);
    return true;
}

bool boot_map_is_usable(const struct boot_info *info, uint64_t start, uint64_t end) {
    for (unsigned i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];
        if (range->type == BOOT_MEMORY_USABLE && range->start <= start && end <= range->end)
            return start <= end;
    }
    return false;
}

paddr_t boot_map_take(struct boot_info *info, uint64_t size, uint64_t low, uint64_t high) {
    for (unsigned i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];
        if (range->type != BOOT_MEMORY_USABLE)
            continue;
        uint64_t start = MAX(range->start, low);
        uint64_t end = MIN(range->end, high);
        if (start < end && end - start >= size)
            return boot_map_set(info, start, start + size, BOOT_MEMORY_KERNEL) ? start : 0;
    }
    return 0;
}

uint64_t boot_map_total(const struct boot_info *info, enum boot_memory_type type) {
    uint64_t total = 0;
    for (unsigned i = 0; i < info->range_count; i++) {
        if (info->ranges[i].type == type)
            total += info->ranges[i].end - info->ranges[i].start;
    }
    return total;
}
