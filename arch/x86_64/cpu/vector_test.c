// SPDX-License-Identifier: MPL-2.0
// Self-test: vector state across switches.
#include "cpu/cpu_priv.h"
#include "x86_64_priv.h"
#include <arch/cpu.h>
#include <arch/upcall.h>
#include <lib/ktest.h>

static void xmm_set(uint64_t value) {
    __asm__ volatile("movq %0, %%xmm5" ::"r"(value));
}
static uint64_t xmm_get(void) {
    uint64_t value;
    __asm__ volatile("movq %%xmm5, %0" : "=r"(value));
    return value;
}

// As arch_thread_load does it.
static void take_turns(struct arch_thread *prev, struct arch_thread *next) {
    if (!x86_has_short_switch || prev->fpu == nullptr || next->fpu == nullptr) {
        vector_switch(prev, next);
        return;
    }
    x86_vector_exchange(prev->fpu, next->fpu);
    next->fpu_cpu = -1;
}

// Two pretended threads with a state each and one without take turns on this CPU.
KTEST(x86_vector_state_is_each_threads_own) {
    struct arch_thread none = {.fpu_cpu = -1}, a = none, b = none;
    KTEST_REQUIRE(vector_attach(&a) && vector_attach(&b));
    unsigned long irq = arch_irq_save();
    bool right = true;
    take_turns(&none, &a);
    xmm_set(111);
    take_turns(&a, &b);
    right &= xmm_get() == 0;
    xmm_set(222);
    take_turns(&b, &none);
    right &= (read_cr0() & 8) != 0; // off: the next use would trap
    take_turns(&none, &b);          // still in the registers
    right &= xmm_get() == 222;
    take_turns(&b, &a);
    right &= xmm_get() == 111;
    a.fpu_cpu = 63; // as if it had run elsewhere meanwhile: what the registers hold is stale
    take_turns(&a, &none);
    a.fpu_cpu = 63;
    __asm__ volatile("clts");
    xmm_set(333);
    take_turns(&none, &a);
    right &= xmm_get() == 111;
    take_turns(&a, &none);
    arch_irq_restore(irq);
    arch_vector_area_free(a.fpu, vector_area_size);
    arch_vector_area_free(b.fpu, vector_area_size);
    KTEST_CHECK(right);
}
