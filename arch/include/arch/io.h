// SPDX-License-Identifier: MPL-2.0
// Device registers, wherever they are: in memory, or in the I/O ports that some architectures have.
#pragma once

#include <lib/types.h>

struct arch_io {
    bool port;      // I/O ports
    uintptr_t base; // first port, or the address that the registers are mapped at
};

#include <port/io.h>

// Reads and writes are done once, in program order, and not cached.
ALWAYS_INLINE uint8_t arch_io_read8(struct arch_io io, unsigned offset);
ALWAYS_INLINE void arch_io_write8(struct arch_io io, unsigned offset, uint8_t value);
ALWAYS_INLINE uint16_t arch_io_read16(struct arch_io io, unsigned offset);
ALWAYS_INLINE void arch_io_write16(struct arch_io io, unsigned offset, uint16_t value);
ALWAYS_INLINE uint32_t arch_io_read32(struct arch_io io, unsigned offset);
ALWAYS_INLINE void arch_io_write32(struct arch_io io, unsigned offset, uint32_t value);
