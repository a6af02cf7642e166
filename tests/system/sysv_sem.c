// SPDX-License-Identifier: MPL-2.0
// System V semaphores.
#include "posixd.h"

#include <sys/sem.h>

union argument {
    int value;
    struct semid_ds *state;
    unsigned short *values;
};

static int operate(int set, int number, int by, int flags) {
    return semop(set, &(struct sembuf){(unsigned short)number, (short)by, (short)flags}, 1);
}
static int value(int set, int number) {
    return semctl(set, number, GETVAL);
}
static int set_value(int set, int number, int to) {
    return semctl(set, number, SETVAL, (union argument){.value = to});
}

static void sets(void) {
    key_t key = 0x5e3a0000 + getpid();
    fails(semget(key, 1, 0), ENOENT, "no set of this key");
    fails(semget(key, 0, IPC_CREAT | 0600), EINVAL, "a set has a semaphore");
    fails(semget(key, -1, IPC_CREAT | 0600), EINVAL, "not less");
    int set = semget(key, 3, IPC_CREAT | 0600);
    ok(set >= 0, "a set is made");
    is(semget(key, 2, 0), set, "the key leads to it");
    fails(semget(key, 4, 0), EINVAL, "it has not so many");
    fails(semget(key, 3, IPC_CREAT | IPC_EXCL | 0600), EEXIST, "IPC_EXCL refuses");
    unsigned short values[3] = {4, 5, 6}, got[3];
    is(semctl(set, 0, SETALL, (union argument){.values = values}), 0, "SETALL");
    is(semctl(set, 0, GETALL, (union argument){.values = got}), 0, "GETALL");
    ok(!memcmp(values, got, sizeof got), "gives what was set");
    is(semctl(set, 1, GETPID), getpid(), "GETPID");
    values[1] = 40000;
    fails(semctl(set, 0, SETALL, (union argument){.values = values}), ERANGE, "40000 is too much");
    fails(set_value(set, 0, 32768), ERANGE, "so is 32768");
    fails(set_value(set, 3, 1), EINVAL, "there is no fourth");
    fails(semctl(set, 0, SETALL, (union argument){.values = (void *)8}), EFAULT, "a bad address");
    struct semid_ds state;
    is(semctl(set, 0, IPC_STAT, (union argument){.state = &state}), 0, "IPC_STAT");
    ok(state.sem_nsems == 3 && state.sem_otime == 0 && (state.sem_perm.mode & 0777) == 0600, "tells of it");
    state.sem_perm.mode = 0640;
    is(semctl(set, 0, IPC_SET, (union argument){.state = &state}), 0, "IPC_SET");
    operate(set, 0, 1, 0);
    semctl(set, 0, IPC_STAT, (union argument){.state = &state});
    ok((state.sem_perm.mode & 0777) == 0640 && state.sem_otime != 0, "changes the mode; a semop the time");
    is(semctl(set, 0, IPC_RMID), 0, "removed");
    fails(semctl(set, 0, IPC_RMID), EINVAL, "once");
}

static void operations(void) {
    int set = semget(IPC_PRIVATE, 3, 0600);
    is(operate(set, 0, 2, 0), 0, "up by 2");
    is(operate(set, 0, -1, 0), 0, "down by 1");
    is(value(set, 0), 1, "makes 1");
    fails(operate(set, 0, -2, IPC_NOWAIT), EAGAIN, "not down by 2");
    fails(operate(set, 0, 0, IPC_NOWAIT), EAGAIN, "it is not 0");
    fails(operate(set, 0, 32767, 0), ERANGE, "nor can it be 32768");
    fails(operate(set, 3, 1, 0), EFBIG, "there is no fourth");
    fails(semop(set, NULL, 0), EINVAL, "no operation");
    fails(semop(set, (void *)8, 1), EFAULT, "a bad address");
    static struct sembuf many[501];
    fails(semop(set, many, 501), E2BIG, "too many");
    struct sembuf both[] = {{1, 1, 0}, {2, -1, IPC_NOWAIT}};
    fails(semop(set, both, 2), EAGAIN, "the second of two cannot be done");
    is(value(set, 1), 0, "so the first is not either");
    struct sembuf same[] = {{1, 1, 0}, {1, 1, 0}, {1, -2, 0}, {1, 0, 0}};
    is(semop(set, same, 4), 0, "four on one semaphore, in order");
    int64_t before = now_ns();
    struct sembuf down = {1, -1, 0};
    fails(semtimedop(set, &down, 1, &(struct timespec){.tv_nsec = 30'000'000}), EAGAIN, "a wait ends in time");
    ok(now_ns() - before >= 30'000'000, "not before");
    fails(semtimedop(set, &down, 1, &(struct timespec){}), EAGAIN, "no time at all");
    is(semtimedop(set, &(struct sembuf){1, 1, 0}, 1, &(struct timespec){}), 0, "is enough if it can be done");
    fails(semtimedop(set, &down, 1, &(struct timespec){.tv_nsec = -1}), EINVAL, "a bad time");
    semctl(set, 0, IPC_RMID);
}

static void nothing(int signal) {
    (void)signal;
}

