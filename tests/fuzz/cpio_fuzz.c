// SPDX-License-Identifier: MPL-2.0
// Fuzzes the parser of the initial file system's archive: whatever the bytes, it ends, moves on with every member, and
// what it hands out lies within the archive.
#include "kernel/vfs/cpio_priv.h"
#include <lib/types.h>
#include <stdlib.h>
#include <string.h>

static void check(bool good) {
    if (!good)
        abort();
}

static bool within(const void *at, size_t size, const uint8_t *base, const uint8_t *end) {
    const uint8_t *start = at;
    return start >= base && start <= end && size <= (size_t)(end - start);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = aligned_alloc(8, (size + 8) & ~7ull);
    uint8_t *base = copy + ((size + 8) & ~7ull) - size; // ends where the memory ends: reading beyond is found
    base -= (uintptr_t)base & 3;
    memcpy(base, data, size);
    const uint8_t *at = base, *end = base + size;
    for (;;) {
        struct cpio_member member = {};
        const uint8_t *before = at;
        enum cpio_result result = cpio_next(base, &at, end, &member);
        check(at >= before && at <= end);
        if (result == CPIO_END || result == CPIO_CORRUPT)
            break;
        check(at > before);
        if (result != CPIO_MEMBER)
            continue;
        check(within(member.name, member.name_length + 1, base, end) && member.name[member.name_length] == '\0');
        check(strlen(member.name) == member.name_length);
        check(within(member.data, member.size, base, end));
    }
    free(copy);
    return 0;
}
