// SPDX-License-Identifier: MPL-2.0
// The processor state (SPSR_EL1) in a frame: what its bits are, and which of them user mode may choose.
#pragma once

#include <arch/thread.h>

#define PSTATE_MODE 0xful // 0: EL0
#define PSTATE_MODE32 0x10ul
#define PSTATE_DAIF 0x3c0ul
#define PSTATE_BTYPE 0xc00ul
#define PSTATE_BTYPE_CALL 0x800ul // as after BLR
#define PSTATE_SSBS (1ul << 12)
#define PSTATE_SS (1ul << 21)
#define PSTATE_DIT (1ul << 24)
#define PSTATE_TCO (1ul << 25)
#define PSTATE_FLAGS 0xf0000000ul // N Z C V
// Bits that no state of 64-bit user mode has: set by whoever, they are dropped.
#define PSTATE_RES0 (~0xfffffffful | 3ul << 26 | 3ul << 22 | 0xfful << 13 | 1ul << 5)
// What a program may choose.
#define PSTATE_USER (PSTATE_FLAGS | PSTATE_TCO | PSTATE_DIT | PSTATE_SSBS | PSTATE_BTYPE)

// Cleans what user space wrote into a frame.
ALWAYS_INLINE void frame_sanitise(struct arch_frame *frame) {
    frame->pstate &= PSTATE_USER;
}
