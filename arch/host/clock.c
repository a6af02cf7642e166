// SPDX-License-Identifier: MPL-2.0
// Host port: a clock that stands still until a test (host_clock_advance) or the idle CPU moves it, so that
// timer tests need no time and give the same result every time.
#include <arch/time.h>
#include <port/clock.h>

static struct {
    nsec_t now;
    nsec_t deadline;
} clock = {.now = 1'000'000'000, .deadline = NSEC_NEVER};

nsec_t arch_clock_now(void) {
    return clock.now;
}
void arch_timer_set(nsec_t deadline) {
    clock.deadline = deadline;
}
int64_t arch_rtc_read(void) {
    return 1'704'067'200;
} // 2024-01-01
void host_clock_advance(nsec_t by) {
    clock.now += by;
}
nsec_t host_timer_deadline(void) {
    return clock.deadline;
}
