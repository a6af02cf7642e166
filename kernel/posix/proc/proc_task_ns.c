// SPDX-License-Identifier: MPL-2.0
// /proc/PID/ns, uid_map and their like: which namespaces a process is in.
//
// There is one of each kind, with the number that Linux's first one has, and one of mounts for each that unshared its
// own. A link's text is KIND:[NUMBER]; it leads to a nameless file of that inode number, by which lsns and ps compare.
#include "proc_priv.h"
#include <abi/stat.h>
#include <lib/fmt.h>
#include <vfs/namespace.h>
#include <vfs/vnode.h>

enum : uint64_t { NS_TIME = 4026531834, NS_CGROUP, NS_PID, NS_USER, NS_UTS, NS_IPC, NS_NET, NS_MNT, NS_MORE_MOUNTS };

static const struct vnode_ops namespace_ops;

// The mounts' number: that of the first space, or one for each further.
static status_t mounts_number(struct task *task, uint64_t *out) {
    status_t status = -ENOENT;
    spin_lock(&process_tree_lock); // the context goes before the process leaves the tree
    struct fs_context *fs = atomic_load_explicit(&task->fs, memory_order_acquire);
    if (fs) {
        unsigned space = fs_context_mount_space(fs);
        *out = space ? (uint64_t)NS_MORE_MOUNTS + space : (uint64_t)NS_MNT;
        status = 0;
    }
    spin_unlock(&process_tree_lock);
    return status;
}

struct namespace_text {
    char text[32];
    uint64_t number;
};

static status_t describe(struct task *task, const char *kind, uint64_t number, struct namespace_text *out) {
    status_t status = proc_check_access(task_process(task));
    out->number = number;
    if (status == 0 && number == NS_MNT)
        status = mounts_number(task, &out->number);
    fmt_snprintf(out->text, sizeof(out->text), "%s:[%llu]", kind, (unsigned long long)out->number);
    return status;
}

static status_t show(struct text_buffer *text, struct task *task, const char *kind, uint64_t number) {
    struct namespace_text about;
    status_t status = describe(task, kind, number, &about);
    if (status == 0)
        text_printf(text, "%s", about.text);
    return status;
}

static status_t follow(struct task *task, const char *kind, uint64_t number, struct path *out) {
    struct namespace_text about;
    status_t status = describe(task, kind, number, &about);
    return status == 0 ? nameless_place(&namespace_ops, S_IFREG | 0444, about.number, about.text, out) : status;
}

// The two functions of a link, by its kind and number.
#define NAMESPACE(name, kind, number)                                                   \
    static status_t show_##name(struct text_buffer *text, struct task *task, int tid) { \
        (void)tid;                                                                      \
        return show(text, task, kind, number);                                          \
    }                                                                                   \
    static status_t follow_##name(struct task *task, struct path *out) {                \
        return follow(task, kind, number, out);                                         \
    }                                                                                   \
    static_assert(true)

NAMESPACE(cgroup, "cgroup", NS_CGROUP);
NAMESPACE(ipc, "ipc", NS_IPC);
NAMESPACE(mnt, "mnt", NS_MNT);
NAMESPACE(net, "net", NS_NET);
NAMESPACE(pid, "pid", NS_PID);
NAMESPACE(time, "time", NS_TIME);
NAMESPACE(user, "user", NS_USER);
NAMESPACE(uts, "uts", NS_UTS);

#define LINK(link, kind) {.name = link, .mode = S_IFLNK | 0777, .show = show_##kind, .follow = follow_##kind}

static const struct proc_entry links[] = {
    LINK("cgroup", cgroup), LINK("ipc", ipc),
    LINK("mnt", mnt),       LINK("net", net),
    LINK("pid", pid),       LINK("pid_for_children", pid),
    LINK("time", time),     LINK("time_for_children", time),
    LINK("user", user),     LINK("uts", uts),
};

// The first namespace of users: each id is itself.
static status_t map_show(struct text_buffer *text, struct task *task, int tid) {
    (void)task;
    (void)tid;
    text_printf(text, "%10u %10u %10u\n", 0u, 0u, UINT32_MAX);
    return 0;
}

static status_t setgroups_show(struct text_buffer *text, struct task *task, int tid) {
    (void)task;
    (void)tid;
    text_printf(text, "allow\n");
    return 0;
}

static const struct proc_entry entries[] = {
    {.name = "ns", .mode = S_IFDIR | 0511, .children = links, .child_count = ARRAY_SIZE(links)},
    {.name = "uid_map", .mode = S_IFREG | 0444, .show = map_show},
    {.name = "gid_map", .mode = S_IFREG | 0444, .show = map_show},
    {.name = "projid_map", .mode = S_IFREG | 0444, .show = map_show},
    {.name = "setgroups", .mode = S_IFREG | 0444, .show = setgroups_show, .process_only = true},
};

void proc_task_ns_init(void) {
    procfs_add_task_entries(entries, ARRAY_SIZE(entries));
}
