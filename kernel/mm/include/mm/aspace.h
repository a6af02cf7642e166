// SPDX-License-Identifier: MPL-2.0
// User address spaces: regions over page tables.
//
// A region is private anonymous (no VMO), private over a VMO (reads share its pages, the first
// write copies) or shared over a VMO. Private pages live only in the page tables, each entry
// holding one reference on its page. Fork copies entries and write-protects both sides; a write fault
// whose page has one reference makes it writable again without a copy.
//
// Lock: `lock` for reading by faults, for writing by all that changes regions. Order: aspace.lock, then vmo.lock.
// Page-table entries are set by compare-and-exchange, so faults run in parallel.
#pragma once

#include <lib/rbtree.h>
#include <mm/account.h>
#include <mm/vmo.h>
#include <sched/mutex.h>

struct object;

enum region_flags {
    REGION_READ = 1, // = PROT_READ …
    REGION_WRITE = 2,
    REGION_EXEC = 4,
    REGION_SHARED = 8,
    REGION_GROWS_DOWN = 16, // a stack
    REGION_LOCKED = 32,
    REGION_NO_FORK = 64, // MADV_DONTFORK
    REGION_WIPE_ON_FORK = 128,
    REGION_NO_DUMP = 256,
    REGION_SPECIAL = 512, // vDSO: not split, not moved by others
    REGION_NO_HUGE = 1024,
    REGION_HUGE = 2048,      // MADV_HUGEPAGE
    REGION_MAY_WRITE = 4096, // mprotect may add WRITE (false: shared mapping of a read-only handle)
    REGION_NORESERVE = 8192,
    REGION_GUARDED = 16384, // PROT_MAP_GUARDED
    REGION_NO_EXEC = 32768, // mprotect may not add EXEC: the handle has no such right
};

struct region {
    struct rb_node node; // by start
    vaddr_t start, end;  // page-aligned
    uint32_t flags;
    struct vmo *vmo;           // one reference; null: private anonymous
    uint64_t offset;           // in the VMO, bytes
    struct list_node vmo_node; // vmo->mappings
    struct aspace *aspace;
    struct object *file; // one reference: what was mapped, for /proc/PID/maps; may be null
    const char *name;    // "[heap]", "[stack]", "[vdso]"; static; may be null
    uint64_t policy;     // which node its pages should come from, as mbind was told; 0: nothing was said
};

struct aspace {
    struct arch_aspace arch; // first
    struct refcount ref;
    struct rwlock lock;
    struct rb_tree regions GUARDED_BY(&lock);
    struct region *_Atomic last_hit; // cache for lookups; any reader of the lock may set it
    unsigned region_count GUARDED_BY(&lock);
    // Where the search for room goes on (0: at mmap_top): no gap above it is larger than gap_passed.
    vaddr_t gap_from GUARDED_BY(&lock);
    size_t gap_passed GUARDED_BY(&lock);
    vaddr_t mmap_top; // allocation goes downwards from here (randomised)
    vaddr_t brk_start, brk_end;
    vaddr_t stack_top, vdso, sigreturn /* in the vDSO, or 0 */, arg_start, arg_end, env_start, env_end, code_start,
        code_end, data_start, data_end;
    _Atomic int64_t resident_pages, table_pages, mapped_pages, locked_pages, data_pages;
    struct memory_charge charge;            // for resident_pages and table_pages
    int64_t peak_resident;                  // as last seen; aspace_peak_resident() is up to date
    bool lock_future, lock_future_on_fault; // mlockall(MCL_FUTURE), MCL_ONFAULT
    uint64_t limit_address_space, limit_data, limit_stack, limit_locked; // bytes; copies of the rlimits
    _Atomic uint32_t membarrier;                                         // commands that the process registered for
    uint64_t auxv[48];                                                   // for /proc/PID/auxv
};

// nullptr: no memory. One reference. `account` pays for its pages; null: nobody.
struct aspace *aspace_create(struct memory_account *account);
ALWAYS_INLINE void aspace_get(struct aspace *aspace) {
    refcount_up(&aspace->ref);
}
// The last one unmaps all. Blocks.
void aspace_put(struct aspace *aspace);
// Fork: a copy-on-write twin. nullptr: no memory.
struct aspace *aspace_fork(struct aspace *parent);
// The current thread's; null for kernel threads.
struct aspace *aspace_current(void);

