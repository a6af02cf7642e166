// SPDX-License-Identifier: MPL-2.0
// Address spaces against a naive model: an array with one record a page. Random mapping, unmapping, protection, moving,
// discarding, truncation and fork; after each step what the model says can be read and written is compared with what
// page faults and copies do. Small pages and huge ones.
#include <abi/mman.h>
#include <arch/upcall.h>

#include "mm_test.h"

#include <mm/aspace.h>
#include <mm/upcall.h>
#include <stdlib.h>
#include <string.h>

void region_file_get(struct object *file) {}
void region_file_put(struct object *file) {}

#define BASE 0x10000000ul // 2 MiB-aligned
enum { PAGES = 1536, OBJECTS = 3, OBJECT_PAGES = 700, SPACES = 3 };

struct model_page {
    bool mapped, copied; // copied: private memory of its own (or zero)
    bool shared;
    uint8_t prot;
    int8_t object; // -1: anonymous
    uint16_t index;
    uint32_t value; // if copied
};

struct space {
    struct aspace *aspace;
    struct model_page pages[PAGES];
};

static struct space spaces[SPACES];
static struct {
    struct vmo *vmo;
    uint32_t value[OBJECT_PAGES];
    unsigned size; // pages
} objects[OBJECTS];

static vaddr_t address_of(unsigned page) {
    return BASE + page * PAGE_SIZE;
}

static uint32_t *model_value(struct model_page *page) {
    return page->object < 0 || page->copied ? &page->value : &objects[page->object].value[page->index];
}

static bool beyond_end(const struct model_page *page) {
    return page->object >= 0 && !page->copied && page->index >= objects[page->object].size;
}

// --- one page, model and reality ---

static status_t expected(const struct model_page *page, bool write) {
    if (!page->mapped)
        return -EFAULT;
    if (!(page->prot & (write ? PROT_WRITE : PROT_READ | PROT_WRITE | PROT_EXEC)))
        return -EACCES;
    return beyond_end(page) ? -ENXIO : 0;
}

static bool check_fault(struct space *space, unsigned i, bool write) {
    return aspace_fault(space->aspace, address_of(i) + 8, write ? FAULT_WRITE : FAULT_READ) ==
           expected(&space->pages[i], write);
}

static bool check_read(struct space *space, unsigned i) {
    struct model_page *page = &space->pages[i];
    uint32_t value = ~0u;
    ssize_t done = aspace_access(space->aspace, address_of(i) + 16, &value, 4, false, false);
    if (expected(page, false) != 0)
        return done == -EFAULT;
    return done == 4 && value == *model_value(page);
}

static bool check_write(struct space *space, unsigned i, uint32_t value) {
    struct model_page *page = &space->pages[i];
    ssize_t done = aspace_access(space->aspace, address_of(i) + 16, &value, 4, true, false);
    if (expected(page, true) != 0)
        return done == -EFAULT;
    if (page->object >= 0 && !page->shared)
        page->copied = true;
    *model_value(page) = value;
    return done == 4;
}

// --- steps; each returns whether reality did as the model says ---

struct range {
    unsigned first, count;
};

static struct range random_range(void) {
    struct range r = {(unsigned)random() % PAGES, 0};
    unsigned longest = random() % 8 ? 20 : 1024;
    r.count = 1 + (unsigned)random() % longest;
    if (random() % 6 == 0) { // whole blocks
        r.first = ALIGN_DOWN(r.first, 512u);
        r.count = 512 * (1 + (unsigned)random() % 2);
    }
    if (r.count > PAGES - r.first)
        r.count = PAGES - r.first;
    return r;
}

static uint8_t random_prot(void) {
    static const uint8_t prots[] = {PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE,
                                    PROT_READ | PROT_EXEC};
    return prots[random() % 5];
}

