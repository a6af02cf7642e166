// SPDX-License-Identifier: MPL-2.0
// ARM64: memory-mapped registers; there are no I/O ports (PCI's lie in a window of memory). See arch/io.h.
//
// Each access is one plain load or store, written in assembly: the compiler could choose a form with writeback or two
// registers, which a hypervisor that emulates the device cannot decode. Accesses to devices and to memory are not
// ordered with each other, hence the barriers: memory that a write tells the device of is there before it, and memory
// that a read reports as done is looked at after it.
#pragma once

#include <lib/types.h>

ALWAYS_INLINE uint8_t arch_io_read8(struct arch_io io, unsigned offset) {
    uint32_t value;
    __asm__ volatile("ldrb %w0, [%1]\n\tdmb oshld" : "=r"(value) : "r"(io.base + offset) : "memory");
    return (uint8_t)value;
}

ALWAYS_INLINE void arch_io_write8(struct arch_io io, unsigned offset, uint8_t value) {
    __asm__ volatile("dmb oshst\n\tstrb %w0, [%1]" ::"rZ"((uint32_t)value), "r"(io.base + offset) : "memory");
}

ALWAYS_INLINE uint16_t arch_io_read16(struct arch_io io, unsigned offset) {
    uint32_t value;
    __asm__ volatile("ldrh %w0, [%1]\n\tdmb oshld" : "=r"(value) : "r"(io.base + offset) : "memory");
    return (uint16_t)value;
}

ALWAYS_INLINE void arch_io_write16(struct arch_io io, unsigned offset, uint16_t value) {
    __asm__ volatile("dmb oshst\n\tstrh %w0, [%1]" ::"rZ"((uint32_t)value), "r"(io.base + offset) : "memory");
}

ALWAYS_INLINE uint32_t arch_io_read32(struct arch_io io, unsigned offset) {
    uint32_t value;
    __asm__ volatile("ldr %w0, [%1]\n\tdmb oshld" : "=r"(value) : "r"(io.base + offset) : "memory");
    return value;
}

ALWAYS_INLINE void arch_io_write32(struct arch_io io, unsigned offset, uint32_t value) {
    __asm__ volatile("dmb oshst\n\tstr %w0, [%1]" ::"rZ"(value), "r"(io.base + offset) : "memory");
}
