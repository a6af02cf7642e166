// SPDX-License-Identifier: MPL-2.0
// System V message queues, with Linux's semantics.
//
// Callers that wait for a queue, to send or to receive, are in one list in the order in which they came.
#include "posixd.h"

#include <errno.h>
#include <string.h>
#include <sys/msg.h>
#include <time.h>

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
    uint64_t bytes_max;
    int64_t changed; // CLOCK_REALTIME, seconds
    struct {         // changes with each message
        uint64_t bytes, texts;
        int64_t sent, received;
        int last_sender, last_receiver;
    } counts;
};

static struct kind *kind(void) {
    return &space()->queues;
}
static int64_t try_call(struct object *object, struct caller *caller);
static struct object *create(struct caller *caller, int *error);
static void destroy(struct object *object);
static const struct family family = {kind, QUEUES_MAX, create, destroy, try_call};

// What this does to the numbers of messages and bytes.
static void count(struct queue *queue, int64_t texts, int64_t bytes) {
    KEEP(queue->counts);
    KEEP(space()->texts);
    KEEP(space()->text_bytes);
    queue->counts.texts += texts;
    queue->counts.bytes += bytes;
    space()->texts += texts;
    space()->text_bytes += bytes;
}

// ---------------------------------------------------------------- sending and receiving

