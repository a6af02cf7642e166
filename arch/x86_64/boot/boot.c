// SPDX-License-Identifier: MPL-2.0
// Start of the boot CPU, from the image's final address to kernel_main.

#include "x86_64_priv.h"
#include <arch/power.h>
#include <arch/upcall.h>

[[noreturn]] void boot_main(uint32_t magic, uint32_t info);
void boot_main(uint32_t magic, uint32_t info) {
    arch_early_write("hello\n", 6);
    for (;;)
        __asm__ volatile("hlt");
}
