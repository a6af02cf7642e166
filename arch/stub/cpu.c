// SPDX-License-Identifier: MPL-2.0
// Porting guide: arch/cpu.h, the part that is not inline.
#include <arch/cache.h>
#include <arch/cpu.h>
#include <lib/assert.h>

// Interrupts off, then sleep in a loop: an NMI must not wake it for good.
void arch_cpu_halt(void) {
    for (;;)
        arch_cpu_relax();
}

// The processor's random instruction, with a bounded number of retries; 0 if there is none.
size_t arch_random(void *to, size_t size) {
    return 0;
}

// Linux's text for this architecture: programs look for feature names in it.
int arch_cpu_describe(unsigned cpu, char *to, size_t size) {
    return 0;
}

// From the processor's own description, which each CPU reads when it comes up.
bool arch_cpu_cache(unsigned cpu, unsigned index, struct arch_cache *cache) {
    return false;
}
