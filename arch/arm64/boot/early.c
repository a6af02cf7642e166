// SPDX-License-Identifier: MPL-2.0
// C before the kernel is where it was linked to run.
//
// early_identity runs with the MMU off, at the physical address of the image: it makes a one-to-one map of the image.
// early_main runs in that map. It chooses where in the top 2 GiB the kernel shall live, relocates the image for that
// place, and maps it there: code executable and not writable, constants neither, data not executable. Nothing here may
// use a pointer stored in the image before it is relocated, call out of this file, or be instrumented; early_identity
// must not access memory unaligned either.

#include "boot/early.h"
#include "arm64_priv.h"
#include "boot/boot_priv.h"
#include "boot/layout.h"
#include "cpu/sysreg.h"
#include <port/mmu_bits.h>

#define SLIDE_RANGE (768ul << 20) // the image stays within the first GiB above KERNEL_LINK_BASE
#define IMAGE_TABLES 12           // page tables for the image: 24 MiB less its alignment
#define IDENTITY_TABLES 12
#define BLOCK (2ul << 20)
#define ADDRESS_END (1ul << 48)
#define TREE_MAX (2ul << 20) // bytes of a device tree that may be looked at
#define TABLE_BITS (ARM64_PTE_VALID | ARM64_PTE_TABLE)

#define PAGE_TABLE __attribute__((section(".bss.pages"), aligned(4096)))
uint64_t kernel_root_table[512] PAGE_TABLE;
uint64_t image_l1[512] PAGE_TABLE;
uint64_t fixmap_l2[512] PAGE_TABLE;
uint64_t device_l3[2][512] PAGE_TABLE;
uint64_t identity_root[512] PAGE_TABLE;
static uint64_t image_l2[512] PAGE_TABLE;
static uint64_t image_l3[IMAGE_TABLES][512] PAGE_TABLE;
static uint64_t identity_tables[IDENTITY_TABLES][512] PAGE_TABLE;
static unsigned identity_used;

uintptr_t __stack_chk_guard;
uintptr_t image_offset;
uint64_t early_entropy;
extern uint64_t relr_start[], relr_end[];

#define PLAIN __attribute__((no_stack_protector))

// --- the one-to-one map ---

// The table below; nullptr: there are no more.
PLAIN static uint64_t *identity_next(uint64_t *entry) {
    if (*entry == 0) {
        if (identity_used == IDENTITY_TABLES)
            return nullptr;
        *entry = (uintptr_t)identity_tables[identity_used++] | TABLE_BITS;
    }
    return (uint64_t *)(*entry & ARM64_PTE_ADDRESS);
}

PLAIN static bool identity_map(paddr_t start, uint64_t size, uint64_t bits) {
    if (start >= ADDRESS_END || size > ADDRESS_END - start)
        return false;
    for (paddr_t at = ALIGN_DOWN(start, BLOCK); at < start + size; at += BLOCK) {
        uint64_t *l1 = identity_next(&identity_root[at >> 39 & 511]);
        uint64_t *l2 = l1 != nullptr ? identity_next(&l1[at >> 30 & 511]) : nullptr;
        if (l2 == nullptr)
            return false;
        if (l2[at >> 21 & 511] == 0)
            l2[at >> 21 & 511] = at | bits;
    }
    return true;
}

// What has the MMU on. early_main adds what it reads.
PLAIN void early_identity(void);
PLAIN void early_identity(void) {
    identity_map((uintptr_t)kernel_start, (uintptr_t)(kernel_end - kernel_start),
                 ARM64_PTE_KERNEL_BLOCK & ~ARM64_PTE_KERNEL_NO_EXECUTE);
}

// False: out of reach, or there is no memory.
PLAIN static bool identity_show(paddr_t start, uint64_t size) {
    if (!identity_map(start, size, ARM64_PTE_KERNEL_BLOCK | ARM64_PTE_READ_ONLY))
        return false;
    __asm__ volatile("dsb ishst\n\tisb" ::: "memory");
    return early_probe(start);
}

