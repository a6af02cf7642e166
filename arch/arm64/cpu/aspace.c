// SPDX-License-Identifier: MPL-2.0
// Address spaces on a CPU: which root TTBR0 holds, and under which ASID.
//
// The kernel is in TTBR1 and never changes, so a switch is one write: root and ASID together. A kernel thread runs with
// an empty table (ASID 0) rather than with what was loaded before it, which is why nobody need be interrupted before
// the tables of a space that died are freed: no thread is left in it, so no CPU has it loaded.
//
// ASIDs are the same on all CPUs, and there are few (256 on small ones). A space gets one when it is first loaded and
// keeps it until all are used up. Then a new *generation* begins (roll-over): all ASIDs are free again but those that
// some CPU has loaded at the time, which stay with their spaces, and each CPU flushes its whole TLB before it
// loads anything else. A space whose number is of an earlier generation asks for a new one. An ASID is never given
// back earlier, so what TLBs remember of dead spaces does no harm.
//
// `loaded` of a CPU is what ties the two sides together: the CPU itself exchanges it without a lock (the usual way,
// "fast"), a roll-over takes it away and leaves TAKEN, and a CPU that finds that goes the slow way, under the lock.
//
//   CPU that loads (fast)                        CPU that rolls over (lock held)
//   reads space.asid                             raises the generation
//   loaded: old → asid, if both are   (1)        takes v = loaded, leaves TAKEN   (2)
//     of one generation                          keeps v's ASID out of the free ones
//
//   (1) and (2) change one variable, so one of them comes first. (1) first: (2) sees the new ASID and keeps it. (2)
//   first: (1) finds TAKEN, whose generation no space has, and the CPU goes the slow way. What `loaded` holds otherwise
//   is of the current generation, since each roll-over takes it away: so nobody need ask what the current one is.
//
// Switching to no space writes TTBR0 first and `loaded` then. A roll-over between the two keeps an ASID that nobody
// has loaded: a waste until the next one. One after both may give the ASID to another space while this CPU's TLB still
// knows the old one's translations: but it left TAKEN, so the CPU flushes before it loads anything.
//
// Against flushes (tlb.c), which change entries, wait for that (DSB), and read space.asid: if a flush saw no ASID,
// or one from before a roll-over, then the store of the new one came later, and behind that store the slow way has a
// DSB before TTBR0 is written. So walks under the new ASID see the changed entries.
#include "arm64_priv.h"
#include "cpu/sysreg.h"
#include <arch/smp.h>
#include <arch/switch.h>
#include <lib/assert.h>
#include <lib/bitmap.h>
#include <sched/spinlock.h>

#define ASID_BITS 16
#define ASID_MAX (1ul << ASID_BITS)
#define ASID_OF(value) ((value) & (ASID_MAX - 1))
#define GENERATION_OF(value) ((value) & ~(ASID_MAX - 1))

struct arm64_loaded arm64_loaded PER_CPU = {.asid = ARM64_ASID_TAKEN}; // .asid is the `loaded` of the above

static struct asid_cpu {
    uint64_t reserved; // under asids.lock: what the last roll-over left to this CPU
    bool flush;        // under asids.lock: before anything is loaded
} asid_cpu PER_CPU;

static struct {
    struct spinlock lock;
    _Atomic uint64_t generation; // in the bits above the ASID; 0 is none
    size_t last GUARDED_BY(&lock);
    uint64_t used[BITMAP_WORDS(ASID_MAX)] GUARDED_BY(&lock);
} asids = {.generation = ASID_MAX, .used = {1}}; // ASID 0 is nobody's

static uint64_t empty_table[PTE_PER_TABLE] __attribute__((aligned(PAGE_SIZE)));

// ASID 0 of the generation that this CPU is in.
static void load_nothing(void) {
    struct arm64_loaded *loaded = &this_cpu(arm64_loaded);
    arm64_ttbr0_load(image_phys(empty_table), 0);
    uint64_t old = atomic_load_explicit(&loaded->asid, memory_order_relaxed);
    // TAKEN stays: it is a roll-over's note on us.
    atomic_compare_exchange_strong_explicit(&loaded->asid, &old, GENERATION_OF(old), memory_order_relaxed,
                                            memory_order_relaxed);
}

