// SPDX-License-Identifier: MPL-2.0
// What the file system needs of processes. kernel/posix fills it in at boot, before the first process runs.
#pragma once

#include <vfs/path.h>

struct vfs_hooks {
    void (*broken_pipe)(void);         // SIGPIPE to the current thread
    uint64_t (*file_size_limit)(void); // RLIMIT_FSIZE of the current task, ~0: none
    void (*file_size_exceeded)(void);  // SIGXFSZ to the current thread
    // /proc. find gives one object reference. next: the smallest id ≥ `id`, or -1.
    struct task *(*task_find)(int id);
    int (*task_next)(int id);
    int (*thread_next)(struct task *task, int tid); // likewise, among the threads of a task
    int (*current_thread_id)(void);
    // Calls `visit` for every process's context (pivot_root). May not block.
    void (*for_each_context)(void (*visit)(struct fs_context *fs, void *argument), void *argument);
};
extern const struct vfs_hooks *vfs_hooks; // null until posix has set it

// Realtime minus monotonic clock. Set by posix (from arch_rtc_read at boot, clock_settime later).
extern _Atomic nsec_t vfs_realtime_offset;
