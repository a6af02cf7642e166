// SPDX-License-Identifier: MPL-2.0
// tessera start, stop, restart and status, from the console of a guest with tests/services/*.service: order, what
// others need, what stays stopped, who may command.
#include "services.h"

#include <sys/msg.h>
#include <tessera/handle.h>
#include <tessera/time.h>

static char output[16384];

// Runs /bin/tessera with these words; what it says is in `output`.
static int tessera(const char *words) {
    char line[400], *argv[40] = {"/bin/tessera"};
    int ends[2], count = 1;
    snprintf(line, sizeof line, "%s", words);
    for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
        argv[count++] = word;
    pipe(ends);
    pid_t pid = start_child({
        dup2(ends[1], 1), dup2(ends[1], 2);
        close(ends[0]), close(ends[1]);
        execv(argv[0], argv);
        _exit(120);
    });
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], output + length, sizeof output - 1 - length)) > 0;)
        length += (size_t)got;
    output[length] = '\0';
    close(ends[0]);
    int status = wait_status(pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// It ends with this status, and what it says has `text` in it.
static void says(const char *words, int status, const char *text, const char *what) {
    int got = tessera(words);
    if (!ok(got == status && strstr(output, text), "%s", what))
        printf("# tessera %s: status %d: %s\n", words, got, output);
}

static bool is_in(const char *name, const char *state) {
    struct state s;
    return read_state(name, &s) && strcmp(s.state, state) == 0;
}

// Since when it is in its state.
static double since(const char *name) {
    char line[300], found[32];
    double time = -1, read;
    FILE *file = fopen("/run/tessera/services", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%31s %*s %*s %*s %*s %lf", found, &read) == 2 && strcmp(found, name) == 0)
            time = read;
    if (file)
        fclose(file);
    return time;
}

static int pid_of(const char *name) {
    struct state s;
    return read_state(name, &s) ? s.pid : -1;
}

static bool has_job(const char *name) {
    char line[300], found[64];
    bool there = false;
    FILE *file = fopen("/proc/tessera/jobs", "r");
    while (file && fgets(line, sizeof line, file))
        there |= sscanf(line, "%*s %*s %63s", found) == 1 && strcmp(found, name) == 0;
    if (file)
        fclose(file);
    return there;
}

static void test_order(void) {
    struct state s;
    ok(wait_state("top", "ready", &s), "three services, each of which needs the one before");
    says("status base", 0, "needed by  middle", "status says who needs one");
    says("stop base", 1, "base is needed by these, which --dependents stops first: middle top",
         "one that others need is not stopped");
    ok(is_in("base", "ready") && is_in("middle", "ready") && is_in("top", "ready"), "nor are they");
    ok(has_job("base"), "a service runs in a job");
    says("stop --dependents base", 0, "base: stopped", "unless that is asked for");
    ok(is_in("base", "stopped") && is_in("middle", "stopped") && is_in("top", "stopped"), "all three are stopped");
    ok(since("top") <= since("middle") && since("middle") <= since("base") && since("top") >= 0, "the last one first");
    ok(!has_job("base") && pid_of("base") == 0, "and nothing is left of them");
    says("stop base", 0, "base: did not run", "once more");
    says("status base top", 3, "last end   exit status 0", "the status of what does not run");
    sleep_ms(300);
    ok(is_in("base", "stopped") && is_in("top", "stopped"), "what was stopped stays so");
    says("start top", 0, "top: started (process ", "one is started");
    ok(is_in("base", "ready") && is_in("middle", "ready") && is_in("top", "ready"), "with what it needs");
    ok(since("base") <= since("middle") && since("middle") <= since("top"), "which comes first");
    says("start top", 0, "top: runs already", "once more");
}

static void test_restart(void) {
    int base = pid_of("base"), middle = pid_of("middle"), counter = pid_of("counter");
    says("restart base counter", 0, "counter: restarted (process ", "two are started again");
    ok(is_in("base", "ready") && pid_of("base") != base && pid_of("counter") != counter, "as new processes");
    is(pid_of("middle"), middle, "those who need them go on");
    says("stop middle --dependents", 0, "middle: stopped", "one is stopped");
    says("restart middle", 0, "middle: restarted", "restart is start, then");
    says("start top", 0, "top: started", "what needed it was stopped before");
    kill(pid_of("top"), SIGSTOP);
    says("restart top", 0, "top: restarted", "one that a signal has stopped");
}

static void test_stubborn(void) {
    struct state s;
    ok(wait_state("deaf", "ready", &s), "one that does not listen to SIGTERM");
    int64_t from = deadline_now();
    says("stop deaf", 0, "deaf: stopped", "is stopped");
    ok(deadline_now() - from >= 1'000'000'000, "after a second, in which it might have gone");
    says("status deaf", 3, "last end   signal 9", "by SIGKILL");
    says("start deaf", 0, "deaf: started", "and can be started again");
    wait_state("looper", "waiting", &s);
    says("stop looper", 0, "looper: stopped", "one that waits for its next start");
    read_state("looper", &s);
    int starts = s.starts;
    sleep_ms(200);
    ok(read_state("looper", &s) && s.starts == starts, "is not started any more");
    says("start looper", 1, "looper ended before it was ready: exit status 1", "until it is asked for");
    ok(read_state("looper", &s) && s.starts > starts, "and then again and again");
}

static void test_demand(void) {
    struct state s;
    int queue = msgget(IPC_PRIVATE, 0600);
    says("stop posixd", 0, "posixd: stopped", "one that is started on demand");
    pid_t child = start_child(_exit(msgctl(queue, IPC_RMID, NULL) != 0));
    sleeps(child);
    sleep_ms(100);
    ok(is_in("posixd", "stopped"), "is not, when it was stopped: who asks it waits");
    says("start posixd", 0, "posixd: started", "until it is started");
    exited(wait_status(child), 0, "and is answered");
    ok(wait_state("posixd", "ready", &s), "by the new process");
}

static void test_failures(void) {
    says("start hasty", 1, "hasty ended before it was ready: exit status 1", "one that ends too soon");
    says("start circle-a", 1, "circle-a cannot be started; 'tessera log' says why", "one whose file is wrong");
    says("stop circle-a", 0, "circle-a: did not run", "does not run anyway");
    says("restart nobody", 1, "nobody is no service; 'tessera services' shows them", "one that does not exist");
    says("status nobody", 1, "nobody is no service", "has no status");
    says("stop registryd", 1, "is needed by these", "the registry");
    ok(strstr(output, " counter") != NULL, "is needed by who has a name");
    says("start", 2, "start: which service?", "no name");
    says("stop --often top", 2, "stop: unknown argument '--often'", "an unknown argument");
    says("start --dependents top", 2, "unknown argument", "an argument of another command");
    says("stop --help", 0, "usage: tessera stop", "help");
}

static void test_rights(void) {
    char given[100];
    says("run --grant /bin/tessera:r --grant /run/tessera:r /bin/tessera stop top", 1, "no right to command init",
         "a sandbox has no right to command");
    says("run --grant /bin/tessera:r --grant service:init /bin/tessera stop top", 2, "'init' is no name of a service",
         "nor can it be granted");
    says("run --grant /bin/tessera:r --grant /run/tessera:r /bin/tessera status top", 0, "state      ready",
         "it sees what it was granted to see");
    snprintf(given, sizeof given, "%s", getenv("TESSERA_HANDLES"));
    unsetenv("TESSERA_HANDLES");
    says("stop top", 1, "no right to command init", "root alone is not enough");
    setenv("TESSERA_HANDLES", given, 1);
    ok(is_in("top", "ready"), "nothing has happened");
}

int main(void) {
    test_order();
    test_restart();
    test_stubborn();
    test_demand();
    test_failures();
    test_rights();
    return tap_done();
}
