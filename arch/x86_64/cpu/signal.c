// SPDX-License-Identifier: MPL-2.0
// Signal frames, exactly as Linux lays them out on x86-64: programs look into them (ucontext), unwinders walk over
// them, and sigreturn takes them back.
//
//   higher  vector state, 64-byte aligned (absent if the thread has none: then uc_mcontext.fpstate is 0)
//           siginfo, ucontext, return address (the restorer)          <- rsp at the handler's first instruction
//
// The 128 bytes below the interrupted stack pointer (red zone) are left alone. Everything that comes back is the
// user's: selectors and privileged flags are replaced, the state image is checked by the processor while it is loaded.
#include "cpu/cpu_priv.h"
#include "cpu/user_window.h"
#include "x86_64_priv.h"
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/uaccess.h>
#include <lib/status.h>

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
#define LEGACY_SIZE 512

// Stores the live vector state at `at` (below the stack pointer, aligned), with what Linux puts around it.
static status_t state_push(uintptr_t at) {
    if (!user_range_ok(at, vector_area_size + 4))
        return -EFAULT;
    if (vector_area_size <= LEGACY_SIZE)
        return vector_store_user((void __user *)at);
    // The processor leaves part of the header alone, and faults later if there is rubbish in it.
    user_window_open();
    for (unsigned i = 0; i < 64; i += 8)
        USER_WINDOW_PUT(at + LEGACY_SIZE + i, 0, 0, bad);
    user_window_close();
    status_t status = vector_store_user((void __user *)at);
    if (status != 0)
        return status;
    user_window_open();
    USER_WINDOW_PUT(at, TRAILER_OFFSET, (uint64_t)(vector_area_size + 4) << 32 | FP_MAGIC1, bad);
    USER_WINDOW_PUT(at, TRAILER_OFFSET + 8, x86_vector_features, bad);
    USER_WINDOW_PUT(at, TRAILER_OFFSET + 16, vector_area_size, bad);
    for (unsigned i = 24; i < sizeof(struct state_trailer); i += 8)
        USER_WINDOW_PUT(at + i, TRAILER_OFFSET, 0, bad);
    user_window_close();
    return put_user(FP_MAGIC2, (uint32_t __user *)(at + vector_area_size));
bad:
    return -EFAULT;
}

#define UC(field) (offsetof(struct signal_frame, uc) + offsetof(struct user_context, field))
#define CONTEXT(field) (UC(context) + offsetof(struct signal_context, field))

// The interrupted registers.
static status_t context_push(uintptr_t sp, const struct arch_frame *frame) {
#define PUT(field) USER_WINDOW_PUT(sp, CONTEXT(field), frame->field, bad)
    PUT(r8);
    PUT(r9);
    PUT(r10);
    PUT(r11);
    PUT(r12);
    PUT(r13);
    PUT(r14);
    PUT(r15);
    PUT(rdi);
    PUT(rsi);
    PUT(rbp);
    PUT(rbx);
    PUT(rdx);
    PUT(rax);
    PUT(rcx);
    PUT(rsp);
    PUT(rip);
    PUT(rflags);
#undef PUT
    return 0;
bad:
    return -EFAULT;
}

static status_t frame_push(uintptr_t sp, const struct arch_signal *signal, uintptr_t state) {
    struct thread *self = arch_current();
    const struct arch_thread *thread = arch_of(self);
    const uint64_t *info = signal->siginfo;
    if (!user_range_ok(sp, sizeof(struct signal_frame)))
        return -EFAULT;
    user_window_open();
    USER_WINDOW_PUT(sp, 0, signal->restorer, bad);
    USER_WINDOW_PUT(sp, UC(flags),
                    (vector_area_size > LEGACY_SIZE ? UC_FP_XSTATE : 0) | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, bad);
    USER_WINDOW_PUT(sp, UC(link), 0, bad);
    USER_WINDOW_PUT(sp, UC(stack_base), signal->altstack_base, bad);
    USER_WINDOW_PUT(sp, UC(stack_flags), (uint32_t)signal->altstack_flags, bad);
    USER_WINDOW_PUT(sp, UC(stack_size), signal->altstack_size, bad);
    if (context_push(sp, arch_thread_frame(self)) != 0)
        goto bad;
    USER_WINDOW_PUT(sp, CONTEXT(cs), CODE_USER | (uint64_t)DATA_USER << 48, bad);
    USER_WINDOW_PUT(sp, CONTEXT(error), thread->trap_error, bad);
    USER_WINDOW_PUT(sp, CONTEXT(trap), thread->trap_number, bad);
    USER_WINDOW_PUT(sp, CONTEXT(old_mask), signal->blocked, bad);
    USER_WINDOW_PUT(sp, CONTEXT(cr2), thread->fault_address, bad);
    USER_WINDOW_PUT(sp, CONTEXT(fpstate), state, bad);
    USER_WINDOW_PUT(sp, UC(mask), signal->blocked, bad);
    for (unsigned i = 0; i < 16; i++)
        USER_WINDOW_PUT(sp + 8 * i, offsetof(struct signal_frame, info), info[i], bad);
    user_window_close();
    return 0;
bad:
    return -EFAULT;
}

