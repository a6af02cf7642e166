// SPDX-License-Identifier: MPL-2.0
// Jobs: the tree, limits and counters. See object/job.h.
//
// The tree's lock covers the list of all jobs and the counts of tasks. It is innermost but for object locks: callers
// may hold the process tree's.
#include <object/job.h>

#include <arch/thread.h>
#include <lib/fmt.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/page.h>
#include <object/task.h>

static struct {
    struct spinlock lock;
    struct list_node all GUARDED_BY(&lock);
} jobs = {.lock = SPINLOCK_INIT, .all = LIST_INIT(jobs.all)};

CHARGED_CACHE(job_cache, struct job);
struct job job_root;

static void reclaim(struct rcu_head *head) {
    charged_free(&job_cache, CONTAINER_OF(head, struct job, rcu));
}

// A scheduler on another CPU may be looking at the share still.
static void release_storage(struct memory_account *account) {
    struct job *job = CONTAINER_OF(account, struct job, memory);
    rcu_call(&job->rcu, reclaim);
}

static void destroy(struct object *object) {
    struct job *job = CONTAINER_OF(object, struct job, object), *parent = job->parent;
    spin_lock(&jobs.lock);
    list_remove(&job->all);
    spin_unlock(&jobs.lock);
    account_put(&job->memory); // memory that is charged still may keep it
    if (parent)
        job_put(parent);
}

static int describe(struct object *object, char *to, size_t size) {
    struct job_info info;
    job_describe(CONTAINER_OF(object, struct job, object), &info);
    return fmt_snprintf(to, size, "job:\t%s\njob_id:\t%llu\ntasks:\t%u\n", info.name, (unsigned long long)info.id,
                        info.tasks);
}

static const struct object_ops job_ops = {.type = OBJECT_JOB, .name = "job", .destroy = destroy, .describe = describe};

struct job *job_of_object(struct object *object) {
    return object->ops == &job_ops ? CONTAINER_OF(object, struct job, object) : nullptr;
}

static void init(struct job *job, struct job *parent, const char *name, uint32_t flags) {
    object_init(&job->object, &job_ops, 0);
    account_init(&job->memory, parent ? &parent->memory : nullptr);
    job->memory.release = release_storage;
    cpu_share_init(&job->share, parent ? &parent->share : nullptr);
    job->parent = parent;
    job->depth = parent ? parent->depth + 1 : 0;
    job->flags = flags | (parent ? parent->flags & ~(uint32_t)(JOB_OOM_JOB | JOB_OOM_FAULT) : 0);
    job->scope = flags & JOB_NO_SIGNALS ? job : parent ? parent->scope : nullptr;
    string_copy(job->name, name, sizeof job->name);
    job->threads_limit = job->handles_limit = COUNTER_UNLIMITED;
    list_init(&job->all);
}

void job_init_root(void) {
    init(&job_root, nullptr, "root", 0);
    spin_lock(&jobs.lock);
    list_push_back(&jobs.all, &job_root.all);
    spin_unlock(&jobs.lock);
}

status_t job_make(struct job *parent, const char *name, uint32_t flags, struct job **out) {
    if (parent->depth + 1 >= JOB_DEPTH_MAX)
        return -EAGAIN;
    struct job *job = charged_alloc_zero(&job_cache);
    if (!job)
        return -ENOMEM;
    init(job, parent, name, flags);
    job_get(parent);
    spin_lock(&jobs.lock);
    list_push_back(&jobs.all, &job->all);
    job->killed = parent->killed; // whoever kills the parent from now on finds this one in the list
    spin_unlock(&jobs.lock);
    *out = job;
    return 0;
}

bool job_is_within(const struct job *job, const struct job *ancestor) {
    while (job && job->depth > ancestor->depth)
        job = job->parent;
    return job == ancestor;
}

uint64_t job_scope_current(void) {
    struct job *job = task_current() ? job_current() : nullptr;
    return job && job->scope ? job->scope->object.id : 0;
}

// --- limits ---

static uint64_t bytes_of(int64_t pages) {
    return pages == COUNTER_UNLIMITED ? JOB_NO_LIMIT : (uint64_t)MAX(pages, (int64_t)0) << PAGE_SHIFT;
}

static int64_t pages_of(uint64_t bytes) {
    return bytes >> PAGE_SHIFT >= (uint64_t)INT64_MAX >> PAGE_SHIFT ? COUNTER_UNLIMITED
                                                                    : (int64_t)(bytes >> PAGE_SHIFT);
}

// Between abi/job.h's numbers and counters.
static uint64_t number_of(int64_t count) {
    return count == COUNTER_UNLIMITED ? JOB_NO_LIMIT : (uint64_t)count;
}

static int64_t count_of(uint64_t number) {
    return number >= (uint64_t)COUNTER_UNLIMITED ? COUNTER_UNLIMITED : (int64_t)number;
}

static void limits_of(struct job *job, struct job_limits *out) {
    uint32_t weight = atomic_load(&job->share.weight);
    *out = (struct job_limits){.memory = bytes_of(atomic_load(&job->memory.limit)),
                               .handles = number_of(atomic_load(&job->handles_limit)),
                               .threads = number_of(atomic_load(&job->threads_limit)),
                               .cpu_share = weight ? weight : JOB_NO_LIMIT};
}

