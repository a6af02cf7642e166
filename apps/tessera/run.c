// SPDX-License-Identifier: MPL-2.0
// tessera run: an unmodified program in a job of its own, with nothing but what it is granted.
//
// The order matters: the job first (whatever goes wrong afterwards is inside of it), then the file system, then the
// identity, which gives up what the first two needed. The parent waits, kills what the program leaves behind, and ends
// as the program did. If the parent is killed the program is too, but not what that has started: `tessera jobs` shows
// it.

#include "tessera.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tessera/handle.h>
#include <tessera/job.h>
#include <tessera/server.h>
#include <tessera/time.h>
#include <unistd.h>

enum { GRANTS_MAX = 64, SERVICES_MAX = 16, SERVICE_WAIT_MS = 5000, NOBODY = 65534 };

static const char help[] = "usage: tessera run [--job LIMITS] [--grant WHAT]... [--user UID] PROGRAM [ARGS...]\n"
                           "\n"
                           "Runs PROGRAM with no authority but its standard files and what is granted.\n"
                           "Needs root; the program is not.\n"
                           "\n"
                           "  --job LIMITS     comma-separated: memory=SIZE (K, M, G), handles=N, threads=N,\n"
                           "                   cpu=N (share of 10000); oom=WHAT ends without memory: process\n"
                           "                   (the largest), job (all), fault (none: SIGBUS for who needs it)\n"
                           "  --grant PATH:r   a file or folder, to read and execute; PATH:rw: and to write\n"
                           "  --grant service:NAME\n"
                           "                   a right to send to it; TESSERA_HANDLES says which: NAME=5\n"
                           "  --grant sockets  make and use sockets\n"
                           "  --grant shm      a /dev/shm of its own, for POSIX semaphores and shared memory\n"
                           "  --user UID       run as this user and group (65534), not 0\n"
                           "\n"
                           "A device file must be granted by its own name (--grant /dev/null:rw). Exit status:\n"
                           "that of the program, 128 + n if signal n ended it, 125 if it could not be run.\n";

static struct {
    struct job_limits limits;
    struct grant grants[GRANTS_MAX];
    size_t grant_count;
    struct {
        const char *name;
        int handle;
    } services[SERVICES_MAX];
    size_t service_count;
    bool sockets, shm;
    unsigned oom; // JOB_OOM_*; 0: the largest process
    unsigned long user;
} request = {.limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}, .user = NOBODY};

static uint64_t parse_number(const char *text, bool size) {
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10), unit = 1;
    if (size && *end && strchr("KMG", *end))
        unit = *end == 'K' ? 1 << 10 : *end == 'M' ? 1 << 20 : 1 << 30, end++;
    if (end == text || *end || errno || *text == '-' || value > UINT64_MAX / unit)
        usage("run: '%s' is no number", text);
    return value * unit;
}

static unsigned parse_oom(const char *text) {
    if (strcmp(text, "job") == 0)
        return JOB_OOM_JOB;
    if (strcmp(text, "fault") == 0)
        return JOB_OOM_FAULT;
    if (strcmp(text, "process") != 0)
        usage("run: oom= wants process, job or fault, not '%s'", text);
    return 0;
}

static void parse_limits(char *text) {
    static char *const names[] = {"memory", "handles", "threads", "cpu", "oom", NULL};
    uint64_t *const limits[] = {&request.limits.memory, &request.limits.handles, &request.limits.threads,
                                &request.limits.cpu_share};
    while (*text) {
        char *value;
        int which = getsubopt(&text, names, &value);
        if (which < 0 || !value)
            usage("run: --job wants memory=, handles=, threads=, cpu= or oom=");
        if (which == 4)
            request.oom = parse_oom(value);
        else
            *limits[which] = parse_number(value, which == 0);
    }
    if (request.limits.cpu_share != UINT64_MAX && (request.limits.cpu_share == 0 || request.limits.cpu_share > 10000))
        usage("run: cpu= wants 1 to 10000");
}

static void parse_service(const char *name) {
    if (!*name || strpbrk(name, " =") || strcmp(name, "registry") == 0 || strcmp(name, "init") == 0)
        usage("run: '%s' is no name of a service", name);
    if (request.service_count == SERVICES_MAX)
        usage("run: more than %d services", SERVICES_MAX);
    request.services[request.service_count++].name = name;
}

static void parse_grant(char *text) {
    if (strncmp(text, "service:", 8) == 0) {
        parse_service(text + 8);
        return;
    }
    bool sockets = strcmp(text, "sockets") == 0, shm = strcmp(text, "shm") == 0;
    request.sockets |= sockets;
    request.shm |= shm;
    if (sockets || shm)
        return;
    char *colon = strrchr(text, ':');
    bool writable = colon && strcmp(colon, ":rw") == 0;
    if (text[0] != '/' || !colon || (!writable && strcmp(colon, ":r") != 0) || strstr(text, "/../"))
        usage("run: '%s' is no grant: an absolute path and :r or :rw, service:NAME, sockets or shm", text);
    if (request.grant_count == GRANTS_MAX)
        usage("run: more than %d grants", GRANTS_MAX);
    *colon = '\0';
    while (colon > text + 1 && colon[-1] == '/')
        *--colon = '\0';
    request.grants[request.grant_count++] = (struct grant){text, writable};
}

