// SPDX-License-Identifier: MPL-2.0
// For programs: a native call whose six arguments come back changed (tessera/words.h). Its result, which has the first
// one's register: that comes back in x6.
#pragma once

static inline long words_call(long number, unsigned long registers[6]) {
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = (long)registers[0];
    register unsigned long x1 __asm__("x1") = registers[1], x2 __asm__("x2") = registers[2],
                              x3 __asm__("x3") = registers[3], x4 __asm__("x4") = registers[4],
                              x5 __asm__("x5") = registers[5], x6 __asm__("x6");
    __asm__ volatile("svc #0"
                     : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "=r"(x6)
                     : "r"(x8)
                     : "memory");
    registers[0] = x6, registers[1] = x1, registers[2] = x2, registers[3] = x3, registers[4] = x4, registers[5] = x5;
    return x0;
}
