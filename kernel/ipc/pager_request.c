// SPDX-License-Identifier: MPL-2.0
// Requests to a pager's server, and the threads that wait for their end.
//
// A fault looks, with pager->lock held, for an open request that has its page; if there is none it makes one, for the
// page and the missing ones behind it. The request stays open until the server has answered for each of its pages,
// whether or not anybody still waits: so the server decides how many there are, up to a bound, and where it is
// reached, faults wait for one to end.
//
//   fault                                 server
//   page is not there                     puts the page in (vmo->lock)
//   pager->lock                           pager->lock
//     page is not there: request, sleep     marks it in open requests, wakes
//
// The second look is what makes this safe: a page that it does not see is put in later, and marked later still.
//
// The server is told by messages that need no credit. There are at most two for each request that may be open: when
// more are queued, as of a server that answers without receiving, all are withdrawn and what is open is sent again.
#include "pager_priv.h"

#include <ipc/port.h>
#include <mm/charged.h>

CHARGED_CACHE(request_cache, struct request);
static_assert(PAGER_REQUEST_PAGES < 32);

// ---------------------------------------------------------------- telling the server

static uint32_t bit_of(const struct request *request, uint64_t index) {
    return 1u << (index - request->first);
}

uint64_t request_next(const struct request *request) {
    uint64_t at = request->first;
    while (request->type != PAGER_SYNC && at + 1 < request->end && request->answered & bit_of(request, at))
        at++;
    return at;
}

// A closed port is no error: the next server will be told.
static status_t tell(struct pager *pager, struct request *request) REQUIRES(&pager->lock) {
    uint64_t first = request_next(request);
    struct pager_range range = {
        .key = request->source->key, .offset = first << PAGE_SHIFT, .size = (request->end - first) << PAGE_SHIFT};
    status_t status = port_notify(pager->right, request->type, &range, sizeof range);
    request->told = status == 0 ? ++pager->told : PAGER_UNTOLD;
    return status == -ENOMEM ? status : 0;
}

// Wakes who waits for anything of it.
static void close_request(struct pager *pager, struct request *request) REQUIRES(&pager->lock) {
    request->open = false;
    list_remove(&request->node);
    pager->open_count--;
    wait_queue_wake_all(&request->queue);
    wait_queue_wake_all(&pager->room);
    if (request->waiters == 0)
        charged_free(&request_cache, request);
}

void request_fail_locked(struct pager *pager, struct request *request, status_t error) {
    request->failed |= ~request->answered;
    request->answered = ~0u;
    request->error = error;
    close_request(pager, request);
}

void pager_ask_again_locked(struct pager *pager) {
    struct request *request, *next;
    LIST_FOR_EACH_SAFE(request, next, &pager->open, node) {
        if (tell(pager, request) != 0)
            request_fail_locked(pager, request, -ENOMEM);
    }
}

void source_fail_locked(struct pager *pager, struct source *source) {
    struct request *request, *next;
    LIST_FOR_EACH_SAFE(request, next, &pager->open, node) {
        if (request->source == source)
            request_fail_locked(pager, request, -EIO);
    }
}

static status_t open_request(struct pager *pager, struct source *source, uint32_t type, uint64_t first, uint64_t end,
                             struct request **out) REQUIRES(&pager->lock) {
    struct request *request = charged_alloc_zero(&request_cache);
    if (!request)
        return -ENOMEM;
    *request = (struct request){.source = source, .type = type, .first = first, .end = end, .open = true};
    wait_queue_init(&request->queue);
    if (port_queued(pager->right) >= 2 * pager->open_max) {
        port_withdraw(pager->right);
        pager_ask_again_locked(pager);
    }
    if (tell(pager, request) != 0) {
        charged_free(&request_cache, request);
        return -ENOMEM;
    }
    list_push_back(&pager->open, &request->node);
    pager->open_count++;
    *out = request;
    return 0;
}

// ---------------------------------------------------------------- waiting

// Sleeps until the bit is answered. The reference that the waiters are goes.
static status_t await(struct pager *pager, struct request *request, uint32_t bit) REQUIRES(&pager->lock) {
    status_t status = 0;
    request->waiters++;
    while (status == 0 && request->open && !(request->answered & bit))
        status = wait_queue_sleep(&request->queue, &pager->lock, WAIT_KILLABLE, NSEC_NEVER);
    if (request->failed & bit)
        status = request->error;
    if (--request->waiters == 0 && !request->open)
        charged_free(&request_cache, request);
    return status;
}

// 0 when there is room for another request, or there was and others were faster: look again.
static status_t await_room(struct pager *pager) REQUIRES(&pager->lock) {
    return wait_queue_sleep(&pager->room, &pager->lock, WAIT_KILLABLE, NSEC_NEVER);
}

// The open request that has the page.
static struct request *find_request(struct pager *pager, const struct source *source, uint64_t index)
    REQUIRES(&pager->lock) {
    struct request *request;
    LIST_FOR_EACH(request, &pager->open, node) {
        if (request->source == source && request->type != PAGER_SYNC && index >= request->first &&
            index < request->end && !(request->answered & bit_of(request, index)))
            return request;
    }
    return nullptr;
}

static uint64_t page_count(struct vmo *vmo) {
    return ALIGN_UP(atomic_load_explicit(&vmo->size, memory_order_relaxed), PAGE_SIZE) >> PAGE_SHIFT;
}

