// SPDX-License-Identifier: MPL-2.0
// Walks frame records: the caller's record and the return address, at x29. Every step must go up within one of the
// stacks that this CPU may be on, so a broken or hostile chain ends the walk and nothing is ever read outside them.
#include "arm64_priv.h"
#include "cpu/cpu_priv.h"
#include <arch/mmu.h>
#include <arch/percpu.h>
#include <arch/thread.h>

static bool in_range(uintptr_t at, uintptr_t start, uintptr_t end) {
    return at >= start && at + 16 <= end;
}

// True if both words at `at` can be read: on the thread's stack, the boot stack or the per-CPU overflow stack.
static bool on_a_stack(uintptr_t at) {
    struct thread *self = arch_current();
    uintptr_t area = (uintptr_t)percpu_start + arch_percpu_base();
    if (!IS_ALIGNED(at, 8ul))
        return false;
    if (self != nullptr && in_range(at, arch_of(self)->stack_top - KERNEL_STACK_SIZE, arch_of(self)->stack_top))
        return true;
    return in_range(at, (uintptr_t)boot_stack, (uintptr_t)boot_stack_top) ||
           in_range(at, area, area + (uintptr_t)(percpu_end - percpu_start));
}

// A return address is signed in the bits that are ones in every kernel address.
static uintptr_t unsigned_address(uintptr_t address) {
    return address | ~(ARCH_USER_TOP - 1);
}

unsigned arch_backtrace(uintptr_t start, uintptr_t *addresses, unsigned max) {
    uintptr_t at = start != 0 ? start : (uintptr_t)__builtin_frame_address(0);
    unsigned count = 0;
    while (count < max && on_a_stack(at)) {
        const uintptr_t *record = (const uintptr_t *)at;
        uintptr_t address = unsigned_address(record[1]);
        if (address < (uintptr_t)kernel_start || address >= (uintptr_t)kernel_text_end)
            break;
        addresses[count++] = address;
        if (record[0] <= at)
            break;
        at = record[0];
    }
    return count;
}