// The rest, from the program on.
static char **parse(int argc, char **argv) {
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--help") == 0) {
            fputs(help, stdout);
            exit(0);
        }
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        bool job = strcmp(argv[i], "--job") == 0, grant = strcmp(argv[i], "--grant") == 0;
        if (!job && !grant && strcmp(argv[i], "--user") != 0)
            usage("run: unknown argument '%s'", argv[i]);
        if (!more)
            usage("run: %s wants a value", argv[i]);
        i++;
        if (job)
            parse_limits(argv[i]);
        else if (grant)
            parse_grant(argv[i]);
        else
            request.user = parse_number(argv[i], false);
    }
    if (i >= argc)
        usage("run: no program");
    if (request.user == 0 || request.user > INT32_MAX)
        usage("run: a sandbox is for users 1 to %d", INT32_MAX);
    return argv + i;
}

static void be_nobody(void) {
    gid_t group = (gid_t)request.user;
    if (setgroups(0, NULL) < 0 || setresgid(group, group, group) < 0 ||
        setresuid((uid_t)request.user, (uid_t)request.user, (uid_t)request.user) < 0)
        fail("cannot become user %lu", request.user);
    prctl(PR_SET_PDEATHSIG, SIGKILL); // a change of identity forgets it
}

// A right that we were given under that name, or what the registry that we were given has.
static void find_services(void) {
    for (size_t i = 0; i < request.service_count; i++) {
        int handle = handle_named(request.services[i].name);
        if (handle < 0)
            handle = tessera_connect(request.services[i].name, deadline_after_ms(SERVICE_WAIT_MS));
        errno = handle < 0 ? -handle : 0;
        if (handle < 0)
            fail("no service %s", request.services[i].name);
        request.services[i].handle = handle;
    }
}

static bool is_granted(int handle) {
    for (size_t i = 0; i < request.service_count; i++)
        if (request.services[i].handle == handle)
            return true;
    return false;
}

// Nothing of ours but the three standard files and the services' rights reaches the program.
static void keep_granted_handles(void) {
    char names[SERVICES_MAX * 80] = "";
    int last = 2;
    for (size_t i = 0; i < request.service_count; i++) {
        int handle = request.services[i].handle;
        size_t length = strlen(names);
        int more =
            snprintf(names + length, sizeof names - length, "%s%s=%d", i ? " " : "", request.services[i].name, handle);
        if ((size_t)more >= sizeof names - length || fcntl(handle, F_SETFD, 0) < 0)
            fail("cannot hand over service %s", request.services[i].name);
        last = handle > last ? handle : last;
    }
    for (int handle = 3; handle < last; handle++)
        if (!is_granted(handle))
            close(handle);
    if (syscall(SYS_close_range, last + 1, ~0u, 0) < 0)
        fail("cannot close handles");
    if (names[0] ? setenv("TESSERA_HANDLES", names, 1) : unsetenv("TESSERA_HANDLES"))
        fail("cannot name services");
}

[[noreturn]] static void child(int job, char **program, pid_t parent) {
    fail_status = EXIT_NOT_RUN;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_NOT_RUN);
    errno = -job_enter(job);
    if (errno)
        fail("cannot enter the job");
    grants_apply(request.grants, request.grant_count, request.shm);
    be_nobody();
    keep_granted_handles();
    execvp(program[0], program);
    fail("cannot run %s", program[0]);
}

int run_main(int argc, char **argv) {
    char **program = parse(argc, argv);
    if (geteuid() != 0)
        usage("run: needs root, to mount what is granted and to become another user");
    find_services();
    const char *slash = strrchr(program[0], '/');
    char name[32];
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : program[0]);
    unsigned flags = JOB_NO_DEVICES | JOB_NO_SIGNALS | JOB_NO_NEW_PRIVILEGES | (request.sockets ? 0 : JOB_NO_SOCKETS);
    int job = job_create(-1, name, flags | request.oom);
    int status = job < 0 ? job : job_set_limits(job, &request.limits);
    errno = -status;
    if (status < 0)
        fail("cannot make a job");
    fflush(stdout);
    pid_t self = getpid(), pid = fork();
    if (pid == 0)
        child(job, program, self);
    if (pid < 0)
        fail("cannot fork");
    signal(SIGINT, SIG_IGN); // the terminal's: the program decides
    signal(SIGQUIT, SIG_IGN);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            fail("cannot wait");
    (void)job_kill(job); // whatever it has left behind
    struct pollfd gone = {.fd = job, .events = POLLIN};
    while (poll(&gone, 1, -1) < 0 && errno == EINTR)
        ;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