static bool step_map(struct space *space) {
    struct range r = random_range();
    int object = random() % 2 ? -1 : (int)(random() % OBJECTS);
    bool shared = object >= 0 && random() % 2;
    unsigned offset = (unsigned)random() % 300;
    if (object >= 0 && r.count > OBJECT_PAGES - offset)
        r.count = OBJECT_PAGES - offset;
    uint8_t prot = random_prot();
    struct map_request request = {.address = address_of(r.first),
                                  .size = r.count * PAGE_SIZE,
                                  .flags = prot | REGION_MAY_WRITE | (shared ? REGION_SHARED : 0) |
                                           (random() % 3 ? REGION_NO_HUGE : 0),
                                  .fixed = true,
                                  .populate = random() % 8 == 0,
                                  .vmo = object < 0 ? nullptr : objects[object].vmo,
                                  .offset = offset * PAGE_SIZE};
    vaddr_t at;
    if (aspace_map(space->aspace, &request, &at) != 0 || at != request.address)
        return false;
    for (unsigned i = 0; i < r.count; i++) {
        struct model_page *page = &space->pages[r.first + i];
        *page = (struct model_page){
            .mapped = true, .shared = shared, .prot = prot, .object = (int8_t)object, .index = (uint16_t)(offset + i)};
        // Populating writable private memory makes copies right away.
        if (object >= 0 && !shared && request.populate && expected(page, true) == 0) {
            page->value = *model_value(page);
            page->copied = true;
        }
    }
    return true;
}

static bool step_unmap(struct space *space) {
    struct range r = random_range();
    memset(&space->pages[r.first], 0, r.count * sizeof(struct model_page));
    return aspace_unmap(space->aspace, address_of(r.first), r.count * PAGE_SIZE) == 0;
}

static bool step_protect(struct space *space) {
    struct range r = random_range();
    uint8_t prot = random_prot();
    status_t want = 0;
    for (unsigned i = r.first; i < r.first + r.count && want == 0; i++) {
        if (!space->pages[i].mapped)
            want = -ENOMEM;
        else
            space->pages[i].prot = prot;
    }
    return aspace_protect(space->aspace, address_of(r.first), r.count * PAGE_SIZE, prot) == want;
}

static bool step_discard(struct space *space) {
    struct range r = random_range();
    status_t want = 0;
    for (unsigned i = r.first; i < r.first + r.count; i++) {
        struct model_page *page = &space->pages[i];
        if (!page->mapped)
            want = -ENOMEM;
        page->copied = false;
        page->value = 0;
    }
    return aspace_advise(space->aspace, address_of(r.first), r.count * PAGE_SIZE, MADV_DONTNEED) == want;
}

// One page is always inside one region: it is moved onto another place.
static bool step_remap(struct space *space) {
    struct range r = random_range();
    unsigned to = (unsigned)random() % PAGES;
    if (!space->pages[r.first].mapped)
        return aspace_remap(space->aspace,
                            &(struct remap_request){address_of(r.first), PAGE_SIZE, 2 * PAGE_SIZE, MREMAP_MAYMOVE, 0},
                            &(vaddr_t){0}) == -EFAULT;
    if (to == r.first)
        return true;
    struct remap_request request = {address_of(r.first), PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
                                    address_of(to)};
    vaddr_t at;
    if (aspace_remap(space->aspace, &request, &at) != 0 || at != address_of(to))
        return false;
    space->pages[to] = space->pages[r.first];
    space->pages[r.first] = (struct model_page){0};
    return true;
}

static bool step_truncate(void) {
    unsigned o = (unsigned)random() % OBJECTS, size = (unsigned)random() % OBJECT_PAGES;
    if (vmo_resize(objects[o].vmo, size * PAGE_SIZE) != 0)
        return false;
    bool shrinks = size < objects[o].size;
    objects[o].size = size;
    for (unsigned i = size; i < OBJECT_PAGES; i++)
        objects[o].value[i] = 0;
    // Truncation takes private copies beyond the end as well; growing again shows the object's zeros.
    for (unsigned s = 0; shrinks && s < SPACES; s++)
        for (unsigned i = 0; i < PAGES; i++)
            if (spaces[s].aspace && spaces[s].pages[i].object == (int8_t)o && spaces[s].pages[i].mapped &&
                spaces[s].pages[i].index >= size)
                spaces[s].pages[i].copied = false;
    return true;
}

