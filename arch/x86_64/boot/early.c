// SPDX-License-Identifier: MPL-2.0
// C before the kernel is where it was linked to run.
//
// early_main runs at the physical address of the image, in the identity map. It chooses where in the top 2 GiB
// the kernel shall live, relocates the image for that place, and maps it there: code executable and not
// writable, constants neither, data not executable. Nothing here may use a pointer stored in the image before
// it is relocated (so: no tables of strings, no calls out of this file), nor be instrumented.

#include "boot/loader_info.h"
#include "boot/page_bits.h"
#include "boot/port_io.h"
#include "x86_64_priv.h"
#include <common/boot.h>

#define SLIDE_RANGE (768ul << 20) // the image stays within the first GiB above KERNEL_LINK_BASE
#define IMAGE_TABLES 12           // page tables for the image: 24 MiB less its alignment

uint64_t image_pdpt[512] __attribute__((section(".bss.pages"), aligned(4096)));
static uint64_t image_pd[512] __attribute__((section(".bss.pages"), aligned(4096)));
static uint64_t image_pt[IMAGE_TABLES][512] __attribute__((section(".bss.pages"), aligned(4096)));
extern uint64_t relr_start[], relr_end[];

uintptr_t __stack_chk_guard;
uint64_t early_entropy;

static bool has_word(const char *text, size_t max, const char *word) {
    size_t length = 0;
    while (word[length] != '\0')
        length++;
    for (size_t i = 0, start = 0; i < max; i++) {
        if (text[i] != ' ' && text[i] != '\0')
            continue;
        bool same = i - start == length;
        for (size_t k = 0; same && k < length; k++)
            same = text[start + k] == word[k];
        if (same)
            return true;
        if (text[i] == '\0')
            return false;
        start = i + 1;
    }
    return false;
}

// `nokaslr` must be known before anything is parsed properly (loader.c does that later).
static bool kaslr_refused(uint32_t magic, uint32_t info) {
    static const char word[] = "nokaslr";
    if (magic == LOADER_PVH) {
        const struct hvm_start_info *start = (const void *)(uintptr_t)info;
        if (start->magic != HVM_START_MAGIC || start->command_line == 0 || start->command_line >= IDENTITY_LIMIT - 4096)
            return false;
        return has_word((const char *)start->command_line, 4096, word);
    }
    if (magic != LOADER_MULTIBOOT2)
        return false;
    uint32_t size = ((const struct multiboot_info *)(uintptr_t)info)->size;
    for (uint32_t at = sizeof(struct multiboot_info); at + sizeof(struct multiboot_tag) <= size;) {
        const struct multiboot_tag *tag = (const void *)((uintptr_t)info + at);
        if (tag->type == MULTIBOOT_TAG_END || tag->size < sizeof *tag || tag->size > size - at)
            return false;
        if (tag->type == MULTIBOOT_TAG_COMMAND_LINE)
            return has_word((const char *)(tag + 1), tag->size - sizeof *tag, word);
        at += ALIGN_UP(tag->size, 8u);
    }
    return false;
}

// With too little memory QEMU puts the initrd over the end of our image. Nothing of ours can be trusted then, .bss
// least of all: say so with bare hands.
static void check_overlap(uint32_t magic, uint32_t info) {
    const struct hvm_start_info *start = (const void *)(uintptr_t)info;
    if (magic != LOADER_PVH || start->magic != HVM_START_MAGIC || start->module_count == 0 ||
        start->modules >= IDENTITY_LIMIT - sizeof(struct hvm_module))
        return;
    const struct hvm_module *initrd = (const void *)start->modules;
    if (initrd->address >= (uintptr_t)kernel_end || initrd->address + initrd->size <= (uintptr_t)kernel_start)
        return;
    static const char text[] = "Tessera: too little memory: the initrd lies over the kernel.\r\n";
    for (const char *c = text; *c != '\0'; c++)
        outb(0x3f8, (uint8_t)*c);
    for (;;)
        __asm__ volatile("cli; hlt");
}

static uint64_t mix(uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ (x >> 33);
}

// RDRAND if there is one, the time stamp in any case.
static uint64_t entropy(void) {
    uint64_t value = 0;
    if (cpuid_read(1, 0).ecx & (1u << 30)) {
        bool ok = false;
        for (int i = 0; i < 10 && !ok; i++)
            __asm__ volatile("rdrand %0; setc %1" : "=r"(value), "=q"(ok));
    }
    return mix(value ^ tsc_read());
}

// RELR: an even word is an address to relocate, odd ones are bitmaps of the 63 words after it.
static void relocate(uint64_t slide) {
    uint64_t *where = nullptr;
    for (const uint64_t *entry = relr_start; entry < relr_end; entry++) {
        if ((*entry & 1) == 0) {
            where = (uint64_t *)(*entry - KERNEL_LINK_BASE);
            *where++ += slide;
            continue;
        }
        uint64_t *word = where;
        for (uint64_t bits = *entry >> 1; bits != 0; bits >>= 1, word++) {
            if (bits & 1)
                *word += slide;
        }
        where += 63;
    }
}

static void map_range(uint64_t slide, const char *start, const char *end, uint64_t bits) {
    for (uintptr_t phys = (uintptr_t)start; phys < (uintptr_t)end; phys += PAGE_SIZE) {
        uint64_t offset = phys + slide; // from KERNEL_LINK_BASE
        unsigned table = (unsigned)((offset >> 21) - ((KERNEL_PHYS + slide) >> 21));
        if (table >= IMAGE_TABLES)
            __builtin_trap(); // kernel.ld asserts that this cannot be
        image_pt[table][(offset >> 12) & 511] = phys | bits;
    }
}

__attribute__((no_stack_protector)) uint64_t early_main(uint32_t magic, uint32_t info) {
    check_overlap(magic, info);
    uint64_t random = entropy();
    early_entropy = mix(random + 1);
    __stack_chk_guard = mix(random + 2) & ~0xfful; // a zero byte stops string overruns
    uint64_t slide = kaslr_refused(magic, info) ? 0 : ALIGN_DOWN(random % SLIDE_RANGE, PAGE_SIZE);

    relocate(slide);
    uint64_t no_execute = cpuid_read(0x80000001, 0).edx & (1u << 20) ? PTE_NO_EXECUTE : 0;
    uint64_t common = PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | PTE_GLOBAL;
    map_range(slide, kernel_start, kernel_text_end, common);
    map_range(slide, kernel_text_end, kernel_rodata_end, common | no_execute);
    map_range(slide, kernel_rodata_end, kernel_end, common | no_execute | PTE_WRITE);

    // Nothing is mapped below the boot stack.
    uint64_t guard = (uintptr_t)boot_stack - PAGE_SIZE + slide;
    image_pt[(guard >> 21) - ((KERNEL_PHYS + slide) >> 21)][(guard >> 12) & 511] = 0;

    unsigned first = (unsigned)((KERNEL_PHYS + slide) >> 21);
    for (unsigned i = 0; i < IMAGE_TABLES; i++)
        image_pd[first + i] = (uint64_t)image_pt[i] | PTE_PRESENT | PTE_WRITE;
    image_pdpt[510] = (uint64_t)image_pd | PTE_PRESENT | PTE_WRITE;
    boot_pml4[511] = (uint64_t)image_pdpt | PTE_PRESENT | PTE_WRITE;
    return KERNEL_LINK_BASE + slide;
}
