// SPDX-License-Identifier: MPL-2.0
// Where a core file goes: /proc/sys/kernel/core_pattern. What follows a | at its beginning is a program and its
// arguments. They are parted before names are put in, so that nobody adds arguments by the name of his program.
#include "core.h"
#include "process/process_priv.h"
#include "system_priv.h"

#include <abi/fcntl.h>

#include <lib/fmt.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <sched/realtime.h>
#include <vfs/namespace.h>

#define PATTERN_MAX 128

static struct {
    struct spinlock lock;
    char pattern[PATTERN_MAX] GUARDED_BY(&lock);
} config = {.lock = SPINLOCK_INIT, .pattern = "core"};

struct name_buffer {
    char *to;
    size_t size, length;
    bool failed;
};

static void put(struct name_buffer *out, char c) {
    if (out->length + 1 < out->size)
        out->to[out->length++] = c;
    else
        out->failed = true;
}

static void put_number(struct name_buffer *out, uint64_t number) {
    char text[24];
    fmt_snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    for (const char *at = text; *at; at++)
        put(out, *at);
}

// A part of a name: a slash in it would lead elsewhere.
static void put_name(struct name_buffer *out, const char *text) {
    if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        text = text[1] ? "!." : "!";
    for (; *text; text++)
        put(out, *text == '/' ? '!' : *text);
}

// %E: the path of the program; %f: its last part.
static void put_program(struct name_buffer *out, bool whole) {
    struct path root;
    char *buffer = kmalloc(PATH_MAX);
    struct object *program = process_current()->task.executable; // nobody executes another while the process ends
    const struct path *path = program ? object_path(program) : nullptr;
    const char *text = process_current()->task.name;
    if (buffer && path) {
        fs_get_root(&root);
        const char *found = path_text(path, &root, buffer, PATH_MAX);
        path_put(&root);
        text = is_error_pointer(found) ? text : found;
    }
    const char *slash = strrchr(text, '/');
    put_name(out, whole || !slash ? text : slash + 1);
    kfree(buffer);
}

static void put_specifier(struct name_buffer *out, char which, const struct core_name *what) {
    struct abi_utsname names;
    switch (which) {
    case '%':
        put(out, '%');
        break;
    case 'p':
    case 'P':
        put_number(out, (uint64_t)process_current()->task.id);
        break;
    case 'i':
    case 'I':
        put_number(out, (uint64_t)posix_current()->tid);
        break;
    case 'u':
        put_number(out, cred_current()->uid);
        break;
    case 'g':
        put_number(out, cred_current()->gid);
        break;
    case 'd':
        put_number(out, process_current()->dumpable);
        break;
    case 's':
        put_number(out, (uint64_t)what->signal);
        break;
    case 't':
        put_number(out, (uint64_t)(clock_realtime() / NSEC_PER_SEC));
        break;
    case 'h':
        system_names(&names);
        put_name(out, names.nodename);
        break;
    case 'e':
        put_name(out, posix_current()->thread.name);
        break;
    case 'f':
    case 'E':
        put_program(out, which == 'E');
        break;
    case 'c':
        put_number(out, what->limit);
        break;
    default: // what we do not know disappears
        break;
    }
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// Up to the end, or (of a program's line) the next space. Where it ended.
static const char *put_word(struct name_buffer *out, const char *at, bool program, const struct core_name *what) {
    for (; *at && !(program && is_space(*at)); at++) {
        if (*at != '%')
            put(out, *at);
        else if (at[1])
            put_specifier(out, *++at, what);
    }
    return at;
}

static unsigned put_arguments(struct name_buffer *out, const char *at, const struct core_name *what) {
    unsigned count = 0;
    for (;;) {
        while (is_space(*at))
            at++;
        if (!*at)
            return count;
        at = put_word(out, at, true, what);
        put(out, 0);
        count++;
    }
}

static bool has_process_id(const char *pattern) {
    for (const char *at = pattern; *at; at++)
        if (*at == '%' && at[1] && *++at == 'p')
            return true;
    return false;
}

static void copy_pattern(char to[PATTERN_MAX]) {
    spin_lock(&config.lock);
    memcpy(to, config.pattern, PATTERN_MAX);
    spin_unlock(&config.lock);
}

bool core_pattern_is_program(void) {
    spin_lock(&config.lock);
    bool is_program = config.pattern[0] == '|';
    spin_unlock(&config.lock);
    return is_program;
}

status_t core_name(const struct core_name *what, struct core_target *target) {
    struct name_buffer out = {.to = target->text, .size = sizeof(target->text)};
    static_assert(CORE_ARGUMENTS_MAX >= PATTERN_MAX / 2);
    char pattern[PATTERN_MAX];
    copy_pattern(pattern);
    target->arguments = 0;
    if (pattern[0] == '|') {
        target->arguments = put_arguments(&out, pattern + 1, what);
        if (target->arguments == 0)
            return -EINVAL;
    } else {
        put_word(&out, pattern, false, what);
        if (core_uses_pid() && !has_process_id(pattern)) {
            put(&out, '.');
            put_number(&out, (uint64_t)process_current()->task.id);
        }
    }
    target->text[out.length] = 0;
    return out.failed ? -ENAMETOOLONG : 0;
}

// ---------------------------------------------------------------- the setting

void core_pattern_show(struct text_buffer *text, void *context) {
    char pattern[PATTERN_MAX];
    (void)context;
    copy_pattern(pattern);
    text_printf(text, "%s\n", pattern);
}

ssize_t core_pattern_store(void *context, const char *from, size_t size) {
    size_t length = 0;
    (void)context;
    if (!core_may_set())
        return -EPERM;
    while (length < size && from[length] != '\n' && from[length] != 0)
        length++;
    if (length >= PATTERN_MAX)
        return -EINVAL;
    spin_lock(&config.lock);
    memset(config.pattern, 0, sizeof(config.pattern));
    memcpy(config.pattern, from, length);
    spin_unlock(&config.lock);
    return (ssize_t)size;
}
