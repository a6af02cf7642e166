// SPDX-License-Identifier: MPL-2.0
// Names of kernel addresses, for %pS. The tables come from tools/gen-symbols, after the first of the kernel's
// two links; in the first itself they are not there.

#include "init_priv.h"
#include <lib/fmt.h>
#include <lib/string.h>

extern const uint32_t kernel_symbol_offsets[] __attribute__((weak)); // from kernel_start, sorted
extern const uint32_t kernel_symbol_count __attribute__((weak));
extern const char kernel_symbol_names[] __attribute__((weak)); // one after the other, each with its NUL
extern const char kernel_start[], kernel_text_end[];

// The index of the last symbol at or before `offset`.
static uint32_t find(uint32_t offset) {
    uint32_t low = 0, high = kernel_symbol_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (kernel_symbol_offsets[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static const char *name_of(uint32_t index) {
    const char *name = kernel_symbol_names;
    while (index-- > 0)
        name += strlen(name) + 1;
    return name;
}

static int symbol_describe(uintptr_t address, char *to, size_t size) {
    if (&kernel_symbol_count == nullptr || address < (uintptr_t)kernel_start || address >= (uintptr_t)kernel_text_end)
        return 0;
    uint32_t distance = (uint32_t)(address - (uintptr_t)kernel_start);
    uint32_t index = find(distance);
    if (kernel_symbol_offsets[index] > distance)
        return 0;
    return fmt_snprintf(to, size, "%s+0x%x", name_of(index), distance - kernel_symbol_offsets[index]);
}

void symbols_init(void) {
    fmt_symbol_hook = symbol_describe;
}
