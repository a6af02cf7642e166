// SPDX-License-Identifier: MPL-2.0
// Handles: what they name, what they allow, waiting for what happens to it. A handle is a file descriptor; close(2)
// closes it. All calls return 0 or a handle, or a negative error number. New handles are closed by exec, but with
// HANDLE_KEEP.
#pragma once

#include <abi/native.h>
#include <stddef.h>

// Another handle to the same object with at most `rights`. Needs RIGHT_DUPLICATE. -EBADF, -EACCES, -EMFILE.
int handle_duplicate(int handle, uint32_t rights, unsigned flags);
// Gives the handle to the task of a pidfd, with at most `rights`: returns its number there; ours is gone. Needs
// RIGHT_TRANSFER, and the right to change that task.
int handle_transfer(int handle, int task, uint32_t rights);
int handle_info(int handle, struct handle_info *info);
// A thread as an object: to wait for its end, to set an exception port. 0: the current thread. -EPERM, -ESRCH.
int thread_open(int tid, unsigned flags);
// A private copy of a memfd or a file in tmpfs, as it is now. Needs RIGHT_READ and RIGHT_DUPLICATE.
int vmo_clone(int vmo, unsigned flags);
void handle_close(int handle); // negative: nothing to close

// Clears and raises signals among SIGNAL_USER. Needs RIGHT_SIGNAL.
int object_signal(int handle, uint32_t clear, uint32_t set);
// Waits until one of `count` objects has a signal that is wanted: how many have; `observed` is filled in. Needs
// RIGHT_WAIT of each. -ETIMEDOUT, also at once if the deadline is past; -EINTR. What an entry has in `consume` is
// cleared as it is observed: of several waiters one gets it. Of `wanted` and SIGNAL_USER, else -EINVAL; needs
// RIGHT_SIGNAL.
int object_wait(struct wait_entry *entries, unsigned count, int64_t deadline);
// Both in one call, for two that take turns: if the signal wakes a thread that waits for one object, it may have this
// CPU at once. Once the signal is given, which is when all arguments and rights have been found good, everything is as
// in object_wait of one entry, but -EINTR: never restarted, also with SA_RESTART. Then go on with object_wait.
int object_signal_and_wait(int handle, uint32_t clear, uint32_t set, struct wait_entry *entry, int64_t deadline);

// The handle that init gave this process under a name (docs/services.md), or -ENOENT.
int handle_named(const char *name);
