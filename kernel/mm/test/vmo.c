// SPDX-License-Identifier: MPL-2.0
// Memory objects against a plain byte array: reads, writes, truncation, holes, seeking; quotas, seals, pagers.
#include <abi/fcntl.h>

#include "mm_test.h"

#include <mm/uio.h>
#include <mm/upcall.h>
#include <mm/vmo.h>
#include <stdlib.h>
#include <string.h>

void region_file_get(struct object *file) {}
void region_file_put(struct object *file) {}

enum { MODEL_SIZE = 64 * PAGE_SIZE };
static unsigned char model[MODEL_SIZE];
static bool present[MODEL_SIZE / PAGE_SIZE];
static uint64_t model_size;

static ssize_t put(struct vmo *vmo, uint64_t offset, const void *from, size_t size) {
    struct uio uio;
    uio_init_kernel(&uio, (void *)from, size);
    return vmo_write(vmo, offset, &uio, size);
}

static ssize_t get(struct vmo *vmo, uint64_t offset, void *to, size_t size) {
    struct uio uio;
    uio_init_kernel(&uio, to, size);
    return vmo_read(vmo, offset, &uio, size);
}

static bool same(struct vmo *vmo) {
    static unsigned char read[MODEL_SIZE];
    return get(vmo, 0, read, model_size) == (ssize_t)model_size && memcmp(read, model, model_size) == 0;
}

static void model_resize(uint64_t size) {
    for (uint64_t i = size; i < MODEL_SIZE; i++)
        model[i] = 0;
    for (uint64_t page = ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE; page < MODEL_SIZE / PAGE_SIZE; page++)
        present[page] = false;
    model_size = size;
}

static loff_t model_seek(uint64_t offset, bool data) {
    if (offset >= model_size)
        return -ENXIO;
    for (uint64_t page = offset / PAGE_SIZE; page * PAGE_SIZE < model_size; page++)
        if (present[page] == data)
            return (loff_t)MAX(page * PAGE_SIZE, offset);
    return data ? -ENXIO : (loff_t)model_size;
}

static bool random_step(struct vmo *vmo) {
    uint64_t start = (uint64_t)random() % MODEL_SIZE, size = (uint64_t)random() % (5 * PAGE_SIZE);
    size = MIN(size, MODEL_SIZE - start);
    switch (random() % 4) {
    case 0:
    case 1: {
        static unsigned char bytes[5 * PAGE_SIZE];
        for (uint64_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)random();
        memcpy(model + start, bytes, size);
        for (uint64_t page = start / PAGE_SIZE; size && page <= (start + size - 1) / PAGE_SIZE; page++)
            present[page] = true;
        if (size && start + size > model_size)
            model_size = start + size;
        return put(vmo, start, bytes, size) == (ssize_t)size;
    }
    case 2:
        if (random() % 4)
            return true;
        model_resize(start);
        return vmo_resize(vmo, start) == 0;
    default:
        memset(model + start, 0, size);
        for (uint64_t page = ALIGN_UP(start, PAGE_SIZE) / PAGE_SIZE; (page + 1) * PAGE_SIZE <= start + size; page++)
            present[page] = false;
        return vmo_punch(vmo, start, start + size) == 0;
    }
}

static void test_random(void) {
    struct vmo *vmo = vmo_create(0);
    bool good = true, seeks = true;
    srandom(5);
    for (unsigned step = 0; step < 4000 && good; step++) {
        good = random_step(vmo) && vmo->size == model_size && same(vmo);
        uint64_t offset = (uint64_t)random() % MODEL_SIZE;
        seeks = seeks && vmo_seek(vmo, offset, true) == model_seek(offset, true) &&
                vmo_seek(vmo, offset, false) == model_seek(offset, false);
    }
    ok(good, "random writes, truncations and holes agree with the model");
    ok(seeks, "SEEK_DATA and SEEK_HOLE agree with it too");
    uint64_t resident = 0;
    for (unsigned i = 0; i < MODEL_SIZE / PAGE_SIZE; i++)
        resident += present[i];
    is(vmo->resident, resident, "resident pages are counted");
    vmo_put(vmo);
}

static void test_quota(void) {
    _Atomic uint64_t used = 0;
    struct vmo *vmo = vmo_create(0);
    vmo->charge = &used;
    vmo->charge_limit = 3;
    static char bytes[5 * PAGE_SIZE];
    is(put(vmo, 0, bytes, sizeof(bytes)), 3 * PAGE_SIZE, "a full quota makes a short write");
    is(put(vmo, 3 * PAGE_SIZE, bytes, 1), -ENOSPC, "then ENOSPC");
    is(vmo_resize(vmo, PAGE_SIZE), 0, "truncation");
    is(used, 1, "gives pages back to the quota");
    is(vmo_commit(vmo, 0, 3 * PAGE_SIZE), 0, "preallocation takes them again");
    vmo_put(vmo);
    is(used, 0, "the end of the object gives back all");
}

