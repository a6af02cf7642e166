// SPDX-License-Identifier: MPL-2.0
// Service files, the order of services, and when they start again.
#include "service.h"
#include "tap.h"

#include <stdlib.h>

static struct service service;
static char problem[160];

static bool parse(const char *text) {
    return service_parse(&service, "echo", text, problem, sizeof problem);
}

static bool wrong(const char *text, const char *why) {
    bool refused = !parse(text) && strcmp(problem, why) == 0;
    if (!refused)
        printf("# %s\n", problem);
    return refused;
}

static void test_files(void) {
    ok(parse("# a comment\n\n  program =  /bin/echo  \narguments = a b\nneeds = x y\r\nlimit-memory = 64M\nuser=7"),
       "a file");
    ok(strcmp(service.program, "/bin/echo") == 0 && strcmp(service.arguments, "a b") == 0, "its texts");
    ok(service.limited && service.limits.memory == 64 << 20 && service.limits.threads == UINT64_MAX, "its limits");
    ok(service.user == 7 && service.restart == RESTART_ALWAYS && service.ready_when == READY_START, "and the rest");
    ok(has_word(service.needs, "y") && !has_word(service.needs, "z"), "a list");
    ok(parse("program=/x\nprovides=a b\n") && service.ready_when == READY_NOTIFY, "who provides says when it is ready");
    ok(parse("ready=start\nprogram=/x\nprovides=a\n") && service.ready_when == READY_START,
       "unless the file says else");
    ok(wrong("program = echo", "program: must be an absolute path"), "a program without a path");
    ok(wrong("", "program: must be an absolute path"), "no program");
    ok(wrong("program=/x\ncolour = red", "line 2: not a number"), "an unknown key");
    ok(wrong("program=/x\ncolour = 5", "line 2: not a key"), "with a number, too");
    ok(wrong("program", "line 1: no `key = value`"), "no value");
    ok(wrong("restart=often", "line 1: not always, on-failure or never"), "an unknown choice");
    ok(wrong("limit-memory=16E", "line 1: not a number"), "an unknown unit");
    ok(wrong("limit-memory=99999999999999999999", "line 1: not a number"), "a number that is too large");
    ok(wrong("limit-memory=18446744073709551615G", "line 1: not a number"), "also with its unit");
    ok(wrong("program=/x\nmemory=numbers", "memory: want NAME=SIZE"), "memory without a size");
    ok(wrong("program=/x\nprovides=1 2 3 4 5 6 7 8 9", "provides: too many names, or too long ones"), "too many names");
    char text[2000];
    memset(text, 'a', sizeof text);
    memcpy(text, "program=/", 9);
    text[sizeof text - 1] = '\0';
    ok(wrong(text, "line 1: too long"), "a long line");
    text[400] = '\0';
    ok(wrong(text, "line 1: too long"), "a long value");
    ok(!service_parse(&service, "../etc", "program=/x", problem, sizeof problem), "a name with a path");
}

static char reported[200];
static void report(const char *name, const char *why) {
    snprintf(reported + strlen(reported), sizeof reported - strlen(reported), "%s: %s;", name, why);
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
    test_order();
    test_restarts();
    return tap_done();
}
