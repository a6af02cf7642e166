// SPDX-License-Identifier: MPL-2.0
// What ends when memory is short: chosen within the job that is at its limit, by that job's policy; and in the job that
// uses most when the machine has none left.
#include "jobs.h"

#include <sys/mman.h>
#include <sys/sysinfo.h>

enum { MIB = 1 << 20 };

static int job_of(int parent, uint64_t memory, unsigned flags) {
    struct job_limits limits = NO_LIMITS;
    limits.memory = memory;
    int job = job_create(parent, "oom", flags);
    job_set_limits(job, &limits);
    return job;
}

static uint64_t used_by(int job) {
    struct job_info info = {};
    job_info(job, &info);
    return info.used.memory;
}

static char *touch(size_t size) {
    char *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(m, size, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < size; i += 4096)
        m[i] = 1;
    return m;
}

// A process in the job that has so much, and sleeps.
static pid_t holder(int job, size_t size) {
    int ready[2];
    char byte;
    pipe(ready);
    pid_t pid = start_in_job(job, {
        touch(size);
        write(ready[1], "x", 1);
        for (;;)
            pause();
    });
    read(ready[0], &byte, 1);
    close(ready[0]), close(ready[1]);
    return pid;
}

static bool lives(pid_t pid) {
    return process_state(pid) != 'Z' && process_state(pid) != 0;
}

static bool was_killed(int status) {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void end(pid_t pid) {
    kill(pid, SIGKILL);
    wait_status(pid);
}

static void largest(void) {
    int job = job_of(-1, 16 * MIB, 0);
    pid_t outside = holder(job_create(-1, "outside", 0), 20 * MIB), large = holder(job, 10 * MIB),
          small = holder(job, 2 * MIB);
    exited(in_job(job, touch(8 * MIB); _exit(0)), 0, "who needs memory gets that of the largest");
    ok(was_killed(wait_status(large)), "which is ended");
    ok(lives(small) && lives(outside), "a smaller one is not, nor a larger one outside of the job");
    ok(was_killed(in_job(job, touch(32 * MIB); _exit(0))), "who is the largest is ended himself");
    ok(lives(small), "again nobody else");
    end(small), end(outside);
    is(used_by(job), 0, "all is given back");

    int inner = job_create(job, "inner", 0), sibling = job_create(job, "sibling", 0);
    large = holder(sibling, 10 * MIB);
    exited(in_job(inner, touch(8 * MIB); _exit(0)), 0, "the limit of a job above");
    ok(was_killed(wait_status(large)), "ends the largest anywhere below that");
    close(inner), close(sibling), close(job);
}

static void many(void) {
    int job = job_of(-1, 24 * MIB, 0);
    pid_t pids[8];
    for (int i = 0; i < 8; i++)
        pids[i] = start_in_job(job, {
            for (int round = 0; round < 20; round++)
                munmap(touch(6 * MIB), 6 * MIB);
            _exit(0);
        });
    int done = 0, killed = 0, refused = 0; // when it wanted to enter
    for (int i = 0; i < 8; i++) {
        int status = wait_status(pids[i]);
        done += status == 0, killed += was_killed(status), refused += WIFEXITED(status) && WEXITSTATUS(status) == 99;
    }
    ok(done > 0 && done + killed + refused == 8, "of eight that want twice too much some get done (%d, %d ended)", done,
       killed);
    is(used_by(job), 0, "all is given back");
    close(job);
}

static void whole_job(void) {
    int job = job_of(-1, 16 * MIB, JOB_OOM_JOB), inner = job_create(job, "inner", 0);
    pid_t small = holder(inner, 1 * MIB);
    ok(was_killed(in_job(job, touch(32 * MIB); _exit(0))), "JOB_OOM_JOB: who needs too much is ended");
    ok(was_killed(wait_status(small)), "with all others in the job");
    is(WEXITSTATUS(in_child(_exit(job_enter(job) == -1 && errno == EAGAIN ? 7 : 1))), 7, "which is over");
    is(used_by(job), 0, "all is given back");
    close(inner), close(job);
}

static volatile bool ready;

static void give_up(int signal) {
    if (ready)
        _exit(signal == SIGBUS ? 5 : 6);
}

// What a handler needs must be there when there is nothing left: its code, and room on the stack.
static void expect_bus_error(void) {
    volatile char room[32768];
    for (unsigned i = 0; i < sizeof room; i += 1024)
        room[i] = 1;
    signal(SIGBUS, give_up);
    raise(SIGBUS);
    ready = true;
}

static void signals(void) {
    int job = job_of(-1, 16 * MIB, JOB_OOM_FAULT);
    pid_t large = holder(job, 10 * MIB);
    exited(in_job(job, expect_bus_error(); touch(8 * MIB); _exit(0)), 5, "JOB_OOM_FAULT: SIGBUS to who faults");
    int status = in_job(job, touch(8 * MIB); _exit(0));
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS, "which ends him if he has no handler");
    ok(lives(large), "and nobody else");
    end(large);
    struct job_info info;
    int inner = job_create(job, "inner", 0);
    job_info(inner, &info);
    is(info.flags, 0, "a policy is not handed down");
    fails(job_create(-1, "x", JOB_OOM_FAULT | JOB_OOM_JOB), EINVAL, "one policy at a time");
    close(inner), close(job);
}

// The machine's memory, without a limit anywhere.
static void machine(void) {
    struct sysinfo info;
    sysinfo(&info);
    uint64_t free_bytes = (uint64_t)info.freeram * info.mem_unit;
    if (free_bytes > 1024ull * MIB) {
        skip("too much memory to fill", "the machine's memory");
        return;
    }
    int job = job_create(-1, "hog", 0);
    pid_t part = holder(job, free_bytes / 4), rest = holder(job, free_bytes / 4 * 2);
    pid_t small = holder(job_create(-1, "small", 0), 2 * MIB);
    exited(in_child(touch(free_bytes / 4 + 32 * MIB); _exit(0)), 0, "who needs memory when there is none gets it");
    ok(was_killed(wait_status(rest)), "from the largest of the job that uses most");
    ok(lives(small) && lives(part), "and from nobody else");
    end(part), end(small), close(job);
}

int main(void) {
    needs_native();
    largest();
    many();
    whole_job();
    signals();
    machine();
    return tap_done();
}
