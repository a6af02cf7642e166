// SPDX-License-Identifier: MPL-2.0
// Sandboxes have keys, ids and objects of their own: a space each, made with the first call and gone with the last
// process of the sandbox, which pays for what is kept.
#include "posixd.h"

static struct space *current;

struct space *space(void) {
    return current;
}

void space_switch(struct space *space) {
    current = space;
    state_count(&space->bytes, space != &root()->outside);
}

static struct space *find(uint64_t job) {
    for (struct link *link = root()->spaces.next; link != &root()->spaces; link = link->next)
        if (((struct space *)link)->job == job)
            return (struct space *)link;
    return NULL;
}

static struct space *create(uint64_t job) {
    state_count(NULL, false);
    struct space *space = state_allocate(sizeof *space);
    if (!space)
        return NULL;
    space->job = job;
    kept_append(&root()->spaces, &space->link);
    state_commit(); // it stays, whatever becomes of the call
    return space;
}

struct space *space_of_job(uint64_t job) {
    struct space *space = job ? find(job) : &root()->outside;
    return space ? space : create(job);
}

// Each object is a change of its own, and so is the mark: who dies over it goes on where it was.
static void end(struct space *space) {
    space_switch(space);
    KEEP(space->ended);
    space->ended = true;
    state_commit();
    messages_clear();
    semaphores_clear();
    state_count(NULL, false);
    kept_remove(&space->link);
    state_free(space, sizeof *space);
    state_commit();
    current = &root()->outside;
}

void space_job_ended(uint64_t job) {
    struct space *space = job ? find(job) : NULL;
    if (space)
        end(space);
}

void spaces_each(void (*visit)(void *context), void *context) {
    space_switch(&root()->outside);
    visit(context);
    for (struct link *link = root()->spaces.next; link != &root()->spaces; link = link->next) {
        space_switch((struct space *)link);
        visit(context);
    }
}

static void reopen(void *context) {
    messages_reopen();
    semaphores_reopen();
}

void spaces_reopen(void) {
    if (!root()->spaces.next) {
        link_init(&root()->spaces);
        link_init(&root()->tickets);
    }
    tickets_reopen();
    spaces_each(reopen, NULL);
    for (struct link *link = root()->spaces.next, *next; link != &root()->spaces; link = next) {
        struct space *space = (struct space *)link;
        next = link->next;
        if (space->ended || job_has_ended(space->job))
            end(space);
    }
}
