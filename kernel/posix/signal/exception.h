// SPDX-License-Identifier: MPL-2.0
// Exception ports and thread objects, for the files of kernel/posix.
#pragma once

#include <posix/process.h>

// --- exception.c ---
// A fault of the current thread. True: a port's receiver took it, and the thread goes on. Blocks.
bool exception_handle(int signal, int code, vaddr_t address);
void exception_forget_thread(struct posix_thread *thread); // it ends
void exception_forget_process(struct process *process);

// --- thread_object.c ---
// The thread behind an object of type OBJECT_THREAD; null: it has ended. In an RCU section.
struct posix_thread *thread_object_thread(struct object *object);
void thread_object_ended(struct posix_thread *thread); // tells those who hold a handle of it
