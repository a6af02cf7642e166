// SPDX-License-Identifier: MPL-2.0
// Threads and processes that use the same descriptors, and come and go: what one of them does to a descriptor, all see,
// and an operation in progress keeps the file open that it began with, whoever closes its descriptor.
#include "sys.h"

#include <pthread.h>
#include <stdatomic.h>

// A child with memory of its own that uses our descriptors.
#define sharing_child(...)                                                            \
    ({                                                                                \
        fflush(stdout);                                                               \
        pid_t child_ = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0L); \
        if (child_ == 0) {                                                            \
            __VA_ARGS__;                                                              \
            _exit(0);                                                                 \
        }                                                                             \
        child_;                                                                       \
    })

// ---------------------------------------------------------------- closed under the feet of a read

static int ends[2];
static pid_t reader;

// Once the reader sleeps, the only descriptor of its end is closed; the pipe still has a reader. Then it has not.
static bool close_and_write(void) {
    bool slept = sleeps(reader);
    close(ends[0]);
    return write(ends[1], "x", 1) == 1 && slept;
}
static bool is_closed(void) {
    return write(ends[1], "x", 1) < 0 && errno == EPIPE;
}
static void *close_in_thread(void *unused) {
    return close_and_write() ? unused : ends;
}
static void *read_in_thread(void *slept) {
    char c = 0;
    reader = (pid_t)syscall(SYS_gettid);
    *(_Atomic bool *)slept = true;
    return read(ends[0], &c, 1) == 1 && c == 'x' ? NULL : ends;
}

static void closed_by_others(void) {
    char c = 0;
    pthread_t thread;
    void *wrong;
    _Atomic bool begun = false;
    for (int round = 0; round < 3; round++) {
        pipe(ends);
        write(ends[1], "y", 1), read(ends[0], &c, 1); // nobody else is here
        reader = getpid();
        pthread_create(&thread, NULL, close_in_thread, NULL);
        ok(read(ends[0], &c, 1) == 1 && c == 'x', "a thread closes what another one reads from");
        pthread_join(thread, &wrong);
        ok(!wrong && is_closed(), "the end is closed when the read is over");
        close(ends[1]);

        pipe(ends);
        write(ends[1], "y", 1), read(ends[0], &c, 1);
        pid_t child = sharing_child(_exit(!close_and_write()));
        ok(read(ends[0], &c, 1) == 1 && c == 'x', "a child with the same descriptors closes it");
        exited(wait_status(child), 0, "and can write");
        ok(is_closed(), "until the read is over");
        close(ends[1]);
    }
    pipe(ends);
    begun = false;
    pthread_create(&thread, NULL, read_in_thread, (void *)&begun);
    while (!begun)
        sched_yield();
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", reader);
    ok(eventually(strstr(get_file(path), ") S ")), "the other way round: a thread reads");
    close(ends[0]);
    is(write(ends[1], "x", 1), 1, "what the first one closes");
    pthread_join(thread, &wrong);
    ok(!wrong && is_closed(), "and that ends it");
    close(ends[1]);
}

// ---------------------------------------------------------------- alone again

enum { HOT = 40, FAR = 400 }; // near the start of the table, and not
static int pipes[2][2];

// The descriptors stand for the other pipe now, and this one ends at once.
static void *exchange(void *index) {
    dup2(pipes[(uintptr_t)index][1], HOT), dup2(pipes[(uintptr_t)index][1], FAR);
    return NULL;
}
static bool stands_for(uintptr_t index) {
    char text[3] = "";
    return write(HOT, "h", 1) == 1 && write(FAR, "f", 1) == 1 && read(pipes[index][0], text, 2) == 2 &&
           !strcmp(text, "hf");
}
static void others_leave(void) {
    enum { ROUNDS = 200 };
    bool good = true;
    pthread_t thread;
    pipe(pipes[0]), pipe(pipes[1]);
    for (uintptr_t i = 0; i < ROUNDS && good; i++) {
        pthread_create(&thread, NULL, exchange, (void *)(i & 1));
        pthread_join(thread, NULL);
        good = stands_for(i & 1);
    }
    ok(good, "what a thread did to a descriptor holds when it is gone");
    for (uintptr_t i = 0; i < ROUNDS && good; i++) {
        wait_status(sharing_child(exchange((void *)(i & 1))));
        good = stands_for(i & 1);
    }
    ok(good, "and what a child did that has the same ones");
    exited(wait_status(sharing_child({
               good = stands_for((ROUNDS - 1) & 1) && unshare(CLONE_FILES) == 0;
               exchange((void *)(ROUNDS & 1));
               _exit(!(good && stands_for(ROUNDS & 1)));
           })),
           0, "one that stops sharing has its own");
    ok(stands_for((ROUNDS - 1) & 1), "and leaves ours");
    close(HOT), close(FAR);
    for (int i = 0; i < 4; i++)
        close(pipes[i / 2][i % 2]);
}

// ---------------------------------------------------------------- everybody at the same descriptor

static _Atomic bool wrong;

// A pipe of which pipes[0][1] stays open: its writers never find it without a reader.
static void use_hot(int times) {
    for (int i = 0; i < times; i++) {
        if (dup2(pipes[0][1], HOT) != HOT && errno != EBUSY)
            wrong = true;
        if (write(HOT, "x", 1) != 1 && errno != EAGAIN && errno != EBADF)
            wrong = true;
        if (i % 3 == 0 && close(HOT) != 0 && errno != EBADF)
            wrong = true;
    }
}
static void *hot_thread(void *unused) {
    use_hot(50);
    return unused;
}
static void *hot_for_long(void *over) {
    while (!*(_Atomic bool *)over)
        use_hot(1);
    return NULL;
}
// One that looks it up all the time while others come and go; sometimes none is there.
static void look_up(int times) {
    char text[512];
    for (int i = 0; i < times; i++) {
        if (write(HOT, "x", 1) != 1 && errno != EAGAIN && errno != EBADF)
            wrong = true;
        if (i % 16 == 0 && read(pipes[0][0], text, sizeof text) < 0 && errno != EAGAIN)
            wrong = true;
    }
}
static void all_at_once(void) {
    pthread_t thread, one, many;
    _Atomic bool over = false;
    bool left = true;
    char text[512];
    pipe(pipes[0]);
    for (int i = 0; i < 2; i++)
        fcntl(pipes[0][i], F_SETFL, O_NONBLOCK);
    for (int round = 0; round < 60; round++) {
        pthread_create(&one, NULL, hot_thread, NULL);
        look_up(100);
        pid_t child = sharing_child(use_hot(50); _exit(wrong));
        look_up(100);
        pthread_join(one, NULL);
        look_up(100);
        left = left && wait_status(child) == 0;
        look_up(10); // alone
    }
    ok(!wrong && left, "descriptors that others change, where they come and go");
    pthread_create(&thread, NULL, hot_for_long, (void *)&over);
    for (int round = 0; round < 60; round++) {
        pthread_create(&many, NULL, hot_thread, NULL);
        look_up(50);
        pthread_join(many, NULL);
    }
    over = true;
    pthread_join(thread, NULL);
    ok(!wrong, "and where one stays");
    close(HOT), close(pipes[0][1]);
    while (read(pipes[0][0], text, sizeof text) > 0)
        ;
    is(read(pipes[0][0], text, 1), 0, "then no writer is left");
    close(pipes[0][0]);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    closed_by_others();
    others_leave();
    all_at_once();
    return tap_done();
}
