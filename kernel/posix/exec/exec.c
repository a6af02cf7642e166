// SPDX-License-Identifier: MPL-2.0
// execve: finds out what is to be executed, through `#!` lines, and carries the steps out in order (exec_priv.h).
#include "exec_priv.h"
#include "signal/signal_priv.h"
#include "trace/trace_priv.h"
#include <abi/syscall_table.h>
#include <arch/elf.h>
#include <arch/uaccess.h>
#include <lib/fmt.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <vfs/path.h>

static status_t take_file(struct exec *exec, struct object *file) {
    executable_put(exec->file);
    exec->file = file;
    exec->vnode = object_vnode(file);
    uint64_t size = atomic_load_explicit(&exec->vnode->data->size, memory_order_acquire);
    exec->head_size = MIN(size, (uint64_t)EXEC_HEAD_SIZE);
    return exec_read(exec->vnode, 0, exec->head, exec->head_size);
}

// comm: the last part of the path that was executed.
static void set_name(struct exec *exec, const char *path) {
    const char *slash = strrchr(path, '/');
    string_copy(exec->name, slash ? slash + 1 : path, sizeof(exec->name));
}

static status_t follow_scripts(struct exec *exec) {
    const char *path = exec->path;
    struct script_line line;
    char previous[SCRIPT_LINE_MAX];
    for (unsigned depth = 0;; depth++) {
        status_t status = script_parse(exec->head, exec->head_size, &line);
        if (status != 0)
            return exec->head_size >= 2 && exec->head[0] == '#' && exec->head[1] == '!' ? status : 0;
        if (depth == EXEC_INTERPRETERS_MAX)
            return -ELOOP;
        status = exec_prepend_script(exec, &line, path);
        struct object *file;
        if (status == 0)
            status = exec_open(nullptr, line.interpreter, false, &file);
        if (status != 0)
            return status;
        status = take_file(exec, file);
        if (status != 0)
            return status;
        string_copy(previous, line.interpreter, sizeof(previous));
        path = previous;
    }
}

static status_t parse_program(struct exec *exec) {
    struct elf_header header;
    status_t status = elf_parse_header(exec->head, exec->head_size, ARCH_ELF_MACHINE, &header);
    if (status != 0)
        return status;
    size_t size = header.phnum * sizeof(exec->table[0]);
    if (header.phoff <= exec->head_size && size <= exec->head_size - header.phoff)
        memcpy(exec->table, exec->head + header.phoff, size);
    else
        status = exec_read(exec->vnode, header.phoff, exec->table, size);
    return status != 0 ? status : elf_parse_table(&header, exec->table, USER_TOP, &exec->image);
}

static status_t run_steps(struct exec *exec, struct object *file, const struct exec_request *request) {
    status_t status = take_file(exec, file);
    if (status == 0)
        status = exec_copy_strings(exec, request);
    if (status == 0)
        status = follow_scripts(exec);
    if (status == 0)
        status = parse_program(exec);
    if (status == 0)
        status = exec_prepare_cred(exec);
    if (status == 0)
        status = exec_load(exec);
    if (status == 0)
        status = exec_fill_stack(exec);
    if (status == 0)
        status = exec_commit(exec);
    return status;
}

static struct exec *exec_create(void) {
    struct exec *exec = kmalloc_charged(sizeof(*exec));
    if (exec)
        memset(exec, 0, offsetof(struct exec, path)); // the buffers behind need not be cleared
    return exec;
}

static void exec_destroy(struct exec *exec) {
    executable_put(exec->file);
    exec_strings_free(&exec->argv);
    exec_strings_free(&exec->envp);
    exec_strings_free(&exec->prefix);
    if (exec->aspace)
        aspace_put(exec->aspace);
    if (exec->cred)
        cred_put(exec->cred);
    kfree(exec);
}

// The file behind a descriptor (execveat with AT_EMPTY_PATH).
static status_t open_descriptor(int fd, struct object **out) {
    struct handle_ref ref;
    status_t status = handle_lookup(fd, 0, &ref);
    if (status != 0)
        return status;
    const struct path *path = object_vnode(ref.object) ? object_path(ref.object) : nullptr;
    bool withheld = handle_withheld(ref.object, ref.rights) & RIGHT_EXEC;
    status = path && !withheld ? exec_open_path(path, out) : -EACCES;
    handle_release(&ref);
    return status;
}

static status_t open_at(int dirfd, const char *path, int flags, struct object **out) {
    if (dirfd == AT_FDCWD || path[0] == '/')
        return exec_open(nullptr, path, (flags & AT_SYMLINK_NOFOLLOW) != 0, out);
    struct handle_ref ref;
    status_t status = handle_lookup(dirfd, 0, &ref);
    if (status != 0)
        return status;
    struct path at;
    status = handle_place(&ref, &at) ? exec_open(&at, path, (flags & AT_SYMLINK_NOFOLLOW) != 0, out) : -ENOTDIR;
    handle_release(&ref);
    return status;
}

static status_t open_program(struct exec *exec, int dirfd, int flags, struct object **file) {
    if (exec->path[0] == 0) {
        if (!(flags & AT_EMPTY_PATH))
            return -ENOENT;
        status_t status = open_descriptor(dirfd, file);
        fmt_snprintf(exec->path, sizeof(exec->path), "/dev/fd/%d", dirfd);
        return status;
    }
    status_t status = open_at(dirfd, exec->path, flags, file);
    if (status == 0 && dirfd != AT_FDCWD && exec->path[0] != '/') { // as Linux names it for scripts and AT_EXECFN
        char *text = kmalloc(PATH_MAX);
        if (text) {
            fmt_snprintf(text, PATH_MAX, "/dev/fd/%d/%s", dirfd, exec->path);
            string_copy(exec->path, text, sizeof(exec->path));
            kfree(text);
        }
    }
    return status;
}

long sys_execveat(int dirfd, const char __user *path, const void __user *argv, const void __user *envp, int flags) {
    if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
        return -EINVAL;
    struct exec *exec = exec_create();
    if (!exec)
        return -ENOMEM;
    int old_tid = posix_current()->tid; // exec makes it the main thread's
    ssize_t length = string_from_user(exec->path, path, sizeof(exec->path));
    status_t status = length < 0 ? (status_t)length : 0;
    struct object *file;
    if (status == 0)
        status = open_program(exec, dirfd, flags, &file);
    if (status == 0) {
        set_name(exec, exec->path);
        status = run_steps(exec, file, &(struct exec_request){.argv = argv, .envp = envp});
    }
    exec_destroy(exec);
    trace_gains_end();
    if (status == 0)
        trace_execed(old_tid);
    return status;
}

long sys_execve(const char __user *path, const void __user *argv, const void __user *envp) {
    return sys_execveat(AT_FDCWD, path, argv, envp, 0);
}

status_t exec_kernel(const char *path, const char *const *argv, const char *const *envp) {
    struct exec *exec = exec_create();
    if (!exec)
        return -ENOMEM;
    string_copy(exec->path, path, sizeof(exec->path));
    set_name(exec, path);
    struct object *file;
    status_t status = exec_open(nullptr, path, false, &file);
    if (status == 0)
        status = run_steps(exec, file, &(struct exec_request){.kernel_argv = argv, .kernel_envp = envp});
    exec_destroy(exec);
    return status;
}
