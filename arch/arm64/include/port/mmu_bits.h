// SPDX-License-Identifier: MPL-2.0
// Bits of translation table entries and of the registers that rule translation, for C and assembly: the entries that
// boot/ makes and those of <arch/mmu.h> mean the same.
//
// 4 KiB granule, 48-bit addresses on both sides. The generic walker's level 3 is the architecture's level 0.
#pragma once

#ifdef __ASSEMBLER__
#define ARM64_U64(value) (value)
#else
#define ARM64_U64(value) (value##ul)
#endif
#define ARM64_BIT(n) (ARM64_U64(1) << (n))

// --- entries ---
#define ARM64_PTE_VALID ARM64_BIT(0)
#define ARM64_PTE_TABLE ARM64_BIT(1) // a table; at the lowest level, a page. Clear: a block
#define ARM64_PTE_ATTRIBUTES(index) (ARM64_U64(1) * (index) << 2)
#define ARM64_PTE_USER ARM64_BIT(6)      // EL0 may access it
#define ARM64_PTE_READ_ONLY ARM64_BIT(7) // for both
#define ARM64_PTE_INNER_SHAREABLE (ARM64_U64(3) << 8)
#define ARM64_PTE_ACCESSED ARM64_BIT(10)
#define ARM64_PTE_NOT_GLOBAL ARM64_BIT(11) // belongs to an ASID
#define ARM64_PTE_ADDRESS ARM64_U64(0x0000fffffffff000)
#define ARM64_PTE_GUARDED ARM64_BIT(50) // indirect branches must land on BTI
#define ARM64_PTE_KERNEL_NO_EXECUTE ARM64_BIT(53)
#define ARM64_PTE_USER_NO_EXECUTE ARM64_BIT(54)
// The processor ignores bits 55-58.
#define ARM64_PTE_DIRTY ARM64_BIT(55)
#define ARM64_PTE_SOFT_SHIFT 56
#define ARM64_PTE_SOFT (ARM64_U64(7) << ARM64_PTE_SOFT_SHIFT)

// A 4 KiB page / a block (2 MiB or 1 GiB) of the kernel's data: normal memory, read and write. Add READ_ONLY, take
// KERNEL_NO_EXECUTE away, add GUARDED as needed.
#define ARM64_PTE_KERNEL_BLOCK                                                                               \
    (ARM64_PTE_VALID | ARM64_PTE_ATTRIBUTES(ARM64_NORMAL) | ARM64_PTE_INNER_SHAREABLE | ARM64_PTE_ACCESSED | \
     ARM64_PTE_DIRTY | ARM64_PTE_USER_NO_EXECUTE | ARM64_PTE_KERNEL_NO_EXECUTE)
#define ARM64_PTE_KERNEL_PAGE (ARM64_PTE_KERNEL_BLOCK | ARM64_PTE_TABLE)
// A page of device registers.
#define ARM64_PTE_KERNEL_DEVICE                                                                                      \
    (ARM64_PTE_VALID | ARM64_PTE_TABLE | ARM64_PTE_ATTRIBUTES(ARM64_DEVICE) | ARM64_PTE_ACCESSED | ARM64_PTE_DIRTY | \
     ARM64_PTE_USER_NO_EXECUTE | ARM64_PTE_KERNEL_NO_EXECUTE)

// --- MAIR_EL1: what the attribute indexes mean ---
#define ARM64_NORMAL 0   // write-back, allocating
#define ARM64_DEVICE 1   // nGnRE: in order, not merged; writes may be acknowledged early
#define ARM64_UNCACHED 2 // normal, not cached: writes may be combined (framebuffers)
#define ARM64_MAIR ARM64_U64(0x4404ff)

// --- TCR_EL1, without what the CPU's features decide: IPS, AS (16-bit ASIDs) ---
#define ARM64_TCR_T0SZ (ARM64_U64(16) << 0)       // 48 bits, user
#define ARM64_TCR_WALKS_0 (ARM64_U64(0x35) << 8)  // walks of TTBR0: write-back, inner shareable
#define ARM64_TCR_T1SZ (ARM64_U64(16) << 16)      // 48 bits, kernel
#define ARM64_TCR_WALKS_1 (ARM64_U64(0x35) << 24) // the same for TTBR1
#define ARM64_TCR_GRANULES (ARM64_U64(2) << 30)   // 4 KiB: TG1 = 2, TG0 = 0
#define ARM64_TCR_IPS_SHIFT 32                    // ID_AA64MMFR0_EL1.PARange goes here; 5 (48 bits) at most
#define ARM64_TCR_ASID16 ARM64_BIT(36)
#define ARM64_TCR_USER_TOP_BYTE ARM64_BIT(37) // TBI0: the top byte of user addresses is the user's
#define ARM64_TCR                                                                                   \
    (ARM64_TCR_T0SZ | ARM64_TCR_WALKS_0 | ARM64_TCR_T1SZ | ARM64_TCR_WALKS_1 | ARM64_TCR_GRANULES | \
     ARM64_TCR_USER_TOP_BYTE)
// The ASID is TTBR0's (TCR.A1 = 0), so one write changes space and ASID together.
#define ARM64_TTBR_ASID_SHIFT 48
