// SPDX-License-Identifier: MPL-2.0
// ptrace: hardware watchpoints and breakpoints. On x86-64 these are the debug registers in struct user, on ARM64 two
// register sets.
#include "trace.h"

#include <stddef.h>
#include <sys/mman.h>

enum kind { ON_EXECUTE, ON_WRITE, ON_ACCESS };

#ifndef TRAP_HWBKPT
#define TRAP_HWBKPT 4
#endif

static volatile uint64_t watched __attribute__((aligned(16))), beside;

__attribute__((noinline, aligned(16))) static unsigned long twice(unsigned long value) {
    __asm__ volatile("");
    return value + value;
}

#ifdef __x86_64__
#define DEBUG(n) (offsetof(struct user, u_debugreg) + 8 * (n))
static unsigned long control_of(unsigned slot, unsigned size, enum kind kind) {
    unsigned long sizes[] = {[1] = 0, [2] = 1, [4] = 3, [8] = 2}, kinds[] = {0, 1, 3};
    return 1ul << 2 * slot | (sizes[size] << 2 | kinds[kind]) << (16 + 4 * slot);
}
static long set_point(pid_t pid, unsigned slot, const volatile void *at, unsigned size, enum kind kind) {
    if (trace(PTRACE_POKEUSER, pid, DEBUG(7), 0) < 0 || trace(PTRACE_POKEUSER, pid, DEBUG(slot), (unsigned long)at) < 0)
        return -1;
    return trace(PTRACE_POKEUSER, pid, DEBUG(7), control_of(slot, size, kind));
}
static long clear_points(pid_t pid) {
    return trace(PTRACE_POKEUSER, pid, DEBUG(7), 0);
}
#else
struct point_set {
    uint32_t info, unused;
    struct {
        uint64_t address;
        uint32_t control, unused;
    } slots[16];
};
static long transfer_points(int request, pid_t pid, bool watch, struct point_set *set, size_t size) {
    struct iovec iov = {set, size};
    return trace(request, pid, watch ? 0x403 : 0x402, (unsigned long)&iov);
}
static long set_point(pid_t pid, unsigned slot, const volatile void *at, unsigned size, enum kind kind) {
    struct point_set set = {};
    uint32_t kinds[] = {0, 2, 3}, bytes = (1u << size) - 1;
    set.slots[slot].address = (unsigned long)at & ~(kind == ON_EXECUTE ? 3ul : 7ul);
    set.slots[slot].control =
        (kind == ON_EXECUTE ? 15 : bytes << ((unsigned long)at & 7)) << 5 | kinds[kind] << 3 | 2 << 1 | 1;
    return transfer_points(PTRACE_SETREGSET, pid, kind != ON_EXECUTE, &set, 8 + 16 * (slot + 1));
}
static long clear_points(pid_t pid) {
    struct point_set set = {};
    return transfer_points(PTRACE_SETREGSET, pid, true, &set, 8 + 2 * 16) |
           transfer_points(PTRACE_SETREGSET, pid, false, &set, 8 + 2 * 16);
}
#endif

// The program counter at a stop.
static unsigned long counter(pid_t pid) {
    struct user_regs_struct regs;
    return get_regs(pid, &regs) ? REG_PC(regs) : 0;
}

// A stop by a point, which is what the signal says.
static bool hit(pid_t pid, int status) {
    siginfo_t info;
    return status == (SIGTRAP << 8 | 0x7f) && trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info) == 0 &&
           info.si_signo == SIGTRAP && info.si_code == TRAP_HWBKPT;
}

// On ARM64 the access is still to be made: as debuggers do, a step without the points.
static void step_past(pid_t pid) {
#ifndef __x86_64__
    clear_points(pid);
    trace(PTRACE_SINGLESTEP, pid, 0, 0);
    next_stop(pid);
#else
    (void)pid;
#endif
}

