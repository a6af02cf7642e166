// SPDX-License-Identifier: MPL-2.0
// Where UEFI starts us, as an application: x0 = our handle, x1 = the system table, MMU and caches on, memory mapped one
// to one, on firmware's stack. efi_main takes what it needs and ends firmware's services; then we make the machine
// look as if a plain loader had jumped to the image: MMU off, and nothing of the image only in a cache.

#define SCTLR_OFF 0x1005 // MMU, data cache, instruction cache
#define EL2 8            // as CurrentEL has it

    .text
    .globl efi_entry
    .type efi_entry, @function
efi_entry:
    bti     c
    stp     x29, x30, [sp, #-16]!
    mov     x29, sp
    bl      efi_main
    cbz     x0, leave_firmware
    ldp     x29, x30, [sp], #16         // an error: back to firmware, which tries the next boot option
    ret

leave_firmware:
    msr     daifset, #0xf
    // Clean and invalidate the image, .bss included: entry.S writes to memory without cache, and an old line
    // that is written back later would undo that.
    adrp    x1, kernel_start
    adrp    x2, kernel_end
    add     x2, x2, :lo12:kernel_end
    mrs     x3, ctr_el0
    ubfx    x3, x3, #16, #4             // smallest data line, in words, as a power of two
    mov     x4, #4
    lsl     x4, x4, x3
1:  dc      civac, x1
    add     x1, x1, x4
    cmp     x1, x2
    b.lo    1b
    dsb     sy

    mrs     x1, CurrentEL
    mov     x3, #SCTLR_OFF
    cmp     x1, #EL2
    b.eq    2f
    mrs     x2, sctlr_el1
    bic     x2, x2, x3
    msr     sctlr_el1, x2
    b       3f
2:  mrs     x2, sctlr_el2
    bic     x2, x2, x3
    msr     sctlr_el2, x2
3:  isb
    ic      iallu
    dsb     nsh
    isb
    mov     x0, #0                      // the device tree, if there is one, is in boot_handoff
    mov     x1, #0
    mov     x2, #0
    mov     x3, #0
    b       entry_start
    .size efi_entry, . - efi_entry
