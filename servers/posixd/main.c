// SPDX-License-Identifier: MPL-2.0
// posixd: serves the system calls of the legacy path (docs/posixd.md): System V message queues and semaphores.
//
// One port, one thread, one message after another. A caller that has to wait is put into a list with its right to a
// reply, so the server itself never waits for anything but the next message or the next caller's deadline.
#include "posixd.h"

#include <abi/fipc.h>
#include <abi/native_numbers.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct packet {
    struct fipc_message header;
    uint8_t data[POSIX_DATA_MAX] __attribute__((aligned(8)));
};

static struct {
    int port;
    struct link waiting; // caller.all
    struct packet in, out;
} server;

// ---------------------------------------------------------------- callers

bool answer(struct caller *caller, int64_t result, const void *data, uint32_t size, uint32_t flags) {
    struct posix_answer head = {.result = result, .flags = flags};
    if (flags & POSIX_NEED_INPUT)
        head.input_size = (uint32_t)result;
    server.out.header = (struct fipc_message){.type = caller->call, .size = sizeof head + size};
    memcpy(server.out.data, &head, sizeof head);
    if (size > 0)
        memcpy(server.out.data + sizeof head, data, size);
    if (caller->reply < 0)
        return syscall(NATIVE_fipc_reply, &server.out) == 0;
    return syscall(NATIVE_fipc_send, caller->reply, &server.out, 0) == 0;
}

int64_t need_input(struct caller *caller, uint32_t size) {
    answer(caller, size, NULL, 0, POSIX_NEED_INPUT);
    return ANSWERED;
}

void caller_end(struct caller *caller) {
    link_remove(&caller->link);
    link_remove(&caller->all);
    if (caller->reply >= 0)
        close(caller->reply);
    free(caller);
}

void caller_fail(struct caller *caller, int error) {
    answer(caller, error, NULL, 0, 0);
    caller_end(caller);
}

// The request in `server.in`, or NULL: it makes no sense, or there is no memory.
static struct caller *caller_create(void) {
    uint32_t size = server.in.header.size;
    struct posix_request request;
    if (size < sizeof request)
        return NULL;
    memcpy(&request, server.in.data, sizeof request);
    if (request.group_count > POSIX_GROUPS_MAX ||
        size != sizeof request + request.group_count * 4 + (uint64_t)request.input_size)
        return NULL;
    struct caller *caller = calloc(1, sizeof *caller + request.input_size);
    if (!caller)
        return NULL;
    link_init(&caller->link);
    link_init(&caller->all);
    caller->reply = -1;
    caller->deadline = INT64_MAX;
    caller->call = server.in.header.type;
    caller->request = request;
    caller->input_size = request.input_size;
    memcpy(caller->groups, server.in.data + sizeof request, request.group_count * 4);
    memcpy(caller->input, server.in.data + sizeof request + request.group_count * 4, request.input_size);
    return caller;
}

// It is in its object's list already.
static void caller_waits(struct caller *caller) {
    caller->reply = (int)syscall(NATIVE_fipc_reply_save, 0);
    if (caller->reply >= 0) {
        link_append(&server.waiting, &caller->all);
        return;
    }
    if (errno != EPIPE) // EPIPE: it has left
        answer(caller, -ENOMEM, NULL, 0, 0);
    caller_end(caller);
}

static void cancel(uint64_t ticket) {
    for (struct link *link = server.waiting.next; link != &server.waiting; link = link->next) {
        struct caller *caller = (struct caller *)((char *)link - offsetof(struct caller, all));
        if (caller->request.ticket == ticket) {
            caller_end(caller);
            return;
        }
    }
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

// Ends those whose time is over. Returns the next deadline.
static int64_t expire(void) {
    int64_t next_deadline = FIPC_FOREVER;
    for (struct link *link = server.waiting.next, *next; link != &server.waiting; link = next) {
        struct caller *caller = (struct caller *)((char *)link - offsetof(struct caller, all));
        next = link->next;
        if (caller->deadline == INT64_MAX)
            continue;
        if (caller->deadline <= now())
            caller_fail(caller, -EAGAIN);
        else if (caller->deadline < next_deadline)
            next_deadline = caller->deadline;
    }
    return next_deadline;
}

// ---------------------------------------------------------------- messages

static void serve_call(void) {
    struct caller *caller = caller_create();
    if (!caller) {
        struct caller nobody = {.reply = -1, .call = server.in.header.type};
        answer(&nobody, -ENOMEM, NULL, 0, 0);
        return;
    }
    int64_t (*serve)(struct caller *caller) = caller->call <= POSIX_MSGCTL   ? messages_serve
                                              : caller->call <= POSIX_SEMCTL ? semaphores_serve
                                                                             : NULL;
    int64_t result = serve ? serve(caller) : -ENOSYS;
    if (result == WAITS) {
        caller_waits(caller);
        return;
    }
    if (result != ANSWERED)
        answer(caller, result, NULL, 0, 0);
    caller_end(caller);
}

static void serve_notice(void) {
    struct posix_notice notice;
    if (server.in.header.size != sizeof notice)
        return;
    memcpy(&notice, server.in.data, sizeof notice);
    if (server.in.header.type == POSIX_CANCEL)
        cancel(notice.ticket);
    if (server.in.header.type == POSIX_EXIT)
        semaphores_process_ended(notice.process);
}

static bool claim(unsigned family) {
    if (syscall(NATIVE_posix_serve, server.port, family) == 0)
        return true;
    fprintf(stderr, "posixd: cannot serve family %u: %s\n", family, strerror(errno));
    return false;
}

int main(void) {
    link_init(&server.waiting);
    // One handle for each caller that waits.
    struct rlimit handles = {.rlim_cur = 65536, .rlim_max = 65536};
    setrlimit(RLIMIT_NOFILE, &handles);
    server.port = (int)syscall(NATIVE_port_create, NULL);
    if (server.port < 0) {
        perror("posixd: no port");
        return 1;
    }
    if (!claim(POSIX_SYSV_MESSAGES) || !claim(POSIX_SYSV_SEMAPHORES))
        return 1;
    for (;;) {
        int64_t deadline = expire();
        if (syscall(NATIVE_fipc_recv, server.port, &server.in, sizeof server.in, deadline) != 0) {
            if (errno == ETIMEDOUT || errno == EAGAIN || errno == EINTR)
                continue;
            perror("posixd");
            return 1;
        }
        if (server.in.header.flags & FIPC_CALL)
            serve_call();
        else
            serve_notice();
    }
}
