// SPDX-License-Identifier: MPL-2.0
// For programs: a native call whose six arguments come back changed (tessera/words.h). Its result.
#pragma once

static inline long words_call(long number, unsigned long registers[6]) {
    register unsigned long r10 __asm__("r10") = registers[3], r8 __asm__("r8") = registers[4],
                               r9 __asm__("r9") = registers[5];
    __asm__ volatile("syscall"
                     : "+a"(number), "+D"(registers[0]), "+S"(registers[1]), "+d"(registers[2]), "+r"(r10), "+r"(r8),
                       "+r"(r9)
                     :
                     : "rcx", "r11", "memory");
    registers[3] = r10, registers[4] = r8, registers[5] = r9;
    return number;
}
