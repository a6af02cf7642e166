// SPDX-License-Identifier: MPL-2.0
// Signal frames, exactly as Linux lays them out on arm64: programs look into them (ucontext), unwinders walk over
// them, and sigreturn takes them back.
//
//   higher  frame record: x29 and x30 as interrupted          <- x29 at the handler's first instruction
//           4 KiB for records: fpsimd, esr after a fault, end
//           ucontext: mask, alternate stack, registers
//           siginfo                                           <- sp at the handler's first instruction
//
// Of the 4 KiB only what holds records is written. x30 is the restorer: the action's, or the vDSO's function, whose
// instructions unwinders know. Everything that comes back is the user's: records that are not exactly as they should
// be, a crooked stack pointer and a PSTATE that is not user mode's are refused.
#include "arm64_priv.h"
#include "cpu/cpu_priv.h"
#include "cpu/pstate.h"
#include "cpu/vector.h"
#include <abi/signal.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>
#include <lib/status.h>
#include <lib/string.h>

enum {
    FPSIMD_MAGIC = 0x46508001,
    ESR_MAGIC = 0x45535201,
    RECORDS_SIZE = 4096,
};

struct record {
    uint32_t magic, size; // with this header
};

struct fpsimd_record {
    struct record head;
    uint32_t fpsr, fpcr;
    uint64_t v[32][2];
};
static_assert(sizeof(struct fpsimd_record) == 528);

struct esr_record {
    struct record head;
    uint64_t esr;
};

struct user_context {
    uint64_t flags, link;
    struct abi_stack stack;
    uint64_t mask;
    uint64_t mask_room[15]; // glibc's sigset_t has 1024 bits
    uint64_t pad;
    // struct sigcontext
    uint64_t fault_address;
    uint64_t regs[31], sp, pc, pstate;
    uint64_t pad2;
};
static_assert(offsetof(struct user_context, fault_address) == 176 && sizeof(struct user_context) == 464);

// The part of a frame that is written: what ends it moves forward if there is no esr record.
struct signal_frame {
    uint8_t info[128];
    struct user_context uc;
    struct fpsimd_record fpsimd;
    struct esr_record esr;
    struct record end;
    uint64_t end_pad;
};
#define RECORDS_OFFSET offsetof(struct signal_frame, fpsimd)
#define FRAME_SIZE (RECORDS_OFFSET + RECORDS_SIZE)
static_assert(FRAME_SIZE == 4688);

struct frame_link {
    uint64_t x29, x30;
};

// --- on the way to the handler ---

static void context_fill(struct user_context *uc, const struct arch_signal *signal, const struct arch_thread *thread,
                         const struct arch_frame *frame) {
    uc->flags = uc->link = 0;
    uc->stack = (struct abi_stack){
        .base = signal->altstack_base, .flags = signal->altstack_flags, .size = signal->altstack_size};
    uc->mask = signal->blocked;
    memset(uc->mask_room, 0, sizeof(uc->mask_room) + sizeof(uc->pad));
    uc->fault_address = thread->fault_address;
    memcpy(uc->regs, frame->regs, sizeof(uc->regs));
    uc->sp = frame->sp;
    uc->pc = frame->pc;
    uc->pstate = frame->pstate;
    uc->pad2 = 0;
}

static void fpsimd_fill(struct fpsimd_record *record) {
    struct vector_state state;
    vector_read(&state);
    record->head = (struct record){FPSIMD_MAGIC, sizeof(*record)};
    record->fpsr = state.fpsr;
    record->fpcr = state.fpcr;
    memcpy(record->v, state.v, sizeof(state.v));
}

// Returns the size of what there is to write.
static size_t frame_fill(struct signal_frame *out, const struct arch_signal *signal, const struct arch_thread *thread,
                         const struct arch_frame *frame) {
    memcpy(out->info, signal->siginfo, sizeof(out->info));
    context_fill(&out->uc, signal, thread, frame);
    fpsimd_fill(&out->fpsimd);
    out->end = (struct record){};
    out->end_pad = 0;
    out->esr = (struct esr_record){};
    if (thread->fault_esr == 0) // the end comes in its place
        return offsetof(struct signal_frame, end);
    out->esr = (struct esr_record){{ESR_MAGIC, sizeof(out->esr)}, thread->fault_esr};
    return sizeof(*out);
}

