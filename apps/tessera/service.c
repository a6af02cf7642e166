// SPDX-License-Identifier: MPL-2.0
// tessera start, stop, restart: commands to init, by the right that the console's shell has (protocols/init.protocol).
// tessera status: what init writes about a service, which needs no right.

#include "tessera.h"

#include <errno.h>
#include <protocols/init.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/handle.h>
#include <tessera/time.h>
#include <unistd.h>

enum { WAIT_MS = 30000, EXIT_NOT_READY = 3 };

static struct {
    bool json, dependents;
    char **names; // null at the end
} request;

static struct table services;

// ---------------------------------------------------------------- what init says of them

static void look(void) {
    if (!table_read(&services, "/run/tessera/services"))
        fail_to_read("/run/tessera/services");
}

static size_t row_of(const char *name) {
    for (size_t row = 1; row < services.row_count; row++)
        if (strcmp(services.rows[row][0], name) == 0)
            return row;
    return 0;
}

static const char *cell(const char *name, const char *column) {
    int i = table_column(&services, column);
    size_t row = row_of(name);
    return i < 0 || row == 0 ? "-" : services.rows[row][i];
}

static void complain(const char *verb, const char *name, const char *what, const char *more) {
    fflush(stdout);
    fprintf(stderr, PROGRAM ": %s: %s %s%s\n", verb, name, what, more);
}

static void print_json(void) {
    size_t kept = 1;
    for (size_t row = 1; row < services.row_count; row++)
        for (char **name = request.names; *name; name++)
            if (strcmp(services.rows[row][0], *name) == 0) {
                char **swapped = services.rows[kept];
                services.rows[kept++] = services.rows[row];
                services.rows[row] = swapped;
                break;
            }
    size_t all = services.row_count;
    services.row_count = kept;
    table_print_json(&services);
    services.row_count = all;
}

// ---------------------------------------------------------------- commands

static bool explain(const char *verb, const char *name, int status) {
    look();
    if (status == -ENOENT)
        complain(verb, name, "is no service; 'tessera services' shows them", "");
    else if (status == -ENOEXEC)
        complain(verb, name, "cannot be started; 'tessera log' says why", "");
    else if (status == -ECANCELED && strcmp(verb, "stop") == 0)
        complain(verb, name, "was started again before it had ended", "");
    else if (status == -ECANCELED)
        complain(verb, name, "ended before it was ready: ", cell(name, "last_end"));
    else if (status == -ETIMEDOUT)
        complain(verb, name, "takes longer than 30 s; it is ", cell(name, "state"));
    else
        complain(verb, name, "", strerror(-status));
    table_free(&services);
    return false;
}

static void tell(const char *name, bool changed, const char *done, const char *already) {
    if (request.json)
        return;
    look();
    const char *pid = cell(name, "pid");
    printf("%s: %s", name, changed ? done : already);
    printf(strcmp(pid, "0") == 0 ? "\n" : " (process %s)\n", pid);
    fflush(stdout);
    table_free(&services);
}

static bool start(int right, const char *name) {
    struct init_start in = {};
    struct init_start_reply out;
    strcpy(in.name, name);
    int status = init_start(right, &in, &out, deadline_after_ms(WAIT_MS));
    if (status < 0)
        return explain("start", name, status);
    tell(name, out.changed, "started", "runs already");
    return true;
}

static bool restart(int right, const char *name) {
    struct init_restart in = {};
    struct init_restart_reply out;
    strcpy(in.name, name);
    int status = init_restart(right, &in, &out, deadline_after_ms(WAIT_MS));
    if (status < 0)
        return explain("restart", name, status);
    tell(name, true, "restarted", "");
    return true;
}

static bool stop(int right, const char *name) {
    struct init_stop in = {.dependents = request.dependents};
    struct init_stop_reply out;
    strcpy(in.name, name);
    int status = init_stop(right, &in, &out, deadline_after_ms(WAIT_MS));
    if (status < 0)
        return explain("stop", name, status);
    if (out.needed_by[0]) {
        complain("stop", name, "is needed by these, which --dependents stops first: ", out.needed_by);
        return false;
    }
    tell(name, out.changed, "stopped", "did not run");
    return true;
}

