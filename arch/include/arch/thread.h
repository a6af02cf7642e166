// SPDX-License-Identifier: MPL-2.0
// The machine part of a thread: kernel stack switch, user registers, vector state.
//
// Layout of a kernel stack, top down: struct arch_frame (the user registers, saved on entry from
// user mode), then the kernel's frames. KERNEL_STACK_SIZE bytes, with an unmapped page below.
#pragma once

#include <lib/types.h>

#define KERNEL_STACK_SIZE (16 * 1024ul)

struct thread;
struct arch_frame;  // user registers, defined by the port
struct arch_thread; // embedded in struct thread as `arch`, defined by the port

#include <port/thread.h> // also SAVES_NOTHING and ARCH_PARKS: see below

// The running thread. One load.
ALWAYS_INLINE struct thread *arch_current(void);

// Prepares a thread that has never run so that the first switch to it calls
// sched_thread_start(), a generic up-call, on its own stack [stack, stack + KERNEL_STACK_SIZE).
void arch_thread_init(struct thread *thread, void *stack);
// Makes the caller, which runs on the boot stack (or a secondary CPU's idle stack), this thread: from now on it is
// arch_current() of this CPU and may be switched away from. Before it, arch_current() is nullptr. Interrupts off.
void arch_thread_adopt(struct thread *thread, void *stack);
// Frees the vector state, if any. The thread will not run again.
void arch_thread_fini(struct thread *thread);
// The switch itself is inline: arch/switch.h.
// SAVES_NOTHING: the port's word, if it has one, for a function that saves no register for its caller. The switch loses
// them all, so whoever calls a function that switches keeps what it needs, once, instead of each on the way.

// --- continuations: threads that sleep without a kernel stack (docs/decisions/0009-continuations.md) ---
// A thread that has nothing on its kernel stack but its user frame, all of it, may *park*, and whoever hands the CPU to
// it may send it straight to user mode. System calls that may do so have a second form, `fipc_call_straight` and
// the like (kernel/ipc/straight.c, straight_words.c), which never returns: it ends by one of the functions here. The
// port's entry code jumps there, with all of the frame stored, instead of calling what the table names; syscall_traced
// does not. Since these need save no register, a port may declare them ARCH_PARKS, which says so, and have
// ARCH_PARKS_FIRST in front of their parameters, which takes up those that the convention puts elsewhere than the entry
// code has them; both may be empty.
//
// The current thread: the next arch_stack_switch to it calls sched_thread_continue(prev), an up-call, on its empty
// stack. Until it is switched away from, its stack can be used.
ALWAYS_INLINE void arch_thread_park(struct thread *self);
// After arch_thread_load(prev, next), instead of arch_stack_switch, with interrupts still off: leaves the stack of
// `prev` for good, says so (*left = false, as a release), and goes to user mode with the frame of `next`, which was
// parked, and 0 as its system call's result. Runs the exit work.
[[noreturn]] void arch_thread_resume_user(struct thread *next, _Atomic bool *left);
// The same with another result, and a message in registers: arguments 1 to 5 of `next` become those that `prev`, the
// thread left, has in its frame, and `badge` is where arch_frame_set_words puts it. `left` is of `prev`.
[[noreturn]] void arch_thread_resume_words(struct thread *prev, struct thread *next, _Atomic bool *left, uint64_t badge,
                                           long result);
// The same as the first, to wherever `next` was left, or its continuation.
[[noreturn]] void arch_thread_resume(struct thread *prev, struct thread *next);
// Ends the current system call, which came in with its whole frame, from wherever it is on its stack. Interrupts on.
[[noreturn]] void arch_syscall_return(long result);

// --- user registers ---
// The frame of a thread that came from (or will go to) user mode.
ALWAYS_INLINE struct arch_frame *arch_thread_frame(struct thread *thread);
ALWAYS_INLINE vaddr_t arch_frame_pc(const struct arch_frame *frame);
ALWAYS_INLINE vaddr_t arch_frame_sp(const struct arch_frame *frame);
ALWAYS_INLINE void arch_frame_set_sp(struct arch_frame *frame, vaddr_t sp);
// Of the current thread's frame: goes on elsewhere (the abort of a restartable sequence).
ALWAYS_INLINE void arch_frame_set_pc(struct arch_frame *frame, vaddr_t pc);
// The system call's return value register.
ALWAYS_INLINE long arch_frame_result(const struct arch_frame *frame);
ALWAYS_INLINE void arch_frame_set_result(struct arch_frame *frame, long value);
// The number and argument i (0-5) of the system call that the frame is in.
ALWAYS_INLINE long arch_frame_syscall_number(const struct arch_frame *frame);
ALWAYS_INLINE unsigned long arch_frame_syscall_arg(const struct arch_frame *frame, unsigned i);
// Messages in registers (kernel/ipc/words.c): type and words become arguments 1 to 5 of the system call that the frame
// is in, and the badge goes to a register that no argument is in, or argument 0.
ALWAYS_INLINE void arch_frame_set_words(struct arch_frame *frame, uint64_t badge, uint64_t type,
                                        const uint64_t words[static 4]);
