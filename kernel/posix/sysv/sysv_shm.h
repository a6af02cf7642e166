// SPDX-License-Identifier: MPL-2.0
// System V shared memory: segments, and the space of ids and keys that they are in (docs/memory.md).
//
// A segment is an object around a memory object. Its space has a reference on it until it is removed, each region that
// maps it another one (struct region.file), so it lives as long as either. A sandbox has a space of its own, which goes
// with its last process.
#pragma once

#include <lib/list.h>
#include <lib/radix.h>
#include <lib/rbtree.h>
#include <mm/vmo.h>
#include <object/object.h>

struct cred;
struct job;

// Modes beyond the permissions, as IPC_STAT shows them.
enum { SHM_MODE_REMOVED = 01000, SHM_MODE_LOCKED = 02000 };
#define SHM_INDEXES 32768 // an id is a sequence number times this, plus an index

struct shm_space {
    struct list_node node;
    uint64_t job; // id of the sandbox's; 0: of all that are in none
    // All under shm_lock.
    struct radix segments; // by index; one reference each
    struct rb_tree keys;   // those that have a key
    uint64_t pages;        // of all segments' sizes
    unsigned count;
    int last_index, sequence;
    uint64_t size_max, pages_max, count_max; // shmmax, shmall, shmmni
};

struct shm_segment {
    struct object object; // first
    struct vmo *vmo;
    uint64_t size; // bytes, as asked for
    int id;
    int name; // the key that it was made with: for /proc/PID/maps
    uint32_t creator_uid, creator_gid;
    int creator; // process
    // Under shm_lock.
    struct shm_space *space; // null: it is in none any more
    struct rb_node by_key;
    int key; // IPC_PRIVATE: none
    uint32_t mode, uid, gid;
    uint64_t attached; // regions
    uint32_t locker;   // uid of who locked it
    int last;          // process that attached or detached
    int64_t attach_time, detach_time, change_time;
};

extern struct spinlock shm_lock; // below aspace.lock; protects all spaces and segments

// The caller's space, made if there is none yet; null: no memory. It stays as long as the caller does.
struct shm_space *shm_space_current(void);
// Null: none. No reference.
struct shm_segment *shm_find(struct shm_space *space, int id) REQUIRES(&shm_lock);
struct shm_segment *shm_find_key(struct shm_space *space, int key) REQUIRES(&shm_lock);
// The segment at an index or the next one; *index gets where. Null: there is no more.
struct shm_segment *shm_next(struct shm_space *space, uint64_t *index) REQUIRES(&shm_lock);
// A segment that nobody knows yet, with one reference, the caller's own. -ENOMEM.
MUST_USE status_t shm_make(int key, uint64_t size, uint32_t mode, struct shm_segment **out);
// The space takes over the caller's reference. -ENOSPC: a limit of the space; -ENOMEM.
MUST_USE status_t shm_add(struct shm_space *space, struct shm_segment *segment) REQUIRES(&shm_lock);
// The key leads nowhere from now on; without regions the segment leaves its space, whose reference the caller drops
// after releasing the lock (true).
MUST_USE bool shm_remove(struct shm_segment *segment) REQUIRES(&shm_lock);
// Has the caller the permissions (Linux's: any of user's, group's and others' bits) to the segment?
bool shm_permits(const struct shm_segment *segment, unsigned mode) REQUIRES(&shm_lock);
// Is the mapped object (null: none) a segment?
bool shm_is_segment(const struct object *file);

// A task of the job ends. If it is its sandbox's last one, the space goes: nobody finds it from now on.
void shm_task_ends(struct job *job); // under process_tree_lock
// Frees what spaces that are gone have left. No lock held.
void shm_bury(void);
void shm_proc_init(void);
