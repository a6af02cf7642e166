// SPDX-License-Identifier: MPL-2.0
// Who am I: calls that read one number. They take no lock.
#include "process_priv.h"
#include <abi/syscall_table.h>

long sys_getpid(void) {
    return process_current()->task.id;
}

long sys_gettid(void) {
    return posix_current()->tid;
}

// A parent that exits meanwhile stays in memory for a grace period.
long sys_getppid(void) {
    struct process *parent = atomic_load_explicit(&process_current()->parent, memory_order_acquire);
    return parent ? parent->task.id : 0;
}

long sys_getuid(void) {
    return cred_current()->uid;
}

long sys_geteuid(void) {
    return cred_current()->euid;
}

long sys_getgid(void) {
    return cred_current()->gid;
}

long sys_getegid(void) {
    return cred_current()->egid;
}
