// SPDX-License-Identifier: MPL-2.0
// The pid table: numbers go round, one that anybody uses is not given out again, and a full table says so.
#include "../process/pid.h"
#include <lib/types.h>
#include <mm/slab.h>
#include <stdlib.h>
#include <tap.h>

static bool no_memory;
void *kzalloc(size_t size) {
    return no_memory ? NULL : calloc(1, size);
}

static int thing;

static void basics(void) {
    is(id_alloc(ID_PROCESS, &thing), 1, "the first number is 1");
    is(id_alloc(ID_THREAD, &thing), 2, "then 2");
    ok(id_lookup(1, ID_PROCESS) == &thing && !id_lookup(1, ID_THREAD), "found in its role alone");
    ok(!id_lookup(0, ID_PROCESS) && !id_lookup(-5, ID_PROCESS) && !id_lookup(ID_LIMIT, ID_PROCESS) &&
           !id_lookup(INT32_MAX, ID_PROCESS) && !id_lookup(9999, ID_PROCESS),
       "numbers that cannot be");
    id_set(2, ID_GROUP, &thing);
    id_set(2, ID_THREAD, nullptr);
    is(id_used(ID_THREAD), 0, "no thread left");
    is(id_used(ID_GROUP), 1, "a group");
    is(id_alloc(ID_THREAD, &thing), 3, "a freed number is not used at once");
    is(id_next(1, ID_PROCESS), 1, "the first process");
    is(id_next(2, ID_PROCESS), -1, "is the only one");
    is(id_next(0, ID_GROUP), 2, "the group");
}

static void wrap(void) {
    ok(id_set_maximum(300) == -EINVAL && id_set_maximum(ID_LIMIT + 1) == -EINVAL, "maxima that are refused");
    is(id_set_maximum(1000), 0, "a small maximum");
    int last = 3, id;
    while ((id = id_alloc(ID_PROCESS, &thing)) > last)
        last = id;
    is(last, 999, "numbers stop before the maximum");
    is(id, -EAGAIN, "and then there are none");
    id_set(2, ID_GROUP, nullptr);
    is(id_alloc(ID_PROCESS, &thing), -EAGAIN, "the first 300 are kept for daemons once the numbers went round");
    id_set(500, ID_PROCESS, nullptr);
    is(id_alloc(ID_PROCESS, &thing), 500, "the only free one");
    id_set(700, ID_PROCESS, nullptr);
    id_set(400, ID_PROCESS, nullptr);
    is(id_alloc(ID_PROCESS, &thing), 700, "the next after the last one");
    is(id_alloc(ID_PROCESS, &thing), 400, "then round");
    id_set(450, ID_PROCESS, nullptr);
    id_set(450, ID_SESSION, &thing);
    is(id_alloc(ID_PROCESS, &thing), -EAGAIN, "the number of a session is not given to a process");
}

static void memory(void) {
    is(id_set_maximum(100000), 0, "room for more");
    no_memory = true;
    int id = 0;
    while ((id = id_alloc(ID_PROCESS, &thing)) > 0)
        ;
    is(id, -ENOMEM, "no memory for more of the table");
    no_memory = false;
    ok(id_alloc(ID_PROCESS, &thing) > 0, "later it works");
}

int main(void) {
    basics();
    wrap();
    memory();
    return tap_done();
}
