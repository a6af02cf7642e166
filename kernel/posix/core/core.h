// SPDX-License-Identifier: MPL-2.0
// Core files, as the files of kernel/posix see them (docs/core.md).
#pragma once

#include "signal/signal_queue.h"
#include <abi/fcntl.h>
#include <posix/process.h>
#include <vfs/path.h>

// Signals whose default action leaves a core file.
#define SIGNALS_CORE                                                                                             \
    (SIGNAL_BIT(SIGQUIT) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGABRT) | SIGNAL_BIT(SIGBUS) | \
     SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGXCPU) | SIGNAL_BIT(SIGXFSZ) | SIGNAL_BIT(SIGSYS))
#define COREDUMP_FILTER_DEFAULT 0x33u
#define COREDUMP_FILTER_MASK 0x1ffu // what Linux keeps of what is written

// The process ends by this signal, and the caller has begun that. Writes the core file, if there is to be one, while
// all other threads wait at their end. Releases the lock meanwhile. True: there is a file.
bool core_dump(struct process *process, const struct signal_info *info) REQUIRES(&process->signal_lock);
// A thread is about to end: if a core file is being written it waits until that is done, for its registers.
void core_park(struct posix_thread *self);

// --- core_settings.c ---
void core_init(void); // at boot: /proc/sys/kernel/core_*, /proc/sys/fs/suid_dumpable
// How many may be written to programs at a time, each of which is waited for; 0: any number, none is waited for.
unsigned core_pipe_limit(void);
// Is the pattern to be followed by the process's number?
bool core_uses_pid(void);
// What process.dumpable becomes when a program gains or changes rights: 0 no core file, 1 one of the user's, 2 root's.
uint8_t core_suid_dumpable(void);
// May the current task change the settings?
bool core_may_set(void);

// --- core_name.c ---
void core_pattern_show(struct text_buffer *text, void *context);
ssize_t core_pattern_store(void *context, const char *from, size_t size);
struct core_name {
    int signal;
    uint64_t limit;
};
struct core_target {
    unsigned arguments;  // 0: text is a file's path
    char text[PATH_MAX]; // otherwise a program and its arguments, one after the other, each with a zero at its end
};
// Where it goes, by core_pattern. -ENAMETOOLONG; -EINVAL: a program without a name.
MUST_USE status_t core_name(const struct core_name *what, struct core_target *out);
bool core_pattern_is_program(void);

// --- core_notes.c, core_file.c ---
struct core_segment {
    vaddr_t start, end;
    uint32_t flags;  // PF_*
    uint64_t size;   // of its contents in the file: all, a page, or 0
    uint64_t offset; // there
    bool anonymous;  // pages that are not there are zeros
};
struct core {
    const struct signal_info *info;
    struct posix_thread **threads; // the one that got the signal first; the others are parked
    unsigned thread_count;
    struct aspace *aspace;
    struct core_segment *segments;
    unsigned segment_count;
    struct object *file;
    uint64_t at, limit; // where the file goes on; how long it may be
    uint64_t end;       // of what was written
    bool stream;        // the file is a pipe: no holes, no way back
    bool counts;        // what is put is only counted
    char *page;         // PAGE_SIZE of scratch memory
};
// -EFBIG: the limit; -EINTR: killed; the file's error.
MUST_USE status_t core_put(struct core *core, const void *from, size_t size);
// All notes, from core->at on.
MUST_USE status_t core_put_notes(struct core *core);
// Headers, notes and memory.
MUST_USE status_t core_write(struct core *core);

// --- core_helper.c ---
enum { CORE_ARGUMENTS_MAX = 64 };
// Starts the program and gives it the core. True: it was started.
bool core_pipe(struct core *core, const struct core_target *target);
