// SPDX-License-Identifier: MPL-2.0
// Waits that consume: what object_wait takes is down for everyone else, once, and none is lost.
#include "native.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

enum : uint32_t { A = 1u << 24, B = 1u << 25, C = 1u << 26 };

static uint32_t signals_of(int handle) {
    struct handle_info info = {};
    return handle_info(handle, &info) == 0 ? info.signals : ~0u;
}

static void takes_what_it_says(void) {
    int port = port_create(NULL);
    object_signal(port, 0, A | B | C);
    struct wait_entry entry = {.handle = port, .wanted = A | B, .consume = A};
    is(object_wait(&entry, 1, 0), 1, "a wait that consumes one of two signals");
    is(entry.observed, A | B, "sees both");
    is(signals_of(port), B | C, "and clears the one");
    is(object_wait(&entry, 1, 0), 1, "a second wait");
    is(entry.observed, B, "sees what is left");
    entry = (struct wait_entry){.handle = port, .wanted = C, .consume = C};
    is(object_wait(&entry, 1, FIPC_FOREVER), 1, "without a deadline, too,");
    fails(object_wait(&entry, 1, in_ms(5)), ETIMEDOUT, "a signal is taken once");
    close(port);
}

static void refuses(void) {
    int port = port_create(NULL), event = eventfd(1, 0);
    int watcher = (int)handle_duplicate(port, RIGHT_WAIT, 0);
    object_signal(port, 0, A);
    struct wait_entry entry = {.handle = port, .wanted = A, .consume = A | B};
    fails(object_wait(&entry, 1, 0), EINVAL, "what is not wanted is not consumed");
    entry = (struct wait_entry){.handle = event, .wanted = POLLIN, .consume = POLLIN};
    fails(object_wait(&entry, 1, 0), EINVAL, "nor are the object's own signals");
    entry = (struct wait_entry){.handle = watcher, .wanted = A, .consume = A};
    fails(object_wait(&entry, 1, 0), EACCES, "consuming needs the right to signal");
    struct wait_entry two[] = {{.handle = port, .wanted = A, .consume = A}, entry};
    fails(object_wait(two, 2, 0), EACCES, "of each entry that consumes");
    two[1].consume = B;
    fails(object_wait(two, 2, 0), EINVAL, "and each is looked at");
    is(signals_of(port), A, "all of that has taken nothing");
    entry.consume = 0;
    is(object_wait(&entry, 1, 0), 1, "waiting alone does without");
    close(port), close(event), close(watcher);
}

static void several(void) {
    int first = port_create(NULL), second = port_create(NULL);
    struct wait_entry entries[] = {{.handle = first, .wanted = A | B, .consume = B},
                                   {.handle = second, .wanted = A, .consume = A},
                                   {.handle = second, .wanted = A, .consume = A}};
    object_signal(second, 0, A);
    is(object_wait(entries, 3, 0), 1, "of two entries for one signal one takes it");
    ok(entries[1].observed == A && entries[2].observed == 0, "the first");
    object_signal(first, 0, A | B);
    object_signal(second, 0, A);
    is(object_wait(entries, 3, FIPC_FOREVER), 2, "all that is ready is taken at once");
    ok(signals_of(first) == A && signals_of(second) == 0, "from each what its entry says");
    close(first), close(second);
}

// What cannot be told is not taken.
static void gives_back(void) {
    int port = port_create(NULL);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct wait_entry *entries = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    entries[0] = entries[1] = (struct wait_entry){.handle = port, .wanted = A, .consume = A};
    mprotect(entries, page, PROT_READ);
    object_signal(port, 0, A);
    fails(object_wait(entries, 1, 0), EFAULT, "an entry that cannot be written");
    fails(object_wait(entries, 2, 0), EFAULT, "or two");
    is(signals_of(port), A, "leave the signal up");
    munmap(entries, page);
    close(port);
}

struct shared {
    _Atomic int taken, rounds;
};

