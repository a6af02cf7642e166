// SPDX-License-Identifier: MPL-2.0
// In-kernel tests: address spaces on several CPUs. What a CPU's TLB remembers of one space is never taken for
// another's, however many there are: the ports number them (ASIDs, PCIDs) with few numbers. A debug kernel has fewer
// still.

#include "ktest_crew.h"
#include <arch/uaccess.h>
#include <lib/ktest.h>
#include <mm/aspace.h>
#include <sched/sched.h>

#define ADDRESS 0x100000ul
enum { KEPT = 3 }; // spaces that a CPU comes back to

// A space whose page at ADDRESS holds the number; nullptr: no memory.
static struct aspace *make_space(uint64_t number) {
    struct aspace *space = aspace_create(nullptr);
    struct map_request request = {.address = ADDRESS,
                                  .size = PAGE_SIZE,
                                  .flags = REGION_READ | REGION_WRITE | REGION_MAY_WRITE | REGION_NO_HUGE,
                                  .fixed = true};
    vaddr_t at;
    if (space == nullptr)
        return nullptr;
    if (aspace_map(space, &request, &at) == 0 &&
        aspace_access(space, ADDRESS, &number, sizeof number, true, false) == sizeof number)
        return space;
    aspace_put(space);
    return nullptr;
}

// Loads the space, and reads what user mode would.
static bool holds(struct aspace *space, uint64_t number) {
    uint64_t found = 0;
    sched_set_aspace(&space->arch);
    bool good = get_user(found, (const uint64_t __user *)ADDRESS) == 0 && found == number;
    sched_set_aspace(nullptr);
    return good;
}

static void make_and_look(unsigned self) {
    struct aspace *kept[KEPT];
    for (unsigned i = 0; i < KEPT; i++)
        kept[i] = make_space((uint64_t)self << 32 | i);
    for (uint64_t n = KEPT; !crew_is_over(); n++) {
        uint64_t number = (uint64_t)self << 32 | n;
        struct aspace *space = make_space(number);
        crew_verify(space != nullptr && holds(space, number));
        if (kept[n % KEPT] != nullptr)
            crew_verify(holds(kept[n % KEPT], (uint64_t)self << 32 | n % KEPT));
        if (space != nullptr)
            aspace_put(space);
        sched_preempt_point();
    }
    for (unsigned i = 0; i < KEPT; i++)
        if (kept[i] != nullptr)
            aspace_put(kept[i]);
}

KTEST(aspace_spaces_are_told_apart) {
    KTEST_CHECK(crew_run(CREW_MAX, make_and_look));
}

// All CPUs run in one space; one of them takes the page away and gives it another, again and again.
static struct aspace *common;
static _Atomic uint64_t told;

static void change_and_look(unsigned self) {
    sched_set_aspace(&common->arch);
    for (uint64_t n = 1; !crew_is_over(); n++) {
        uint64_t expected = atomic_load_explicit(&told, memory_order_acquire), found = 0;
        if (self == 0) {
            (void)!aspace_advise(common, ADDRESS, PAGE_SIZE, 4); // MADV_DONTNEED: zero from now on
            crew_verify(get_user(found, (const uint64_t __user *)ADDRESS) == 0 && found == 0);
            crew_verify(put_user(n, (uint64_t __user *)ADDRESS) == 0);
            atomic_store_explicit(&told, n, memory_order_release);
        } else {
            // Zero, or what was told, or something newer; an old page would hold an older number.
            crew_verify(get_user(found, (const uint64_t __user *)ADDRESS) == 0 && (found == 0 || found >= expected));
        }
        if (n % 16 == 0)
            sched_preempt_point();
    }
    sched_set_aspace(nullptr);
}

KTEST(aspace_no_cpu_sees_a_page_that_is_gone) {
    told = 0;
    common = make_space(0);
    KTEST_REQUIRE(common != nullptr);
    KTEST_CHECK(crew_run(CREW_MAX, change_and_look));
    aspace_put(common);
}
