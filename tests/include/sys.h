// SPDX-License-Identifier: MPL-2.0
// What nearly every system test needs: children, a folder of its own, small files, waiting for another process.
// Every test must pass on Linux as well: it checks what the call means, not how Tessera does it.
#pragma once

#include "tap.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define COUNT(array) (sizeof(array) / sizeof *(array))

// Runs the statements in a child and gives its wait status. A child reports by its exit status: _exit(!good).
#define in_child(...)          \
    ({                         \
        fflush(stdout);        \
        pid_t child_ = fork(); \
        if (child_ == 0) {     \
            __VA_ARGS__;       \
            _exit(0);          \
        }                      \
        wait_status(child_);   \
    })

// Like in_child, but goes on at once and gives the child's process id.
#define start_child(...)       \
    ({                         \
        fflush(stdout);        \
        pid_t child_ = fork(); \
        if (child_ == 0) {     \
            __VA_ARGS__;       \
            _exit(0);          \
        }                      \
        child_;                \
    })

UNUSED static int wait_status(pid_t pid) {
    int status = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

#define exited(status, code, ...)                                                 \
    ({                                                                            \
        int s_ = (status);                                                        \
        bool good_ = ok(WIFEXITED(s_) && WEXITSTATUS(s_) == (code), __VA_ARGS__); \
        if (!good_)                                                               \
            printf("# wait status %#x, want exit %d\n", s_, (code));              \
        good_;                                                                    \
    })
#define killed(status, signal, ...)                                                \
    ({                                                                             \
        int s_ = (status);                                                         \
        bool good_ = ok(WIFSIGNALED(s_) && WTERMSIG(s_) == (signal), __VA_ARGS__); \
        if (!good_)                                                                \
            printf("# wait status %#x, want signal %d\n", s_, (signal));           \
        good_;                                                                     \
    })

UNUSED static void sleep_ms(int ms) {
    struct timespec left = {ms / 1000, ms % 1000 * 1'000'000L};
    while (nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

UNUSED static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

// Waits until the condition holds; it is evaluated again and again. At most for 30 s: a virtual CPU stands still for
// tenths of a second when its machine is loaded, so this is to end tests that fail, and says nothing of speed.
#define eventually(condition)                                                                       \
    ({                                                                                              \
        bool met_ = false;                                                                          \
        for (int64_t end_ = now_ns() + 30'000'000'000LL; !(met_ = (condition)) && now_ns() < end_;) \
            sleep_ms(2);                                                                            \
        met_;                                                                                       \
    })

// The state letter (S sleeping, T stopped, Z zombie, R running) in a process's or thread's folder in /proc; 0 if there
// is none.
UNUSED static char state_in(const char *folder) {
    char path[300], text[512];
    snprintf(path, sizeof path, "%s/stat", folder);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    char *end = strrchr(text, ')');
    return end ? end[2] : 0;
}
UNUSED static char process_state(pid_t pid) {
    char folder[32];
    snprintf(folder, sizeof folder, "/proc/%d", pid);
    return state_in(folder);
}
#define sleeps(pid) eventually(process_state(pid) == 'S')

// How many threads we have, and how many of them sleep.
struct threads {
    int all, asleep;
};
UNUSED static struct threads our_threads(void) {
    struct threads count = {};
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[280];
        snprintf(path, sizeof path, "/proc/self/task/%s", entry->d_name);
        if (entry->d_name[0] != '.')
            count.all++, count.asleep += state_in(path) == 'S';
    }
    if (folder)
        closedir(folder);
    return count;
}
#define threads_sleep(count) eventually(our_threads().asleep == (count))

static char temp_dir_[64];
UNUSED static int remove_entry_(const char *path, const struct stat *info, int type, struct FTW *ftw) {
    (void)info, (void)type, (void)ftw;
    return remove(path);
}
static pid_t temp_owner_;
UNUSED static void leave_temp_dir_(void) {
    if (getpid() == temp_owner_ && chdir("/") == 0)
        nftw(temp_dir_, remove_entry_, 100, FTW_DEPTH | FTW_PHYS);
}
// A new empty folder becomes the working directory; it is removed when the test ends.
UNUSED static const char *enter_temp_dir(void) {
    strcpy(temp_dir_, "/tmp/test-XXXXXX");
    temp_owner_ = getpid();
    if (!mkdtemp(temp_dir_) || chdir(temp_dir_) < 0) {
        printf("Bail out! cannot make a folder in /tmp: %s\n", strerror(errno));
        exit(1);
    }
    chmod(temp_dir_, 0755);
    umask(022);
    atexit(leave_temp_dir_);
    return temp_dir_;
}

// Makes (or replaces) a file with this text.
UNUSED static bool put_file(const char *path, const char *text) {
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    close(fd);
    return good;
}
// The text of a file (up to 64 KiB, in a static buffer), or NULL.
UNUSED static char *get_file(const char *path) {
    static char text[65536];
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return NULL;
    size_t size = 0;
    ssize_t got;
    while (size < sizeof text - 1 && (got = read(fd, text + size, sizeof text - 1 - size)) > 0)
        size += got;
    close(fd);
    text[size] = '\0';
    return text;
}
UNUSED static bool same_text(const char *a, const char *b) {
    if (a && b && !strcmp(a, b))
        return true;
    printf("# got \"%s\", want \"%s\"\n", a ? a : "(null)", b ? b : "(null)");
    return false;
}

// Installs a handler with these flags.
UNUSED static int on_signal(int signal, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    return sigaction(signal, &action, NULL);
}
UNUSED static sigset_t signal_set(int first, int second) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, first);
    if (second)
        sigaddset(&set, second);
    return set;
}

UNUSED static bool is_root(void) {
    return geteuid() == 0;
}
UNUSED static bool on_tessera(void) {
    return access("/proc/tessera", F_OK) == 0;
}
// The kernel with sanitizers: everything takes ten times as long there, so tests of amounts may take smaller ones.
UNUSED static bool on_sanitizing_kernel(void) {
    return access("/proc/tessera/alloc_fail", F_OK) == 0;
}
UNUSED static int open_fd_count(void) {
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

// A thread that does nothing but make its process one of several threads.
UNUSED static void *sleep_long(void *unused) {
    (void)unused;
    for (;;)
        pause();
}