static bool step_fork(struct space *space) {
    for (unsigned s = 0; s < SPACES; s++) {
        if (spaces[s].aspace)
            continue;
        spaces[s] = *space;
        spaces[s].aspace = aspace_fork(space->aspace);
        return spaces[s].aspace != nullptr;
    }
    // No free place: end one, but not the last.
    struct space *victim = &spaces[random() % SPACES];
    aspace_put(victim->aspace);
    memset(victim, 0, sizeof(*victim));
    return true;
}

static bool step_touch(struct space *space) {
    struct range r = random_range();
    bool good = true;
    for (unsigned i = r.first; i < r.first + MIN(r.count, 40u) && good; i++)
        good = random() % 2 ? check_write(space, i, (uint32_t)random()) : check_read(space, i);
    return good && check_fault(space, r.first, false);
}

// A fault for writing makes a private copy, as a write does.
static bool step_fault(struct space *space) {
    unsigned i = (unsigned)random() % PAGES;
    struct model_page *page = &space->pages[i];
    if (!check_fault(space, i, true))
        return false;
    if (expected(page, true) == 0 && page->object >= 0 && !page->shared && !page->copied) {
        uint32_t value = *model_value(page);
        page->copied = true;
        page->value = value;
    }
    return true;
}

static struct space *random_space(void) {
    for (;;) {
        struct space *space = &spaces[random() % SPACES];
        if (space->aspace)
            return space;
    }
}

static const char *random_step(void) {
    struct space *space = random_space();
    switch (random() % 20) {
    case 0:
    case 1:
    case 2:
    case 3:
        return step_map(space) ? nullptr : "map";
    case 4:
    case 5:
        return step_unmap(space) ? nullptr : "unmap";
    case 6:
    case 7:
    case 8:
        return step_protect(space) ? nullptr : "protect";
    case 9:
        return step_discard(space) ? nullptr : "discard";
    case 10:
    case 11:
        return step_remap(space) ? nullptr : "remap";
    case 12:
        return random() % 4 || step_truncate() ? nullptr : "truncate";
    case 13:
        return random() % 3 || step_fork(space) ? nullptr : "fork";
    case 14:
    case 15:
        return step_fault(space) ? nullptr : "fault";
    default:
        return step_touch(space) ? nullptr : "touch";
    }
}

static bool check_everything(void) {
    for (unsigned s = 0; s < SPACES; s++) {
        if (!spaces[s].aspace)
            continue;
        int64_t mapped = 0;
        for (unsigned i = 0; i < PAGES; i++) {
            if (!check_read(&spaces[s], i)) {
                struct model_page *p = &spaces[s].pages[i];
                printf("# space %u page %u: mapped %d prot %d shared %d object %d index %u copied %d\n", s, i,
                       p->mapped, p->prot, p->shared, p->object, p->index, p->copied);
                return false;
            }
            mapped += spaces[s].pages[i].mapped;
        }
        if (spaces[s].aspace->mapped_pages != mapped)
            return false;
    }
    return true;
}

static void test_model(unsigned seed) {
    struct mm_test_counts before = mm_test_counts();
    srandom(seed);
    memset(spaces, 0, sizeof(spaces));
    spaces[0].aspace = aspace_create(nullptr);
    for (unsigned o = 0; o < OBJECTS; o++) {
        objects[o].size = 200 * (o + 1);
        memset(objects[o].value, 0, sizeof(objects[o].value));
        objects[o].vmo = vmo_create(objects[o].size * PAGE_SIZE);
    }
    const char *wrong = nullptr;
    unsigned step = 0;
    for (; step < 3000 && !wrong; step++) {
        wrong = random_step();
        if (!wrong && step % 50 == 0 && !check_everything())
            wrong = "contents";
    }
    ok(!wrong, "seed %u: 3000 random steps agree with the model (%s, step %u)", seed, wrong ? wrong : "all", step);
    for (unsigned s = 0; s < SPACES; s++)
        if (spaces[s].aspace)
            aspace_put(spaces[s].aspace);
    for (unsigned o = 0; o < OBJECTS; o++)
        vmo_put(objects[o].vmo);
    mm_test_no_leak(before, "the model");
}

// --- things with exact expectations ---

