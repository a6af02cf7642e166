// SPDX-License-Identifier: MPL-2.0
// The first instructions of every CPU: from wherever firmware left it (MMU off, EL2 or EL1) to C in the kernel's own
// address space, at EL1.
#include "boot/layout.h"
#include <port/mmu_bits.h>

#define EL1 4 // as CurrentEL has it
#define EL2 8

// Caches and MMU off; the bits that are one in ARMv8.0.
#define SCTLR_START 0x30d00800
// MMU, caches, aligned stack pointers in both modes. features.c adds what depends on the processor.
#define SCTLR_RUN (SCTLR_START | 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 12)

#define HCR_EL1_IS_64BIT (1 << 31)
#define HCR_KEYS (3 << 40) // pointer authentication does not trap: instructions, keys
#define HCR_E2H 34         // bit
#define SCTLR_MMU 0x5      // and data cache

#define KERNEL_STACK_SIZE 16384
#define STACK_OWNER_SIZE 16 // cpu/ keeps the thread at the end of its stack

// The physical address of a symbol, wherever the image is.
.macro ADDRESS register, symbol
    adrp    \register, \symbol
    add     \register, \register, :lo12:\symbol
.endm

    .section .text.boot, "ax"
    .globl entry_start
    .hidden entry_start
entry_start:
    msr     daifset, #0xf
    mov     x19, x0                     // the device tree
    ADDRESS x0, early_vectors
    msr     vbar_el1, x0
    bl      to_el1
    bl      check_granule

    // .bss, without caches: what these hold of it goes before (it could be written back), and what they fetch
    // meanwhile, after.
    ADDRESS x0, bss_start
    ADDRESS x1, kernel_end
    bl      invalidate
    ADDRESS x0, bss_start
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    1b
    ADDRESS x0, boot_stack_top - STACK_OWNER_SIZE
    mov     sp, x0
    mov     x29, #0
    mov     x0, x19
    bl      early_identity
    ADDRESS x0, bss_start
    ADDRESS x1, kernel_end
    bl      invalidate

    bl      translation_control
    bl      mmu_on
    mov     x0, x19
    bl      early_main
    dsb     ishst
    isb

    // Up: the same code and stack at their final address.
    ADDRESS x1, kernel_start
    sub     x0, x0, x1                  // virtual minus physical
    ADDRESS x1, boot_stack_top - STACK_OWNER_SIZE
    add     x1, x1, x0
    mov     sp, x1
    mov     x29, #0                     // end of backtraces
    mov     x30, #0
    ADDRESS x1, early_vectors
    add     x1, x1, x0
    msr     vbar_el1, x1
    ADDRESS x1, boot_main
    add     x1, x1, x0
    isb
    br      x1

// Another CPU, by PSCI: x0 is its number.
    .globl secondary_entry
    .hidden secondary_entry
