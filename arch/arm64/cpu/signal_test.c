// SPDX-License-Identifier: MPL-2.0
// Signal frames: laid out as Linux does, given back unchanged, and harmless whatever a program writes into them. And
// what else of the ABI can be seen without a program.
#include "arm64_priv.h"
#include "cpu/cpu_priv.h"
#include "cpu/idregs.h"
#include "cpu/sysreg.h"
#include "cpu/vector.h"
#include <abi/signal.h>
#include <arch/cpu.h>
#include <arch/elf.h>
#include <arch/time.h>
#include <arch/uaccess.h>
#include <arch/upcall.h>
#include <common/test_signal.h>
#include <common/test_user.h>
#include <lib/ktest.h>
#include <lib/status.h>
#include <lib/string.h>

// Offsets within the frame, as a C library on Linux has them.
enum {
    INFO = 0,
    UC = 128,
    UC_STACK_SP = UC + 16,
    UC_MASK = UC + 40,
    MCONTEXT = UC + 176,
    MC_FAULT = MCONTEXT,
    MC_REGS = MCONTEXT + 8,
    MC_SP = MCONTEXT + 256,
    MC_PC = MCONTEXT + 264,
    MC_PSTATE = MCONTEXT + 272,
    RECORDS = MCONTEXT + 288,
    FPSIMD_V = RECORDS + 16,
    FRAME = RECORDS + 4096,
};
#define STACK_TOP (USER_END + PAGE_SIZE) // a frame is larger than a page
#define FPSIMD_HEAD (528ul << 32 | 0x46508001)
#define ESR_HEAD (16ul << 32 | 0x45535201)

alignas(4096) static uint8_t second_page[4096];

static void frame_fill(void) {
    *test_frame() = (struct arch_frame){.syscall = 64, .orig_x0 = 1};
    for (unsigned i = 0; i < 31; i++)
        test_frame()->regs[i] = 0x1000 + i;
    test_frame()->sp = STACK_TOP - 256;
    test_frame()->pc = 0x400400;
    test_frame()->pstate = 0x80000000;
}

static void begin(void) {
    test_user_map();
    test_user_entry()[1] = arch_pte_page(image_phys(second_page), PROT_MAP_READ | PROT_MAP_WRITE | PROT_MAP_USER, 0);
    dsb_ish();
    isb();
    frame_fill();
}

static void end(void) {
    unsigned long irq = arch_irq_save();
    vector_drop(arch_of(arch_current()));
    arch_irq_restore(irq);
    test_user_unmap();
}

KTEST(arm64_signal_frame_layout) {
    begin();
    struct arch_frame before = *test_frame();
    KTEST_CHECK(test_signal_push(0, SA_SIGINFO) == 0);
    uintptr_t sp = test_frame()->sp, link = test_frame()->regs[29];
    KTEST_CHECK(sp % 16 == 0 && link == before.sp - 16 && sp == link - FRAME);
    KTEST_CHECK(test_word(link) == before.regs[29] && test_word(link + 8) == before.regs[30]);
    KTEST_CHECK(test_word(sp + UC_MASK) == 0x55 && test_word(sp + UC_STACK_SP) == 0x7777);
    KTEST_CHECK(test_word(sp + MC_REGS) == 0x1000 && test_word(sp + MC_REGS + 30 * 8) == 0x101e);
    KTEST_CHECK(test_word(sp + MC_SP) == before.sp && test_word(sp + MC_PC) == before.pc);
    KTEST_CHECK(test_word(sp + MC_PSTATE) == before.pstate && test_word(sp + INFO) == 0x0807060504030201);
    KTEST_CHECK(test_word(sp + RECORDS) == FPSIMD_HEAD && test_word(sp + RECORDS + 528) == 0);
    KTEST_CHECK(test_frame()->pc == 0x401000 && test_frame()->regs[0] == 10 && test_frame()->regs[30] == 0x402000);
    KTEST_CHECK(test_frame()->regs[1] == sp + INFO && test_frame()->regs[2] == sp + UC);
    KTEST_CHECK((test_frame()->pstate & 0xc00) == (arm64_features.bti ? 0x800 : 0));
    KTEST_CHECK(arch_frame_syscall_number(test_frame()) == -1);
    KTEST_CHECK(test_signal_pop() == 0);
    before.syscall = -1;
    KTEST_CHECK(memcmp(&before, test_frame(), offsetof(struct arch_frame, orig_x0)) == 0);
    end();
}

KTEST(arm64_signal_tells_of_a_fault) {
    begin();
    struct arch_thread *thread = arch_of(arch_current());
    thread->fault_address = 0x1234;
    thread->fault_esr = 0x92000047;
    KTEST_CHECK(test_signal_push(STACK_TOP, 0) == 0);
    uintptr_t sp = test_frame()->sp;
    KTEST_CHECK(test_frame()->regs[1] == 0x1001 && test_frame()->regs[2] == 0x1002); // no SA_SIGINFO
    KTEST_CHECK(test_word(sp + MC_FAULT) == 0x1234 && test_word(sp + RECORDS + 528) == ESR_HEAD);
    KTEST_CHECK(test_word(sp + RECORDS + 536) == 0x92000047 && test_word(sp + RECORDS + 544) == 0);
    KTEST_CHECK(test_signal_pop() == 0);
    thread->fault_address = thread->fault_esr = 0;
    end();
}

static void vectors_are(uint64_t seed) {
    struct vector_state state;
    vector_registers_save(&state);
    for (unsigned i = 0; i < 32; i++)
        KTEST_CHECK(state.v[i][0] == seed + i && state.v[i][1] == ~seed);
    KTEST_CHECK(state.fpcr == 0x400000 && state.fpsr == 0x8000000);
}

