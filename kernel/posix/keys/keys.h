// SPDX-License-Identifier: MPL-2.0
// Keys, as the files of kernel/posix see them (docs/keys.md).
#pragma once

#include <posix/process.h>

struct job;

// The new thread gets the session keyring of the one that makes it; it is not started yet.
void keys_inherit(struct posix_thread *child);
// The thread, which ends or was never started, gives up its keyrings; the last one of its process gives up the
// process's, too. May block.
void keys_forget(struct posix_thread *thread, struct process *last);
// The current thread executes another program, which gets neither the thread's nor the process's keyring.
void keys_exec(void);
// A task of the job has ended: users' keyrings of a sandbox go with its last process. May block.
void keys_task_ended(struct job *job);
void keys_init(void); // at boot: /proc/keys, /proc/key-users, /proc/sys/kernel/keys
