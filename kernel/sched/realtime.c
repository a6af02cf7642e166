// SPDX-License-Identifier: MPL-2.0
// The wall clock. One atomic offset to the monotonic clock is the whole state, so reading takes no lock; writers
// are rare and the last one wins. Listeners are a list that only grows, so walking it takes no lock either.
#include <arch/time.h>
#include <sched/realtime.h>

_Atomic nsec_t realtime_offset;

static struct {
    struct realtime_listener *_Atomic listeners;
} realtime;

void realtime_set(nsec_t now) {
    atomic_store_explicit(&realtime_offset, now - clock_now(), memory_order_release);
    for (struct realtime_listener *l = atomic_load(&realtime.listeners); l; l = l->next)
        l->changed();
}

void realtime_slew(nsec_t by) {
    atomic_fetch_add_explicit(&realtime_offset, by, memory_order_release);
    for (struct realtime_listener *l = atomic_load(&realtime.listeners); l; l = l->next)
        if (l->copies)
            l->changed();
}

void realtime_init(void) {
    realtime_set(arch_rtc_read() * 1000000000ll);
}

void realtime_listen(struct realtime_listener *listener) {
    listener->next = atomic_load(&realtime.listeners);
    while (!atomic_compare_exchange_weak(&realtime.listeners, &listener->next, listener))
        ;
}
