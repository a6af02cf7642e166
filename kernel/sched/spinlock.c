// SPDX-License-Identifier: MPL-2.0
// The wait for a spinlock: read until it looks free, then try; back off a little more each time another got it, so that
// a few CPUs take turns and the line is not fought over.

#include <arch/cpu.h>
#include <sched/spinlock.h>

void spin_lock_slow(struct spinlock *lock) {
    unsigned pause = 1;
    for (;;) {
        while (atomic_load_explicit(&lock->word, memory_order_relaxed) != 0)
            arch_cpu_relax();
        if (atomic_exchange_explicit(&lock->word, 1, memory_order_acquire) == 0)
            return;
        for (unsigned i = 0; i < pause; i++)
            arch_cpu_relax();
        pause = pause < 64 ? pause * 2 : 64;
    }
}
