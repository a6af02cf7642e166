// SPDX-License-Identifier: MPL-2.0
// Pages for a paged memory object: moved out of another one, or copied from the server's memory. A page that is there
// already stays: it may have been written to.
#include "pager_priv.h"

#include <arch/uaccess.h>
#include <lib/string.h>
#include <sched/sched.h>

// A page with what the server has at `offset`.
static status_t get_page(const struct supply *supply, uint64_t offset, struct page **out) {
    if (supply->from) {
        status_t status = vmo_take(supply->from, offset >> PAGE_SHIFT, out);
        if (status != 0 || *out)
            return status;
        *out = page_alloc_one(ALLOC_USER | ALLOC_ZERO); // a hole
        return *out ? 0 : -ENOMEM;
    }
    struct page *page = page_alloc_one(ALLOC_USER);
    if (!page)
        return -ENOMEM;
    if (copy_from_user(page_to_virt(page), (const void __user *)offset, PAGE_SIZE) != 0) {
        page_put(page);
        return -EFAULT;
    }
    *out = page;
    return 0;
}

static status_t supply_page(struct vmo *vmo, uint64_t index, const struct supply *supply, uint64_t offset) {
    struct page *page;
    if (vmo_has_page(vmo, index))
        return 0;
    status_t status = get_page(supply, offset, &page);
    if (status != 0)
        return status;
    status = vmo_supply(vmo, index, page);
    if (status != 0)
        page_put(page);
    return status == -EEXIST || status == -ENXIO ? 0 : status; // others were faster, or truncated it
}

status_t source_supply(struct source *source, uint64_t first, uint64_t count, const struct supply *supply) {
    status_t status = 0;
    uint64_t told = 0, done = 0;
    while (done < count && status == 0) {
        status = supply_page(source->vmo, first + done, supply, supply->offset + (done << PAGE_SHIFT));
        done += status == 0;
        if (done - told == PAGER_REQUEST_PAGES || done == count || status != 0) {
            source_answer(source, first + told, first + done, 0);
            told = done;
            sched_preempt_point();
            if (status == 0 && thread_is_killed())
                status = -EINTR;
        }
    }
    return status;
}
