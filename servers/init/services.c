// SPDX-License-Identifier: MPL-2.0
// The lives of services:
//
//   WAITING --(its time has come, what it needs is ready)--> STARTING --(says so, or at once)--> READY
//      ^-------------------------- its process ended, and it is to be started again <--------------+
//      |
//      +--(a message came)-- IDLE: to be started on demand
//
// ENDED: it has done its work. FAILED: it cannot be started. Nothing here blocks for long: init waits in services_wait
// for signals, for services that say they are ready, for faults and for the next start, all at once.
#include "services.h"

#include "init_priv.h"

#include <abi/native_numbers.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tessera/handle.h>
#include <tessera/job.h>
#include <tessera/port.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "/etc/tessera/services"
#define STATE_FILE "/run/tessera/services"
#define FILE_MAX 16384
#define READY_MS 10000 // to get ready in
#define STOP_MS 1000   // from SIGTERM to SIGKILL
#define CONSOLE_VIEW 2 // 1 is init's own
#define FIRST_VIEW 3   // of services

static struct {
    struct service list[SERVICES_MAX];
    unsigned count;
    int signals; // a signalfd, once there are services
    int faults;  // the port for crashes; -1
    int console; // the console's handle to the registry; -1
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

static bool is_registryd(const struct service *service) {
    return strcmp(service->name, REGISTRYD) == 0;
}

static struct service *find(const char *name) {
    for (unsigned i = 0; i < all.count; i++)
        if (strcmp(all.list[i].name, name) == 0)
            return &all.list[i];
    return NULL;
}

// For `tessera services`: names of columns, then a line a service.
static void write_state(void) {
    static const char *const names[] = {"waiting", "idle", "starting", "ready", "stopping", "ended", "failed"};
    FILE *file = fopen(STATE_FILE ".new", "we");
    if (!file)
        return;
    fputs("name\tstate\tpid\tstarts\tcrashes\tsince\n", file);
    for (unsigned i = 0; i < all.count; i++) {
        const struct service *s = &all.list[i];
        fprintf(file, "%s\t%s\t%d\t%u\t%u\t%lld.%03d\n", s->name, names[s->state], s->pid, s->starts, s->crashes,
                (long long)(s->since / 1000), (int)(s->since % 1000));
    }
    fclose(file);
    rename(STATE_FILE ".new", STATE_FILE);
}

static void set_state(struct service *service, enum service_state state) {
    service->state = state;
    service->since = now_ms();
    write_state();
}

// ---------------------------------------------------------------- starting

static void report(const char *service, const char *why) {
    system_log("%s: %s", service, why);
}

static void load_file(const char *file) {
    static char text[FILE_MAX];
    char path[300], name[SERVICE_NAME_MAX + 2], problem[160];
    snprintf(path, sizeof path, FOLDER "/%s", file);
    snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - strlen(".service")), file);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    handle_close(fd);
    if (size < 0) {
        system_log("cannot read %s: %s", path, strerror(errno));
        return;
    }
    text[size] = '\0';
    struct service *service = &all.list[all.count];
    if (service_parse(service, name, text, problem, sizeof problem))
        all.count++;
    else
        system_log("%s: %s", path, problem);
}

static void make_memories(struct service *service) {
    const char *at = service->memory;
    char word[64];
    uint64_t size;
    for (unsigned i = 0; next_word(&at, word, sizeof word) && split_memory(word, &size); i++) {
        service->memories[i] = memfd_create(word, MFD_CLOEXEC);
        if (service->memories[i] < 0 || ftruncate(service->memories[i], (off_t)size) < 0) {
            system_log("%s: cannot keep memory: %s", service->name, strerror(errno));
            service->state = SERVICE_FAILED;
        }
    }
}

static void make_ports(struct service *service) {
    const char *at = service->provides;
    char name[64];
    for (unsigned i = 0; next_word(&at, name, sizeof name); i++) {
        service->ports[i] = port_create(NULL);
        if (service->ports[i] < 0) {
            system_log("%s: cannot make a port: %s", service->name, strerror(-service->ports[i]));
            service->state = SERVICE_FAILED;
        }
    }
    service->registry = is_registryd(service) ? -1 : registry_right(view_of(service));
}

// Its families of system calls come to its first port from now on, whether it runs or not.
static void claim_calls(struct service *service) {
    const char *at = service->serves;
    char name[64];
    while (service->state != SERVICE_FAILED && next_word(&at, name, sizeof name))
        if (syscall(NATIVE_posix_serve, service->ports[0], family_named(name)) < 0) {
            system_log("%s: cannot serve %s: %s", service->name, name, strerror(errno));
            service->state = SERVICE_FAILED;
        }
}

