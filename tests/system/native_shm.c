// SPDX-License-Identifier: MPL-2.0
// System V shared memory and jobs: a sandbox has segments of its own, which go with its last process, and what is
// touched of one is charged to the job of who made it.
#include "jobs.h"

#include <sys/shm.h>

#define KEY 0x5b4e0001
#define SIZE (1 << 20)

static uint64_t used_by(int job) {
    struct job_info info = {};
    job_info(job, &info);
    return info.used.memory;
}

static int used_ids(void) {
    struct shm_info use = {};
    shmctl(0, SHM_INFO, (struct shmid_ds *)&use);
    return use.used_ids;
}

static void apart(void) {
    int mine = shmget(KEY, 4096, IPC_CREAT | 0666), ids = used_ids();
    int job = job_create(-1, "sandbox", JOB_NO_SIGNALS);
    int told[2];
    pipe(told);
    pid_t first = start_in_job(job, {
        bool good = used_ids() == 0 && shmget(KEY, 1, 0) < 0 && errno == ENOENT;
        good &= shmctl(mine, IPC_STAT, &(struct shmid_ds){}) < 0 && errno == EINVAL;
        int id = shmget(KEY, SIZE, IPC_CREAT | 0666);
        char *at = shmat(id, NULL, 0);
        memset(at, 1, SIZE);
        good &= used_ids() == 1;
        write(told[1], &good, sizeof good);
        pause();
    });
    bool good = false;
    read(told[0], &good, sizeof good);
    ok(good, "a sandbox sees no segments of others, and makes its own");
    is(used_ids(), ids, "which others do not see");
    ok(used_by(job) >= SIZE, "what it has touched is charged");
    exited(in_job(job, _exit(shmget(KEY, SIZE, 0) < 0)), 0, "another process of it finds the segment");
    kill(first, SIGKILL);
    wait_status(first);
    ok(eventually(used_by(job) == 0), "with its last process the segment is gone (%llu)",
       (unsigned long long)used_by(job));
    exited(in_job(job, _exit(shmget(KEY, 1, 0) >= 0 || errno != ENOENT)), 0, "a process that comes later finds none");
    is(shmget(KEY, 1, 0), mine, "ours is still there");
    shmctl(mine, IPC_RMID, NULL);
    close(told[0]), close(told[1]), close(job);
}

static void charged(void) {
    struct job_limits limits = NO_LIMITS;
    limits.memory = 8 * SIZE;
    int job = job_with(limits), id = -1, told[2];
    pipe(told);
    exited(in_job(job,
                  {
                      id = shmget(IPC_PRIVATE, 4 * SIZE, 0600);
                      write(told[1], &id, sizeof id);
                      memset(shmat(id, NULL, 0), 1, 2 * SIZE);
                  }),
           0, "a job makes a segment, touches a half, and ends");
    read(told[0], &id, sizeof id);
    ok(used_by(job) >= 2 * SIZE && used_by(job) < 3 * SIZE, "it is charged for that half (%llu)",
       (unsigned long long)used_by(job));
    char *at = shmat(id, NULL, 0);
    memset(at + 2 * SIZE, 1, SIZE);
    ok(used_by(job) >= 3 * SIZE, "and for what another process touches later");
    shmctl(id, IPC_RMID, NULL);
    ok(used_by(job) >= 3 * SIZE, "also after its removal");
    shmdt(at);
    ok(eventually(used_by(job) == 0), "until nobody has it (%llu)", (unsigned long long)used_by(job));
    int status = in_job(job, {
        id = shmget(IPC_PRIVATE, 16 * SIZE, 0600);
        write(told[1], &id, sizeof id);
        memset(shmat(id, NULL, 0), 1, 16 * SIZE);
    });
    read(told[0], &id, sizeof id);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "who wants more than its job may have ends");
    shmctl(id, IPC_RMID, NULL);
    ok(eventually(used_by(job) == 0), "and nothing stays charged");
    close(told[0]), close(told[1]), close(job);
}

int main(void) {
    needs_native();
    apart();
    charged();
    return tap_done();
}
