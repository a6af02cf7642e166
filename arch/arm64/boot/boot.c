// SPDX-License-Identifier: MPL-2.0
// Start of the boot CPU: from the image's final address to kernel_main, in the order things depend on each other.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include <arch/upcall.h>
#include <lib/assert.h>

extern char percpu_boot_area[];

[[noreturn]] void boot_main(void);
[[noreturn]] void __stack_chk_fail(void);

// Early code may log and panic: with a per-CPU area and the serial port both work.
__attribute__((target("branch-protection=bti"))) void boot_main(void) {
    percpu_prepare(0, percpu_boot_area);
    percpu_load(0);
    features_read();
    features_enable();
    arm64_cpu_init(); // from here on an exception says what it was
    patches_apply();
    loader_parse();
    paging_init();
    arm64_aspace_init_cpu(); // the one-to-one map goes
    random_seed_fill();

    machine_read();
    if (machine.uart.size != 0)
        console_use(machine.uart.base);
    clock_init();
    gic_init();
    gic_init_cpu();
    timer_init_cpu();
    smp_prepare();
    kernel_main();
}

void __stack_chk_fail(void) {
    panic("stack overrun in %pS", __builtin_return_address(0));
}
