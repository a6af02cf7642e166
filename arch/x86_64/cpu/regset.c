// SPDX-License-Identifier: MPL-2.0
// What debuggers and core files see of a thread that does not run: general registers, vector state, and the words of
// Linux's struct user; and single steps.
//
// General registers are in the frame, bases and vector state in struct arch_thread: a switch away has stored them. An
// optimised save leaves parts out that are in their initial state, so a copy gets those filled in. A state that comes
// from a tracer is checked here, for the processor would fault in the next switch on what it does not like.
//
// A single step is the trap flag. The flag that we set is not shown, unless the program had set it as well.
#include "cpu/cpu_priv.h"
#include <abi/ptrace.h>
#include <arch/core.h>
#include <arch/mmu.h>
#include <arch/switch.h>
#include <lib/status.h>
#include <lib/string.h>

// --- general registers: Linux's user_regs_struct ---

struct user_regs {
    struct arch_frame frame;
    uint64_t fs_base, gs_base, ds, es, fs, gs;
};
static_assert(sizeof(struct user_regs) == 27 * 8);

static void regs_get(struct thread *thread, struct user_regs *regs) {
    const struct arch_thread *arch = arch_of(thread);
    *regs = (struct user_regs){.frame = *arch_thread_frame(thread), .fs_base = arch->fs_base, .gs_base = arch->gs_base};
    if (arch->step == STEP_FLAG_IS_OURS)
        regs->frame.rflags &= ~FLAG_TF;
}

static status_t regs_set(struct thread *thread, const struct user_regs *from) {
    struct arch_thread *arch = arch_of(thread);
    struct arch_frame *frame = arch_thread_frame(thread);
    if (from->fs_base >= ARCH_USER_TOP || from->gs_base >= ARCH_USER_TOP)
        return -EIO;
    *frame = from->frame;
    frame_sanitise(frame);
    if (arch->step != STEP_OFF) {
        arch->step = frame->rflags & FLAG_TF ? STEP_FLAG_IS_USERS : STEP_FLAG_IS_OURS;
        frame->rflags |= FLAG_TF;
    }
    arch->fs_base = from->fs_base;
    arch->gs_base = from->gs_base;
    *arch_work_of(thread) = 1;
    return 0;
}

// --- vector state ---

#define LEGACY_SIZE 512
#define SOFTWARE_OFFSET 464 // the bytes of the legacy part that the processor leaves to software
#define FEATURE_X87 1u
#define FEATURE_SSE 2u

// The beginning of an area: the legacy part, and the header.
struct area {
    uint16_t control, status;
    uint8_t tag, unused;
    uint16_t opcode;
    uint64_t ip, data;
    uint32_t mxcsr, mxcsr_mask;
    uint8_t x87[128], xmm[256], rest[96];
    uint64_t present, compacted, reserved[6];
};
static_assert(offsetof(struct area, present) == LEGACY_SIZE && sizeof(struct area) == LEGACY_SIZE + 64);

#define MXCSR_INITIAL 0x1f80u
#define MXCSR_USUAL 0xffbfu // the bits there are where a save leaves no mask

static void area_copy(const struct arch_thread *arch, void *to) {
    struct area *area = to;
    bool extended = vector_area_size > LEGACY_SIZE;
    if (arch->fpu != nullptr)
        memcpy(to, arch->fpu, vector_area_size);
    else
        memset(to, 0, vector_area_size);
    uint64_t present = arch->fpu == nullptr ? 0 : extended ? area->present : FEATURE_X87 | FEATURE_SSE;
    if (!(present & FEATURE_X87)) {
        memset(area, 0, offsetof(struct area, mxcsr));
        memset(area->x87, 0, sizeof(area->x87));
        area->control = 0x37f;
    }
    if (!(present & FEATURE_SSE))
        memset(area->xmm, 0, sizeof(area->xmm));
    if (arch->fpu == nullptr)
        area->mxcsr = MXCSR_INITIAL;
    memset(area->rest, 0, sizeof(area->rest));
    *(uint64_t *)((char *)to + SOFTWARE_OFFSET) = x86_vector_features;
}

static bool area_is_loadable(const struct arch_thread *arch, const struct area *area, bool extended) {
    uint32_t mask = ((const struct area *)arch->fpu)->mxcsr_mask;
    if (area->mxcsr & ~(mask ? mask : MXCSR_USUAL))
        return false;
    if (!extended)
        return true;
    for (unsigned i = 0; i < ARRAY_SIZE(area->reserved); i++)
        if (area->reserved[i] != 0)
            return false;
    return area->compacted == 0 && !(area->present & ~(uint64_t)x86_vector_features);
}

