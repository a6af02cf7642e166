// SPDX-License-Identifier: MPL-2.0
// x86-64: I/O ports and memory-mapped registers. See arch/io.h.
#pragma once

#include <lib/types.h>

ALWAYS_INLINE uint8_t arch_io_read8(struct arch_io io, unsigned offset) {
    if (!io.port)
        return *(volatile uint8_t *)(io.base + offset);
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"((uint16_t)(io.base + offset)) : "memory");
    return value;
}

ALWAYS_INLINE void arch_io_write8(struct arch_io io, unsigned offset, uint8_t value) {
    if (!io.port)
        *(volatile uint8_t *)(io.base + offset) = value;
    else
        __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"((uint16_t)(io.base + offset)) : "memory");
}

ALWAYS_INLINE uint16_t arch_io_read16(struct arch_io io, unsigned offset) {
    if (!io.port)
        return *(volatile uint16_t *)(io.base + offset);
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"((uint16_t)(io.base + offset)) : "memory");
    return value;
}

ALWAYS_INLINE void arch_io_write16(struct arch_io io, unsigned offset, uint16_t value) {
    if (!io.port)
        *(volatile uint16_t *)(io.base + offset) = value;
    else
        __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"((uint16_t)(io.base + offset)) : "memory");
}

ALWAYS_INLINE uint32_t arch_io_read32(struct arch_io io, unsigned offset) {
    if (!io.port)
        return *(volatile uint32_t *)(io.base + offset);
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"((uint16_t)(io.base + offset)) : "memory");
    return value;
}

ALWAYS_INLINE void arch_io_write32(struct arch_io io, unsigned offset, uint32_t value) {
    if (!io.port)
        *(volatile uint32_t *)(io.base + offset) = value;
    else
        __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"((uint16_t)(io.base + offset)) : "memory");
}
