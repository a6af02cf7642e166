// SPDX-License-Identifier: MPL-2.0
// Services as their clients see them, from the console of a guest with tests/services/*.service: found by name, killed
// a hundred times, confined, restarted, and their crashes recorded. tests/services/services.py boots the guest.
#include "services.h"
#include "tap.h"

#include <errno.h>
#include <protocols/counter.h>
#include <protocols/registry.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/klog.h>
#include <sys/wait.h>
#include <tessera/handle.h>
#include <tessera/time.h>
#include <tessera/token.h>
#include <time.h>
#include <unistd.h>

#define KILLS 100

static int64_t add(int counter, const char *name, int64_t amount) {
    struct counter_add in = {.amount = amount};
    struct counter_add_reply out;
    strcpy(in.name, name);
    int status = counter_add(counter, &in, &out, deadline_after_ms(PATIENCE_MS));
    return status < 0 ? status : out.value;
}

static int64_t get(int counter, const char *name) {
    struct counter_get in = {};
    struct counter_get_reply out;
    strcpy(in.name, name);
    int status = counter_get(counter, &in, &out, deadline_after_ms(PATIENCE_MS));
    return status < 0 ? status : out.value;
}

static void test_use(int counter) {
    is(add(counter, "a", 5), 5, "a call by a right from the registry");
    is(add(counter, "a", -2), 3, "and another");
    is(get(counter, "nobody's"), -ENOENT, "the service's own error");
    is(add(counter, "a", INT64_MAX), -ERANGE, "and another");
}

// The same right all the time: the port is init's, so a call made while nobody serves it just waits.
static void test_kills(int counter) {
    struct state s;
    int64_t pause[KILLS];
    int errors = 0, wrong = 0, missing = 0, first;
    ok(wait_state("counter", "ready", &s), "the counter is ready");
    first = s.starts;
    for (int i = 0; i < KILLS; i++) {
        missing += !wait_state("counter", "ready", &s);
        sleep_ms(110); // a shorter life is a crash loop, and made to wait
        kill(s.pid, SIGKILL);
        int64_t from = deadline_now();
        int64_t value = get(counter, "a");
        pause[i] = (deadline_now() - from) / 1000;
        errors += value < 0;
        wrong += add(counter, "a", 1) != 4 + i;
    }
    qsort(pause, KILLS, sizeof *pause, compare);
    printf("# from kill to answer: median %lld us, longest %lld us\n", (long long)pause[KILLS / 2],
           (long long)pause[KILLS - 1]);
    is(missing, 0, "it came back after each of %d kills", KILLS);
    is(errors, 0, "its client saw no error");
    is(wrong, 0, "and no number was lost");
    ok(wait_state("counter", "ready", &s) && s.starts >= first + KILLS && s.crashes >= KILLS, "all were counted");
}

static void test_registry_kills(void) {
    struct state s;
    int errors = 0;
    for (int i = 0; i < 10; i++) {
        errors += !wait_state("registryd", "ready", &s);
        sleep_ms(110);
        kill(s.pid, SIGKILL);
        int counter = tessera_connect("counter", deadline_after_ms(PATIENCE_MS));
        errors += counter < 0 || get(counter, "a") < 0;
        handle_close(counter);
    }
    is(errors, 0, "the registry was killed ten times, and found the name each time");
}

static void test_waiting(void) {
    int64_t from = deadline_now();
    int right = tessera_connect("nobody", deadline_after_ms(200));
    ok(right == -ETIMEDOUT && deadline_now() - from >= 200'000'000, "a lookup waits for a name until its deadline");
    struct registry_enter in = {.name = "counter", .generation = 1000, .token_size = TOKEN_SIZE, .right = dup(0)};
    is(registry_enter(handle_named("registry"), &in, deadline_after_ms(PATIENCE_MS)), -EACCES,
       "a name without a token");
    struct registry_list list = {};
    struct registry_list_reply entry;
    is(registry_list(handle_named("registry"), &list, &entry, deadline_after_ms(PATIENCE_MS)), 0, "the list of names");
    ok(strcmp(entry.name, "counter") == 0 && entry.generation == 1, "begins with the counter");
}

static void expect_line(const char *line, const char *what) {
    char found[64];
    bool there = false;
    FILE *file = fopen("/tmp/probe", "r");
    while (file && fgets(found, sizeof found, file)) {
        found[strcspn(found, "\n")] = '\0';
        there |= strcmp(found, line) == 0;
    }
    if (file)
        fclose(file);
    ok(there, "%s", what);
}

static void test_rights(void) {
    struct state s;
    char line[64];
    ok(wait_state("probe", "ended", &s), "a service that is not to be restarted has ended");
    expect_line("see-allowed 0", "it saw the name that its file lists");
    snprintf(line, sizeof line, "see-other %d", -ENOENT);
    expect_line(line, "and no other");
    snprintf(line, sizeof line, "other-name %d", -EACCES);
    expect_line(line, "its token is not for another name");
    snprintf(line, sizeof line, "other-generation %d", -EACCES);
    expect_line(line, "nor for another start");
    snprintf(line, sizeof line, "forged %d", -EACCES);
    expect_line(line, "a forged token is none");
    snprintf(line, sizeof line, "set-view %d", -EPERM);
    expect_line(line, "its view is not its to choose");
    expect_line("own-name 0", "it entered its own name");
    expect_line("see-own 0", "and saw it");
    expect_line("handles 1", "nobody gave it the registry's key");
}

static bool record_says(const char *path, const char *text) {
    char all[8192] = "";
    FILE *file = fopen(path, "r");
    if (file) {
        all[fread(all, 1, sizeof all - 1, file)] = '\0';
        fclose(file);
    }
    bool says = strstr(all, text) != NULL;
    if (!says)
        printf("# %s: %s\n", path, all);
    return says;
}

