// SPDX-License-Identifier: MPL-2.0
// /proc files about the whole system: stat, meminfo, loadavg, uptime, version, cpuinfo …
#include "proc_priv.h"
#include "system_priv.h"
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/smp.h>
#include <lib/fmt.h>
#include <mm/slab.h>
#include <sched/realtime.h>
#include <sched/sched.h>
#include <vfs/path.h>

static long long ticks(nsec_t t) {
    return t / (1000000000 / CLOCK_TICKS);
}

static void cpu_line(struct text_buffer *text, const char *name, const struct sched_cpu_times *t) {
    text_printf(text, "%s %lld 0 %lld %lld 0 %lld 0 0 0 0\n", name, ticks(t->user), ticks(t->system), ticks(t->idle),
                ticks(t->irq));
}

static void stat_show(struct text_buffer *text, void *context) {
    struct sched_cpu_times all = {}, one;
    (void)context;
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        sched_cpu_times(i, &one);
        all.user += one.user;
        all.system += one.system;
        all.idle += one.idle;
        all.irq += one.irq;
        all.switches += one.switches;
        all.interrupts += one.interrupts;
    }
    cpu_line(text, "cpu ", &all);
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        char name[8];
        fmt_snprintf(name, sizeof(name), "cpu%u", i);
        sched_cpu_times(i, &one);
        cpu_line(text, name, &one);
    }
    text_printf(text, "intr %llu\nctxt %llu\nbtime %lld\nprocesses %llu\nprocs_running %u\nprocs_blocked 0\n",
                (unsigned long long)all.interrupts, (unsigned long long)all.switches,
                (long long)(clock_realtime() - clock_now()) / NSEC_PER_SEC, (unsigned long long)process_forks(),
                MAX(sched_ready_count(), 1u));
    text_printf(text, "softirq 0 0 0 0 0 0 0 0 0 0 0\n");
}

static void kib(struct text_buffer *text, const char *name, uint64_t pages) {
    text_printf(text, "%-15s %8llu kB\n", name, (unsigned long long)pages * (PAGE_SIZE / 1024));
}

static void meminfo_show(struct text_buffer *text, void *context) {
    struct page_stats p;
    (void)context;
    page_stats(&p);
    kib(text, "MemTotal:", p.total);
    kib(text, "MemFree:", p.free);
    kib(text, "MemAvailable:", p.free);
    kib(text, "Buffers:", 0);
    kib(text, "Cached:", p.cached);
    kib(text, "SwapCached:", 0);
    kib(text, "Active:", p.anonymous);
    kib(text, "Inactive:", 0);
    kib(text, "SwapTotal:", 0);
    kib(text, "SwapFree:", 0);
    kib(text, "Dirty:", 0);
    kib(text, "Writeback:", 0);
    kib(text, "AnonPages:", p.anonymous);
    kib(text, "Mapped:", p.anonymous);
    kib(text, "Shmem:", p.cached); // all files live in memory
    kib(text, "KReclaimable:", 0);
    kib(text, "Slab:", p.slab);
    kib(text, "SReclaimable:", 0);
    kib(text, "SUnreclaim:", p.slab);
    text_printf(text, "%-15s %8llu kB\n",
                "KernelStack:", (unsigned long long)id_used(ID_THREAD) * KERNEL_STACK_SIZE / 1024);
    kib(text, "PageTables:", p.tables);
    kib(text, "CommitLimit:", p.total);
    kib(text, "Committed_AS:", p.anonymous);
    text_printf(text, "VmallocTotal:   34359738367 kB\nVmallocUsed:    %8u kB\n", 0);
    text_printf(text, "HugePages_Total:   %5u\nHugePages_Free:    %5u\nHugepagesize:    %7u kB\n", 0, 0, 2048);
}

static void loadavg_show(struct text_buffer *text, void *context) {
    uint64_t load[3];
    (void)context;
    sched_load_average(load);
    for (unsigned i = 0; i < 3; i++)
        text_printf(text, "%llu.%02llu ", (unsigned long long)load[i] >> 16,
                    (unsigned long long)((load[i] & 0xffff) * 100) >> 16);
    text_printf(text, "%u/%u %d\n", MAX(sched_ready_count(), 1u), id_used(ID_THREAD), id_last());
}

static void uptime_show(struct text_buffer *text, void *context) {
    nsec_t idle = 0, now = clock_now();
    (void)context;
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        struct sched_cpu_times t;
        sched_cpu_times(i, &t);
        idle += t.idle;
    }
    text_printf(text, "%lld.%02lld %lld.%02lld\n", (long long)(now / NSEC_PER_SEC),
                (long long)(now % NSEC_PER_SEC / 10000000), (long long)(idle / NSEC_PER_SEC),
                (long long)(idle % NSEC_PER_SEC / 10000000));
}

