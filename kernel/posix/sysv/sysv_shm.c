// SPDX-License-Identifier: MPL-2.0
// Segments of System V shared memory and their spaces: ids, keys, limits, and who still maps one.
//
// This is in the kernel, and not in posixd with queues and semaphores: a segment's life depends on the regions that map
// it, which fork, exec, mremap and exit make and end, and its memory is a memory object like any other. What is left
// to decide (an id, a key, permissions) is a few comparisons.
//
// Regions hold the segment by struct region.file. Its `mapped` is called for each that comes or goes, under aspace.lock
// or not, so what it does is a count under a spinlock; a removed segment leaves its space with the last region. The
// memory goes with the last reference.
//
// Ids are Linux's: the lowest free index, and a sequence number that grows when an index is used again, so that an old
// id does not lead to a new segment.
#include "sysv_shm.h"
#include "legacy/legacy.h"
#include "process/process_priv.h"

#include <abi/stat.h>
#include <lib/fmt.h>
#include <mm/aspace.h>
#include <mm/charged.h>
#include <object/cred.h>
#include <object/job.h>
#include <object/stat.h>
#include <sched/realtime.h>

#define SEQUENCES (INT32_MAX / SHM_INDEXES)
#define SIZE_MAX_DEFAULT (UINT64_MAX - (1ull << 24)) // Linux's, for shmmax and shmall
#define COUNT_MAX_DEFAULT 4096

CHARGED_CACHE(segment_cache, struct shm_segment);
CHARGED_CACHE(space_cache, struct shm_space);

struct spinlock shm_lock = SPINLOCK_INIT;
static struct {
    struct shm_space root;   // of all that are in no sandbox
    struct list_node spaces; // sandboxes'
    struct list_node dead;   // whose sandboxes have ended
} shm = {.root = {.last_index = -1,
                  .size_max = SIZE_MAX_DEFAULT,
                  .pages_max = SIZE_MAX_DEFAULT,
                  .count_max = COUNT_MAX_DEFAULT},
         .spaces = LIST_INIT(shm.spaces),
         .dead = LIST_INIT(shm.dead)};

// ---------------------------------------------------------------- segments

static struct shm_segment *segment_of(struct object *object) {
    return (struct shm_segment *)object;
}

static void segment_destroy(struct object *object) {
    vmo_put(segment_of(object)->vmo);
    charged_free(&segment_cache, segment_of(object));
}

static void segment_mapped(struct object *object, int by) {
    struct shm_segment *segment = segment_of(object);
    bool left = false;
    int64_t now = clock_realtime() / NSEC_PER_SEC;
    spin_lock(&shm_lock);
    segment->attached += (uint64_t)(int64_t)by;
    *(by > 0 ? &segment->attach_time : &segment->detach_time) = now;
    if (arch_current()->task) // else the kernel does it on somebody's behalf
        segment->last = task_current()->id;
    if (segment->attached == 0 && (segment->mode & SHM_MODE_REMOVED))
        left = shm_remove(segment);
    spin_unlock(&shm_lock);
    if (left)
        object_put(object); // not the last one: our caller has one
}

static status_t segment_stat(struct object *object, struct stat_info *out) {
    struct shm_segment *segment = segment_of(object);
    *out = (struct stat_info){.device = 1, // as Linux's hidden tmpfs
                              .inode = (uint64_t)segment->id,
                              .size = segment->size,
                              .mode = S_IFREG | 0600,
                              .block_size = PAGE_SIZE};
    return 0;
}

static int segment_text(struct object *object, char *to, size_t size) {
    return fmt_snprintf(to, size, "/SYSV%08x (deleted)", (unsigned)segment_of(object)->name);
}

static const struct object_ops segment_ops = {
    .type = OBJECT_VMO,
    .name = "shm",
    .destroy = segment_destroy,
    .mapped = segment_mapped,
    .stat = segment_stat,
    .link_text = segment_text,
};

bool shm_is_segment(const struct object *file) {
    return file && file->ops == &segment_ops;
}

status_t shm_make(int key, uint64_t size, uint32_t mode, struct shm_segment **out) {
    struct shm_segment *segment = charged_alloc_zero(&segment_cache);
    struct vmo *vmo = segment ? vmo_create(ALIGN_UP(size, PAGE_SIZE)) : nullptr;
    if (!vmo) {
        if (segment)
            charged_free(&segment_cache, segment);
        return -ENOMEM;
    }
    const struct cred *cred = cred_current();
    object_init(&segment->object, &segment_ops, 0);
    segment->vmo = vmo;
    segment->size = size;
    segment->key = segment->name = key;
    segment->mode = mode;
    segment->uid = segment->creator_uid = cred->euid;
    segment->gid = segment->creator_gid = cred->egid;
    segment->creator = process_current()->task.id;
    segment->change_time = clock_realtime() / NSEC_PER_SEC;
    *out = segment;
    return 0;
}

bool shm_permits(const struct shm_segment *segment, unsigned mode) {
    const struct cred *cred = cred_current();
    unsigned wanted = (mode >> 6 | mode >> 3 | mode) & 7, granted = segment->mode;
    if (cred->euid == segment->uid || cred->euid == segment->creator_uid)
        granted >>= 6;
    else if (cred_in_group(cred, segment->gid) || cred_in_group(cred, segment->creator_gid))
        granted >>= 3;
    return !(wanted & ~granted) || cred_has_cap(cred, CAP_IPC_OWNER);
}

