// SPDX-License-Identifier: MPL-2.0
// Porting guide: clock, one-shot timer, vDSO.
#include <arch/time.h>

// The handler calls sched_timer_interrupt(from_user).
void arch_timer_set(nsec_t deadline) {}
int64_t arch_rtc_read(void) {
    return 0;
}

// An ELF image with Linux's function names and version for this architecture; see arch/x86_64/vdso. Until there is one:
// size 0.
const struct vdso_image *arch_vdso(void) {
    static const struct vdso_image none;
    return &none;
}
void arch_vdso_update(void *page, nsec_t realtime_offset) {}