secondary_entry:
    msr     daifset, #0xf
    mov     x19, x0
    ADDRESS x0, early_vectors
    msr     vbar_el1, x0
    bl      to_el1
    ADDRESS x20, secondary_start
    ldr     x0, [x20, #8]
    bl      mmu_on
    ldr     x0, [x20]
    add     x1, x20, #16
    ldr     x1, [x1, x19, lsl #3]
    sub     sp, x1, #STACK_OWNER_SIZE
    mov     x29, #0
    mov     x30, #0
    ADDRESS x1, early_vectors
    add     x1, x1, x0
    msr     vbar_el1, x1
    ADDRESS x1, smp_secondary_main
    add     x1, x1, x0
    mov     x0, x19
    isb
    br      x1

// Leaves EL2, if that is where we are: EL1 gets the counters, the interrupt controller's registers and everything else
// without traps.
to_el1:
    mrs     x0, CurrentEL
    cmp     x0, #EL2
    b.eq    1f
    b.hi    refuse_el3
    ldr     x0, =SCTLR_START
    msr     sctlr_el1, x0
    isb
    ret
1:  mov     x0, #HCR_EL1_IS_64BIT
    mov     x1, #HCR_KEYS
    orr     x0, x0, x1
    msr     hcr_el2, x0
    isb
    mrs     x0, hcr_el2                 // a processor may insist on EL2 being a kernel's own place
    tbnz    x0, #HCR_E2H, refuse_vhe
    mov     x0, #3                      // physical counter and timer
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    mov     x0, #0x33ff                 // no traps of vector instructions …
    msr     cptr_el2, x0
    msr     hstr_el2, xzr               // … of CP15 …
    mrs     x0, id_aa64dfr0_el1
    mov     x1, xzr
    ubfx    x2, x0, #8, #4              // performance counters: all for EL1
    cbz     x2, 2f
    cmp     x2, #15
    b.eq    2f
    mrs     x1, pmcr_el0
    ubfx    x1, x1, #11, #5
2:  msr     mdcr_el2, x1                // … or of debug registers
    mrs     x0, id_aa64pfr0_el1
    ubfx    x0, x0, #24, #4
    cbz     x0, 3f                      // GICv3's system registers
    mov     x0, #0xf
    msr     s3_4_c12_c9_5, x0           // ICC_SRE_EL2: there for us, and for EL1
    isb
    msr     s3_4_c12_c11_0, xzr         // ICH_HCR_EL2
3:  mrs     x0, id_aa64mmfr0_el1
    ubfx    x0, x0, #56, #4
    cbz     x0, 4f                      // traps of single registers
    msr     s3_4_c1_c1_4, xzr           // HFGRTR_EL2
    msr     s3_4_c1_c1_5, xzr           // HFGWTR_EL2
    msr     s3_4_c1_c1_6, xzr           // HFGITR_EL2
    msr     s3_4_c3_c1_4, xzr           // HDFGRTR_EL2
    msr     s3_4_c3_c1_5, xzr           // HDFGWTR_EL2
4:  mrs     x0, id_aa64mmfr1_el1
    ubfx    x0, x0, #40, #4
    cbz     x0, 5f
    msr     s3_4_c1_c2_2, xzr           // HCRX_EL2: none of what came later
5:  mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    msr     vttbr_el2, xzr
    ldr     x0, =SCTLR_START
    msr     sctlr_el1, x0
    mov     x0, #0x3c5                  // EL1 with its own stack pointer, all masked
    msr     spsr_el2, x0
    msr     elr_el2, x30
    eret

// Without 4 KiB pages nothing that follows can work.
check_granule:
    mrs     x0, id_aa64mmfr0_el1
    ubfx    x0, x0, #28, #4             // 15: there are none
    cmp     x0, #15
    b.eq    refuse_granule
    ret

// x0 … x1: forgets what caches hold.
invalidate:
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4             // smallest data line, in words, as a power of two
    mov     x3, #4
    lsl     x3, x3, x2
    dsb     sy
1:  dc      ivac, x0
    add     x0, x0, x3
    cmp     x0, x1
    b.lo    1b
    dsb     sy
    ret

// x0 = TCR_EL1 for this processor.
translation_control:
    ldr     x0, =ARM64_TCR
    mrs     x1, id_aa64mmfr0_el1
    and     x2, x1, #0xf                // physical address bits; with these entries 48 at most
    mov     x3, #5
    cmp     x2, x3
    csel    x2, x2, x3, lo
    orr     x0, x0, x2, lsl #ARM64_TCR_IPS_SHIFT
    ubfx    x1, x1, #4, #4
    cbz     x1, 1f
    orr     x0, x0, #ARM64_TCR_ASID16
1:  ret

// x0 = TCR_EL1. Both roots are there, one to one below.
mmu_on:
    msr     tcr_el1, x0
    ldr     x0, =ARM64_MAIR
    msr     mair_el1, x0
    ADDRESS x0, identity_root
    msr     ttbr0_el1, x0
    ADDRESS x0, kernel_root_table
    msr     ttbr1_el1, x0
    isb
    tlbi    vmalle1
    ic      iallu
    dsb     nsh
    isb
    ldr     x0, =SCTLR_RUN
    msr     sctlr_el1, x0
    isb
    ret

// --- what ends here ---

.macro STOP text
    adr     x0, 8f
    b       stop_with
8:  .asciz  "\text"
    .balign 4
.endm
refuse_vhe:
    STOP    "Tessera: this processor keeps its kernel in EL2 (VHE only): not supported.\r\n"
refuse_el3:
    STOP    "Tessera: started in EL3: firmware must leave it first.\r\n"
refuse_granule:
    STOP    "Tessera: this processor has no 4 KiB pages.\r\n"

// An exception before cpu/ has its vectors: the message and the address, by bare hands. One in here just stops.
// Before we run high, nobody has mapped the console: the MMU goes off.
    .balign 2048
early_vectors:
    .rept 16
    b       early_exception
    .balign 128
    .endr
early_exception:
    adr     x0, early_probe
    mrs     x1, elr_el1
    cmp     x0, x1
    b.eq    probe_failed
    adr     x0, early_stopped
    msr     vbar_el1, x0
    mrs     x20, esr_el1
    mrs     x21, elr_el1
    mrs     x22, far_el1
    tbnz    x0, #63, 1f
    mrs     x1, sctlr_el1
    mov     x2, #SCTLR_MMU
    bic     x1, x1, x2
    msr     sctlr_el1, x1
1:  isb
    adr     x0, 7f
    bl      say
    mov     x1, x20
    bl      say_hex
    mov     x1, x21
    bl      say_hex
    mov     x1, x22
    bl      say_hex
    adr     x0, 6f
    b       stop_with
7:  .asciz  "Tessera: exception at start-up; ESR, ELR, FAR:"
6:  .asciz  "\r\n"
    .balign 2048
early_stopped:
    .rept 16
    wfi
    b       . - 4
    .balign 128
    .endr

// bool early_probe(paddr_t): is there anything at that address?
    .globl early_probe
    .hidden early_probe
early_probe:
    ldrb    w0, [x0]
    mov     x0, #1
    ret
nothing_there:
    mov     x0, #0
    ret
probe_failed:
    adr     x0, nothing_there
    msr     elr_el1, x0
    eret

stop_with: // x0: text
    bl      say
1:  wfi
    b       1b

say: // x0: text
    mov     x4, x30
    bl      console_address
1:  ldrb    w3, [x0], #1
    cbz     w3, 2f
    strb    w3, [x2]
    b       1b
2:  ret     x4

say_hex: // x1: number
    mov     x4, x30
    bl      console_address
    mov     w3, #' '
    strb    w3, [x2]
    mov     x5, #16
1:  ror     x1, x1, #60
    and     x3, x1, #15
    cmp     x3, #10
    add     x6, x3, #'0'
    add     x3, x3, #'a' - 10
    csel    x3, x6, x3, lo
    strb    w3, [x2]
    subs    x5, x5, #1
    b.ne    1b
    ret     x4

// x2 = the console we hope for: where early.c maps it once we run high, else where it is.
console_address:
    adr     x2, console_address
    tbz     x2, #63, 1f
    ldr     x2, =CONSOLE_GUESS_MAPPED
    ret
1:  mov     x2, #CONSOLE_GUESS
    ret

    .ltorg

    .section .bss.pages, "aw", @nobits
    .balign 4096
    .skip   4096                        // not mapped
    .globl boot_stack, boot_stack_top
    .hidden boot_stack, boot_stack_top
boot_stack:
    .skip   KERNEL_STACK_SIZE
boot_stack_top:
