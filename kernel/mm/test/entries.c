// SPDX-License-Identifier: MPL-2.0
// What processors demand of entries that x86 does not: a live entry is taken away and flushed before another is made in
// its place, and instructions are made visible to fetches before an executable entry is made. The host port tells when
// TLBs are flushed and pages synchronised.
#include <abi/mman.h>
#include <arch/upcall.h>

#include "mm_test.h"

#include "../page_priv.h"
#include "../pagetable_priv.h"

#include <mm/uio.h>
#include <string.h>

void region_file_get(struct object *file) {}
void region_file_put(struct object *file) {}

#define BASE 0x40000000ul // 2 MiB-aligned

static vaddr_t map(struct aspace *aspace, size_t size, uint32_t flags, struct vmo *vmo) {
    struct map_request request = {
        .address = BASE, .size = size, .flags = flags | REGION_MAY_WRITE, .fixed = true, .vmo = vmo};
    vaddr_t at = 0;
    return aspace_map(aspace, &request, &at) == 0 ? at : 0;
}

static pte_t entry_of(struct aspace *aspace, vaddr_t address) {
    pte_slot_t *block = block_slot(aspace, address);
    pte_t entry = block ? slot_load(block) : 0;
    return is_table(entry) ? slot_load(page_slot(aspace, address)) : entry;
}

// --- break before make ---

static struct {
    struct aspace *aspace;
    vaddr_t address;
    unsigned flushes;
    bool live; // at some flush the entry could be used
} watched;

static void at_flush(struct arch_aspace *arch, uintptr_t start, uintptr_t end) {
    if (arch != &watched.aspace->arch || watched.address < start || watched.address >= end)
        return;
    watched.flushes++;
    watched.live |= arch_pte_is_present(entry_of(watched.aspace, watched.address));
}

static void watch(struct aspace *aspace, vaddr_t address) {
    watched = (typeof(watched)){aspace, address, 0, false};
    host_tlb_flush_hook = at_flush;
}

static void test_copy_breaks_first(void) {
    struct aspace *aspace = aspace_create(nullptr);
    map(aspace, 4 * PAGE_SIZE, REGION_READ | REGION_WRITE | REGION_NO_HUGE, nullptr);
    uint32_t value = 1;
    (void)!aspace_access(aspace, BASE, &value, 4, true, false);
    struct aspace *child = aspace_fork(aspace);
    watch(child, BASE);
    ok(aspace_fault(child, BASE, FAULT_WRITE) == 0 && watched.flushes == 1 && !watched.live,
       "a page that fork shared is taken away before its copy is mapped");
    ok(arch_pte_is_writable(entry_of(child, BASE)) && entry_of(child, BASE) != entry_of(aspace, BASE),
       "and then the copy is there");
    ok(aspace_fault(child, BASE + PAGE_SIZE, FAULT_READ) == 0, "a zero page is mapped for reading");
    watch(child, BASE + PAGE_SIZE);
    ok(aspace_fault(child, BASE + PAGE_SIZE, FAULT_WRITE) == 0 && watched.flushes == 1 && !watched.live,
       "the zero page is taken away before memory takes its place");
    host_tlb_flush_hook = nullptr;
    aspace_put(child);
    aspace_put(aspace);
}

static void test_split_breaks_first(void) {
    struct aspace *aspace = aspace_create(nullptr);
    map(aspace, HUGE_PAGE_SIZE, REGION_READ | REGION_WRITE | REGION_EXEC | REGION_HUGE, nullptr);
    (void)!aspace_fault(aspace, BASE, FAULT_WRITE);
    ok(is_huge_leaf(slot_load(block_slot(aspace, BASE))), "a huge page is mapped");
    struct aspace *child = aspace_fork(aspace);
    watch(child, BASE + 8 * PAGE_SIZE);
    ok(aspace_fault(child, BASE + 8 * PAGE_SIZE, FAULT_WRITE) == 0, "a write to it while it is shared");
    ok(watched.flushes > 0 && !watched.live, "the huge page is taken away before a table takes its place");
    pte_t part = entry_of(child, BASE + 9 * PAGE_SIZE), block = entry_of(aspace, BASE);
    ok(arch_pte_address(part) == arch_pte_address(block) + 9 * PAGE_SIZE && arch_pte_is_executable(part) &&
           !arch_pte_is_writable(part),
       "the small entries lead where the large one did, with its rights");
    host_tlb_flush_hook = nullptr;
    aspace_put(child);
    aspace_put(aspace);
}

// Truncation comes while the entry is away.
static struct vmo *truncated;
static void truncate_at_flush(struct arch_aspace *arch, uintptr_t start, uintptr_t end) {
    host_tlb_flush_hook = nullptr;
    (void)!vmo_resize(truncated, 0);
}

