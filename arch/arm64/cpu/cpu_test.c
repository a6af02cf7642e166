// SPDX-License-Identifier: MPL-2.0
// Self-tests of what only this processor has, and of what the entry code keeps. Those that all pass: arch/common.
#include "arm64_priv.h"
#include "cpu/cpu_priv.h"
#include <arch/cpu.h>
#include <arch/uaccess.h>
#include <common/test_user.h>
#include <lib/ktest.h>

// --- pointer authentication ---

// The return address in a function's own frame record, as it lies on the stack.
__attribute__((noinline)) static uintptr_t stored_return_address(void) {
    uintptr_t *record = __builtin_frame_address(0);
    __asm__ volatile("" ::: "x30", "memory"); // not a leaf
    return record[1];
}

KTEST(arm64_return_addresses_are_signed) {
    if (!arm64_features.pauth) {
        ktest_skip("no pointer authentication");
        return;
    }
    KTEST_CHECK(stored_return_address() < (uintptr_t)kernel_start); // else an address could pass for its signature
    KTEST_CHECK((stored_return_address() | ~(ARCH_USER_TOP - 1)) >= (uintptr_t)kernel_start);
}

// --- registers ---

// A fault in the kernel that is resolved to its fixup leaves all registers but what the code itself changes.
KTEST(arm64_kernel_fault_keeps_registers) {
    static uint64_t before[31], after[31];
    uint64_t x19 = 0x1919191919191919, missed = 0;
    for (unsigned i = 0; i < 31; i++)
        before[i] = 0xabcd000000000000 + i;
    test_user_map();
    __asm__ volatile("mov x16, %4\n\tmov x17, %2\n\t"
                     "ldp x0, x1, [x16]\n\tldp x2, x3, [x16, #16]\n\tldp x4, x5, [x16, #32]\n\t"
                     "ldp x6, x7, [x16, #48]\n\tldp x8, x9, [x16, #64]\n\tldp x10, x11, [x16, #80]\n\t"
                     "ldp x12, x13, [x16, #96]\n\tldp x14, x15, [x16, #112]\n\tldr x18, [x16, #144]\n\t"
                     "mov x30, %3\n"
                     "1: ldtr x15, [x30]\n\t" USER_FAULT(1b, "2f") //
                     "mov %0, #1\n"
                     "2: stp x0, x1, [x17]\n\tstp x2, x3, [x17, #16]\n\tstp x4, x5, [x17, #32]\n\t"
                     "stp x6, x7, [x17, #48]\n\tstp x8, x9, [x17, #64]\n\tstp x10, x11, [x17, #80]\n\t"
                     "stp x12, x13, [x17, #96]\n\tstp x14, x15, [x17, #112]\n\tstr x18, [x17, #144]"
                     : "+r"(missed), "+r"(x19)
                     : "r"(after), "r"((uintptr_t)USER_END), "r"(before)
                     : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
                       "x15", "x16", "x17", "x18", "x30", "memory");
    test_user_unmap();
    KTEST_CHECK(missed == 0 && x19 == 0x1919191919191919);
    for (unsigned i = 0; i < 19; i++)
        if (i != 16 && i != 17 && after[i] != before[i])
            ktest_fail(__FILE_NAME__, (int)i, "this register");
    KTEST_CHECK(arch_irq_is_enabled());
}

// Restarting gives back the first argument, which the result had overwritten, and the call number.
KTEST(arm64_system_call_restart) {
    struct arch_frame frame = {.regs = {[0] = (uint64_t)-512, [8] = 63}, .pc = 0x1004, .orig_x0 = 3, .syscall = 63};
    KTEST_CHECK(arch_frame_syscall_number(&frame) == 63 && arch_frame_syscall_arg(&frame, 0) == 3);
    arch_frame_restart_syscall(&frame, 128);
    KTEST_CHECK(frame.pc == 0x1000 && frame.regs[0] == 3 && frame.regs[8] == 128);
    KTEST_CHECK(arch_frame_syscall_number(&frame) == -1);
    frame.syscall = 0x7700000000ul + 172; // the high half of x8 counts for nothing
    KTEST_CHECK(arch_frame_syscall_number(&frame) == 172);
}

// --- bugs that must end in a panic; run when they are named (kernel/init/ktest_fatal.c) ---

KTEST(fatal_user_access) {
    test_user_map();
    *(volatile char *)USER_PAGE = 1; // with PAN
    test_user_unmap();
    ktest_fail(__FILE_NAME__, __LINE__, "nobody noticed");
}

KTEST(fatal_call_within_a_function) {
    ((void (*)(void))((uintptr_t)arch_backtrace + 8))(); // with BTI
    ktest_fail(__FILE_NAME__, __LINE__, "nobody noticed");
}
