// SPDX-License-Identifier: MPL-2.0
// The high-precision event timer, used as a clock of known frequency to measure the others against.

#include "boot/boot_priv.h"
#include "x86_64_priv.h"

enum { REG_CAPABILITIES = 0, REG_PERIOD = 4, REG_CONFIGURATION = 0x10, REG_COUNTER = 0xf0 };
#define PERIOD_MAX 100000000u // femtoseconds: the specification's upper bound

static struct {
    volatile uint32_t *registers;
} hpet;

uint32_t hpet_read(void) {
    return hpet.registers[REG_COUNTER / 4];
}

uint64_t hpet_init(void) {
    if (acpi.hpet_address == 0)
        return 0;
    hpet.registers = fixmap_device(acpi.hpet_address, 1024);
    uint32_t period = hpet.registers[REG_PERIOD / 4];
    if (period == 0 || period > PERIOD_MAX)
        return 0;
    hpet.registers[REG_CONFIGURATION / 4] |= 1; // counts
    return 1000000000000000ull / period;
}
