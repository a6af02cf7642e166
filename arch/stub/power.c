// SPDX-License-Identifier: MPL-2.0
// Porting guide: boot, early console, power.
//
// The entry code sets up: a stack, cleared .bss, relocations, page tables (direct map; image W^X; kernel half complete
// at the top level), per-CPU area 0, exception vectors, boot_info from what the loader passed. Then kernel_main().
#include <arch/boot.h>
#include <arch/power.h>

struct boot_info boot_info;

// Polled; must work in any context, also while another CPU is in it.
void arch_early_write(const char *text, size_t size) {}

// If firmware will not: say so and halt.
void arch_power_off(void) {
    for (;;)
        ;
}
void arch_reset(void) {
    for (;;)
        ;
}
