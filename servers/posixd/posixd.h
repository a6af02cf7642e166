// SPDX-License-Identifier: MPL-2.0
// The rooms of posixd: main.c (the port, dispatch, answers, who waits), object.c (keys, ids, permissions),
// messages.c and semaphores.c (the two families). One thread, so nothing is locked.
//
// A function that serves a call ends in one of three ways: it answers by `answer`, and changes something only if that
// says true; it returns an error, which is the answer; or it returns WAITS, having put the caller into a list.
#pragma once

#include <abi/posix_server.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <time.h>

#define ANSWERED 1 // by answer()
#define WAITS 2

enum { CAPABILITY_IPC_OWNER = 15, CAPABILITY_SYS_ADMIN = 21, CAPABILITY_SYS_RESOURCE = 24 };

struct link {
    struct link *next, *previous;
};
static inline void link_init(struct link *head) {
    head->next = head->previous = head;
}
static inline void link_append(struct link *head, struct link *link) {
    link->next = head;
    link->previous = head->previous;
    head->previous->next = link;
    head->previous = link;
}
static inline void link_remove(struct link *link) {
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link_init(link);
}
static inline bool link_is_empty(const struct link *head) {
    return head->next == head;
}

// A request that is being served: the current one, or one that waits.
struct caller {
    struct link link; // among the callers that wait for an object
    struct link all;  // among all that wait
    int reply;        // a reply handle; -1: the current call's
    int64_t deadline; // CLOCK_MONOTONIC; INT64_MAX: none
    uint32_t call;    // enum posix_call
    int blocking;     // semaphores: the operation that cannot be done
    struct posix_request request;
    uint32_t groups[POSIX_GROUPS_MAX];
    uint32_t input_size;
    uint8_t input[]; // aligned for any type
};

// --- main.c ---
// Gives the caller its answer. False: it is not there any more.
bool answer(struct caller *caller, int64_t result, const void *data, uint32_t size, uint32_t flags);
// Asks for input from the caller's buffer first; ANSWERED.
int64_t need_input(struct caller *caller, uint32_t size);
// Removes a caller from all lists and frees it. It has been answered, or has left.
void caller_end(struct caller *caller);
// Answers a waiting caller with an error, and ends it.
void caller_fail(struct caller *caller, int error);

// --- object.c ---
#define IDS_MAX 32768 // of a kind, as many as an id has room for
struct object {
    int id;
    key_t key;
    uint32_t uid, gid, creator_uid, creator_gid, mode;
    struct link waiting; // caller.link, first come first
};
struct kind {
    struct object **objects; // by index; grows
    uint16_t *sequences;
    int room, used, max;
};
struct object *object_find(struct kind *kind, int id);
struct object *object_at(struct kind *kind, int index);
struct object *object_by_key(struct kind *kind, key_t key);
// A new id for it, and the caller as its owner. -ENOSPC, -ENOMEM.
int object_add(struct kind *kind, struct object *object, const struct caller *caller, key_t key, int flags);
void object_remove(struct kind *kind, struct object *object); // those that wait get EIDRM; frees nothing
int object_highest(const struct kind *kind);                  // the highest index in use; 0 if there is none
// May the caller do what these mode bits (0444: read, 0222: write) say? 0, -EACCES.
int object_permits(const struct object *object, const struct caller *caller, unsigned mode);
bool object_is_owned(const struct object *object, const struct caller *caller); // or CAP_SYS_ADMIN
int object_set_owner(struct object *object, const struct ipc_perm *from);       // 0, -EINVAL
void object_get_owner(const struct object *object, struct ipc_perm *to);
bool caller_can(const struct caller *caller, int capability);

// --- messages.c, semaphores.c ---
int64_t messages_serve(struct caller *caller);
int64_t semaphores_serve(struct caller *caller);
void semaphores_process_ended(int process); // SEM_UNDO
