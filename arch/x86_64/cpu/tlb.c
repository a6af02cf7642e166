// SPDX-License-Identifier: MPL-2.0
// Address spaces on a CPU: PCIDs, and making all CPUs forget translations.
//
// Each CPU remembers the last few address spaces that it had loaded under a PCID each, with the flush generation that
// it had seen. Loading one again flushes only if the space's generation has moved on since.
//
// A flush raises aspace.tlb_generation and interrupts the CPUs that have the space loaded, which bring themselves up to
// date: there is no request to queue and no lock. The one race:
//
//   loading CPU                              flushing CPU
//   loading = the space          (1)         changes the page table
//   reads tlb_generation         (2)         raises tlb_generation        (3)
//   writes CR3                               reads loading and loaded     (4)
//   loaded = the space
//
// All four are sequentially consistent, so either (2) sees the new generation (it flushes while loading), or (4)
// sees the space (it is interrupted). Until CR3 is written `loaded` still names the space before, whose tables the
// processor may still walk.
//
// Whom to look at: aspace.cpus has a bit for each CPU that has ever loaded the space, set before (1). It stays: a CPU
// has one more locked instruction when it meets a space, and none when it comes back to it.
//
// Kernel threads keep the space that was loaded before them; arch_aspace_fini throws them out.
#include "cpu/cpu_priv.h"
#include "x86_64_priv.h"
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/percpu.h>
#include <arch/smp.h>
#include <lib/assert.h>
#include <lib/string.h>

enum { INVLPG_MAX = 32 };
#define CR3_NO_FLUSH (1ul << 63)
#define CR4_GLOBAL_PAGES 0x80ul

struct x86_tlb x86_tlb PER_CPU;

static struct {
    _Atomic uint64_t next_id;
    _Atomic uint64_t kernel_generation;
    _Atomic uint64_t online; // CPUs that take part
} tlb;

static void write_kernel_root(void) {
    write_cr3(arch_virt_to_phys(x86_kernel_root));
}

void tlb_init_cpu(void) {
    atomic_store(&this_cpu(x86_tlb).kernel_generation, atomic_load(&tlb.kernel_generation));
    write_kernel_root();
    atomic_fetch_or(&tlb.online, 1ul << arch_cpu_id());
}

