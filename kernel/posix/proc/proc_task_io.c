// SPDX-License-Identifier: MPL-2.0
// /proc/PID/io: what a process, its dead threads and the children that it waited for have read and written; in task/TID
// one thread's. And /proc/PID/attr, the attributes that security modules would give a process.
#include "file/io_count.h"
#include "proc_priv.h"
#include <abi/stat.h>
#include <lib/string.h>

static status_t io_show(struct text_buffer *text, struct task *task, int tid) {
    struct process *process = task_process(task);
    status_t status = proc_check_access(process);
    if (status != 0)
        return status;
    struct resource_totals totals;
    if (tid == task->id) {
        resource_totals_of_process(process, &totals);
        spin_lock(&process_tree_lock);
        io_counts_add(&totals.io, &process->reaped.io);
        spin_unlock(&process_tree_lock);
    } else {
        memset(&totals, 0, sizeof totals);
        rcu_read_lock();
        struct posix_thread *thread = proc_thread(process, tid);
        if (thread)
            totals.io = thread->thread.io;
        rcu_read_unlock();
    }
    const struct io_counts *io = &totals.io;
    text_printf(text, "rchar: %llu\nwchar: %llu\nsyscr: %llu\nsyscw: %llu\n", (unsigned long long)io->read_chars,
                (unsigned long long)io->written_chars, (unsigned long long)io->reads, (unsigned long long)io->writes);
    text_printf(text, "read_bytes: %llu\nwrite_bytes: %llu\ncancelled_write_bytes: 0\n",
                (unsigned long long)io->from_disk, (unsigned long long)io->to_disk);
    return 0;
}

// As on a Linux without security modules.
static status_t no_module_show(struct text_buffer *text, struct task *task, int tid) {
    (void)text;
    (void)task;
    (void)tid;
    return -EINVAL;
}

static ssize_t no_module_store(struct task *task, const char *from, size_t size) {
    (void)from;
    (void)size;
    return task_process(task) == process_current() ? -EINVAL : -EACCES;
}

#define ATTRIBUTE(text) {.name = text, .mode = S_IFREG | 0666, .show = no_module_show, .store = no_module_store}

static const struct proc_entry attributes[] = {
    ATTRIBUTE("current"),
    ATTRIBUTE("exec"),
    ATTRIBUTE("fscreate"),
    {.name = "prev", .mode = S_IFREG | 0444, .show = no_module_show},
};

static const struct proc_entry entries[] = {
    {.name = "io", .mode = S_IFREG | 0400, .show = io_show},
    {.name = "attr", .mode = S_IFDIR | 0555, .children = attributes, .child_count = ARRAY_SIZE(attributes)},
};

void proc_task_io_init(void) {
    procfs_add_task_entries(entries, ARRAY_SIZE(entries));
}
