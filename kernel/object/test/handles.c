// SPDX-License-Identifier: MPL-2.0
// The handle table: numbers, rights, flags, growth, fork; random operations against a model. The loop over random
// bytes is a function of its own (run_script), so that a fuzzer can call it.

#include "handle_table.h"
#include <mm/page.h>
#include <mm/slab.h>
#include <object/task.h>
#include <sched/sched.h>

#include <stdlib.h>
#include <tap.h> // last: libc's errno macros and our enumeration

enum { OBJECTS = 8, NUMBERS = 400 };

static struct {
    struct task task;
    struct thread thread;
    struct object objects[OBJECTS];
    unsigned closed[OBJECTS], destroyed[OBJECTS], handle_closed[OBJECTS];
} t;

static void count_closed(struct object *object) {
    t.closed[object - t.objects]++;
}
static void count_destroyed(struct object *object) {
    t.destroyed[object - t.objects]++;
}
static void count_handle_closed(struct object *object, struct task *task) {
    (void)task;
    t.handle_closed[object - t.objects]++;
}

static const struct object_ops ops = {
    .type = OBJECT_EVENT,
    .name = "test",
    .closed = count_closed,
    .destroy = count_destroyed,
    .handle_closed = count_handle_closed,
};

static void start(void) {
    for (int i = 0; i < OBJECTS; i++) {
        object_init(&t.objects[i], &ops, 0);
        t.closed[i] = t.destroyed[i] = t.handle_closed[i] = 0;
    }
    t.task.handles = handle_table_create();
    t.task.thread_count = 1;
    task_own_thread(&t.task, thread_current());
}

static struct object *give(int i) {
    object_get(&t.objects[i]);
    return &t.objects[i];
}

static void finish(void) {
    handle_table_replace(&t.task, nullptr);
    for (int i = 0; i < OBJECTS; i++)
        object_put(&t.objects[i]);
    rcu_barrier();
}

static void test_basics(void) {
    struct handle_ref ref;
    start();
    is(handle_install(give(0), RIGHTS_READ_WRITE, 0), 0, "the first number");
    is(handle_install(give(1), RIGHTS_BASIC | RIGHT_READ, HANDLE_CLOEXEC), 1, "the next");
    is(handle_install_from(give(1), RIGHTS_BASIC, 0, 70), 70, "a minimum beyond the first chunk");
    is(handle_lookup(0, RIGHT_READ | RIGHT_WRITE, &ref), 0, "a handle with its rights");
    ok(ref.object == &t.objects[0] && ref.rights == RIGHTS_READ_WRITE && !ref.owned, "borrowed, with one thread");
    handle_release(&ref);
    is(handle_lookup(1, RIGHT_WRITE, &ref), -EBADF, "not for writing");
    is(handle_lookup(1, RIGHT_ADMIN, &ref), -EACCES, "another right that it lacks");
    is(handle_lookup(2, 0, &ref), -EBADF, "no such handle");
    is(handle_lookup(-1, 0, &ref), -EBADF, "a negative number");
    is(handle_lookup(1 << 30, 0, &ref), -EBADF, "a large one");
    is(handle_get_flags(1), HANDLE_CLOEXEC, "flags");
    is(handle_set_flags(1, 0), 0, "changed");
    is(handle_get_flags(1), 0, "are kept");
    handle_sharing_changes();
    t.task.thread_count = 2;
    is(handle_lookup(70, 0, &ref), 0, "with more threads");
    ok(ref.owned && t.objects[1].handles == 3, "an operation counts as a handle");
    is(handle_close(70), 0, "closed by another thread meanwhile");
    is(handle_close(1), 0, "both of its handles");
    is(t.closed[1], 0, "the object is open until the operation ends");
    handle_release(&ref);
    is(t.closed[1], 1, "then it is closed, once");
    t.task.thread_count = 1;
    is(t.handle_closed[1], 2, "each handle's task was told");
    finish();
    ok(t.closed[0] == 1 && t.destroyed[0] == 1 && t.destroyed[1] == 1 && t.destroyed[2] == 1,
       "all ends with the table");
}

