// SPDX-License-Identifier: MPL-2.0
// In-kernel tests of what only this port can see: control registers on every CPU.

#include "boot/port_io.h"
#include "x86_64_priv.h"
#include <arch/time.h>
#include <lib/ktest.h>

static uint64_t read_cr4(void) {
    uint64_t cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    return cr4;
}

static bool bit(uint64_t word, unsigned n) {
    return (word >> n & 1) != 0;
}

KTEST(features_that_exist_are_on) {
    uint64_t cr0, cr4 = read_cr4();
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    KTEST_CHECK(bit(cr0, 16)); // write protection holds for the kernel
    KTEST_CHECK(bit(cr4, 7) == x86_features.pge);
    KTEST_CHECK(bit(cr4, 11) == x86_features.umip);
    KTEST_CHECK(bit(cr4, 16) == x86_features.fsgsbase);
    KTEST_CHECK(bit(cr4, 17) == x86_features.pcid);
    KTEST_CHECK(bit(cr4, 20) == x86_features.smep);
    KTEST_CHECK(bit(cr4, 21) == x86_features.smap);
    KTEST_CHECK(bit(msr_read(0xc0000080), 11) == x86_features.nx);
}

KTEST(rtc_has_a_date) {
    int64_t now = arch_rtc_read();
    if (now == 0) {
        ktest_skip("no battery clock");
        return;
    }
    KTEST_CHECK(now > 1600000000); // 2020
    KTEST_CHECK(now < 4102444800); // 2100
}
