// SPDX-License-Identifier: MPL-2.0
// The lives of services:
//
//   WAITING --(its time has come, what it needs is ready)--> STARTING --(says so, or at once)--> READY
//      ^-------------------------- its process ended, and it is to be started again <--------------+
//      |
//      +--(a message came)-- IDLE: to be started on demand
//
// ENDED: it has done its work. FAILED: it cannot be started. A service that is held (by a command, or on the way down)
// goes to STOPPING as soon as none that is held as well needs it, and when its process has ended to STOPPED, or, for a
// restart, to WAITING. Nothing here blocks for long: init waits in services_wait for signals, for services that say
// they are ready, for faults, for commands and for the next start, all at once.
#include "services.h"

#include "init_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <tessera/handle.h>
#include <tessera/job.h>
#include <tessera/port.h>
#include <time.h>
#include <unistd.h>

#define STATE_FILE "/run/tessera/services"
#define READY_MS 10000 // to get ready in
#define STOP_MS 1000   // from SIGTERM to SIGKILL
#define DOWN_MS 10000  // all of them, on the way down
#define CONSOLE_VIEW 2 // 1 is init's own
#define FIRST_VIEW 3   // of services

static struct {
    struct service list[SERVICES_MAX];
    unsigned count;
    int signals;  // a signalfd, once there are services
    int faults;   // the port for crashes; -1
    int commands; // the port for commands; -1
    int console;  // the console's handle to the registry, and
    int command;  // its right to give commands; -1
} all;

int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

static unsigned number_of(const struct service *service) {
    return (unsigned)(service - all.list);
}

static uint64_t view_of(const struct service *service) {
    return FIRST_VIEW + number_of(service);
}

struct service *services_list(unsigned *count) {
    *count = all.count;
    return all.list;
}

static struct service *find(const char *name) {
    for (unsigned i = 0; i < all.count; i++)
        if (strcmp(all.list[i].name, name) == 0)
            return &all.list[i];
    return NULL;
}

// For `tessera services`: names of columns, then a line a service.
static void write_state(void) {
    static const char *const names[] = {"waiting",  "idle",    "starting", "ready",
                                        "stopping", "stopped", "ended",    "failed"};
    FILE *file = fopen(STATE_FILE ".new", "we");
    if (!file)
        return;
    fputs("name\tstate\tpid\tstarts\tcrashes\tsince\tlast_end\tneeds\n", file);
    for (unsigned i = 0; i < all.count; i++) {
        const struct service *s = &all.list[i];
        fprintf(file, "%s\t%s\t%d\t%u\t%u\t%lld.%03d\t%s\t%s\n", s->name, names[s->state], s->pid, s->starts,
                s->crashes, (long long)(s->since / 1000), (int)(s->since % 1000), s->end[0] ? s->end : "-",
                s->needs[0] ? s->needs : "-");
    }
    fclose(file);
    rename(STATE_FILE ".new", STATE_FILE);
}

static void set_state(struct service *service, enum service_state state) {
    service->state = state;
    service->since = now_ms();
    write_state();
    control_tell(service, 0);
}

// ---------------------------------------------------------------- starting

static void report(const struct service *service, const char *why) {
    service_complain(service->name, service->needs_line, why);
}

void services_load(void) {
    DIR *folder = opendir(SERVICES_FOLDER);
    struct dirent *entry;
    while (folder && all.count < SERVICES_MAX && (entry = readdir(folder))) {
        const char *end = strstr(entry->d_name, ".service");
        if (end && end[8] == '\0' && service_load(&all.list[all.count], entry->d_name))
            all.count++;
    }
    if (folder)
        closedir(folder);
    if (all.count == 0)
        return;
    mkdir("/run/tessera", 0755);
    mkdir("/run/tessera/crashes", 0700);
    services_sort(all.list, all.count, report);
    if (find(REGISTRYD))
        registry_prepare();
    for (unsigned i = 0; i < all.count; i++)
        service_equip(&all.list[i], view_of(&all.list[i]));
    all.console = registry_right(CONSOLE_VIEW);
    all.faults = crash_prepare();
    all.commands = control_prepare();
    all.command = control_right();
    write_state();
}

// Registered names and views need a registry that knows them: whoever has such waits for it like for a need.
static bool can_start(const struct service *service) {
    const char *at = service->needs;
    char need[SERVICE_NAME_MAX + 1];
    const struct service *registryd = find(REGISTRYD);
    if (registryd && registryd != service && (service->provides[0] || service->uses[0]) &&
        registryd->state != SERVICE_READY)
        return false;
    while (next_word(&at, need, sizeof need)) {
        const struct service *needed = find(need);
        if (needed->state != SERVICE_READY && needed->state != SERVICE_ENDED && needed->state != SERVICE_IDLE)
            return false;
    }
    return true;
}

