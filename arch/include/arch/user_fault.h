// SPDX-License-Identifier: MPL-2.0
// Entries of the exception table: an instruction that may fault on a user address has one in the section .extable,
// where it is and where to go on if the fault cannot be resolved, both relative to the entry.
#pragma once

#ifdef __ASSEMBLER__
// clang-format off
.macro EXTABLE from, to
    .pushsection .extable, "aR"
    .balign 4
    .long \from - .
    .long \to - .
    .popsection
.endm

// An instruction that may fault, and where to go on then.
.macro TRY fixup, instruction:vararg
772:    \instruction
    EXTABLE 772b, \fixup
.endm
// clang-format on
#else
// The same within inline assembly, for the instruction at a label.
#define USER_FAULT(instruction, fixup)                                                               \
    ".pushsection .extable, \"aR\"\n\t.balign 4\n\t.long " #instruction " - .\n\t.long " fixup " - " \
    ".\n\t.popsection\n\t"
#endif
