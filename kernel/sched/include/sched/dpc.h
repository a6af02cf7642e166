// SPDX-License-Identifier: MPL-2.0
// Deferred procedure calls: the second half of an interrupt.
//
// An interrupt handler takes no lock. What needs one is put on a per-CPU lock-free list and runs at
// the next safe point of that CPU: return to user mode, a switch, the idle loop, sched_preempt_point.
// There no lock is held, so a dpc may take spinlocks and wake threads; it may not block.
#pragma once

#include <lib/types.h>
#include <stdatomic.h>

struct dpc {
    struct dpc *next;
    void (*run)(struct dpc *dpc);
    _Atomic bool queued;
};

#define DPC_INIT(function) {.run = (function)}

// Any context, interrupts included. Once only if already queued; may be raised again from run().
void dpc_raise(struct dpc *dpc);
// Runs what is queued on this CPU. Thread context, no spinlock held.
void dpc_run_pending(void);
