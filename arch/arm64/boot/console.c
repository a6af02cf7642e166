// SPDX-License-Identifier: MPL-2.0
// The early console: a PL011, polled. Used until its driver takes over, and after a panic.
//
// Until firmware's tables are read nobody knows where it is. QEMU's `virt` has one at a fixed place, which early.c has
// mapped: a mistake in the tables can be reported there.

#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "boot/layout.h"
#include <arch/io.h>
#include <arch/power.h>

enum { REG_DATA = 0x00, REG_FLAGS = 0x18, REG_CONTROL = 0x30 };
enum { FLAG_OUTPUT_FULL = 1u << 5, CONTROL_ON = 1u << 0 | 1u << 8 | 1u << 9 };

static struct {
    paddr_t address;
    struct arch_io io;
} console = {.address = CONSOLE_GUESS, .io = {.base = CONSOLE_GUESS_MAPPED}};

void console_use(paddr_t address) {
    if (address == console.address)
        return;
    console.io.base = (uintptr_t)fixmap_device(address, PAGE_SIZE);
    console.address = address;
}

static void console_put(char c) {
    // Bounded: a stuck port must not stop the kernel.
    for (unsigned spins = 0; (arch_io_read32(console.io, REG_FLAGS) & FLAG_OUTPUT_FULL) && spins < 100000; spins++)
        continue;
    arch_io_write32(console.io, REG_DATA, (uint8_t)c);
}

void arch_early_write(const char *text, size_t size) {
    arch_io_write32(console.io, REG_CONTROL, CONTROL_ON);
    for (size_t i = 0; i < size; i++)
        console_put(text[i]);
}