// ---------------------------------------------------------------- a space

struct shm_segment *shm_next(struct shm_space *space, uint64_t *index) {
    return radix_next(&space->segments, index);
}

struct shm_segment *shm_find(struct shm_space *space, int id) {
    struct shm_segment *segment = id < 0 ? nullptr : radix_get(&space->segments, (uint64_t)id % SHM_INDEXES);
    return segment && segment->id == id ? segment : nullptr;
}

static struct shm_segment *of_node(struct rb_node *node) {
    return RB_ENTRY(node, struct shm_segment, by_key);
}

struct shm_segment *shm_find_key(struct shm_space *space, int key) {
    struct rb_node *node = space->keys.root;
    while (node && of_node(node)->key != key)
        node = node->child[key > of_node(node)->key];
    return node ? of_node(node) : nullptr;
}

static void link_key(struct shm_space *space, struct shm_segment *segment) {
    struct rb_node *parent = nullptr, **link = &space->keys.root;
    if (segment->key == 0)
        return;
    while (*link) {
        parent = *link;
        link = &parent->child[segment->key > of_node(parent)->key];
    }
    rb_link(&space->keys, &segment->by_key, parent, link);
}

static uint64_t pages_of(const struct shm_segment *segment) {
    return ALIGN_UP(segment->size, PAGE_SIZE) >> PAGE_SHIFT;
}

status_t shm_add(struct shm_space *space, struct shm_segment *segment) {
    uint64_t index = radix_next_empty(&space->segments, 0), pages = pages_of(segment);
    if (space->count >= space->count_max || index >= SHM_INDEXES)
        return -ENOSPC;
    if (space->pages + pages < pages || space->pages + pages > space->pages_max)
        return -ENOSPC;
    if (radix_set(&space->segments, index, segment) != 0)
        return -ENOMEM;
    if ((int)index <= space->last_index)
        space->sequence = (space->sequence + 1) % SEQUENCES;
    space->last_index = (int)index;
    space->count++;
    space->pages += pages;
    segment->id = space->sequence * SHM_INDEXES + (int)index;
    segment->space = space;
    link_key(space, segment);
    return 0;
}

bool shm_remove(struct shm_segment *segment) {
    struct shm_space *space = segment->space;
    if (!space)
        return false; // went with its sandbox
    if (segment->key != 0)
        rb_remove(&space->keys, &segment->by_key);
    segment->key = 0;
    segment->mode |= SHM_MODE_REMOVED;
    if (segment->attached > 0)
        return false;
    radix_remove(&space->segments, (uint64_t)segment->id % SHM_INDEXES);
    space->count--;
    space->pages -= pages_of(segment);
    segment->space = nullptr;
    return true;
}

// ---------------------------------------------------------------- the spaces

static struct shm_space *find_space(uint64_t job) REQUIRES(&shm_lock) {
    struct shm_space *space;
    LIST_FOR_EACH(space, &shm.spaces, node)
    if (space->job == job)
        return space;
    return nullptr;
}

struct shm_space *shm_space_current(void) {
    struct job *scope = legacy_scope();
    if (!scope)
        return &shm.root;
    spin_lock(&shm_lock);
    struct shm_space *space = find_space(scope->object.id), *fresh = nullptr;
    spin_unlock(&shm_lock);
    if (space || !(fresh = charged_alloc_zero(&space_cache)))
        return space;
    *fresh = (struct shm_space){.job = scope->object.id,
                                .last_index = -1,
                                .size_max = SIZE_MAX_DEFAULT,
                                .pages_max = SIZE_MAX_DEFAULT,
                                .count_max = COUNT_MAX_DEFAULT};
    spin_lock(&shm_lock);
    space = find_space(fresh->job); // another thread may have been faster
    if (!space)
        list_push_back(&shm.spaces, &fresh->node);
    spin_unlock(&shm_lock);
    if (space)
        charged_free(&space_cache, fresh);
    return space ? space : fresh;
}

void shm_task_ends(struct job *job) {
    for (; job; job = job->parent) {
        if (job->scope != job || job->tasks != 1)
            continue;
        spin_lock(&shm_lock);
        struct shm_space *space = find_space(job->object.id);
        if (space) {
            list_remove(&space->node);
            list_push_back(&shm.dead, &space->node);
        }
        spin_unlock(&shm_lock);
    }
}

// One segment of a dead space, with the space's reference; null: there is no more, and *empty is a space without any.
static struct shm_segment *exhume(struct shm_space **empty) {
    uint64_t index = 0;
    *empty = nullptr;
    spin_lock(&shm_lock);
    struct shm_space *space = list_is_empty(&shm.dead) ? nullptr : CONTAINER_OF(shm.dead.next, struct shm_space, node);
    struct shm_segment *segment = space ? shm_next(space, &index) : nullptr;
    if (segment) {
        radix_remove(&space->segments, index);
        segment->space = nullptr;
    } else if (space) {
        list_remove(&space->node);
        *empty = space;
    }
    spin_unlock(&shm_lock);
    return segment;
}

void shm_bury(void) {
    struct shm_segment *segment;
    struct shm_space *space;
    while ((segment = exhume(&space)) || space) {
        if (segment)
            object_put(&segment->object);
        else
            charged_free(&space_cache, space);
    }
}