KTEST(arm64_signal_carries_vector_state) {
    begin();
    KTEST_REQUIRE(arch_of(arch_current())->fpu == nullptr);
    unsigned long irq = arch_irq_save();
    vector_first_use();
    arch_irq_restore(irq);
    struct vector_state state = {.fpcr = 0x400000, .fpsr = 0x8000000};
    for (unsigned i = 0; i < 32; i++)
        state.v[i][0] = 0x1000 + i, state.v[i][1] = ~0x1000ul;
    vector_registers_load(&state);
    KTEST_CHECK(test_signal_push(STACK_TOP, 0) == 0);
    uintptr_t sp = test_frame()->sp;
    KTEST_CHECK(test_word(sp + RECORDS + 8) == 0x0040000008000000);
    KTEST_CHECK(test_word(sp + FPSIMD_V) == 0x1000 && test_word(sp + FPSIMD_V + 31 * 16) == 0x101f);
    vectors_are(0x1000); // the handler finds them
    for (unsigned i = 0; i < 32; i++) {
        test_word_set(sp + FPSIMD_V + 16 * i, 0x2000 + i);
        test_word_set(sp + FPSIMD_V + 16 * i + 8, ~0x2000ul);
    }
    KTEST_CHECK(test_signal_pop() == 0);
    vectors_are(0x2000); // what the handler wrote
    end();
}

// A frame with one word changed: what sigreturn says to it, and that it leaves the registers alone if it says no.
static void damaged(unsigned offset, uint64_t value, status_t want) {
    frame_fill();
    KTEST_CHECK(test_signal_push(STACK_TOP, 0) == 0);
    test_word_set(test_frame()->sp + offset, value);
    struct arch_frame before = *test_frame();
    status_t status = test_signal_pop();
    KTEST_CHECK(want == 0 ? status == 0 : status != 0);
    if (want != 0)
        KTEST_CHECK(memcmp(&before, test_frame(), sizeof(before)) == 0);
}

KTEST(arm64_signal_frame_that_lies) {
    begin();
    damaged(RECORDS, 0, -EINVAL);                               // no fpsimd record
    damaged(RECORDS, FPSIMD_HEAD + (16ul << 32), -EINVAL);      // of another size
    damaged(RECORDS, 16ul << 32 | 0x53564501, -EINVAL);         // of a kind that we do not have
    damaged(RECORDS + 528, FPSIMD_HEAD, -EINVAL);               // a second one
    damaged(RECORDS + 528, 8ul << 32 | 0x45535201, -EINVAL);    // a crooked size
    damaged(RECORDS + 528, 4ul << 32 | 0x45535201, -EINVAL);    // less than its head
    damaged(RECORDS + 528, ~0ul << 32 | 0x45535201, -EINVAL);   // beyond the end
    damaged(RECORDS + 528, 3568ul << 32 | 0x45535201, -EINVAL); // no end
    damaged(RECORDS + 528, 16ul << 32, -EINVAL);                // an end with a size
    damaged(MC_PSTATE, 5, -EINVAL);                             // EL1
    damaged(MC_PSTATE, 0x10, -EINVAL);                          // 32-bit
    damaged(MC_PSTATE, 0x80, -EINVAL);                          // interrupts off
    damaged(MC_PSTATE, 0xfffffffff0f03c20, 0);                  // bits without a meaning
    KTEST_CHECK((test_frame()->pstate & ~0xf3001c00ul) == 0);
    damaged(MC_PC, 0xffffffff80200000, 0); // the jump itself faults, in user mode
    KTEST_CHECK(test_frame()->pc == 0xffffffff80200000);
    end();
}

KTEST(arm64_signal_without_a_stack) {
    begin();
    test_signal_bad_stacks(STACK_TOP);
    test_frame()->sp = STACK_TOP - 16; // a frame that is cut off
    KTEST_CHECK(test_signal_pop() != 0);
    test_frame()->sp = USER_PAGE + 8; // crooked
    KTEST_CHECK(test_signal_pop() != 0);
    end();
}

KTEST(arm64_float_codes) {
    KTEST_CHECK(vector_float_code(0) == FPE_FLTUNK && vector_float_code(1) == FPE_FLTUNK);
    KTEST_CHECK(vector_float_code(0x800001) == FPE_FLTINV && vector_float_code(0x800002) == FPE_FLTDIV);
    KTEST_CHECK(vector_float_code(0x800004) == FPE_FLTOVF && vector_float_code(0x800008) == FPE_FLTUND);
    KTEST_CHECK(vector_float_code(0x800010) == FPE_FLTRES);
}

KTEST(arm64_vdso_returns_from_signals) {
    const struct vdso_image *image = arch_vdso();
    const uint32_t *code = (const uint32_t *)((const char *)image->start + image->sigreturn_offset);
    KTEST_REQUIRE(image->sigreturn_offset != 0 && image->sigreturn_offset + 8 <= image->size);
    KTEST_CHECK((uintptr_t)image->start % PAGE_SIZE == 0 && code[0] == 0xd2801168 && code[1] == 0xd4000001);
}

KTEST(arm64_capabilities) {
    KTEST_CHECK((arch_elf_hwcap() & 0x803) == 0x803);  // fp, asimd, cpuid
    KTEST_CHECK((arch_elf_hwcap() & 1ul << 22) == 0);  // no SVE
    KTEST_CHECK((arch_elf_hwcap2() & 1ul << 18) == 0); // no MTE
    KTEST_CHECK((arch_elf_hwcap() >> 30 & 1) == arm64_features.pauth);
    KTEST_CHECK((arch_elf_hwcap2() >> 17 & 1) == arm64_features.bti);
    KTEST_CHECK(idregs_midr(0) == (uint32_t)sysreg_read(MIDR_EL1));
}
