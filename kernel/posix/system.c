// SPDX-License-Identifier: MPL-2.0
// Calls about the machine as a whole: its name, its load, its end.
#include "process/process_priv.h"
#include "system_priv.h"
#include <abi/prctl.h>
#include <abi/syscall_table.h>
#include <abi/system.h>
#include <arch/elf.h>
#include <arch/power.h>
#include <arch/thread.h>
#include <arch/uaccess.h>
#include <lib/log.h>
#include <lib/string.h>
#include <mm/page.h>
#include <sched/mutex.h>
#include <sched/sched.h>
#include <vfs/namespace.h>

static struct {
    struct spinlock lock;
    struct abi_utsname names GUARDED_BY(&lock);
} host = {.names = {.sysname = "Linux", // programs look at it
                    .nodename = "(none)",
                    .release = SYSTEM_RELEASE,
                    .version = SYSTEM_VERSION,
                    .machine = ARCH_PLATFORM_NAME,
                    .domainname = "(none)"}};

void system_names(struct abi_utsname *out) {
    spin_lock(&host.lock);
    *out = host.names;
    spin_unlock(&host.lock);
}

long sys_uname(void __user *out) {
    struct abi_utsname names;
    system_names(&names);
    if (process_current()->personality & UNAME26)
        string_copy(names.release, "2.6.61", sizeof(names.release));
    return copy_to_user(out, &names, sizeof(names));
}

static long set_name(bool domain, const char __user *name, int size) {
    char text[65];
    if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
        return -EPERM;
    if (size < 0 || size > 64)
        return -EINVAL;
    memset(text, 0, sizeof(text));
    if (copy_from_user(text, name, size) != 0)
        return -EFAULT;
    spin_lock(&host.lock);
    memcpy(domain ? host.names.domainname : host.names.nodename, text, sizeof(text));
    spin_unlock(&host.lock);
    return 0;
}

long sys_sethostname(const char __user *name, int size) {
    return set_name(false, name, size);
}

long sys_setdomainname(const char __user *name, int size) {
    return set_name(true, name, size);
}

void system_set_name(bool domain, const char *name, size_t size) {
    spin_lock(&host.lock);
    char *to = domain ? host.names.domainname : host.names.nodename;
    size = MIN(size, (size_t)64);
    memset(to, 0, 65);
    memcpy(to, name, size);
    spin_unlock(&host.lock);
}

long sys_sysinfo(void __user *out) {
    struct page_stats pages;
    struct abi_sysinfo info;
    memset(&info, 0, sizeof(info));
    page_stats(&pages);
    sched_load_average(info.loads);
    info.uptime = clock_now() / NSEC_PER_SEC;
    info.total_ram = pages.total * PAGE_SIZE;
    info.free_ram = pages.free * PAGE_SIZE;
    info.procs = (uint16_t)id_used(ID_THREAD);
    info.unit = 1;
    return copy_to_user(out, &info, sizeof(info));
}

static long do_reboot(unsigned command) {
    switch (command) {
    case REBOOT_CMD_CAD_ON:
    case REBOOT_CMD_CAD_OFF:
        return -EINVAL; // no keyboard has that key here
    case REBOOT_CMD_HALT:
        klog(LOG_EMERGENCY, "system halted");
        process_exit(0);
    case REBOOT_CMD_POWER_OFF:
        arch_power_off();
    case REBOOT_CMD_RESTART:
    case REBOOT_CMD_RESTART2:
        arch_reset();
    default:
        return -EINVAL;
    }
}

long sys_reboot(int magic1, int magic2, unsigned command, const void __user *argument) {
    (void)argument;
    if (!cred_has_cap(cred_current(), CAP_SYS_BOOT))
        return -EPERM;
    unsigned m1 = (unsigned)magic1, m2 = (unsigned)magic2;
    if (m1 != REBOOT_MAGIC1 ||
        (m2 != REBOOT_MAGIC2 && m2 != REBOOT_MAGIC2A && m2 != REBOOT_MAGIC2B && m2 != REBOOT_MAGIC2C))
        return -EINVAL;
    return do_reboot(command);
}

long sys_getcpu(unsigned __user *cpu, unsigned __user *node, void __user *unused) {
    (void)unused;
    if (cpu && put_user(arch_cpu_id(), cpu) != 0)
        return -EFAULT;
    if (node && put_user(0u, node) != 0)
        return -EFAULT;
    return 0;
}

long sys_personality(unsigned long persona) {
    struct process *process = process_current();
    uint32_t old = process->personality;
    if ((uint32_t)persona != 0xffffffff)
        process->personality = (uint32_t)persona;
    return old;
}

// What exists on one architecture only.
long sys_arch_prctl(int code, unsigned long address) {
    return arch_prctl(code, address);
}
