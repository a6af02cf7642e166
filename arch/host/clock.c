// SPDX-License-Identifier: MPL-2.0
// Host port: a clock that stands still until a test (host_clock_advance) or the idle CPU moves it, so that
// timer tests need no time and give the same result every time.
#include <arch/time.h>
#include <port/clock.h>

nsec_t host_clock = 1'000'000'000;
static nsec_t armed = NSEC_NEVER;

void arch_timer_set(nsec_t deadline) {
    armed = deadline;
}
int64_t arch_rtc_read(void) {
    return 1'704'067'200;
} // 2024-01-01
void host_clock_advance(nsec_t by) {
    host_clock += by;
}
nsec_t host_timer_deadline(void) {
    return armed;
}
