// SPDX-License-Identifier: MPL-2.0
// /proc/tessera/jobs, tasks, handles and ports: tables for `tessera jobs`, `ps`, `handles` and `ports`. One line a
// thing; the first line names the columns, which are separated by tabs; "-" is no limit. A reader sees what his job
// lets him see.
#include "proc_priv.h"
#include <ipc/port.h>
#include <lib/fmt.h>
#include <mm/aspace.h>

static void number_or_dash(struct text_buffer *text, uint64_t value) {
    if (value == JOB_NO_LIMIT)
        text_printf(text, "\t-");
    else
        text_printf(text, "\t%llu", (unsigned long long)value);
}

static void job_line(struct text_buffer *text, struct job *job) {
    struct job_info info;
    job_describe(job, &info);
    text_printf(text, "%llu\t%llu\t%s\t%x\t%u", (unsigned long long)info.id, (unsigned long long)info.parent,
                info.name[0] ? info.name : "-", info.flags, info.tasks);
    const uint64_t pairs[] = {info.used.memory,  info.limits.memory,  info.used.handles,    info.limits.handles,
                              info.used.threads, info.limits.threads, info.limits.cpu_share};
    for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++)
        number_or_dash(text, pairs[i]);
    text_printf(text, "\n");
}

static void jobs_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "id\tparent\tname\tflags\ttasks\tmemory\tmemory_limit\thandles\thandles_limit\tthreads\t"
                      "threads_limit\tcpu_share\n");
    for (struct job *job = nullptr; (job = job_next(job));)
        if (job_sees(job_current(), job))
            job_line(text, job);
}

// --- tasks ---

static void task_line(struct text_buffer *text, struct process *process) {
    struct resource_totals totals;
    struct aspace *aspace = process_get_aspace(process);
    struct handle_table *table = task_get_handles(&process->task);
    unsigned long long memory =
        aspace ? (unsigned long long)atomic_load(&aspace->resident_pages) * (PAGE_SIZE / 1024) : 0;
    rcu_read_lock();
    struct process *parent = process->parent;
    int parent_id = parent ? parent->task.id : 0;
    char state = proc_state(process, proc_thread(process, process->task.id));
    unsigned long long job = process->task.job->object.id;
    rcu_read_unlock();
    resource_totals_of_process(process, &totals);
    text_printf(text, "%d\t%d\t%llu\t%c\t%u\t%u\t%llu\t%s\t%llu\n", process->task.id, parent_id, job, state,
                atomic_load(&process->task.thread_count), table ? handle_count(table) : 0, memory,
                process->task.name[0] ? process->task.name : "?",
                (unsigned long long)(totals.user + totals.system) / 1000000);
    if (table)
        handle_table_put(table, &process->task);
    if (aspace)
        aspace_put(aspace);
}

static void tasks_show(struct text_buffer *text, void *context) {
    struct process *process;
    (void)context;
    text_printf(text, "pid\tparent\tjob\tstate\tthreads\thandles\tmemory\tname\tcpu_ms\n");
    for (int pid = 1; (process = process_next(pid)); pid++) {
        pid = process->task.id;
        if (process_seen(process))
            task_line(text, process);
        process_put(process);
    }
}

// --- handles ---

static void rights_text(uint32_t rights, char to[13]) {
    static const char letters[] = "rwxmscdtWSAp"; // in the order of enum rights
    for (unsigned i = 0; i < 12; i++)
        to[i] = rights >> i & 1 ? letters[i] : '-';
    to[12] = 0;
}

static void handle_line(struct text_buffer *text, int pid, int number, const struct handle_ref *ref) {
    char rights[13];
    rights_text(ref->rights, rights);
    text_printf(text, "%d\t%d\t%s\t%llu\t%s\t%x\t%u\n", pid, number, ref->object->ops->name,
                (unsigned long long)ref->object->id, rights, object_signals(ref->object),
                atomic_load(&ref->object->handles) - 1);
}

// Of a right: what it may have queued itself, and who else is at its port.
static void port_line(struct text_buffer *text, int pid, int number, const struct handle_ref *ref) {
    char rights[13], badge[17] = "-";
    struct port_counts counts;
    if (ref->object->ops->type != OBJECT_PORT)
        return;
    rights_text(ref->rights, rights);
    port_count(ref->object, &counts);
    if (object_is_port_right(ref->object))
        fmt_snprintf(badge, sizeof badge, "%llx", (unsigned long long)counts.badge);
    text_printf(text, "%d\t%d\t%s\t%s\t%llu\t%s\t%u\t%u\t%u\t%u\t%u\t%u\n", pid, number, ref->object->ops->name, rights,
                (unsigned long long)counts.port, badge, counts.messages, counts.messages_max, counts.bytes,
                counts.bytes_max, counts.rights, counts.receivers);
}

typedef void line_fn(struct text_buffer *text, int pid, int number, const struct handle_ref *ref);

static void lines_of(struct text_buffer *text, struct process *process, line_fn *line) {
    struct handle_table *table = task_get_handles(&process->task);
    if (!table)
        return;
    for (int number = 0; (number = handle_next(table, number)) >= 0; number++) {
        struct handle_ref ref;
        if (handle_lookup_in(table, number, 0, &ref) != 0)
            continue;
        line(text, process->task.id, number, &ref);
        handle_release(&ref);
    }
    handle_table_put(table, &process->task);
}

static void all_lines(struct text_buffer *text, line_fn *line) {
    struct process *process;
    for (int pid = 1; (process = process_next(pid)); pid++) {
        pid = process->task.id;
        if (process_seen(process) && proc_check_access(process) == 0)
            lines_of(text, process, line);
        process_put(process);
    }
}

static void handles_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "pid\thandle\ttype\tid\trights\tsignals\thandles\n");
    all_lines(text, handle_line);
}

static void ports_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text,
                "pid\thandle\ttype\trights\tport\tbadge\tqueued\tqueued_limit\tbytes\tbytes_limit\tsenders\twaiting\n");
    all_lines(text, port_line);
}

void proc_jobs_init(void) {
    static const struct proc_file files[] = {
        {"tessera/jobs", 0444, jobs_show},
        {"tessera/tasks", 0444, tasks_show},
        {"tessera/handles", 0444, handles_show},
        {"tessera/ports", 0444, ports_show},
    };
    proc_add_all(files, ARRAY_SIZE(files));
}