status_t arch_signal_push(const struct arch_signal *signal) {
    struct thread *self = arch_current();
    struct arch_frame *frame = arch_thread_frame(self);
    struct frame_link link = {frame->regs[29], frame->regs[30]};
    struct signal_frame content;
    size_t size = frame_fill(&content, signal, arch_of(self), frame);
    uintptr_t sp = signal->stack_top != 0 ? signal->stack_top : frame->sp;
    uintptr_t link_at = ALIGN_DOWN(sp - sizeof(link), 16ul);
    sp = link_at - FRAME_SIZE;
    if (copy_to_user((void __user *)link_at, &link, sizeof(link)) != 0 ||
        copy_to_user((void __user *)sp, &content, size) != 0)
        return -EFAULT;

    // Point of no return.
    frame->regs[0] = (uint64_t)signal->number;
    if (signal->flags & SA_SIGINFO) {
        frame->regs[1] = sp + offsetof(struct signal_frame, info);
        frame->regs[2] = sp + offsetof(struct signal_frame, uc);
    }
    frame->regs[29] = link_at;
    frame->regs[30] = signal->restorer;
    frame->sp = sp;
    frame->pc = signal->handler;
    // The handler is called by something like BLR: with BTI it must begin with a landing pad.
    frame->pstate &= ~(PSTATE_BTYPE | PSTATE_TCO | PSTATE_SS);
    if (arm64_features.bti)
        frame->pstate |= PSTATE_BTYPE_CALL;
    frame->syscall = -1;
    arch_frame_changed();
    return 0;
}

// --- and back ---

static status_t fpsimd_pop(uintptr_t at) {
    struct fpsimd_record record;
    struct vector_state state = {};
    if (copy_from_user(&record, (const void __user *)at, sizeof(record)) != 0)
        return -EFAULT;
    memcpy(state.v, record.v, sizeof(state.v));
    state.fpsr = record.fpsr;
    state.fpcr = record.fpcr;
    return vector_write(&state);
}

// Goes through the records up to the end mark. *fpsimd: address of the one of that kind, which must be there.
static status_t records_parse(uintptr_t start, uintptr_t *fpsimd) {
    *fpsimd = 0;
    for (size_t offset = 0; offset <= RECORDS_SIZE - sizeof(struct record);) {
        struct record head;
        if (copy_from_user(&head, (const void __user *)(start + offset), sizeof(head)) != 0)
            return -EFAULT;
        if (head.magic == 0)
            return head.size == 0 && *fpsimd != 0 ? 0 : -EINVAL;
        if (head.size < sizeof(head) || head.size > RECORDS_SIZE - offset || !IS_ALIGNED(head.size, 16u))
            return -EINVAL;
        if (head.magic == FPSIMD_MAGIC) {
            if (*fpsimd != 0 || head.size != sizeof(struct fpsimd_record))
                return -EINVAL;
            *fpsimd = start + offset;
        } else if (head.magic != ESR_MAGIC) { // that one is only to be read
            return -EINVAL;
        }
        offset += head.size;
    }
    return -EINVAL;
}

// False: these are not user mode's bits. What user mode may not choose is dropped silently, as on Linux.
static bool pstate_valid(uint64_t *pstate) {
    *pstate &= ~PSTATE_RES0;
    return (*pstate & (PSTATE_MODE | PSTATE_MODE32 | PSTATE_DAIF)) == 0;
}

status_t arch_signal_pop(uint64_t *blocked, vaddr_t *altstack_base, size_t *altstack_size, int *altstack_flags) {
    struct arch_frame *frame = arch_thread_frame(arch_current());
    struct user_context uc;
    uintptr_t sp = frame->sp, fpsimd;
    if (!IS_ALIGNED(sp, 16ul) || !user_range_ok(sp, FRAME_SIZE))
        return -EFAULT;
    if (copy_from_user(&uc, (const void __user *)(sp + offsetof(struct signal_frame, uc)), sizeof(uc)) != 0)
        return -EFAULT;
    status_t status = pstate_valid(&uc.pstate) ? records_parse(sp + RECORDS_OFFSET, &fpsimd) : -EINVAL;
    if (status == 0)
        status = fpsimd_pop(fpsimd);
    if (status != 0)
        return status;

    // Point of no return.
    memcpy(frame->regs, uc.regs, sizeof(uc.regs));
    frame->sp = uc.sp;
    frame->pc = uc.pc;
    frame->pstate = uc.pstate;
    frame_sanitise(frame);
    frame->syscall = -1;
    *blocked = uc.mask;
    *altstack_base = uc.stack.base;
    *altstack_size = uc.stack.size;
    *altstack_flags = uc.stack.flags;
    arch_frame_changed();
    return 0;
}
