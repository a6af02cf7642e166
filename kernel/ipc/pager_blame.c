// SPDX-License-Identifier: MPL-2.0
// Requests that servers die of, as of a damaged block that the server's library cannot cope with. Without an end to it,
// each server that is started again would be asked the same, and die, and whoever waits would wait for ever.
//
// When another task takes a pager over, its predecessor has ended, or given up. A server that answers in the order in
// which it receives was at the oldest request that it had received and not answered, so that one is blamed. Blamed
// once, it is cut to the first of its pages: the others were asked for on the off chance, or are wanted by others, who
// ask again. It also goes behind all other requests, so they are answered first; and should the server have several
// threads, a request that is merely slow is not blamed again for what another one does. Blamed three times, its waiters
// get EIO, and the page is bad: who wants it gets EIO at once, until its memory object is detached.
//
// Messages of a pager come in the order in which they were sent: so they need no marks. Of those that were sent, the
// last ones are still queued, and all before them were received.
#include "pager_priv.h"

#include <ipc/port.h>
#include <object/task.h>

#define DEATHS_MOST 3

static struct request *oldest_received(struct pager *pager) REQUIRES(&pager->lock) {
    uint64_t received = pager->told - port_queued(pager->right);
    struct request *request, *oldest = nullptr;
    LIST_FOR_EACH(request, &pager->open, node) {
        if (request->told <= received && (!oldest || request->told < oldest->told))
            oldest = request;
    }
    return oldest;
}

static void remember(struct pager *pager, struct source *source, uint64_t index) REQUIRES(&pager->lock) {
    if (pager->bad_count < PAGER_BAD_MOST) {
        pager->bad[pager->bad_count++] = (struct bad_page){source, index};
        return;
    }
    pager->bad[pager->bad_next] = (struct bad_page){source, index};
    pager->bad_next = (pager->bad_next + 1) % PAGER_BAD_MOST;
}

void pager_blame_locked(struct pager *pager) {
    uint64_t before = pager->server;
    pager->server = task_current()->object.id;
    struct request *request = before != pager->server ? oldest_received(pager) : nullptr;
    if (!request)
        return;
    bool pages = request->type != PAGER_SYNC;
    uint64_t page = request_next(request);
    if (++request->deaths < DEATHS_MOST) {
        list_remove(&request->node);
        list_push_back(&pager->open, &request->node);
        if (pages)
            request_cut_locked(request, page + 1);
        return;
    }
    if (pages)
        remember(pager, request->source, page);
    request_fail_locked(pager, request, -EIO);
}

bool source_is_bad_locked(const struct pager *pager, const struct source *source, uint64_t index) {
    for (unsigned i = 0; i < pager->bad_count; i++)
        if (pager->bad[i].source == source && pager->bad[i].index == index)
            return true;
    return false;
}

void source_forget_bad_locked(struct pager *pager, const struct source *source) {
    unsigned left = 0;
    for (unsigned i = 0; i < pager->bad_count; i++)
        if (pager->bad[i].source != source)
            pager->bad[left++] = pager->bad[i];
    pager->bad_count = left;
    pager->bad_next = 0;
}