static void test_truncation_in_between(void) {
    struct mm_test_counts before = mm_test_counts();
    struct aspace *aspace = aspace_create(nullptr);
    truncated = vmo_create(4 * PAGE_SIZE);
    map(aspace, 4 * PAGE_SIZE, REGION_READ | REGION_WRITE, truncated);
    (void)!vmo_commit(truncated, 0, 4 * PAGE_SIZE);
    (void)!aspace_fault(aspace, BASE, FAULT_READ);
    host_tlb_flush_hook = truncate_at_flush;
    ok(aspace_fault(aspace, BASE, FAULT_WRITE) == 0 && entry_of(aspace, BASE) == 0,
       "truncation takes the entry that is being replaced");
    ok(aspace_fault(aspace, BASE, FAULT_WRITE) == -ENXIO, "the fault comes again and fails");
    aspace_put(aspace);
    vmo_put(truncated);
    mm_test_no_leak(before, "truncation in between");
}

// --- instructions ---

static struct {
    unsigned count;
    const void *last;
    uint64_t first_word; // of that page, when it was done
} synced;

static void at_sync(const void *page) {
    synced.count++;
    synced.last = page;
    memcpy(&synced.first_word, page, 8);
}

static unsigned syncs(void) {
    unsigned count = synced.count;
    synced.count = 0;
    return count;
}

static bool write_object(struct vmo *vmo, uint64_t value) {
    struct uio uio;
    uio_init_kernel(&uio, &value, 8);
    return vmo_write(vmo, 0, &uio, 8) == 8;
}

static void test_file_code(void) {
    struct vmo *vmo = vmo_create(2 * PAGE_SIZE);
    struct aspace *one = aspace_create(nullptr), *two = aspace_create(nullptr), *data = aspace_create(nullptr);
    host_sync_code_hook = at_sync;
    write_object(vmo, 0x1111);
    syncs();
    map(data, PAGE_SIZE, REGION_READ, vmo);
    ok(aspace_fault(data, BASE, FAULT_READ) == 0 && syncs() == 0, "nothing is done for a page of data");
    map(one, PAGE_SIZE, REGION_READ | REGION_EXEC, vmo);
    ok(aspace_fault(one, BASE, FAULT_EXEC) == 0 && syncs() > 0 && synced.first_word == 0x1111,
       "a file's page is made visible to fetches when it is mapped executable");
    map(two, PAGE_SIZE, REGION_READ | REGION_EXEC, vmo);
    ok(aspace_fault(two, BASE, FAULT_EXEC) == 0 && syncs() == 0, "once for all who map it");
    ok(aspace_unmap(two, BASE, PAGE_SIZE) == 0 && write_object(vmo, 0x2222), "the file is written");
    map(two, PAGE_SIZE, REGION_READ | REGION_EXEC, vmo);
    ok(aspace_fault(two, BASE, FAULT_EXEC) == 0 && syncs() > 0 && synced.first_word == 0x2222,
       "who maps it then has the new bytes made visible");
    ok(aspace_protect(two, BASE, PAGE_SIZE, REGION_READ | REGION_WRITE | REGION_EXEC) == 0 && syncs() == 0 &&
           aspace_fault(two, BASE, FAULT_WRITE) == 0 && syncs() > 0 && synced.first_word == 0x2222 &&
           synced.last == page_to_virt(pte_page(entry_of(two, BASE))),
       "a private copy of code is made visible as well");
    ok(aspace_protect(data, BASE, PAGE_SIZE, REGION_READ | REGION_EXEC) == 0 && syncs() == 0,
       "mprotect finds that the file's page is visible");
    host_sync_code_hook = nullptr;
    aspace_put(one);
    aspace_put(two);
    aspace_put(data);
    vmo_put(vmo);
}

static void test_made_code(void) {
    struct aspace *aspace = aspace_create(nullptr);
    map(aspace, 8 * PAGE_SIZE, REGION_READ | REGION_WRITE | REGION_NO_HUGE, nullptr);
    uint64_t code = 0x3333;
    host_sync_code_hook = at_sync;
    syncs();
    (void)!aspace_access(aspace, BASE + PAGE_SIZE, &code, 8, true, false);
    ok(syncs() == 0, "writing data makes nothing visible");
    ok(aspace_protect(aspace, BASE, 8 * PAGE_SIZE, REGION_READ | REGION_EXEC) == 0 && syncs() == 1 &&
           synced.first_word == 0x3333,
       "mprotect to executable does the one page that is there");
    uint64_t trap = 0x4444;
    ok(aspace_access(aspace, BASE + PAGE_SIZE, &trap, 8, true, true) == 8 && syncs() > 0 && synced.first_word == 0x4444,
       "a debugger's store into code is made visible");
    host_sync_code_hook = nullptr;
    aspace_put(aspace);
}

int main(void) {
    mm_test_boot();
    test_copy_breaks_first();
    test_split_breaks_first();
    test_truncation_in_between();
    test_file_code();
    test_made_code();
    return tap_done();
}
