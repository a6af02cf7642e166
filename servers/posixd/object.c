// SPDX-License-Identifier: MPL-2.0
// What message queues and semaphore sets have in common: keys, ids, owners and permissions, with Linux's rules.
//
// An id is index + 32768 * sequence; an index counts its uses, so an old id does not lead to a new object.
#include "posixd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SEQUENCES = 65536 };

struct object *object_at(struct kind *kind, int index) {
    return index >= 0 && index < kind->room ? kind->objects[index] : NULL;
}

struct object *object_find(struct kind *kind, int id) {
    struct object *object = id < 0 ? NULL : object_at(kind, id % IDS_MAX);
    return object && object->id == id ? object : NULL;
}

struct object *object_by_key(struct kind *kind, key_t key) {
    for (int i = 0; i < kind->room; i++)
        if (kind->objects[i] && kind->objects[i]->key == key)
            return kind->objects[i];
    return NULL;
}

int object_highest(const struct kind *kind) {
    for (int i = kind->room - 1; i > 0; i--)
        if (kind->objects[i])
            return i;
    return 0;
}

static bool grow(struct kind *kind) {
    int room = kind->room ? kind->room * 2 : 16;
    struct object **objects = realloc(kind->objects, room * sizeof *objects);
    if (!objects)
        return false;
    kind->objects = objects;
    uint16_t *sequences = realloc(kind->sequences, room * sizeof *sequences);
    if (!sequences)
        return false;
    kind->sequences = sequences;
    for (int i = kind->room; i < room; i++) {
        objects[i] = NULL;
        sequences[i] = 0;
    }
    kind->room = room;
    return true;
}

int object_add(struct kind *kind, struct object *object, const struct caller *caller, key_t key, int flags) {
    if (kind->used >= kind->max)
        return -ENOSPC;
    if (kind->used == kind->room && !grow(kind))
        return -ENOMEM;
    int index = 0;
    while (kind->objects[index])
        index++;
    object->id = index + IDS_MAX * kind->sequences[index];
    kind->sequences[index] = (uint16_t)((kind->sequences[index] + 1) % (SEQUENCES / 2)); // ids are not negative
    object->key = key;
    object->uid = object->creator_uid = caller->request.uid;
    object->gid = object->creator_gid = caller->request.gid;
    object->mode = flags & 0777;
    link_init(&object->waiting);
    kind->objects[index] = object;
    kind->used++;
    return 0;
}

void object_remove(struct kind *kind, struct object *object) {
    kind->objects[object->id % IDS_MAX] = NULL;
    kind->used--;
    while (!link_is_empty(&object->waiting))
        caller_fail((struct caller *)object->waiting.next, -EIDRM);
}

bool caller_can(const struct caller *caller, int capability) {
    return caller->request.capabilities >> capability & 1;
}

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
    object->uid = from->uid;
    object->gid = from->gid;
    object->mode = (object->mode & ~0777u) | (from->mode & 0777);
    return 0;
}

void object_get_owner(const struct object *object, struct ipc_perm *to) {
    to->__key = object->key;
    to->uid = object->uid;
    to->gid = object->gid;
    to->cuid = object->creator_uid;
    to->cgid = object->creator_gid;
    to->mode = object->mode;
    to->__seq = object->id / IDS_MAX;
}
