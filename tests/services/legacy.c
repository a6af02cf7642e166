// SPDX-License-Identifier: MPL-2.0
// System V IPC by init's posixd: started by the first call, killed under load, and nobody notices more than a pause.
#include "services.h"

#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <tessera/time.h>

#define KILLS 40
#define PAIRS 3

static struct text {
    long type;
    char text[200];
} text;

static void kill_server(void) {
    struct state s;
    if (ok(wait_state("posixd", "ready", &s), "posixd is ready"))
        kill(s.pid, SIGKILL);
}

static void test_demand(void) {
    struct state s;
    ok(read_state("posixd", &s) && strcmp(s.state, "idle") == 0 && s.pid == 0, "nobody has asked: posixd does not run");
    int64_t from = deadline_now();
    int queue = msgget(IPC_PRIVATE, 0600);
    printf("# from the first call to its answer: %lld us\n", (long long)(deadline_now() - from) / 1000);
    ok(queue >= 0, "the first call is answered");
    ok(wait_state("posixd", "ready", &s) && s.pid > 1 && s.starts == 1, "by posixd");
    char line[128] = "";
    FILE *paths = fopen("/proc/tessera/paths", "r");
    int server = 0;
    while (paths && fgets(line, sizeof line, paths) && sscanf(line, "legacy sysv-messages server %d", &server) != 1)
        ;
    if (paths)
        fclose(paths);
    is(server, s.pid, "which the kernel knows");
    is(msgctl(queue, IPC_RMID, NULL), 0, "removed");
}

static void test_waiting(void) {
    int queue = msgget(IPC_PRIVATE, 0600), set = semget(IPC_PRIVATE, 1, 0600), id;
    pid_t receiver = start_child(_exit(msgrcv(queue, &text, 200, 0, 0) != 5 || strcmp(text.text, "late") != 0));
    pid_t removed = start_child(_exit(semop(set, &(struct sembuf){0, -1, 0}, 1) == 0 || errno != EIDRM));
    int64_t from = deadline_now();
    pid_t timed = start_child({
        struct timespec wait = {.tv_nsec = 700'000'000};
        _exit(semtimedop(set, &(struct sembuf){0, -1, 0}, 1, &wait) == 0 || errno != EAGAIN ||
              deadline_now() - from < 700'000'000);
    });
    sleeps(receiver);
    sleeps(timed);
    for (int i = 0; i < 4; i++) {
        kill_server();
        sleep_ms(130);
    }
    exited(wait_status(timed), 0, "semtimedop waits as long as it should, whatever happens to the server");
    text.type = 1;
    strcpy(text.text, "late");
    is(msgsnd(queue, &text, 5, 0), 0, "a message after four deaths");
    exited(wait_status(receiver), 0, "gets to him who waited for it all the time");
    is(semctl(set, 0, IPC_RMID), 0, "the set is removed");
    exited(wait_status(removed), 0, "who waits for it is told so");
    id = queue;
    is(msgctl(id, IPC_RMID, NULL), 0, "the queue, too");
}

static void test_undo(void) {
    int set = semget(IPC_PRIVATE, 1, 0600);
    semctl(set, 0, SETVAL, 1);
    pid_t child = start_child({
        if (semop(set, &(struct sembuf){0, -1, SEM_UNDO}, 1) == 0)
            pause();
    });
    ok(eventually(semctl(set, 0, GETVAL) == 0), "a process holds a semaphore");
    kill_server();
    kill(child, SIGKILL);
    wait_status(child);
    is(semctl(set, 0, GETVAL), 1, "SEM_UNDO gives it back, though the server died first");
    semctl(set, 0, IPC_RMID);
}

static struct shared {
    int stop;
    long sent[PAIRS], received[PAIRS], locked;
    int errors;
} *shared;

static void note_error(const char *call) {
    printf("# %s: %s\n", call, strerror(errno));
    fflush(stdout);
    __atomic_fetch_add(&shared->errors, 1, __ATOMIC_SEQ_CST);
    _exit(1);
}

static void send_numbers(int queue, int pair) {
    for (long i = 1; !__atomic_load_n(&shared->stop, __ATOMIC_SEQ_CST); i++) {
        text.type = i;
        if (msgsnd(queue, &text, 50, 0) < 0)
            note_error("msgsnd");
        shared->sent[pair] = i;
    }
    text.type = 1'000'000'000;
    if (msgsnd(queue, &text, 0, 0) < 0)
        note_error("the last msgsnd");
}

static void receive_numbers(int queue, int pair) {
    for (long i = 1;; i++) {
        if (msgrcv(queue, &text, sizeof text.text, 0, 0) < 0)
            note_error("msgrcv");
        if (text.type == 1'000'000'000)
            _exit(0);
        if (text.type != i) {
            printf("# got %ld instead of %ld\n", text.type, i);
            _exit(2);
        }
        shared->received[pair] = i;
    }
}

static void lock(int set) {
    while (!__atomic_load_n(&shared->stop, __ATOMIC_SEQ_CST)) {
        if (semop(set, &(struct sembuf){0, -1, SEM_UNDO}, 1) < 0)
            note_error("semop");
        shared->locked++;
        if (semop(set, &(struct sembuf){0, 1, SEM_UNDO}, 1) < 0)
            note_error("semop");
    }
}

static void test_load(void) {
    int set = semget(IPC_PRIVATE, 1, 0600), queues[PAIRS], bad = 0, missing = 0;
    int64_t pause[KILLS];
    pid_t children[PAIRS][3];
    semctl(set, 0, SETVAL, 1);
    for (int i = 0; i < PAIRS; i++) {
        queues[i] = msgget(IPC_PRIVATE, 0600);
        children[i][0] = start_child({ send_numbers(queues[i], i); });
        children[i][1] = start_child({ receive_numbers(queues[i], i); });
        children[i][2] = start_child({ lock(set); });
    }
    for (int i = 0; i < KILLS; i++) {
        struct state s;
        sleep_ms(110 + i % 7); // a shorter life is a crash loop, and made to wait
        missing += !wait_state("posixd", "ready", &s);
        kill(s.pid, SIGKILL);
        int64_t from = deadline_now();
        missing += semctl(set, 0, GETPID) < 0;
        pause[i] = (deadline_now() - from) / 1000;
    }
    __atomic_store_n(&shared->stop, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < PAIRS; i++)
        for (int k = 0; k < 3; k++)
            bad += wait_status(children[i][k]) != 0;
    qsort(pause, KILLS, sizeof *pause, compare);
    printf("# from kill to answer: median %lld us, longest %lld us\n", (long long)pause[KILLS / 2],
           (long long)pause[KILLS - 1]);
    printf("# %ld messages, %ld times locked\n", shared->sent[0] + shared->sent[1] + shared->sent[2], shared->locked);
    is(missing, 0, "posixd came back after each of %d kills", KILLS);
    is(shared->errors, 0, "no call failed");
    is(bad, 0, "and every message came once, in order");
    for (int i = 0; i < PAIRS; i++)
        is(shared->received[i], shared->sent[i], "all %ld of them", shared->sent[i]);
    ok(shared->sent[0] > KILLS && shared->locked > KILLS, "there was something to lose");
    is(semctl(set, 0, GETVAL), 1, "the lock is free");
    for (int i = 0; i < PAIRS; i++)
        msgctl(queues[i], IPC_RMID, NULL);
    semctl(set, 0, IPC_RMID);
}

int main(void) {
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    test_demand();
    test_waiting();
    test_undo();
    test_load();
    return tap_done();
}
