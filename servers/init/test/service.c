// SPDX-License-Identifier: MPL-2.0
// Service files, the order of services, and when they start again.
#include "service.h"
#include "tap.h"

#include <stdlib.h>

static struct service service;
static char problem[160];

static unsigned line;

static bool parse(const char *text) {
    return service_parse(&service, "echo", text, &line, problem, sizeof problem);
}

static bool wrong(const char *text, unsigned where, const char *why) {
    bool refused = !parse(text) && strcmp(problem, why) == 0 && line == where;
    if (!refused)
        printf("# %u: %s\n", line, problem);
    return refused;
}

static void test_files(void) {
    ok(parse("# a comment\n\n  program =  /bin/echo  \narguments = a b\nneeds = x y\r\nlimit-memory = 64M\nuser=7"),
       "a file");
    ok(strcmp(service.program, "/bin/echo") == 0 && strcmp(service.arguments, "a b") == 0, "its texts");
    ok(service.limits.memory == 64 << 20 && service.limits.threads == UINT64_MAX, "its limits");
    ok(service.user == 7 && service.restart == RESTART_ALWAYS && service.ready_when == READY_START, "and the rest");
    ok(has_word(service.needs, "y") && !has_word(service.needs, "z"), "a list");
    ok(parse("program=/x\nprovides=a b\n") && service.ready_when == READY_NOTIFY, "who provides says when it is ready");
    ok(parse("ready=start\nprogram=/x\nprovides=a\n") && service.ready_when == READY_START,
       "unless the file says else");
    ok(parse("needs = a\n") == false && parse("program=/x\n\nneeds = a\n") && service.needs_line == 3,
       "the line of needs");
    char text[2000];
    memset(text, 'a', sizeof text);
    memcpy(text, "program=/", 9);
    text[sizeof text - 1] = '\0';
    ok(wrong(text, 1, "too long"), "a long line");
    text[400] = '\0';
    ok(wrong(text, 1, "program: too long"), "a long value");
    ok(!service_parse(&service, "../etc", "program=/x", &line, problem, sizeof problem), "a name with a path");
}

static void test_wrong_files(void) {
    const struct {
        const char *text, *problem;
        unsigned line;
    } files[] = {
        {"program = echo", "program: want an absolute path", 1},
        {"# nothing", "program: want an absolute path", 0},
        {"program=/x\ncolour = red", "colour: no such key", 2},
        {"program=/x\n colour = 5", "colour: no such key", 2},
        {"program", "want `key = value`", 1},
        {"restart=often", "restart: not always, on-failure or never", 1},
        {"limit-memory=16E", "limit-memory: not a number", 1},
        {"limit-memory=99999999999999999999", "limit-memory: not a number", 1},
        {"limit-memory=18446744073709551615G", "limit-memory: not a number", 1},
        {"program=/x\nlimit-cpu=0", "limit-cpu: want 1 to 10000", 2},
        {"user=root", "user: not a user's number", 1},
        {"program=/x\nmemory=numbers", "memory: want NAME=SIZE", 2},
        {"program=/x\n\n# more\nhandles=log=/tmp/log", "handles: want NAME=/PATH:r, :w or :rw", 4},
        {"program=/x\nhandles=log=/tmp/log:rx", "handles: want NAME=/PATH:r, :w or :rw", 2},
        {"program=/x\nprovides=1 2 3 4 5 6 7 8 9", "provides: too many names, or too long ones", 2},
        {"program=/x\nprovides=a\nserves=sysv-sockets", "serves: no such family of calls", 3},
        {"start=demand\nprogram=/x", "start: on demand needs a port, provides", 1},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        ok(wrong(files[i].text, files[i].line, files[i].problem), "line %u: %s", files[i].line, files[i].problem);
    ok(parse("program=/x\nhandles=log=/tmp/log:w in=/dev/null:r"), "handles as they should be");
}

static char reported[200];
static void report(const struct service *failed, const char *why) {
    snprintf(reported + strlen(reported), sizeof reported - strlen(reported), "%s: %s;", failed->name, why);
}

static struct service make(const char *name, const char *needs) {
    struct service s = {};
    strcpy(s.name, name);
    strcpy(s.needs, needs);
    return s;
}

static void test_order(void) {
    struct service list[4] = {make("c", "b a"), make("b", "a"), make("a", ""), make("d", "c")};
    services_sort(list, 4, report);
    ok(list[0].name[0] == 'a' && list[1].name[0] == 'b' && list[2].name[0] == 'c' && list[3].name[0] == 'd',
       "each comes behind what it needs");
    struct service bad[4] = {make("a", "b"), make("b", "a"), make("c", "ghost"), make("d", "")};
    services_sort(bad, 4, report);
    unsigned failed = 0;
    for (int i = 0; i < 4; i++)
        failed += bad[i].state == SERVICE_FAILED;
    is(failed, 3, "a circle and a missing need fail, and nobody else");
    ok(strstr(reported, "ghost, which is no service") && strstr(reported, "a: needs b, which needs it"),
       "with the reason");
}

static void test_needs(void) {
    struct service list[5] = {make("a", ""), make("b", "a"), make("c", "b"), make("d", ""), make(REGISTRYD, "")};
    bool marked[5];
    strcpy(list[3].provides, "d");
    services_mark_dependents(list, 5, 0, marked);
    ok(marked[0] && marked[1] && marked[2] && !marked[3] && !marked[4], "who needs a service, by others, too");
    services_mark_needs(list, 5, 2, marked);
    ok(marked[0] && marked[1] && marked[2] && !marked[3] && !marked[4], "what one needs");
    services_mark_dependents(list, 5, 4, marked);
    ok(!marked[0] && !marked[1] && !marked[2] && marked[3] && marked[4], "who has a name needs the registry");
    services_mark_needs(list, 5, 3, marked);
    ok(marked[3] && marked[4] && !marked[0], "unasked");
}

static void test_restarts(void) {
    struct service s = {};
    is(service_restart_delay(&s, true, 5000), 0, "after a steady life at once");
    is(service_restart_delay(&s, true, 100), 0, "and again");
    is(service_restart_delay(&s, true, 3), 25, "after a short one a little later");
    is(service_restart_delay(&s, true, 0), 50, "then later");
    for (int i = 0; i < 20; i++)
        service_restart_delay(&s, true, 0);
    is(service_restart_delay(&s, true, 0), 10000, "but not later than that");
    is(service_restart_delay(&s, true, 200), 0, "until it was steady again");
    s.restart = RESTART_ON_FAILURE;
    is(service_restart_delay(&s, false, 200), -1, "its work is done");
    is(service_restart_delay(&s, true, 200), 0, "it is not");
    s.restart = RESTART_NEVER;
    is(service_restart_delay(&s, true, 200), -1, "never is never");
}

int main(void) {
    test_files();
    test_wrong_files();
    test_order();
    test_needs();
    test_restarts();
    return tap_done();
}