void services_load(void) {
    DIR *folder = opendir(FOLDER);
    struct dirent *entry;
    while (folder && all.count < SERVICES_MAX && (entry = readdir(folder))) {
        const char *end = strstr(entry->d_name, ".service");
        if (end && end[8] == '\0')
            load_file(entry->d_name);
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
    for (unsigned i = 0; i < all.count; i++) {
        make_ports(&all.list[i]);
        make_memories(&all.list[i]);
        claim_calls(&all.list[i]);
        if (all.list[i].start == START_ON_DEMAND && all.list[i].state == SERVICE_WAITING)
            all.list[i].state = SERVICE_IDLE;
    }
    all.console = registry_right(CONSOLE_VIEW);
    all.faults = crash_prepare();
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
    if (!is_registryd(service))
        return;
    bool taken = registry_say_view(CONSOLE_VIEW, "*", "");
    for (unsigned i = 0; taken && i < all.count; i++)
        taken = &all.list[i] == service || registry_introduce(&all.list[i], view_of(&all.list[i]));
    if (!taken)
        kill(service->pid, SIGKILL);
}

void services_equip_console(void) {
    char text[40];
    if (all.count == 0 || all.console < 0 || fcntl(all.console, F_SETFD, 0) < 0)
        return;
    snprintf(text, sizeof text, "registry=%d", all.console);
    setenv("TESSERA_HANDLES", text, 1);
}

static void start(struct service *service) {
    int token = -1, key = -1, crash = crash_right(number_of(service));
    service->starts++;
    if (is_registryd(service))
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

// Starts what is due, and ends what takes too long. Returns how many ms until there is more to do; -1: nothing.
static int step(void) {
    int64_t next = INT64_MAX;
    for (unsigned i = 0; i < all.count; i++) {
        struct service *s = &all.list[i];
        int64_t now = now_ms();
        if (s->state == SERVICE_WAITING && s->due <= now && can_start(s))
            start(s);
        if (s->state == SERVICE_STARTING && now - s->since >= READY_MS) {
            system_log("%s: is not ready after %d s", s->name, READY_MS / 1000);
            kill(s->pid, SIGKILL);
            s->since = now;
        }
        if (s->state == SERVICE_WAITING && s->due > now)
            next = s->due < next ? s->due : next;
        if (s->state == SERVICE_STARTING)
            next = s->since + READY_MS < next ? s->since + READY_MS : next;
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
    bool stopping = service->state == SERVICE_STOPPING, failed = status != 0;
    int64_t lived = now_ms() - service->since, steady = service->state == SERVICE_READY ? lived : 0;
    close_start(service);
    if (stopping) {
        set_state(service, SERVICE_ENDED);
        return true;
    }
    int64_t delay = service_restart_delay(service, failed, steady);
    if (failed || service->restart == RESTART_ALWAYS) {
        service->crashes++;
        crash_record(service, number_of(service), status, lived, delay);
    }
    service->due = now_ms() + delay;
    set_state(service, delay >= 0 ? SERVICE_WAITING : failed ? SERVICE_FAILED : SERVICE_ENDED);
    return true;
}

static void stop(struct service *service) {
    int64_t began = now_ms();
    bool killed = false;
    service->state = SERVICE_STOPPING;
    kill(service->pid, SIGTERM);
    while (service->pid && now_ms() - began < 2 * STOP_MS) {
        int status;
        pid_t pid = waitpid(service->pid, &status, WNOHANG);
        if (pid == service->pid)
            services_ended(pid, status);
        if (service->pid && !killed && now_ms() - began >= STOP_MS) {
            kill(service->pid, SIGKILL);
            killed = true;
        }
        if (service->pid)
            nanosleep(&(struct timespec){.tv_nsec = 1'000'000}, NULL);
    }
}

void services_stop(void) {
    for (unsigned i = all.count; i-- > 0;)
        if (all.list[i].pid)
            stop(&all.list[i]);
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

// What init waits for, and whose it is.
static struct {
    struct pollfd polled[2 + SERVICES_MAX * (1 + PROVIDES_MAX)];
    struct service *of[2 + SERVICES_MAX * (1 + PROVIDES_MAX)];
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
    for (unsigned i = 0; i < all.count; i++)
        want_of(&all.list[i]);
    if (poll(wanted.polled, wanted.count, timeout) <= 0)
        return 0;
    for (nfds_t i = 2; i < wanted.count; i++)
        if (wanted.polled[i].revents)
            came(wanted.of[i]);
    if (wanted.polled[1].revents)
        crash_listen();
    return wanted.polled[0].revents ? take_signal() : 0;
}