static void become_ready(struct service *service) {
    handle_close(service->ready);
    service->ready = -1;
    set_state(service, SERVICE_READY);
    if (!service_is_registryd(service))
        return;
    bool taken = registry_say_view(CONSOLE_VIEW, "*", "");
    for (unsigned i = 0; taken && i < all.count; i++)
        taken = &all.list[i] == service || registry_introduce(&all.list[i], view_of(&all.list[i]));
    if (!taken)
        kill(service->pid, SIGKILL);
}

void services_equip_console(void) {
    const struct {
        const char *name;
        int handle;
    } given[] = {{"registry", all.console}, {"init", all.command}};
    char text[64] = "";
    for (size_t i = 0; all.count > 0 && i < sizeof given / sizeof *given; i++) {
        size_t length = strlen(text);
        if (given[i].handle >= 0 && fcntl(given[i].handle, F_SETFD, 0) == 0)
            snprintf(text + length, sizeof text - length, "%s%s=%d", length ? " " : "", given[i].name, given[i].handle);
    }
    if (text[0])
        setenv("TESSERA_HANDLES", text, 1);
}

static void start(struct service *service) {
    int token = -1, key = -1, crash = crash_right(number_of(service));
    service->starts++;
    if (service_is_registryd(service))
        key = registry_key();
    else if (service->provides[0])
        token = registry_tokens(service, view_of(service));
    pid_t pid = launch(service, token, key, crash);
    handle_close(token);
    handle_close(key);
    handle_close(crash);
    if (pid < 0) {
        system_log("%s: cannot be started: %s", service->name, strerror(-pid));
        service->due = now_ms() + 1000;
        return;
    }
    service->pid = pid;
    set_state(service, SERVICE_STARTING);
    if (service->ready_when == READY_START)
        become_ready(service);
}

// ---------------------------------------------------------------- stopping

bool service_is_up(const struct service *service) {
    return service->pid != 0 || service->state == SERVICE_WAITING;
}

void service_hold(struct service *service) {
    service->held = true;
    service->again = false;
}

static bool is_needed(const struct service *service) {
    for (unsigned i = 0; i < all.count; i++)
        if (all.list[i].held && all.list[i].pid && service_needs(&all.list[i], service))
            return true;
    return false;
}

// A held service without a process has got where it was to go.
static void rest(struct service *service) {
    if (service->again) {
        service->held = service->again = false;
        service->due = now_ms();
        set_state(service, SERVICE_WAITING);
    } else if (service->state != SERVICE_STOPPED && !service->broken)
        set_state(service, SERVICE_STOPPED);
}

static void ask_to_stop(struct service *service) {
    service->killed = false;
    kill(service->pid, SIGTERM);
    kill(service->pid, SIGCONT);
    set_state(service, SERVICE_STOPPING);
}

// `anew`: whether it runs or not.
static void revive(struct service *service, bool anew) {
    service->failures = 0;
    service->held = service->again = service->pid && (anew || service->state == SERVICE_STOPPING);
    service->due = now_ms();
    if (!service->pid)
        set_state(service, SERVICE_WAITING);
}

bool service_demand(struct service *service, bool anew) {
    bool marked[SERVICES_MAX];
    if (service->broken)
        return false;
    services_mark_needs(all.list, all.count, number_of(service), marked);
    for (unsigned i = 0; i < all.count; i++)
        if (marked[i] && &all.list[i] != service && all.list[i].held)
            revive(&all.list[i], false);
    revive(service, anew);
    return true;
}

// ---------------------------------------------------------------- what is due

// Takes a service on. Returns when there will be more to do; INT64_MAX: when something happens.
static int64_t tend(struct service *s) {
    int64_t now = now_ms();
    if (s->held && !s->pid)
        rest(s);
    if (s->held && s->pid && s->state != SERVICE_STOPPING && !is_needed(s))
        ask_to_stop(s);
    if (s->state == SERVICE_WAITING && s->due <= now && can_start(s))
        start(s);
    bool late = s->state == SERVICE_STARTING && now - s->since >= READY_MS;
    if (late) {
        system_log("%s: is not ready after %d s", s->name, READY_MS / 1000);
        s->since = now;
    }
    bool deaf = s->state == SERVICE_STOPPING && !s->killed && now - s->since >= STOP_MS;
    if (deaf)
        s->killed = true;
    if (late || deaf)
        kill(s->pid, SIGKILL);
    return s->state == SERVICE_WAITING && s->due > now  ? s->due
           : s->state == SERVICE_STARTING               ? s->since + READY_MS
           : s->state == SERVICE_STOPPING && !s->killed ? s->since + STOP_MS
                                                        : INT64_MAX;
}

// Starts and stops what is due. Returns how many ms until there is more to do; -1: nothing.
static int step(void) {
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < all.count; i++) {
        int64_t due = tend(&all.list[i]);
        next = due < next ? due : next;
    }
    int64_t left = next - now_ms();
    return next == INT64_MAX ? -1 : left < 0 ? 0 : (int)left;
}

