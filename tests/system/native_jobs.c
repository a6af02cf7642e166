// SPDX-License-Identifier: MPL-2.0
// Jobs: the tree, limits that end in an error and never in more, the kill switch, shares of the CPU.
#include "jobs.h"

#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>

static struct job_info info_of(int job) {
    struct job_info info = {};
    job_info(job, &info);
    return info;
}

static void tree(void) {
    struct job_info own = info_of(-1);
    ok(own.id != 0 && own.tasks >= 1, "every process is in a job (%s)", own.name);
    int job = job_create(-1, "a name that is too long for a job, by far", 0);
    is(job, -1, "a name that does not fit");
    job = job_create(-1, "outer", JOB_NO_SOCKETS);
    ok(job >= 0 && fcntl(job, F_GETFD) == FD_CLOEXEC, "job_create, closed on exec");
    struct job_info info = info_of(job);
    ok(same_text(info.name, "outer") && info.parent == own.id && info.tasks == 0, "name, parent, no tasks");
    ok(info.limits.memory == NO_LIMIT && info.limits.threads == NO_LIMIT && info.limits.cpu_share == NO_LIMIT,
       "no limits");
    int inner = job_create(job, "inner", JOB_NO_DEVICES);
    is(info_of(inner).flags, JOB_NO_SOCKETS | JOB_NO_DEVICES, "flags are handed down");
    is(info_of(inner).parent, info.id, "a tree");
    fails(job_create(-1, "x", 0x100), EINVAL, "an unknown flag");
    fails(job_create(1, "x", 0), EINVAL, "below what is no job");
    fails(job_create(99, "x", 0), EBADF, "below nothing");
    fails(job_create(-1, (char *)8, 0), EFAULT, "a bad name");
    int deep[20], depth = 0;
    for (int at = job; depth < 20 && (at = job_create(at, "deep", 0)) >= 0; depth++)
        deep[depth] = at;
    ok(depth > 4 && depth < 20 && errno == EAGAIN, "not without end (%d deep)", depth);
    while (depth > 0)
        close(deep[--depth]);
    close(inner), close(job);
}

static void rights(void) {
    int job = job_create(-1, "rights", 0);
    int reader = (int)handle_duplicate(job, RIGHT_READ | RIGHT_WAIT, 0);
    ok(reader >= 0, "a handle that may only look");
    struct job_info info;
    is(job_info(reader, &info), 0, "it may");
    struct job_limits limits = NO_LIMITS;
    fails(job_set_limits(reader, &limits), EACCES, "set no limits");
    fails(job_kill(reader), EACCES, "not kill");
    exited(in_child(_exit(job_enter(reader) == 0)), 0, "not enter");
    fails(job_create(reader, "x", 0), EBADF, "make none below");
    close(reader), close(job);
}

static void membership(void) {
    int job = job_create(-1, "members", 0), ends[2];
    pipe(ends);
    struct pollfd p = {.fd = job, .events = POLLIN};
    is(poll(&p, 1, 0), 0, "a new job is not readable");
    pid_t child = start_in_job(job, {
        char c;
        close(ends[1]);
        pid_t grandchild = start_child(read(ends[0], &c, 1));
        read(ends[0], &c, 1);
        wait_status(grandchild);
    });
    ok(eventually(info_of(job).tasks == 2), "a child's child is in it too");
    is(info_of(job).used.threads, 2, "threads are counted");
    ok(info_of(job).used.memory > 0 && info_of(job).used.handles > 0, "memory and handles are");
    is(poll(&p, 1, 0), 0, "not readable while they live");
    close(ends[0]), close(ends[1]);
    exited(wait_status(child), 0, "both end");
    is(poll(&p, 1, 30000), 1, "readable when the last one has ended");
    struct job_info info = info_of(job);
    is(info.tasks, 0, "no tasks");
    eventually((info = info_of(job)).used.memory == 0);
    ok(info.used.threads == 0 && info.used.memory == 0 && info.used.handles == 0, "nothing is used (%llu %llu %llu)",
       (unsigned long long)info.used.threads, (unsigned long long)info.used.memory,
       (unsigned long long)info.used.handles);
    int other = job_create(-1, "other", 0);
    exited(in_job(job, _exit(job_enter(other) == 0 || errno != EPERM)), 0, "a job is not left for one beside it");
    int below = job_create(job, "below", 0);
    exited(in_job(job, _exit(job_enter(below) != 0 || info_of(-1).id != info_of(below).id)), 0, "one below is fine");
    close(below), close(other), close(job);
}

