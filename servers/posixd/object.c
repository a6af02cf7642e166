// SPDX-License-Identifier: MPL-2.0
// What message queues and semaphore sets have in common: keys, ids, owners, permissions and waiting, by Linux's rules.
//
// An id is index + 32768 * sequence; an index counts its uses, so an old id does not lead to a new object.
#include "posixd.h"

#include <errno.h>
#include <string.h>

enum { SEQUENCES = 32768 }; // ids are not negative

static struct object *at(const struct kind *kind, int64_t index) {
    return index >= 0 && index < kind->room ? kind->objects[index] : NULL;
}

struct object *object_find(const struct family *family, int64_t id) {
    struct object *object = id < 0 || id > INT32_MAX ? NULL : at(family->kind(), id % IDS_MAX);
    return object && object->id == id ? object : NULL;
}

struct object *object_to_show(const struct family *family, struct caller *caller, bool by_id, bool any, int *error) {
    int64_t id = caller->request.arguments[0];
    struct object *object = by_id ? object_find(family, id) : at(family->kind(), id % IDS_MAX);
    *error = !object ? -EINVAL : any ? 0 : object_permits(object, caller, 0444);
    return *error ? NULL : object;
}

static struct object *by_key(const struct kind *kind, key_t key) {
    for (int i = 0; i < kind->room; i++)
        if (kind->objects[i] && kind->objects[i]->key == key)
            return kind->objects[i];
    return NULL;
}

int object_highest(const struct family *family) {
    const struct kind *kind = family->kind();
    for (int i = kind->room - 1; i > 0; i--)
        if (kind->objects[i])
            return i;
    return 0;
}

void objects_reopen(struct kind *kind) {
    for (int i = 0; i < kind->room; i++)
        if (kind->objects[i])
            link_init(&kind->objects[i]->waiting);
}

// ---------------------------------------------------------------- making and removing

static bool grow(struct kind *kind) {
    int room = kind->room ? kind->room * 2 : 16;
    struct object **objects = state_allocate(room * sizeof(struct object *));
    uint16_t *sequences = state_allocate(room * sizeof *sequences);
    if (!objects || !sequences)
        return false; // the call fails, and what was allocated goes back
    if (kind->room > 0) {
        memcpy(objects, kind->objects, kind->room * sizeof(struct object *));
        memcpy(sequences, kind->sequences, kind->room * sizeof *sequences);
    }
    KEEP(*kind);
    state_free((void *)kind->objects, kind->room * sizeof(struct object *));
    state_free(kind->sequences, kind->room * sizeof *sequences);
    kind->objects = objects;
    kind->sequences = sequences;
    kind->room = room;
    return true;
}

static void enter(struct kind *kind, struct object *object, const struct caller *caller, key_t key, int flags) {
    int index = 0;
    while (kind->objects[index])
        index++;
    KEEP(kind->sequences[index]);
    KEEP(kind->objects[index]);
    KEEP(kind->used);
    object->id = index + IDS_MAX * kind->sequences[index];
    kind->sequences[index] = (uint16_t)((kind->sequences[index] + 1) % SEQUENCES);
    object->key = key;
    object->uid = object->creator_uid = caller->request.uid;
    object->gid = object->creator_gid = caller->request.gid;
    object->mode = flags & 0777;
    link_init(&object->waiting);
    kind->objects[index] = object;
    kind->used++;
}

static int64_t create(const struct family *family, struct caller *caller, key_t key, int flags) {
    struct kind *kind = family->kind();
    int error = -ENOMEM;
    if (kind->used >= family->max)
        return -ENOSPC;
    struct object *object = kind->used < kind->room || grow(kind) ? family->create(caller, &error) : NULL;
    if (!object)
        return error;
    enter(kind, object, caller, key, flags);
    answer(caller, object->id, NULL, 0, 0);
    return ANSWERED;
}

int64_t object_get(const struct family *family, struct caller *caller, key_t key, int flags,
                   int (*check)(const struct object *found, const struct caller *caller)) {
    struct object *object = key == IPC_PRIVATE ? NULL : by_key(family->kind(), key);
    if (!object && key != IPC_PRIVATE && !(flags & IPC_CREAT))
        return -ENOENT;
    int error = object && (flags & IPC_CREAT) && (flags & IPC_EXCL) ? -EEXIST : check(object, caller);
    if (!error && object)
        error = object_permits(object, caller, (unsigned)flags);
    if (error)
        return error;
    if (!object)
        return create(family, caller, key, flags);
    answer(caller, object->id, NULL, 0, 0);
    return ANSWERED;
}

