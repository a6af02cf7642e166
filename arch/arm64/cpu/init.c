// SPDX-License-Identifier: MPL-2.0
// Sets up what this folder needs on each CPU: vectors, vector unit, what user mode may read, the kernel's own pointer
// authentication.
#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "cpu/cpu_priv.h"
#include "cpu/idregs.h"
#include "cpu/sysreg.h"
#include <arch/cpu.h>
#include <common/extable.h>

#define SCTLR_ENIA (1ul << 31)
#define APIAKEYLO_EL1 S3_0_C2_C1_0
#define APIAKEYHI_EL1 S3_0_C2_C1_1

uint64_t arm64_kernel_key[2];

// Return addresses on kernel stacks are signed from here on. A function that was entered before must not return
// afterwards (its address has no signature), so this one has none either, and its callers never return.
__attribute__((target("branch-protection=bti"))) static void kernel_key_init_cpu(void) {
    if (arch_cpu_id() == 0)
        arm64_kernel_key[0] = random_early(), arm64_kernel_key[1] = random_early();
    sysreg_write(APIAKEYLO_EL1, arm64_kernel_key[0]);
    sysreg_write(APIAKEYHI_EL1, arm64_kernel_key[1]);
    sysreg_write(SCTLR_EL1, sysreg_read(SCTLR_EL1) | SCTLR_ENIA);
    isb();
}

__attribute__((target("branch-protection=bti"))) void arm64_cpu_init(void) {
    sysreg_write(VBAR_EL1, arm64_features.pauth ? arm64_vectors_pauth : arm64_vectors);
    sysreg_write(TPIDR_EL0, 0);
    sysreg_write(TPIDRRO_EL0, 0); // scratch of the vectors
    sysreg_write(SP_EL0, 0);      // no thread yet
    sysreg_write(MDSCR_EL1, 0);   // no single steps, no debug registers for user mode
    sysreg_write(OSLAR_EL1, 0);   // the lock that would keep steps from trapping
    isb();
    __asm__ volatile("msr daifclr, #4"); // SError
    if (arch_cpu_id() == 0) {
        extable_init();
        idregs_init();
    }
    idregs_init_cpu();
    hwcaps_update();
    vector_init_cpu();
    cache_init_cpu();
    if (arm64_features.pauth) {
        pauth_init_cpu();
        kernel_key_init_cpu();
    }
    if (arch_cpu_id() == 0)
        arm64_threads_init();
}