static void *wait_for_end(void *unused) {
    pause();
    return unused;
}

static void exited_quietly(bool *good, int status) {
    *good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void thread_limit(void) {
    struct job_limits limits = NO_LIMITS;
    limits.threads = 5;
    int job = job_with(limits);
    exited(in_job(job,
                  {
                      int made = 0;
                      while (made < 20 && fork() >= 0)
                          if (info_of(-1).used.threads > 5)
                              _exit(1);
                          else if (getpid() != (pid_t)syscall(SYS_gettid))
                              _exit(2);
                          else if (++made == 20)
                              _exit(3);
                      _exit(errno != EAGAIN);
                  }),
           0, "fork ends with EAGAIN");
    job_kill(job);
    struct pollfd p = {.fd = job, .events = POLLIN};
    is(poll(&p, 1, 30000), 1, "killed");
    close(job);
    job = job_with(limits);
    exited(in_job(job,
                  {
                      pthread_t thread;
                      int made = 0;
                      while (made < 20 && pthread_create(&thread, NULL, wait_for_end, NULL) == 0)
                          made++;
                      _exit(made != 4);
                  }),
           0, "threads count: four more than the first");
    bool good = true;
    for (int i = 0; i < 200; i++) {
        exited_quietly(&good, in_job(job, {
            pthread_t thread;
            for (int made = 0; made < 4; made++)
                if (pthread_create(&thread, NULL, wait_for_end, NULL) != 0)
                    _exit(1);
        }));
        good &= info_of(job).used.threads == 0;
    }
    ok(good, "all are given back by the time that the end of their process shows");
    close(job);
}

static void *come_and_go(void *unused) {
    return unused;
}

// A thread that was joined may still be on its way out, when its process moves to another job.
static void moving_alone(void) {
    int job = job_with(NO_LIMITS), below = job_create(job, "below", 0);
    bool good = true;
    for (int i = 0; i < 200; i++) {
        exited_quietly(&good, in_job(job, {
            pthread_t thread;
            pthread_create(&thread, NULL, come_and_go, NULL);
            pthread_join(thread, NULL);
            _exit(job_enter(below) != 0 || info_of(-1).used.threads != 1);
        }));
        good &= info_of(job).used.threads == 0 && info_of(below).used.threads == 0;
    }
    ok(good, "who has joined its threads may enter a job, and pays there for itself alone");
    close(below), close(job);
}

static void handle_limit(void) {
    struct job_limits limits = NO_LIMITS;
    limits.handles = 40;
    int job = job_with(limits);
    exited(in_job(job,
                  {
                      int made = 0, last = -1, fd;
                      while (made < 100 && (fd = dup(0)) >= 0)
                          last = fd, made++;
                      bool good = errno == EMFILE && info_of(-1).used.handles == 40;
                      good &= dup2(0, 90) == -1 && errno == EMFILE;
                      close(last);
                      good &= dup(0) >= 0 && dup(0) == -1;
                      pid_t child = fork(); // its table would double the number
                      _exit(!(good && child == -1 && errno == ENOMEM && made > 10));
                  }),
           0, "handles end with EMFILE, exactly at the limit");
    is(info_of(job).used.handles, 0, "all given back");
    exited(in_job(job,
                  {
                      int count = 0;
                      for (int i = 0; i < 1000; i++)
                          count += close(dup(0)) == 0;
                      _exit(count != 1000);
                  }),
           0, "closing makes room");
    close(job);
    limits.handles = 2;
    job = job_with(limits);
    exited(in_child(_exit(job_enter(job) != -1 || errno != EMFILE)), 0, "who has more cannot enter");
    is(info_of(job).used.handles + info_of(job).used.threads + info_of(job).used.memory, 0, "and leaves no charge");
    close(job);
}

enum { MIB = 1 << 20 };

static void memory_limit(void) {
    struct job_limits limits = NO_LIMITS;
    limits.memory = 16 * MIB;
    int job = job_with(limits);
    int status = in_job(job, {
        char *m = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (long i = 0; m != MAP_FAILED && i < 64 * MIB; i += 4096)
            m[i] = 1;
    });
    ok(WIFSIGNALED(status), "touching more than the limit ends the process (status %#x)", status);
    ok(eventually(info_of(job).used.memory == 0), "all given back");
    exited(in_job(job,
                  {
                      bool good = true;
                      for (int round = 0; round < 20; round++) {
                          char *m = mmap(NULL, 8 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                          memset(m, 1, 8 * MIB);
                          good &= info_of(-1).used.memory <= 16 * MIB;
                          munmap(m, 8 * MIB);
                      }
                      _exit(!good);
                  }),
           0, "what is unmapped may be used again");
    exited(in_job(job,
                  {
                      int fd = memfd_create("m", 0);
                      static char block[65536];
                      long total = 0, wrote;
                      while ((wrote = write(fd, block, sizeof block)) > 0 && total < 64 * MIB)
                          total += wrote;
                      _exit(!(wrote == -1 && errno == ENOMEM && total > 8 * MIB && total <= 16 * MIB));
                  }),
           0, "a memory object ends with ENOMEM");
    exited(in_job(job,
                  {
                      char *m = mmap(NULL, 10 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                      memset(m, 1, 10 * MIB);
                      _exit(!(fork() == -1 && errno == ENOMEM));
                  }),
           0, "a fork whose pages do not fit: ENOMEM");
    // What was made for the fork counts until no CPU can look at it any more.
    ok(eventually(info_of(job).used.memory == 0), "all given back");
    int inner = job_create(job, "inner", 0);
    status = in_job(inner, {
        char *m = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(m, 1, 64 * MIB);
    });
    ok(WIFSIGNALED(status), "a limit counts for the jobs below");
    close(inner), close(job);
}

static void raising(void) {
    struct job_limits limits = NO_LIMITS, less;
    limits.threads = 5, limits.cpu_share = 5000;
    int job = job_with(limits);
    exited(in_job(job,
                  {
                      struct job_limits more = limits;
                      more.threads = 6;
                      bool good = job_set_limits(job, &more) == -1 && errno == EPERM;
                      more.threads = 5, more.cpu_share = NO_LIMIT;
                      good &= job_set_limits(job, &more) == -1 && errno == EPERM;
                      good &= info_of(job).limits.threads == 5;
                      less = limits;
                      less.threads = 4;
                      good &= job_set_limits(job, &less) == 0;
                      good &= job_set_limits(job, &limits) == -1 && errno == EPERM;
                      int own = job_create(-1, "own", 0);
                      more = NO_LIMITS;
                      good &= own >= 0 && job_set_limits(own, &more) == 0;
                      _exit(!good);
                  }),
           0, "from inside limits only shrink");
    is(info_of(job).limits.threads, 4, "they did");
    is(job_set_limits(job, &limits), 0, "from outside they may grow");
    limits.cpu_share = 10001;
    fails(job_set_limits(job, &limits), EINVAL, "a share of more than everything");
    limits.cpu_share = 0;
    fails(job_set_limits(job, &limits), EINVAL, "a share of nothing");
    fails(job_set_limits(job, (void *)8), EFAULT, "a bad address");
    close(job);
}

static void bomb(void) {
    signal(SIGCHLD, SIG_IGN);
    for (;;)
        fork();
}

static unsigned leak(const char *name) {
    char *text = get_file("/proc/tessera/leaks"), *at = strstr(text, name);
    return at ? (unsigned)strtoul(at + strlen(name), NULL, 10) : 0;
}

static void killing(void) {
    unsigned processes = leak("processes "), threads = leak("threads ");
    struct job_limits limits = NO_LIMITS;
    limits.threads = 60;
    bool good = true;
    for (int round = 0; round < 5; round++) {
        int job = job_with(limits), inner = job_create(job, "inner", 0);
        pid_t one = start_in_job(job, bomb()), two = start_in_job(inner, bomb());
        good &= eventually(info_of(job).used.threads >= 50);
        good &= job_kill(job) == 0;
        struct pollfd p = {.fd = job, .events = POLLIN};
        good &= poll(&p, 1, 30000) == 1 && info_of(job).tasks == 0 && info_of(inner).tasks == 0;
        wait_status(one), wait_status(two);
        good &= job_enter(job) == -1 && errno == EAGAIN;
        good &= job_create(job, "late", 0) >= 0; // which is closed, too
        close(inner), close(job);
    }
    ok(good, "five fork bombs are killed, with the jobs below");
    ok(eventually(leak("processes ") == processes && leak("threads ") == threads),
       "nothing is left (%u, %u; was %u, %u)", leak("processes "), leak("threads "), processes, threads);
    uint64_t before = info_of(-1).used.threads;
    int job = job_create(-1, "shut", 0);
    job_kill(job);
    ok(job_enter(job) == -1 && errno == EAGAIN && info_of(job).used.threads == 0 && info_of(job).used.memory == 0 &&
           info_of(-1).used.threads == before,
       "who is not let in is charged where he was");
    close(job);
    job = job_create(-1, "empty", 0);
    struct pollfd p = {.fd = job, .events = POLLIN};
    ok(job_kill(job) == 0 && poll(&p, 1, 0) == 1, "an empty job that is killed is readable");
    close(job);
    job = job_create(-1, "own", 0);
    killed(in_job(job, job_kill(job); pause()), SIGKILL, "a job may end itself");
    close(job);
}

static void cpu_time_of(const pid_t *children, double *used) {
    for (int i = 0; i < 2; i++) {
        clockid_t clock;
        struct timespec time = {}; // if there is no clock, nobody gets anything
        clock_getcpuclockid(children[i], &clock);
        clock_gettime(clock, &time);
        used[i] = (double)time.tv_sec + (double)time.tv_nsec / 1e9;
    }
}

static bool about_three(double ratio) {
    return ratio > 2.2 && ratio < 4;
}

// Two jobs that compete on one CPU: what each has of it since both want it. If the machine lets the CPU stand still,
// whoever runs there is charged for it, and pays it back over the next rounds. So it is measured for as long as the
// ratio is not right, for at most 20 seconds of their time. Without shares it would come to 1 : 1.
static void sharing(void) {
    struct counters {
        _Atomic unsigned ready;
        _Atomic bool go, stop;
    } *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static const uint64_t shares[2] = {7500, 2500};
    pid_t children[2];
    for (int i = 0; i < 2; i++) {
        struct job_limits limits = NO_LIMITS;
        limits.cpu_share = shares[i];
        int job = job_with(limits);
        children[i] = start_in_job(job, {
            cpu_set_t one;
            CPU_ZERO(&one), CPU_SET(0, &one);
            sched_setaffinity(0, sizeof one, &one);
            shared->ready++;
            while (!shared->go)
                sched_yield();
            while (!shared->stop)
                ;
        });
        close(job);
    }
    eventually(shared->ready == 2);
    shared->go = true;
    double before[2] = {}, used[2] = {}, ratio = 0;
    cpu_time_of(children, before);
    for (int looks = 0; looks < 800 && (used[0] < 2 || !about_three(ratio)) && used[0] + used[1] < 20; looks++) {
        sleep_ms(50);
        cpu_time_of(children, used);
        used[0] -= before[0], used[1] -= before[1];
        ratio = used[0] / used[1];
    }
    shared->stop = true;
    wait_status(children[0]), wait_status(children[1]);
    ok(about_three(ratio), "7500 : 2500 of a CPU is about 3 : 1 (%d : 100)", (int)(ratio * 100));
    munmap(shared, 4096);
}

int main(void) {
    needs_native();
    tree();
    rights();
    membership();
    thread_limit();
    moving_alone();
    handle_limit();
    memory_limit();
    raising();
    killing();
    sharing();
    return tap_done();
}
