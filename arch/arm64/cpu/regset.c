// SPDX-License-Identifier: MPL-2.0
// What debuggers and core files see of a thread that does not run: Linux's register sets; and single steps.
//
// General registers are in the frame, the others in struct arch_thread: a switch away has stored them.
//
// A step is taken when PSTATE.SS is set in the frame and MDSCR_EL1.SS on the CPU: the processor clears the first after
// one instruction and traps before the next. The first belongs to the thread, so interrupts do it no harm. The second
// is set on the way out to a thread that is stepped (which always goes through the slow path) and not looked at by the
// switch: a thread that finds it left on traps at once, and the trap's handler takes it away.
#include "arm64_priv.h"
#include "cpu/cpu_priv.h"
#include "cpu/sysreg.h"
#include "cpu/vector.h"
#include <abi/ptrace.h>
#include <arch/core.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/upcall.h>
#include <lib/status.h>
#include <lib/string.h>

// x0-x30, sp, pc, pstate: how a frame begins.
#define USER_REGS_SIZE (34 * sizeof(uint64_t))
static_assert(offsetof(struct arch_frame, sp) == 31 * 8 && offsetof(struct arch_frame, pstate) == 33 * 8);

static ssize_t regs_get(struct thread *thread, void *to) {
    memcpy(to, arch_thread_frame(thread), USER_REGS_SIZE);
    ((struct arch_frame *)to)->pstate &= ~PSTATE_SS;
    return USER_REGS_SIZE;
}

static status_t regs_set(struct thread *thread, const void *from) {
    struct arch_frame *frame = arch_thread_frame(thread);
    uint64_t step = frame->pstate & PSTATE_SS;
    memcpy(frame, from, USER_REGS_SIZE);
    frame_sanitise(frame);
    frame->pstate |= step;
    *arch_work_of(thread) = 1;
    return 0;
}

static ssize_t vector_get(struct thread *thread, struct vector_state *to) {
    const void *area = arch_of(thread)->fpu;
    if (area != nullptr)
        memcpy(to, area, sizeof(*to));
    else
        memset(to, 0, sizeof(*to));
    return sizeof(*to);
}

static status_t vector_set(struct thread *thread, const struct vector_state *from) {
    struct arch_thread *arch = arch_of(thread);
    if (arch->fpu == nullptr)
        arch->fpu = arch_vector_area_alloc(sizeof(struct vector_state));
    if (arch->fpu == nullptr)
        return -ENOMEM;
    struct vector_state *state = arch->fpu;
    *state = *from;
    memset(state->reserved, 0, sizeof(state->reserved));
    arch->fpu_cpu = -1; // whatever registers hold, it is old
    return 0;
}

static ssize_t word_get(void *to, uint64_t value, size_t size) {
    memcpy(to, &value, size);
    return (ssize_t)size;
}

// The bits of a pointer that a signature may be in: above the address, below the tag.
static ssize_t pac_mask_get(uint64_t *to) {
    if (!arm64_features.pauth)
        return -EINVAL;
    to[0] = to[1] = ((1ul << 55) - 1) & ~(ARCH_USER_TOP - 1);
    return 2 * sizeof(uint64_t);
}

ssize_t arch_regset_get(struct thread *thread, unsigned note, void *to) {
    switch (note) {
    case NT_PRSTATUS:
        return regs_get(thread, to);
    case NT_PRFPREG:
        return vector_get(thread, to);
    case NT_ARM_TLS:
        return word_get(to, arch_of(thread)->tls, sizeof(uint64_t));
    case NT_ARM_SYSTEM_CALL:
        return word_get(to, (uint64_t)arch_frame_syscall_number(arch_thread_frame(thread)), sizeof(uint32_t));
    case NT_ARM_PAC_MASK:
        return pac_mask_get(to);
    case NT_ARM_HW_BREAK:
    case NT_ARM_HW_WATCH:
        return debug_get(thread, note, to);
    default:
        return -EINVAL;
    }
}

status_t arch_regset_set(struct thread *thread, unsigned note, const void *from) {
    int32_t number;
    switch (note) {
    case NT_PRSTATUS:
        return regs_set(thread, from);
    case NT_PRFPREG:
        return vector_set(thread, from);
    case NT_ARM_TLS:
        memcpy(&arch_of(thread)->tls, from, sizeof(uint64_t));
        return 0;
    case NT_ARM_SYSTEM_CALL:
        memcpy(&number, from, sizeof(number));
        arch_thread_frame(thread)->syscall = number;
        return 0;
    case NT_ARM_HW_BREAK:
    case NT_ARM_HW_WATCH:
        return debug_set(thread, note, from);
    default:
        return -EINVAL;
    }
}

const unsigned arch_core_notes[] = {NT_PRFPREG, NT_ARM_TLS, NT_ARM_SYSTEM_CALL, NT_ARM_PAC_MASK, 0};

unsigned arch_regset_of_request(long request, bool *set) {
    (void)request;
    *set = false;
    return 0;
}

status_t arch_user_word_get(struct thread *thread, unsigned long offset, unsigned long *value) {
    (void)thread;
    (void)offset;
    (void)value;
    return -EIO;
}

status_t arch_user_word_set(struct thread *thread, unsigned long offset, unsigned long value) {
    (void)thread;
    (void)offset;
    (void)value;
    return -EIO;
}

// --- single steps ---

#define MDSCR_SS 1ul

void step_enable(void) {
    sysreg_write(MDSCR_EL1, sysreg_read(MDSCR_EL1) | MDSCR_SS);
}

void step_disable(void) {
    sysreg_write(MDSCR_EL1, sysreg_read(MDSCR_EL1) & ~MDSCR_SS);
}

void arch_thread_set_step(struct thread *thread, bool on) {
    struct arch_frame *frame = arch_thread_frame(thread);
    arch_of(thread)->step = on;
    frame->pstate = on ? frame->pstate | PSTATE_SS : frame->pstate & ~PSTATE_SS;
    *arch_work_of(thread) = 1;
}
