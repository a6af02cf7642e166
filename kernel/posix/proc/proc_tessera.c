// SPDX-License-Identifier: MPL-2.0
// /proc/tessera: unknown_syscalls, the calls that programs made and we lack; leaks, how many of each kind of thing are
// alive; paths, how calls are served (docs/posixd.md); collector, its work (object/flight.h). The tests compare leaks
// before and after; caches (names, vnodes, odd-size memory) are not in it, since they may keep what nobody uses. On a
// sanitizing kernel also alloc_fail: what is written, n, makes the n-th allocation of the writing thread fail; it reads
// how many have failed since.
#include "legacy/legacy.h"
#include "proc_priv.h"
#include "syscall_priv.h"
#include <arch/upcall.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <object/flight.h>

static void unknown_line(void *context, unsigned long number, unsigned count) {
    struct text_buffer *text = context;
    const char *name = syscall_name(number);
    if (number == SYSCALL_TABLE_SIZE)
        text_printf(text, "beyond the table: %u\n", count);
    else
        text_printf(text, "%lu %s %u\n", number, name ? name : "?", count);
}

static void unknown_show(struct text_buffer *text, void *context) {
    (void)context;
    unknown_syscalls_show(unknown_line, text);
}

static bool is_cache(const char *name) {
    static const char *const caches[] = {"struct entry", "struct vnode", "struct radix_node"};
    for (unsigned i = 0; i < ARRAY_SIZE(caches); i++)
        if (strcmp(name, caches[i]) == 0)
            return true;
    return strncmp(name, "struct ", 7) != 0; // kmalloc's
}

static void slab_count(const struct slab_cache *cache, void *context) {
    if (is_cache(cache->name))
        return;
    text_printf(context, "%s %llu\n", cache->name + 7, (unsigned long long)slab_in_use((struct slab_cache *)cache));
}

static unsigned count_handles(void) {
    unsigned handles = 0;
    spin_lock(&process_tree_lock);
    for (int pid = 0; (pid = id_next(pid, ID_PROCESS)) >= 0; pid++) {
        struct handle_table *table = atomic_load(&process_find(pid)->task.handles);
        if (table)
            handles += handle_count(table);
    }
    spin_unlock(&process_tree_lock);
    return handles;
}

static void leaks_show(struct text_buffer *text, void *context) {
    struct page_stats pages;
    (void)context;
    rcu_barrier(); // what is dead is gone
    page_stats(&pages);
    text_printf(text, "processes %u\nthreads %u\ngroups %u\nsessions %u\nhandles %u\nuser_pages %llu\n",
                id_used(ID_PROCESS), id_used(ID_THREAD), id_used(ID_GROUP), id_used(ID_SESSION), count_handles(),
                (unsigned long long)pages.anonymous);
    slab_for_each(slab_count, text);
}

// The fast and the hybrid path are not counted: a counter would be a large part of what such a call costs. What the
// legacy path counts is nothing beside its two switches.
static void paths_show(struct text_buffer *text, void *context) {
    static const char *const names[] = {[POSIX_SYSV_MESSAGES] = "sysv-messages",
                                        [POSIX_SYSV_SEMAPHORES] = "sysv-semaphores"};
    (void)context;
    text_printf(text, "fast vdso uncounted\nfast kernel uncounted\nhybrid kernel uncounted\n");
    for (unsigned i = 0; i < POSIX_FAMILIES; i++) {
        struct legacy_counts counts;
        legacy_counts((enum posix_family)i, &counts);
        text_printf(text, "legacy %s server %d answered %llu interrupted %llu unserved %llu\n", names[i], counts.server,
                    (unsigned long long)counts.answered, (unsigned long long)counts.interrupted,
                    (unsigned long long)counts.unserved);
    }
}

static void collector_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "looks %llu\n", (unsigned long long)flight_looks());
}

#ifdef TESSERA_DEBUG
static void alloc_fail_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "%u\n", alloc_fail_count());
}

static ssize_t alloc_fail_store(void *context, const char *digits, size_t length) {
    unsigned number = 0;
    (void)context;
    for (size_t i = 0; i < length && digits[i] >= '0' && digits[i] <= '9' && number < 1'000'000; i++)
        number = number * 10 + (unsigned)(digits[i] - '0');
    alloc_fail_once(number);
    return (ssize_t)length;
}
#endif

void proc_tessera_init(void) {
    static const struct proc_file files[] = {
        {"tessera/unknown_syscalls", 0444, unknown_show},
        {"tessera/leaks", 0444, leaks_show},
        {"tessera/paths", 0444, paths_show},
        {"tessera/collector", 0444, collector_show},
#ifdef TESSERA_DEBUG
        {"tessera/alloc_fail", 0600, alloc_fail_show, alloc_fail_store},
#endif
    };
    proc_add_all(files, ARRAY_SIZE(files));
}
