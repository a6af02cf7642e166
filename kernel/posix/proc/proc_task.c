// SPDX-License-Identifier: MPL-2.0
// /proc/PID and /proc/PID/task/TID: the table of entries, and the short ones.
#include "core/core.h"
#include "proc_priv.h"
#include "trace/trace_priv.h"
#include <abi/fcntl.h>
#include <abi/stat.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <mm/slab.h>
#include <sched/sched.h>
#include <vfs/file.h>

struct posix_thread *proc_thread(struct process *process, int tid) {
    struct posix_thread *thread = thread_find(tid);
    if (thread && thread->process == process)
        return thread;
    spin_lock(&process->signal_lock);
    thread = process->main_thread;
    if (!thread && !list_is_empty(&process->threads))
        thread = LIST_FIRST(&process->threads, struct posix_thread, process_node);
    spin_unlock(&process->signal_lock);
    return thread;
}

char proc_state(struct process *process, struct posix_thread *thread) {
    if (process->exited || !thread)
        return 'Z';
    struct tracee *tracee = thread->trace;
    if (tracee && tracee->state != TRACE_RUNNING)
        return 't';
    if (process->stopped && !tracee)
        return 'T';
    switch (atomic_load_explicit(&thread->thread.state, memory_order_relaxed)) {
    case THREAD_BLOCKED:
        return thread->thread.wait_mode == WAIT_INTERRUPTIBLE ? 'S' : 'D';
    case THREAD_STOPPED:
        return 'T';
    case THREAD_DEAD:
        return 'X';
    default:
        return 'R';
    }
}

status_t proc_check_access(struct process *process) {
    return trace_may_access(process, true) ? 0 : -EACCES;
}

// --- text ---

static status_t comm_show(struct text_buffer *text, struct task *task, int tid) {
    struct process *process = task_process(task);
    rcu_read_lock();
    struct posix_thread *thread = proc_thread(process, tid);
    char name[16];
    string_copy(name, thread ? thread->thread.name : task->name, sizeof(name));
    rcu_read_unlock();
    text_printf(text, "%s\n", name);
    return 0;
}

static ssize_t comm_store(struct task *task, const char *from, size_t size) {
    struct process *process = task_process(task);
    char name[16];
    size_t length = MIN(size, sizeof(name) - 1);
    memcpy(name, from, length);
    if (length > 0 && name[length - 1] == '\n')
        length--;
    name[length] = 0;
    if (process != process_current())
        return -EINVAL;
    process_set_name(posix_current(), name);
    return (ssize_t)size;
}

// Bytes [start, end) of another address space, as they are.
static status_t append_memory(struct text_buffer *text, struct aspace *aspace, vaddr_t start, vaddr_t end) {
    char *page = kmalloc(PAGE_SIZE);
    if (!page)
        return -ENOMEM;
    while (start < end) {
        ssize_t done = aspace_access(aspace, start, page, MIN(end - start, PAGE_SIZE), false, true);
        if (done <= 0)
            break; // unmapped meanwhile: what there is
        text_append(text, page, (size_t)done);
        start += (size_t)done;
    }
    kfree(page);
    return 0;
}

// A program may write its title over its arguments and run into its environment: shown up to the first NUL then.
static status_t cmdline_show(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    struct aspace *aspace = process_get_aspace(task_process(task));
    if (!aspace)
        return 0;
    status_t status = append_memory(text, aspace, aspace->arg_start, aspace->arg_end);
    if (status == 0 && text->length > 0 && text->length == aspace->arg_end - aspace->arg_start &&
        text->data[text->length - 1] != 0) {
        status = append_memory(text, aspace, aspace->env_start, aspace->env_end);
        const char *nul = memchr(text->data, 0, text->length);
        if (nul)
            text->length = nul - text->data;
    }
    aspace_put(aspace);
    return status;
}

