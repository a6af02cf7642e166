// SPDX-License-Identifier: MPL-2.0
// Kernel virtual memory outside the direct map: the page array's window, kernel stacks, device registers.
//
//   [ reserved at boot | stacks: slots of 32 KiB, the lowest page of each unmapped | devices, page by page ]
//
// A stack in use is the upper part of its slot, so that running off its end faults on the gap below. Freed stacks
// stay mapped: a few per CPU (no lock), then a list; only beyond that are they unmapped and their pages freed, some at
// once.
#include "kasan_priv.h"
#include "page_priv.h"
#include "pagetable_priv.h"
#include "vmap_priv.h"

#include <arch/thread.h>
#include <lib/assert.h>
#include <lib/bitmap.h>
#include <lib/list.h>

#define SLOT_SIZE VMAP_SLOT_SIZE
#define SLOTS VMAP_STACK_SLOTS
#define DEVICE_PAGES (1ul << 18) // 1 GiB
#define CPU_STACKS 8
#define SPARE_STACKS 64
#define BATCH 16 // stacks that are freed together
#define KERNEL_DATA (PROT_MAP_READ | PROT_MAP_WRITE | PROT_MAP_GLOBAL)

static struct {
    vaddr_t reserved_end; // boot only
    vaddr_t stacks, devices;
    struct spinlock lock;
    uint64_t stack_slots[BITMAP_WORDS(SLOTS)] GUARDED_BY(&lock);
    uint64_t device_pages[BITMAP_WORDS(DEVICE_PAGES)] GUARDED_BY(&lock);
    struct list_node spare GUARDED_BY(&lock); // freed stacks, linked through their lowest bytes
    unsigned spare_count GUARDED_BY(&lock);
} vmap = {.spare = LIST_INIT(vmap.spare)};

static struct stack_cache {
    unsigned count;
    void *stacks[CPU_STACKS];
} stack_cache PER_CPU;

vaddr_t vmap_boot_reserve(size_t size) {
    if (!vmap.reserved_end)
        vmap.reserved_end = arch_vmap_start();
    vaddr_t start = vmap.reserved_end;
    vmap.reserved_end += ALIGN_UP(size, PAGE_SIZE);
    ASSERT(vmap.reserved_end <= arch_vmap_end());
    return start;
}

void vmap_init(void) {
    vmap.stacks = ALIGN_UP(vmap_boot_reserve(0), SLOT_SIZE);
    vmap.devices = vmap.stacks + SLOTS * SLOT_SIZE;
    kasan_stacks_are_at(vmap.stacks);
    ASSERT(vmap.devices + DEVICE_PAGES * PAGE_SIZE <= arch_vmap_end());
}

static void *slot_stack(size_t slot) {
    return (void *)(vmap.stacks + slot * SLOT_SIZE + SLOT_SIZE - KERNEL_STACK_SIZE);
}

// Unmaps what was mapped of the stacks, flushes, frees the pages and the slots. One flush, which asks every CPU, for
// all.
static void stacks_destroy(void *const *stacks, unsigned count) {
    paddr_t pages[BATCH][KERNEL_STACK_SIZE / PAGE_SIZE];
    vaddr_t low = ~0ul, high = 0;
    for (unsigned i = 0; i < count; i++) {
        kasan_stack_destroy(stacks[i]);
        low = MIN(low, (vaddr_t)stacks[i]);
        high = MAX(high, (vaddr_t)stacks[i] + KERNEL_STACK_SIZE);
    }
    spin_lock(&vmap.lock);
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < ARRAY_SIZE(pages[i]); k++)
            pages[i][k] = pagetable_kernel_unmap((vaddr_t)stacks[i] + k * PAGE_SIZE);
    spin_unlock(&vmap.lock);
    arch_tlb_flush_range(nullptr, low, high);
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < ARRAY_SIZE(pages[i]); k++)
            if (pages[i][k])
                page_put(phys_to_page(pages[i][k]));
    spin_lock(&vmap.lock);
    for (unsigned i = 0; i < count; i++)
        bitmap_clear(vmap.stack_slots, ((vaddr_t)stacks[i] - vmap.stacks) / SLOT_SIZE);
    spin_unlock(&vmap.lock);
}

static void stack_destroy(void *stack) {
    stacks_destroy(&stack, 1);
}