static void version_show(struct text_buffer *text, void *context) {
    struct abi_utsname names;
    (void)context;
    system_names(&names);
    text_printf(text, "%s version %s (tessera@tessera) (clang) %s\n", names.sysname, names.release, names.version);
}

static void cpuinfo_show(struct text_buffer *text, void *context) {
    (void)context;
    char *buffer = kmalloc(PAGE_SIZE);
    for (unsigned i = 0; buffer && i < arch_cpu_count(); i++) {
        int length = arch_cpu_describe(i, buffer, PAGE_SIZE);
        text_append(text, buffer, length < 0 ? 0 : MIN((size_t)length, PAGE_SIZE - 1));
        if (length >= 2 && buffer[length - 2] != '\n')
            text_append(text, "\n", 1); // an empty line ends each
    }
    text->failed = text->failed || !buffer;
    kfree(buffer);
}

static void interrupts_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "    ");
    for (unsigned i = 0; i < arch_cpu_count(); i++)
        text_printf(text, "       CPU%-2u", i);
    text_printf(text, "\nTOT:");
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        struct sched_cpu_times t;
        sched_cpu_times(i, &t);
        text_printf(text, " %11llu", (unsigned long long)t.interrupts);
    }
    text_printf(text, "   All interrupts\n");
}

static void swaps_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
}

static void vmstat_show(struct text_buffer *text, void *context) {
    struct page_stats p;
    (void)context;
    page_stats(&p);
    text_printf(text,
                "nr_free_pages %llu\nnr_anon_pages %llu\nnr_file_pages %llu\nnr_page_table_pages %llu\n"
                "nr_slab_unreclaimable %llu\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n",
                (unsigned long long)p.free, (unsigned long long)p.anonymous, (unsigned long long)p.cached,
                (unsigned long long)p.tables, (unsigned long long)p.slab);
}

static void slab_line(const struct slab_cache *constant, void *context) {
    struct slab_cache *cache = (struct slab_cache *)constant;
    struct text_buffer *text = context;
    unsigned long long used = slab_in_use(cache);
    spin_lock(&cache->lock);
    unsigned slabs = cache->slabs;
    spin_unlock(&cache->lock);
    text_printf(text, "%-24s %6llu %6u %6u %4u %4u : tunables 0 0 0 : slabdata %6u %6u 0\n", cache->name, used,
                slabs * cache->objects_per_slab, cache->size, cache->objects_per_slab, 1u << cache->order, slabs,
                slabs);
}

static void slabinfo_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> "
                      "<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> "
                      "<num_slabs> <sharedavail>\n");
    slab_for_each(slab_line, text);
}

static void modules_show(struct text_buffer *text, void *context) {
    (void)text; // there are none, and never will be
    (void)context;
}

static void cgroups_show(struct text_buffer *text, void *context) {
    (void)context; // no controllers: jobs do their work
    text_printf(text, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n");
}

// When each processor's next timer fires. Which timers there are is no program's affair.
static void timer_list_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "Timer List Version: v0.9\nHRTIMER_MAX_CLOCK_BASES: 1\nnow at %lld nsecs\n\n",
                (long long)clock_now());
    for (unsigned i = 0; i < arch_cpu_count(); i++)
        text_printf(text, "cpu: %u\n  .expires_next   : %lld nsecs\n\n", i, (long long)timer_next(i));
}

static void cmdline_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "%s\n", boot_info.command_line);
}

void proc_add_all(const struct proc_file *files, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        status_t status =
            procfs_add(files[i].path, files[i].mode, files[i].show, files[i].store, (void *)files[i].context);
        if (status != 0)
            panic("/proc/%s: error %d", files[i].path, -status);
    }
}

void proc_system_init(void) {
    static const struct proc_file files[] = {
        {"stat", 0444, stat_show},
        {"meminfo", 0444, meminfo_show},
        {"loadavg", 0444, loadavg_show},
        {"uptime", 0444, uptime_show},
        {"version", 0444, version_show},
        {"cpuinfo", 0444, cpuinfo_show},
        {"interrupts", 0444, interrupts_show},
        {"swaps", 0444, swaps_show},
        {"vmstat", 0444, vmstat_show},
        {"slabinfo", 0400, slabinfo_show},
        {"modules", 0444, modules_show},
        {"cmdline", 0444, cmdline_show},
        {"cgroups", 0444, cgroups_show},
        {"timer_list", 0400, timer_list_show},
    };
    proc_add_all(files, ARRAY_SIZE(files));
    sys_system_init();
}
