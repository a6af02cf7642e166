// SPDX-License-Identifier: MPL-2.0
// Floating point and vector state: V0-V31, FPSR, FPCR.
//
// The kernel never uses these registers, so while a thread runs they are its own, in the kernel too. A thread starts
// without an area and with CPACR_EL1.FPEN trapping user mode; its first vector instruction traps and gets it an area.
//
// Saving and loading them takes more instructions than the rest of a switch, and many threads do not use them between
// two switches. So a switch away saves only if the unit was on, and a switch back leaves it off if the thread
// did well without it lately: the next use traps and loads the state. Each such trap makes the next VECTOR_TURNS
// switches load the state at once (arch_thread.vector_turns), so that a thread that always uses the unit traps rarely.
//
// The unit is on: the registers are the current thread's. It is off: nobody's copy in memory is older than what
// registers hold, so nobody ever has to ask another CPU for it. The registers of a CPU still hold what its
// `vector_owner`, the last thread whose state was loaded there, had when it was switched away from, if the thread's
// fpu_cpu, the last CPU where its state was, agrees.
#include "cpu/vector.h"
#include "cpu/cpu_priv.h"
#include "cpu/sysreg.h"
#include <abi/signal.h>
#include <arch/cpu.h>
#include <arch/switch.h>
#include <arch/uaccess.h>
#include <arch/upcall.h>
#include <lib/status.h>
#include <lib/string.h>

// The assembler knows these only with the vector unit.
#define FPCR_EL0 S3_3_C4_C4_0
#define FPSR_EL0 S3_3_C4_C4_1

// CPACR_EL1.FPEN: user mode traps; nobody does. (SVE and SME trap for both: ZEN and SMEN stay 0.)
#define UNIT_OFF (1ul << 20)
#define UNIT_ON (3ul << 20)

// The syndrome of a trapped floating point exception: whether it says which, and which.
#define ESR_FLOAT_KNOWN (1u << 23)
#define ESR_FLOAT_INVALID 1u
#define ESR_FLOAT_DIVIDE 2u
#define ESR_FLOAT_OVERFLOW 4u
#define ESR_FLOAT_UNDERFLOW 8u
#define ESR_FLOAT_INEXACT 16u

#define VECTOR_TURNS 128
#define VECTOR_TURNS_ALL UINT32_MAX // while the kernel itself works on the registers

// What a thread's first use finds: zeros throughout.
static const struct vector_state initial_state;

// The return to user mode synchronises, and the kernel may use the registers either way.
static void unit_on(void) {
    sysreg_write(CPACR_EL1, UNIT_ON);
    this_cpu(arm64_loaded).vector_off = false;
}

static void unit_off(void) {
    sysreg_write(CPACR_EL1, UNIT_OFF);
    this_cpu(arm64_loaded).vector_off = true;
}

// The registers become those of the thread, which runs here now or will. Interrupts off.
static void registers_become(struct arch_thread *thread, const struct vector_state *state) {
    struct arm64_loaded *loaded = &this_cpu(arm64_loaded);
    int32_t self = (int32_t)arch_cpu_id();
    if (loaded->vector_off)
        unit_on();
    if (state == thread->fpu && loaded->vector_owner == thread && thread->fpu_cpu == self)
        return;
    vector_registers_load(state);
    loaded->vector_owner = thread;
    thread->fpu_cpu = self;
}

// Of arch_thread_load: the unit is on, or shall be.
void arm64_vector_switch(struct arch_thread *prev, struct arch_thread *next) {
    if (!this_cpu(arm64_loaded).vector_off) {
        vector_registers_save(prev->fpu);
        if (prev->vector_turns != 0)
            prev->vector_turns--;
    }
    if (next->vector_turns != 0)
        registers_become(next, next->fpu);
    else if (!this_cpu(arm64_loaded).vector_off)
        unit_off();
}

// The registers hold the current thread's state from here to registers_let_go, even if it blocks meanwhile.
static void registers_hold(struct arch_thread *thread) {
    unsigned long irq = arch_irq_save();
    thread->vector_turns = VECTOR_TURNS_ALL;
    registers_become(thread, thread->fpu);
    arch_irq_restore(irq);
}

static void registers_let_go(struct arch_thread *thread) {
    thread->vector_turns = VECTOR_TURNS;
}

static bool attach(struct arch_thread *thread) {
    thread->fpu = arch_vector_area_alloc(sizeof(struct vector_state));
    return thread->fpu != nullptr;
}