void arch_aspace_init(struct arch_aspace *aspace, paddr_t root) {
    uint64_t *to = arch_phys_to_virt(root);
    memcpy(to + 256, x86_kernel_root + 256, 256 * sizeof *to);
    aspace->root = root;
    atomic_store_explicit(&aspace->id, atomic_fetch_add_explicit(&tlb.next_id, 1, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&aspace->cpus, 0, memory_order_relaxed);
    atomic_store_explicit(&aspace->tlb_generation, 1, memory_order_relaxed);
    atomic_store_explicit(&aspace->tlb_slot, 0, memory_order_relaxed);
}

// --- loading ---

static void kernel_root_load(struct x86_tlb *cpu) {
    write_kernel_root();
    atomic_store(&cpu->loading, nullptr);
    atomic_store(&cpu->loaded, nullptr);
}

// The slot of the space on this CPU, or a victim that is made its own.
static struct x86_tlb_slot *slot_for(struct x86_tlb *cpu, struct arch_aspace *aspace) {
    uint64_t id = atomic_load_explicit(&aspace->id, memory_order_relaxed);
    unsigned i = 0;
    while (i < X86_TLB_SLOTS && cpu->slots[i].id != id)
        i++;
    if (i == X86_TLB_SLOTS) {
        i = cpu->victim = cpu->victim + 1 < X86_TLB_SLOTS ? cpu->victim + 1 : 0;
        cpu->slots[i].id = id;
        atomic_store_explicit(&cpu->slots[i].generation, 0, memory_order_relaxed);
        cpu->slots[i].cr3 = x86_features.pcid ? CR3_NO_FLUSH | aspace->root | (i + 1) : aspace->root;
    }
    atomic_store_explicit(&aspace->tlb_slot, i * sizeof(struct x86_tlb_slot), memory_order_relaxed);
    return &cpu->slots[i];
}

static void load_and_flush(const struct x86_tlb_slot *slot) {
    write_cr3(slot->cr3 & ~CR3_NO_FLUSH);
}

// The space is new to this CPU, or was changed since.
void x86_aspace_switch_slow(struct arch_aspace *next) {
    struct x86_tlb *cpu = &this_cpu(x86_tlb);
    uint64_t bit = 1ul << arch_cpu_id();
    if (!(atomic_load_explicit(&next->cpus, memory_order_relaxed) & bit))
        atomic_fetch_or(&next->cpus, bit);
    atomic_store(&cpu->loading, next);
    uint64_t generation = atomic_load(&next->tlb_generation);
    struct x86_tlb_slot *slot = slot_for(cpu, next);
    if (atomic_load_explicit(&slot->generation, memory_order_relaxed) == generation)
        write_cr3(slot->cr3);
    else
        load_and_flush(slot);
    atomic_store_explicit(&slot->generation, generation, memory_order_relaxed);
    atomic_store_explicit(&cpu->slot, slot, memory_order_relaxed);
    atomic_store_explicit(&cpu->loaded, next, memory_order_release);
}

// --- flushing ---

static void kernel_flush_here(void) {
    if (x86_features.invpcid) {
        struct {
            uint64_t pcid, address;
        } all = {};
        __asm__ volatile("invpcid %0, %1" ::"m"(all), "r"(2ul) : "memory");
    } else {
        uint64_t cr4 = read_cr4();
        write_cr4(cr4 ^ CR4_GLOBAL_PAGES);
        write_cr4(cr4);
    }
}

// Catches up with all flushes asked for so far. Interrupts off, or in the interrupt itself.
void x86_tlb_interrupt(void) {
    struct x86_tlb *cpu = &this_cpu(x86_tlb);
    uint64_t kernel = atomic_load(&tlb.kernel_generation);
    if (kernel != atomic_load_explicit(&cpu->kernel_generation, memory_order_relaxed)) {
        kernel_flush_here();
        atomic_store(&cpu->kernel_generation, kernel);
    }
    struct arch_aspace *loaded = atomic_load_explicit(&cpu->loaded, memory_order_relaxed);
    if (loaded == nullptr)
        return;
    if (atomic_load_explicit(&loaded->id, memory_order_relaxed) == 0) {
        kernel_root_load(cpu); // it is being destroyed; only a kernel thread can be here
        return;
    }
    struct x86_tlb_slot *slot = atomic_load_explicit(&cpu->slot, memory_order_relaxed);
    uint64_t generation = atomic_load(&loaded->tlb_generation);
    if (generation != atomic_load_explicit(&slot->generation, memory_order_relaxed)) {
        load_and_flush(slot);
        atomic_store(&slot->generation, generation);
    }
}

// While it waits for others this CPU answers them, so two flushers never wait for each other even with
// interrupts off.
static void wait_relax(void) {
    unsigned long irq = arch_irq_save();
    x86_tlb_interrupt();
    arch_irq_restore(irq);
    arch_cpu_relax();
}

// Those of `cpus` that have the space loaded, or are about to.
static uint64_t who_has(const struct arch_aspace *aspace, uint64_t cpus) {
    uint64_t found = 0;
    for (; cpus != 0; cpus &= cpus - 1) {
        struct x86_tlb *cpu = &cpu_local(x86_tlb, (unsigned)__builtin_ctzl(cpus));
        if (atomic_load(&cpu->loading) == aspace || atomic_load(&cpu->loaded) == aspace)
            found |= cpus & -cpus;
    }
    return found;
}

// If the slot is another space's already, then so is CR3, and the CPU need not have seen this generation: it will when
// it comes back.
static bool has_seen(struct x86_tlb *cpu, const struct arch_aspace *aspace, uint64_t generation) {
    if (atomic_load(&cpu->loaded) != aspace)
        return atomic_load(&cpu->loading) != aspace;
    struct x86_tlb_slot *slot = atomic_load(&cpu->slot);
    return atomic_load(&slot->generation) >= generation;
}

static void wait_for_cpus(uint64_t cpus, struct arch_aspace *aspace, uint64_t generation) {
    for (; cpus != 0; cpus &= cpus - 1) {
        struct x86_tlb *cpu = &cpu_local(x86_tlb, (unsigned)__builtin_ctzl(cpus));
        while (!has_seen(cpu, aspace, generation))
            wait_relax();
    }
}

// This CPU's part. If it has missed an earlier flush (its interrupt is on the way) only a whole flush will do.
static void flush_here(struct x86_tlb_slot *slot, uint64_t generation, vaddr_t start, vaddr_t end) {
    unsigned long irq = arch_irq_save();
    uint64_t seen = atomic_load_explicit(&slot->generation, memory_order_relaxed);
    if (seen == generation - 1 && end - start <= INVLPG_MAX * PAGE_SIZE) {
        for (vaddr_t at = start; at < end; at += PAGE_SIZE)
            arch_tlb_flush_local(at);
        atomic_store_explicit(&slot->generation, generation, memory_order_relaxed);
    } else if (seen < generation) {
        load_and_flush(slot);
        atomic_store_explicit(&slot->generation, generation, memory_order_relaxed);
    }
    arch_irq_restore(irq);
}

static void kernel_flush(vaddr_t start, vaddr_t end) {
    uint64_t generation = atomic_fetch_add(&tlb.kernel_generation, 1) + 1;
    uint64_t self = 1ul << arch_cpu_id();
    uint64_t others = atomic_load(&tlb.online) & ~self;
    if (others == 0 && end - start <= INVLPG_MAX * PAGE_SIZE) {
        for (vaddr_t at = start; at < end; at += PAGE_SIZE)
            arch_tlb_flush_local(at);
        atomic_store(&this_cpu(x86_tlb).kernel_generation, generation);
        return;
    }
    if (others != 0)
        x86_ipi_mask(others, VECTOR_TLB);
    wait_relax(); // flushes here
    for (; others != 0; others &= others - 1) {
        struct x86_tlb *cpu = &cpu_local(x86_tlb, (unsigned)__builtin_ctzl(others));
        while (atomic_load(&cpu->kernel_generation) < generation)
            wait_relax();
    }
}

void arch_tlb_flush_range(struct arch_aspace *aspace, vaddr_t start, vaddr_t end) {
    if (aspace == nullptr) {
        kernel_flush(start, end);
        return;
    }
    uint64_t generation = atomic_fetch_add(&aspace->tlb_generation, 1) + 1;
    uint64_t cpus = atomic_load(&aspace->cpus), self = 1ul << arch_cpu_id();
    struct x86_tlb *here = &this_cpu(x86_tlb);
    if (atomic_load_explicit(&here->loaded, memory_order_relaxed) == aspace)
        flush_here(atomic_load_explicit(&here->slot, memory_order_relaxed), generation, start, end);
    if (LIKELY((cpus & ~self) == 0))
        return;
    cpus = who_has(aspace, cpus & ~self);
    if (cpus != 0) {
        x86_ipi_mask(cpus, VECTOR_TLB);
        wait_for_cpus(cpus, aspace, generation);
    }
}

void arch_tlb_flush_all(struct arch_aspace *aspace) {
    arch_tlb_flush_range(aspace, 0, ~0ul);
}

// On return no CPU has it loaded, and since its id is never used again no CPU will believe what it remembers of it.
void arch_aspace_fini(struct arch_aspace *aspace) {
    unsigned long irq = arch_irq_save();
    struct x86_tlb *cpu = &this_cpu(x86_tlb);
    if (atomic_load_explicit(&cpu->loaded, memory_order_relaxed) == aspace)
        kernel_root_load(cpu);
    arch_irq_restore(irq);
    atomic_store(&aspace->id, 0);
    uint64_t cpus = who_has(aspace, atomic_load(&aspace->cpus));
    if (UNLIKELY(cpus != 0))
        x86_ipi_mask(cpus, VECTOR_TLB);
    while (UNLIKELY(who_has(aspace, cpus) != 0))
        wait_relax();
}
