// SPDX-License-Identifier: MPL-2.0
// /proc/sys: what sysctl reads and sets. Each file is a row: a constant, or a number that something in the kernel has.
#include "exec/exec_priv.h"
#include "proc_priv.h"
#include "system_priv.h"
#include <lib/random.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <vfs/path.h>

static struct {
    uint8_t boot_id[16];
} sys;

// --- constants ---

static void constant_show(struct text_buffer *text, void *context) {
    text_printf(text, "%s\n", (const char *)context);
}

// --- names ---

enum { NAME_HOST, NAME_DOMAIN, NAME_OSTYPE, NAME_RELEASE, NAME_VERSION };

static void name_show(struct text_buffer *text, void *context) {
    struct abi_utsname n;
    system_names(&n);
    const char *const names[] = {[NAME_HOST] = n.nodename,
                                 [NAME_DOMAIN] = n.domainname,
                                 [NAME_OSTYPE] = n.sysname,
                                 [NAME_RELEASE] = n.release,
                                 [NAME_VERSION] = n.version};
    text_printf(text, "%s\n", names[(uintptr_t)context]);
}

static ssize_t name_store(void *context, const char *from, size_t size) {
    size_t length = size;
    while (length > 0 && from[length - 1] == '\n')
        length--;
    if (length > 64)
        return -EINVAL;
    if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
        return -EPERM;
    system_set_name((uintptr_t)context == NAME_DOMAIN, from, length);
    return (ssize_t)size;
}

// --- numbers ---

bool proc_parse_number(const char *from, size_t size, uint64_t *value) {
    char text[24];
    size_t length = MIN(size, sizeof(text) - 1);
    memcpy(text, from, length);
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
        length--;
    text[length] = 0;
    return string_to_u64(text, 10, value);
}

static void pid_max_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "%d\n", id_maximum());
}

static ssize_t pid_max_store(void *context, const char *from, size_t size) {
    uint64_t value;
    (void)context;
    if (!proc_parse_number(from, size, &value) || value > INT32_MAX)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    status_t status = id_set_maximum((int)value);
    spin_unlock(&process_tree_lock);
    return status != 0 ? status : (ssize_t)size;
}

static void threads_max_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "%d\n", id_maximum());
}

static void randomize_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "%d\n", exec_randomizes() ? 2 : 0);
}

static ssize_t randomize_store(void *context, const char *from, size_t size) {
    uint64_t value;
    (void)context;
    if (!proc_parse_number(from, size, &value) || value > 2)
        return -EINVAL;
    exec_set_randomize(value > 0);
    return (ssize_t)size;
}

static void ns_last_pid_show(struct text_buffer *text, void *context) {
    (void)context;
    text_printf(text, "%d\n", id_last());
}

// --- random ---

static void print_uuid(struct text_buffer *text, const uint8_t id[16]) {
    for (unsigned i = 0; i < 16; i++)
        text_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
    text_printf(text, "\n");
}

static void make_uuid(uint8_t id[16]) {
    random_bytes(id, 16);
    id[6] = (id[6] & 0x0f) | 0x40; // version 4
    id[8] = (id[8] & 0x3f) | 0x80;
}

static void uuid_show(struct text_buffer *text, void *context) {
    uint8_t id[16];
    (void)context;
    make_uuid(id);
    print_uuid(text, id);
}

static void boot_id_show(struct text_buffer *text, void *context) {
    (void)context;
    print_uuid(text, sys.boot_id);
}

void proc_sys_init(void) {
    static const struct proc_file files[] = {
        {"sys/kernel/hostname", 0644, name_show, name_store, (void *)NAME_HOST},
        {"sys/kernel/domainname", 0644, name_show, name_store, (void *)NAME_DOMAIN},
        {"sys/kernel/ostype", 0444, name_show, nullptr, (void *)NAME_OSTYPE},
        {"sys/kernel/osrelease", 0444, name_show, nullptr, (void *)NAME_RELEASE},
        {"sys/kernel/version", 0444, name_show, nullptr, (void *)NAME_VERSION},
        {"sys/kernel/pid_max", 0644, pid_max_show, pid_max_store},
        {"sys/kernel/threads-max", 0444, threads_max_show},
        {"sys/kernel/ns_last_pid", 0444, ns_last_pid_show},
        {"sys/kernel/randomize_va_space", 0644, randomize_show, randomize_store},
        {"sys/kernel/tainted", 0444, constant_show, nullptr, "0"},
        {"sys/kernel/cap_last_cap", 0444, constant_show, nullptr, "40"},
        {"sys/kernel/ngroups_max", 0444, constant_show, nullptr, "65536"},
        {"sys/kernel/overflowuid", 0444, constant_show, nullptr, "65534"},
        {"sys/kernel/overflowgid", 0444, constant_show, nullptr, "65534"},
        {"sys/kernel/random/boot_id", 0444, boot_id_show},
        {"sys/kernel/random/uuid", 0444, uuid_show},
        {"sys/kernel/random/entropy_avail", 0444, constant_show, nullptr, "256"},
        {"sys/kernel/random/poolsize", 0444, constant_show, nullptr, "256"},
        {"sys/kernel/yama/ptrace_scope", 0444, constant_show, nullptr, "0"},
        {"sys/crypto/fips_enabled", 0444, constant_show, nullptr, "0"},
        {"sys/vm/overcommit_memory", 0444, constant_show, nullptr, "0"},
        {"sys/vm/overcommit_ratio", 0444, constant_show, nullptr, "50"},
        {"sys/vm/max_map_count", 0444, constant_show, nullptr, "65530"},
        {"sys/vm/mmap_min_addr", 0444, constant_show, nullptr, "65536"},
        {"sys/vm/swappiness", 0444, constant_show, nullptr, "0"},
        {"sys/fs/file-max", 0444, constant_show, nullptr, "9223372036854775807"},
        {"sys/fs/nr_open", 0444, constant_show, nullptr, "1048576"},
        {"sys/fs/pipe-max-size", 0444, constant_show, nullptr, "1048576"},
    };
    make_uuid(sys.boot_id);
    proc_add_all(files, ARRAY_SIZE(files));
}
