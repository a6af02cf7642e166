// SPDX-License-Identifier: MPL-2.0
// The files of /proc that describe processes (proc_task*.c) and the system (proc_system.c, proc_sys.c,
// proc_tessera.c), in Linux's formats, which programs parse.
#pragma once

#include "process/process_priv.h"
#include <vfs/procfs.h>

// The thread, in an RCU section: the main one or any other for the process's own directory. Null: a zombie.
struct posix_thread *proc_thread(struct process *process, int tid);
// R, S, D, T, Z.
char proc_state(struct process *process, struct posix_thread *thread);
// May the current task see the memory and files of this one? -EACCES.
MUST_USE status_t proc_check_access(struct process *process);

// --- entries, by file ---
status_t proc_stat(struct text_buffer *text, struct task *task, int tid);
status_t proc_statm(struct text_buffer *text, struct task *task, int tid);
status_t proc_status(struct text_buffer *text, struct task *task, int tid);
status_t proc_maps(struct text_buffer *text, struct task *task, int tid);
status_t proc_smaps(struct text_buffer *text, struct task *task, int tid);
status_t proc_smaps_rollup(struct text_buffer *text, struct task *task, int tid);
status_t proc_limits(struct text_buffer *text, struct task *task, int tid);
ssize_t proc_mem_read(struct task *task, struct uio *uio, loff_t position);
ssize_t proc_pagemap_read(struct task *task, struct uio *uio, loff_t position);
ssize_t proc_mem_write(struct task *task, struct uio *uio, loff_t position);

// Adds files of text below /proc; panics without memory (boot).
struct proc_file {
    const char *path;
    uint32_t mode;
    text_fn *show;
    text_store_fn *store;
    const void *context;
};
void proc_add_all(const struct proc_file *files, unsigned count);
// A number as echo writes it: decimal, perhaps with a newline. False: it is none.
bool proc_parse_number(const char *from, size_t size, uint64_t *value);

void proc_task_init(void);
void proc_task_fs_init(void); // by proc_task_init
void proc_task_ns_init(void);
void proc_task_io_init(void);
void proc_system_init(void);
void sys_system_init(void); // /sys/devices/system and /sys/kernel/mm, by proc_system_init
void sys_cpu_init(void);    // by sys_system_init
void sys_cache_init(void);  // by sys_system_init
void sys_dmi_init(void);    // by sys_system_init
// All processors, as a range and as bits.
void cpu_range_show(struct text_buffer *text, void *context);
void cpu_map_show(struct text_buffer *text, void *context);
// Those of a mask, as bits and as ranges.
void cpu_mask_show(struct text_buffer *text, uint64_t mask);
void cpu_mask_list_show(struct text_buffer *text, uint64_t mask);
void proc_sys_init(void);
void proc_tessera_init(void);
void proc_jobs_init(void); // /proc/tessera/jobs, handles, ports: proc_jobs.c
