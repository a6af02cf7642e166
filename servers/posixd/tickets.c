// SPDX-License-Identifier: MPL-2.0
// Who waits, kept over our death: a call that waits for an object which is removed has to hear EIDRM, also if the one
// that removes it is our successor, or dies before it could say so. The caller asks again with its ticket, and the
// entry tells that it had been waiting, and for what.
#include "posixd.h"

struct ticket {
    struct link link; // root()->tickets
    uint64_t number;
    struct object *object; // null: it was removed
    int process;
};

static uint64_t newest; // of those that were there when we started: nobody asks again with a later one

static struct ticket *find(uint64_t number) {
    if (number > newest)
        return NULL;
    for (struct link *link = root()->tickets.next; link != &root()->tickets; link = link->next)
        if (((struct ticket *)link)->number == number)
            return (struct ticket *)link;
    return NULL;
}

// Not at anybody's expense: there is at most one a thread.
static void remove_ticket(struct ticket *ticket) {
    struct space *before = space();
    state_count(NULL, false);
    kept_remove(&ticket->link);
    state_free(ticket, sizeof *ticket);
    space_switch(before);
}

bool ticket_keep(struct caller *caller, struct object *object) {
    struct ticket *ticket = caller->ticket;
    if (ticket)
        return true; // it waited already when our predecessor was there
    state_count(NULL, false);
    ticket = state_allocate(sizeof *ticket);
    space_switch(space());
    if (!ticket)
        return false;
    ticket->number = caller->request.ticket;
    ticket->process = caller->request.process;
    ticket->object = object;
    kept_append(&root()->tickets, &ticket->link);
    state_commit();
    caller->ticket = ticket;
    return true;
}

bool ticket_find(struct caller *caller) {
    caller->ticket = find(caller->request.ticket);
    return caller->ticket && !caller->ticket->object;
}

void ticket_drop(struct caller *caller) {
    if (caller->ticket)
        remove_ticket(caller->ticket);
}

void ticket_cancel(uint64_t number) {
    struct ticket *ticket = find(number);
    if (!ticket)
        return;
    remove_ticket(ticket);
    state_commit();
}

void tickets_object_removed(struct object *object) {
    for (struct link *link = root()->tickets.next; link != &root()->tickets; link = link->next) {
        struct ticket *ticket = (struct ticket *)link;
        if (ticket->object != object)
            continue;
        KEEP(ticket->object);
        ticket->object = NULL;
    }
}

void tickets_reopen(void) {
    newest = 0;
    space_switch(&root()->outside);
    for (struct link *link = root()->tickets.next, *next; link != &root()->tickets; link = next) {
        struct ticket *ticket = (struct ticket *)link;
        next = link->next;
        newest = ticket->number > newest ? ticket->number : newest;
        if (process_has_ended(ticket->process)) {
            remove_ticket(ticket);
            state_commit();
        }
    }
}
