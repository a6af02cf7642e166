// SPDX-License-Identifier: MPL-2.0
// Pagers as other parts of the kernel use them (ipc/pager.h), and room for what their servers bring.
#include "pager_priv.h"

#include <ipc/pager.h>

#define FREE_AT_LEAST 4u // pages are thrown out when less than a quarter of memory is free
#define DROP_FACTOR 2u   // of so many for each one that came
#define LOOKS_MOST 256u  // objects that are looked at for it

status_t pager_acquire(int handle, struct object **out) {
    struct handle_ref ref;
    status_t status = handle_lookup(handle, RIGHT_ADMIN, &ref);
    if (status != 0)
        return status;
    bool good = object_is_pager(ref.object);
    if (good) {
        object_handle_acquire(ref.object);
        *out = ref.object;
    }
    handle_release(&ref);
    return good ? 0 : -EBADF;
}

void pager_release(struct object *pager) {
    object_handle_release(pager);
}

status_t pager_object(struct object *object, uint64_t key, uint64_t size, struct vmo **out) {
    *out = pager_find(pager_of(object), key);
    return *out ? 0 : pager_add(pager_of(object), key, size, false, out);
}

void pager_forget(struct object *object, uint64_t key) {
    (void)!pager_remove(pager_of(object), key); // gone already, perhaps
}

static bool memory_is_short(void) {
    struct page_stats stats;
    page_stats(&stats);
    return stats.free < stats.total / FREE_AT_LEAST;
}

void pager_make_room(struct pager *pager, uint64_t came) {
    if (!pager->gives_back || !memory_is_short())
        return;
    int64_t wanted = (int64_t)(came * DROP_FACTOR);
    uint64_t key = atomic_load_explicit(&pager->hand, memory_order_relaxed);
    for (unsigned looked = 0; wanted > 0 && looked < LOOKS_MOST; looked++) {
        struct vmo *vmo = pager_next(pager, &key);
        if (vmo) {
            uint64_t had = atomic_load_explicit(&vmo->resident, memory_order_relaxed);
            wanted -= (int64_t)(had - MIN(had, vmo_drop_clean(vmo, 0, UINT64_MAX >> PAGE_SHIFT)));
            vmo_put(vmo);
        }
        key = vmo ? key + 1 : 0; // once around
    }
    atomic_store_explicit(&pager->hand, key, memory_order_relaxed);
}
