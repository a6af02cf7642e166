// SPDX-License-Identifier: MPL-2.0
// Porting guide: device registers. If the architecture has no I/O ports, `port` is never true. If its memory accesses
// may be reordered, add the barriers that make device accesses happen in program order.
#pragma once

#include <lib/types.h>

ALWAYS_INLINE uint8_t arch_io_read8(struct arch_io io, unsigned offset) {
    return *(volatile uint8_t *)(io.base + offset);
}
ALWAYS_INLINE void arch_io_write8(struct arch_io io, unsigned offset, uint8_t value) {
    *(volatile uint8_t *)(io.base + offset) = value;
}
ALWAYS_INLINE uint16_t arch_io_read16(struct arch_io io, unsigned offset) {
    return *(volatile uint16_t *)(io.base + offset);
}
ALWAYS_INLINE void arch_io_write16(struct arch_io io, unsigned offset, uint16_t value) {
    *(volatile uint16_t *)(io.base + offset) = value;
}
ALWAYS_INLINE uint32_t arch_io_read32(struct arch_io io, unsigned offset) {
    return *(volatile uint32_t *)(io.base + offset);
}
ALWAYS_INLINE void arch_io_write32(struct arch_io io, unsigned offset, uint32_t value) {
    *(volatile uint32_t *)(io.base + offset) = value;
}
