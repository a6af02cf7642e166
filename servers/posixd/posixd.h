// SPDX-License-Identifier: MPL-2.0
// The rooms of posixd: main.c (the port: what comes in, what goes out), caller.c (requests, and who waits), state.c
// (what outlives us), spaces.c (whose it is), tickets.c (who waited when we died), object.c (keys, ids, permissions),
// messages.c and semaphores.c (the two families). One thread, so nothing is locked.
//
// A function that serves a call ends in one of three ways: it makes its changes and answers by `answer`; it returns an
// error, which is the answer, having changed nothing; or it returns WAITS, having changed nothing and put the caller
// into a list. A caller that a signal has called away does not take its answer, and then its changes are undone.
#pragma once

#include "state.h"

#include <sys/ipc.h>

#define ANSWERED 1 // by answer()
#define WAITS 2

enum { CAPABILITY_IPC_OWNER = 15, CAPABILITY_SYS_ADMIN = 21, CAPABILITY_SYS_RESOURCE = 24 };

// A request that is being served: the current one, or one that waits.
struct caller {
    struct link link; // among the callers that wait for an object
    struct link all;  // among all that wait
    int reply;        // a reply handle; -1: the current call's
    int64_t deadline; // CLOCK_MONOTONIC; INT64_MAX: none
    uint32_t call;    // enum posix_call
    int blocking;     // semaphores: the operation that cannot be done
    struct space *space;
    struct ticket *ticket; // while it waits; null: none
    struct posix_request request;
    uint32_t groups[POSIX_GROUPS_MAX];
    uint32_t input_size;
    uint8_t input[]; // aligned for any type
};

// --- main.c ---
// Sends it. False: the caller is not there any more.
bool transmit(const struct caller *caller, const struct posix_answer *head, const void *data, uint32_t size);
int64_t now(void); // CLOCK_MONOTONIC
bool process_has_ended(int process);
bool job_has_ended(uint64_t job);

// --- caller.c ---
void callers_init(void);
void callers_forget(void); // without an answer
// A request, or a notice, as it came in: serves it.
void serve_call(uint32_t call, const uint8_t *data, uint32_t size, int (*save_reply)(void));
void serve_notice(uint32_t type, const uint8_t *data, uint32_t size);
// Ends those whose time is over. Returns the next deadline.
int64_t callers_expire(void);
// Gives the caller its answer, and commits all changes; if it is not there any more, undoes them. Whether it was there.
bool answer(struct caller *caller, int64_t result, const void *data, uint32_t size, uint32_t flags);
// Asks for input from the caller's buffer first; ANSWERED.
int64_t need_input(struct caller *caller, uint32_t size);
// Asks for so much memory to be paid for first; ANSWERED.
int64_t need_memory(struct caller *caller, int64_t bytes);
// Removes a caller that waits from all lists and frees it, after it was ANSWERED or with an error as its answer.
void caller_done(struct caller *caller, int64_t result);
bool caller_can(const struct caller *caller, int capability);

// --- spaces.c ---
struct space *space(void); // of the current request
void space_switch(struct space *space);
struct space *space_of_job(uint64_t job); // null: no memory
void space_job_ended(uint64_t job);
// In each space.
void spaces_each(void (*visit)(void *context), void *context);
// After a start: nobody waits yet, and what has ended unheard goes.
void spaces_reopen(void);

// --- tickets.c ---
// The caller waits for the object. False: no memory.
[[nodiscard]] bool ticket_keep(struct caller *caller, struct object *object);
// Did it wait when our predecessor died? True: and what it waited for was removed.
[[nodiscard]] bool ticket_find(struct caller *caller);
void ticket_drop(struct caller *caller);            // a change
void ticket_cancel(uint64_t number);                // and commits
void tickets_object_removed(struct object *object); // a change
void tickets_reopen(void);

// --- object.c ---
#define IDS_MAX 32768 // of a kind, as many as an id has room for
struct object {
    int id;
    key_t key;
    uint32_t uid, gid, creator_uid, creator_gid, mode;
    struct link waiting; // caller.link, first come first. Not kept: who waited asks again
};
// What a family says about its objects.
struct family {
    struct kind *(*kind)(void);
    int max;
    // A new one, before it has an id. Null: no memory. *error: why not.
    struct object *(*create)(struct caller *caller, int *error);
    void (*destroy)(struct object *object);
    // Serves a call that may wait: ANSWERED, WAITS or an error.
    int64_t (*attempt)(struct object *object, struct caller *caller);
};
struct object *object_find(const struct family *family, int64_t id);
// For *_STAT by id, and by index: with an error if the caller may not read it, unless `any`. Null: see *error.
struct object *object_to_show(const struct family *family, struct caller *caller, bool by_id, bool any, int *error);
// msgget, semget, except for what is checked before.
int64_t object_get(const struct family *family, struct caller *caller, key_t key, int flags,
                   int (*check)(const struct object *found, const struct caller *caller));
int64_t object_remove(const struct family *family, struct object *object, struct caller *caller); // IPC_RMID
int object_highest(const struct family *family); // the highest index in use; 0 if there is none
// Serves the caller, or lets it wait; when something changed, those that have waited.
int64_t object_serve(const struct family *family, struct object *object, struct caller *caller);
// Who waits goes on if it can.
void object_settle(const struct family *family, struct object *object);
// May the caller do what these mode bits (0444: read, 0222: write) say? 0, -EACCES.
int object_permits(const struct object *object, const struct caller *caller, unsigned mode);
bool object_is_owned(const struct object *object, const struct caller *caller); // or CAP_SYS_ADMIN
int object_set_owner(struct object *object, const struct ipc_perm *from);       // 0, -EINVAL
void object_show_owner(const struct object *object, struct ipc_perm *to);
// After a start: nobody waits yet.
void objects_reopen(struct kind *kind);
// All go; who waits for one is told so.
void objects_clear(const struct family *family);

// --- messages.c, semaphores.c ---
int64_t messages_serve(struct caller *caller);
int64_t semaphores_serve(struct caller *caller);
void semaphores_process_ended(int process); // SEM_UNDO
// Of the current space. After a start: nobody waits, and processes may have ended unheard.
void messages_reopen(void);
void semaphores_reopen(void);
void messages_clear(void); // all queues
void semaphores_clear(void);