struct map_request {
    vaddr_t address; // hint, or exact if fixed
    size_t size;     // bytes, rounded up to pages
    uint32_t flags;  // REGION_*
    bool fixed;      // replace what is there
    bool no_replace; // with fixed: -EEXIST if something is there
    bool populate;   // fault everything in now
    bool low;        // MAP_32BIT
    struct vmo *vmo; // not consumed; null: private anonymous
    uint64_t offset;
    struct object *file; // not consumed
    const char *name;
};
// *address gets where it is. -ENOMEM, -EINVAL, -EEXIST, -EPERM (below mmap_min_addr).
MUST_USE status_t aspace_map(struct aspace *aspace, const struct map_request *request, vaddr_t *address);
MUST_USE status_t aspace_unmap(struct aspace *aspace, vaddr_t start, size_t size);
// Unmaps what is left of a mapping of an object's beginning that was made at `start`, whose file is one of those that
// `is` says (System V shared memory). -EINVAL: there is none.
MUST_USE status_t aspace_detach(struct aspace *aspace, vaddr_t start, bool (*is)(const struct object *file));
// `prot`: REGION_READ, WRITE, EXEC and GUARDED.
MUST_USE status_t aspace_protect(struct aspace *aspace, vaddr_t start, size_t size, uint32_t prot);
// Linux's mremap.
struct remap_request {
    vaddr_t old;
    size_t old_size, new_size;
    unsigned flags; // MREMAP_*
    vaddr_t new_address;
};
MUST_USE status_t aspace_remap(struct aspace *aspace, const struct remap_request *request, vaddr_t *result);
// Linux's madvise advice.
MUST_USE status_t aspace_advise(struct aspace *aspace, vaddr_t start, size_t size, int advice);
// mbind: `policy` means something to the caller alone, for there is one node. -EFAULT: a hole in the range, and nothing
// was changed. -ENOMEM.
MUST_USE status_t aspace_set_policy(struct aspace *aspace, vaddr_t start, vaddr_t end, uint64_t policy);
// The policy of the mapping at an address. -EFAULT: there is none.
MUST_USE status_t aspace_policy(struct aspace *aspace, vaddr_t address, uint64_t *policy);
// Sets the break, returns it (unchanged if it cannot be moved: Linux's brk).
vaddr_t aspace_brk(struct aspace *aspace, vaddr_t wanted);
// mlock and munlock; the limit is the caller's affair. -ENOMEM: a hole in the range.
enum lock_mode { LOCK_NONE, LOCK_NOW, LOCK_ON_FAULT };
MUST_USE status_t aspace_lock_all(struct aspace *aspace, enum lock_mode mode);
MUST_USE status_t aspace_lock(struct aspace *aspace, vaddr_t start, size_t size, enum lock_mode mode);
MUST_USE status_t aspace_sync(struct aspace *aspace, vaddr_t start, size_t size, int flags); // msync
// mincore: one byte a page.
MUST_USE status_t aspace_resident(struct aspace *aspace, vaddr_t start, size_t pages, uint8_t *out);

// What a fault needs. 0: resolved. -EFAULT: no region (SEGV_MAPERR). -EACCES: forbidden (SEGV_ACCERR).
// -ENOMEM: out of memory. -EIO/-ENXIO: beyond the end of the object (SIGBUS). Blocks.
MUST_USE status_t aspace_fault(struct aspace *aspace, vaddr_t address, unsigned access);
// Access to another address space's memory (ptrace, /proc/PID/mem, process_vm_readv, exec's stack).
// Bytes done, or an error if none. `force`: ptrace may write to read-only private memory.
ssize_t aspace_access(struct aspace *aspace, vaddr_t address, void *buffer, size_t size, bool write, bool force);
// The page behind a user address, with a reference (futex keys). Faults it in.
MUST_USE status_t aspace_get_page(struct aspace *aspace, vaddr_t address, bool write, struct page **page);

// The largest resident_pages seen (VmHWM, ru_maxrss).
int64_t aspace_peak_resident(struct aspace *aspace);
// Calls `visit` for each region in order until it returns false (/proc/PID/maps, core files). The lock is held for
// reading: visit must not fault in user memory, nor block for long.
struct region_usage {
    uint64_t resident, anonymous, shared, shared_anonymous;
}; // pages; shared: others have them in their tables, too
void aspace_for_each_region(struct aspace *aspace, bool (*visit)(const struct region *region, void *context),
                            void *context);
// Counts pages by walking the tables (smaps). For use in `visit`.
void region_usage(const struct region *region, struct region_usage *out);

// What the tables have for one page.
struct page_mapping {
    uint64_t frame; // its number
    bool present;
    bool file;      // not private memory: of a file, or shared
    bool exclusive; // nobody else has it in his tables
};
// Describes `pages` pages from `start`, page-aligned and below USER_TOP to the last, holes included. Blocks.
void aspace_pagemap(struct aspace *aspace, vaddr_t start, size_t pages, struct page_mapping *out);

// Where a shared futex lives: (vmo, offset) for shared regions, (aspace, address) for private ones.
struct memory_key {
    const void *object;
    uint64_t offset;
};
MUST_USE status_t aspace_memory_key(struct aspace *aspace, vaddr_t address, struct memory_key *key);