static struct shared *share(void) {
    return mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

// Each signal is raised when the one before has been taken. Nobody waits for one that another has taken.
static void one_of_many(bool on_two) {
    enum { WAITERS = 4, SIGNALS = 500 };
    struct shared *shared = share();
    int port = port_create(NULL), idle = port_create(NULL);
    pid_t waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++)
        waiters[i] = start_child({
            struct wait_entry entries[] = {{.handle = port, .wanted = A | B, .consume = A},
                                           {.handle = idle, .wanted = A, .consume = A}};
            for (;;) {
                if (object_wait(entries, on_two ? 2 : 1, in_ms(20'000)) != 1)
                    _exit(1);
                if (entries[0].observed & B)
                    _exit(0);
                shared->taken++;
            }
        });
    int late = 0;
    for (int i = 0; i < SIGNALS && late == 0; i++) {
        object_signal(port, 0, A);
        for (int64_t end = in_ms(20'000); shared->taken != i + 1 && late == 0; late = now_ns() > end)
            sched_yield();
    }
    is(late, 0, "%d signals are taken by %d waiters%s", SIGNALS, WAITERS, on_two ? " on two objects each" : "");
    is(shared->taken, SIGNALS, "each by one");
    object_signal(port, 0, B);
    int good = 0;
    for (int i = 0; i < WAITERS; i++)
        good += wait_status(waiters[i]) == 0;
    is(good, WAITERS, "what is not consumed all of them see");
    munmap(shared, sizeof *shared);
    close(port), close(idle);
}

static void take_turns(struct shared *shared, int mine, int other, int count) {
    struct wait_entry entry = {.handle = mine, .wanted = A, .consume = A};
    for (int i = 0; i < count; i++) {
        if (object_wait(&entry, 1, i % 3 ? FIPC_FOREVER : in_ms(20'000)) != 1)
            return;
        shared->rounds++;
        object_signal(other, 0, A);
    }
}

// A signal that comes while the other is on its way to sleep is not lost.
static void back_and_forth(void) {
    enum { ROUNDS = 5'000 };
    struct shared *shared = share();
    int a = port_create(NULL), b = port_create(NULL);
    pid_t child = start_child(take_turns(shared, b, a, ROUNDS));
    object_signal(a, 0, A);
    take_turns(shared, a, b, ROUNDS);
    exited(wait_status(child), 0, "two processes that wake each other");
    is(shared->rounds, 2 * ROUNDS, "each have had all their turns");
    munmap(shared, sizeof *shared);
    close(a), close(b);
}

// The signaller says what it has done by a signal that is often up still; who takes it must see all that was done.
static void nothing_is_overlooked(void) {
    enum { ITEMS = 10'000 };
    struct shared *shared = share();
    int port = port_create(NULL);
    pid_t child = start_child({
        struct wait_entry entry = {.handle = port, .wanted = A, .consume = A};
        while (atomic_load_explicit(&shared->taken, memory_order_relaxed) < ITEMS)
            if (object_wait(&entry, 1, in_ms(20'000)) != 1)
                _exit(1);
    });
    for (int i = 1; i <= ITEMS; i++) {
        atomic_store_explicit(&shared->taken, i, memory_order_relaxed);
        object_signal(port, 0, A);
    }
    exited(wait_status(child), 0, "what was done before a signal that was up already is seen");
    munmap(shared, sizeof *shared);
    close(port);
}

static void interrupted(int signal) {
    (void)signal;
}

// A signal of POSIX's ends a wait and takes nothing.
static void ended_by_a_signal(void) {
    struct sigaction action = {.sa_handler = interrupted};
    sigaction(SIGUSR1, &action, NULL);
    int port = port_create(NULL);
    pid_t self = getpid(), child = start_child({
                               sleep_ms(20);
                               kill(self, SIGUSR1);
                           });
    struct wait_entry entry = {.handle = port, .wanted = A, .consume = A};
    fails(object_wait(&entry, 1, FIPC_FOREVER), EINTR, "a handler ends a wait");
    object_signal(port, 0, A);
    is(object_wait(&entry, 1, 0), 1, "the next one takes the signal");
    wait_status(child);
    close(port);
}

int main(void) {
    needs_native();
    takes_what_it_says();
    refuses();
    several();
    gives_back();
    one_of_many(false);
    one_of_many(true);
    back_and_forth();
    nothing_is_overlooked();
    ended_by_a_signal();
    return tap_done();
}
