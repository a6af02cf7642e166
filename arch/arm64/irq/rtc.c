// SPDX-License-Identifier: MPL-2.0
// The date at boot: from a PL031, which counts seconds since 1970, or as UEFI told it.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "cpu/sysreg.h"
#include <arch/io.h>
#include <arch/time.h>
#include <lib/log.h>

#define PL031_DATA 0x0u
#define PL031_SIZE 0x1000u

int64_t arch_rtc_read(void) {
    int64_t seconds = 0;
    if (machine.rtc_seconds != 0) {
        seconds =
            machine.rtc_seconds + (int64_t)((sysreg_read(CNTVCT_EL0) - machine.rtc_counter) / arm64_clock.frequency);
    } else if (machine.rtc.size != 0) {
        static struct arch_io pl031;
        if (pl031.base == 0)
            pl031.base = (uintptr_t)fixmap_device(machine.rtc.base, PL031_SIZE);
        seconds = arch_io_read32(pl031, PL031_DATA);
    }
    if (seconds == 0)
        klog(LOG_NOTICE, "rtc: none, or it holds no date: the clock starts in 1970");
    return seconds;
}
