// SPDX-License-Identifier: MPL-2.0
// The exception table: where to go on when an access to user memory faults for good. Sorted once at boot, searched by
// halves. Both numbers of an entry are distances from themselves, so that the table needs no relocation.
#include <common/extable.h>

struct entry {
    int32_t instruction, fixup;
};
extern struct entry extable_start[], extable_end[];

static uintptr_t instruction_of(const struct entry *e) {
    return (uintptr_t)&e->instruction + (uintptr_t)e->instruction;
}
static uintptr_t fixup_of(const struct entry *e) {
    return (uintptr_t)&e->fixup + (uintptr_t)e->fixup;
}

static void entry_set(struct entry *e, uintptr_t instruction, uintptr_t fixup) {
    e->instruction = (int32_t)(instruction - (uintptr_t)&e->instruction);
    e->fixup = (int32_t)(fixup - (uintptr_t)&e->fixup);
}

// Restores the heap order below `root` (a heap with the largest on top).
static void sift_down(size_t root, size_t count) {
    struct entry *e = extable_start;
    uintptr_t instruction = instruction_of(&e[root]), fixup = fixup_of(&e[root]);
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= count)
            break;
        if (child + 1 < count && instruction_of(&e[child + 1]) > instruction_of(&e[child]))
            child++;
        if (instruction_of(&e[child]) <= instruction)
            break;
        entry_set(&e[root], instruction_of(&e[child]), fixup_of(&e[child]));
        root = child;
    }
    entry_set(&e[root], instruction, fixup);
}

void extable_init(void) {
    struct entry *e = extable_start;
    size_t count = (size_t)(extable_end - extable_start);
    for (size_t i = count / 2; i-- > 0;)
        sift_down(i, count);
    for (size_t last = count; last-- > 1;) {
        uintptr_t instruction = instruction_of(&e[last]), fixup = fixup_of(&e[last]);
        entry_set(&e[last], instruction_of(&e[0]), fixup_of(&e[0]));
        entry_set(&e[0], instruction, fixup);
        sift_down(0, last);
    }
}

uintptr_t extable_find(uintptr_t instruction) {
    size_t low = 0, high = (size_t)(extable_end - extable_start);
    while (low < high) {
        size_t middle = (low + high) / 2;
        uintptr_t at = instruction_of(&extable_start[middle]);
        if (at == instruction)
            return fixup_of(&extable_start[middle]);
        if (at < instruction)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}
