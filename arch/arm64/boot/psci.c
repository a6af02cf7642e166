// SPDX-License-Identifier: MPL-2.0
// Calls of the firmware (or hypervisor) above us, by the SMC calling convention: PSCI starts CPUs and ends the machine.
#include "boot/psci.h"
#include "boot/boot_priv.h"

long psci_call(uint32_t function, uint64_t a1, uint64_t a2, uint64_t a3) {
    register uint64_t x0 __asm__("x0") = function;
    register uint64_t x1 __asm__("x1") = a1;
    register uint64_t x2 __asm__("x2") = a2;
    register uint64_t x3 __asm__("x3") = a3;
    // The callee may change x4 to x17.
#define PSCI_CLOBBERS \
    "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory"
    switch (machine.psci) {
    case CONDUIT_HVC:
        __asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::PSCI_CLOBBERS);
        return (long)x0;
    case CONDUIT_SMC:
        __asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::PSCI_CLOBBERS);
        return (long)x0;
    case CONDUIT_NONE:
        break;
    }
    return PSCI_NOT_SUPPORTED;
}
