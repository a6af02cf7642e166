// SPDX-License-Identifier: MPL-2.0
// Between the files of kernel/posix/seccomp.
#pragma once

#include "bpf.h"
#include "seccomp.h"

#include <lib/refcount.h>

struct seccomp_filter {
    struct refcount ref;
    struct seccomp_filter *previous;   // one reference; null: the first one
    unsigned depth, total;             // of the chain from here on: filters; instructions, with a toll for each
    bool logs;                         // SECCOMP_FILTER_FLAG_LOG
    struct seccomp_listener *listener; // who decides about USER_NOTIF; one reference; null: nobody
    unsigned length;
    struct abi_bpf_instruction code[];
};

// Under the process's signal_lock or by the thread itself: its chain is now this one, of which it takes over a
// reference.
void seccomp_take(struct posix_thread *thread, struct seccomp_filter *filter);

// --- seccomp_listener.c ---
// One reference, the filter's. Null: no memory.
struct seccomp_listener *seccomp_listener_make(bool killable);
struct object *seccomp_listener_object(struct seccomp_listener *listener);
// The filter's last thread is gone: it drops its reference.
void seccomp_listener_desert(struct seccomp_listener *listener);
// The filter's listener decides about the call, and the thread waits for that. As seccomp_admit.
bool seccomp_ask_listener(const struct seccomp_filter *filter, struct arch_frame *frame,
                          const struct abi_seccomp_data *data);
