// SPDX-License-Identifier: MPL-2.0
// Address spaces on a CPU: PCIDs, and making all CPUs forget translations.
//
// Each CPU remembers the last few address spaces that it had loaded under a PCID each, with the flush generation that
// it had seen. Loading one again flushes only if the space's generation has moved on since.
//
// A flush raises aspace.tlb_generation and interrupts the CPUs in aspace.cpus, which bring themselves up to date: there
// is no request to queue and no lock. The one race:
//
//   loading CPU                              flushing CPU
//   sets its bit in cpus         (1)         changes the page table
//   reads tlb_generation         (2)         raises tlb_generation   (3)
//   loads CR3                                reads cpus              (4)
//
// All four are sequentially consistent, so either (2) sees the new generation (it flushes while loading), or (4)
// sees the bit (it is interrupted).
//
// Kernel threads keep the space that was loaded before them, and stay in `cpus`; arch_aspace_fini throws them out.
#include "cpu/cpu_priv.h"
#include "x86_64_priv.h"
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/percpu.h>
#include <arch/smp.h>
#include <lib/assert.h>
#include <lib/string.h>

enum { SLOTS = 6, INVLPG_MAX = 32 };
#define CR3_NO_FLUSH (1ul << 63)
#define CR4_GLOBAL_PAGES 0x80ul

struct tlb_slot {
    uint64_t id;         // arch_aspace.id, 0: none
    uint64_t generation; // seen
};

// Written by its CPU only; `loaded` and `generation` are read by flushers.
struct tlb_cpu {
    struct arch_aspace *_Atomic loaded; // null: the kernel's root
    _Atomic uint64_t generation;        // of `loaded`, seen
    _Atomic uint64_t kernel_generation;
    uint64_t cr3; // without the no-flush bit
    unsigned slot, victim;
    struct tlb_slot slots[SLOTS];
};
static struct tlb_cpu tlb_cpu PER_CPU;

static struct {
    _Atomic uint64_t next_id;
    _Atomic uint64_t kernel_generation;
    _Atomic uint64_t online; // CPUs that take part
} tlb;

void tlb_init_cpu(void) {
    struct tlb_cpu *cpu = &this_cpu(tlb_cpu);
    cpu->cr3 = arch_virt_to_phys(x86_kernel_root);
    atomic_store(&cpu->kernel_generation, atomic_load(&tlb.kernel_generation));
    write_cr3(cpu->cr3);
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
}

// --- loading ---

static void kernel_root_load(struct tlb_cpu *cpu) {
    struct arch_aspace *old = atomic_load_explicit(&cpu->loaded, memory_order_relaxed);
    cpu->cr3 = arch_virt_to_phys(x86_kernel_root);
    write_cr3(cpu->cr3);
    atomic_store(&cpu->loaded, nullptr);
    if (old != nullptr)
        atomic_fetch_and(&old->cpus, ~(1ul << arch_cpu_id()));
}

// The slot of the space on this CPU, or a victim that is made its own.
static unsigned slot_for(struct tlb_cpu *cpu, const struct arch_aspace *aspace) {
    uint64_t id = atomic_load_explicit(&aspace->id, memory_order_relaxed);
    for (unsigned i = 0; i < SLOTS; i++)
        if (cpu->slots[i].id == id)
            return i;
    cpu->victim = cpu->victim + 1 < SLOTS ? cpu->victim + 1 : 0;
    cpu->slots[cpu->victim] = (struct tlb_slot){id, 0};
    return cpu->victim;
}

