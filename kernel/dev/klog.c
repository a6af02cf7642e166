// SPDX-License-Identifier: MPL-2.0
// klog: formats a line, puts it in the ring and sees that it reaches the console.
//
// The console is written by one context at a time, without a lock to wait on: whoever comes while somebody prints just
// leaves the record in the ring, and the printer, after it has let go, looks again whether more has come.
//
//   printer                      another CPU, or an interrupt on this one
//   printing = true              ring += record
//   prints all there is          printing is true: leave
//   printing = false
//   ring has more: start over
//
// So no context ever waits for another, and every record is printed by somebody. Printing is polled
// (arch_early_write): a message must get out even if the machine is about to hang.
#include "dev_priv.h"

#include <arch/power.h>
#include <arch/time.h>
#include <dev/klog.h>
#include <lib/fmt.h>
#include <lib/log.h>
#include <lib/string.h>

#define LINE_MAX 512

struct klog_ring klog_ring;

static struct {
    _Atomic bool printing;
    _Atomic bool panicked;
    _Atomic int level;        // of the console
    _Atomic uint64_t printed; // next record for the console; written by the printer only
} console = {.level = LOG_WARNING};

static void print_record(const struct klog_record *record) {
    char stamp[32];
    uint64_t micros = (uint64_t)record->time / 1000;
    int size = fmt_snprintf(stamp, sizeof(stamp), "[%5llu.%06llu] ", (unsigned long long)(micros / 1000000),
                            (unsigned long long)(micros % 1000000));
    arch_early_write(stamp, (size_t)size);
    arch_early_write(record->text, record->length);
    arch_early_write("\r\n", 2);
}

// Prints until there is nothing new. Only one context is in here.
static void print_pending(void) {
    struct klog_record record;
    for (;;) {
        uint64_t number = atomic_load_explicit(&console.printed, memory_order_relaxed);
        enum klog_read result = klog_ring_get(&klog_ring, number, &record);
        if (result == KLOG_EMPTY)
            return;
        if (result == KLOG_LOST)
            number = MAX(number, klog_ring_oldest(&klog_ring));
        else if ((record.level & 7) <= atomic_load_explicit(&console.level, memory_order_relaxed))
            print_record(&record);
        atomic_store_explicit(&console.printed, number + 1, memory_order_relaxed);
    }
}

static bool has_pending(void) {
    struct klog_record record;
    return klog_ring_get(&klog_ring, atomic_load_explicit(&console.printed, memory_order_relaxed), &record) !=
           KLOG_EMPTY;
}

static void console_flush(void) {
    if (UNLIKELY(atomic_load_explicit(&console.panicked, memory_order_relaxed))) {
        print_pending();
        return;
    }
    do {
        if (atomic_exchange_explicit(&console.printing, true, memory_order_acq_rel))
            return;
        print_pending();
        atomic_exchange_explicit(&console.printing, false, memory_order_seq_cst); // before the look
    } while (has_pending());
}

void klog(enum log_level level, const char *format, ...) {
    char line[LINE_MAX];
    va_list args;
    va_start(args, format);
    int wanted = fmt_vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    size_t length = wanted < 0 ? 0 : (size_t)wanted;
    length = MIN(length, sizeof(line) - 1);
    nsec_t now = arch_clock_now();
    // A long line takes several records.
    size_t done = 0;
    do {
        size_t part = MIN(length - done, (size_t)KLOG_TEXT_MAX);
        klog_ring_add(&klog_ring, level, now, line + done, part);
        done += part;
    } while (done < length);
    console_flush();
    kmsg_notify();
}

void klog_set_level(int level) {
    atomic_store_explicit(&console.level, level, memory_order_relaxed);
}

int klog_level(void) {
    return atomic_load_explicit(&console.level, memory_order_relaxed);
}

void klog_panic_flush(void) {
    atomic_store_explicit(&console.panicked, true, memory_order_relaxed);
    klog_set_level(LOG_DEBUG);
    print_pending();
}