void arm64_aspace_init_cpu(void) {
    load_nothing();
    __asm__ volatile("tlbi vmalle1" ::: "memory"); // what firmware left
    dsb_ish();
    isb();
}

void arch_aspace_init(struct arch_aspace *aspace, paddr_t root) {
    aspace->root = root;
    atomic_store_explicit(&aspace->asid, 0, memory_order_relaxed);
}

void arch_aspace_fini(struct arch_aspace *aspace) {}

// --- handing out ASIDs ---

static void roll_over(void) REQUIRES(&asids.lock) {
    atomic_fetch_add_explicit(&asids.generation, ASID_MAX, memory_order_relaxed);
    for (size_t i = 0; i < ARRAY_SIZE(asids.used); i++)
        asids.used[i] = 0;
    bitmap_set(asids.used, 0);
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        struct asid_cpu *cpu = &cpu_local(asid_cpu, i);
        uint64_t loaded =
            atomic_exchange_explicit(&cpu_local(arm64_loaded, i).asid, ARM64_ASID_TAKEN, memory_order_relaxed);
        if (loaded != ARM64_ASID_TAKEN) // else it has not switched since the last time
            cpu->reserved = loaded;
        bitmap_set(asids.used, ASID_OF(cpu->reserved));
        cpu->flush = true;
    }
}

// Carries an ASID that some CPU had loaded over into this generation. False: nobody had.
static bool keep_reserved(uint64_t old, uint64_t value) REQUIRES(&asids.lock) {
    bool found = false;
    for (unsigned i = 0; i < arch_cpu_count(); i++) {
        struct asid_cpu *cpu = &cpu_local(asid_cpu, i);
        if (cpu->reserved == old) {
            cpu->reserved = value;
            found = true;
        }
    }
    return found;
}

// A debug kernel has few, so that its tests see many roll-overs.
static size_t asid_count(void) {
#ifdef TESSERA_DEBUG
    return CPU_MAX + 16;
#else
    return arm64_features.asid16 ? ASID_MAX : 256;
#endif
}

static uint64_t new_asid(uint64_t old) REQUIRES(&asids.lock) {
    uint64_t generation = atomic_load_explicit(&asids.generation, memory_order_relaxed);
    size_t count = asid_count();
    if (old != 0 && keep_reserved(old, generation | ASID_OF(old)))
        return generation | ASID_OF(old);
    size_t asid = bitmap_next_clear(asids.used, count, asids.last + 1);
    if (asid == count) {
        roll_over();
        generation = atomic_load_explicit(&asids.generation, memory_order_relaxed);
        asid = bitmap_next_clear(asids.used, count, 1);
        ASSERT(asid < count); // there are fewer CPUs than ASIDs
    }
    bitmap_set(asids.used, asid);
    asids.last = asid;
    return generation | asid;
}

static uint64_t load_new(struct arch_aspace *aspace) {
    struct asid_cpu *cpu = &this_cpu(asid_cpu);
    spin_lock(&asids.lock);
    uint64_t asid = atomic_load_explicit(&aspace->asid, memory_order_relaxed);
    if (GENERATION_OF(asid) != atomic_load_explicit(&asids.generation, memory_order_relaxed)) {
        asid = new_asid(asid);
        atomic_store_explicit(&aspace->asid, asid, memory_order_relaxed);
    }
    if (cpu->flush) {
        cpu->flush = false;
        __asm__ volatile("tlbi vmalle1" ::: "memory");
    }
    atomic_store_explicit(&this_cpu(arm64_loaded).asid, asid, memory_order_relaxed);
    spin_unlock(&asids.lock);
    dsb_ish(); // the ASID, and the root's first entries, are seen before a walk begins
    return asid;
}

void arm64_aspace_load_slow(struct arch_aspace *next) {
    if (next == nullptr)
        load_nothing();
    else
        arm64_ttbr0_load(next->root, load_new(next));
}
