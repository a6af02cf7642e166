// SPDX-License-Identifier: MPL-2.0
// /proc/PID/pagemap: 64 bits for each page of the address space, at eight times its number. There is no swapping, and
// nobody keeps track of who wrote since when: the bits for these are 0.
#include "proc_priv.h"
#include <mm/aspace.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include <sched/sched.h>

#define MAP_PRESENT (1ull << 63)
#define MAP_FILE (1ull << 61)      // of a file, or shared
#define MAP_EXCLUSIVE (1ull << 56) // mapped once
#define MAP_FRAME ((1ull << 55) - 1)

#define BATCH 128ul

struct batch {
    struct page_mapping pages[BATCH];
    uint64_t words[BATCH];
};

static uint64_t word_of(const struct page_mapping *page, bool show_frame) {
    return (page->present ? MAP_PRESENT : 0) | (page->file ? MAP_FILE : 0) | (page->exclusive ? MAP_EXCLUSIVE : 0) |
           (show_frame ? page->frame & MAP_FRAME : 0);
}

// Bytes done. -EFAULT if none.
static ssize_t copy_words(struct aspace *aspace, struct batch *batch, struct uio *uio, uint64_t first) {
    bool show_frame = cred_has_cap(cred_current(), CAP_SYS_ADMIN);
    uint64_t end = MIN(first + uio->resid / sizeof(uint64_t), USER_TOP >> PAGE_SHIFT);
    ssize_t total = 0;
    while (first < end) {
        size_t count = MIN(end - first, BATCH), size = count * sizeof(uint64_t);
        aspace_pagemap(aspace, first << PAGE_SHIFT, count, batch->pages);
        for (size_t i = 0; i < count; i++)
            batch->words[i] = word_of(&batch->pages[i], show_frame);
        size_t done = uio_write(uio, batch->words, size);
        total += (ssize_t)done;
        if (done < size)
            return total > 0 ? total : -EFAULT;
        first += count;
        sched_preempt_point();
        if (thread_is_interrupted())
            break;
    }
    return total;
}

ssize_t proc_pagemap_read(struct task *task, struct uio *uio, loff_t position) {
    struct process *process = task_process(task);
    status_t status = proc_check_access(process);
    struct aspace *aspace = status == 0 ? process_get_aspace(process) : nullptr;
    if (!aspace)
        return status;
    uint64_t first = (uint64_t)position / sizeof(uint64_t);
    ssize_t result = 0;
    if ((uint64_t)position % sizeof(uint64_t) != 0 || uio->resid % sizeof(uint64_t) != 0) {
        result = -EINVAL;
    } else if (first < USER_TOP >> PAGE_SHIFT) {
        struct batch *batch = kmalloc(sizeof *batch);
        result = batch ? copy_words(aspace, batch, uio, first) : -ENOMEM;
        kfree(batch);
    }
    aspace_put(aspace);
    return result;
}