static status_t environ_show(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    status_t status = proc_check_access(task_process(task));
    struct aspace *aspace = status == 0 ? process_get_aspace(task_process(task)) : nullptr;
    if (!aspace)
        return status;
    status = append_memory(text, aspace, aspace->env_start, aspace->env_end);
    aspace_put(aspace);
    return status;
}

static status_t auxv_show(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    status_t status = proc_check_access(task_process(task));
    struct aspace *aspace = status == 0 ? process_get_aspace(task_process(task)) : nullptr;
    if (!aspace)
        return status;
    unsigned words = 0;
    while (words + 2 <= ARRAY_SIZE(aspace->auxv) && aspace->auxv[words] != 0)
        words += 2;
    text_append(text, (const char *)aspace->auxv, (words + 2) * sizeof(aspace->auxv[0]));
    aspace_put(aspace);
    return 0;
}

static status_t wchan_show(struct text_buffer *text, struct task *task, int tid) {
    rcu_read_lock();
    struct posix_thread *thread = proc_thread(task_process(task), tid);
    bool blocked = thread && atomic_load(&thread->thread.state) == THREAD_BLOCKED;
    const char *reason = blocked ? thread->thread.wait_reason : nullptr;
    rcu_read_unlock();
    text_printf(text, "%s", reason ? reason : "0");
    return 0;
}

// The larger, the sooner it is ended when memory is short: pages in thousandths of all memory, moved by the adjustment.
static status_t oom_score_show(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    struct process *process = task_process(task);
    struct aspace *aspace = process_get_aspace(process);
    struct page_stats pages;
    page_stats(&pages);
    int64_t score = 0;
    if (aspace) {
        score = (aspace->resident_pages + aspace->table_pages) * 1000 / (int64_t)MAX(pages.total, (uint64_t)1);
        aspace_put(aspace);
    }
    score = (score + process->oom_score_adj) * 2 / 3 + 667; // the scale that Linux shows
    text_printf(text, "%lld\n", (long long)MAX(score, (int64_t)0));
    return 0;
}

static status_t oom_score_adj_show(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    text_printf(text, "%d\n", task_process(task)->oom_score_adj);
    return 0;
}

// A signed decimal number with blanks around it.
static bool parse_int(const char *from, size_t size, int64_t *value) {
    char text[24];
    size_t length = MIN(size, sizeof(text) - 1);
    memcpy(text, from, length);
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
        length--;
    text[length] = 0;
    bool negative = text[0] == '-';
    uint64_t number;
    if (!string_to_u64(text + negative, 10, &number) || number > INT32_MAX)
        return false;
    *value = negative ? -(int64_t)number : (int64_t)number;
    return true;
}

static ssize_t oom_score_adj_store(struct task *task, const char *from, size_t size) {
    struct process *process = task_process(task);
    int64_t value;
    if (!parse_int(from, size, &value) || value < -1000 || value > 1000)
        return -EINVAL;
    if (value < process->oom_score_adj && !cred_has_cap(cred_current(), CAP_SYS_RESOURCE))
        return -EACCES;
    process->oom_score_adj = (int)value;
    return (ssize_t)size;
}

static status_t coredump_filter_show(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    text_printf(text, "%08x\n", task_process(task)->coredump_filter);
    return 0;
}

// A number as C writes it: 0x33, 063 or 51.
static ssize_t coredump_filter_store(struct task *task, const char *from, size_t size) {
    char text[24];
    uint64_t value;
    size_t length = MIN(size, sizeof(text) - 1);
    memcpy(text, from, length);
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
        length--;
    text[length] = 0;
    bool hexadecimal = text[0] == '0' && (text[1] | 0x20) == 'x';
    unsigned base = hexadecimal ? 16 : text[0] == '0' ? 8 : 10;
    if (!string_to_u64(text + (hexadecimal ? 2 : 0), base, &value) || value > UINT32_MAX)
        return -EINVAL;
    task_process(task)->coredump_filter = (uint32_t)value & COREDUMP_FILTER_MASK;
    return (ssize_t)size;
}

