// SPDX-License-Identifier: MPL-2.0
// Signal frames, exactly as Linux lays them out on x86-64: programs look into them (ucontext), unwinders walk over
// them, and sigreturn takes them back.
//
//   higher  vector state, 64-byte aligned (absent if the thread has none: then uc_mcontext.fpstate is 0)
//           siginfo, ucontext, return address (the restorer)          <- rsp at the handler's first instruction
//
// The 128 bytes below the interrupted stack pointer (red zone) are left alone. Everything that comes back is the user's:
// selectors and privileged flags are replaced, the state image is checked by the processor while it is loaded.
#include "cpu/cpu_priv.h"
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>
#include <lib/status.h>
#include <lib/string.h>

#define RED_ZONE 128
#define UC_FP_XSTATE 1
#define UC_SIGCONTEXT_SS 2
#define UC_STRICT_RESTORE_SS 4
#define FP_MAGIC1 0x46505853u
#define FP_MAGIC2 0x46505845u

struct signal_context {
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error, trap, old_mask, cr2;
    uint64_t fpstate; // user address
    uint64_t reserved[8];
};
static_assert(sizeof(struct signal_context) == 256);

struct user_context {
    uint64_t flags, link;
    uint64_t stack_base;
    int32_t stack_flags, pad;
    uint64_t stack_size;
    struct signal_context context;
    uint64_t mask;
};
static_assert(sizeof(struct user_context) == 304);

struct signal_frame {
    uint64_t return_address;
    struct user_context uc;
    uint8_t info[128];
};
static_assert(sizeof(struct signal_frame) == 440);

// The last 48 bytes of the 512-byte legacy area.
struct state_trailer {
    uint32_t magic1;
    uint32_t extended_size; // with the closing magic
    uint64_t features;
    uint32_t state_size;
    uint32_t padding[7];
};
static_assert(sizeof(struct state_trailer) == 48);
#define TRAILER_OFFSET 464

static void context_fill(struct signal_context *to, const struct arch_frame *frame) {
    const struct arch_thread *thread = arch_of(arch_current());
    *to = (struct signal_context){
        .r8 = frame->r8, .r9 = frame->r9, .r10 = frame->r10, .r11 = frame->r11,
        .r12 = frame->r12, .r13 = frame->r13, .r14 = frame->r14, .r15 = frame->r15,
        .rdi = frame->rdi, .rsi = frame->rsi, .rbp = frame->rbp, .rbx = frame->rbx,
        .rdx = frame->rdx, .rax = frame->rax, .rcx = frame->rcx, .rsp = frame->rsp,
        .rip = frame->rip, .rflags = frame->rflags, .cs = CODE_USER, .ss = DATA_USER,
        .error = thread->trap_error, .trap = thread->trap_number, .cr2 = thread->fault_address,
    };
}

static void context_take(struct arch_frame *to, const struct signal_context *from) {
    *to = (struct arch_frame){
        .r8 = from->r8, .r9 = from->r9, .r10 = from->r10, .r11 = from->r11,
        .r12 = from->r12, .r13 = from->r13, .r14 = from->r14, .r15 = from->r15,
        .rdi = from->rdi, .rsi = from->rsi, .rbp = from->rbp, .rbx = from->rbx,
        .rdx = from->rdx, .rax = from->rax, .rcx = from->rcx, .rsp = from->rsp,
        .rip = from->rip, .rflags = from->rflags, .orig_rax = (uint64_t)-1,
    };
    frame_sanitise(to);
}

// Stores the live vector state at `at` (below the stack pointer, aligned) and resets the registers for the handler.
static status_t state_push(uintptr_t at) {
    bool extended = vector_area_size > 512;
    struct state_trailer trailer = {
        .magic1 = FP_MAGIC1,
        .extended_size = vector_area_size + 4,
        .features = vector_features,
        .state_size = vector_area_size,
    };
    // The processor leaves part of the header alone, and faults later if there is rubbish in it.
    if (extended && clear_user_partial((void __user *)(at + 512), 64) != 0)
        return -EFAULT;
    status_t status = vector_store_user((void __user *)at);
    if (status != 0 || !extended)
        return status;
    status = copy_to_user((void __user *)(at + TRAILER_OFFSET), &trailer, sizeof(trailer));
    if (status != 0)
        return status;
    return put_user(FP_MAGIC2, (uint32_t __user *)(at + vector_area_size));
}

