// SPDX-License-Identifier: MPL-2.0
// The strings of execve: copied in before anything else, since the caller's memory will be gone. They are counted
// as Linux counts them: all strings and one pointer each, at most a quarter of the stack limit (and at least 128 KiB).
#include "exec_priv.h"
#include <abi/resource.h>
#include <arch/uaccess.h>
#include <lib/string.h>
#include <mm/slab.h>

enum { ALLOCATION_MAX = 4 << 20 }; // of kmalloc

static size_t strings_limit(void) {
    uint64_t limit = rlimit_current(RLIMIT_STACK) / 4;
    limit = MIN(limit, 7ull << 19); // with pointers and padding, what one allocation can hold
    return MAX(limit, (uint64_t)EXEC_STRING_MAX);
}

static size_t total(const struct exec *exec) {
    return exec->argv.used + exec->envp.used + (exec->argv.count + exec->envp.count) * sizeof(uint64_t);
}

static status_t reserve(struct exec_strings *s, size_t size) {
    if (s->capacity - s->used >= size)
        return 0;
    size_t capacity = MAX(s->capacity * 2, ALIGN_UP(s->used + size, (size_t)1024));
    if (capacity > ALLOCATION_MAX && s->used + size <= ALLOCATION_MAX)
        capacity = ALLOCATION_MAX;
    char *data = krealloc(s->data, capacity);
    if (!data)
        return -ENOMEM;
    s->data = data;
    s->capacity = capacity;
    return 0;
}

static status_t append(struct exec_strings *s, const char *text) {
    size_t size = strlen(text) + 1;
    status_t status = reserve(s, size);
    if (status != 0)
        return status;
    memcpy(s->data + s->used, text, size);
    s->used += size;
    s->count++;
    return 0;
}

// Tries with what room there is, then with the most that one string may take.
static status_t append_user(struct exec_strings *s, const char __user *text) {
    status_t status = reserve(s, 256);
    if (status != 0)
        return status;
    ssize_t length = string_from_user(s->data + s->used, text, MIN(s->capacity - s->used, (size_t)EXEC_STRING_MAX));
    for (size_t room = 8192; length == -ENAMETOOLONG; room *= 4) {
        if (room > 2 * EXEC_STRING_MAX)
            return -E2BIG;
        status = reserve(s, MIN(room, (size_t)EXEC_STRING_MAX));
        if (status != 0)
            return status;
        length = string_from_user(s->data + s->used, text, MIN(s->capacity - s->used, (size_t)EXEC_STRING_MAX));
        if (length == -ENAMETOOLONG && room >= EXEC_STRING_MAX)
            return -E2BIG;
    }
    if (length < 0)
        return (status_t)length;
    s->used += length + 1;
    s->count++;
    return 0;
}

static status_t copy_user_list(struct exec *exec, struct exec_strings *s, const void __user *list, size_t limit) {
    const uint64_t __user *pointer = list;
    if (!list)
        return 0;
    for (;; pointer++) {
        uint64_t address;
        if (get_user(address, pointer) != 0)
            return -EFAULT;
        if (address == 0)
            return 0;
        status_t status = append_user(s, (const char __user *)address);
        if (status != 0)
            return status;
        if (total(exec) > limit)
            return -E2BIG;
    }
}

static status_t copy_kernel_list(struct exec_strings *s, const char *const *list) {
    for (; list && *list; list++) {
        status_t status = append(s, *list);
        if (status != 0)
            return status;
    }
    return 0;
}

status_t exec_copy_strings(struct exec *exec, const struct exec_request *r) {
    status_t status;
    if (r->kernel_argv) {
        status = copy_kernel_list(&exec->argv, r->kernel_argv);
        return status != 0 ? status : copy_kernel_list(&exec->envp, r->kernel_envp);
    }
    size_t limit = strings_limit();
    status = copy_user_list(exec, &exec->argv, r->argv, limit);
    if (status == 0)
        status = copy_user_list(exec, &exec->envp, r->envp, limit);
    if (status == 0 && exec->argv.count == 0) // Linux: a program always has an argv[0]
        status = append(&exec->argv, "");
    return status;
}

static void drop_first(struct exec_strings *s) {
    s->skip += strlen(s->data + s->skip) + 1;
    s->count--;
}

// A prefix of a prefix: the old one loses its first string (the interpreter that turned out to be a script), the rest
// follows the new strings.
status_t exec_prepend_script(struct exec *exec, const struct script_line *line, const char *script) {
    struct exec_strings fresh = {};
    drop_first(exec->prefix.count > 0 ? &exec->prefix : &exec->argv);
    status_t status = append(&fresh, line->interpreter);
    if (status == 0 && line->has_argument)
        status = append(&fresh, line->argument);
    if (status == 0)
        status = append(&fresh, script);
    const char *rest = exec->prefix.data + exec->prefix.skip;
    for (unsigned i = 0; status == 0 && i < exec->prefix.count; i++) {
        status = append(&fresh, rest);
        rest += strlen(rest) + 1;
    }
    exec_strings_free(&exec->prefix);
    exec->prefix = fresh;
    return status;
}

void exec_strings_free(struct exec_strings *strings) {
    kfree(strings->data);
    strings->data = nullptr;
}