// The legacy part alone, or all.
static status_t area_set(struct thread *thread, const struct area *from, bool all) {
    struct arch_thread *arch = arch_of(thread);
    bool extended = vector_area_size > LEGACY_SIZE;
    if (arch->fpu == nullptr && !vector_attach(arch))
        return -ENOMEM;
    if (!area_is_loadable(arch, from, all && extended))
        return -EINVAL;
    struct area *area = arch->fpu;
    memcpy(area, from, all ? vector_area_size : offsetof(struct area, rest));
    if (extended && !all)
        area->present |= FEATURE_X87 | FEATURE_SSE;
    arch->fpu_cpu = -1; // whatever registers hold, it is old
    return 0;
}

// --- the sets ---

ssize_t arch_regset_get(struct thread *thread, unsigned note, void *to) {
    switch (note) {
    case NT_PRSTATUS:
        regs_get(thread, to);
        return sizeof(struct user_regs);
    case NT_PRFPREG:
        area_copy(arch_of(thread), to);
        memset((char *)to + SOFTWARE_OFFSET, 0, LEGACY_SIZE - SOFTWARE_OFFSET);
        return LEGACY_SIZE;
    case NT_X86_XSTATE:
        if (vector_area_size <= LEGACY_SIZE)
            return -EINVAL;
        area_copy(arch_of(thread), to);
        return vector_area_size;
    default:
        return -EINVAL;
    }
}

status_t arch_regset_set(struct thread *thread, unsigned note, const void *from) {
    switch (note) {
    case NT_PRSTATUS:
        return regs_set(thread, from);
    case NT_PRFPREG:
        return area_set(thread, from, false);
    case NT_X86_XSTATE:
        return vector_area_size <= LEGACY_SIZE ? -EINVAL : area_set(thread, from, true);
    default:
        return -EINVAL;
    }
}

const unsigned arch_core_notes[] = {NT_PRFPREG, NT_X86_XSTATE, 0};

unsigned arch_regset_of_request(long request, bool *set) {
    *set = request == PTRACE_SETREGS || request == PTRACE_SETFPREGS;
    switch (request) {
    case PTRACE_GETREGS:
    case PTRACE_SETREGS:
        return NT_PRSTATUS;
    case PTRACE_GETFPREGS:
    case PTRACE_SETFPREGS:
        return NT_PRFPREG;
    default:
        return 0;
    }
}

// --- struct user: the registers, then what no one asks for (zero), then the debug registers ---

#define USER_SIZE 912
#define DEBUG_OFFSET 848

status_t arch_user_word_get(struct thread *thread, unsigned long offset, unsigned long *value) {
    struct user_regs regs;
    if (offset % 8 != 0 || offset >= USER_SIZE)
        return -EIO;
    *value = 0;
    if (offset >= DEBUG_OFFSET)
        *value = debug_get(thread, (unsigned)(offset - DEBUG_OFFSET) / 8);
    if (offset >= sizeof(regs))
        return 0;
    regs_get(thread, &regs);
    *value = ((const uint64_t *)&regs)[offset / 8];
    return 0;
}

status_t arch_user_word_set(struct thread *thread, unsigned long offset, unsigned long value) {
    struct user_regs regs;
    if (offset % 8 == 0 && offset >= DEBUG_OFFSET && offset < USER_SIZE)
        return debug_set(thread, (unsigned)(offset - DEBUG_OFFSET) / 8, value);
    if (offset % 8 != 0 || offset >= sizeof(regs))
        return -EIO;
    regs_get(thread, &regs);
    ((uint64_t *)&regs)[offset / 8] = value;
    return regs_set(thread, &regs);
}

// --- single steps ---

void arch_thread_set_step(struct thread *thread, bool on) {
    struct arch_thread *arch = arch_of(thread);
    struct arch_frame *frame = arch_thread_frame(thread);
    if (on && arch->step == STEP_OFF)
        arch->step = frame->rflags & FLAG_TF ? STEP_FLAG_IS_USERS : STEP_FLAG_IS_OURS;
    if (on)
        frame->rflags |= FLAG_TF;
    else if (arch->step == STEP_FLAG_IS_OURS)
        frame->rflags &= ~FLAG_TF;
    if (!on)
        arch->step = STEP_OFF;
    *arch_work_of(thread) = 1;
}
