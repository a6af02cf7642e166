// SPDX-License-Identifier: MPL-2.0
// Signal frames: laid out as Linux does, given back unchanged, and harmless whatever a program writes into them.
#include "cpu/cpu_priv.h"
#include "x86_64_priv.h"
#include <arch/cpu.h>
#include <arch/uaccess.h>
#include <arch/upcall.h>
#include <common/test_signal.h>
#include <common/test_user.h>
#include <lib/ktest.h>
#include <lib/status.h>
#include <lib/string.h>

// Offsets within the frame, as a C library on Linux has them (ucontext_t follows the return address).
enum {
    UC = 8,
    UC_STACK_SP = UC + 16,
    MCONTEXT = UC + 40,
    MC_RSP = MCONTEXT + 120,
    MC_RIP = MCONTEXT + 128,
    MC_FLAGS = MCONTEXT + 136,
    MC_CS = MCONTEXT + 144,
    MC_FPSTATE = MCONTEXT + 184,
    UC_MASK = UC + 296,
    INFO = UC + 304
};

static void frame_fill(void) {
    uint64_t *words = (uint64_t *)(void *)test_frame();
    for (unsigned i = 0; i < sizeof(struct arch_frame) / 8; i++)
        words[i] = 0x1000 + i;
    test_frame()->rsp = USER_END - 256;
    frame_sanitise(test_frame());
}

static status_t pop(void) {
    test_frame()->rsp += 8; // the handler's ret
    return test_signal_pop();
}

static void begin(void) {
    test_user_map();
    frame_fill();
}

static void end(void) {
    unsigned long irq = arch_irq_save();
    vector_drop(arch_of(arch_current()));
    arch_irq_restore(irq);
    test_user_unmap();
}

KTEST(x86_signal_frame_layout) {
    begin();
    struct arch_frame before = *test_frame();
    KTEST_CHECK(test_signal_push(0, 0) == 0);
    uintptr_t sp = test_frame()->rsp;
    KTEST_CHECK(sp % 16 == 8 && sp <= before.rsp - 128 - 440);
    KTEST_CHECK(test_word(sp) == 0x402000 && test_word(sp + UC_MASK) == 0x55 && test_word(sp + UC_STACK_SP) == 0x7777);
    KTEST_CHECK(test_word(sp + MCONTEXT) == before.r8 && test_word(sp + MC_RSP) == before.rsp);
    KTEST_CHECK(test_word(sp + MC_RIP) == before.rip && test_word(sp + MC_FLAGS) == before.rflags);
    KTEST_CHECK((test_word(sp + MC_CS) & 0xffff) == 0x33 && test_word(sp + MC_CS) >> 48 == 0x2b);
    KTEST_CHECK(test_word(sp + MC_FPSTATE) == 0 && test_word(sp + INFO) == 0x0807060504030201);
    KTEST_CHECK(test_frame()->rip == 0x401000 && test_frame()->rdi == 10 && test_frame()->rax == 0);
    KTEST_CHECK(test_frame()->rsi == sp + INFO && test_frame()->rdx == sp + UC &&
                arch_frame_syscall_number(test_frame()) == -1);
    KTEST_CHECK(pop() == 0);
    before.orig_rax = (uint64_t)-1;
    KTEST_CHECK(memcmp(&before, test_frame(), sizeof(before)) == 0);
    end();
}

KTEST(x86_signal_carries_vector_state) {
    begin();
    KTEST_REQUIRE(arch_of(arch_current())->fpu == nullptr);
    unsigned long irq = arch_irq_save();
    vector_first_use();
    arch_irq_restore(irq);
    uint64_t value = 0x0123456789abcdef;
    __asm__ volatile("movq %0, %%xmm7" ::"r"(value));
    KTEST_CHECK(test_signal_push(USER_END, 0) == 0);
    uintptr_t state = test_word(test_frame()->rsp + MC_FPSTATE);
    KTEST_CHECK(state % 64 == 0 && state > test_frame()->rsp && state < USER_END);
    KTEST_CHECK(test_word(state + 160 + 7 * 16) == 0x0123456789abcdef); // xmm7 of the legacy area
    __asm__ volatile("movq %%xmm7, %0" : "=r"(value));
    KTEST_CHECK(value == 0); // the handler starts afresh
    test_word_set(state + 160 + 7 * 16, 0xfedcba98ul);
    KTEST_CHECK(pop() == 0);
    __asm__ volatile("movq %%xmm7, %0" : "=r"(value));
    KTEST_CHECK(value == 0xfedcba98); // what the handler wrote
    end();
}

// A complete image of initial values at USER_PAGE, but for the header's reserved words.
static void state_fake(uint64_t reserved) {
    uint32_t *words = (uint32_t *)(void *)test_user.data;
    memset(test_user.data, 0, vector_area_size + 4);
    words[24 / 4] = 0x1f80;
    words[464 / 4] = 0x46505853;
    words[468 / 4] = vector_area_size + 4;
    words[472 / 4] = (uint32_t)x86_vector_features;
    words[480 / 4] = vector_area_size;
    words[vector_area_size / 4] = 0x46505845;
    memset(test_user.data + 520, (int)(reserved & 0xff), 56);
}

KTEST(x86_signal_frame_that_lies) {
    begin();
    KTEST_CHECK(test_signal_push(0, 0) == 0);
    uintptr_t sp = test_frame()->rsp;
    // All flags, kernel selectors, an address that is not canonical.
    test_word_set(sp + MC_FLAGS, ~0ul);
    test_word_set(sp + MC_CS, 0x0018000000000010ul);
    test_word_set(sp + MC_RIP, 0x8000000000000000ul);
    KTEST_CHECK(pop() == 0);
    KTEST_CHECK(test_frame()->cs == 0x33 && test_frame()->ss == 0x2b);
    KTEST_CHECK((test_frame()->rflags & 0x3000) == 0 && (test_frame()->rflags & FLAG_IF) != 0); // no I/O privilege
    KTEST_CHECK((test_frame()->rflags & 0x4000) == 0 &&
                (test_frame()->rflags & 0x20000) == 0); // nor nested task, virtual 8086

    // A state image with impossible bits, at a bad place, or crooked.
    frame_fill();
    KTEST_CHECK(test_signal_push(0, 0) == 0);
    sp = test_frame()->rsp;
    if (vector_area_size > 512) {
        test_word_set(sp + MC_FPSTATE, USER_PAGE);
        state_fake(~0ul);
        KTEST_CHECK(pop() == -EFAULT);
        test_frame()->rsp = sp;
        state_fake(0);
        KTEST_CHECK(pop() == 0);
        test_frame()->rsp = sp;
    }
    test_word_set(sp + MC_FPSTATE, USER_END);
    KTEST_CHECK(pop() == -EFAULT);
    test_frame()->rsp = sp;
    test_word_set(sp + MC_FPSTATE, USER_PAGE + 8);
    KTEST_CHECK(pop() == -EFAULT);
    test_frame()->rsp = sp;
    test_word_set(sp + MC_FPSTATE, 0xffffffff80200000ul);
    KTEST_CHECK(pop() == -EFAULT);
    end();
}

KTEST(x86_signal_without_a_stack) {
    begin();
    test_signal_bad_stacks(USER_END);
    test_frame()->rsp = USER_END - 16; // a frame that is cut off
    KTEST_CHECK(pop() == -EFAULT);
    end();
}