void vector_first_use(void) {
    struct arch_thread *thread = arch_of(arch_current());
    const struct vector_state *state = thread->fpu;
    if (state == nullptr && !attach(thread)) {
        arch_irq_enable();
        trap_user_exception(SIGKILL, 0, 0, 0, 0);
        return;
    }
    thread->vector_turns = VECTOR_TURNS;
    registers_become(thread, state != nullptr ? state : &initial_state);
}

// The parent's registers, if they are live, are stored straight into the child's area.
status_t vector_clone(struct arch_thread *child) {
    const struct arch_thread *self = arch_of(arch_current());
    if (self->fpu == nullptr)
        return 0;
    if (!attach(child))
        return -ENOMEM;
    child->vector_turns = self->vector_turns;
    if (this_cpu(arm64_loaded).vector_off)
        memcpy(child->fpu, self->fpu, sizeof(struct vector_state));
    else
        vector_registers_save(child->fpu);
    return 0;
}

void vector_free(struct arch_thread *thread) {
    if (thread->fpu != nullptr)
        arch_vector_area_free(thread->fpu, sizeof(struct vector_state));
    thread->fpu = nullptr;
    thread->fpu_cpu = -1;
    thread->vector_turns = 0;
}

// Interrupts off.
void vector_drop(struct arch_thread *thread) {
    if (thread->fpu == nullptr)
        return;
    vector_free(thread);
    unit_off();
}

status_t vector_store_user(struct vector_record __user *to) {
    struct arch_thread *thread = arch_of(arch_current());
    if (thread->fpu == nullptr)
        return clear_user_partial(to, sizeof(*to)) == 0 ? 0 : -EFAULT;
    uintptr_t at = (uintptr_t)to;
    if (!user_range_ok(at, sizeof(*to)))
        return -EFAULT;
    registers_hold(thread);
    uint64_t control = sysreg_read(FPCR_EL0) << 32 | sysreg_read(FPSR_EL0);
    bool done = put_user(control, (uint64_t __user *)at) == 0 &&
                vector_registers_store_user((void *)(at + offsetof(struct vector_record, v)));
    registers_let_go(thread);
    return done ? 0 : -EFAULT;
}

// There is no area yet, and none is needed for zeros: the first use will find those.
static status_t load_first(const struct vector_record __user *from) {
    struct arch_thread *thread = arch_of(arch_current());
    struct vector_record record;
    if (copy_from_user(&record, from, sizeof(record)) != 0)
        return -EFAULT;
    if (memcmp(&record, &initial_state, sizeof(record)) == 0)
        return 0;
    if (!attach(thread))
        return -ENOMEM;
    struct vector_state *state = thread->fpu;
    *state = (struct vector_state){.fpsr = record.fpsr, .fpcr = record.fpcr};
    memcpy(state->v, record.v, sizeof(state->v));
    registers_hold(thread);
    registers_let_go(thread);
    return 0;
}

status_t vector_load_user(const struct vector_record __user *from) {
    struct arch_thread *thread = arch_of(arch_current());
    uintptr_t at = (uintptr_t)from;
    uint64_t control;
    if (thread->fpu == nullptr)
        return load_first(from);
    if (!user_range_ok(at, sizeof(*from)) || get_user(control, (const uint64_t __user *)at) != 0)
        return -EFAULT;
    registers_hold(thread);
    bool done = vector_registers_load_user((const void *)(at + offsetof(struct vector_record, v)));
    if (done)
        vector_control_load((uint32_t)control, (uint32_t)(control >> 32));
    registers_let_go(thread);
    return done ? 0 : -EFAULT;
}

int vector_float_code(uint64_t esr) {
    if (!(esr & ESR_FLOAT_KNOWN))
        return FPE_FLTUNK;
    if (esr & ESR_FLOAT_INVALID)
        return FPE_FLTINV;
    if (esr & ESR_FLOAT_DIVIDE)
        return FPE_FLTDIV;
    if (esr & ESR_FLOAT_OVERFLOW)
        return FPE_FLTOVF;
    if (esr & ESR_FLOAT_UNDERFLOW)
        return FPE_FLTUND;
    return esr & ESR_FLOAT_INEXACT ? FPE_FLTRES : FPE_FLTUNK;
}

void vector_init_cpu(void) {
    unit_off();
    isb();
    this_cpu(arm64_loaded).vector_owner = nullptr;
}