static void writes(void) {
    pid_t pid = start_tracee({
        beside = watched;
        watched = 5;
        beside = 1;
        watched = 6;
        _exit(watched == 6 ? 0 : 1);
    });
    is(set_point(pid, 0, &watched, 8, ON_WRITE), 0, "a watchpoint for writing");
    trace(PTRACE_CONT, pid, 0, 0);
    ok(hit(pid, next_stop(pid)), "stops the first write, and no read");
    step_past(pid);
    unsigned long word = 0;
    trace(PTRACE_PEEKDATA, pid, (unsigned long)&watched, (unsigned long)&word);
    is(word, 5, "which is done");
#ifdef __x86_64__
    trace(PTRACE_PEEKUSER, pid, DEBUG(6), (unsigned long)&word);
    is(word & 15, 1, "DR6 says which");
    is(trace(PTRACE_POKEUSER, pid, DEBUG(6), 0), 0, "and is cleared");
    trace(PTRACE_PEEKUSER, pid, DEBUG(6), (unsigned long)&word);
    is(word & 15, 0, "by the tracer");
    trace(PTRACE_PEEKUSER, pid, DEBUG(0), (unsigned long)&word);
    is(word, (unsigned long)&watched, "DR0 is what was set");
    trace(PTRACE_PEEKUSER, pid, DEBUG(7), (unsigned long)&word);
    is(word, control_of(0, 8, ON_WRITE), "as is DR7");
#endif
    is(set_point(pid, 1, &watched, 4, ON_WRITE), 0, "another slot, and size");
    trace(PTRACE_CONT, pid, 0, 0);
    ok(hit(pid, next_stop(pid)), "stops the second write");
    is(clear_points(pid), 0, "and away with it");
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 0, "the tracee goes on to its end");
}

static void reads(void) {
    pid_t pid = start_tracee({
        beside = 3;
        uint64_t value = watched;
        _exit(value == 0 ? 0 : 1);
    });
    is(set_point(pid, 0, &watched, 8, ON_ACCESS), 0, "a watchpoint for any access");
    trace(PTRACE_CONT, pid, 0, 0);
    ok(hit(pid, next_stop(pid)), "stops a read");
    clear_points(pid);
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 0, "the tracee has read");
}

static void bytes(void) {
    pid_t pid = start_tracee({
        volatile uint8_t *byte = (volatile uint8_t *)&watched;
        byte[2] = 1;
        byte[4] = 1;
        byte[3] = 1;
        _exit(0);
    });
    is(set_point(pid, 0, (char *)&watched + 3, 1, ON_WRITE), 0, "one byte is watched");
    trace(PTRACE_CONT, pid, 0, 0);
    ok(hit(pid, next_stop(pid)), "a stop");
    step_past(pid);
    unsigned long word = 0;
    trace(PTRACE_PEEKDATA, pid, (unsigned long)&watched, (unsigned long)&word);
    is(word, 0x101010000, "not at its neighbours, written before");
    end_tracee(pid);
}

static void instructions(void) {
    pid_t pid = start_tracee(_exit((int)twice(twice(3))));
    is(set_point(pid, 0, (void *)twice, 1, ON_EXECUTE), 0, "a breakpoint");
    trace(PTRACE_CONT, pid, 0, 0);
    ok(hit(pid, next_stop(pid)), "stops");
    is(counter(pid), (unsigned long)twice, "before its instruction is executed");
    step_past(pid);
    is(set_point(pid, 0, (void *)twice, 1, ON_EXECUTE), 0, "once more");
    trace(PTRACE_CONT, pid, 0, 0);
    ok(hit(pid, next_stop(pid)), "and again the next time");
    is(counter(pid), (unsigned long)twice, "at the same place");
    clear_points(pid);
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 12, "the tracee has computed what it would have");
}

