// SPDX-License-Identifier: MPL-2.0
// What a loader hands over becomes boot_info: the parts that do not depend on who it is.
#include <arch/boot.h>
#include <common/boot.h>
#include <lib/assert.h>
#include <lib/boot_map.h>
#include <lib/log.h>
#include <lib/string.h>

void boot_command_line(const char *text, size_t max) {
    char *to = boot_info.command_line;
    size_t room = sizeof boot_info.command_line - 1;
    size_t length = strnlen(text, max);
    size_t odd = 0;
    if (length > room) {
        klog(LOG_WARNING, "command line is longer than %zu bytes: the rest is ignored", room);
        length = room;
    }
    for (size_t i = 0; i < length; i++) {
        bool good = text[i] == '\t' || (text[i] >= ' ' && text[i] <= '~');
        odd += !good;
        to[i] = good ? text[i] : '?';
    }
    to[length] = '\0';
    if (odd != 0)
        klog(LOG_WARNING, "command line holds %zu bytes that are not text: replaced by '?'", odd);
}

void boot_memory_set(uint64_t start, uint64_t end, enum boot_memory_type type) {
    if (boot_map_set(&boot_info, start, end, type))
        return;
    // Without this one memory is only lost; without any other, memory in use could be handed out.
    if (type != BOOT_MEMORY_USABLE)
        panic("memory map has more than %u ranges", BOOT_RANGES_MAX);
    klog(LOG_WARNING, "memory map is full: 0x%llx-0x%llx is not used", (unsigned long long)start,
         (unsigned long long)end);
}