static int64_t try_send(struct queue *queue, struct caller *caller) {
    const int64_t *arguments = caller->request.arguments;
    uint32_t size = caller->input_size - sizeof(int64_t);
    int error = object_permits(&queue->object, caller, 0222);
    if (error)
        return error;
    if (queue->counts.bytes + size > queue->bytes_max || queue->counts.texts + 1 > queue->bytes_max)
        return arguments[2] & IPC_NOWAIT ? -EAGAIN : WAITS;
    struct text *text = state_allocate(sizeof *text + caller->input_size);
    if (!text)
        return -ENOMEM;
    memcpy(&text->type, caller->input, sizeof text->type);
    memcpy(text->wire, caller->input, caller->input_size);
    text->size = size;
    kept_append(&queue->texts, &text->link);
    count(queue, 1, size);
    queue->counts.last_sender = caller->request.process;
    queue->counts.sent = time(NULL);
    answer(caller, 0, NULL, 0, 0);
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

static void text_free(struct text *text) {
    state_free(text, sizeof *text + sizeof text->type + text->size);
}

static void take(struct queue *queue, struct text *text, int process) {
    kept_remove(&text->link);
    count(queue, -1, -(int64_t)text->size);
    queue->counts.last_receiver = process;
    queue->counts.received = time(NULL);
    text_free(text);
}

static int64_t try_receive(struct queue *queue, struct caller *caller) {
    static uint8_t wire[sizeof(int64_t) + TEXT_MAX];
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
    uint32_t size = text->size < (uint64_t)room ? text->size : (uint32_t)room;
    memcpy(wire, text->wire, sizeof(int64_t) + size);
    if (!(flags & MSG_COPY))
        take(queue, text, caller->request.process);
    answer(caller, size, wire, (uint32_t)sizeof(int64_t) + size, 0);
    return ANSWERED;
}

static int64_t try_call(struct object *object, struct caller *caller) {
    struct queue *queue = (struct queue *)object;
    return caller->call == POSIX_MSGSND ? try_send(queue, caller) : try_receive(queue, caller);
}

static int64_t transfer(struct caller *caller) {
    const int64_t *arguments = caller->request.arguments;
    if (caller->call == POSIX_MSGSND &&
        (caller->input_size < sizeof(int64_t) || caller->input_size > TEXT_MAX + sizeof(int64_t)))
        return -EINVAL;
    if (caller->call == POSIX_MSGRCV && (arguments[3] & MSG_COPY) &&
        ((arguments[3] & MSG_EXCEPT) || !(arguments[3] & IPC_NOWAIT)))
        return -EINVAL;
    struct object *object = object_find(&family, arguments[0]);
    return object ? object_serve(&family, object, caller) : -EINVAL;
}

// ---------------------------------------------------------------- msgget, msgctl

static void destroy(struct object *object) {
    struct queue *queue = (struct queue *)object;
    count(queue, -(int64_t)queue->counts.texts, -(int64_t)queue->counts.bytes);
    for (struct link *link = queue->texts.next, *next; link != &queue->texts; link = next) {
        next = link->next;
        text_free((struct text *)link);
    }
    state_free(queue, sizeof *queue);
}

static struct object *create(struct caller *caller, int *error) {
    struct queue *queue = state_allocate(sizeof *queue);
    if (!queue)
        return NULL;
    link_init(&queue->texts);
    queue->bytes_max = QUEUE_BYTES;
    queue->changed = time(NULL);
    return &queue->object;
}

static int check(const struct object *found, const struct caller *caller) {
    return 0;
}

static int64_t information(struct caller *caller, int command) {
    struct msginfo info = {
        .msgmax = TEXT_MAX, .msgmnb = QUEUE_BYTES, .msgmni = QUEUES_MAX, .msgssz = 16, .msgseg = 0xffff};
    if (command == MSG_INFO) {
        info.msgpool = kind()->used;
        info.msgmap = (int)space()->texts;
        info.msgtql = (int)space()->text_bytes;
    } else {
        info.msgpool = QUEUES_MAX * (QUEUE_BYTES / 1024);
        info.msgmap = QUEUE_BYTES;
        info.msgtql = QUEUE_BYTES;
    }
    answer(caller, object_highest(&family), &info, sizeof info, 0);
    return ANSWERED;
}

static int64_t state(struct caller *caller, int command) {
    int error;
    struct queue *queue =
        (struct queue *)object_to_show(&family, caller, command == IPC_STAT, command == MSG_STAT_ANY, &error);
    if (!queue)
        return error;
    struct msqid_ds out = {.msg_stime = queue->counts.sent,
                           .msg_rtime = queue->counts.received,
                           .msg_ctime = queue->changed,
                           .msg_cbytes = queue->counts.bytes,
                           .msg_qnum = queue->counts.texts,
                           .msg_qbytes = queue->bytes_max,
                           .msg_lspid = queue->counts.last_sender,
                           .msg_lrpid = queue->counts.last_receiver};
    object_show_owner(&queue->object, &out.msg_perm);
    answer(caller, command == IPC_STAT ? 0 : queue->object.id, &out, sizeof out, 0);
    return ANSWERED;
}

static int64_t change(struct caller *caller, int command) {
    struct queue *queue = (struct queue *)object_find(&family, caller->request.arguments[0]);
    struct msqid_ds in;
    if (!queue)
        return -EINVAL;
    if (!object_is_owned(&queue->object, caller))
        return -EPERM;
    if (command == IPC_RMID)
        return object_remove(&family, &queue->object, caller);
    if (caller->input_size < sizeof in)
        return need_input(caller, sizeof in);
    memcpy(&in, caller->input, sizeof in);
    if (in.msg_qbytes > QUEUE_BYTES && !caller_can(caller, CAPABILITY_SYS_RESOURCE))
        return -EPERM;
    int error = object_set_owner(&queue->object, &in.msg_perm);
    if (error)
        return error;
    KEEP(queue->bytes_max);
    KEEP(queue->changed);
    queue->bytes_max = in.msg_qbytes;
    queue->changed = time(NULL);
    answer(caller, 0, NULL, 0, 0);
    object_settle(&family, &queue->object); // there may be room now, or no right any more
    return ANSWERED;
}

void messages_reopen(void) {
    objects_reopen(kind());
}

void messages_clear(void) {
    objects_clear(&family);
}

int64_t messages_serve(struct caller *caller) {
    int command = (int)caller->request.arguments[1];
    if (caller->call == POSIX_MSGGET)
        return object_get(&family, caller, (key_t)caller->request.arguments[0], command, check);
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
