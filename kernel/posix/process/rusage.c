// SPDX-License-Identifier: MPL-2.0
// What threads, processes and children have used: getrusage, times, and the sums that exit and wait keep.
#include "rusage.h"
#include "file/io_count.h"
#include "process_priv.h"
#include <abi/syscall_table.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/aspace.h>
#include <sched/sched.h>

void resource_totals_of_thread(struct posix_thread *thread, struct resource_totals *out) {
    memset(out, 0, sizeof(*out));
    sched_thread_times(&thread->thread, &out->user, &out->system);
    out->switches_voluntary = thread->thread.switches_voluntary;
    out->switches_involuntary = thread->thread.switches_involuntary;
    out->io = thread->thread.io;
}

void resource_totals_add(struct resource_totals *to, const struct resource_totals *from) {
    to->user += from->user;
    to->system += from->system;
    to->min_faults += from->min_faults;
    to->maj_faults += from->maj_faults;
    to->switches_voluntary += from->switches_voluntary;
    to->switches_involuntary += from->switches_involuntary;
    io_counts_add(&to->io, &from->io);
    to->peak_resident_kib = MAX(to->peak_resident_kib, from->peak_resident_kib);
}

void resource_totals_of_process(struct process *process, struct resource_totals *out) {
    struct posix_thread *thread;
    spin_lock(&process->signal_lock);
    *out = process->dead_threads;
    LIST_FOR_EACH(thread, &process->threads, process_node) {
        struct resource_totals one;
        resource_totals_of_thread(thread, &one);
        resource_totals_add(out, &one);
    }
    struct aspace *aspace = atomic_load_explicit(&process->task.aspace, memory_order_relaxed);
    if (aspace) {
        uint64_t peak = aspace_peak_resident(aspace) * (PAGE_SIZE / 1024);
        out->peak_resident_kib = MAX(out->peak_resident_kib, peak);
    }
    spin_unlock(&process->signal_lock);
    out->min_faults += atomic_load_explicit(&process->min_faults, memory_order_relaxed);
    out->maj_faults += atomic_load_explicit(&process->maj_faults, memory_order_relaxed);
}

static struct abi_timeval to_timeval(nsec_t t) {
    return (struct abi_timeval){t / NSEC_PER_SEC, t % NSEC_PER_SEC / NSEC_PER_USEC};
}

void rusage_to_abi(const struct resource_totals *totals, struct abi_rusage *out) {
    *out = (struct abi_rusage){.user = to_timeval(totals->user),
                               .system = to_timeval(totals->system),
                               .max_resident_kib = totals->peak_resident_kib,
                               .min_faults = totals->min_faults,
                               .maj_faults = totals->maj_faults,
                               .switches_voluntary = totals->switches_voluntary,
                               .switches_involuntary = totals->switches_involuntary};
}

long sys_getrusage(int who, void __user *out) {
    struct resource_totals totals;
    struct process *process = process_current();
    if (who == RUSAGE_SELF)
        resource_totals_of_process(process, &totals);
    else if (who == RUSAGE_CHILDREN) {
        spin_lock(&process_tree_lock);
        totals = process->reaped;
        spin_unlock(&process_tree_lock);
    } else if (who == RUSAGE_THREAD) {
        resource_totals_of_thread(posix_current(), &totals);
        totals.peak_resident_kib = aspace_peak_resident(aspace_current()) * (PAGE_SIZE / 1024);
    } else
        return -EINVAL;
    struct abi_rusage abi;
    rusage_to_abi(&totals, &abi);
    return copy_to_user(out, &abi, sizeof(abi));
}

static int64_t to_ticks(nsec_t t) {
    return t / (NSEC_PER_SEC / CLOCK_TICKS);
}

long sys_times(void __user *out) {
    struct resource_totals self, children;
    struct process *process = process_current();
    if (out) {
        resource_totals_of_process(process, &self);
        spin_lock(&process_tree_lock);
        children = process->reaped;
        spin_unlock(&process_tree_lock);
        struct abi_tms tms = {to_ticks(self.user), to_ticks(self.system), to_ticks(children.user),
                              to_ticks(children.system)};
        if (copy_to_user(out, &tms, sizeof(tms)) != 0)
            return -EFAULT;
    }
    return to_ticks(clock_now());
}
