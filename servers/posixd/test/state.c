// SPDX-License-Identifier: MPL-2.0
// What posixd keeps over its death: a script of random calls is served once in peace, then by servers that are killed
// in the middle again and again, as the kernel would ask their successors; every answer must be the same. A script
// whose callers are called away must leave what it would without those calls.
#include "posixd.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS 20000
#define PROCESSES 6
#define KEYS 5

struct result {
    bool there, notice;
    uint32_t size, sum; // of the data
    int64_t value, memory;
};

// Shared between the servers and us.
static struct shared {
    struct result results[CALLS];
    int served; // all below were asked once
} *shared;

static struct {
    const bool *away; // calls that nobody waits for any more
    bool without;     // them: they are not made
    int calls;
} script;

// ---------------------------------------------------------------- posixd's surroundings

bool transmit(const struct caller *caller, const struct posix_answer *head, const void *data, uint32_t size) {
    struct result result = {.size = size, .value = head->result, .memory = head->memory};
    if (script.away && script.away[caller->request.ticket - 1])
        return false;
    for (uint32_t i = 0; i < size; i++)
        result.sum = result.sum * 31 + ((const uint8_t *)data)[i];
    shared->results[caller->request.ticket - 1] = result;
    atomic_signal_fence(memory_order_seq_cst);
    shared->results[caller->request.ticket - 1].there = true;
    return true;
}

int64_t now(void) {
    return 1;
}

static bool ended[PROCESSES + 1]; // as far as the script has come
bool process_has_ended(int process) {
    return ended[process];
}

bool job_has_ended(uint64_t job) {
    return false;
}

static int save_reply(void) {
    return dup(0);
}

// ---------------------------------------------------------------- the script

static uint32_t mixed(uint64_t seed) {
    seed = (seed + 1) * 0x9e3779b97f4a7c15;
    seed = (seed ^ seed >> 29) * 0xbf58476d1ce4e5b9;
    return (uint32_t)(seed >> 32);
}

static struct {
    struct posix_request request;
    uint8_t input[POSIX_INPUT_MAX];
} wire;

static void input_of(const void *data, uint32_t size) {
    memcpy(wire.input + wire.request.input_size, data, size);
    wire.request.input_size += size;
}

static void set_arguments(int64_t a, int64_t b, int64_t c, int64_t d) {
    int64_t arguments[] = {a, b, c, d};
    memcpy(wire.request.arguments, arguments, sizeof arguments);
}

// Ids are index + 32768 * sequence: guesses hit something now and then.
static int64_t some_id(uint32_t r) {
    return r % 6 + IDS_MAX * (int64_t)(r / 6 % 3);
}

static uint32_t message_call(uint32_t r, uint32_t s) {
    static const uint8_t text[POSIX_INPUT_MAX];
    int64_t type = 1 + s % 4, flags = r / 16 % 4 ? IPC_NOWAIT : 0;
    struct msqid_ds settings = {.msg_qbytes = 100 + s % 16000, .msg_perm.mode = 0666};
    switch (r % 8) {
    case 0:
        set_arguments(s % KEYS, IPC_CREAT | 0666, 0, 0);
        return POSIX_MSGGET;
    case 1:
    case 2:
    case 3:
        input_of(&type, sizeof type);
        input_of(&s, sizeof s);
        input_of(text, s % 9 ? s % 300 : s % 8000);
        set_arguments(some_id(s / 7), 0, flags, 0);
        return POSIX_MSGSND;
    case 4:
    case 5:
    case 6:
        set_arguments(some_id(s / 7), 8192, s % 3 ? type : 0, flags);
        return POSIX_MSGRCV;
    default:
        set_arguments(some_id(s / 7), s % 5 ? IPC_SET : IPC_RMID, 0, 0);
        input_of(&settings, sizeof settings);
        return POSIX_MSGCTL;
    }
}

static uint32_t semaphore_call(uint32_t r, uint32_t s) {
    uint16_t values[4000] = {3, 1, 4, 1};
    struct sembuf operations[3];
    switch (r % 8) {
    case 0:
        set_arguments(s % KEYS, s % 3 ? 4 : s % 4000, IPC_CREAT | 0666, 0);
        return POSIX_SEMGET;
    case 1:
        set_arguments(some_id(s / 7), s % 4, s % 3 ? GETVAL : s % 2 ? SETVAL : IPC_RMID, s % 10);
        return POSIX_SEMCTL;
    case 2:
        set_arguments(some_id(s / 7), 0, s % 2 ? GETALL : SETALL, 0);
        if (s % 2 == 0)
            input_of(values, sizeof values);
        return POSIX_SEMCTL;
    default:
        for (int i = 0; i < 3; i++, s /= 3)
            operations[i] = (struct sembuf){(unsigned short)(s % 4), (short)((int)(s / 4 % 5) - 2),
                                            (short)((s & 1 ? SEM_UNDO : 0) | (s & 6 ? IPC_NOWAIT : 0))};
        input_of(operations, sizeof operations);
        set_arguments(some_id(mixed(s)), 3, INT64_MAX, 0);
        return POSIX_SEMOP;
    }
}