// ---------------------------------------------------------------- ends

static void close_start(struct service *service) {
    handle_close(service->ready);
    if (service->job >= 0)
        (void)job_kill(service->job); // whatever it has left behind
    handle_close(service->job);
    service->ready = service->job = -1;
    service->pid = 0;
}

bool services_ended(pid_t pid, int status) {
    struct service *service = NULL;
    for (unsigned i = 0; i < all.count; i++)
        if (all.list[i].pid == pid)
            service = &all.list[i];
    if (!service)
        return false;
    bool failed = status != 0, was_ready = service->state == SERVICE_READY;
    int64_t lived = now_ms() - service->since, steady = was_ready ? lived : 0;
    end_describe(status, service->end, sizeof service->end);
    close_start(service);
    if (service->held) {
        rest(service);
        return true;
    }
    int64_t delay = service_restart_delay(service, failed, steady);
    if (failed || service->restart == RESTART_ALWAYS) {
        service->crashes++;
        crash_record(service, number_of(service), status, lived, delay);
    }
    service->due = now_ms() + delay;
    set_state(service, delay >= 0 ? SERVICE_WAITING : failed ? SERVICE_FAILED : SERVICE_ENDED);
    if (!was_ready)
        control_tell(service, ECANCELED);
    return true;
}

// One look, after a millisecond at most, at whether they have ended. True: there is one that has not.
static bool wait_for_ends(void) {
    struct pollfd faults = {.fd = all.faults, .events = POLLIN}; // who faults now must not wait for us
    bool more = false;
    if (poll(&faults, 1, 1) > 0)
        crash_listen();
    for (unsigned i = 0; i < all.count; i++) {
        int status;
        pid_t pid = all.list[i].pid;
        if (pid && waitpid(pid, &status, WNOHANG) == pid)
            services_ended(pid, status);
        more |= all.list[i].pid != 0;
    }
    return more;
}

void services_stop(void) {
    int64_t began = now_ms();
    for (unsigned i = 0; i < all.count; i++)
        service_hold(&all.list[i]);
    do
        step();
    while (wait_for_ends() && now_ms() - began < DOWN_MS);
    for (unsigned i = 0; i < all.count; i++)
        if (all.list[i].pid) {
            system_log("%s: has not ended, and is killed", all.list[i].name);
            kill(all.list[i].pid, SIGKILL);
        }
    while (wait_for_ends() && now_ms() - began < DOWN_MS + STOP_MS)
        ;
}

// ---------------------------------------------------------------- waiting

static void hear(struct service *service) {
    char said;
    if (service->state == SERVICE_STARTING && read(service->ready, &said, 1) == 1) {
        become_ready(service);
        return;
    }
    handle_close(service->ready); // closed without a word: the timeout, or its end, will tell
    service->ready = -1;
}

static int take_signal(void) {
    struct signalfd_siginfo info;
    return read(all.signals, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

// What init waits for, and whose it is: its own first.
enum { SIGNALS, FAULTS, COMMANDS, OWN };
static struct {
    struct pollfd polled[OWN + SERVICES_MAX * (1 + PROVIDES_MAX)];
    struct service *of[OWN + SERVICES_MAX * (1 + PROVIDES_MAX)];
    nfds_t count;
} wanted;

static void want(int handle, struct service *service) {
    wanted.of[wanted.count] = service;
    wanted.polled[wanted.count++] = (struct pollfd){.fd = handle, .events = POLLIN};
}

static void want_of(struct service *service) {
    if (service->ready >= 0)
        want(service->ready, service);
    for (unsigned i = 0; service->state == SERVICE_IDLE && i < PROVIDES_MAX && service->ports[i] >= 0; i++)
        want(service->ports[i], service);
}

static void came(struct service *service) {
    if (service->state != SERVICE_IDLE)
        hear(service);
    else
        set_state(service, SERVICE_WAITING);
}

int services_wait(const sigset_t *watched) {
    if (all.count == 0)
        return sigwaitinfo(watched, NULL);
    if (all.signals == 0)
        all.signals = signalfd(-1, watched, SFD_CLOEXEC | SFD_NONBLOCK);
    int timeout = step();
    wanted.count = 0;
    want(all.signals, NULL);
    want(all.faults, NULL);
    want(all.commands, NULL);
    for (unsigned i = 0; i < all.count; i++)
        want_of(&all.list[i]);
    if (poll(wanted.polled, wanted.count, timeout) <= 0)
        return 0;
    for (nfds_t i = OWN; i < wanted.count; i++)
        if (wanted.polled[i].revents)
            came(wanted.of[i]);
    if (wanted.polled[FAULTS].revents)
        crash_listen();
    if (wanted.polled[COMMANDS].revents)
        control_listen();
    return wanted.polled[SIGNALS].revents ? take_signal() : 0;
}
