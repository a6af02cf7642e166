// SPDX-License-Identifier: MPL-2.0
// Between seccomp.c and seccomp_calls.c.
#pragma once

#include "bpf.h"
#include "seccomp.h"

#include <lib/refcount.h>

struct seccomp_filter {
    struct refcount ref;
    struct seccomp_filter *previous; // one reference; null: the first one
    unsigned depth, total;           // of the chain from here on: filters; instructions, with a toll for each
    bool logs;                       // SECCOMP_FILTER_FLAG_LOG
    unsigned length;
    struct abi_bpf_instruction code[];
};

// Under the process's signal_lock or by the thread itself: its chain is now this one, of which it takes over a
// reference.
void seccomp_take(struct posix_thread *thread, struct seccomp_filter *filter);