static status_t login_uid_show(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    text_printf(text, "%u", task_process(task)->login_uid);
    return 0;
}

static ssize_t login_uid_store(struct task *task, const char *from, size_t size) {
    int64_t value;
    if (task_process(task) != process_current())
        return -EPERM;
    if (!parse_int(from, size, &value))
        return -EINVAL;
    task_process(task)->login_uid = (uint32_t)value;
    return (ssize_t)size;
}

static status_t session_id_show(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    text_printf(text, "%u", task_process(task)->login_uid); // Linux: no audit session
    return 0;
}

static status_t cgroup_show(struct text_buffer *text, struct task *task, int tid) {
    (void)task;
    (void)tid;
    text_printf(text, "0::/\n");
    return 0;
}

static status_t schedstat_show(struct text_buffer *text, struct task *task, int tid) {
    rcu_read_lock();
    struct posix_thread *thread = proc_thread(task_process(task), tid);
    uint64_t run = thread ? sched_run_time(&thread->thread) : 0;
    uint64_t switches = thread ? thread->thread.switches_voluntary + thread->thread.switches_involuntary : 0;
    rcu_read_unlock();
    text_printf(text, "%llu 0 %llu\n", (unsigned long long)run, (unsigned long long)switches);
    return 0;
}

static status_t personality_show(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    text_printf(text, "%08x\n", task_process(task)->personality);
    return 0;
}

static const struct proc_entry entries[] = {
    {.name = "stat", .mode = S_IFREG | 0444, .show = proc_stat},
    {.name = "statm", .mode = S_IFREG | 0444, .show = proc_statm},
    {.name = "status", .mode = S_IFREG | 0444, .show = proc_status},
    {.name = "comm", .mode = S_IFREG | 0644, .show = comm_show, .store = comm_store},
    {.name = "cmdline", .mode = S_IFREG | 0444, .show = cmdline_show},
    {.name = "environ", .mode = S_IFREG | 0400, .show = environ_show},
    {.name = "auxv", .mode = S_IFREG | 0400, .show = auxv_show},
    {.name = "maps", .mode = S_IFREG | 0444, .show = proc_maps},
    {.name = "smaps", .mode = S_IFREG | 0444, .show = proc_smaps},
    {.name = "smaps_rollup", .mode = S_IFREG | 0444, .show = proc_smaps_rollup},
    {.name = "mem", .mode = S_IFREG | 0600, .read = proc_mem_read, .write = proc_mem_write},
    {.name = "pagemap", .mode = S_IFREG | 0400, .read = proc_pagemap_read},
    {.name = "limits", .mode = S_IFREG | 0444, .show = proc_limits},
    {.name = "wchan", .mode = S_IFREG | 0444, .show = wchan_show},
    {.name = "schedstat", .mode = S_IFREG | 0444, .show = schedstat_show},
    {.name = "personality", .mode = S_IFREG | 0400, .show = personality_show},
    {.name = "oom_score", .mode = S_IFREG | 0444, .show = oom_score_show},
    {.name = "oom_score_adj", .mode = S_IFREG | 0644, .show = oom_score_adj_show, .store = oom_score_adj_store},
    {.name = "coredump_filter", .mode = S_IFREG | 0644, .show = coredump_filter_show, .store = coredump_filter_store},
    {.name = "loginuid", .mode = S_IFREG | 0644, .show = login_uid_show, .store = login_uid_store},
    {.name = "sessionid", .mode = S_IFREG | 0444, .show = session_id_show},
    {.name = "cgroup", .mode = S_IFREG | 0444, .show = cgroup_show},
};

void proc_task_init(void) {
    procfs_add_task_entries(entries, ARRAY_SIZE(entries));
    proc_task_fs_init();
    proc_task_ns_init();
    proc_task_io_init();
}
