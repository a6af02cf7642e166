// SPDX-License-Identifier: MPL-2.0
// POSIX message queues and jobs: a sandbox has names of its own, which go with its last process; messages are charged
// to the job of who sent them.
#include "jobs.h"

#include <mqueue.h>

#define NAME "/native-mqueue"

static uint64_t used_by(int job) {
    struct job_info info = {};
    job_info(job, &info);
    return info.used.memory;
}

int main(void) {
    needs_native();
    int job = job_create(-1, "sandbox", JOB_NO_SIGNALS), told[2];
    struct mq_attr attr = {.mq_maxmsg = 10, .mq_msgsize = 8192};
    static char text[8192];
    mqd_t mine = mq_open(NAME, O_CREAT | O_RDWR, 0666, &attr);
    mq_send(mine, "mine", 5, 0);
    pipe(told);
    pid_t first = start_in_job(job, {
        bool good = mq_open(NAME, O_RDWR) < 0 && errno == ENOENT;
        mqd_t theirs = mq_open(NAME, O_CREAT | O_EXCL | O_RDWR, 0666, &attr);
        for (int i = 0; i < 10; i++)
            good &= mq_send(theirs, text, sizeof text, 0) == 0;
        write(told[1], &good, sizeof good);
        pause();
    });
    bool good = false;
    read(told[0], &good, sizeof good);
    ok(good, "a sandbox does not see our queue, and makes one of the same name");
    mq_getattr(mine, &attr);
    is(attr.mq_curmsgs, 1, "ours has what we sent");
    ok(used_by(job) >= 10 * sizeof text, "what lies in theirs is charged");
    exited(in_job(job, _exit(mq_open(NAME, O_RDWR) < 0)), 0, "another process of the sandbox finds it");
    kill(first, SIGKILL);
    wait_status(first);
    ok(eventually(used_by(job) == 0), "with the last process it is gone (%llu)", (unsigned long long)used_by(job));
    exited(in_job(job, _exit(mq_open(NAME, O_RDWR) >= 0 || errno != ENOENT)), 0, "who comes later finds none");
    ok(mq_open(NAME, O_RDWR) >= 0, "ours is still there");
    mq_unlink(NAME);
    return tap_done();
}
