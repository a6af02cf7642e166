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
#include "cpu/user_window.h"
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
    struct vector_record state;
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

// Above all else.
struct frame_link {
    uint64_t x29, x30;
};

// Where things are; what ends the records comes in the place of the esr record if there is none.
struct signal_frame {
    uint8_t info[128];
    struct user_context uc;
    struct fpsimd_record fpsimd;
    struct esr_record esr;
    struct record end;
};
#define UC(field) (offsetof(struct signal_frame, uc) + offsetof(struct user_context, field))
#define RECORDS_OFFSET offsetof(struct signal_frame, fpsimd)
#define FRAME_SIZE (RECORDS_OFFSET + RECORDS_SIZE)
static_assert(FRAME_SIZE == 4688);
// x0-x30, sp, pc and pstate are in the same order here and there.
#define REGISTERS_SIZE (34 * sizeof(uint64_t))
static_assert(offsetof(struct user_context, pstate) - offsetof(struct user_context, regs) == REGISTERS_SIZE - 8);
static_assert(offsetof(struct arch_frame, pstate) == REGISTERS_SIZE - 8);

#define RECORD_HEAD(magic, size) ((uint64_t)(size) << 32 | (magic))

// --- on the way to the handler ---

// All but the registers and the vector state. `link_at`: the frame record.
static status_t words_push(uintptr_t sp, uintptr_t link_at, const struct arch_signal *signal) {
    struct thread *self = arch_current();
    const struct arch_thread *thread = arch_of(self);
    const struct arch_frame *frame = arch_thread_frame(self);
    uintptr_t end = sp + offsetof(struct signal_frame, esr);
    arm64_window_open();
    USER_WINDOW_PUT(link_at, 0, frame->regs[29], bad);
    USER_WINDOW_PUT(link_at, 8, frame->regs[30], bad);
    USER_WINDOW_PUT(sp, UC(flags), 0, bad);
    USER_WINDOW_PUT(sp, UC(link), 0, bad);
    USER_WINDOW_PUT(sp, UC(stack.base), signal->altstack_base, bad);
    USER_WINDOW_PUT(sp, UC(stack.flags), (uint32_t)signal->altstack_flags, bad);
    USER_WINDOW_PUT(sp, UC(stack.size), signal->altstack_size, bad);
    USER_WINDOW_PUT(sp, UC(mask), signal->blocked, bad);
    USER_WINDOW_PUT(sp, UC(fault_address), thread->fault_address, bad);
    USER_WINDOW_PUT(sp, RECORDS_OFFSET, RECORD_HEAD(FPSIMD_MAGIC, sizeof(struct fpsimd_record)), bad);
    if (thread->fault_esr != 0) {
        USER_WINDOW_PUT(end, 0, RECORD_HEAD(ESR_MAGIC, sizeof(struct esr_record)), bad);
        USER_WINDOW_PUT(end, 8, thread->fault_esr, bad);
        end += sizeof(struct esr_record);
    }
    USER_WINDOW_PUT(end, 0, 0, bad);
    arm64_window_close();
    return 0;
bad:
    return -EFAULT;
}

static status_t frame_push(uintptr_t sp, uintptr_t link_at, const struct arch_signal *signal) {
    const struct arch_frame *frame = arch_thread_frame(arch_current());
    if (!user_range_ok(sp, FRAME_SIZE + sizeof(struct frame_link)) || words_push(sp, link_at, signal) != 0 ||
        copy_to_user_partial((void __user *)sp, signal->siginfo, 128) != 0 ||
        copy_to_user_partial((void __user *)(sp + UC(regs)), frame, REGISTERS_SIZE) != 0)
        return -EFAULT;
    return vector_store_user((struct vector_record __user *)(sp + offsetof(struct signal_frame, fpsimd.state)));
}

status_t arch_signal_push(const struct arch_signal *signal) {
    struct arch_frame *frame = arch_thread_frame(arch_current());
    if (UNLIKELY(arch_of(arch_current())->step)) // a tracer's flag is not the program's to see
        arch_thread_set_step(arch_current(), false);
    uintptr_t sp = signal->stack_top != 0 ? signal->stack_top : frame->sp;
    uintptr_t link_at = ALIGN_DOWN(sp - sizeof(struct frame_link), 16ul);
    sp = link_at - FRAME_SIZE;
    if (frame_push(sp, link_at, signal) != 0)
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
    struct arch_frame *frame = arch_thread_frame(arch_current()), new;
    struct {
        struct abi_stack stack;
        uint64_t mask;
    } uc;
    uintptr_t sp = frame->sp, fpsimd;
    if (!IS_ALIGNED(sp, 16ul) || !user_range_ok(sp, FRAME_SIZE))
        return -EFAULT;
    if (copy_from_user(&uc, (const void __user *)(sp + UC(stack)), sizeof(uc)) != 0 ||
        copy_from_user(&new, (const void __user *)(sp + UC(regs)), REGISTERS_SIZE) != 0)
        return -EFAULT;
    status_t status = pstate_valid(&new.pstate) ? records_parse(sp + RECORDS_OFFSET, &fpsimd) : -EINVAL;
    if (status == 0)
        status = vector_load_user((const struct vector_record __user *)(fpsimd + sizeof(struct record)));
    if (status != 0)
        return status;

    // Point of no return.
    memcpy(frame, &new, REGISTERS_SIZE);
    frame_sanitise(frame);
    frame->syscall = -1;
    *blocked = uc.mask;
    *altstack_base = uc.stack.base;
    *altstack_size = uc.stack.size;
    *altstack_flags = uc.stack.flags;
    arch_frame_changed();
    return 0;
}
