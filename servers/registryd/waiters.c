// SPDX-License-Identifier: MPL-2.0
#include "waiters.h"

#include <string.h>

int waiters_remove(struct waiters *waiters, unsigned at) {
    int reply = waiters->list[at].reply;
    waiters->count--;
    memmove(&waiters->list[at], &waiters->list[at + 1], (waiters->count - at) * sizeof *waiters->list);
    return reply;
}

static int make_room(struct waiters *waiters, uint64_t view) {
    unsigned of_view = 0, oldest = 0;
    for (unsigned i = waiters->count; i-- > 0;) {
        if (waiters->list[i].view != view)
            continue;
        of_view++;
        oldest = i;
    }
    if (of_view >= WAITERS_OF_VIEW)
        return waiters_remove(waiters, oldest);
    return waiters->count == WAITERS_MAX ? waiters_remove(waiters, 0) : -1;
}

int waiters_add(struct waiters *waiters, const char *name, uint64_t view, int reply) {
    int gone = make_room(waiters, view);
    struct waiter *waiter = &waiters->list[waiters->count++];
    *waiter = (struct waiter){.view = view, .reply = reply};
    strncpy(waiter->name, name, TOKEN_NAME_MAX);
    return gone;
}
