// SPDX-License-Identifier: MPL-2.0
// prctl: one table of small settings. What we do not have gives the error of a Linux built without it.
#include "prctl_priv.h"
#include "process_priv.h"
#include "seccomp/seccomp.h"
#include "signal/signal_priv.h"
#include <abi/prctl.h>
#include <abi/syscall_table.h>
#include <arch/thread.h>
#include <arch/uaccess.h>
#include <lib/string.h>

static long set_name(const char __user *from) {
    char name[16];
    ssize_t length = string_from_user(name, from, sizeof(name));
    if (length == -ENAMETOOLONG) { // longer ones are cut
        if (copy_from_user(name, from, sizeof(name) - 1) != 0)
            return -EFAULT;
        name[15] = 0;
    } else if (length < 0) {
        return length;
    }
    process_set_name(posix_current(), name);
    return 0;
}

static long get_name(char __user *to) {
    char name[16] = {};
    string_copy(name, posix_current()->thread.name, sizeof(name));
    return copy_to_user(to, name, sizeof(name));
}

static long set_death_signal(unsigned long signal) {
    if (signal > SIGNAL_COUNT)
        return -EINVAL;
    process_current()->death_signal = (int)signal;
    return 0;
}

static long set_dumpable(unsigned long value) {
    if (value > 1)
        return -EINVAL;
    process_current()->dumpable = (uint8_t)value;
    return 0;
}

static long set_timer_slack(unsigned long value) {
    struct process *process = process_current();
    process->timer_slack = (long)value > 0 ? value : process->timer_slack_default;
    return 0;
}

static long set_subreaper(unsigned long on) {
    spin_lock(&process_tree_lock);
    process_current()->child_subreaper = on != 0;
    spin_unlock(&process_tree_lock);
    return 0;
}

static long get_int(int value, unsigned long to) {
    return put_user(value, (int __user *)to);
}

long sys_prctl(int option, unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4) {
    struct process *process = process_current();
    const struct cred *cred = cred_current();
    switch (option) {
    case PR_SET_NAME:
        return set_name((const char __user *)a1);
    case PR_GET_NAME:
        return get_name((char __user *)a1);
    case PR_SET_PDEATHSIG:
        return set_death_signal(a1);
    case PR_GET_PDEATHSIG:
        return get_int(process->death_signal, a1);
    case PR_SET_DUMPABLE:
        return set_dumpable(a1);
    case PR_GET_DUMPABLE:
        return process->dumpable;
    case PR_SET_KEEPCAPS:
        return prctl_set_keepcaps(a1);
    case PR_GET_KEEPCAPS:
        return (cred->securebits & SECBIT_KEEP_CAPS) != 0;
    case PR_GET_TIMING:
        return 0; // PR_TIMING_STATISTICAL
    case PR_SET_TIMING:
        return a1 == 0 ? 0 : -EINVAL;
    case PR_CAPBSET_READ:
        return prctl_capbset_read(a1);
    case PR_CAPBSET_DROP:
        return prctl_capbset_drop(a1);
    case PR_GET_SECUREBITS:
        return cred->securebits;
    case PR_SET_SECUREBITS:
        return prctl_set_securebits(a1);
    case PR_SET_TIMERSLACK:
        return set_timer_slack(a1);
    case PR_GET_TIMERSLACK:
        return (long)process->timer_slack;
    case PR_SET_CHILD_SUBREAPER:
        return set_subreaper(a1);
    case PR_GET_CHILD_SUBREAPER:
        return get_int(process->child_subreaper, a1);
    case PR_SET_NO_NEW_PRIVS:
        return a1 != 1 || a2 || a3 || a4 ? -EINVAL : prctl_set_no_new_privs();
    case PR_GET_SECCOMP:
        return posix_current()->seccomp_mode;
    case PR_SET_SECCOMP:
        return seccomp_set_mode(a1, (const void __user *)a2);
    case PR_GET_NO_NEW_PRIVS:
        return a1 || a2 || a3 || a4 ? -EINVAL : cred->no_new_privileges;
    case PR_GET_TID_ADDRESS:
        return put_user((uint64_t)posix_current()->clear_child_tid, (uint64_t __user *)a1);
    case PR_GET_THP_DISABLE:
        return a1 || a2 || a3 || a4 ? -EINVAL : 0;
    case PR_SET_SYSCALL_USER_DISPATCH:
        return prctl_set_user_dispatch(a1, a2, a3, a4);
    case PR_CAP_AMBIENT:
        return a3 || a4 ? -EINVAL : prctl_cap_ambient(a1, a2);
    default:
        return arch_thread_prctl(option, (const unsigned long[]){a1, a2, a3, a4});
    }
}
