// SPDX-License-Identifier: MPL-2.0
// What the files of pagers share.
//
//   pager.c          pagers and their memory objects: making, finding, taking over, the end
//   pager_request.c  faults that wait, and what ends their wait
//   pager_blame.c    requests that servers die of
//   pager_supply.c   pages come in; dirty ones go out
//   pager_vmo.c      the handle to a paged memory object
//   pager_calls.c    the system calls
//
// Who keeps whom: a pager's handles keep it open. While it is, it has a reference to each of its VMOs, so that dirty
// pages are not lost when the last client goes. A VMO's source has a reference to the pager, for its lock.
//
// Locks: pager->lock, then vmo->lock or port->lock.
#pragma once

#include <abi/pager.h>
#include <lib/radix.h>
#include <mm/vmo.h>
#include <object/handle.h>
#include <sched/thread.h>

// A page that servers have died of.
struct bad_page {
    struct source *source; // attached
    uint64_t index;
};
#define PAGER_BAD_MOST 64 // that a pager remembers: the last ones

struct pager {
    struct object object; // first
    struct spinlock lock; // protects the rest, and `detached` of sources
    bool closed;
    uint64_t badge;
    bool gives_back;       // PAGER_GIVES_BACK
    _Atomic uint64_t hand; // the key at which pages are thrown out next
    struct object *right;  // to send requests through: a handle count, until closed
    struct radix sources;  // by key: struct vmo *, one reference each
    struct list_node open; // struct request.node
    uint32_t open_count, open_max;
    uint64_t checks;        // of syncs, by pager_stored
    struct wait_queue room; // for another request
    uint64_t told;          // messages that were sent, ever
    uint64_t server;        // the task that attached it last, or made it: an object's id
    struct bad_page bad[PAGER_BAD_MOST];
    unsigned bad_count, bad_next; // in use; the oldest, once all are
};

// What a VMO knows of its pager: vmo->pager_context. Lives as long as the VMO.
struct source {
    struct pager *pager; // one reference
    struct vmo *vmo;
    uint64_t key;
    bool detached;          // nobody supplies pages any more
    _Atomic uint32_t users; // handle objects, each kept by handles and mappings
};

struct request {
    struct list_node node; // pager->open
    struct source *source; // attached while the request is open
    uint32_t type;         // enum pager_request
    uint64_t first, end;   // pages
    uint32_t answered;     // a bit for each page, from `first` on; of a sync: 1. Those from `end` on are another's
    uint32_t failed;       // of those
    status_t error;        // theirs
    unsigned waiters;      // it is freed when there are none and it is not open
    unsigned deaths;       // of servers that are blamed on it
    bool open;
    uint64_t told;    // which message told of it last: pager->told; PAGER_UNTOLD: none, the port was closed
    uint64_t checked; // a sync: pager->checks, when last
    struct wait_queue queue;
};
#define PAGER_UNTOLD UINT64_MAX

ALWAYS_INLINE struct pager *pager_of(struct object *object) {
    return (struct pager *)object;
}
ALWAYS_INLINE struct source *source_of(struct vmo *vmo) {
    return vmo->pager_context;
}

// --- pager.c ---
// One reference, and the first handle's. -ENOMEM, -EPIPE (the port is closed).
MUST_USE status_t pager_make(struct object *port, const struct pager_options *options, struct pager **out);
void source_destroy(struct vmo *vmo);
bool object_is_pager(const struct object *object);
// -EEXIST, -ENOMEM. *vmo gets a reference. `maker_pays` for its pages, or nobody.
MUST_USE status_t pager_add(struct pager *pager, uint64_t key, uint64_t size, bool maker_pays, struct vmo **vmo);
struct vmo *pager_find(struct pager *pager, uint64_t key); // with a reference; null: there is none
// The first one whose key is *key or above, with a reference, its key in *key; null: there is none.
struct vmo *pager_next(struct pager *pager, uint64_t *key);
MUST_USE status_t pager_remove(struct pager *pager, uint64_t key); // -ENOENT
// Requests go to this port from now on, the open ones once more; what was being stored counts as dirty.
MUST_USE status_t pager_move(struct pager *pager, struct object *port);

// --- pager_request.c ---
extern const struct vmo_pager_ops source_ops;
// The pages are there (error 0), or will not come. Ends waits for them, and if there is an error, for their storing.
void source_answer(struct source *source, uint64_t first, uint64_t end, status_t error);
// The pages were stored: ends waits for that. Those that are not through and are in this range are asked for again.
void source_stored(struct source *source, uint64_t first, uint64_t end);
// Ends all waits.
void source_fail_locked(struct pager *pager, struct source *source) REQUIRES(&pager->lock);
void request_fail_locked(struct pager *pager, struct request *request, status_t error) REQUIRES(&pager->lock);
// The first page that is not answered yet; of a sync: its first one.
uint64_t request_next(const struct request *request);
// The request is for pages before `end` only: who waits for others of it looks again.
void request_cut_locked(struct request *request, uint64_t end);
void pager_ask_again_locked(struct pager *pager) REQUIRES(&pager->lock);

// --- pager_blame.c ---
// The current task takes the pager over: if that is another one than before, what that died of is blamed. Before the
// old server's messages are withdrawn.
void pager_blame_locked(struct pager *pager) REQUIRES(&pager->lock);
bool source_is_bad_locked(const struct pager *pager, const struct source *source, uint64_t index)
    REQUIRES(&pager->lock);
void source_forget_bad_locked(struct pager *pager, const struct source *source) REQUIRES(&pager->lock);

// --- pager_supply.c ---
// Pages [first, first + count) of the VMO, moved from `from` or (null) copied from the caller's memory.
struct supply {
    struct vmo *from;
    uint64_t offset; // in `from`, or an address
};
MUST_USE status_t source_supply(struct source *source, uint64_t first, uint64_t count, const struct supply *supply);

// --- pager_kernel.c ---
// So many pages have come: throws out others if the pager gives back and memory is short.
void pager_make_room(struct pager *pager, uint64_t came);

// --- pager_vmo.c ---
// A handle in the current task. Does not consume the reference.
long vmo_handle_install(struct vmo *vmo);
