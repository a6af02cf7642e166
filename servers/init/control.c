// SPDX-License-Identifier: MPL-2.0
// Commands about services (protocols/init.protocol), from whoever has a right to send to this port.
//
// init does not wait for what a command brings about: the caller's right to an answer is kept, and control_tell, which
// hears of each change, answers.
#include "services.h"

#include "init_priv.h"

#include <errno.h>
#include <protocols/init.h>
#include <stdio.h>
#include <string.h>
#include <tessera/port.h>
#include <tessera/server.h>

#define WAITS_MAX 64

enum command { COMMAND_START, COMMAND_STOP, COMMAND_RESTART };

static struct {
    int port;
    struct wait {
        int reply;
        const struct service *service;
        enum command command;
    } waits[WAITS_MAX]; // in the order in which they came
    unsigned count;
} control = {.port = -1};

int control_prepare(void) {
    control.port = port_create(NULL);
    return control.port;
}

int control_right(void) {
    return control.port < 0 ? -1 : port_right(control.port, 0);
}

// ---------------------------------------------------------------- answers

static void answer(struct wait wait, int error) {
    struct init_start_reply started = {.changed = 1};
    struct init_stop_reply stopped = {.changed = 1};
    struct init_restart_reply restarted = {.changed = 1};
    if (wait.command == COMMAND_START) // one who has given up needs no answer
        (void)init_start_answer(wait.reply, error, &started);
    else if (wait.command == COMMAND_STOP)
        (void)init_stop_answer(wait.reply, error, &stopped);
    else
        (void)init_restart_answer(wait.reply, error, &restarted);
}

static struct wait take(unsigned number) {
    struct wait wait = control.waits[number];
    control.count--;
    memmove(&control.waits[number], &control.waits[number + 1], (control.count - number) * sizeof wait);
    return wait;
}

static int answer_later(const struct service *service, enum command command) {
    int reply = fipc_reply_save(0);
    if (reply < 0)
        return -reply;
    if (control.count == WAITS_MAX)
        answer(take(0), EAGAIN);
    control.waits[control.count++] = (struct wait){reply, service, command};
    return TESSERA_LATER;
}

// -1: not yet.
static int outcome(const struct wait *wait, int error) {
    const struct service *service = wait->service;
    if (wait->command == COMMAND_STOP)
        return service->state == SERVICE_STOPPED ? 0 : service->held ? -1 : ECANCELED;
    if (error || service->state == SERVICE_STOPPED || service->state == SERVICE_FAILED)
        return error ? error : ECANCELED;
    return !service->held && (service->state == SERVICE_READY || service->state == SERVICE_ENDED) ? 0 : -1;
}

void control_tell(const struct service *service, int error) {
    for (unsigned i = 0; i < control.count;) {
        int status = control.waits[i].service == service ? outcome(&control.waits[i], error) : -1;
        if (status < 0)
            i++;
        else
            answer(take(i), status);
    }
}

// ---------------------------------------------------------------- commands

static struct service *find(const char *name) {
    unsigned count;
    struct service *list = services_list(&count);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(list[i].name, name) == 0)
            return &list[i];
    return NULL;
}

static int demand(const char *name, enum command command, uint8_t *changed) {
    struct service *service = find(name);
    if (!service)
        return ENOENT;
    *changed = 0;
    if (command == COMMAND_START && service->state == SERVICE_READY && !service->held)
        return 0;
    if (!service_demand(service, command == COMMAND_RESTART))
        return ENOEXEC;
    *changed = 1;
    return outcome(&(struct wait){-1, service, command}, 0) == 0 ? 0 : answer_later(service, command);
}

static int start(void *context, uint64_t badge, const struct init_start *in, struct init_start_reply *out) {
    return demand(in->name, COMMAND_START, &out->changed);
}

static int restart(void *context, uint64_t badge, const struct init_restart *in, struct init_restart_reply *out) {
    return demand(in->name, COMMAND_RESTART, &out->changed);
}

static void add_word(char *list, size_t room, const char *word) {
    size_t length = strlen(list);
    snprintf(list + length, room - length, "%s%s", length ? " " : "", word);
}

static int stop(void *context, uint64_t badge, const struct init_stop *in, struct init_stop_reply *out) {
    struct service *service = find(in->name);
    unsigned count;
    struct service *list = services_list(&count);
    bool marked[SERVICES_MAX];
    if (!service)
        return ENOENT;
    *out = (struct init_stop_reply){};
    services_mark_dependents(list, count, (unsigned)(service - list), marked);
    for (unsigned i = 0; i < count && !in->dependents; i++)
        if (marked[i] && &list[i] != service && service_is_up(&list[i]))
            add_word(out->needed_by, sizeof out->needed_by, list[i].name);
    if (out->needed_by[0] || service->state == SERVICE_STOPPED || service->broken)
        return 0;
    for (unsigned i = 0; i < count; i++)
        if (marked[i] && (&list[i] == service || service_is_up(&list[i])))
            service_hold(&list[i]);
    return answer_later(service, COMMAND_STOP);
}

void control_listen(void) {
    struct init_server server = {.start = start, .stop = stop, .restart = restart};
    (void)tessera_serve_one(control.port, init_dispatch, &server); // whatever was wrong with it, the next one comes
}