static const struct command {
    const char *name, *help;
    bool (*give)(int right, const char *name);
} commands[] = {
    {"start",
     "usage: tessera start [--json] NAME...\n\n"
     "Starts services, with what they need, and waits until they are ready.\n",
     start},
    {"stop",
     "usage: tessera stop [--json] [--dependents] NAME...\n\n"
     "Stops services (SIGTERM, a second later SIGKILL), which stay so until they are\n"
     "started. One that others which run need is not stopped; --dependents: these are\n"
     "stopped before it.\n",
     stop},
    {"restart",
     "usage: tessera restart [--json] NAME...\n\n"
     "Stops services and starts them again. Their ports and memory stay, so their\n"
     "clients just wait.\n",
     restart},
};
static const char status_help[] = "usage: tessera status [--json] NAME...\n\n"
                                  "Shows how services fare. Exit status: 0 if all are ready, 3 if one is not, 1 if\n"
                                  "there is no such service.\n";

static void parse(int argc, char **argv, const char *help) {
    static char *names[64];
    size_t count = 0;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            exit(0);
        } else if (strcmp(argv[i], "--json") == 0)
            request.json = true;
        else if (strcmp(argv[i], "--dependents") == 0 && strcmp(argv[0], "stop") == 0)
            request.dependents = true;
        else if (argv[i][0] == '-' || !*argv[i])
            usage("%s: unknown argument '%s'", argv[0], argv[i]);
        else if (count + 1 == sizeof names / sizeof *names)
            usage("%s: too many services", argv[0]);
        else
            names[count++] = argv[i];
    if (count == 0)
        usage("%s: which service?", argv[0]);
    request.names = names;
}

int command_main(int argc, char **argv) {
    const struct command *command = commands;
    while (strcmp(command->name, argv[0]) != 0)
        command++;
    parse(argc, argv, command->help);
    int right = handle_named("init");
    bool good = true;
    errno = 0;
    if (right < 0)
        fail("%s: no right to command init; the console's shell has one", argv[0]);
    for (char **name = request.names; *name; name++)
        if (strlen(*name) < sizeof((struct init_start *)NULL)->name)
            good &= command->give(right, *name);
        else
            good = explain(argv[0], *name, -ENOENT);
    if (request.json) {
        look();
        print_json();
        table_free(&services);
    }
    return good ? 0 : EXIT_FAILED;
}

// ---------------------------------------------------------------- status

static void print_dependents(const char *name) {
    int needs = table_column(&services, "needs");
    bool first = true;
    for (size_t row = 1; needs >= 0 && row < services.row_count; row++) {
        char words[600], *rest = words, *word;
        snprintf(words, sizeof words, "%s", services.rows[row][needs]);
        while ((word = strsep(&rest, " ")))
            if (strcmp(word, name) == 0) {
                printf("%s%s", first ? "  needed by  " : " ", services.rows[row][0]);
                first = false;
            }
    }
    if (!first)
        putchar('\n');
}

static void print_status(const char *name) {
    double lasts = (double)deadline_now() / 1e9 - strtod(cell(name, "since"), NULL);
    unsigned long crashes = strtoul(cell(name, "crashes"), NULL, 10);
    printf("%s\n  state      %s, for %.1f s\n", name, cell(name, "state"), lasts);
    if (strcmp(cell(name, "pid"), "0") != 0)
        printf("  process    %s\n", cell(name, "pid"));
    printf("  starts     %s\n", cell(name, "starts"));
    if (strcmp(cell(name, "last_end"), "-") != 0)
        printf("  last end   %s\n", cell(name, "last_end"));
    printf("  crashes    %lu", crashes);
    if (crashes > 0)
        printf(", the last in /run/tessera/crashes/%s.%lu", name, (crashes - 1) % 8);
    putchar('\n');
    if (strcmp(cell(name, "needs"), "-") != 0)
        printf("  needs      %s\n", cell(name, "needs"));
    print_dependents(name);
}

int status_main(int argc, char **argv) {
    int worst = 0;
    parse(argc, argv, status_help);
    look();
    for (char **name = request.names; *name; name++)
        if (row_of(*name) == 0) {
            complain("status", *name, "is no service; 'tessera services' shows them", "");
            worst = EXIT_FAILED;
        } else if (strcmp(cell(*name, "state"), "ready") != 0 && worst == 0)
            worst = EXIT_NOT_READY;
    if (request.json)
        print_json();
    for (char **name = request.names; *name && !request.json; name++)
        if (row_of(*name) > 0)
            print_status(*name);
    table_free(&services);
    return worst;
}