status_t job_change_limits(struct job *job, const struct job_limits *limits, bool may_raise) {
    struct job_limits old;
    if (limits->cpu_share != JOB_NO_LIMIT && (limits->cpu_share == 0 || limits->cpu_share > CPU_SHARE_WHOLE))
        return -EINVAL;
    spin_lock(&jobs.lock);
    limits_of(job, &old);
    bool raised = limits->memory > old.memory || limits->handles > old.handles || limits->threads > old.threads ||
                  limits->cpu_share > old.cpu_share;
    if (may_raise || !raised) {
        atomic_store(&job->memory.limit, pages_of(limits->memory));
        atomic_store(&job->handles_limit, count_of(limits->handles));
        atomic_store(&job->threads_limit, count_of(limits->threads));
        atomic_store(&job->share.weight, limits->cpu_share == JOB_NO_LIMIT ? 0 : (uint32_t)limits->cpu_share);
    }
    spin_unlock(&jobs.lock);
    return may_raise || !raised ? 0 : -EPERM;
}

void job_describe(struct job *job, struct job_info *out) {
    *out = (struct job_info){.id = job->object.id, .parent = job->parent ? job->parent->object.id : 0};
    string_copy(out->name, job->name, sizeof out->name);
    limits_of(job, &out->limits);
    out->flags = job->flags;
    spin_lock(&jobs.lock);
    out->tasks = job->tasks;
    spin_unlock(&jobs.lock);
    out->used = (struct job_limits){.memory = bytes_of(atomic_load(&job->memory.pages)),
                                    .handles = number_of(atomic_load(&job->handles)),
                                    .threads = number_of(atomic_load(&job->threads))};
}

struct job *job_next(struct job *after) {
    struct job *found = nullptr;
    spin_lock(&jobs.lock);
    struct list_node *node = after ? after->all.next : jobs.all.next;
    for (; node != &jobs.all && !found; node = node->next) {
        struct job *job = LIST_ENTRY(node, struct job, all);
        if (refcount_try_up(&job->object.ref))
            found = job;
    }
    spin_unlock(&jobs.lock);
    if (after)
        job_put(after);
    return found;
}

// --- charging ---

static bool charge_up(struct job *job, int64_t count, size_t counter, size_t limit) {
    for (struct job *at = job; at; at = at->parent) {
        if (counter_raise((void *)((char *)at + counter), (void *)((char *)at + limit), count))
            continue;
        for (struct job *undo = job; undo != at; undo = undo->parent)
            atomic_fetch_sub_explicit((_Atomic int64_t *)(void *)((char *)undo + counter), count, memory_order_relaxed);
        return false;
    }
    return true;
}

// What a thread keeps in the kernel: its stack, and its structures, vector state included.
enum { THREAD_PAGES = KERNEL_STACK_SIZE / PAGE_SIZE + 2 };

status_t job_charge_threads(struct job *job, uint64_t count) {
    if (!charge_up(job, (int64_t)count, offsetof(struct job, threads), offsetof(struct job, threads_limit)))
        return -EAGAIN;
    if (account_charge(&job->memory, (int64_t)count * THREAD_PAGES))
        return 0;
    for (; job; job = job->parent)
        atomic_fetch_sub_explicit(&job->threads, (int64_t)count, memory_order_relaxed);
    return -ENOMEM;
}

void job_uncharge_threads(struct job *job, uint64_t count) {
    account_uncharge(&job->memory, (int64_t)count * THREAD_PAGES);
    for (; job; job = job->parent)
        atomic_fetch_sub_explicit(&job->threads, (int64_t)count, memory_order_relaxed);
}

bool job_charge_handles(struct job *job, uint64_t count) {
    return charge_up(job, (int64_t)count, offsetof(struct job, handles), offsetof(struct job, handles_limit));
}

void job_uncharge_handles(struct job *job, uint64_t count) {
    for (; job; job = job->parent)
        atomic_fetch_sub_explicit(&job->handles, (int64_t)count, memory_order_relaxed);
}

bool job_handles_are_unlimited(const struct job *job) {
    for (; job; job = job->parent)
        if (atomic_load_explicit(&job->handles_limit, memory_order_relaxed) != COUNTER_UNLIMITED)
            return false;
    return true;
}

// A fault takes a page and tables for it.
struct job *job_at_memory_limit(struct job *job) {
    enum { FAULT_PAGES = 8 };
    while (job && atomic_load_explicit(&job->memory.pages, memory_order_relaxed) <=
                      atomic_load_explicit(&job->memory.limit, memory_order_relaxed) - FAULT_PAGES)
        job = job->parent;
    return job;
}

status_t job_add_task(struct job *job) {
    spin_lock(&jobs.lock);
    status_t status = job->killed ? -EAGAIN : 0;
    for (struct job *at = status == 0 ? job : nullptr; at; at = at->parent) {
        if (at->tasks++ == 0)
            object_signal(&at->object, SIGNALS_READ | SIGNAL_TERMINATED, 0);
    }
    spin_unlock(&jobs.lock);
    return status;
}

void job_remove_task(struct job *job) {
    spin_lock(&jobs.lock);
    for (struct job *at = job; at; at = at->parent)
        if (--at->tasks == 0)
            object_signal(&at->object, 0, SIGNALS_READ | SIGNAL_TERMINATED);
    spin_unlock(&jobs.lock);
}

void job_close_gates(struct job *job) {
    struct job *other;
    spin_lock(&jobs.lock);
    LIST_FOR_EACH(other, &jobs.all, all) {
        if (!job_is_within(other, job))
            continue;
        other->killed = true;
        if (other->tasks == 0)
            object_signal(&other->object, 0, SIGNALS_READ | SIGNAL_TERMINATED);
    }
    spin_unlock(&jobs.lock);
}