static void *stack_create(void) {
    spin_lock(&vmap.lock);
    size_t slot = bitmap_next_clear(vmap.stack_slots, SLOTS, 0);
    if (slot < SLOTS)
        bitmap_set(vmap.stack_slots, slot);
    spin_unlock(&vmap.lock);
    if (slot == SLOTS)
        return nullptr;
    void *stack = slot_stack(slot);
    if (!kasan_stack_create(stack)) {
        stack_destroy(stack);
        return nullptr;
    }
    for (size_t offset = 0; offset < KERNEL_STACK_SIZE; offset += PAGE_SIZE) {
        struct page *page = page_alloc_one(0);
        status_t status = -ENOMEM;
        if (page) {
            spin_lock(&vmap.lock);
            status = pagetable_kernel_map((vaddr_t)stack + offset, page_to_phys(page), KERNEL_DATA);
            spin_unlock(&vmap.lock);
        }
        if (status < 0) {
            if (page)
                page_put(page);
            stack_destroy(stack);
            return nullptr;
        }
    }
    return stack;
}

static void *find_stack(void) {
    struct stack_cache *cache = &this_cpu(stack_cache);
    if (LIKELY(cache->count > 0))
        return cache->stacks[--cache->count];
    void *stack = nullptr;
    spin_lock(&vmap.lock);
    if (vmap.spare_count > 0) {
        vmap.spare_count--;
        stack = list_pop_front(&vmap.spare);
    }
    spin_unlock(&vmap.lock);
    return stack ? stack : stack_create();
}

void *thread_stack_alloc(void) {
    void *stack = find_stack();
    if (stack) // its last thread left frames without returning from them
        kasan_unpoison(stack, KERNEL_STACK_SIZE);
    return stack;
}

void thread_stack_free(void *stack) {
    struct stack_cache *cache = &this_cpu(stack_cache);
    if (LIKELY(cache->count < CPU_STACKS)) {
        cache->stacks[cache->count++] = stack;
        return;
    }
    void *batch[BATCH] = {stack};
    unsigned count = 1;
    spin_lock(&vmap.lock);
    if (vmap.spare_count < SPARE_STACKS) {
        list_push_front(&vmap.spare, stack);
        vmap.spare_count++;
        count = 0;
    }
    for (; count > 0 && count < BATCH; count++) { // so that the next ones find room
        batch[count] = list_pop_front(&vmap.spare);
        vmap.spare_count--;
    }
    spin_unlock(&vmap.lock);
    if (count > 0)
        stacks_destroy(batch, count);
}

// --- device memory ---

static void device_pages_free(size_t first, size_t count) {
    spin_lock(&vmap.lock);
    bitmap_clear_range(vmap.device_pages, first, count);
    spin_unlock(&vmap.lock);
}

void *device_map(paddr_t start, size_t size) {
    size_t inner = start & PAGE_MASK, count = ALIGN_UP(inner + size, PAGE_SIZE) / PAGE_SIZE;
    spin_lock(&vmap.lock);
    size_t first = bitmap_find_clear_run(vmap.device_pages, DEVICE_PAGES, 0, count);
    bool found = first < DEVICE_PAGES;
    vaddr_t base = vmap.devices + first * PAGE_SIZE;
    size_t done = 0;
    if (found) {
        bitmap_set_range(vmap.device_pages, first, count);
        unsigned prot = PROT_MAP_READ | PROT_MAP_WRITE | PROT_MAP_DEVICE | PROT_MAP_GLOBAL;
        while (done < count &&
               pagetable_kernel_map(base + done * PAGE_SIZE, start - inner + done * PAGE_SIZE, prot) == 0)
            done++;
    }
    spin_unlock(&vmap.lock);
    if (found && done == count)
        return (void *)(base + inner);
    if (done > 0)
        device_unmap((void *)base, done * PAGE_SIZE);
    if (found)
        device_pages_free(first + done, count - done);
    return nullptr;
}

void device_unmap(void *mapping, size_t size) {
    vaddr_t start = ALIGN_DOWN((vaddr_t)mapping, PAGE_SIZE), end = ALIGN_UP((vaddr_t)mapping + size, PAGE_SIZE);
    spin_lock(&vmap.lock);
    for (vaddr_t at = start; at < end; at += PAGE_SIZE)
        pagetable_kernel_unmap(at);
    spin_unlock(&vmap.lock);
    arch_tlb_flush_range(nullptr, start, end);
    device_pages_free((start - vmap.devices) / PAGE_SIZE, (end - start) / PAGE_SIZE);
}
