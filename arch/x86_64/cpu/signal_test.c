// SPDX-License-Identifier: MPL-2.0
// Signal frames: laid out as Linux does, given back unchanged, and harmless whatever a program writes into them.
#include "cpu/cpu_priv.h"
#include "cpu/test_user.h"
#include <arch/cpu.h>
#include <arch/uaccess.h>
#include <arch/upcall.h>
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

static uint8_t info[128];

static struct arch_frame *frame(void) {
    return arch_thread_frame(arch_current());
}

static void frame_fill(void) {
    uint64_t *words = (uint64_t *)(void *)frame();
    for (unsigned i = 0; i < sizeof(struct arch_frame) / 8; i++)
        words[i] = 0x1000 + i;
    frame()->rsp = USER_END - 256;
    frame_sanitise(frame());
}

static status_t push(uintptr_t stack_top) {
    struct arch_signal signal = {.number = 10,
                                 .handler = 0x401000,
                                 .restorer = 0x402000,
                                 .blocked = 0x55,
                                 .stack_top = stack_top,
                                 .siginfo = info,
                                 .altstack_base = 0x7777,
                                 .altstack_size = 8192};
    for (unsigned i = 0; i < sizeof(info); i++)
        info[i] = (uint8_t)(i + 1);
    return arch_signal_push(&signal);
}

static status_t pop(void) {
    uint64_t blocked = 0;
    vaddr_t base = 0;
    size_t size = 0;
    int flags = 0;
    frame()->rsp += 8; // the handler's ret
    status_t status = arch_signal_pop(&blocked, &base, &size, &flags);
    if (status == 0)
        KTEST_CHECK(blocked == 0x55 && base == 0x7777 && size == 8192);
    return status;
}

static uint64_t word_at(uintptr_t address) {
    uint64_t value = 0;
    KTEST_CHECK(get_user(value, (uint64_t __user *)user(address)) == 0);
    return value;
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
    struct arch_frame before = *frame();
    KTEST_CHECK(push(0) == 0);
    uintptr_t sp = frame()->rsp;
    KTEST_CHECK(sp % 16 == 8 && sp <= before.rsp - 128 - 440);
    KTEST_CHECK(word_at(sp) == 0x402000 && word_at(sp + UC_MASK) == 0x55 && word_at(sp + UC_STACK_SP) == 0x7777);
    KTEST_CHECK(word_at(sp + MCONTEXT) == before.r8 && word_at(sp + MC_RSP) == before.rsp);
    KTEST_CHECK(word_at(sp + MC_RIP) == before.rip && word_at(sp + MC_FLAGS) == before.rflags);
    KTEST_CHECK((word_at(sp + MC_CS) & 0xffff) == 0x33 && word_at(sp + MC_CS) >> 48 == 0x2b);
    KTEST_CHECK(word_at(sp + MC_FPSTATE) == 0 && word_at(sp + INFO) == 0x0807060504030201);
    KTEST_CHECK(frame()->rip == 0x401000 && frame()->rdi == 10 && frame()->rax == 0);
    KTEST_CHECK(frame()->rsi == sp + INFO && frame()->rdx == sp + UC && arch_frame_syscall_number(frame()) == -1);
    KTEST_CHECK(pop() == 0);
    before.orig_rax = (uint64_t)-1;
    KTEST_CHECK(memcmp(&before, frame(), sizeof(before)) == 0);
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
    KTEST_CHECK(push(USER_END) == 0);
    uintptr_t state = word_at(frame()->rsp + MC_FPSTATE);
    KTEST_CHECK(state % 64 == 0 && state > frame()->rsp && state < USER_END);
    KTEST_CHECK(word_at(state + 160 + 7 * 16) == 0x0123456789abcdef); // xmm7 of the legacy area
    __asm__ volatile("movq %%xmm7, %0" : "=r"(value));
    KTEST_CHECK(value == 0); // the handler starts afresh
    KTEST_CHECK(put_user(0xfedcba98ul, (uint64_t __user *)user(state + 160 + 7 * 16)) == 0);
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
    words[472 / 4] = (uint32_t)vector_features;
    words[480 / 4] = vector_area_size;
    words[vector_area_size / 4] = 0x46505845;
    memset(test_user.data + 520, (int)(reserved & 0xff), 56);
}

KTEST(x86_signal_frame_that_lies) {
    begin();
    KTEST_CHECK(push(0) == 0);
    uintptr_t sp = frame()->rsp;
    // All flags, kernel selectors, an address that is not canonical.
    KTEST_CHECK(put_user(~0ul, (uint64_t __user *)user(sp + MC_FLAGS)) == 0);
    KTEST_CHECK(put_user(0x0018000000000010ul, (uint64_t __user *)user(sp + MC_CS)) == 0);
    KTEST_CHECK(put_user(0x8000000000000000ul, (uint64_t __user *)user(sp + MC_RIP)) == 0);
    KTEST_CHECK(pop() == 0);
    KTEST_CHECK(frame()->cs == 0x33 && frame()->ss == 0x2b);
    KTEST_CHECK((frame()->rflags & 0x3000) == 0 && (frame()->rflags & FLAG_IF) != 0); // no I/O privilege
    KTEST_CHECK((frame()->rflags & 0x4000) == 0 && (frame()->rflags & 0x20000) == 0); // nor nested task, virtual 8086

    // A state image with impossible bits, at a bad place, or crooked.
    frame_fill();
    KTEST_CHECK(push(0) == 0);
    sp = frame()->rsp;
    if (vector_area_size > 512) {
        KTEST_CHECK(put_user(USER_PAGE, (uint64_t __user *)user(sp + MC_FPSTATE)) == 0);
        state_fake(~0ul);
        KTEST_CHECK(pop() == -EFAULT);
        frame()->rsp = sp;
        state_fake(0);
        KTEST_CHECK(pop() == 0);
        frame()->rsp = sp;
    }
    KTEST_CHECK(put_user(USER_END, (uint64_t __user *)user(sp + MC_FPSTATE)) == 0);
    KTEST_CHECK(pop() == -EFAULT);
    frame()->rsp = sp;
    KTEST_CHECK(put_user(USER_PAGE + 8, (uint64_t __user *)user(sp + MC_FPSTATE)) == 0);
    KTEST_CHECK(pop() == -EFAULT);
    frame()->rsp = sp;
    KTEST_CHECK(put_user(0xffffffff80200000ul, (uint64_t __user *)user(sp + MC_FPSTATE)) == 0);
    KTEST_CHECK(pop() == -EFAULT);
    end();
}

KTEST(x86_signal_without_a_stack) {
    begin();
    struct arch_frame before = *frame();
    const uintptr_t bad[] = {USER_PAGE + 64,       64,  USER_END + PAGE_SIZE, 0xffffffff80200000ul,
                             0x8000000000000000ul, ~0ul};
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        KTEST_CHECK(push(bad[i]) == -EFAULT);
        frame()->rsp = bad[i];
        KTEST_CHECK(push(0) == -EFAULT);
        frame()->rsp = before.rsp;
        KTEST_CHECK(memcmp(&before, frame(), sizeof(before)) == 0); // nothing changed
    }
    frame()->rsp = USER_END - 16; // a frame that is cut off
    KTEST_CHECK(pop() == -EFAULT);
    end();
}
