// SPDX-License-Identifier: MPL-2.0
// Host port: the variables behind its inline functions, and the arena that plays physical memory.
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <arch/thread.h>
#include <arch/uaccess.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

unsigned host_cpu;
bool host_irq_enabled;
uint64_t host_cycles;
uint8_t *host_arena;
uint64_t host_kernel_root[512];
unsigned long host_tlb_flushes;
void (*host_tlb_flush_hook)(struct arch_aspace *aspace, uintptr_t start, uintptr_t end);
void (*host_sync_code_hook)(const void *page);
uintptr_t host_fault_start, host_fault_end;
static struct {
    alignas(16) uint8_t space[4096]; // larger than any struct thread
} first_thread;
struct thread *host_current = (struct thread *)(void *)&first_thread;

__attribute__((constructor)) static void map_arena(void) {
    void *arena = mmap(nullptr, HOST_ARENA_SIZE + HUGE_PAGE_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena == MAP_FAILED) {
        perror("mmap");
        abort();
    }
    host_arena = (uint8_t *)ALIGN_UP((uintptr_t)arena, HUGE_PAGE_SIZE);
}

[[noreturn]] void arch_cpu_halt(void) {
    abort();
}