static int process_of(int number) {
    return 1 + (int)(mixed(number) / 8 % PROCESSES);
}

static uint32_t job_of(int number) {
    return mixed(number / 20) % 3;
}

// Nobody waits in a process or a sandbox that has ended. Its calls are called away before the rest of it goes, so a
// server that dies in between finds none of them to serve.
static void call_away(int before, bool (*is_of)(int number, int ended), int ended) {
    for (int i = 0; i < before; i++) {
        if (shared->results[i].there || !is_of(i, ended))
            continue;
        struct posix_notice notice = {.ticket = (uint64_t)i + 1};
        serve_notice(POSIX_CANCEL, (const uint8_t *)&notice, sizeof notice);
        shared->results[i] = (struct result){.there = true, .notice = true};
    }
}
static bool is_of_process(int number, int process) {
    return process_of(number) == process;
}
static bool is_of_job(int number, int job) {
    return (int)job_of(number) == job;
}

static void ask(int number) {
    if (script.without && script.away[number])
        return;
    uint32_t r = mixed(number), s = mixed(r);
    int process = process_of(number);
    if (number % 200 == 149) { // a process ends, and another one gets its number
        struct posix_notice notice = {.process = process};
        call_away(number, is_of_process, process);
        ended[process] = true;
        serve_notice(POSIX_EXIT, (const uint8_t *)&notice, sizeof notice);
        ended[process] = false;
        shared->results[number] = (struct result){.there = true, .notice = true};
        return;
    }
    if (number % 400 == 99) { // a sandbox ends, and another one gets its number
        struct posix_notice notice = {.job = 1 + r % 2};
        call_away(number, is_of_job, (int)notice.job);
        serve_notice(POSIX_JOB_END, (const uint8_t *)&notice, sizeof notice);
        shared->results[number] = (struct result){.there = true, .notice = true};
        return;
    }
    wire.request = (struct posix_request){.ticket = (uint64_t)number + 1,
                                          .job = job_of(number),
                                          .memory = 1 << 30,
                                          .process = process,
                                          .capabilities = UINT64_MAX};
    uint32_t call = r % 2 ? message_call(r / 64, s) : semaphore_call(r / 64, s);
    serve_call(call, (const uint8_t *)&wire, sizeof wire.request + wire.request.input_size, save_reply);
}

// A server's life: those who have no answer ask again, then the rest of the script.
static void live(int memory) {
    callers_init();
    if (!state_open(memory))
        _exit(1);
    spaces_reopen();
    for (int i = 0; i < shared->served; i++)
        if (!shared->results[i].there)
            ask(i);
    while (shared->served < script.calls)
        ask(shared->served++);
}

// ---------------------------------------------------------------- tests

static struct result *results_of(int deaths, const bool *away, unsigned seed, int *answers) {
    int memory = memfd_create("state", MFD_CLOEXEC), killed = 0;
    if (memory < 0 || ftruncate(memory, 256 << 20) < 0)
        return NULL;
    memset(shared, 0, sizeof *shared);
    script.away = away;
    srandom(seed);
    for (;;) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            live(memory);
            _exit(0);
        }
        if (killed < deaths) {
            usleep((useconds_t)(random() % 3000));
            kill(child, SIGKILL);
        }
        waitpid(child, &status, 0);
        killed += WIFSIGNALED(status);
        if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
            printf("# a server died of signal %d\n", WTERMSIG(status));
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            break;
    }
    close(memory);
    printf("# killed %d times\n", killed);
    struct result *results = malloc(sizeof shared->results);
    memcpy(results, shared->results, sizeof shared->results);
    *answers = 0;
    for (int i = 0; i < CALLS; i++)
        *answers += results[i].there && !results[i].notice && results[i].value >= 0;
    return results;
}

static int differences(const struct result *a, const struct result *b, const bool *except) {
    int count = 0;
    for (int i = 0; i < script.calls; i++) {
        bool same = (except && except[i]) || memcmp(&a[i], &b[i], sizeof *a) == 0;
        if (!same && count++ < 5)
            printf("# call %d: %lld and %lld (there %d %d, sizes %u %u)\n", i, (long long)a[i].value,
                   (long long)b[i].value, a[i].there, b[i].there, a[i].size, b[i].size);
    }
    return count;
}

