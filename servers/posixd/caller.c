// SPDX-License-Identifier: MPL-2.0
// Requests of the legacy path, and their callers. One that has to wait is put into a list with its right to a reply, so
// the server itself never waits for anything but the next message or the next caller's deadline.
#include "posixd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct link all_waiting; // caller.all

static void forget(struct caller *caller) {
    link_remove(&caller->link);
    link_remove(&caller->all);
    if (caller->reply >= 0)
        close(caller->reply);
    free(caller);
}

static void caller_end(struct caller *caller) {
    if (caller->ticket) { // it has not taken an answer
        ticket_drop(caller);
        state_commit();
    }
    forget(caller);
}

void callers_init(void) {
    link_init(&all_waiting);
}

void callers_forget(void) {
    while (!link_is_empty(&all_waiting))
        forget((struct caller *)((char *)all_waiting.next - offsetof(struct caller, all)));
}

bool caller_can(const struct caller *caller, int capability) {
    return caller->request.capabilities >> capability & 1;
}

// ---------------------------------------------------------------- answers

int64_t need_input(struct caller *caller, uint32_t size) {
    struct posix_answer head = {.flags = POSIX_NEED_INPUT, .input_size = size};
    transmit(caller, &head, NULL, 0);
    return ANSWERED;
}

int64_t need_memory(struct caller *caller, int64_t bytes) {
    struct posix_answer head = {.flags = POSIX_NEED_MEMORY, .memory = bytes};
    transmit(caller, &head, NULL, 0);
    return ANSWERED;
}

// What the caller's sandbox has to pay for more (or less) than when the kernel was told last.
static int64_t unpaid(const struct caller *caller) {
    return caller->request.job && caller->space ? caller->space->bytes - caller->space->bytes_paid : 0;
}

bool answer(struct caller *caller, int64_t result, const void *data, uint32_t size, uint32_t flags) {
    struct posix_answer head = {.result = result, .flags = flags, .memory = unpaid(caller)};
    if (head.memory > caller->request.memory) {
        state_undo();
        need_memory(caller, head.memory - caller->request.memory);
        return false;
    }
    if (head.memory != 0) {
        KEEP(caller->space->bytes_paid);
        caller->space->bytes_paid = caller->space->bytes;
    }
    ticket_drop(caller);
    bool changed = state_changed();
    if (changed)
        state_answers(caller->request.ticket, &head, data, size);
    bool taken = transmit(caller, &head, data, size);
    if (changed && taken)
        state_commit();
    if (changed && !taken)
        state_undo();
    if (taken)
        caller->ticket = NULL;
    return taken;
}

static void fail(struct caller *caller, int64_t error) {
    state_undo(); // what was allocated before there was no room, say
    answer(caller, error, NULL, 0, 0);
}

void caller_done(struct caller *caller, int64_t result) {
    if (result != ANSWERED)
        fail(caller, result);
    caller_end(caller);
}

// ---------------------------------------------------------------- requests

// Null: it makes no sense (*error is -EINVAL), or there is no memory.
static struct caller *caller_create(uint32_t call, const uint8_t *data, uint32_t size, int *error) {
    struct posix_request request;
    *error = -EINVAL;
    if (size < sizeof request)
        return NULL;
    memcpy(&request, data, sizeof request);
    if (request.group_count > POSIX_GROUPS_MAX || request.input_size > POSIX_INPUT_MAX ||
        size != sizeof request + request.group_count * sizeof(uint32_t) + request.input_size)
        return NULL;
    struct caller *caller = calloc(1, sizeof *caller + request.input_size);
    *error = -ENOMEM;
    if (!caller)
        return NULL;
    link_init(&caller->link);
    link_init(&caller->all);
    caller->reply = -1;
    caller->deadline = INT64_MAX;
    caller->call = call;
    caller->request = request;
    caller->input_size = request.input_size;
    memcpy(caller->groups, data + sizeof request, request.group_count * sizeof(uint32_t));
    memcpy(caller->input, data + sizeof request + request.group_count * sizeof(uint32_t), request.input_size);
    return caller;
}

static int64_t serve(struct caller *caller) {
    const struct kept_answer *kept = state_answered(caller->request.ticket);
    if (kept) { // our predecessor has done it, and died before the caller knew
        transmit(caller, &kept->head, kept->data, kept->size);
        return ANSWERED;
    }
    if (ticket_find(caller))
        return -EIDRM;
    caller->space = space_of_job(caller->request.job);
    if (!caller->space)
        return -ENOMEM;
    space_switch(caller->space);
    if (caller->call >= POSIX_MSGGET && caller->call <= POSIX_MSGCTL)
        return messages_serve(caller);
    if (caller->call >= POSIX_SEMGET && caller->call <= POSIX_SEMCTL)
        return semaphores_serve(caller);
    return -ENOSYS;
}

void serve_call(uint32_t call, const uint8_t *data, uint32_t size, int (*save_reply)(void)) {
    int error;
    struct caller *caller = caller_create(call, data, size, &error);
    if (!caller) {
        struct caller nobody = {.reply = -1, .call = call};
        fail(&nobody, error);
        return;
    }
    int64_t result = serve(caller);
    if (result == WAITS) { // it is in its object's list already
        caller->reply = save_reply();
        link_append(&all_waiting, &caller->all);
        if (caller->reply >= 0)
            return;
        result = caller->reply == -EPIPE ? ANSWERED : -ENOMEM; // -EPIPE: it has left
    }
    caller_done(caller, result);
}

// ---------------------------------------------------------------- those who wait

static void cancel(uint64_t ticket) {
    for (struct link *link = all_waiting.next; link != &all_waiting; link = link->next) {
        struct caller *caller = (struct caller *)((char *)link - offsetof(struct caller, all));
        if (caller->request.ticket == ticket) {
            caller_end(caller);
            return;
        }
    }
    ticket_cancel(ticket); // who has waited for our predecessor
}

void serve_notice(uint32_t type, const uint8_t *data, uint32_t size) {
    struct posix_notice notice;
    if (size != sizeof notice)
        return;
    memcpy(&notice, data, sizeof notice);
    if (type == POSIX_CANCEL)
        cancel(notice.ticket);
    if (type == POSIX_EXIT)
        semaphores_process_ended(notice.process);
    if (type == POSIX_JOB_END)
        space_job_ended(notice.job);
}

int64_t callers_expire(void) {
    int64_t next_deadline = INT64_MAX, time = 0;
    for (struct link *link = all_waiting.next, *next; link != &all_waiting; link = next) {
        struct caller *caller = (struct caller *)((char *)link - offsetof(struct caller, all));
        next = link->next;
        if (caller->deadline == INT64_MAX)
            continue;
        time = time ? time : now();
        if (caller->deadline <= time)
            caller_done(caller, -EAGAIN);
        else if (caller->deadline < next_deadline)
            next_deadline = caller->deadline;
    }
    return next_deadline;
}