static void waiting(void) {
    int set = semget(IPC_PRIVATE, 2, 0600), status;
    pid_t child = start_child(_exit(operate(set, 0, -2, 0)));
    ok(eventually(semctl(set, 0, GETNCNT) == 1), "one waits for it to grow");
    is(semctl(set, 0, GETZCNT), 0, "none for 0");
    operate(set, 0, 1, 0);
    sleep_ms(5);
    is(waitpid(child, &status, WNOHANG), 0, "1 is not enough");
    operate(set, 0, 1, 0);
    exited(wait_status(child), 0, "2 are");
    is(value(set, 0), 0, "and gone");
    is(semctl(set, 0, GETNCNT), 0, "nobody waits");
    set_value(set, 1, 1);
    child = start_child(_exit(operate(set, 1, 0, 0)));
    ok(eventually(semctl(set, 1, GETZCNT) == 1), "one waits for 0");
    operate(set, 1, -1, 0);
    exited(wait_status(child), 0, "which comes");
    child = start_child({
        on_signal(SIGUSR1, nothing, SA_RESTART);
        _exit(operate(set, 0, -1, 0) == 0 || errno != EINTR);
    });
    eventually(semctl(set, 0, GETNCNT) == 1);
    kill(child, SIGUSR1);
    exited(wait_status(child), 0, "a handler ends a wait");
    ok(eventually(semctl(set, 0, GETNCNT) == 0), "it is not counted any more");
    child = start_child(_exit(operate(set, 0, -1, 0) == 0 || errno != EIDRM));
    eventually(semctl(set, 0, GETNCNT) == 1);
    semctl(set, 0, IPC_RMID);
    exited(wait_status(child), 0, "removal ends it with EIDRM");
}

static void undo(void) {
    int set = semget(IPC_PRIVATE, 2, 0600);
    set_value(set, 0, 3);
    exited(in_child(_exit(operate(set, 0, -2, SEM_UNDO) || operate(set, 1, 5, SEM_UNDO) || value(set, 0) != 1)), 0,
           "a child takes 2 with SEM_UNDO");
    is(value(set, 0), 3, "its end gives them back");
    is(value(set, 1), 0, "and takes what it gave");
    pid_t child = start_child({
        operate(set, 0, -3, SEM_UNDO);
        pause();
    });
    ok(eventually(value(set, 0) == 0), "another takes all");
    pid_t waiter = start_child(_exit(operate(set, 0, -1, 0)));
    eventually(semctl(set, 0, GETNCNT) == 1);
    kill(child, SIGKILL);
    wait_status(child);
    exited(wait_status(waiter), 0, "when it is killed, who waits goes on");
    is(value(set, 0), 2, "and has one");
    child = start_child({
        operate(set, 0, -1, SEM_UNDO);
        pause();
    });
    eventually(value(set, 0) == 1);
    set_value(set, 0, 7);
    kill(child, SIGKILL);
    wait_status(child);
    is(value(set, 0), 7, "SETVAL clears what would be undone");
    fails(({
              operate(set, 1, 32767, SEM_UNDO);
              operate(set, 1, -32767, 0);
              operate(set, 1, 2, SEM_UNDO);
          }),
          ERANGE, "the undo of 32769 does not fit");
    semctl(set, 0, IPC_RMID);
}

// Four processes, one lock: the count under it must be exact.
static void lock(void) {
    enum { PROCESSES = 4, ROUNDS = 100 };
    int set = semget(IPC_PRIVATE, 2, 0600);
    set_value(set, 0, 1);
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++)
        children[i] = start_child({
            for (int round = 0; round < ROUNDS; round++) {
                operate(set, 0, -1, SEM_UNDO);
                set_value(set, 1, value(set, 1) + 1);
                operate(set, 0, 1, SEM_UNDO);
            }
        });
    for (int i = 0; i < PROCESSES; i++)
        wait_status(children[i]);
    is(value(set, 1), PROCESSES * ROUNDS, "a semaphore as a lock of four processes");
    is(value(set, 0), 1, "is free afterwards");
    semctl(set, 0, IPC_RMID);
}

static long same_undoes(pid_t a, pid_t b) {
    return syscall(SYS_kcmp, a, b, 6 /* KCMP_SYSVSEM */, 0, 0);
}

static void compared(void) {
    pid_t idle = start_child(pause());
    exited(in_child(_exit(same_undoes(getpid(), idle) != 0)), 0, "who has nothing to undo has the same as others");
    exited(in_child({
               int set = semget(IPC_PRIVATE, 1, 0600);
               operate(set, 0, 1, SEM_UNDO);
               long order = same_undoes(getpid(), idle), back = same_undoes(idle, getpid());
               semctl(set, 0, IPC_RMID);
               _exit(!(order > 0 && back > 0 && order + back == 3 && same_undoes(getpid(), getpid()) == 0));
           }),
           0, "who has, has its own");
    kill(idle, SIGKILL);
    wait_status(idle);
}

int main(void) {
    pid_t server = on_tessera() ? start_posixd() : 0;
    if (!ok(server >= 0, "the calls are there"))
        return tap_done();
    sets();
    operations();
    waiting();
    undo();
    lock();
    compared();
    stop_posixd(server);
    return tap_done();
}