static vaddr_t map_anonymous(struct aspace *aspace, vaddr_t at, size_t size, uint32_t flags) {
    struct map_request request = {.address = at, .size = size, .flags = flags | REGION_MAY_WRITE, .fixed = at != 0};
    vaddr_t result = 0;
    ok(aspace_map(aspace, &request, &result) == 0, "mapping %zu bytes", size);
    return result;
}

#define RW (REGION_READ | REGION_WRITE)

static void test_merge(void) {
    struct aspace *aspace = aspace_create(nullptr);
    for (unsigned i = 0; i < 4; i++)
        map_anonymous(aspace, BASE + i * PAGE_SIZE, PAGE_SIZE, RW);
    is(aspace->region_count, 1, "adjacent alike regions are one");
    is(aspace_protect(aspace, BASE + PAGE_SIZE, PAGE_SIZE, PROT_READ), 0, "protecting the middle");
    is(aspace->region_count, 3, "splits it in three");
    is(aspace_protect(aspace, BASE + PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_WRITE), 0, "undoing it");
    is(aspace->region_count, 1, "joins it again");
    is(aspace_unmap(aspace, BASE, ~0ul & ~PAGE_MASK), -EINVAL, "a range beyond user space is refused");
    aspace_put(aspace);
}

static void test_sole_owner(void) {
    struct aspace *parent = aspace_create(nullptr);
    map_anonymous(parent, BASE, 4 * PAGE_SIZE, RW | REGION_NO_HUGE);
    uint32_t value = 1;
    aspace_access(parent, BASE, &value, 4, true, false);
    struct page *before, *after;
    ok(aspace_get_page(parent, BASE, true, &before) == 0, "the page");
    page_put(before);
    struct aspace *child = aspace_fork(parent);
    is(refcount_value(&before->ref), 2, "fork shares the page");
    aspace_put(child);
    is(aspace_fault(parent, BASE, FAULT_WRITE | FAULT_PRESENT), 0, "a write after the child is gone");
    ok(aspace_get_page(parent, BASE, true, &after) == 0 && after == before, "makes no copy");
    page_put(after);
    aspace_put(parent);
}

static void test_huge(void) {
    struct mm_test_counts before = mm_test_counts();
    struct aspace *parent = aspace_create(nullptr);
    map_anonymous(parent, BASE, 2 * HUGE_PAGE_SIZE, RW | REGION_HUGE);
    uint32_t value = 7;
    aspace_access(parent, BASE + 5, &value, 4, true, false);
    is(parent->resident_pages, 512, "one touch brings a huge page");
    struct aspace *child = aspace_fork(parent);
    is(child->resident_pages, 512, "fork shares it whole");
    value = 8;
    aspace_access(child, BASE + 5, &value, 4, true, false);
    is(mm_test_counts().anonymous - before.anonymous, 513, "a write in the child copies one small page");
    aspace_access(parent, BASE + 5, &value, 4, false, false);
    is(value, 7, "the parent does not see it");
    is(aspace_unmap(parent, BASE + PAGE_SIZE, PAGE_SIZE), 0, "a hole in the parent's");
    aspace_access(child, BASE + PAGE_SIZE, &value, 4, false, false);
    is(value, 0, "does not concern the child");
    aspace_put(parent);
    aspace_put(child);
    mm_test_no_leak(before, "huge pages");
}

static void test_stack(void) {
    struct aspace *aspace = aspace_create(nullptr);
    aspace->limit_stack = 64 * PAGE_SIZE;
    vaddr_t top = 0x7ff000000000;
    map_anonymous(aspace, top - 2 * PAGE_SIZE, 2 * PAGE_SIZE, RW | REGION_GROWS_DOWN);
    is(aspace_fault(aspace, top - 10 * PAGE_SIZE, FAULT_WRITE), 0, "a stack grows down");
    is(aspace->mapped_pages, 10, "to the page that was touched");
    is(aspace_fault(aspace, top - 65 * PAGE_SIZE, FAULT_WRITE), -EFAULT, "but not beyond its limit");
    aspace->limit_stack = UINT64_MAX;
    map_anonymous(aspace, top - 400 * PAGE_SIZE, PAGE_SIZE, RW);
    is(aspace_fault(aspace, top - 160 * PAGE_SIZE, FAULT_WRITE), -EFAULT, "nor into the guard gap of what lies below");
    is(aspace_fault(aspace, top - 140 * PAGE_SIZE, FAULT_WRITE), 0, "just above the gap is fine");
    aspace_put(aspace);
}

