// SPDX-License-Identifier: MPL-2.0
// The clock: the generic timer's virtual counter, scaled. It counts at the same rate on all CPUs and shows all of them
// the same; firmware says how fast.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "cpu/sysreg.h"
#include <arch/time.h>
#include <lib/assert.h>
#include <lib/log.h>

#define NSEC_PER_SEC 1000000000ull
#define FREQUENCY_LEAST 100000ull

struct arm64_clock arm64_clock;

void clock_init(void) {
    uint64_t frequency = sysreg_read(CNTFRQ_EL0);
    if (frequency < FREQUENCY_LEAST)
        panic("boot: the generic timer counts with %llu Hz: firmware must set CNTFRQ_EL0",
              (unsigned long long)frequency);
    arm64_clock.frequency = frequency;
    arm64_clock.mult = (NSEC_PER_SEC << ARM64_CLOCK_SHIFT) / frequency;
    arm64_clock.base = arm64_counter();
    klog(LOG_INFO, "clock: %llu kHz", (unsigned long long)frequency / 1000);
}
