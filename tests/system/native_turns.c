// SPDX-License-Identifier: MPL-2.0
// object_signal_and_wait: the signal is given once or not at all, the wait is object_wait's, and whoever takes turns by
// it keeps nobody else from the CPU.
#include "native.h"

#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum : uint32_t { A = 1u << 24, B = 1u << 25 };

static struct wait_entry taking(int handle) {
    return (struct wait_entry){.handle = handle, .wanted = A, .consume = A};
}

static uint32_t signals_of(int handle) {
    struct handle_info info = {};
    return handle_info(handle, &info) == 0 ? info.signals : ~0u;
}

static void one_alone(void) {
    int port = port_create(NULL), other = port_create(NULL);
    struct wait_entry entry = taking(port);
    is(object_signal_and_wait(port, 0, A, &entry, 0), 1, "what it raises itself it sees");
    ok(entry.observed == A && signals_of(port) == 0, "and takes");
    fails(object_signal_and_wait(other, 0, A | B, &entry, 0), ETIMEDOUT, "with a deadline of 0 it does not wait");
    is(signals_of(other), A | B, "but signals");
    fails(object_signal_and_wait(other, A, 0, &entry, in_ms(5)), ETIMEDOUT, "with another it waits until then");
    is(signals_of(other), B, "and has cleared what it was told to");
    object_signal(port, 0, A);
    is(object_signal_and_wait(other, 0, 0, &entry, FIPC_FOREVER), 1, "what is up already is not waited for");
    close(port), close(other);
}

static void refuses(void) {
    int port = port_create(NULL), other = port_create(NULL);
    int silent = (int)handle_duplicate(other, RIGHTS_ALL & ~RIGHT_SIGNAL, 0);
    int deaf = (int)handle_duplicate(port, RIGHTS_ALL & ~RIGHT_WAIT, 0);
    struct wait_entry entry = taking(port), bad = taking(-2), no_wait = taking(deaf), no_take = taking(silent);
    struct wait_entry unwanted = {.handle = port, .wanted = A, .consume = B};
    fails(object_signal_and_wait(-2, 0, A, &entry, 0), EBADF, "nobody is signalled");
    fails(object_signal_and_wait(other, 0, A, &bad, 0), EBADF, "nobody is waited for");
    fails(object_signal_and_wait(silent, 0, A, &entry, 0), EACCES, "without SIGNAL");
    fails(object_signal_and_wait(other, 0, A, &no_wait, 0), EACCES, "without WAIT");
    fails(object_signal_and_wait(other, 0, A, &no_take, 0), EACCES, "consuming needs SIGNAL, too");
    fails(object_signal_and_wait(other, 0, 1, &entry, 0), EINVAL, "the object's own signals are its own");
    fails(object_signal_and_wait(other, 0, A, &unwanted, 0), EINVAL, "what is not wanted is not consumed");
    fails(object_signal_and_wait(other, 0, A, (struct wait_entry *)8, 0), EFAULT, "an entry that cannot be read");
    is(signals_of(other) | signals_of(port), 0, "none of that has signalled");
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct wait_entry *fixed = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *fixed = taking(port);
    mprotect(fixed, page, PROT_READ);
    object_signal(port, 0, A);
    fails(object_signal_and_wait(other, 0, B, fixed, 0), EFAULT, "an entry that cannot be written");
    ok(signals_of(port) == A && signals_of(other) == B, "leaves up what it would have taken, and has signalled");
    munmap(fixed, page);
    close(port), close(other), close(silent), close(deaf);
}

struct shared {
    _Atomic int rounds, spins;
    _Atomic bool stop;
};

