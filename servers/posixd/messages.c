// SPDX-License-Identifier: MPL-2.0
// System V message queues, with Linux's semantics.
//
// Callers that wait for a queue, to send or to receive, are in one list in the order in which they came. Whenever
// something changes, `settle` goes through it until nobody can go on.
#include "posixd.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>

#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

enum { TEXT_MAX = 8192, QUEUE_BYTES = 16384, QUEUES_MAX = 32000 };

struct text {
    struct link link;
    int64_t type;
    uint32_t size;
    uint8_t wire[]; // the type and the text, as msgrcv gives them
};

struct queue {
    struct object object; // first
    struct link texts;
    uint64_t bytes, count, bytes_max;
    int64_t sent, received, changed; // CLOCK_REALTIME, seconds
    int last_sender, last_receiver;
};

static struct {
    struct kind kind;
    int64_t texts, bytes; // in all queues
} messages = {.kind.max = QUEUES_MAX};

static struct queue *queue_find(int64_t id) {
    return (struct queue *)object_find(&messages.kind, (int)id);
}

// ---------------------------------------------------------------- sending and receiving

// 0, ANSWERED, WAITS (has changed nothing) or an error.
static int64_t try_send(struct queue *queue, struct caller *caller) {
    const int64_t *arguments = caller->request.arguments;
    uint32_t size = caller->input_size - sizeof(int64_t);
    int error = object_permits(&queue->object, caller, 0222);
    if (error)
        return error;
    if (queue->bytes + size > queue->bytes_max || queue->count + 1 > queue->bytes_max)
        return arguments[2] & IPC_NOWAIT ? -EAGAIN : WAITS;
    struct text *text = malloc(sizeof *text + caller->input_size);
    if (!text)
        return -ENOMEM;
    memcpy(&text->type, caller->input, sizeof text->type);
    memcpy(text->wire, caller->input, caller->input_size);
    text->size = size;
    if (!answer(caller, 0, NULL, 0, 0)) {
        free(text);
        return ANSWERED;
    }
    link_append(&queue->texts, &text->link);
    queue->bytes += size;
    queue->count++;
    messages.bytes += size;
    messages.texts++;
    queue->last_sender = caller->request.process;
    queue->sent = time(NULL);
    return ANSWERED;
}

static struct text *choose(struct queue *queue, int64_t wanted, int64_t flags) {
    struct text *best = NULL;
    int64_t index = 0;
    int64_t limit = wanted == INT64_MIN ? INT64_MAX : -wanted;
    for (struct link *link = queue->texts.next; link != &queue->texts; link = link->next, index++) {
        struct text *text = (struct text *)link;
        if (flags & MSG_COPY ? index == wanted
            : wanted == 0    ? true
            : wanted > 0     ? (text->type == wanted) != !!(flags & MSG_EXCEPT)
                             : false)
            return text;
        if (wanted < 0 && !(flags & MSG_COPY) && text->type <= limit && (!best || text->type < best->type))
            best = text;
    }
    return best;
}

static void take(struct queue *queue, struct text *text, int process) {
    link_remove(&text->link);
    queue->bytes -= text->size;
    queue->count--;
    messages.bytes -= text->size;
    messages.texts--;
    queue->last_receiver = process;
    queue->received = time(NULL);
    free(text);
}

static int64_t try_receive(struct queue *queue, struct caller *caller) {
    const int64_t *arguments = caller->request.arguments;
    int64_t room = arguments[1], flags = arguments[3];
    int error = object_permits(&queue->object, caller, 0444);
    if (error)
        return error;
    struct text *text = choose(queue, arguments[2], flags);
    if (!text)
        return flags & IPC_NOWAIT ? -ENOMSG : WAITS;
    // A copy may be cut short without being asked for, as Linux does it.
    if (text->size > (uint64_t)room && !(flags & MSG_NOERROR))
        return -E2BIG;
    int64_t size = text->size < (uint64_t)room ? text->size : room;
    bool taken = answer(caller, size, text->wire, (uint32_t)(sizeof(int64_t) + size), 0);
    if (taken && !(flags & MSG_COPY))
        take(queue, text, caller->request.process);
    return ANSWERED;
}

static int64_t try_call(struct queue *queue, struct caller *caller) {
    return caller->call == POSIX_MSGSND ? try_send(queue, caller) : try_receive(queue, caller);
}

// Who waits goes on if it can.
static void settle(struct queue *queue) {
    for (bool again = true; again;) {
        again = false;
        for (struct link *link = queue->object.waiting.next, *next; link != &queue->object.waiting; link = next) {
            struct caller *caller = (struct caller *)link;
            next = link->next;
            int64_t result = try_call(queue, caller);
            if (result == WAITS)
                continue;
            again = true;
            if (result == ANSWERED)
                caller_end(caller);
            else
                caller_fail(caller, (int)result);
        }
    }
}

