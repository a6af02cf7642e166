// SPDX-License-Identifier: MPL-2.0
// Start of the boot CPU: from the image's final address to kernel_main, in the order things depend on each other.

#include "boot/boot_priv.h"
#include "boot/page_bits.h"
#include "x86_64_priv.h"
#include <arch/upcall.h>
#include <lib/assert.h>
#include <lib/boot_map.h>

extern char percpu_boot_area[];

[[noreturn]] void boot_main(uint32_t magic, uint32_t info);
[[noreturn]] void __stack_chk_fail(void);

// Early code may log and panic: with a per-CPU area and the serial port both work.
void boot_main(uint32_t magic, uint32_t info) {
    uintptr_t root;
    __asm__("mov %%cr3, %0" : "=r"(root));
    image_offset = (uintptr_t)boot_pml4 - root;
    percpu_prepare(0, percpu_boot_area);
    percpu_load(0);
    features_init();
    random_seed_fill();
    uint64_t rsdp = loader_parse(magic, info);
    paging_init();
    gdt_init(boot_stack_top);
    x86_cpu_init(); // from here on an exception says what it was

    acpi_read(rsdp);
    smbios_read();
    boot_info.platform = acpi.hardware_reduced ? "microvm" : acpi.have_fadt ? "pc" : "pc without acpi";
    power_init();
    apic_init_boot();
    ioapic_init();
    clock_init();
    timer_init_cpu();
    smp_prepare();
    paging_identity(false);
    kernel_main();
}

void __stack_chk_fail(void) {
    panic("stack overrun in %pS", __builtin_return_address(0));
}
