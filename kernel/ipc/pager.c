// SPDX-License-Identifier: MPL-2.0
// Pagers: a server's memory objects, whose pages it supplies when they are wanted (docs/pagers.md).
//
// A pager outlives its server if somebody else has a handle to it, too: faults wait, nothing is lost, and the next
// instance takes over (pager_move). With the last handle it is closed: its memory objects keep what pages they have,
// and whoever waits for others, or ever wants some, gets EIO.
#include "pager_priv.h"

#include <ipc/port.h>
#include <lib/fmt.h>
#include <mm/charged.h>
#include <object/task.h>

CHARGED_CACHE(pager_cache, struct pager);
CHARGED_CACHE(source_cache, struct source);

// ---------------------------------------------------------------- memory objects

void source_destroy(struct vmo *vmo) {
    struct source *source = source_of(vmo);
    object_put(&source->pager->object);
    charged_free(&source_cache, source);
}

static struct vmo *make_vmo(struct pager *pager, uint64_t key, uint64_t size) {
    struct source *source = charged_alloc_zero(&source_cache);
    struct vmo *vmo = source ? vmo_create_paged(size, &source_ops, source) : nullptr;
    if (!vmo) {
        if (source)
            charged_free(&source_cache, source);
        return nullptr;
    }
    *source = (struct source){.pager = pager, .vmo = vmo, .key = key};
    object_get(&pager->object);
    return vmo;
}

status_t pager_add(struct pager *pager, uint64_t key, uint64_t size, bool maker_pays, struct vmo **out) {
    struct vmo *vmo = make_vmo(pager, key, size);
    if (!vmo)
        return -ENOMEM;
    status_t status = maker_pays ? vmo_pay(vmo) : 0;
    if (status == 0) {
        spin_lock(&pager->lock);
        status = pager->closed                     ? -EPIPE
                 : radix_get(&pager->sources, key) ? -EEXIST
                                                   : radix_set(&pager->sources, key, vmo);
        if (status == 0)
            vmo_get(vmo); // the tree's reference
        spin_unlock(&pager->lock);
    }
    if (status == 0)
        *out = vmo;
    else
        vmo_put(vmo);
    return status;
}

struct vmo *pager_next(struct pager *pager, uint64_t *key) {
    spin_lock(&pager->lock);
    struct vmo *vmo = radix_next(&pager->sources, key);
    if (vmo)
        vmo_get(vmo);
    spin_unlock(&pager->lock);
    return vmo;
}

struct vmo *pager_find(struct pager *pager, uint64_t key) {
    spin_lock(&pager->lock);
    struct vmo *vmo = radix_get(&pager->sources, key);
    if (vmo)
        vmo_get(vmo);
    spin_unlock(&pager->lock);
    return vmo;
}

status_t pager_remove(struct pager *pager, uint64_t key) {
    spin_lock(&pager->lock);
    struct vmo *vmo = radix_remove(&pager->sources, key);
    if (vmo) {
        source_of(vmo)->detached = true;
        source_fail_locked(pager, source_of(vmo));
        source_forget_bad_locked(pager, source_of(vmo));
    }
    spin_unlock(&pager->lock);
    if (!vmo)
        return -ENOENT;
    vmo_put(vmo);
    return 0;
}

// ---------------------------------------------------------------- pagers

// A right that counts as a handle, so that it closes like one.
static status_t make_right(struct pager *pager, struct object *port, struct object **right) {
    struct port_right options = {.badge = pager->badge, .rights = RIGHT_SEND};
    status_t status = port_right_create(port, &options, right);
    if (status != 0)
        return status;
    object_handle_acquire(*right);
    object_put(*right);
    return 0;
}

// What was being stored when the old server ended was perhaps not stored.
static void forget_writing(struct pager *pager) {
    struct vmo *vmo;
    for (uint64_t key = 0; (vmo = pager_next(pager, &key)) != nullptr; key++) {
        vmo_end_writing(vmo, 0, UINT64_MAX >> PAGE_SHIFT, true);
        vmo_put(vmo);
    }
}

status_t pager_move(struct pager *pager, struct object *port) {
    struct object *right;
    status_t status = make_right(pager, port, &right);
    if (status != 0)
        return status;
    forget_writing(pager);
    spin_lock(&pager->lock);
    struct object *old = pager->right;
    pager_blame_locked(pager);
    pager->right = right;
    port_withdraw(old);
    pager_ask_again_locked(pager);
    spin_unlock(&pager->lock);
    object_handle_release(old);
    return 0;
}

static void pager_closed(struct object *object) {
    struct pager *pager = pager_of(object);
    spin_lock(&pager->lock);
    pager->closed = true; // nothing is added any more
    spin_unlock(&pager->lock);
    struct vmo *vmo;
    for (uint64_t key = 0; (vmo = pager_next(pager, &key)) != nullptr; key++) {
        (void)!pager_remove(pager, key); // nobody else can do it
        vmo_put(vmo);
    }
    port_withdraw(pager->right); // nobody else asks for it: requests come from sources that are attached
    object_handle_release(pager->right);
}

static void pager_destroy(struct object *object) {
    charged_free(&pager_cache, pager_of(object));
}

static int pager_describe(struct object *object, char *to, size_t size) {
    struct pager *pager = pager_of(object);
    unsigned count = 0;
    struct vmo *vmo;
    for (uint64_t key = 0; (vmo = pager_next(pager, &key)) != nullptr; key++, count++)
        vmo_put(vmo);
    spin_lock(&pager->lock);
    uint32_t open = pager->open_count, most = pager->open_max;
    spin_unlock(&pager->lock);
    return fmt_snprintf(to, size, "badge:\t%llx\nmemory-objects:\t%u\nrequests:\t%u of %u\n",
                        (unsigned long long)pager->badge, count, open, most);
}

static const struct object_ops pager_ops = {
    .type = OBJECT_PAGER,
    .name = "pager",
    .closed = pager_closed,
    .destroy = pager_destroy,
    .describe = pager_describe,
};

bool object_is_pager(const struct object *object) {
    return object->ops == &pager_ops;
}

status_t pager_make(struct object *port, const struct pager_options *options, struct pager **out) {
    struct pager *pager = charged_alloc_zero(&pager_cache);
    if (!pager)
        return -ENOMEM;
    object_init(&pager->object, &pager_ops, 0);
    spin_init(&pager->lock);
    pager->badge = options->badge;
    pager->server = task_current()->object.id;
    pager->gives_back = options->flags & PAGER_GIVES_BACK;
    radix_init(&pager->sources);
    list_init(&pager->open);
    pager->open_max = options->requests ? options->requests : 64;
    wait_queue_init(&pager->room);
    status_t status = make_right(pager, port, &pager->right);
    if (status != 0) {
        charged_free(&pager_cache, pager);
        return status;
    }
    *out = pager;
    return 0;
}