static void test_rights(void) {
    struct handle_ref ref;
    start();
    handle_install(give(0), RIGHTS_READ_WRITE, 0);
    is(handle_duplicate(0, ~(uint32_t)RIGHT_WRITE, 0, 0), 1, "a duplicate with fewer rights");
    is(handle_lookup(1, RIGHT_WRITE, &ref), -EBADF, "has fewer rights");
    is(handle_lookup(1, RIGHT_READ, &ref), 0, "but the others");
    is(handle_duplicate(1, ~0u, 0, 0), 2, "and a duplicate of it");
    is(handle_lookup(2, RIGHT_WRITE, &ref), -EBADF, "gets none back");
    handle_install(give(1), RIGHT_READ | RIGHT_WAIT, 0);
    is(handle_duplicate(3, ~0u, 0, 0), -EACCES, "one without DUPLICATE");
    is(handle_duplicate_to(3, 9, 0), -EACCES, "neither way");
    handle_install(give(2), RIGHT_PATH | RIGHTS_BASIC, 0);
    is(handle_lookup(4, RIGHT_ADMIN, &ref), -EBADF, "O_PATH: bad for all else");
    is(handle_signals(4, ~0u), HANDLE_BAD, "and for poll");
    is(handle_signals(3, ~0u), 0, "poll with WAIT");
    is(handle_duplicate_to(0, 0, 0), 0, "onto itself");
    is(handle_duplicate_to(0, 3, HANDLE_CLOEXEC), 3, "over another");
    is(t.closed[1], 1, "which is closed");
    is(handle_get_flags(3), HANDLE_CLOEXEC, "with new flags");
    is(handle_duplicate_to(0, 2000, 0), -EBADF, "beyond the limit");
    is(handle_duplicate_to(99, 3, 0), -EBADF, "of nothing");
    int reserved = handle_reserve(0);
    is(reserved, 5, "a reserved number");
    is(handle_lookup(5, 0, &ref), -EBADF, "is no handle");
    is(handle_duplicate_to(0, 5, 0), -EBUSY, "and is not taken");
    is(handle_close(5), -EBADF, "nor closed");
    handle_unreserve(5);
    is(handle_reserve(0), 5, "until it is given back");
    handle_commit(5, give(3), RIGHTS_BASIC);
    is(handle_lookup(5, 0, &ref), 0, "or used");
    finish();
    ok(t.destroyed[0] && t.destroyed[1] && t.destroyed[2] && t.destroyed[3], "nothing leaks");
}

static void test_limits(void) {
    start();
    handle_table_set_limit(t.task.handles, 130);
    int last = -1;
    for (int number; (number = handle_install(give(0), RIGHTS_BASIC, 0)) >= 0; last = number)
        ;
    object_put(&t.objects[0]);
    is(last, 129, "the limit holds over three chunks");
    is(handle_count(t.task.handles), 130, "all are counted");
    is(handle_close(64), 0, "close in the middle");
    is(handle_close(3), 0, "and near the start");
    is(handle_install(give(1), RIGHTS_BASIC, 0), 3, "the lowest free number");
    is(handle_install(give(1), RIGHTS_BASIC, 0), 64, "then the next");
    handle_close_range(10, 19, true);
    ok(handle_get_flags(10) == HANDLE_CLOEXEC && handle_get_flags(20) == 0, "a range is marked");
    struct handle_table *copy = handle_table_copy(t.task.handles);
    is(handle_count(copy), 130, "a copy has all");
    handle_table_close_on_exec(copy, &t.task);
    is(handle_count(copy), 120, "closing on exec is its own");
    is(handle_next(copy, 10), 20, "and leaves a gap");
    handle_close_range(20, ~0u, false);
    is(handle_count(t.task.handles), 20, "a range is closed");
    is(t.closed[0], 0, "the copy keeps the object open");
    handle_table_put(copy, &t.task);
    is(handle_next(t.task.handles, 20), -1, "nothing behind");
    finish();
    is(t.destroyed[0], 1, "and nothing leaks");
}