static void test_seals(void) {
    struct vmo *vmo = vmo_create(100);
    is(vmo_add_seals(vmo, F_SEAL_SHRINK | F_SEAL_GROW), 0, "two seals");
    is(vmo_resize(vmo, 50), -EPERM, "no shrinking");
    is(vmo_resize(vmo, 200), -EPERM, "no growing");
    is(put(vmo, 90, "0123456789abcdef", 16), -EPERM, "no writing beyond the end");
    is(put(vmo, 90, "0123456789", 10), 10, "writing inside goes");
    is(vmo_add_seals(vmo, F_SEAL_WRITE | F_SEAL_SEAL), 0, "the last two");
    is(put(vmo, 0, "x", 1), -EPERM, "no writing at all");
    is(vmo_add_seals(vmo, F_SEAL_GROW), -EPERM, "no more seals");
    vmo_put(vmo);
}

// A pager that fills each page with its index and remembers what was written back.
static unsigned char disk[8][PAGE_SIZE];
static bool destroyed;

static status_t read_page(struct vmo *vmo, uint64_t index, struct page *page) {
    if (index >= 8)
        return -EIO;
    memcpy(page_to_virt(page), disk[index], PAGE_SIZE);
    return 0;
}

static status_t write_page(struct vmo *vmo, uint64_t index, struct page *page) {
    memcpy(disk[index], page_to_virt(page), PAGE_SIZE);
    return 0;
}

static void destroy(struct vmo *vmo) {
    destroyed = true;
}

static void test_pager(void) {
    static const struct vmo_pager_ops ops = {.read_page = read_page, .write_page = write_page, .destroy = destroy};
    for (unsigned i = 0; i < 8; i++)
        memset(disk[i], (int)i + 1, PAGE_SIZE);
    struct vmo *vmo = vmo_create_paged(10 * PAGE_SIZE, &ops, nullptr);
    unsigned char byte;
    ok(get(vmo, 5 * PAGE_SIZE + 7, &byte, 1) == 1 && byte == 6, "pages come from the pager");
    is(get(vmo, 9 * PAGE_SIZE, &byte, 1), -EIO, "its errors come through");
    ok(put(vmo, 2 * PAGE_SIZE + 1, "Z", 1) == 1 && disk[2][1] == 3, "a write stays in memory");
    is(vmo_sync(vmo, 0, 10 * PAGE_SIZE), 0, "until it is synced");
    ok(disk[2][0] == 3 && disk[2][1] == 'Z', "then it is in the store");
    disk[2][1] = 0;
    ok(vmo_sync(vmo, 0, 10 * PAGE_SIZE) == 0 && disk[2][1] == 0, "clean pages are not written again");
    vmo_put(vmo);
    ok(destroyed, "the pager is told of the end");
}

// A server's part: it supplies page 1 with fives when asked, and refuses page 2.
static unsigned asked;

static status_t request(struct vmo *vmo, uint64_t index, bool write) {
    asked++;
    if (index == 2)
        return -EIO;
    struct page *page = page_alloc_one(ALLOC_USER);
    memset(page_to_virt(page), 5, PAGE_SIZE);
    status_t status = vmo_supply(vmo, index, page);
    if (status != 0)
        page_put(page);
    return status;
}