status_t arch_signal_push(const struct arch_signal *signal) {
    struct thread *self = arch_current();
    struct arch_frame *frame = arch_thread_frame(self);
    bool has_state = arch_of(self)->fpu != nullptr;
    uintptr_t sp = signal->stack_top != 0 ? signal->stack_top : frame->rsp - RED_ZONE;
    uintptr_t state = 0;
    if (signal->restorer == 0)
        return -EFAULT; // the ABI of x86-64 asks for one
    if (has_state) {
        state = ALIGN_DOWN(sp - vector_area_size - 4, 64ul);
        sp = state;
        if (state_push(state) != 0)
            return -EFAULT;
    }
    sp = ALIGN_DOWN(sp - sizeof(struct signal_frame), 16ul) - 8; // as after a call
    struct signal_frame push = {
        .return_address = signal->restorer,
        .uc = {
            .flags = (vector_area_size > 512 ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS,
            .stack_base = signal->altstack_base,
            .stack_flags = signal->altstack_flags,
            .stack_size = signal->altstack_size,
            .mask = signal->blocked,
        },
    };
    context_fill(&push.uc.context, frame);
    push.uc.context.fpstate = state;
    push.uc.context.old_mask = signal->blocked;
    memcpy(push.info, signal->siginfo, sizeof(push.info));
    if (copy_to_user((void __user *)sp, &push, sizeof(push)) != 0)
        return -EFAULT;

    // Point of no return.
    if (has_state)
        vector_reset();
    frame->rdi = (uint64_t)signal->number;
    frame->rsi = sp + offsetof(struct signal_frame, info);
    frame->rdx = sp + offsetof(struct signal_frame, uc);
    frame->rax = 0;
    frame->rip = signal->handler;
    frame->rsp = sp;
    frame->rflags &= ~(FLAG_DF | FLAG_RF | FLAG_TF);
    frame->orig_rax = (uint64_t)-1;
    frame_sanitise(frame);
    arch_frame_changed();
    return 0;
}

// Which parts of a state image the frame says are there: 0 means the legacy part only, as Linux takes it.
static status_t state_features(uintptr_t at, uint64_t *features) {
    struct state_trailer trailer;
    uint32_t magic2;
    *features = 0;
    if (vector_area_size <= 512)
        return 0;
    if (copy_from_user(&trailer, (const void __user *)(at + TRAILER_OFFSET), sizeof(trailer)) != 0)
        return -EFAULT;
    if (trailer.magic1 != FP_MAGIC1 || trailer.state_size < 576 || trailer.state_size > vector_area_size ||
        trailer.extended_size < trailer.state_size + 4)
        return 0;
    if (get_user(magic2, (const uint32_t __user *)(at + trailer.state_size)) != 0)
        return -EFAULT;
    if (magic2 == FP_MAGIC2)
        *features = trailer.features & vector_features;
    return 0;
}

static status_t state_pop(uintptr_t at) {
    if (at == 0) { // the thread had none
        unsigned long irq = arch_irq_save();
        vector_drop(arch_of(arch_current()));
        arch_irq_restore(irq);
        return 0;
    }
    uint64_t features;
    if (!IS_ALIGNED(at, 64ul))
        return -EFAULT;
    status_t status = state_features(at, &features);
    return status != 0 ? status : vector_load_user((const void __user *)at, features);
}

status_t arch_signal_pop(uint64_t *blocked, vaddr_t *altstack_base, size_t *altstack_size, int *altstack_flags) {
    struct arch_frame *frame = arch_thread_frame(arch_current());
    struct user_context uc;
    // The handler's ret took the return address off.
    if (copy_from_user(&uc, (const void __user *)frame->rsp, sizeof(uc)) != 0)
        return -EFAULT;
    if (state_pop(uc.context.fpstate) != 0)
        return -EFAULT;
    context_take(frame, &uc.context);
    arch_frame_changed();
    *blocked = uc.mask;
    *altstack_base = uc.stack_base;
    *altstack_size = uc.stack_size;
    *altstack_flags = uc.stack_flags;
    return 0;
}
