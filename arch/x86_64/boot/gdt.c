// SPDX-License-Identifier: MPL-2.0
// Segments and the task state, one of each for every CPU. In long mode segments only say "kernel" or "user";
// the task state holds the stacks that the processor switches to.

#include "boot/boot_priv.h"
#include "boot/port_io.h"
#include "x86_64_priv.h"

struct x86_tss x86_tss PER_CPU;

static struct {
    uint64_t entries[10];
} gdt PER_CPU = {{
    [1] = 0x00cf9b000000ffff, // 0x08 32-bit kernel code: only while a CPU starts
    [2] = 0x00af9b000000ffff, // 0x10 kernel code
    [3] = 0x00cf93000000ffff, // 0x18 kernel data
    // 0x20 would be 32-bit user code: not present, for there are no 32-bit programs and no entry for their calls
    [5] = 0x00cff3000000ffff, // 0x28 user data
    [6] = 0x00affb000000ffff, // 0x30 user code
}};

// The descriptor's 16 bytes scatter the base and the limit.
static void set_tss(uint64_t *entry, uintptr_t base) {
    uint64_t limit = sizeof(struct x86_tss) - 1;
    entry[0] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    entry[1] = base >> 32;
}

void gdt_init(const void *stack_top) {
    struct x86_tss *tss = &this_cpu(x86_tss);
    tss->rsp[0] = (uintptr_t)stack_top;
    tss->io_map = sizeof *tss; // none: no port is open to user mode
    uint64_t *entries = this_cpu(gdt).entries;
    set_tss(&entries[X86_TSS / 8], (uintptr_t)tss);

    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer = {sizeof gdt.entries - 1, (uintptr_t)entries};
    uintptr_t scratch;
    __asm__ volatile(
        "lgdt %[pointer]\n\t"
        "pushq %[code]\n\t"
        "leaq 1f(%%rip), %[scratch]\n\t"
        "pushq %[scratch]\n\t"
        "lretq\n"
        "1:\tmovl %[data], %%ds\n\t"
        "movl %[data], %%es\n\t"
        "movl %[data], %%ss\n\t"
        "ltr %w[tss]"
        : [scratch] "=&r"(scratch)
        : [pointer] "m"(pointer), [code] "i"(X86_KERNEL_CODE), [data] "r"(X86_KERNEL_DATA), [tss] "r"(X86_TSS)
        : "memory");
}