void arch_aspace_switch(struct arch_aspace *next) {
    struct tlb_cpu *cpu = &this_cpu(tlb_cpu);
    struct arch_aspace *old = atomic_load_explicit(&cpu->loaded, memory_order_relaxed);
    if (next == nullptr || next == old)
        return;
    uint64_t bit = 1ul << arch_cpu_id();
    atomic_fetch_or(&next->cpus, bit);
    uint64_t generation = atomic_load(&next->tlb_generation);
    uint64_t cr3 = next->root, keep = 0;
    if (x86_features.pcid) {
        cpu->slots[cpu->slot].generation = atomic_load_explicit(&cpu->generation, memory_order_relaxed);
        unsigned slot = slot_for(cpu, next);
        if (cpu->slots[slot].generation == generation)
            keep = CR3_NO_FLUSH;
        cpu->slots[slot].generation = generation;
        cpu->slot = slot;
        cr3 |= slot + 1;
    }
    cpu->cr3 = cr3;
    write_cr3(cr3 | keep);
    atomic_store_explicit(&cpu->generation, generation, memory_order_relaxed);
    atomic_store_explicit(&cpu->loaded, next, memory_order_release);
    if (old != nullptr)
        atomic_fetch_and(&old->cpus, ~bit);
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
    struct tlb_cpu *cpu = &this_cpu(tlb_cpu);
    uint64_t kernel = atomic_load(&tlb.kernel_generation);
    struct arch_aspace *loaded = atomic_load_explicit(&cpu->loaded, memory_order_relaxed);
    uint64_t generation = loaded != nullptr ? atomic_load(&loaded->tlb_generation) : 0;
    if (kernel != atomic_load_explicit(&cpu->kernel_generation, memory_order_relaxed)) {
        kernel_flush_here();
        atomic_store(&cpu->kernel_generation, kernel);
    }
    if (loaded != nullptr && atomic_load_explicit(&loaded->id, memory_order_relaxed) == 0) {
        kernel_root_load(cpu); // it is being destroyed; only a kernel thread can be here
    } else if (loaded != nullptr && generation != atomic_load_explicit(&cpu->generation, memory_order_relaxed)) {
        write_cr3(cpu->cr3);
        atomic_store(&cpu->generation, generation);
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

static void wait_for_cpus(uint64_t cpus, struct arch_aspace *aspace, uint64_t generation) {
    for (; cpus != 0; cpus &= cpus - 1) {
        struct tlb_cpu *cpu = &cpu_local(tlb_cpu, (unsigned)__builtin_ctzl(cpus));
        while (atomic_load(&cpu->loaded) == aspace && atomic_load(&cpu->generation) < generation)
            wait_relax();
    }
}

// This CPU's part. If it has missed an earlier flush (its interrupt is on the way) only a whole flush will do.
static void flush_here(struct tlb_cpu *cpu, uint64_t generation, vaddr_t start, vaddr_t end) {
    unsigned long irq = arch_irq_save();
    uint64_t seen = atomic_load_explicit(&cpu->generation, memory_order_relaxed);
    if (seen == generation - 1 && end - start <= INVLPG_MAX * PAGE_SIZE) {
        for (vaddr_t at = start; at < end; at += PAGE_SIZE)
            arch_tlb_flush_local(at);
        atomic_store_explicit(&cpu->generation, generation, memory_order_relaxed);
    } else if (seen < generation) {
        write_cr3(cpu->cr3);
        atomic_store_explicit(&cpu->generation, generation, memory_order_relaxed);
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
        atomic_store(&this_cpu(tlb_cpu).kernel_generation, generation);
        return;
    }
    if (others != 0)
        x86_ipi_mask(others, VECTOR_TLB);
    wait_relax(); // flushes here
    for (; others != 0; others &= others - 1) {
        struct tlb_cpu *cpu = &cpu_local(tlb_cpu, (unsigned)__builtin_ctzl(others));
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
    if (cpus & self)
        flush_here(&this_cpu(tlb_cpu), generation, start, end);
    if (UNLIKELY((cpus & ~self) != 0)) {
        x86_ipi_mask(cpus & ~self, VECTOR_TLB);
        wait_for_cpus(cpus & ~self, aspace, generation);
    }
}

void arch_tlb_flush_all(struct arch_aspace *aspace) {
    arch_tlb_flush_range(aspace, 0, ~0ul);
}

// On return no CPU has it loaded, and since its id is never used again no CPU will believe what it remembers of it.
void arch_aspace_fini(struct arch_aspace *aspace) {
    unsigned long irq = arch_irq_save();
    struct tlb_cpu *cpu = &this_cpu(tlb_cpu);
    if (atomic_load_explicit(&cpu->loaded, memory_order_relaxed) == aspace)
        kernel_root_load(cpu);
    arch_irq_restore(irq);
    atomic_store(&aspace->id, 0);
    uint64_t cpus = atomic_load(&aspace->cpus);
    if (UNLIKELY(cpus != 0))
        x86_ipi_mask(cpus, VECTOR_TLB);
    while (atomic_load(&aspace->cpus) != 0)
        wait_relax();
}