// Makes the frame execute its system call instruction again on return (with this call number).
ALWAYS_INLINE void arch_frame_restart_syscall(struct arch_frame *frame, long number);
// After a change to the current thread's frame other than its result: makes the way out restore all registers. The
// functions below call it themselves.
void arch_frame_changed(void);
// A clean frame for a new program image: all registers zero but pc and sp; flags as the ABI says.
void arch_frame_init_user(struct arch_frame *frame, vaddr_t pc, vaddr_t sp);
// Copies user registers and vector state of the current thread into a child that has not run
// (fork, clone). The child's result register is set to 0.
status_t arch_thread_clone_user(struct thread *child);
// Forgets vector state and TLS of the current thread (exec).
void arch_thread_reset_user(void);
// TLS base (x86: FS; arm64: TPIDR_EL0).
void arch_thread_set_tls(struct thread *thread, vaddr_t tls);
vaddr_t arch_thread_tls(struct thread *thread);
// Leaves the kernel for user mode with the current thread's frame; used by new threads and exec'd
// kernel threads. Runs the same exit work as a return from a system call.
[[noreturn]] void arch_enter_user(void);

// --- signals: the Linux frame layout of this architecture ---
struct arch_signal {
    int number;
    uint64_t flags;        // SA_* of the action
    vaddr_t handler;       // user address
    vaddr_t restorer;      // user address: the action's, else the vDSO's; 0: neither
    uint64_t blocked;      // mask to be restored by sigreturn
    vaddr_t stack_top;     // where the frame goes: end of the alternate stack, or 0 = current sp
    const void *siginfo;   // 128 bytes, Linux's siginfo_t
    vaddr_t altstack_base; // for uc_stack
    size_t altstack_size;
    int altstack_flags;
};
// Pushes a signal frame on the user stack and makes the current frame enter the handler.
// -EFAULT: the stack is not writable; nothing changed. May fault and block.
MUST_USE status_t arch_signal_push(const struct arch_signal *signal);
// rt_sigreturn: restores the registers from the user frame at sp, sanitised so that user mode gains
// nothing; gives back the mask and uc_stack. -EFAULT / -EINVAL: the frame is bad.
MUST_USE status_t arch_signal_pop(uint64_t *blocked, vaddr_t *altstack_base, size_t *altstack_size,
                                  int *altstack_flags);

// --- ptrace, core dumps, arch_prctl ---
// The register sets of a thread that has been switched away from in the kernel and cannot come back meanwhile, by
// Linux's note type (NT_*, abi/ptrace.h) and in its layout. get fills `to`, which has room for ARCH_REGSET_MAX bytes,
// and returns the set's size; set takes a whole set. What gives user mode nothing it may not have is kept, the rest is
// dropped or -EINVAL, -EIO. -EINVAL: no such set.
#define ARCH_REGSET_MAX 4096ul
ssize_t arch_regset_get(struct thread *thread, unsigned note, void *to);
MUST_USE status_t arch_regset_set(struct thread *thread, unsigned note, const void *from);
// The set that one of the older requests is for (PTRACE_GETREGS …), 0: none. *set: it is written.
unsigned arch_regset_of_request(long request, bool *set);
// The words that PTRACE_PEEKUSER and POKEUSER reach, as above. -EIO: there is none at this offset.
MUST_USE status_t arch_user_word_get(struct thread *thread, unsigned long offset, unsigned long *value);
MUST_USE status_t arch_user_word_set(struct thread *thread, unsigned long offset, unsigned long value);
// From its next return to user mode on the thread traps (SIGTRAP, TRAP_TRACE) after each instruction, or no longer. The
// thread is in the kernel, does not run, and has THREAD_WORK_TRACE: that takes every way out through the slow path.
void arch_thread_set_step(struct thread *thread, bool on);
// At the entry of a call that is not made: the result register has again what it had before.
ALWAYS_INLINE void arch_frame_undo_call(struct arch_frame *frame);
// A tracer may have changed the registers at the entry of a call: number and arguments are now what they say.
ALWAYS_INLINE void arch_frame_reload_call(struct arch_frame *frame);
// System calls that exist on one architecture only (x86: arch_prctl). -ENOSYS if unknown.
long arch_prctl(int code, unsigned long address);
// Options of prctl(2) that not every architecture has, with the four arguments after the option. -EINVAL if unknown.
long arch_thread_prctl(int option, const unsigned long args[static 4]);

// Walks the kernel stack of the current thread (from frame pointer `start`, 0 = here): fills
// return addresses, newest first, and returns their number. Any context; never faults.
unsigned arch_backtrace(uintptr_t start, uintptr_t *addresses, unsigned max);
