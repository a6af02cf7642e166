// SPDX-License-Identifier: MPL-2.0
// Switching off and resetting: PSCI does both.
#include "boot/boot_priv.h"
#include "boot/psci.h"
#include <arch/power.h>
#include <lib/log.h>

void arch_power_off(void) {
    arch_irq_disable();
    psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
    klog(LOG_WARNING, "power: firmware cannot switch the machine off");
    arch_cpu_halt();
}

void arch_reset(void) {
    arch_irq_disable();
    psci_call(PSCI_SYSTEM_RESET, 0, 0, 0);
    klog(LOG_WARNING, "power: firmware cannot reset the machine");
    arch_cpu_halt();
}

void arch_cpu_halt(void) {
    __asm__ volatile("msr daifset, #0xf");
    for (;;)
        __asm__ volatile("wfi");
}
