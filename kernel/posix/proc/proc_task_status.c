// SPDX-License-Identifier: MPL-2.0
// /proc/PID/stat, statm, status, limits: numbers about a process, as ps, top and pgrep read them.
#include "proc_priv.h"
#include "seccomp/seccomp.h"
#include "signal/signal_priv.h"
#include "trace/trace_priv.h"
#include <abi/resource.h>
#include <arch/smp.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <sched/sched.h>
#include <tty/tty.h>

// All that the files need, taken at one moment.
struct view {
    char name[16];
    char state;
    int pid, tid, parent, tracer, group, session, terminal, foreground;
    unsigned threads;
    int nice, policy, rt_priority, cpu, exit_signal;
    struct resource_totals used, children;
    uint64_t pending, shared_pending, blocked, ignored, caught, queued, queue_limit;
    uint64_t switches_voluntary, switches_involuntary;
    vaddr_t stack_pointer, pc;
};

static void view_signals(struct process *process, struct posix_thread *thread, struct view *v) {
    spin_lock(&process->signal_lock);
    v->shared_pending = process->pending.set;
    v->pending = thread ? thread->pending.set : 0;
    v->blocked = thread ? thread->blocked : 0;
    for (unsigned i = 0; process->actions && i < SIGNAL_COUNT; i++) {
        uint64_t handler = process->actions->action[i].handler;
        if (handler == SIG_IGN)
            v->ignored |= 1ull << i;
        else if (handler != SIG_DFL)
            v->caught |= 1ull << i;
    }
    v->queued = atomic_load(&process->account->signals);
    v->queue_limit = process->limits[RLIMIT_SIGPENDING].soft;
    spin_unlock(&process->signal_lock);
}

static void view_family(struct process *process, struct view *v) REQUIRES(&process_tree_lock) {
    v->parent = process->parent ? process->parent->task.id : 0;
    v->group = process->group->id;
    v->session = process->group->session->id;
    v->exit_signal = process->exit_signal;
    v->children = process->reaped;
    v->foreground = -1;
    struct tty *tty = process->group->session->tty;
    if (tty) {
        v->terminal = (int)tty_device(tty);
        v->foreground = tty_foreground_group(tty);
    }
}

static status_t view_take(struct process *process, int tid, struct view *v) {
    memset(v, 0, sizeof(*v));
    status_t status = -ESRCH;
    spin_lock(&process_tree_lock);
    if (process_find(process->task.id) != process)
        goto out;
    struct posix_thread *thread = proc_thread(process, tid);
    v->pid = process->task.id;
    v->tid = tid;
    v->tracer = trace_tracer_id(thread);
    v->threads = process->task.thread_count;
    v->state = proc_state(process, thread);
    string_copy(v->name, thread ? thread->thread.name : process->task.name, sizeof(v->name));
    view_family(process, v);
    view_signals(process, thread, v);
    if (thread && tid != process->task.id)
        resource_totals_of_thread(thread, &v->used);
    else
        resource_totals_of_process(process, &v->used);
    if (thread) {
        v->nice = thread->thread.nice;
        v->policy = thread->thread.policy;
        v->rt_priority = thread->thread.rt_priority;
        v->cpu = thread->thread.cpu;
        v->switches_voluntary = thread->thread.switches_voluntary;
        v->switches_involuntary = thread->thread.switches_involuntary;
    }
    status = 0;
out:
    spin_unlock(&process_tree_lock);
    return status;
}

static long long ticks(nsec_t t) {
    return t / (NSEC_PER_SEC / CLOCK_TICKS);
}

