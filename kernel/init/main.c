// SPDX-License-Identifier: MPL-2.0
// Boot, as one list.
//
// The port has done what is the machine's own (arch/*/boot): it hands over boot_info, with a direct map and one
// CPU, interrupts off. kernel_main brings up what needs no thread, and becomes the idle thread of the boot
// CPU. The rest runs in a thread of its own, because it may block.

#include "init_priv.h"
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/power.h>
#include <arch/smp.h>
#include <arch/upcall.h>
#include <dev/klog.h>
#include <lib/assert.h>
#include <lib/log.h>

void kernel_main(void) {
    symbols_init();                        // names in backtraces
    options_parse(boot_info.command_line); // what the user wants
    klog_set_level(options.log_level);
    panic_set_timeout(options.panic_seconds);
    klog(LOG_INFO, "Tessera on %s, %u CPUs", boot_info.platform, arch_smp_start());
    panic("nothing more to do yet");
}

void secondary_main(unsigned cpu) {
    klog(LOG_INFO, "CPU %u is here", cpu);
    arch_cpu_halt();
}