static int64_t transfer(struct caller *caller) {
    const int64_t *arguments = caller->request.arguments;
    if (caller->call == POSIX_MSGSND &&
        (caller->input_size < sizeof(int64_t) || caller->input_size > TEXT_MAX + sizeof(int64_t)))
        return -EINVAL;
    if (caller->call == POSIX_MSGRCV && (arguments[3] & MSG_COPY) &&
        ((arguments[3] & MSG_EXCEPT) || !(arguments[3] & IPC_NOWAIT)))
        return -EINVAL;
    struct queue *queue = queue_find(arguments[0]);
    if (!queue)
        return -EINVAL;
    int64_t result = try_call(queue, caller);
    if (result == WAITS)
        link_append(&queue->object.waiting, &caller->link);
    if (result == ANSWERED)
        settle(queue);
    return result;
}

// ---------------------------------------------------------------- msgget, msgctl

static void queue_free(struct queue *queue) {
    while (!link_is_empty(&queue->texts))
        take(queue, (struct text *)queue->texts.next, 0);
    free(queue);
}

static int64_t create(struct caller *caller, key_t key, int flags) {
    struct queue *queue = calloc(1, sizeof *queue);
    if (!queue)
        return -ENOMEM;
    link_init(&queue->texts);
    queue->bytes_max = QUEUE_BYTES;
    queue->changed = time(NULL);
    int error = object_add(&messages.kind, &queue->object, caller, key, flags);
    if (error) {
        free(queue);
        return error;
    }
    if (!answer(caller, queue->object.id, NULL, 0, 0)) {
        object_remove(&messages.kind, &queue->object);
        queue_free(queue);
    }
    return ANSWERED;
}

static int64_t get(struct caller *caller) {
    key_t key = (key_t)caller->request.arguments[0];
    int flags = (int)caller->request.arguments[1];
    struct object *object = key == IPC_PRIVATE ? NULL : object_by_key(&messages.kind, key);
    if (!object && key != IPC_PRIVATE && !(flags & IPC_CREAT))
        return -ENOENT;
    if (!object)
        return create(caller, key, flags);
    if ((flags & IPC_CREAT) && (flags & IPC_EXCL))
        return -EEXIST;
    int error = object_permits(object, caller, flags);
    return error ? error : (answer(caller, object->id, NULL, 0, 0), ANSWERED);
}

static int64_t information(struct caller *caller, int command) {
    struct msginfo info = {
        .msgmax = TEXT_MAX, .msgmnb = QUEUE_BYTES, .msgmni = QUEUES_MAX, .msgssz = 16, .msgseg = 0xffff};
    if (command == MSG_INFO) {
        info.msgpool = messages.kind.used;
        info.msgmap = (int)messages.texts;
        info.msgtql = (int)messages.bytes;
    } else {
        info.msgpool = QUEUES_MAX * (QUEUE_BYTES / 1024);
        info.msgmap = QUEUE_BYTES;
        info.msgtql = QUEUE_BYTES;
    }
    answer(caller, object_highest(&messages.kind), &info, sizeof info, 0);
    return ANSWERED;
}

static int64_t state(struct caller *caller, int command) {
    int id = (int)caller->request.arguments[0];
    struct queue *queue = command == IPC_STAT ? queue_find(id) : (void *)object_at(&messages.kind, id % IDS_MAX);
    if (!queue)
        return -EINVAL;
    int error = command == MSG_STAT_ANY ? 0 : object_permits(&queue->object, caller, 0444);
    if (error)
        return error;
    struct msqid_ds out = {.msg_stime = queue->sent,
                           .msg_rtime = queue->received,
                           .msg_ctime = queue->changed,
                           .msg_cbytes = queue->bytes,
                           .msg_qnum = queue->count,
                           .msg_qbytes = queue->bytes_max,
                           .msg_lspid = queue->last_sender,
                           .msg_lrpid = queue->last_receiver};
    object_get_owner(&queue->object, &out.msg_perm);
    answer(caller, command == IPC_STAT ? 0 : queue->object.id, &out, sizeof out, 0);
    return ANSWERED;
}

static int64_t change(struct caller *caller, int command) {
    struct queue *queue = queue_find(caller->request.arguments[0]);
    struct msqid_ds in;
    if (!queue)
        return -EINVAL;
    if (!object_is_owned(&queue->object, caller))
        return -EPERM;
    if (command == IPC_RMID) {
        if (answer(caller, 0, NULL, 0, 0)) {
            object_remove(&messages.kind, &queue->object);
            queue_free(queue);
        }
        return ANSWERED;
    }
    if (caller->input_size < sizeof in)
        return need_input(caller, sizeof in);
    memcpy(&in, caller->input, sizeof in);
    if (in.msg_qbytes > QUEUE_BYTES && !caller_can(caller, CAPABILITY_SYS_RESOURCE))
        return -EPERM;
    int error = object_set_owner(&queue->object, &in.msg_perm);
    if (error)
        return error;
    queue->bytes_max = in.msg_qbytes;
    queue->changed = time(NULL);
    answer(caller, 0, NULL, 0, 0);
    settle(queue); // there may be room now, or no right any more
    return ANSWERED;
}

int64_t messages_serve(struct caller *caller) {
    int command = (int)caller->request.arguments[1];
    if (caller->call == POSIX_MSGGET)
        return get(caller);
    if (caller->call != POSIX_MSGCTL)
        return transfer(caller);
    switch (command) {
    case IPC_INFO:
    case MSG_INFO:
        return information(caller, command);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
        return state(caller, command);
    case IPC_SET:
    case IPC_RMID:
        return change(caller, command);
    default:
        return -EINVAL;
    }
}
