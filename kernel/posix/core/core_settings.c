// SPDX-License-Identifier: MPL-2.0
// What the administrator says of core files, in /proc/sys: the pattern (core_name.c) and some numbers.
//
// A core file may be made as root, or go to a program, far from who crashed. So the settings are not for everybody who
// is root where it is: a sandbox (a job with flags) may not change them, whatever its root file system shows of /proc.
#include "core.h"
#include "proc/proc_priv.h"

#include <abi/job.h>

struct setting {
    _Atomic uint32_t value;
    uint32_t most;
};

static struct setting uses_pid = {.most = INT32_MAX};
static struct setting pipe_limit = {.most = INT32_MAX};
static struct setting suid_dumpable = {.most = 2};

bool core_uses_pid(void) {
    return atomic_load_explicit(&uses_pid.value, memory_order_relaxed) != 0;
}

unsigned core_pipe_limit(void) {
    return atomic_load_explicit(&pipe_limit.value, memory_order_relaxed);
}

uint8_t core_suid_dumpable(void) {
    return (uint8_t)atomic_load_explicit(&suid_dumpable.value, memory_order_relaxed);
}

bool core_may_set(void) {
    const uint32_t sandboxed = JOB_NO_SOCKETS | JOB_NO_DEVICES | JOB_NO_SIGNALS | JOB_NO_NEW_PRIVILEGES;
    return !(job_flags_current() & sandboxed) && cred_has_cap(cred_current(), CAP_SYS_ADMIN);
}

static void setting_show(struct text_buffer *text, void *context) {
    struct setting *setting = context;
    text_printf(text, "%u\n", atomic_load_explicit(&setting->value, memory_order_relaxed));
}

static ssize_t setting_store(void *context, const char *from, size_t size) {
    struct setting *setting = context;
    uint64_t value;
    if (!core_may_set())
        return -EPERM;
    if (!proc_parse_number(from, size, &value) || value > setting->most)
        return -EINVAL;
    atomic_store_explicit(&setting->value, (uint32_t)value, memory_order_relaxed);
    return (ssize_t)size;
}

void core_init(void) {
    static const struct proc_file files[] = {
        {"sys/kernel/core_pattern", 0644, core_pattern_show, core_pattern_store},
        {"sys/kernel/core_uses_pid", 0644, setting_show, setting_store, &uses_pid},
        {"sys/kernel/core_pipe_limit", 0644, setting_show, setting_store, &pipe_limit},
        {"sys/fs/suid_dumpable", 0644, setting_show, setting_store, &suid_dumpable},
    };
    proc_add_all(files, ARRAY_SIZE(files));
}
