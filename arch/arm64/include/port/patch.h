// SPDX-License-Identifier: MPL-2.0
// Instructions that depend on what the CPU has, and are executed so often that no test shall be seen there: one is
// assembled, and start-up puts the other in its place if the feature is there (boot/patch.c). Until then, and where it
// is not there, the first stands. A branch may be the other one.
#pragma once

// Bytes of struct arm64_features (cpu/layout.c).
#define FEATURES_PAN 0
#define FEATURES_PAUTH 2

#ifdef __ASSEMBLER__
// clang-format off
.macro PATCHED feature, otherwise, instruction
776:
    \otherwise
    .pushsection .patches, "aR"
    .balign 4
    .long 776b - .
    .long \feature
    \instruction
    .popsection
.endm

// The user window: only where PAN closes it otherwise. (ldtr and sttr need no window.)
.arch_extension pan
.macro WINDOW_OPEN
    PATCHED FEATURES_PAN, "nop", "msr pan, #0"
.endm
.macro WINDOW_CLOSE
    PATCHED FEATURES_PAN, "nop", "msr pan, #1"
.endm
// clang-format on
#else
#include <lib/types.h>

#define ARM64_TEXT_(x) #x
#define ARM64_TEXT(x) ARM64_TEXT_(x)
#define ARM64_PATCHED(feature, otherwise, instruction)                     \
    "776: " otherwise "\n\t.pushsection .patches, \"aR\"\n\t.balign 4\n\t" \
    ".long 776b - .\n\t.long " ARM64_TEXT(feature) "\n\t" instruction "\n\t.popsection\n\t"

ALWAYS_INLINE void arm64_window_open(void) {
    __asm__ volatile(".arch_extension pan\n\t" ARM64_PATCHED(FEATURES_PAN, "nop", "msr pan, #0")::: "memory");
}
ALWAYS_INLINE void arm64_window_close(void) {
    __asm__ volatile(".arch_extension pan\n\t" ARM64_PATCHED(FEATURES_PAN, "nop", "msr pan, #1")::: "memory");
}
#endif