// From now on it only serves other CPUs to get in.
void early_identity_seal(void) {
    for (unsigned i = 0; i < identity_used; i++) {
        for (unsigned k = 0; k < 512; k++) {
            if ((identity_tables[i][k] & TABLE_BITS) == ARM64_PTE_VALID) // a block
                identity_tables[i][k] |= ARM64_PTE_READ_ONLY;
        }
    }
}

// --- what must be known before anything is parsed properly ---

PLAIN static uint32_t big_endian(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

PLAIN static bool is_same(const char *a, const char *b, size_t max) {
    for (size_t i = 0; i < max; i++) {
        if (a[i] != b[i])
            return false;
        if (a[i] == '\0')
            return true;
    }
    return false;
}

PLAIN static bool has_word(const char *text, size_t max, const char *word) {
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

// The first property of that name in a device tree, wherever it is. (lib/fdt does it properly, later.)
PLAIN static const char *find_property(paddr_t address, const char *name, uint32_t *size) {
    enum { BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, NOTHING = 4 };
    enum { MAGIC = 0xd00dfeed, HEADER_SIZE = 40 };
    const uint8_t *tree = (const uint8_t *)address;
    if (!boot_handoff.tree_answers || !identity_show(address, HEADER_SIZE) || big_endian(tree) != MAGIC)
        return nullptr;
    uint32_t total = MIN(big_endian(tree + 4), (uint32_t)TREE_MAX), at = big_endian(tree + 8);
    uint32_t names = big_endian(tree + 12);
    if (!identity_show(address, total))
        return nullptr;
    while (at <= total - 12 && total > 12) {
        uint32_t token = big_endian(tree + at);
        at += 4;
        if (token == BEGIN_NODE) {
            while (at < total && tree[at] != '\0')
                at++;
            at = ALIGN_UP(at + 1, 4u);
        } else if (token == PROPERTY) {
            uint32_t length = big_endian(tree + at), offset = big_endian(tree + at + 4);
            at += 8;
            if (at > total || length > total - at || names >= total || offset >= total - names)
                return nullptr;
            if (is_same((const char *)tree + names + offset, name, total - names - offset)) {
                *size = length;
                return (const char *)tree + at;
            }
            at = ALIGN_UP(at + length, 4u);
        } else if (token != END_NODE && token != NOTHING) {
            return nullptr;
        }
    }
    return nullptr;
}

PLAIN static bool kaslr_refused(void) {
    static const char word[] = "nokaslr";
    if (boot_handoff.command_line != 0) {
        paddr_t line = boot_handoff.command_line;
        uint64_t size = ALIGN_DOWN(line, BLOCK) + BLOCK - line;
        return identity_show(line, size) && has_word((const char *)line, size, word);
    }
    uint32_t size;
    const char *line = find_property(boot_handoff.device_tree, "bootargs", &size);
    return line != nullptr && has_word(line, size, word);
}

PLAIN static uint64_t mix(uint64_t x) {
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ (x >> 33);
}

// What firmware gives for this, the processor's generator if there is one, and the time in any case.
PLAIN static uint64_t entropy(void) {
    uint64_t value = sysreg_read(CNTVCT_EL0);
    uint32_t size;
    const char *seed = find_property(boot_handoff.device_tree, "kaslr-seed", &size);
    if (seed != nullptr && size >= 8)
        value ^= (uint64_t)big_endian((const uint8_t *)seed) << 32 | big_endian((const uint8_t *)seed + 4);
    for (unsigned i = 0; boot_handoff.seeded && i < 8; i++)
        value ^= (uint64_t)boot_handoff.seed[i] << 8 * i;
    if ((sysreg_read(ID_AA64ISAR0_EL1) >> 60) != 0)
        value ^= sysreg_read(S3_3_C2_C4_0); // RNDR
    return mix(value);
}

// --- the kernel's place ---

// RELR: an even word is an address to relocate, odd ones are bitmaps of the 63 words after it.
PLAIN static void relocate(uint64_t slide) {
    uint64_t *where = nullptr;
    for (const uint64_t *entry = relr_start; entry < relr_end; entry++) {
        if ((*entry & 1) == 0) {
            where = (uint64_t *)(*entry - KERNEL_LINK_BASE + (uintptr_t)kernel_start);
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

// The entry of the page at `phys` of the image.
PLAIN static uint64_t *image_entry(uint64_t slide, uintptr_t phys) {
    uint64_t offset = phys - (uintptr_t)kernel_start + slide; // from KERNEL_LINK_BASE
    uint64_t table = (offset >> 21) - (slide >> 21);
    if (table >= IMAGE_TABLES)
        __builtin_trap(); // kernel.ld asserts that this cannot be
    return &image_l3[table][offset >> 12 & 511];
}

PLAIN static void map_range(uint64_t slide, const char *start, const char *end, uint64_t bits) {
    for (uintptr_t phys = (uintptr_t)start; phys < (uintptr_t)end; phys += PAGE_SIZE)
        *image_entry(slide, phys) = phys | bits;
}

PLAIN static void map_image(uint64_t slide) {
    const uint64_t data = ARM64_PTE_KERNEL_PAGE, constant = data | ARM64_PTE_READ_ONLY;
    uint64_t code = constant & ~ARM64_PTE_KERNEL_NO_EXECUTE;
    if ((sysreg_read(ID_AA64PFR1_EL1) & 0xf) != 0) // FEAT_BTI
        code |= ARM64_PTE_GUARDED;
    map_range(slide, kernel_start, kernel_text_end, code);
    map_range(slide, kernel_text_end, kernel_rodata_end, constant);
    map_range(slide, kernel_rodata_end, kernel_end, data);
    *image_entry(slide, (uintptr_t)boot_stack - PAGE_SIZE) = 0; // nothing below the boot stack

    for (unsigned i = 0; i < IMAGE_TABLES; i++)
        image_l2[(slide >> 21) + i] = (uintptr_t)image_l3[i] | TABLE_BITS;
    image_l1[KERNEL_LINK_BASE >> 30 & 511] = (uintptr_t)image_l2 | TABLE_BITS;
    kernel_root_table[511] = (uintptr_t)image_l1 | TABLE_BITS;
}

// The console that we hope for, and the tables of the other fixed devices.
PLAIN static void map_console(void) {
    device_l3[0][0] = CONSOLE_GUESS | ARM64_PTE_KERNEL_DEVICE;
    for (unsigned i = 0; i < ARRAY_SIZE(device_l3); i++)
        fixmap_l2[(FIXMAP_DEVICES >> 21 & 511) + i] = (uintptr_t)device_l3[i] | TABLE_BITS;
    image_l1[FIXMAP_START >> 30 & 511] = (uintptr_t)fixmap_l2 | TABLE_BITS;
}

// Returns the virtual address of the image's first byte.
PLAIN uint64_t early_main(paddr_t device_tree);
PLAIN uint64_t early_main(paddr_t device_tree) {
    if (device_tree != 0)
        boot_handoff.device_tree = device_tree;
    boot_handoff.tree_answers = boot_handoff.device_tree != 0 && identity_show(boot_handoff.device_tree, 1);
    uint64_t random = entropy();
    early_entropy = mix(random + 1);
    __stack_chk_guard = mix(random + 2) & ~0xfful; // a zero byte stops string overruns
    uint64_t slide = kaslr_refused() ? 0 : ALIGN_DOWN(random % SLIDE_RANGE, PAGE_SIZE);
    relocate(slide);
    map_image(slide);
    map_console();
    image_offset = KERNEL_LINK_BASE + slide - (uintptr_t)kernel_start;
    return KERNEL_LINK_BASE + slide;
}