// How many jobs of that name there are.
static int jobs_named(const char *name) {
    char line[300];
    int count = 0;
    FILE *file = fopen("/proc/tessera/jobs", "r");
    while (file && fgets(line, sizeof line, file))
        count += strstr(line, name) != NULL;
    if (file)
        fclose(file);
    return count;
}

static void test_crashes(void) {
    struct state s;
    ok(wait_state("crasher", "ready", &s), "a service that crashes twice at its start gets ready");
    ok(s.starts == 3 && s.crashes == 2, "the third time");
    is(jobs_named("crasher"), 1, "in a job, and those of its earlier starts are gone");
    ok(record_says("/run/tessera/crashes/crasher.0", "reason: signal 11"), "the record has the reason");
    ok(record_says("/run/tessera/crashes/crasher.0", "address 0x8"), "the address");
    ok(record_says("/run/tessera/crashes/crasher.0", "fall+0x"), "the function");
    ok(record_says("/run/tessera/crashes/crasher.0", "(/sbin/crasher+0x"), "its place in the file");
    ok(record_says("/run/tessera/crashes/crasher.0", " main+0x"), "and who called");
    ok(record_says("/run/tessera/crashes/crasher.0", "started again after 0 ms"), "it was started again at once");
    ok(record_says("/run/tessera/crashes/crasher.1", "started again after 25 ms"), "the second time it had to wait");
    ok(record_says("/run/tessera/crashes/counter.0", "reason: signal 9"), "a kill is recorded, too");
}

static bool log_says(const char *text) {
    static char all[1 << 18];
    int size = klogctl(3 /* read all */, all, sizeof all - 1);
    all[size < 0 ? 0 : size] = '\0';
    return strstr(all, text) != NULL;
}

static void test_bad_files(void) {
    struct state s;
    ok(!read_state("bad", &s), "a file with an error is no service");
    ok(log_says("/etc/tessera/services/bad.service:2: colour: no such key"), "and the log says where");
    ok(read_state("circle-a", &s) && strcmp(s.state, "failed") == 0 && s.starts == 0, "services in a circle");
    ok(read_state("circle-b", &s) && strcmp(s.state, "failed") == 0 && s.starts == 0, "are not started");
    ok(log_says("/circle-a.service:2: needs circle-b, which needs it") ||
           log_says("/circle-b.service:2: needs circle-a, which needs it"),
       "and the log says why");
    ok(read_state("lonely", &s) && strcmp(s.state, "failed") == 0, "nor is one that needs what is not there");
    ok(log_says("/lonely.service:2: needs nobody, which is no service"), "and the log says so");
}

// The records of the last crashes, of which there were so many.
static bool delays_are_right(int crashes) {
    bool right = true;
    for (int i = crashes > 8 ? crashes - 8 : 0; i < crashes; i++) {
        char path[64], text[64];
        snprintf(path, sizeof path, "/run/tessera/crashes/looper.%d", i % 8);
        snprintf(text, sizeof text, "started again after %d ms", i == 0 ? 0 : i < 10 ? 25 << (i - 1) : 10000);
        right &= record_says(path, text);
    }
    return right;
}

// It was started again and again while the other tests ran; each time it had to wait longer.
static void test_loop(void) {
    struct state s;
    int64_t waited = 0;
    ok(eventually(read_state("looper", &s) && s.crashes > 3), "a service that fails at once is started again");
    ok(eventually(read_state("looper", &s) && delays_are_right(s.crashes)), "each time twice as late");
    for (int i = 0; i < s.starts - 2; i++)
        waited += i < 9 ? 25 << i : 10000;
    ok(deadline_now() / 1'000'000 >= waited, "%d starts took %lld ms at least", s.starts, (long long)waited);
    ok(record_says("/run/tessera/crashes/looper.0", "reason: exit status 1"), "the records say how it ended");
}

static void test_never_ready(void) {
    struct state s;
    ok(eventually(read_state("sleeper", &s) && s.crashes >= 1), "a service that does not get ready in 10 s");
    ok(record_says("/run/tessera/crashes/sleeper.0", "reason: signal 9"), "is killed");
    ok(log_says("sleeper: is not ready after 10 s"), "and the log says why");
}

// A lookup that began before the service, its third start and the registry's second one.
static void test_patience(void) {
    struct state s;
    pid_t waits = start_child({
        int right = tessera_connect("late", deadline_after_ms(60000));
        struct counter_get in = {.name = "x"};
        struct counter_get_reply out;
        _exit(right < 0 || counter_get(right, &in, &out, deadline_after_ms(PATIENCE_MS)) != 0 || out.value != 42);
    });
    sleeps(waits);
    for (int i = 0; i < 2; i++) {
        ok(wait_state("late", "starting", &s), "a service that is not ready");
        int starts = s.starts;
        kill(s.pid, SIGKILL);
        eventually(read_state("late", &s) && s.starts > starts);
    }
    ok(wait_state("registryd", "ready", &s), "and the registry");
    kill(s.pid, SIGKILL);
    close(open("/tmp/late-go", O_CREAT | O_WRONLY, 0600));
    exited(wait_status(waits), 0, "are killed while a client waits for the name, and it gets it");
    ok(wait_state("late", "ready", &s) && s.starts >= 3, "from the third start");
}

int main(void) {
    int counter = tessera_connect("counter", deadline_after_ms(PATIENCE_MS));
    if (!ok(counter >= 0, "the console finds a service"))
        return tap_done();
    test_use(counter);
    test_rights();
    test_waiting();
    test_kills(counter);
    test_registry_kills();
    test_crashes();
    test_bad_files();
    test_patience();
    test_loop();
    test_never_ready();
    return tap_done();
}
