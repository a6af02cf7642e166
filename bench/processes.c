// SPDX-License-Identifier: MPL-2.0
// Rows: making processes and threads.
#define _GNU_SOURCE
#include "bench.h"

#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char *const child_args[] = {"bench", "--child", NULL};
static char *const no_environment[] = {NULL};

static const char *self(void) {
    static char path[256];
    if (!path[0])
        must(readlink("/proc/self/exe", path, sizeof path - 1));
    return path;
}

static void fork_exit(long n) {
    begin();
    for (long i = 0; i < n; i++) {
        pid_t child = must(fork());
        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
    }
    end();
}

static void fork_big(long n) {
    size_t size = 16 << 20;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, size, MADV_NOHUGEPAGE);
    memset(memory, 1, size);
    fork_exit(n);
    munmap(memory, size);
}

static void fork_exec(long n) {
    const char *path = self();
    begin();
    for (long i = 0; i < n; i++) {
        pid_t child = must(fork());
        if (child == 0) {
            execve(path, child_args, no_environment);
            _exit(1);
        }
        waitpid(child, NULL, 0);
    }
    end();
}

static void vfork_exec(long n) {
    const char *path = self();
    begin();
    for (long i = 0; i < n; i++) {
        pid_t child = must(vfork());
        if (child == 0) {
            execve(path, child_args, no_environment);
            _exit(1);
        }
        waitpid(child, NULL, 0);
    }
    end();
}

static void spawn(long n) {
    const char *path = self();
    begin();
    for (long i = 0; i < n; i++) {
        pid_t child;
        must(-posix_spawn(&child, path, NULL, NULL, child_args, no_environment));
        waitpid(child, NULL, 0);
    }
    end();
}

static void *nothing(void *argument) {
    return argument;
}

static void thread_create(long n) {
    begin();
    for (long i = 0; i < n; i++) {
        pthread_t thread;
        must(-pthread_create(&thread, NULL, nothing, NULL));
        pthread_join(thread, NULL);
    }
    end();
}

const struct row process_rows[] = {
    {"fork", "fork + exit + wait", fork_exit, 200},
    {"fork_16m", "fork + exit + wait with 16 MiB", fork_big, 20},
    {"fork_exec", "fork + exec", fork_exec, 100},
    {"vfork_exec", "vfork + exec", vfork_exec, 100},
    {"spawn", "posix_spawn", spawn, 100},
    {"thread", "thread create + join", thread_create, 1000},
    {NULL},
};