// Who waits for the object moves to *waiting: its memory may be another's after the answer.
static void take_out(const struct family *family, struct object *object, struct link *waiting) {
    struct kind *kind = family->kind();
    *waiting = object->waiting;
    KEEP(kind->objects[object->id % IDS_MAX]);
    KEEP(kind->used);
    kind->objects[object->id % IDS_MAX] = NULL;
    kind->used--;
    tickets_object_removed(object);
    bool nobody = waiting->next == &object->waiting;
    family->destroy(object);
    if (nobody)
        link_init(waiting);
}

static void tell_removed(struct link *waiting) {
    if (link_is_empty(waiting))
        return;
    waiting->next->previous = waiting->previous->next = waiting;
    while (!link_is_empty(waiting))
        caller_done((struct caller *)waiting->next, -EIDRM);
}

int64_t object_remove(const struct family *family, struct object *object, struct caller *caller) {
    struct link waiting;
    take_out(family, object, &waiting);
    if (answer(caller, 0, NULL, 0, 0))
        tell_removed(&waiting);
    return ANSWERED;
}

void objects_clear(const struct family *family) {
    struct kind *kind = family->kind();
    for (int i = 0; i < kind->room; i++) {
        struct link waiting;
        if (!kind->objects[i])
            continue;
        take_out(family, kind->objects[i], &waiting);
        state_commit();
        tell_removed(&waiting);
    }
    if (kind->room == 0)
        return;
    KEEP(*kind);
    state_free((void *)kind->objects, kind->room * sizeof(struct object *));
    state_free(kind->sequences, kind->room * sizeof *kind->sequences);
    *kind = (struct kind){};
    state_commit();
}

// ---------------------------------------------------------------- waiting

void object_settle(const struct family *family, struct object *object) {
    for (bool again = true; again;) {
        again = false;
        for (struct link *link = object->waiting.next, *next; link != &object->waiting; link = next) {
            struct caller *caller = (struct caller *)link;
            next = link->next;
            int64_t result = family->attempt(object, caller);
            if (result == WAITS)
                continue;
            again = true;
            caller_done(caller, result);
        }
    }
}

int64_t object_serve(const struct family *family, struct object *object, struct caller *caller) {
    int64_t result = family->attempt(object, caller);
    if (result == WAITS && !ticket_keep(caller, object))
        return -ENOMEM;
    if (result == WAITS)
        link_append(&object->waiting, &caller->link);
    if (result == ANSWERED)
        object_settle(family, object);
    return result;
}

// ---------------------------------------------------------------- permissions

static bool in_group(const struct caller *caller, uint32_t gid) {
    if (caller->request.gid == gid)
        return true;
    for (uint32_t i = 0; i < caller->request.group_count; i++)
        if (caller->groups[i] == gid)
            return true;
    return false;
}

int object_permits(const struct object *object, const struct caller *caller, unsigned mode) {
    unsigned wanted = mode >> 6 | mode >> 3 | mode, granted = object->mode;
    if (caller->request.uid == object->creator_uid || caller->request.uid == object->uid)
        granted >>= 6;
    else if (in_group(caller, object->creator_gid) || in_group(caller, object->gid))
        granted >>= 3;
    return (wanted & ~granted & 7) && !caller_can(caller, CAPABILITY_IPC_OWNER) ? -EACCES : 0;
}

bool object_is_owned(const struct object *object, const struct caller *caller) {
    uint32_t uid = caller->request.uid;
    return uid == object->creator_uid || uid == object->uid || caller_can(caller, CAPABILITY_SYS_ADMIN);
}

int object_set_owner(struct object *object, const struct ipc_perm *from) {
    if (from->uid == (uid_t)-1 || from->gid == (gid_t)-1)
        return -EINVAL;
    keep(object, offsetof(struct object, waiting));
    object->uid = from->uid;
    object->gid = from->gid;
    object->mode = (object->mode & ~0777u) | (from->mode & 0777);
    return 0;
}

void object_show_owner(const struct object *object, struct ipc_perm *to) {
    to->__key = object->key;
    to->uid = object->uid;
    to->gid = object->gid;
    to->cuid = object->creator_uid;
    to->cgid = object->creator_gid;
    to->mode = object->mode;
    to->__seq = object->id / IDS_MAX;
}
