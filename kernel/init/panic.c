// SPDX-License-Identifier: MPL-2.0
// The end, told as well as it can be: the other CPUs are stopped, then the message, where we were and how we
// came there go to the console. Takes no lock and allocates nothing; a panic within a panic stops at once.

#include "init_priv.h"
#include <arch/cpu.h>
#include <arch/power.h>
#include <arch/smp.h>
#include <arch/thread.h>
#include <arch/time.h>
#include <dev/klog.h>
#include <lib/assert.h>
#include <lib/fmt.h>
#include <lib/log.h>
#include <lib/string.h>
#include <sched/thread.h>
#include <stdatomic.h>

#define FRAMES_MAX 32
#define NSEC_PER_SEC 1000000000ll

static struct {
    _Atomic bool begun;
    int seconds; // panic=: reset after so long; negative: at once; 0: stay
    char text[1024];
} panic_state;

void panic_set_timeout(int seconds) {
    panic_state.seconds = seconds;
}

// One record a line: a record holds no newline.
static void print_text(char *text) {
    const char *before = "panic: ";
    while (text != nullptr) {
        char *end = strchr(text, '\n');
        if (end != nullptr)
            *end++ = '\0';
        klog(LOG_EMERGENCY, "%s%s", before, text);
        before = "  ";
        text = end;
    }
}

static void print_trace(void) {
    uintptr_t frames[FRAMES_MAX];
    unsigned count = arch_backtrace(0, frames, FRAMES_MAX);
    for (unsigned i = 0; i < count; i++)
        klog(LOG_EMERGENCY, "  %2u  %pS", i, (void *)frames[i]);
}

[[noreturn]] static void finish(void) {
    if (panic_state.seconds == 0) {
        klog(LOG_EMERGENCY, "stopped");
        arch_cpu_halt();
    }
    nsec_t until = arch_clock_now() + panic_state.seconds * NSEC_PER_SEC;
    while (panic_state.seconds > 0 && arch_clock_now() < until)
        arch_cpu_relax();
    arch_reset();
}

void panic(const char *format, ...) {
    arch_irq_disable();
    if (atomic_exchange(&panic_state.begun, true)) {
        // By another CPU, which is about to stop this one; or by what prints the message.
        arch_early_write("panic: again\r\n", 14);
        arch_cpu_halt();
    }
    arch_smp_stop_others();
    symbols_init(); // it may be very early
    klog_panic_flush();
    va_list args;
    va_start(args, format);
    fmt_vsnprintf(panic_state.text, sizeof panic_state.text, format, args);
    va_end(args);
    const struct thread *thread = arch_current();
    print_text(panic_state.text);
    klog(LOG_EMERGENCY, "CPU %u, thread %s", arch_cpu_id(), thread != nullptr ? thread->name : "(none)");
    print_trace();
    finish();
}