status_t proc_stat(struct text_buffer *text, struct task *task, int tid) {
    struct process *process = task_process(task);
    struct view v;
    status_t status = view_take(process, tid, &v);
    if (status != 0)
        return status;
    struct aspace *aspace = process_get_aspace(process);
    bool show = aspace && proc_check_access(process) == 0;
    bool rt = v.policy == SCHED_POLICY_FIFO || v.policy == SCHED_POLICY_RR;
    text_printf(text, "%d (%s) %c %d %d %d %d %d %u ", v.tid, v.name, v.state, v.parent, v.group, v.session, v.terminal,
                v.foreground, 0x400000u);
    text_printf(text, "%llu %llu %llu %llu ", (unsigned long long)v.used.min_faults,
                (unsigned long long)v.children.min_faults, (unsigned long long)v.used.maj_faults,
                (unsigned long long)v.children.maj_faults);
    text_printf(text, "%lld %lld %lld %lld ", ticks(v.used.user), ticks(v.used.system), ticks(v.children.user),
                ticks(v.children.system));
    text_printf(text, "%d %d %u 0 %lld ", rt ? -1 - v.rt_priority : 20 + v.nice, v.nice, v.threads,
                ticks(process->start_time));
    text_printf(text, "%lld %lld %llu ", aspace ? (long long)aspace->mapped_pages * (long long)PAGE_SIZE : 0,
                aspace ? (long long)aspace->resident_pages : 0, (unsigned long long)process->limits[RLIMIT_RSS].soft);
    text_printf(text, "%lu %lu %lu 0 0 ", show ? aspace->code_start : 1, show ? aspace->code_end : 1,
                show ? aspace->stack_top : 0);
    text_printf(text, "%llu %llu %llu %llu ", (unsigned long long)(v.pending & 0x7fffffff),
                (unsigned long long)(v.blocked & 0x7fffffff), (unsigned long long)(v.ignored & 0x7fffffff),
                (unsigned long long)(v.caught & 0x7fffffff));
    text_printf(text, "%d 0 0 %d %d %d %d 0 0 0 ", v.state == 'S' || v.state == 'D', v.exit_signal, v.cpu,
                rt ? v.rt_priority : 0, v.policy);
    if (show)
        text_printf(text, "%lu %lu %lu %lu %lu %lu %lu ", aspace->data_start, aspace->data_end, aspace->brk_start,
                    aspace->arg_start, aspace->arg_end, aspace->env_start, aspace->env_end);
    else
        text_printf(text, "0 0 0 0 0 0 0 ");
    text_printf(text, "%d\n", process->exited && proc_check_access(process) == 0 ? process->exit_status : 0);
    if (aspace)
        aspace_put(aspace);
    return 0;
}

status_t proc_statm(struct text_buffer *text, struct task *task, int tid) {
    (void)tid;
    struct aspace *a = process_get_aspace(task_process(task));
    if (!a) {
        text_printf(text, "0 0 0 0 0 0 0\n");
        return 0;
    }
    unsigned long code = ALIGN_UP(a->code_end, PAGE_SIZE) - ALIGN_DOWN(a->code_start, PAGE_SIZE);
    text_printf(text, "%lld %lld 0 %lu 0 %lld 0\n", (long long)a->mapped_pages, (long long)a->resident_pages,
                code >> PAGE_SHIFT, (long long)a->data_pages);
    aspace_put(a);
    return 0;
}

