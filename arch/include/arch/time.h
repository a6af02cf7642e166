// SPDX-License-Identifier: MPL-2.0
// Clock and timer hardware.
#pragma once

#include <port/time.h>

// Nanoseconds since boot, monotonic, the same on all CPUs. Any context. A few instructions.
ALWAYS_INLINE nsec_t arch_clock_now(void);
// ARCH_CLOCK_NAME (port/time.h): what Linux calls this clock.
// Programs this CPU's one-shot timer: an interrupt (sched_timer_interrupt) at or soon after
// `deadline` on that clock; a past one fires at once; NSEC_NEVER stops it. Interrupts off.
void arch_timer_set(nsec_t deadline);
// Seconds since 1970 from the real-time clock, read once at boot.
int64_t arch_rtc_read(void);

// The vDSO: an ELF image that is mapped into every process, and one data page before it that the
// kernel keeps up to date so that the clock needs no call.
struct vdso_image {
    const void *start; // page-aligned
    size_t size;
    size_t sigreturn_offset; // 0: none
};
const struct vdso_image *arch_vdso(void);
// Called when the relation of the clocks changes. `realtime_offset`: realtime minus monotonic.
// `page` is the data page.
void arch_vdso_update(void *page, nsec_t realtime_offset);