static void test_break(void) {
    struct aspace *aspace = aspace_create(nullptr);
    aspace->brk_start = aspace->brk_end = BASE + 100;
    is(aspace_brk(aspace, 0), BASE + 100, "brk(0) asks");
    is(aspace_brk(aspace, BASE + 3 * PAGE_SIZE), BASE + 3 * PAGE_SIZE, "growing");
    uint32_t value = 5;
    is(aspace_access(aspace, BASE + 2 * PAGE_SIZE, &value, 4, true, false), 4, "the new memory is there");
    is(aspace_brk(aspace, BASE + PAGE_SIZE), BASE + PAGE_SIZE, "shrinking");
    is(aspace_access(aspace, BASE + 2 * PAGE_SIZE, &value, 4, true, false), -EFAULT, "takes it away");
    map_anonymous(aspace, BASE + 10 * PAGE_SIZE, PAGE_SIZE, PROT_READ);
    is(aspace_brk(aspace, BASE + 12 * PAGE_SIZE), BASE + PAGE_SIZE, "it does not run over other regions");
    aspace_put(aspace);
}

static void test_reservation(void) {
    struct aspace *aspace = aspace_create(nullptr);
    vaddr_t at = map_anonymous(aspace, 0, 1ul << 40, RW | REGION_NORESERVE);
    is(aspace_fault(aspace, at + (1ul << 39), FAULT_WRITE), 0, "a page in the middle of a terabyte");
    ok(aspace->table_pages < 8, "costs a few tables");
    struct map_request request = {.size = 1ul << 40, .flags = RW};
    is(aspace_map(aspace, &request, &at), -ENOMEM, "without NORESERVE a terabyte is refused");
    request = (struct map_request){.address = BASE, .size = PAGE_SIZE, .flags = RW, .fixed = true};
    is(aspace_map(aspace, &request, &at), 0, "a page at a fixed place");
    request.no_replace = true;
    is(aspace_map(aspace, &request, &at), -EEXIST, "not twice with NOREPLACE");
    aspace_put(aspace);
}

static void test_failure(void) {
    struct mm_test_counts before = mm_test_counts();
    struct aspace *parent = aspace_create(nullptr);
    for (unsigned i = 0; i < 20; i++)
        map_anonymous(parent, BASE + i * 2 * HUGE_PAGE_SIZE, 3 * PAGE_SIZE, RW);
    uint32_t value = 9;
    for (unsigned i = 0; i < 20; i++)
        aspace_access(parent, BASE + i * 2 * HUGE_PAGE_SIZE, &value, 4, true, false);
    bool failed = false, succeeded = false;
    for (unsigned interval = 1; interval < 100; interval++) {
        alloc_fail_every(interval);
        struct aspace *child = aspace_fork(parent);
        alloc_fail_every(0);
        failed |= !child;
        succeeded |= child != nullptr;
        if (child)
            aspace_put(child);
    }
    ok(failed && succeeded, "fork fails cleanly at every allocation");
    for (unsigned interval = 1; interval < 6; interval++) {
        alloc_fail_every(interval);
        status_t status = aspace_protect(parent, BASE + PAGE_SIZE, PAGE_SIZE, PROT_READ);
        status_t unmap = aspace_unmap(parent, BASE + 2 * PAGE_SIZE, PAGE_SIZE);
        alloc_fail_every(0);
        failed &= (status == 0 || status == -ENOMEM) && (unmap == 0 || unmap == -ENOMEM);
    }
    ok(failed, "so do protection and unmapping");
    aspace_put(parent);
    mm_test_no_leak(before, "failing allocations");
}

int main(int argc, char **argv) {
    mm_test_boot();
    if (argc > 1) {
        test_model((unsigned)atoi(argv[1]));
        return tap_done();
    }
    test_merge();
    test_sole_owner();
    test_huge();
    test_stack();
    test_break();
    test_reservation();
    test_failure();
    for (unsigned seed = 1; seed <= 12; seed++)
        test_model(seed);
    return tap_done();
}
