// SPDX-License-Identifier: MPL-2.0
// tessera: looks at the system, commands its services, and runs programs in sandboxes.
//
// What the tables show comes from /proc/tessera/*, where a reader sees only what his job lets him see.

#include "tessera.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "usage: tessera COMMAND [OPTIONS]\n"
                           "\n"
                           "Commands:\n"
                           "  run        runs a program in a sandbox (tessera run --help)\n"
                           "  ps         processes, with their jobs and what they use\n"
                           "  handles    open handles of all processes\n"
                           "  ports      ports and rights to send to them\n"
                           "  jobs       jobs, what they use and may use\n"
                           "  services   services that init looks after\n"
                           "  status     how a service fares\n"
                           "  start      starts a service\n"
                           "  stop       stops one\n"
                           "  restart    stops one and starts it again\n"
                           "  log        the kernel's log\n"
                           "  top        processes by the CPU time that they use\n"
                           "  completion bash's completion script: eval \"$(tessera completion)\"\n"
                           "\n"
                           "All but run and completion take --json; all but completion take --help.\n"
                           "Exit status: 0, 1 if something failed, 2 for wrong usage; of run: its program's; of\n"
                           "status: 3 if a service is not ready.\n";

static const char completion[] =
    "_tessera() {\n"
    "    local word=\"${COMP_WORDS[COMP_CWORD]}\" words='--json --help'\n"
    "    case \"$COMP_CWORD:${COMP_WORDS[1]}\" in\n"
    "    1:*) words='run ps handles ports jobs services status start stop restart log top'\n"
    "        words=\"$words completion --help\" ;;\n"
    "    *:run) words='--job --grant --user --help' ;;\n"
    "    *:log) words=\"$words --follow\" ;;\n"
    "    *:top) words=\"$words --rounds --seconds\" ;;\n"
    "    *:stop) words=\"$words --dependents\" ;;\n"
    "    *:completion) words= ;;\n"
    "    esac\n"
    "    case \"${COMP_WORDS[1]}\" in start|stop|restart|status)\n"
    "        [ \"$COMP_CWORD\" = 1 ] || words=\"$words $(tail -n +2 /run/tessera/services 2>/dev/null | cut -f1)\"\n"
    "    esac\n"
    "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
    "    [ \"${COMP_WORDS[1]}\" = run ] && COMPREPLY+=($(compgen -f -- \"$word\"))\n"
    "}\n"
    "complete -F _tessera tessera\n";

int fail_status = EXIT_FAILED;

static void complain(const char *format, va_list arguments) {
    fflush(stdout);
    fputs(PROGRAM ": ", stderr);
    vfprintf(stderr, format, arguments);
}

void fail(const char *format, ...) {
    int code = errno;
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    fprintf(stderr, code ? ": %s\n" : "\n", strerror(code));
    exit(fail_status);
}

void usage(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    fputs("\nTry 'tessera --help'.\n", stderr);
    exit(EXIT_USAGE);
}

void fail_to_read(const char *path) {
    bool services = errno == ENOENT && strcmp(path, "/run/tessera/services") == 0;
    errno = services ? 0 : errno;
    if (services)
        fail("nothing to be seen of services: init has none, or a sandbox hides them");
    fail("cannot read %s", path);
}

static const struct view {
    const char *name, *path, *shows;
    const char *bytes; // the column that has them, for table_shorten
} views[] = {
    {"ps", "/proc/tessera/tasks", "processes: memory in KiB, time on a CPU in milliseconds", NULL},
    {"handles", "/proc/tessera/handles",
     "open handles: the object's type and number; rights r(ead) w(rite)\n"
     "(e)x(ecute) m(ap) s(end) (re)c(eive) d(uplicate) t(ransfer) W(ait) S(ignal)\n"
     "A(dmin) p(ath only); signals in hexadecimal; handles to the object",
     NULL},
    {"ports", "/proc/tessera/ports",
     "ports and rights to send to them: the port's number; a right's badge;\n"
     "messages and bytes queued, and how many may be; rights to send that are open;\n"
     "threads that wait for a message",
     "bytes"},
    {"jobs", "/proc/tessera/jobs", "jobs: what they use and may use; the share of a CPU, of 10000", "memory"},
    {"services", "/run/tessera/services",
     "services that init looks after; since when in\nseconds after boot, how they ended last, and what they need",
     NULL},
};

static int view_main(const struct view *view, int argc, char **argv) {
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            printf("usage: tessera %s [--json]\n\nShows %s.\n", view->name, view->shows);
            return 0;
        }
        if (strcmp(argv[i], "--json") != 0)
            usage("%s: unknown argument '%s'", view->name, argv[i]);
        json = true;
    }
    struct table table;
    if (!table_read(&table, view->path))
        fail_to_read(view->path);
    if (!json)
        table_shorten(&table, view->bytes);
    (json ? table_print_json : table_print)(&table);
    table_free(&table);
    return 0;
}

static int dispatch(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*main)(int argc, char **argv);
    } commands[] = {{"run", run_main},       {"log", log_main},      {"top", top_main},        {"status", status_main},
                    {"start", command_main}, {"stop", command_main}, {"restart", command_main}};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (strcmp(argv[0], views[i].name) == 0)
            return view_main(&views[i], argc, argv);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].main(argc, argv);
    usage("unknown command '%s'", argv[0]);
}

int main(int argc, char **argv) {
    if (argc < 2)
        usage("no command");
    bool asks = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0;
    int status = 0;
    if (asks || strcmp(argv[1], "completion") == 0)
        fputs(asks ? help : completion, stdout);
    else
        status = dispatch(argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout))
        fail("cannot write");
    return status;
}
