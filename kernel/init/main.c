// SPDX-License-Identifier: MPL-2.0
// Boot, as one list.
//
// The port has done what is the machine's own (arch/*/boot): it hands over boot_info, with a direct map and one
// CPU, interrupts off. kernel_main brings up what needs no thread, and becomes the idle thread of the boot
// CPU. The rest runs in a thread of its own, because it may block.

#include "init_priv.h"
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/percpu.h>
#include <arch/smp.h>
#include <arch/upcall.h>
#include <block/block.h>
#include <dev/dev.h>
#include <dev/klog.h>
#include <lib/assert.h>
#include <lib/boot_map.h>
#include <lib/log.h>
#include <lib/string.h>
#include <mm/page.h>
#include <mm/vmap.h>
#include <net/net.h>
#include <object/flight.h>
#include <posix/process.h>
#include <sched/realtime.h>
#include <sched/sched.h>
#include <served/served.h>
#include <tty/tty.h>
#include <vfs/path.h>

static struct {
    struct thread thread; // runs boot_thread
    _Atomic unsigned cpus_ready;
} boot;

static struct thread idle_thread PER_CPU; // of the CPUs that are started later

static void unpack_initrd(void) {
    if (boot_info.initrd_end == 0) {
        klog(LOG_WARNING, "no initrd: the root file system is empty");
        return;
    }
    size_t size = boot_info.initrd_end - boot_info.initrd_start;
    status_t status = initramfs_unpack(arch_phys_to_virt(boot_info.initrd_start), size);
    if (status != 0)
        klog(LOG_ERROR, "initrd: nothing usable in its %zu bytes: error %d", size, -status);
    page_free_range(boot_info.initrd_start, boot_info.initrd_end); // its files were copied
}

static void boot_thread(void *argument) {
    if (options.selftest)
        selftest_run(options.selftest_filter);
    if (vfs_init() != 0) // root file system, /dev, /proc, /sys
        panic("no memory for the root file system");
    dev_init();       // null, zero, random, kmsg …
    tty_init();       // console, ptys
    flight_start();   // the collector of handles in queues
    net_init();       // sockets
    block_init();     // /proc/partitions, /proc/diskstats
    served_init();    // volumes of servers
    drivers_attach(); // serial ports, disks
    unpack_initrd();  // programs
    posix_init();     // processes, /proc
    exec_set_randomize(!options.no_random_maps);
    if (options.trace_calls)
        process_trace_calls();
    status_t status = process_start_init(options.init, options.arguments, options.environment);
    if (status != 0)
        panic("cannot start init: error %d", -status);
}

static void start_cpus(void) {
    unsigned count = arch_smp_start(); // each comes to secondary_main
    while (atomic_load_explicit(&boot.cpus_ready, memory_order_acquire) + 1 < count)
        arch_cpu_relax();
    klog(LOG_INFO, "%u CPUs", count);
}

void kernel_main(void) {
    symbols_init();                                    // names in backtraces
    static char words[sizeof(boot_info.command_line)]; // cut up there; /proc/cmdline shows the whole
    memcpy(words, boot_info.command_line, sizeof(words));
    options_parse(words); // what the user wants
    klog_set_level(options.log_level);
    panic_set_timeout(options.panic_seconds);
    klog(LOG_INFO, "Tessera on %s, %llu MiB", boot_info.platform,
         (unsigned long long)boot_map_total(&boot_info, BOOT_MEMORY_USABLE) >> 20);

    page_init();     // physical memory, and kernel virtual memory
    sched_init();    // this CPU's run queue; we are its idle thread
    realtime_init(); // the wall clock
    start_cpus();

    void *stack = thread_stack_alloc();
    if (stack == nullptr)
        panic("no memory for the first thread");
    thread_init(&boot.thread, stack, "boot", boot_thread, nullptr, nullptr);
    thread_start(&boot.thread);
    sched_idle_loop();
}

void secondary_main(unsigned cpu) {
    sched_init_secondary(cpu, &this_cpu(idle_thread), arch_smp_idle_stack(cpu));
    atomic_fetch_add_explicit(&boot.cpus_ready, 1, memory_order_release);
    sched_idle_loop();
}