static void test_supply(void) {
    static const struct vmo_pager_ops ops = {.request = request};
    struct vmo *vmo = vmo_create_paged(8 * PAGE_SIZE, &ops, nullptr), *donor = vmo_create(4 * PAGE_SIZE);
    unsigned char byte;
    ok(get(vmo, PAGE_SIZE, &byte, 1) == 1 && byte == 5 && asked == 1, "a page that was asked for");
    ok(get(vmo, PAGE_SIZE, &byte, 1) == 1 && asked == 1, "is asked for once");
    is(get(vmo, 2 * PAGE_SIZE, &byte, 1), -EIO, "a refused one");
    struct page *page, *kept;
    put(donor, 0, "donor", 5);
    is(vmo_take(donor, 0, &page), 0, "take a page");
    ok(memcmp(page_to_virt(page), "donor", 5) == 0 && donor->resident == 0, "out of a donor");
    is(vmo_supply(vmo, 1, page), -EEXIST, "not where one is");
    is(vmo_supply(vmo, 8, page), -ENXIO, "nor behind the end");
    is(vmo_supply(vmo, 4, page), 0, "supply it");
    put(donor, 0, "other", 5);
    ok(vmo_get_page(donor, 0, false, &kept) == 0 && vmo_take(donor, 0, &page) == 0 && page != kept,
       "one that is in use is copied");
    page_put(kept), page_put(page);
    ok(vmo_take(donor, 3, &page) == 0 && !page, "a hole");
    is(vmo_take(vmo, 1, &page), -EINVAL, "nothing is taken out of a paged object");
    struct vmo_run runs[2];
    uint64_t at = 0;
    is(vmo_dirty_runs(vmo, &at, 8, runs, 2, false), 0, "supplied pages are clean");
    put(vmo, PAGE_SIZE, "x", 1), put(vmo, 4 * PAGE_SIZE, "x", 1), put(vmo, 5 * PAGE_SIZE, "x", 1);
    at = 0;
    is(vmo_dirty_runs(vmo, &at, 8, runs, 1, true), 1, "with room for one run");
    ok(runs[0].first == 1 && runs[0].count == 1 && at == 4, "one is taken");
    is(vmo_dirty_runs(vmo, &at, 8, runs, 2, true), 1, "then the other");
    ok(runs[0].first == 4 && runs[0].count == 2 && !vmo_is_clean(vmo, 0, 8), "which is being stored");
    vmo_end_writing(vmo, 1, 2, false), vmo_end_writing(vmo, 4, 5, true), vmo_end_writing(vmo, 5, 6, false);
    at = 0;
    ok(vmo_dirty_runs(vmo, &at, 8, runs, 2, false) == 1 && runs[0].first == 4, "one was not");
    ok(!vmo_is_clean(vmo, 0, 8) && vmo_is_clean(vmo, 5, 8), "others are clean");
    is(vmo_punch(vmo, 0, PAGE_SIZE), -EOPNOTSUPP, "no holes in what a server has");
    asked = 0;
    is(vmo_resize(vmo, 6 * PAGE_SIZE + 10), 0, "cut in a page that is not there");
    is(asked, 0, "which is not asked for");
    vmo_put(vmo), vmo_put(donor);
}

// Clones against byte arrays: four objects, each written to, cut, and replaced by a clone of another.
enum { CLONES = 4, CLONE_SIZE = 8 * PAGE_SIZE };
static unsigned char clone_model[CLONES][CLONE_SIZE];
static uint64_t clone_size[CLONES];

static bool clone_step(struct vmo **vmos) {
    unsigned at = (unsigned)random() % CLONES, from = (unsigned)random() % CLONES;
    uint64_t start = (uint64_t)random() % CLONE_SIZE, size = (uint64_t)random() % (2 * PAGE_SIZE);
    size = MIN(size, CLONE_SIZE - start);
    switch (random() % 5) {
    case 0:
        if (at == from)
            return true;
        vmo_put(vmos[at]);
        vmos[at] = vmo_create(0);
        memcpy(clone_model[at], clone_model[from], CLONE_SIZE);
        clone_size[at] = clone_size[from];
        return vmo_clone(vmos[at], vmos[from]) == 0;
    case 1:
        memset(clone_model[at] + start, 0, CLONE_SIZE - start);
        clone_size[at] = start;
        return vmo_resize(vmos[at], start) == 0;
    case 2:
        memset(clone_model[at] + start, 0, size);
        return vmo_punch(vmos[at], start, start + size) == 0;
    default:
        for (uint64_t i = 0; i < size; i++)
            clone_model[at][start + i] = (unsigned char)random();
        if (size && start + size > clone_size[at])
            clone_size[at] = start + size;
        return put(vmos[at], start, clone_model[at] + start, size) == (ssize_t)size;
    }
}

static bool clones_same(struct vmo **vmos) {
    static unsigned char read[CLONE_SIZE];
    for (unsigned i = 0; i < CLONES; i++)
        if (vmos[i]->size != clone_size[i] || get(vmos[i], 0, read, clone_size[i]) != (ssize_t)clone_size[i] ||
            memcmp(read, clone_model[i], clone_size[i]) != 0)
            return false;
    return true;
}

