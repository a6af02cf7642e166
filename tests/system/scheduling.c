// SPDX-License-Identifier: MPL-2.0
// The scheduler seen from user space: fairness, nice, real-time order, affinity, preemption, accounting; and many
// threads on all CPUs that wake each other.
#include "sys.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <threads.h>

static struct {
    _Atomic bool go, stop;
    _Atomic int ready, order, sum;
    char names[64];
} *s;

// Not every C library lets these through.
static int set_scheduler(int policy, int priority) {
    return (int)syscall(SYS_sched_setscheduler, 0, policy, &priority);
}

static void on_cpu(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static pid_t start_hog(int nice_value, int policy) {
    return start_child({
        on_cpu(0);
        setpriority(PRIO_PROCESS, 0, nice_value);
        if (policy)
            set_scheduler(policy, 0);
        s->ready++;
        while (!s->go)
            sched_yield();
        while (!s->stop)
            ;
    });
}

// The CPU time of another process, in us; 0 if it has none of its own any more.
static long cpu_time(pid_t pid) {
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return used.tv_sec * 1'000'000L + used.tv_nsec / 1000;
}

// Two on one CPU that take turns all the time: what their clocks say can be no more than has passed, and never less
// than they said before, at whatever moment of a switch they are read.
static void clocks_of_others(void) {
    pid_t children[2];
    memset(s, 0, sizeof *s);
    for (int i = 0; i < 2; i++)
        children[i] = start_child({
            on_cpu(0);
            s->ready++;
            while (!s->stop)
                sched_yield();
        });
    eventually(s->ready == 2);
    long last[2], begin = now_ns(), before = 0, most = 0, backward = 0;
    for (int i = 0; i < 2; i++)
        before += last[i] = cpu_time(children[i]);
    for (int turn = 0; turn < 20'000; turn++) {
        for (int i = 0; i < 2; i++) {
            long time = cpu_time(children[i]);
            backward = last[i] - time > backward ? last[i] - time : backward;
            last[i] = time;
        }
        long unreal = last[0] + last[1] - before - (now_ns() - begin) / 1000;
        most = unreal > most ? unreal : most;
    }
    s->stop = true;
    wait_status(children[0]), wait_status(children[1]);
    is(backward, 0, "the CPU clocks of others never go back");
    ok(most < 2000, "and tell no time that has not passed (%ld us)", most);
}

// What a clock says of who was given the CPU also has what a loaded machine took away from whoever had it at that
// moment. The scheduler evens that out, but not at once: hogs run until they have had what they should, at most for 30
// s.
#define MEASURE_US 2'000'000
#define MEASURE_MOST_US 30'000'000

static long had[3];

static bool even(void) {
    long least = had[0], most = had[0];
    for (int i = 1; i < 3; i++) {
        least = had[i] < least ? had[i] : least;
        most = had[i] > most ? had[i] : most;
    }
    return least * 3 > most;
}
static bool second_has_less(void) {
    return had[1] * 3 < had[0];
}

static bool run_hogs(int count, const int *nice_values, const int *policies, bool (*fair)(void)) {
    pid_t hogs[3];
    memset(s, 0, sizeof *s);
    for (int i = 0; i < count; i++)
        hogs[i] = start_hog(nice_values[i], policies[i]);
    eventually(s->ready == count);
    s->go = true;
    long all = 0;
    while (all < MEASURE_US || (all < MEASURE_MOST_US && !fair())) {
        sleep_ms(20);
        all = 0;
        for (int i = 0; i < count; i++)
            all += had[i] = cpu_time(hogs[i]);
    }
    s->stop = true;
    for (int i = 0; i < count; i++)
        wait_status(hogs[i]);
    return fair();
}

static void fairness(void) {
    bool good = run_hogs(3, (int[]){0, 0, 0}, (int[]){0, 0, 0}, even);
    ok(good, "three equals share a CPU (%ld, %ld and %ld us)", had[0], had[1], had[2]);
    good = run_hogs(2, (int[]){0, 19}, (int[]){0, 0}, second_has_less);
    ok(good, "nice 19 gets less (%ld of %ld us)", had[1], had[0]);
    ok(had[1] > 0, "but something");
    good = run_hogs(2, (int[]){0, 0}, (int[]){0, SCHED_IDLE}, second_has_less);
    ok(good, "so does SCHED_IDLE (%ld of %ld us)", had[1], had[0]);
}

static void latency(void) {
    memset(s, 0, sizeof *s);
    pid_t hogs[2];
    for (int i = 0; i < 2; i++)
        hogs[i] = start_hog(0, 0);
    eventually(s->ready == 2);
    s->go = true;
    exited(in_child({
               on_cpu(0);
               int64_t start = now_ns(), worst = 0;
               for (int i = 0; i < 50; i++) {
                   int64_t before = now_ns();
                   sleep_ms(2);
                   int64_t late = now_ns() - before - 2'000'000;
                   worst = late > worst ? late : worst;
               }
               int64_t all = now_ns() - start;
               printf("# 50 sleeps of 2 ms: %lld ms, the worst %lld us late\n", (long long)all / 1000000,
                      (long long)worst / 1000);
               fflush(stdout);
               _exit(all > 20'000'000'000);
           }),
           0, "a sleeper gets the CPU soon after it wakes");
    s->stop = true;
    wait_status(hogs[0]), wait_status(hogs[1]);
}

static void real_time(void) {
    if (set_scheduler(SCHED_FIFO, 10) < 0) {
        skip("not allowed", "real-time order");
        return;
    }
    is(syscall(SYS_sched_getscheduler, 0), SCHED_FIFO, "FIFO");
    memset(s, 0, sizeof *s);
    pid_t children[3];
    on_cpu(0);
    // All wait for the parent, which holds the CPU; then they run by priority.
    for (int i = 0; i < 3; i++)
        children[i] = start_child({
            set_scheduler(SCHED_FIFO, i == 1 ? 9 : i == 2 ? 8 : 7);
            s->names[s->order++] = (char)('a' + i);
        });
    ok(s->order == 0, "lower priorities wait for the CPU");
    for (int i = 0; i < 3; i++)
        wait_status(children[i]);
    is(s->order, 3, "all ran");
    is(set_scheduler(SCHED_OTHER, 0), 0, "back to normal");
    struct timespec interval;
    is(sched_rr_get_interval(0, &interval), 0, "a slice can be asked for");
}

static void accounting(void) {
    struct rusage before, after;
    struct tms times_before, times_after;
    int64_t start = now_ns();
    getrusage(RUSAGE_SELF, &before);
    times(&times_before);
    // What a loaded machine takes away is charged to the mode that it was taken from, which may be the kernel.
    long user = 0, passed = 0;
    for (int turn = 0; turn < 30 && user <= 100; turn++) {
        for (clock_t end = clock() + CLOCKS_PER_SEC * 3 / 10; clock() < end;)
            for (volatile int i = 0; i < 10000; i++)
                ;
        getrusage(RUSAGE_SELF, &after);
        times(&times_after);
        user = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000 +
               (after.ru_utime.tv_usec - before.ru_utime.tv_usec) / 1000;
        passed = (long)((now_ns() - start) / 1'000'000);
    }
    ok(user > 100 && user < passed + 100, "300 ms of computing in %ld ms are user time (%ld ms)", passed, user);
    ok(times_after.tms_utime - times_before.tms_utime >= 10, "times says so too");
    exited(in_child({
               while (clock() < CLOCKS_PER_SEC / 5)
                   ;
           }),
           0, "a child computes");
    getrusage(RUSAGE_CHILDREN, &after);
    ok(after.ru_utime.tv_sec > 0 || after.ru_utime.tv_usec + after.ru_stime.tv_usec > 100000,
       "and is charged when waited for");
    for (int i = 0; i < 20; i++)
        sleep_ms(1);
    getrusage(RUSAGE_SELF, &before);
    ok(before.ru_nvcsw >= 20, "sleeping is a voluntary switch (%ld)", before.ru_nvcsw);
}

// --- all CPUs at once ---

// Whoever is woken by a pipe may stay where its waker is, which is about to wait for the answer. If that goes on
// computing instead, each gets a CPU.
static void waker_goes_on(void) {
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        skip("one CPU", "a waker that goes on, and whom it woke, have a CPU each");
        return;
    }
    memset(s, 0, sizeof *s);
    int ends[2];
    pipe(ends);
    pid_t child = start_child({
        char byte;
        s->order = -1;
        s->ready++;
        read(ends[0], &byte, 1);
        while (!s->stop)
            s->order = sched_getcpu();
    });
    eventually(s->ready == 1);
    sleep_ms(20);
    write(ends[1], "x", 1);
    bool apart = false;
    for (int64_t end = now_ns() + 10'000'000'000; !apart && now_ns() < end;) {
        int theirs = s->order;
        apart = theirs >= 0 && theirs != sched_getcpu();
    }
    s->stop = true;
    ok(apart, "a waker that goes on, and whom it woke, have a CPU each");
    wait_status(child);
    close(ends[0]), close(ends[1]);
}

enum { RING = 16, LAPS = 300 };
static int ring[RING];

static int pass_on(void *argument) {
    int i = (int)(long)argument;
    for (int lap = 0; lap < LAPS; lap++) {
        uint64_t value;
        read(ring[i], &value, 8);
        s->sum++;
        write(ring[(i + 1) % RING], &(uint64_t){1}, 8);
    }
    return 0;
}

static void wake_ring(int tokens) {
    thrd_t threads[RING];
    s->sum = 0;
    for (int i = 0; i < RING; i++)
        ring[i] = eventfd(0, EFD_SEMAPHORE);
    for (int i = 0; i < RING; i++)
        thrd_create(&threads[i], pass_on, (void *)(long)i);
    for (int i = 0; i < tokens; i++)
        write(ring[i * RING / tokens], &(uint64_t){1}, 8);
    for (int i = 0; i < RING; i++)
        thrd_join(threads[i], NULL);
    is(s->sum, RING * LAPS, "%d tokens in a ring of %d threads", tokens, RING);
    for (int i = 0; i < RING; i++)
        close(ring[i]);
}

static mtx_t mutex;
static cnd_t condition;
static int turn;

static int take_turns(void *argument) {
    int self = (int)(long)argument;
    for (int i = 0; i < 200; i++) {
        mtx_lock(&mutex);
        while (turn % 8 != self)
            cnd_wait(&condition, &mutex);
        turn++;
        cnd_broadcast(&condition);
        mtx_unlock(&mutex);
    }
    return 0;
}

static void condition_variables(void) {
    thrd_t threads[8];
    mtx_init(&mutex, mtx_plain);
    cnd_init(&condition);
    for (int i = 0; i < 8; i++)
        thrd_create(&threads[i], take_turns, (void *)(long)i);
    for (int i = 0; i < 8; i++)
        thrd_join(threads[i], NULL);
    is(turn, 1600, "eight threads take turns through a condition variable");
}

static int wander(void *argument) {
    unsigned seed = (unsigned)(long)argument;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 0; i < 200; i++) {
        seed = seed * 1103515245 + 12345;
        on_cpu((int)(seed >> 16) % (int)cpus);
        int here = sched_getcpu();
        if (here != (int)(seed >> 16) % (int)cpus)
            s->order++;
    }
    return 0;
}

static void migration(void) {
    thrd_t threads[6];
    s->order = 0;
    for (int i = 0; i < 6; i++)
        thrd_create(&threads[i], wander, (void *)(long)(i + 1));
    for (int i = 0; i < 6; i++)
        thrd_join(threads[i], NULL);
    is(s->order, 0, "a thread is where it was sent, at once");
    cpu_set_t none;
    CPU_ZERO(&none);
    fails(sched_setaffinity(0, sizeof none, &none), EINVAL, "to no CPU");
}

int main(void) {
    s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cpu_set_t all;
    sched_getaffinity(0, sizeof all, &all);
    fairness();
    latency();
    real_time();
    accounting();
    clocks_of_others();
    sched_setaffinity(0, sizeof all, &all);
    waker_goes_on();
    wake_ring(1);
    wake_ring(5);
    condition_variables();
    migration();
    return tap_done();
}