static void status_memory(struct text_buffer *text, struct process *process) {
    struct aspace *a = process_get_aspace(process);
    if (!a)
        return;
    unsigned long k = PAGE_SIZE / 1024;
    unsigned long code = ALIGN_UP(a->code_end, PAGE_SIZE) - ALIGN_DOWN(a->code_start, PAGE_SIZE);
    text_printf(text, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\n", a->mapped_pages * k, a->mapped_pages * k);
    text_printf(text, "VmLck:\t%8lu kB\nVmPin:\t%8u kB\n", a->locked_pages * k, 0);
    text_printf(text, "VmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n", aspace_peak_resident(a) * k, a->resident_pages * k);
    text_printf(text, "RssAnon:\t%8lu kB\nRssFile:\t%8u kB\nRssShmem:\t%8u kB\n", a->resident_pages * k, 0, 0);
    text_printf(text, "VmData:\t%8lu kB\nVmStk:\t%8u kB\nVmExe:\t%8lu kB\nVmLib:\t%8u kB\n", a->data_pages * k, 132,
                code / 1024, 0);
    text_printf(text, "VmPTE:\t%8lu kB\nVmSwap:\t%8u kB\n", a->table_pages * k, 0);
    aspace_put(a);
}

static void status_ids(struct text_buffer *text, struct process *process) {
    rcu_read_lock(); // does not block: the buffer grows without sleeping
    const struct cred *c = atomic_load_explicit(&process->task.cred, memory_order_acquire);
    struct handle_table *handles = atomic_load_explicit(&process->task.handles, memory_order_acquire);
    text_printf(text, "Uid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid, c->fsuid);
    text_printf(text, "Gid:\t%u\t%u\t%u\t%u\n", c->gid, c->egid, c->sgid, c->fsgid);
    text_printf(text, "FDSize:\t%u\nGroups:\t", handles ? MAX(64u, ALIGN_UP(handle_count(handles), 64u)) : 0);
    for (unsigned i = 0; i < c->group_count; i++)
        text_printf(text, "%u ", c->groups[i]);
    text_printf(text, "\n");
    rcu_read_unlock();
}

static void status_rights(struct text_buffer *text, struct process *process, int tid) {
    rcu_read_lock();
    struct posix_thread *thread = proc_thread(process, tid);
    const struct cred *c = atomic_load_explicit(&process->task.cred, memory_order_acquire);
    text_printf(text, "CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\n", (unsigned long long)c->cap_inheritable,
                (unsigned long long)c->cap_permitted, (unsigned long long)c->cap_effective);
    text_printf(text, "CapBnd:\t%016llx\nCapAmb:\t%016llx\nNoNewPrivs:\t%d\n", (unsigned long long)c->cap_bounding,
                (unsigned long long)c->cap_ambient, c->no_new_privileges);
    text_printf(text, "Seccomp:\t%u\nSeccomp_filters:\t%u\n", thread ? thread->seccomp_mode : 0u,
                thread ? seccomp_filter_count(thread) : 0u);
    rcu_read_unlock();
}

static const char *state_name(char state) {
    switch (state) {
    case 'R':
        return "R (running)";
    case 'S':
        return "S (sleeping)";
    case 'D':
        return "D (disk sleep)";
    case 'T':
        return "T (stopped)";
    case 't':
        return "t (tracing stop)";
    case 'Z':
        return "Z (zombie)";
    default:
        return "X (dead)";
    }
}

status_t proc_status(struct text_buffer *text, struct task *task, int tid) {
    struct process *process = task_process(task);
    struct view v;
    status_t status = view_take(process, tid, &v);
    if (status != 0)
        return status;
    struct fs_context *fs = fs_current();
    text_printf(text, "Name:\t%s\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
                v.name, process == process_current() ? fs->umask : 022, state_name(v.state), v.pid, v.tid, v.parent,
                v.tracer);
    status_ids(text, process);
    text_printf(text, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", v.pid, v.tid, v.group, v.session);
    status_memory(text, process);
    text_printf(text, "CoreDumping:\t%d\nTHP_enabled:\t1\nThreads:\t%u\n", process->core_thread != nullptr, v.threads);
    text_printf(text, "SigQ:\t%llu/%llu\n", (unsigned long long)v.queued, (unsigned long long)v.queue_limit);
    text_printf(text, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n", (unsigned long long)v.pending,
                (unsigned long long)v.shared_pending, (unsigned long long)v.blocked);
    text_printf(text, "SigIgn:\t%016llx\nSigCgt:\t%016llx\n", (unsigned long long)v.ignored,
                (unsigned long long)v.caught);
    status_rights(text, process, tid);
    uint64_t cpus = ~0ull >> (64 - arch_cpu_count());
    text_printf(text, "Cpus_allowed:\t%llx\nCpus_allowed_list:\t0-%u\nMems_allowed:\t1\nMems_allowed_list:\t0\n",
                (unsigned long long)cpus, arch_cpu_count() - 1);
    text_printf(text, "voluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\n",
                (unsigned long long)v.switches_voluntary, (unsigned long long)v.switches_involuntary);
    return 0;
}

static void limit_value(struct text_buffer *text, uint64_t value) {
    if (value == RLIM_INFINITY)
        text_printf(text, "%-20s ", "unlimited");
    else
        text_printf(text, "%-20llu ", (unsigned long long)value);
}

status_t proc_limits(struct text_buffer *text, struct task *task, int tid) {
    static const struct {
        const char *name, *unit;
    } limits[RLIMIT_COUNT] = {
        [RLIMIT_CPU] = {"Max cpu time", "seconds"},         [RLIMIT_FSIZE] = {"Max file size", "bytes"},
        [RLIMIT_DATA] = {"Max data size", "bytes"},         [RLIMIT_STACK] = {"Max stack size", "bytes"},
        [RLIMIT_CORE] = {"Max core file size", "bytes"},    [RLIMIT_RSS] = {"Max resident set", "bytes"},
        [RLIMIT_NPROC] = {"Max processes", "processes"},    [RLIMIT_NOFILE] = {"Max open files", "files"},
        [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},  [RLIMIT_AS] = {"Max address space", "bytes"},
        [RLIMIT_LOCKS] = {"Max file locks", "locks"},       [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
        [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"}, [RLIMIT_NICE] = {"Max nice priority", ""},
        [RLIMIT_RTPRIO] = {"Max realtime priority", ""},    [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
    };
    (void)tid;
    struct process *process = task_process(task);
    text_printf(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (unsigned i = 0; i < RLIMIT_COUNT; i++) {
        text_printf(text, "%-25s ", limits[i].name);
        limit_value(text, process->limits[i].soft);
        limit_value(text, process->limits[i].hard);
        if (limits[i].unit[0])
            text_printf(text, "%-10s", limits[i].unit);
        text_printf(text, "\n");
    }
    return 0;
}