static void test_clones(void) {
    struct vmo *vmos[CLONES];
    bool good = true;
    for (unsigned i = 0; i < CLONES; i++)
        vmos[i] = vmo_create(0);
    for (unsigned step = 0; step < 20'000 && good; step++)
        good = clone_step(vmos) && clones_same(vmos);
    ok(good, "random clones, writes, truncations and holes agree with the model");
    for (unsigned i = 0; i < CLONES; i++)
        vmo_put(vmos[i]);
}

static void account_gone(struct memory_account *account) {}

static struct vmo *vmo_paid_by(struct memory_account *account, uint64_t size) {
    struct vmo *vmo = vmo_create(size);
    charge_init(&vmo->memory, account);
    return vmo;
}

// What is charged, but for what holders keep ahead.
static int64_t owed(struct memory_account *account, struct vmo *vmo) {
    int64_t ahead = vmo ? vmo->memory.charged - (int64_t)vmo->resident : 0;
    return account->pages - ahead;
}

static void test_clone_costs(void) {
    struct memory_account payers[3];
    for (unsigned i = 0; i < 3; i++) {
        account_init(&payers[i], nullptr);
        payers[i].release = account_gone;
    }
    static char bytes[64 * PAGE_SIZE];
    struct vmo *first = vmo_paid_by(&payers[0], 0), *second = vmo_paid_by(&payers[1], 0);
    struct vmo *third = vmo_paid_by(&payers[2], 0);
    put(first, 0, bytes, sizeof bytes);
    struct page_stats before, after;
    page_stats(&before);
    ok(vmo_clone(second, first) == 0 && vmo_clone(third, second) == 0, "a clone and a clone of it");
    page_stats(&after);
    is(after.cached, before.cached, "need no pages");
    ok(second->resident == 64 && payers[1].pages == 0 && payers[2].pages == 0, "and cost nothing");
    is(owed(&payers[0], first), 64, "who made the first one pays");
    put(second, 0, "x", 1);
    is(owed(&payers[1], second), 1, "a page that is written to costs its writer");
    put(first, 0, "y", 1);
    is(owed(&payers[0], first), 65, "who wrote and whose page others have pays for both");
    vmo_put(second);
    is(payers[1].pages, 0, "the end of one gives back what it had");
    vmo_put(first);
    is(payers[0].pages, 64, "pages that others have are still paid for");
    put(third, 0, bytes, 2 * PAGE_SIZE);
    is(payers[0].pages, 62, "until the last one takes them over");
    is(owed(&payers[2], third), 2, "and pays");
    payers[2].limit = payers[2].pages;
    ssize_t done = put(third, 2 * PAGE_SIZE, bytes, 60 * PAGE_SIZE);
    ok(done < (ssize_t)(60 * PAGE_SIZE) && payers[2].pages == payers[2].limit, "as much as it may");
    vmo_put(third);
    ok(payers[0].pages == 0 && payers[2].pages == 0, "nothing is left");
}

// A page that somebody may still write to is copied at once.
static void test_clone_pinned(void) {
    struct vmo *from = vmo_create(0), *to = vmo_create(0);
    struct page *pinned;
    char byte;
    put(from, 0, "a", 1);
    ok(vmo_get_page(from, 0, false, &pinned) == 0 && vmo_clone(to, from) == 0, "clone while a page is in use");
    *(char *)page_to_virt(pinned) = 'b';
    page_put(pinned);
    ok(get(from, 0, &byte, 1) == 1 && byte == 'b' && get(to, 0, &byte, 1) == 1 && byte == 'a', "the clone has its own");
    vmo_put(from), vmo_put(to);
}

static void test_failure(void) {
    static char bytes[3 * PAGE_SIZE];
    bool good = true;
    for (unsigned interval = 1; interval < 8; interval++) {
        struct vmo *vmo = vmo_create(0);
        alloc_fail_every(interval);
        ssize_t done = put(vmo, 1ull << 30, bytes, sizeof(bytes));
        alloc_fail_every(0);
        good = good && (done == -ENOMEM || (done >= 0 && done <= (ssize_t)sizeof(bytes)));
        vmo_put(vmo);
    }
    ok(good, "failing allocations give short writes or ENOMEM");
    struct vmo *from = vmo_create(0);
    put(from, 0, bytes, sizeof(bytes)), put(from, 1ull << 30, bytes, sizeof(bytes));
    for (unsigned interval = 1; interval < 8; interval++) {
        struct vmo *to = vmo_create(0);
        alloc_fail_every(interval);
        status_t status = vmo_clone(to, from);
        ssize_t done = put(from, 0, bytes, 1);
        alloc_fail_every(0);
        good = good && (status == 0 || status == -ENOMEM) && (done == 1 || done == -ENOMEM);
        vmo_put(to);
    }
    ok(good, "and clones that are there or not");
    vmo_put(from);
}

int main(void) {
    mm_test_boot();
    struct mm_test_counts before = mm_test_counts();
    test_random();
    test_quota();
    test_seals();
    test_pager();
    test_supply();
    test_clones();
    test_clone_costs();
    test_clone_pinned();
    test_failure();
    mm_test_no_leak(before, "memory objects");
    return tap_done();
}
