// SPDX-License-Identifier: MPL-2.0
// Between the files of cpu/.
#pragma once

#include "cpu/pstate.h"
#include <arch/thread.h>
#include <lib/types.h>

#define PSTATE_PAN (1ul << 22)

// --- exceptions: ESR_EL1 ---
ALWAYS_INLINE unsigned esr_class(uint64_t esr) {
    return (unsigned)(esr >> 26) & 0x3f;
}
enum esr_class {
    ESR_UNKNOWN = 0x00,
    ESR_WAIT = 0x01, // wfi, wfe
    ESR_VECTOR_UNIT = 0x07,
    ESR_BTI = 0x0d,
    ESR_ILLEGAL_STATE = 0x0e,
    ESR_SVC = 0x15,
    ESR_SYSTEM_REGISTER = 0x18,
    ESR_FPAC = 0x1c, // an address that was signed with another key
    ESR_FETCH_USER = 0x20,
    ESR_FETCH_KERNEL = 0x21,
    ESR_PC_ALIGNMENT = 0x22,
    ESR_DATA_USER = 0x24,
    ESR_DATA_KERNEL = 0x25,
    ESR_SP_ALIGNMENT = 0x26,
    ESR_FLOAT = 0x2c,
    ESR_SERROR = 0x2f,
    ESR_BREAK_USER = 0x30,
    ESR_STEP_USER = 0x32,
    ESR_WATCH_USER = 0x34,
    ESR_BRK = 0x3c,
};
// Why an access faulted, of a data or instruction abort; and the same without the table's level.
#define ESR_FAULT(esr) ((unsigned)(esr) & 0x3f)
#define ESR_FAULT_KIND(esr) ((unsigned)(esr) & 0x3c)
enum esr_fault {
    ESR_FAULT_TRANSLATION = 0x04,
    ESR_FAULT_PERMISSION = 0x0c,
    ESR_FAULT_EXTERNAL = 0x10, // to 0x1f: the memory's answer was an error
    ESR_FAULT_ALIGNMENT = 0x21,
    ESR_FAULT_EXCLUSIVE = 0x35, // an exclusive or atomic access to memory that has none
};
#define ESR_WRITE (1u << 6)
#define ESR_CACHE (1u << 8) // a cache instruction, which counts as a write
#define ESR_LONG (1u << 25) // a 32-bit instruction
// The fault address register without the tag that user mode may put into the top byte of an address. Bit 55 tells which
// half an address is in.
ALWAYS_INLINE vaddr_t untagged(vaddr_t address) {
    return address & (vaddr_t)((int64_t)(address << 8) >> 8);
}
ALWAYS_INLINE bool is_kernel_half(vaddr_t address) {
    return (address >> 55 & 1) != 0;
}

// Which vector cannot be: arm64_trap_fatal, vectors.S.
enum fatal_entry { FATAL_FIQ, FATAL_SERROR, FATAL_STACK };

// C half of vectors.S; see trap.c.
void arm64_trap_user(struct arch_frame *frame, uint64_t esr, vaddr_t far);
void arm64_trap_kernel(struct arch_frame *frame, uint64_t esr, vaddr_t far);
[[noreturn]] void arm64_trap_overflow(struct arch_frame *frame, uint64_t esr, vaddr_t far);
[[noreturn]] void arm64_trap_fatal(struct arch_frame *frame, uint64_t esr, enum fatal_entry entry);
void arm64_exit_slow(struct arch_frame *frame);
extern char arm64_vectors[], arm64_vectors_pauth[];

// Single steps on this CPU: regset.c.
void step_enable(void);
void step_disable(void);

// --- hardware breakpoints and watchpoints: debug.c ---
void debug_load(void); // those of the current thread, which has some; interrupts off
// Was it a point of the current thread's? Else another's was left on, and is no more. Interrupts off.
bool debug_trap_user(bool traced);
// Register sets NT_ARM_HW_BREAK and NT_ARM_HW_WATCH of a thread that does not run.
ssize_t debug_get(struct thread *thread, unsigned note, void *to);
MUST_USE status_t debug_set(struct thread *thread, unsigned note, const void *from);
void debug_drop(struct arch_thread *arch);

// --- threads ---
void arm64_threads_init(void); // once, after the kernel has its key
ALWAYS_INLINE struct arch_thread *arch_of(struct thread *thread) {
    return (struct arch_thread *)(void *)thread;
}
// struct thread.arch_work (sched/thread.h): non-zero says that all of the frame is stored or was replaced, and makes
// the way out restore all registers.
ALWAYS_INLINE uint32_t *arch_work_of(struct thread *thread) {
    return (uint32_t *)(void *)(arch_of(thread) + 1) + 1;
}
ALWAYS_INLINE _Atomic uint32_t *work_of(struct thread *thread) {
    return (_Atomic uint32_t *)(void *)(arch_of(thread) + 1);
}
// The kernel's own instruction key, low word first; the entries from user mode load it.
extern uint64_t arm64_kernel_key[2];

// --- vector state: vector.c ---
void vector_init_cpu(void);
void vector_first_use(void); // trap in user mode, interrupts off
MUST_USE status_t vector_clone(struct arch_thread *child);
void vector_drop(struct arch_thread *thread); // forgets the state of the current thread
void vector_free(struct arch_thread *thread); // of a thread that will not run again
int vector_float_code(uint64_t esr);          // si_code of a floating point exception

// --- system registers in user mode: idregs.c ---
void idregs_init(void);     // once
void idregs_init_cpu(void); // each CPU

// --- cache.c ---
void cache_init_cpu(void); // each CPU
// A trapped access, or an instruction unknown to the CPU that is one: true if it was done, pc then is behind it.
bool idregs_emulate(struct arch_frame *frame, uint64_t esr);

// --- user mode's pointer authentication keys: pauth.c. The instruction key A is loaded by vectors.S ---
void pauth_init_cpu(void);
void pauth_reset(void); // new keys for the current thread
void pauth_clone(struct arch_thread *child);