// Others have the same address at the same time on the same CPU, traced or not, and are none the wiser.
static void others(void) {
    volatile bool *stop = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cpu_set_t set, before;
    sched_getaffinity(0, sizeof before, &before);
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof set, &set);
    pid_t neighbour = start_child({
        while (!*stop)
            watched++, sched_yield();
    });
    pid_t pid = start_tracee({
        for (int i = 0; i < 200; i++) {
            watched = (uint64_t)i;
            sched_yield();
        }
        if (fork() == 0) { // a child has none of it
            watched = 1000;
            _exit(0);
        }
        int status = -1;
        wait(&status);
        _exit(status == 0 ? 0 : 1);
    });
    is(set_point(pid, 0, &watched, 8, ON_WRITE), 0, "one of two that write all the time is watched");
    int hits = 0, status;
    for (int i = 0; i < 200; i++) {
        trace(PTRACE_CONT, pid, 0, 0);
        bool was_hit = hit(pid, status = next_stop(pid));
        hits += was_hit;
        if (!was_hit)
            break;
        step_past(pid);
        set_point(pid, 0, &watched, 8, ON_WRITE);
    }
    is(hits, 200, "each write of the one is a stop");
    trace(PTRACE_CONT, pid, 0, 0);
    if ((status = next_stop(pid)) == (SIGCHLD << 8 | 0x7f)) {
        trace(PTRACE_CONT, pid, 0, 0);
        status = next_stop(pid);
    }
    exited(status, 0, "and none of its child's");
    *stop = true;
    exited(wait_status(neighbour), 0, "nor of the other's");
    sched_setaffinity(0, sizeof before, &before);
    munmap((void *)stop, 4096);
}

static void over_exec(void) {
    pid_t pid = start_tracee({
        execl("/proc/self/exe", "ptrace_watch", "write", NULL);
        _exit(1);
    });
    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC);
    is(set_point(pid, 0, &watched, 8, ON_WRITE), 0, "before exec");
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(pid), SIGTRAP, PTRACE_EVENT_EXEC, "a new program");
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 0, "has no points");
}

static void refused(void) {
    pid_t pid = start_tracee(pause());
    fails(set_point(pid, 0, (void *)0xffff'8000'0000'0000, 8, ON_WRITE), EINVAL, "an address of the kernel's");
#ifdef __x86_64__
    fails(set_point(pid, 0, (char *)&watched + 1, 4, ON_WRITE), EINVAL, "a crooked address");
    clear_points(pid);
    trace(PTRACE_POKEUSER, pid, DEBUG(0), (unsigned long)&watched);
    fails(trace(PTRACE_POKEUSER, pid, DEBUG(7), 1 | 2 << 16), EINVAL, "ports");
    fails(trace(PTRACE_POKEUSER, pid, DEBUG(7), 1 | 4 << 16), EINVAL, "two bytes of instruction");
    fails(trace(PTRACE_POKEUSER, pid, DEBUG(4), 1), EIO, "DR4");
    fails(trace(PTRACE_POKEUSER, pid, DEBUG(5), 1), EIO, "DR5");
#else
    struct point_set set = {};
    is(transfer_points(PTRACE_GETREGSET, pid, true, &set, sizeof set), 0, "the set of watchpoints");
    unsigned slots = set.info & 255;
    ok(slots >= 2 && slots <= 16 && set.info >> 8 >= 6, "says how many there are");
    set.slots[0].address = (unsigned long)&watched;
    set.slots[0].control = 5 << 5 | 2 << 3 | 1;
    fails(transfer_points(PTRACE_SETREGSET, pid, true, &set, 24), EINVAL, "bytes in two pieces");
    set.slots[0].control = 0xff << 5 | 0 << 3 | 1;
    fails(transfer_points(PTRACE_SETREGSET, pid, true, &set, 24), EINVAL, "a watchpoint for executing");
    set.slots[0].control = 0xff << 5 | 2 << 3 | 1;
    fails(transfer_points(PTRACE_SETREGSET, pid, false, &set, 24), EINVAL, "a breakpoint for writing");
#endif
    end_tracee(pid);
}

// What the kernel writes for the tracee does not count.
static void by_the_kernel(void) {
    pid_t pid = start_tracee({
        int ends[2];
        uint64_t bytes = 77;
        bool good = pipe(ends) == 0 && write(ends[1], &bytes, 8) == 8 && read(ends[0], (void *)&watched, 8) == 8;
        _exit(good && watched == 77 ? 0 : 1);
    });
    is(set_point(pid, 1, &watched, 8, ON_WRITE), 0, "a watchpoint on a buffer");
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 0, "does not stop the call that fills it");
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) { // by over_exec
        watched = 1;
        return 0;
    }
    writes();
    reads();
    bytes();
    instructions();
    others();
    over_exec();
    refused();
    by_the_kernel();
    return tap_done();
}