static void test_deaths(const struct result *peace) {
    int answers;
    for (unsigned seed = 1; seed <= 3; seed++) {
        struct result *killed = results_of(200, NULL, seed, &answers);
        ok(answers > CALLS / 8, "servers that are killed serve the script to its end");
        is(differences(peace, killed, NULL), 0, "with the same answers");
        free(killed);
    }
}

static bool away[CALLS];
// Those who waited for what was removed: the server that removed it, or one after it, says so to each.
static void test_removals(const struct result *peace) {
    int removed = 0;
    for (int i = 0; i < script.calls; i++)
        removed += peace[i].there && peace[i].value == -EIDRM;
    ok(removed > 20, "the script removes what others wait for (%d)", removed);
}

static void test_called_away(void) {
    int answers;
    for (int i = 0; i < CALLS; i++)
        away[i] = i % 200 != 149 && i % 400 != 99 && mixed(i * 7) % 4 == 0;
    script.without = true;
    struct result *without = results_of(0, away, 1, &answers);
    ok(answers > CALLS / 8, "without every fourth call");
    script.without = false;
    struct result *away_once = results_of(0, away, 1, &answers);
    is(differences(without, away_once, NULL), 0, "calls whose callers were called away have changed nothing");
    free(without);
    free(away_once);
}

// Two sandboxes and those outside of any use the same keys.
static int64_t ask_for(uint64_t job, int64_t memory, uint32_t call, int64_t a, int64_t b, int64_t c) {
    static uint64_t ticket;
    wire.request = (struct posix_request){
        .ticket = ++ticket, .job = job, .memory = memory, .process = 1, .capabilities = UINT64_MAX};
    set_arguments(a, b, c, 0);
    if (call == POSIX_MSGSND) {
        input_of(&(int64_t){1}, 8);
        input_of(&job, 8);
    }
    shared->results[ticket - 1] = (struct result){.value = INT64_MIN};
    serve_call(call, (const uint8_t *)&wire, sizeof wire.request + wire.request.input_size, save_reply);
    return shared->results[ticket - 1].value;
}

static int64_t kept_for(uint64_t job) {
    return space_of_job(job)->bytes;
}

static void test_spaces(void) {
    enum { KEY = 5, PAID = 1 << 20 };
    script.away = NULL;
    callers_init();
    if (!ok(state_open(-1), "a state of one's own"))
        return;
    spaces_reopen();
    int64_t queues[3];
    for (uint64_t job = 0; job < 3; job++) {
        queues[job] = ask_for(job, PAID, POSIX_MSGGET, KEY, IPC_CREAT | IPC_EXCL | 0600, 0);
        is(ask_for(job, PAID, POSIX_MSGSND, queues[job], 8, IPC_NOWAIT), 0, "a message in space %d", (int)job);
    }
    ok(queues[0] >= 0 && queues[1] == queues[0] && queues[2] == queues[0],
       "each has a queue of that key, and the same id");
    is(ask_for(1, 0, POSIX_MSGRCV, queues[1], 8, 0), 8, "its own message");
    is(ask_for(1, 0, POSIX_MSGRCV, queues[1], 8, 0), INT64_MIN, "is all that there is: the next call waits");
    int64_t before = kept_for(2);
    is(ask_for(2, 0, POSIX_MSGSND, queues[2], 8, 0), 0, "what was not paid for");
    is(kept_for(2), before, "is not done: the kernel is asked for more first");
    space_job_ended(2);
    is(kept_for(2), 0, "a sandbox that has ended leaves nothing");
    is(ask_for(2, PAID, POSIX_MSGGET, KEY, 0600, 0), -ENOENT, "another one of its number finds nothing");
    is(ask_for(0, PAID, POSIX_MSGGET, KEY, 0600, 0), queues[0], "and nobody else has lost anything");
    int made = 0;
    while (made < 100000 && ask_for(1, 1 << 30, POSIX_SEMGET, IPC_PRIVATE, 4000, 0600) >= 0)
        made++;
    ok(made > 100 && made < 1000 && kept_for(1) <= 32 << 20, "a sandbox has at most 32 MiB (%d sets)", made);
    ok(ask_for(2, PAID, POSIX_SEMGET, IPC_PRIVATE, 4000, 0600) >= 0, "and others have room still");
    callers_forget();
    state_close();
}

int main(void) {
    int answers;
    script.calls = CALLS;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct result *peace = results_of(0, NULL, 0, &answers);
    printf("# %d of %d calls did something\n", answers, CALLS);
    ok(answers > CALLS / 8, "the script does something");
    test_removals(peace);
    test_deaths(peace);
    test_spaces();
    test_called_away();
    free(peace);
    return tap_done();
}
