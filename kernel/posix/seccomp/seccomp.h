// SPDX-License-Identifier: MPL-2.0
// seccomp, as the files of kernel/posix see it (docs/seccomp.md).
//
// A thread's filters are a chain, the newest first, which threads share: each refers to the one before it. A thread's
// chain only grows, so what was its chain is alive as long as what is.
#pragma once

#include <abi/seccomp.h>
#include <posix/process.h>

struct seccomp_filter;
// With all before it that nobody else refers to. Null is allowed.
void seccomp_filter_put(struct seccomp_filter *filter);

// At the entry of a call, for threads that have a mode. True: it is to be made; else its result is in the frame. May
// not return: it ends the thread, or the process.
bool seccomp_admit(struct arch_frame *frame);

// The new thread gets the mode and the filters of the one that makes it. It is about to be linked, so nobody knows it.
void seccomp_inherit(struct posix_thread *child) REQUIRES(&process_tree_lock);
// The thread will make no more calls.
void seccomp_forget(struct posix_thread *thread);
// How many filters it has.
unsigned seccomp_filter_count(struct posix_thread *thread);

// --- seccomp_calls.c ---
long seccomp_set_mode(unsigned long mode, const void __user *filter); // prctl(PR_SET_SECCOMP)
// PTRACE_SECCOMP_GET_FILTER and GET_METADATA, of a thread that the caller traces.
long seccomp_get_filter(int tid, unsigned long index, void __user *to);
long seccomp_get_metadata(int tid, unsigned long size, void __user *to);
void seccomp_init(void); // at boot: /proc/sys/kernel/seccomp