status_t arch_signal_push(const struct arch_signal *signal) {
    struct thread *self = arch_current();
    struct arch_frame *frame = arch_thread_frame(self);
    bool has_state = arch_of(self)->fpu != nullptr;
    if (UNLIKELY(arch_of(self)->step != STEP_OFF)) // a tracer's flag is not the program's to see
        arch_thread_set_step(self, false);
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
    if (frame_push(sp, signal, state) != 0)
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
    arch_frame_changed();
    return 0;
}

// Which parts of a state image the frame says are there: 0 means the legacy part only, as Linux takes it.
static status_t state_features(uintptr_t at, uint64_t *features) {
    struct state_trailer trailer;
    uint32_t magic2;
    *features = 0;
    if (vector_area_size <= LEGACY_SIZE)
        return 0;
    if (copy_from_user(&trailer, (const void __user *)(at + TRAILER_OFFSET), sizeof(trailer)) != 0)
        return -EFAULT;
    if (trailer.magic1 != FP_MAGIC1 || trailer.state_size < 576 || trailer.state_size > vector_area_size ||
        trailer.extended_size < trailer.state_size + 4)
        return 0;
    if (get_user(magic2, (const uint32_t __user *)(at + trailer.state_size)) != 0)
        return -EFAULT;
    if (magic2 == FP_MAGIC2)
        *features = trailer.features & x86_vector_features;
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

// The window is open. On a fault the frame is left half restored, but clean: the thread gets a SIGSEGV.
static status_t context_pop(uintptr_t sp, struct arch_frame *frame) {
#define GET(field) frame->field = USER_WINDOW_GET(sp, offsetof(struct user_context, context.field), bad)
    GET(r8);
    GET(r9);
    GET(r10);
    GET(r11);
    GET(r12);
    GET(r13);
    GET(r14);
    GET(r15);
    GET(rdi);
    GET(rsi);
    GET(rbp);
    GET(rbx);
    GET(rdx);
    GET(rax);
    GET(rcx);
    GET(rip);
    GET(rflags);
    GET(rsp);
#undef GET
    return 0;
bad:
    return -EFAULT;
}

status_t arch_signal_pop(uint64_t *blocked, vaddr_t *altstack_base, size_t *altstack_size, int *altstack_flags) {
    struct arch_frame *frame = arch_thread_frame(arch_current());
    uintptr_t sp = frame->rsp; // the handler's ret took the return address off
    if (!user_range_ok(sp, sizeof(struct user_context)))
        return -EFAULT;
    user_window_open();
    uint64_t state = USER_WINDOW_GET(sp, offsetof(struct user_context, context.fpstate), bad);
    *altstack_base = USER_WINDOW_GET(sp, offsetof(struct user_context, stack_base), bad);
    *altstack_size = USER_WINDOW_GET(sp, offsetof(struct user_context, stack_size), bad);
    *altstack_flags = (int)USER_WINDOW_GET(sp, offsetof(struct user_context, stack_flags), bad);
    *blocked = USER_WINDOW_GET(sp, offsetof(struct user_context, mask), bad);
    user_window_close();
    if (state_pop(state) != 0)
        return -EFAULT;
    user_window_open();
    status_t status = context_pop(sp, frame);
    user_window_close();
    frame->orig_rax = (uint64_t)-1;
    frame_sanitise(frame);
    arch_frame_changed();
    return status;
bad:
    return -EFAULT;
}
