// SPDX-License-Identifier: MPL-2.0
// Waits that the waker ends: a thread that sleeps in object_wait is given the signal and sent to user mode by whoever
// switches to it. It must have all its registers, and what it was given, or have it taken back, whatever has happened
// to its memory and to itself meanwhile. Both processes are bound to one CPU, so one switches to the other.
#include "native.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>

enum : uint32_t { A = 1u << 24, B = 1u << 25, C = 1u << 26 };
enum { PAGE = 4096, TURNS = 300 };
static int mine, other;

static struct wait_entry *fresh(void) {
    return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static bool takes(int handle, struct wait_entry *entry) {
    *entry = (struct wait_entry){.handle = handle, .wanted = A | B, .consume = A | B};
    return object_wait(entry, 1, FIPC_FOREVER) == 1 && entry->observed == A;
}

// Answers each signal with one, until its wait fails.
static pid_t start_echo(void) {
    return start_child({
        struct wait_entry entry;
        while (takes(other, &entry))
            object_signal(mine, 0, A);
        _exit(entry.observed == B ? 0 : 1);
    });
}
static void end_echo(pid_t echo, const char *what) {
    object_signal(other, 0, B);
    exited(wait_status(echo), 0, "%s", what);
}

// More values than are kept in registers across a call, and none is what it was if one register is lost.
static unsigned long mix(bool wait, bool *good) {
    volatile unsigned long seed = 12345;
    unsigned long a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11, e = seed * 13, f = seed * 17, g = seed * 19,
                  h = seed * 23, i = seed * 29, j = seed * 31, k = seed * 37;
    double x = (double)seed / 3, y = (double)seed / 7;
    struct wait_entry entry;
    for (int turn = 0; turn < TURNS; turn++) {
        if (wait) {
            object_signal(other, 0, A);
            *good &= takes(mine, &entry);
        }
        a += b, b += c, c += d, d += e, e += f, f += g, g += h, h += i, i += j, j += k, k += a;
        x += y, y += 1.5;
    }
    return (a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k) + (unsigned long)(x * 1000);
}
static void registers(void) {
    pid_t echo = start_echo();
    bool good = true;
    unsigned long with = mix(true, &good), without = mix(false, &good);
    ok(good && with == without, "registers stay, and each wait gets its signal");
    end_echo(echo, "on both sides");
}

// The page of the entry is read and then dropped, so it is not there when the signal comes.
static void lazy_memory(void) {
    bool good = true;
    pid_t echo = start_echo();
    for (int i = 0; i < TURNS; i++) {
        struct wait_entry *entry = fresh();
        object_signal(other, 0, A);
        good &= takes(mine, entry);
        munmap(entry, PAGE);
    }
    ok(good, "signals to memory that is new");
    end_echo(echo, "the other is still there");
}

// Another process with the same memory spoils it while the waiter sleeps.
static void spoiled_memory(void) {
    struct wait_entry *entry = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *entry = (struct wait_entry){.handle = mine, .wanted = A, .consume = A};
    mprotect(entry, PAGE, PROT_READ);
    pid_t child = start_child({
        sleep_ms(20);
        object_signal(mine, 0, A);
    });
    fails(object_wait(entry, 1, FIPC_FOREVER), EFAULT, "an entry that cannot be written when the signal comes");
    struct wait_entry again;
    ok(takes(mine, &again), "is not told, and the signal is up");
    wait_status(child);
    munmap(entry, PAGE);
}

static void only_what_is_wanted(void) {
    pid_t child = start_child({
        sleep_ms(20);
        object_signal(mine, 0, C);
        sleep_ms(20);
        object_signal(mine, 0, A | C);
    });
    struct wait_entry entry = {.handle = mine, .wanted = A | B, .consume = A};
    is(object_wait(&entry, 1, FIPC_FOREVER), 1, "signals that are not wanted wake nobody");
    is(entry.observed, A, "nor are they told");
    wait_status(child);
    entry = (struct wait_entry){.handle = mine, .wanted = C | A, .consume = C};
    is(object_wait(&entry, 1, 0), 1, "they stay up");
    is(entry.observed, C, "and what was taken does not");
}

static volatile sig_atomic_t handled;
static void count_signal(int signal) {
    (void)signal;
    handled++;
}

// A POSIX signal and the wanted one come together: the wait has one result, the handler runs, nothing is lost.
static void signals_at_once(void) {
    on_signal(SIGUSR1, count_signal, SA_RESTART); // before the child is there
    pid_t waiter = start_child({
        struct wait_entry entry;
        int taken = 0;
        while (takes(other, &entry)) {
            taken++;
            object_signal(mine, 0, A);
        }
        _exit(entry.observed == B && taken == TURNS && handled > 0 ? 0 : 1);
    });
    struct wait_entry entry;
    bool good = true;
    for (int i = 0; i < TURNS; i++) {
        if (i % 2)
            kill(waiter, SIGUSR1);
        object_signal(other, 0, A);
        if (i % 2 == 0)
            kill(waiter, SIGUSR1);
        good &= takes(mine, &entry);
    }
    ok(good, "a wait is not lost for a signal that comes just before or after");
    end_echo(waiter, "and its handler runs");
}

// Killed with the gift in its hands, or before.
static void sudden_ends(void) {
    int bad = 0;
    for (int i = 0; i < 60; i++) {
        pid_t echo = start_echo();
        struct wait_entry entry;
        object_signal(other, 0, A);
        bad += !takes(mine, &entry);
        if (i % 2)
            object_signal(other, 0, A);
        kill(echo, SIGKILL);
        int status = wait_status(echo);
        bad += !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
        entry = (struct wait_entry){.handle = other, .wanted = A, .consume = A};
        object_wait(&entry, 1, 0);
        entry.handle = mine;
        object_wait(&entry, 1, 0);
    }
    is(bad, 0, "a waiter can be killed at any time");
}

// Attached to while it sleeps, and stopped with what it was given, it leaves its call with that all the same.
static void traced(void) {
    pid_t child = start_child({
        struct wait_entry entry;
        bool good = takes(other, &entry);
        object_signal(mine, 0, A);
        bool last = !takes(other, &entry) && entry.observed == B;
        _exit(good && last ? 0 : 1);
    });
    sleep_ms(50);
    is(ptrace(PTRACE_SEIZE, child, NULL, NULL), 0, "a sleeper is seized");
    object_signal(other, 0, A);
    is(ptrace(PTRACE_INTERRUPT, child, NULL, NULL), 0, "and stopped when it has been given something");
    int status = wait_status(child);
    ok(WIFSTOPPED(status), "it stops");
    is(ptrace(PTRACE_DETACH, child, NULL, NULL), 0, "and is let go");
    struct wait_entry answer;
    ok(takes(mine, &answer), "it has got it, and answers");
    end_echo(child, "and goes on");
}

int main(void) {
    needs_native();
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    sched_setaffinity(0, sizeof first, &first);
    mine = port_create(NULL), other = port_create(NULL);
    registers();
    lazy_memory();
    spoiled_memory();
    only_what_is_wanted();
    signals_at_once();
    sudden_ends();
    traced();
    return tap_done();
}