static struct shared *share(void) {
    return mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void on_cpu_0(void) {
    cpu_set_t one;
    CPU_ZERO(&one), CPU_SET(0, &one);
    sched_setaffinity(0, sizeof one, &one);
}

static int64_t deadline_of(int i) {
    return i % 3 ? FIPC_FOREVER : in_ms(20'000);
}

// Each has its turn when its port is signalled, and gives it to the next one. Returns how many it has had.
static int take_turns(struct shared *shared, int mine, int next, int count) {
    struct wait_entry entry = taking(mine);
    int had = 0;
    if (object_wait(&entry, 1, in_ms(20'000)) == 1)
        for (had = 1; had < count && !shared->stop; had++) {
            shared->rounds++;
            if (object_signal_and_wait(next, 0, A, &entry, deadline_of(had)) != 1)
                return had;
        }
    shared->rounds++;
    object_signal(next, 0, A);
    return had;
}

enum { MANY = 3, ROUNDS = 2'000 };

static void in_turn(int count, bool bound, int policy) {
    struct shared *shared = share();
    int ports[MANY], good = 0;
    pid_t children[MANY];
    for (int i = 0; i < count; i++)
        ports[i] = port_create(NULL);
    for (int i = 0; i < count; i++)
        children[i] = start_child({
            struct sched_param param = {.sched_priority = policy == SCHED_OTHER ? 0 : 1 + i};
            if (bound)
                on_cpu_0();
            sched_setscheduler(0, policy, &param);
            _exit(take_turns(shared, ports[i], ports[(i + 1) % count], ROUNDS) != ROUNDS);
        });
    object_signal(ports[0], 0, A);
    for (int i = 0; i < count; i++)
        good += wait_status(children[i]) == 0;
    ok(good == count && shared->rounds == count * ROUNDS, "%d processes%s%s have all their turns (%d)", count,
       bound ? " on one CPU" : "", policy == SCHED_FIFO ? ", real-time," : "", shared->rounds);
    for (int i = 0; i < count; i++)
        close(ports[i]);
    munmap(shared, sizeof *shared);
}

// Two who hand the CPU to each other all the time do not keep it from a third. Without slices this would not end well.
static void a_third(void) {
    struct shared *shared = share();
    int a = port_create(NULL), b = port_create(NULL);
    pid_t first = start_child(on_cpu_0(); take_turns(shared, a, b, 1 << 30));
    pid_t second = start_child(on_cpu_0(); take_turns(shared, b, a, 1 << 30));
    pid_t third = start_child({
        on_cpu_0();
        while (!shared->stop)
            shared->spins++;
    });
    object_signal(a, 0, A);
    int spins, rounds;
    eventually(shared->rounds > 0 && shared->spins > 0);
    spins = shared->spins, rounds = shared->rounds;
    ok(eventually(shared->spins > spins + 10'000), "a third runs as well");
    ok(eventually(shared->rounds > rounds + 1000), "and the two beside it");
    shared->stop = true;
    wait_status(first), wait_status(second), wait_status(third);
    munmap(shared, sizeof *shared);
    close(a), close(b);
}

// Who waits otherwise hears of it, too.
static void other_waiters(void) {
    int port = port_create(NULL), own = port_create(NULL);
    pid_t plain = start_child({
        struct wait_entry entry = {.handle = port, .wanted = A};
        _exit(object_wait(&entry, 1, in_ms(20'000)) != 1);
    });
    pid_t on_two = start_child({
        struct wait_entry entries[] = {{.handle = own, .wanted = B}, {.handle = port, .wanted = A}};
        _exit(object_wait(entries, 2, in_ms(20'000)) != 1);
    });
    ok(sleeps(plain) && sleeps(on_two), "one waits for the object, another for it and one more");
    struct wait_entry entry = taking(own);
    fails(object_signal_and_wait(port, 0, A, &entry, in_ms(20)), ETIMEDOUT, "both are told while the signaller waits");
    ok(wait_status(plain) == 0 && wait_status(on_two) == 0, "and wake");
    close(port), close(own);
}

static void interrupted(int signal) {
    (void)signal;
}

// The signal is taken while the wait goes on; when that is interrupted, it is not given again.
static void signalled_once(int flags) {
    struct sigaction action = {.sa_handler = interrupted, .sa_flags = flags};
    sigaction(SIGUSR1, &action, NULL);
    int port = port_create(NULL), own = port_create(NULL);
    pid_t self = getpid(), child = start_child({
                               struct wait_entry entry = taking(port);
                               if (object_wait(&entry, 1, in_ms(20'000)) != 1)
                                   _exit(1);
                               eventually(process_state(self) == 'S');
                               kill(self, SIGUSR1);
                           });
    struct wait_entry entry = taking(own);
    fails(object_signal_and_wait(port, 0, A, &entry, FIPC_FOREVER), EINTR, "a handler ends the wait%s",
          flags & SA_RESTART ? ", with SA_RESTART, too" : "");
    exited(wait_status(child), 0, "whoever was signalled had taken it");
    is(signals_of(port), 0, "and has not been signalled again");
    close(port), close(own);
}

static void killed_while_waiting(void) {
    int port = port_create(NULL), own = port_create(NULL);
    pid_t child = start_child({
        struct wait_entry entry = taking(port);
        object_signal_and_wait(own, 0, A, &entry, FIPC_FOREVER);
    });
    struct wait_entry entry = taking(own);
    is(object_wait(&entry, 1, in_ms(20'000)), 1, "signalled by one that waits");
    kill(child, SIGKILL);
    killed(wait_status(child), SIGKILL, "it is killed");
    fails(object_signal_and_wait(port, 0, A, &entry, in_ms(5)), ETIMEDOUT, "nobody is there any more");
    close(port), close(own);
}

int main(void) {
    needs_native();
    one_alone();
    refuses();
    in_turn(2, true, SCHED_OTHER);
    in_turn(2, false, SCHED_OTHER);
    in_turn(3, true, SCHED_OTHER);
    in_turn(3, false, SCHED_FIFO);
    a_third();
    other_waiters();
    signalled_once(0);
    signalled_once(SA_RESTART);
    killed_while_waiting();
    return tap_done();
}
