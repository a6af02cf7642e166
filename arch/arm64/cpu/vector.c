// SPDX-License-Identifier: MPL-2.0
// Floating point and vector state: V0-V31, FPSR, FPCR.
//
// The kernel never uses these registers, so while a thread runs they are its own, in the kernel too. A thread starts
// without an area and with CPACR_EL1.FPEN trapping user mode; its first vector instruction traps and gets it an area.
// From then on its state is saved at each switch away and loaded at each switch back, unless the registers still hold
// it. Threads that never touch the unit, kernel threads among them, pay one compare a switch.
//
// Who owns the registers: `owner` of a CPU is the last thread whose state was loaded there, and fpu_cpu of a thread the
// last CPU where its state was. The registers hold a thread's state if both agree. The saved copy is always
// current once a thread has been switched away from, so nobody ever has to ask another CPU for it.
#include "cpu/vector.h"
#include "cpu/cpu_priv.h"
#include "cpu/sysreg.h"
#include <abi/signal.h>
#include <arch/cpu.h>
#include <arch/percpu.h>
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

struct vector_cpu {
    struct arch_thread *owner;
    bool off; // UNIT_OFF
};
static struct vector_cpu vector_cpu PER_CPU;

// What a thread's first use finds: zeros throughout.
static const struct vector_state initial_state;

// The return to user mode synchronises, and the kernel may use the registers either way.
static void unit_on(void) {
    sysreg_write(CPACR_EL1, UNIT_ON);
    this_cpu(vector_cpu).off = false;
}

static void unit_off(void) {
    sysreg_write(CPACR_EL1, UNIT_OFF);
    this_cpu(vector_cpu).off = true;
}

// Called at each switch, interrupts off.
void vector_switch(struct arch_thread *prev, struct arch_thread *next) {
    struct vector_cpu *cpu = &this_cpu(vector_cpu);
    if (prev->fpu != nullptr)
        vector_registers_save(prev->fpu);
    if (next->fpu == nullptr) {
        if (!cpu->off)
            unit_off();
        return;
    }
    if (cpu->off)
        unit_on();
    int32_t self = (int32_t)arch_cpu_id();
    if (cpu->owner == next && next->fpu_cpu == self)
        return;
    vector_registers_load(next->fpu);
    cpu->owner = next;
    next->fpu_cpu = self;
}

// Makes the registers those of the current thread, which has just got its area. Interrupts off.
static void registers_take(struct arch_thread *thread) {
    this_cpu(vector_cpu).owner = thread;
    thread->fpu_cpu = (int32_t)arch_cpu_id();
    unit_on();
}

static bool attach(struct arch_thread *thread) {
    thread->fpu = arch_vector_area_alloc(sizeof(struct vector_state));
    return thread->fpu != nullptr;
}

void vector_first_use(void) {
    struct arch_thread *thread = arch_of(arch_current());
    if (thread->fpu == nullptr && !attach(thread)) {
        arch_irq_enable();
        trap_user_exception(SIGKILL, 0, 0, 0, 0);
        return;
    }
    registers_take(thread);
    vector_registers_load(&initial_state);
}

// The parent's registers are live: they are stored straight into the child's area.
status_t vector_clone(struct arch_thread *child) {
    if (arch_of(arch_current())->fpu == nullptr)
        return 0;
    if (!attach(child))
        return -ENOMEM;
    vector_registers_save(child->fpu);
    return 0;
}

void vector_free(struct arch_thread *thread) {
    if (thread->fpu != nullptr)
        arch_vector_area_free(thread->fpu, sizeof(struct vector_state));
    thread->fpu = nullptr;
    thread->fpu_cpu = -1;
}

// Interrupts off.
void vector_drop(struct arch_thread *thread) {
    if (thread->fpu == nullptr)
        return;
    vector_free(thread);
    unit_off();
}

status_t vector_store_user(struct vector_record __user *to) {
    if (arch_of(arch_current())->fpu == nullptr)
        return clear_user_partial(to, sizeof(*to)) == 0 ? 0 : -EFAULT;
    uint64_t control = sysreg_read(FPCR_EL0) << 32 | sysreg_read(FPSR_EL0);
    uintptr_t at = (uintptr_t)to;
    if (!user_range_ok(at, sizeof(*to)) || put_user(control, (uint64_t __user *)at) != 0)
        return -EFAULT;
    return vector_registers_store_user((void *)(at + offsetof(struct vector_record, v))) ? 0 : -EFAULT;
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
    unsigned long irq = arch_irq_save();
    registers_take(thread);
    vector_registers_load(state);
    arch_irq_restore(irq);
    return 0;
}

status_t vector_load_user(const struct vector_record __user *from) {
    uintptr_t at = (uintptr_t)from;
    uint64_t control;
    if (arch_of(arch_current())->fpu == nullptr)
        return load_first(from);
    if (!user_range_ok(at, sizeof(*from)) || get_user(control, (const uint64_t __user *)at) != 0 ||
        !vector_registers_load_user((const void *)(at + offsetof(struct vector_record, v))))
        return -EFAULT;
    vector_control_load((uint32_t)control, (uint32_t)(control >> 32));
    return 0;
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
    this_cpu(vector_cpu).owner = nullptr;
}
