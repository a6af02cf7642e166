// SPDX-License-Identifier: MPL-2.0
// The legacy path: a rare system call is a question to a server in user space (docs/posixd.md).
#pragma once

#include <abi/posix_server.h>
#include <lib/status.h>
#include <lib/types.h>

struct job;
struct process;

struct legacy_call {
    enum posix_family family;
    enum posix_call call;
    int64_t arguments[4];
    bool has_type;            // the input begins with `type`, which is not at `input`
    int64_t type;             // (System V messages)
    const void __user *input; // also where POSIX_NEED_INPUT reads
    uint32_t input_size;      // that goes with the first question
    void __user *output;      // null: the answer has no data
    uint32_t output_size;     // at most
    status_t interrupted;     // result when a signal ends the wait; 0: only one that kills does
};
// Asks the family's server. -ENOSYS, and counted as unknown: there is none. Blocks.
long legacy_ask(const struct legacy_call *call);

// Before anybody can learn that the process has ended.
void legacy_process_ended(struct process *process);
// Tells all servers. Does not block.
void legacy_tell(enum posix_call notice, const struct posix_notice *what);

// --- legacy_job.c: what servers keep for sandboxes ---
// The sandbox that the caller is in; null: none. Its id is what servers tell it by.
struct job *legacy_scope(void);
// The sandbox (null: nobody) pays for so many bytes more. False: it cannot.
MUST_USE bool legacy_charge(struct job *scope, int64_t bytes);
void legacy_uncharge(struct job *scope, int64_t bytes);
// A task of the job ends: if it is the last one of a sandbox, servers forget what they keep for that.
void legacy_task_ends(struct job *job); // under process_tree_lock

// For /proc/tessera/paths.
struct legacy_counts {
    int server; // process; 0: none
    uint64_t answered, interrupted, unserved;
};
void legacy_counts(enum posix_family family, struct legacy_counts *out);
