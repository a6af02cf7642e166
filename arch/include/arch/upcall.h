// SPDX-License-Identifier: MPL-2.0
// What the architecture calls in generic code. The contract's other direction.
#pragma once

#include <lib/types.h>

struct arch_frame;
struct thread;

// Boot CPU: after the early console, boot_info, direct map and per-CPU area 0 are there. Interrupts
// off. kernel/init.
[[noreturn]] void kernel_main(void);
// Another CPU, on its own idle stack. Interrupts off. kernel/init.
[[noreturn]] void secondary_main(unsigned cpu);

// First code of a new thread, interrupts off, `prev` as from arch_stack_switch. kernel/sched.
[[noreturn]] void sched_thread_start(struct thread *prev);
// A thread that was parked (arch_thread_park) runs again, on its empty stack. Interrupts off, `prev` as above.
[[noreturn]] void sched_thread_continue(struct thread *prev);
// This CPU's timer fired; an IPI came. Interrupt context, interrupts off. `from_user`: user mode was
// interrupted (the sample that splits CPU time into user and system). kernel/sched.
void sched_timer_interrupt(bool from_user);
void sched_ipi(void);

// The slow half of the exit to user mode: called with interrupts off when current->work is not 0;
// returns with interrupts off and work == 0. kernel/posix.
void user_return_work(struct arch_frame *frame);

// A page fault. kernel/mm decides; may block if interrupts were on in the faulting context.
enum fault_access { FAULT_READ = 1, FAULT_WRITE = 2, FAULT_EXEC = 4, FAULT_PRESENT = 8 };
// From user mode (interrupts on). True: resolved. False: a signal was sent, whose frame tells what the port knows of
// the fault. kernel/posix.
MUST_USE bool trap_user_page_fault(vaddr_t address, unsigned access);
// From kernel mode at a user address inside a uaccess function: true = resolved, retry; false = the
// port jumps to the fixup. Where interrupts were off the port goes to the fixup at once. kernel/mm.
bool trap_kernel_page_fault(vaddr_t address, unsigned access);
// Any other exception in user mode, translated to Linux's signal, si_code and si_addr. kernel/posix.
void trap_user_exception(int signal, int code, vaddr_t address, unsigned trap_number, unsigned long error);

// Memory for a thread's vector state: 64-byte aligned, at most a page; nullptr: none left. kernel/mm.
void *arch_vector_area_alloc(size_t size);
void arch_vector_area_free(void *area, size_t size);
// Memory for what a tracer sets in debug registers; any size up to a page. nullptr: none left. Does not block.
// kernel/mm.
void *arch_debug_area_alloc(size_t size);
void arch_debug_area_free(void *area);

// The system-call table (kernel/posix, generated from abi/syscalls.tbl): SYSCALL_TABLE_SIZE entries.
// The port's entry code checks the number and calls the entry; out of range: syscall_unknown.
#define SYSCALL_TABLE_SIZE 0x400
typedef long syscall_fn(unsigned long a0, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4,
                        unsigned long a5);
extern syscall_fn *const syscall_table[SYSCALL_TABLE_SIZE];
long syscall_unknown(unsigned long number);
// Slow variant used while current->work has THREAD_WORK_TRACE: tracing, seccomp. kernel/posix.
long syscall_traced(struct arch_frame *frame);
