// SPDX-License-Identifier: MPL-2.0
// The first process. It begins as a kernel thread that belongs to a process without memory, opens the console as its
// standard files, and executes init.
#include "core/core.h"
#include "exec/exec_priv.h"
#include "signal/signal_priv.h"
#include "syscall_priv.h"
#include <abi/fcntl.h>
#include <abi/resource.h>
#include <lib/log.h>
#include <sched/sched.h>
#include <vfs/file.h>
#include <vfs/path.h>

static struct {
    const char *path;
    const char *const *argv, *const *envp;
} init;

enum { ARGUMENTS_MAX = 64 };

// Children inherit it.
static status_t try_path(const char *path) {
    const char *argv[ARGUMENTS_MAX + 1] = {path};
    unsigned count = 1;
    for (const char *const *a = init.argv ? init.argv + 1 : nullptr;
         init.argv && init.argv[0] && *a && count < ARGUMENTS_MAX; a++)
        argv[count++] = *a;
    status_t status = exec_kernel(path, argv, init.envp);
    if (status != 0 && status != -ENOENT)
        klog(LOG_ERROR, "cannot run %s: error %d", path, -status);
    return status;
}

static void open_console(void) {
    struct object *console;
    status_t status = vfs_open(nullptr, "/dev/console", O_RDWR, 0, &console);
    if (status != 0) {
        klog(LOG_WARNING, "cannot open /dev/console: error %d", -status);
        return;
    }
    for (int fd = 0; fd < 3; fd++) {
        object_get(console);
        if (handle_install(console, file_rights(file_of(console)), 0) < 0)
            object_put(console);
    }
    object_put(console);
}

static void init_main(void *unused) {
    static const char *const usual[] = {"/init", "/sbin/init", "/etc/init", "/bin/init", "/bin/sh"};
    (void)unused;
    if (syscalls_are_logged())
        thread_set_work(thread_current(), THREAD_WORK_TRACE);
    open_console();
    if (init.path) {
        status_t status = try_path(init.path);
        if (status == 0)
            arch_enter_user();
        panic("cannot run init=%s: error %d", init.path, -status);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(usual); i++)
        if (try_path(usual[i]) == 0)
            arch_enter_user();
    panic("no init found: put one at /init in the initramfs, or name it with init= on the command line");
}

void process_set_default_limits(struct process *process) {
    struct page_stats pages;
    page_stats(&pages);
    uint64_t threads = MAX(pages.total / 16, (uint64_t)64); // each needs a stack of 4 pages and more
    for (unsigned i = 0; i < RLIMIT_COUNT; i++)
        process->limits[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    process->coredump_filter = COREDUMP_FILTER_DEFAULT;
    process->limits[RLIMIT_STACK].soft = 8 << 20;
    process->limits[RLIMIT_CORE].soft = 0;
    process->limits[RLIMIT_NOFILE] = (struct rlimit){1024, 4096};
    process->limits[RLIMIT_MEMLOCK] = (struct rlimit){8 << 20, 8 << 20};
    process->limits[RLIMIT_NPROC] = (struct rlimit){threads, threads};
    process->limits[RLIMIT_SIGPENDING] = (struct rlimit){threads, threads};
    process->limits[RLIMIT_MSGQUEUE] = (struct rlimit){819200, 819200};
    process->limits[RLIMIT_NICE] = process->limits[RLIMIT_RTPRIO] = (struct rlimit){0, 0};
}

status_t process_give_parts(struct process *process, struct fs_context *fs) {
    cred_get(&cred_root);
    atomic_init(&process->task.cred, &cred_root);
    process->account = user_account_lookup(0);
    job_get(&job_root);
    atomic_init(&process->task.job, &job_root);
    process->actions = signal_actions_copy(nullptr);
    atomic_init(&process->task.handles, handle_table_create());
    atomic_init(&process->task.fs, fs_context_copy(fs));
    if (!process->account || !process->actions || !process->task.handles || !process->task.fs)
        return -ENOMEM;
    handle_table_set_limit(process->task.handles, process->limits[RLIMIT_NOFILE].soft);
    return handle_table_set_job(process->task.handles, &job_root);
}

struct fs_context *process_get_init_fs(void) {
    spin_lock(&process_tree_lock);
    struct fs_context *fs = process_init_task()->task.fs; // init does not end
    refcount_up(&fs->ref);
    spin_unlock(&process_tree_lock);
    return fs;
}

void process_get_init_root(struct path *out) {
    struct fs_context *fs = process_get_init_fs();
    spin_lock(&fs->lock);
    *out = fs->root;
    path_get(out);
    spin_unlock(&fs->lock);
    fs_context_put(fs);
}

status_t process_start_init(const char *path, const char *const *argv, const char *const *envp) {
    init.path = path;
    init.argv = argv;
    init.envp = envp;
    struct process *process = process_alloc();
    struct posix_thread *thread = posix_thread_alloc();
    if (!process || !thread)
        return -ENOMEM;
    process->is_init = true;
    process_set_default_limits(process);
    status_t status = process_give_parts(process, &fs_initial);
    if (status == 0)
        status = job_charge_threads(&job_root, 1);
    if (status != 0)
        return status;
    thread_init(&thread->thread, thread->thread.stack, "init", init_main, nullptr, nullptr);
    task_own_thread(&process->task, &thread->thread);
    spin_lock(&process_tree_lock);
    status = process_link(process, nullptr, thread);
    if (status == 0)
        status = session_create(process);
    if (status == 0)
        status = job_add_task(&job_root);
    spin_unlock(&process_tree_lock);
    if (status != 0)
        return status;
    object_get(&process->task.object);
    thread_start(&thread->thread);
    return 0;
}