// Where a request for this page and missing ones behind it ends.
static uint64_t request_end(struct pager *pager, const struct source *source, uint64_t index) REQUIRES(&pager->lock) {
    uint64_t end = MIN(ALIGN_DOWN(index, PAGER_REQUEST_PAGES) + PAGER_REQUEST_PAGES, page_count(source->vmo));
    uint64_t at = index + 1;
    while (at < end && !vmo_has_page(source->vmo, at) && !find_request(pager, source, at) &&
           !source_is_bad_locked(pager, source, at))
        at++;
    return at;
}

// *out: a request to wait for; null: the page is there.
static status_t get_request(struct pager *pager, struct source *source, uint64_t index, bool write,
                            struct request **out) REQUIRES(&pager->lock) {
    for (status_t status = 0;;) {
        *out = nullptr;
        if (status < 0)
            return status;
        if (index >= page_count(source->vmo))
            return -ENXIO;
        if (vmo_has_page(source->vmo, index))
            return 0;
        if (source->detached || source_is_bad_locked(pager, source, index))
            return -EIO;
        if ((*out = find_request(pager, source, index)) != nullptr)
            return 0;
        if (pager->open_count < pager->open_max)
            return open_request(pager, source, write ? PAGER_WRITE : PAGER_READ, index,
                                request_end(pager, source, index), out);
        status = await_room(pager);
    }
}

static status_t source_request(struct vmo *vmo, uint64_t index, bool write) {
    struct source *source = source_of(vmo);
    struct pager *pager = source->pager;
    struct request *request;
    spin_lock(&pager->lock);
    status_t status = get_request(pager, source, index, write, &request);
    if (status == 0 && request)
        status = await(pager, request, bit_of(request, index));
    spin_unlock(&pager->lock);
    return status;
}

static status_t source_sync(struct vmo *vmo, uint64_t start, uint64_t end) {
    struct source *source = source_of(vmo);
    struct pager *pager = source->pager;
    uint64_t first = start >> PAGE_SHIFT, last = ALIGN_UP(MIN(end, (uint64_t)INT64_MAX), PAGE_SIZE) >> PAGE_SHIFT;
    last = MIN(last, page_count(vmo));
    if (first >= last || vmo_is_clean(vmo, first, last))
        return 0;
    struct request *request;
    spin_lock(&pager->lock);
    status_t status = 0;
    while (status == 0 && !source->detached && pager->open_count >= pager->open_max)
        status = await_room(pager);
    if (status == 0)
        status = source->detached ? -EIO : open_request(pager, source, PAGER_SYNC, first, last, &request);
    if (status == 0)
        status = await(pager, request, 1);
    spin_unlock(&pager->lock);
    return status;
}

const struct vmo_pager_ops source_ops = {.request = source_request, .sync = source_sync, .destroy = source_destroy};

// ---------------------------------------------------------------- answers

// The bits of a request that lie in [first, end).
static uint32_t overlap(const struct request *request, uint64_t first, uint64_t end) {
    uint64_t from = MAX(first, request->first), to = MIN(end, request->end);
    if (from >= to)
        return 0;
    if (request->type == PAGER_SYNC)
        return 1;
    return (bit_of(request, to) - 1) & ~(bit_of(request, from) - 1);
}

void request_cut_locked(struct request *request, uint64_t end) {
    request->answered |= ~(bit_of(request, end) - 1);
    request->end = end;
    wait_queue_wake_all(&request->queue);
}

static void answer_request(struct pager *pager, struct request *request, uint32_t bits, status_t error)
    REQUIRES(&pager->lock) {
    uint32_t all = request->type == PAGER_SYNC ? 1 : bit_of(request, request->end) - 1;
    bits &= ~request->answered;
    request->answered |= bits;
    if (error != 0) {
        request->failed |= bits;
        request->error = error;
    }
    if ((request->answered & all) == all)
        close_request(pager, request);
    else
        wait_queue_wake_all(&request->queue);
}

void source_answer(struct source *source, uint64_t first, uint64_t end, status_t error) {
    struct pager *pager = source->pager;
    spin_lock(&pager->lock);
    struct request *request, *next;
    LIST_FOR_EACH_SAFE(request, next, &pager->open, node) {
        uint32_t bits = request->source == source ? overlap(request, first, end) : 0;
        if (bits && (error != 0 || request->type != PAGER_SYNC))
            answer_request(pager, request, bits, error);
    }
    spin_unlock(&pager->lock);
}

// A sync of the source's that nobody has checked since `check`.
static struct request *unchecked_sync(struct pager *pager, struct source *source, uint64_t check)
    REQUIRES(&pager->lock) {
    struct request *request;
    LIST_FOR_EACH(request, &pager->open, node) {
        if (request->source == source && request->type == PAGER_SYNC && request->checked < check)
            return request;
    }
    return nullptr;
}

// A check walks the pages, without the lock; the request is held by counting as a waiter.
void source_stored(struct source *source, uint64_t first, uint64_t end) {
    struct pager *pager = source->pager;
    struct request *request;
    spin_lock(&pager->lock);
    uint64_t check = ++pager->checks;
    while ((request = unchecked_sync(pager, source, check)) != nullptr) {
        request->checked = check;
        request->waiters++;
        spin_unlock(&pager->lock);
        bool clean = vmo_is_clean(source->vmo, request->first, request->end);
        spin_lock(&pager->lock);
        request->waiters--;
        if (!request->open) {
            if (request->waiters == 0)
                charged_free(&request_cache, request);
        } else if (clean) {
            answer_request(pager, request, 1, 0);
        } else if (first <= request->first && request->end <= end && tell(pager, request) != 0) {
            request_fail_locked(pager, request, -ENOMEM);
        }
    }
    spin_unlock(&pager->lock);
}