static void test_alloc_failure(void) {
    start();
    alloc_fail_every(1);
    is(handle_install_from(&t.objects[0], RIGHTS_BASIC, 0, 100), -ENOMEM, "no memory for a chunk");
    alloc_fail_every(0);
    is(t.objects[0].ref.value, 1, "the reference stays the caller's");
    is(handle_install_from(give(0), RIGHTS_BASIC, 0, 100), 100, "and it works afterwards");
    finish();
}

// --- random operations against a model ---

struct model {
    int object[NUMBERS]; // -1: free
    bool cloexec[NUMBERS];
};

static int model_lowest(const struct model *m, int minimum) {
    while (minimum < NUMBERS && m->object[minimum] >= 0)
        minimum++;
    return minimum < NUMBERS ? minimum : -EMFILE;
}

static bool step(struct model *m, unsigned operation, unsigned a, unsigned b) {
    int from = (int)(a % NUMBERS), to = (int)(b % NUMBERS), object = (int)(a % OBJECTS), want, got;
    bool cloexec = b & 1;
    switch (operation % 7) {
    case 0:
    case 1:
        want = model_lowest(m, operation % 7 ? to : 0);
        got = handle_install_from(give(object), RIGHTS_BASIC, cloexec, operation % 7 ? to : 0);
        if (got < 0)
            object_put(&t.objects[object]);
        break;
    case 2:
        want = m->object[from] < 0 ? -EBADF : 0;
        got = handle_close(from);
        if (want == 0)
            m->object[from] = -1;
        return want == got;
    case 3:
        object = m->object[from];
        want = object < 0 ? -EBADF : from == to ? to : to;
        got = handle_duplicate_to(from, to, cloexec);
        if (from == to)
            return want == got;
        break;
    case 4:
        object = m->object[from];
        want = object < 0 ? -EBADF : model_lowest(m, to / 2);
        got = handle_duplicate(from, ~0u, cloexec, to / 2);
        break;
    case 5: {
        struct handle_ref ref;
        got = handle_lookup(from, 0, &ref);
        return m->object[from] < 0 ? got == -EBADF : got == 0 && ref.object == &t.objects[m->object[from]];
    }
    default:
        return handle_get_flags(from) == (m->object[from] < 0 ? -EBADF : m->cloexec[from]);
    }
    if (want >= 0) {
        m->object[want] = object;
        m->cloexec[want] = cloexec;
    }
    return want == got;
}

static bool agrees(const struct model *m, struct handle_table *table) {
    unsigned count = 0, handles[OBJECTS] = {};
    for (int i = 0; i < NUMBERS; i++)
        if (m->object[i] >= 0) {
            count++;
            handles[m->object[i]]++;
        }
    bool right = handle_count(table) == count;
    for (int i = 0; i < OBJECTS; i++)
        right = right && t.objects[i].handles == handles[i];
    return right;
}

// Three bytes a step. False: the table and the model disagree.
bool run_script(const uint8_t *script, size_t size);
bool run_script(const uint8_t *script, size_t size) {
    struct model m;
    start();
    handle_table_set_limit(t.task.handles, NUMBERS);
    for (int i = 0; i < NUMBERS; i++)
        m.object[i] = -1;
    bool right = true;
    for (size_t i = 0; i + 4 < size && right; i += 5)
        right = step(&m, script[i], script[i + 1] | (unsigned)script[i + 2] << 8,
                     script[i + 3] | (unsigned)script[i + 4] << 8);
    right = right && agrees(&m, t.task.handles);
    struct handle_table *copy = handle_table_copy(t.task.handles);
    handle_table_replace(&t.task, copy);
    right = right && agrees(&m, copy);
    finish();
    return right;
}

static void test_random(void) {
    static uint8_t script[20000];
    bool right = true;
    for (int round = 0; round < 50 && right; round++) {
        for (size_t i = 0; i < sizeof script; i++)
            script[i] = (uint8_t)rand();
        right = run_script(script, sizeof script);
    }
    ok(right, "random operations agree with a model, also after fork");
}

int main(void) {
    page_init();
    sched_init();
    test_basics();
    test_rights();
    test_limits();
    test_alloc_failure();
    test_random();
    return tap_done();
}
