// SPDX-License-Identifier: MPL-2.0
// The ELF parser: what it accepts, and that it refuses everything else without reading beyond its arguments.
#include "../exec/elf.h"
#include <lib/types.h>
#include <string.h>
#include <tap.h>

#define LIMIT 0x7ffffffff000ull

struct file {
    struct elf_header header;
    struct elf_program_header table[40];
};

static struct file good(void) {
    struct file f = {.header = {.ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
                                .type = ET_EXEC,
                                .machine = EM_X86_64,
                                .entry = 0x401000,
                                .phoff = 64,
                                .phentsize = 56,
                                .phnum = 2}};
    f.table[0] = (struct elf_program_header){
        .type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x400000, .filesz = 0x2000, .memsz = 0x2000, .align = 0x1000};
    f.table[1] = (struct elf_program_header){.type = PT_LOAD,
                                             .flags = PF_R | PF_W,
                                             .offset = 0x2100,
                                             .vaddr = 0x403100,
                                             .filesz = 0x80,
                                             .memsz = 0x3000,
                                             .align = 0x1000};
    return f;
}

static status_t parse(const struct file *f, struct elf_image *image) {
    struct elf_header header;
    status_t status = elf_parse_header(&f->header, sizeof(f->header), EM_X86_64, &header);
    return status != 0 ? status : elf_parse_table(&header, f->table, LIMIT, image);
}

static void accepted(void) {
    struct elf_image image;
    struct file f = good();
    is(parse(&f, &image), 0, "a plain program");
    is(image.segment_count, 2, "has two segments");
    is(image.low, 0x400000, "begins on a page");
    is(image.high, 0x407000, "ends on a page, its zeros included");
    is(image.table_vaddr, 0x400040, "its program headers are mapped");
    is(image.entry, 0x401000, "entry");
    ok(!image.has_interpreter && !image.executable_stack, "no interpreter, stack not executable");

    f.table[1] = (struct elf_program_header){.type = PT_GNU_STACK, .flags = PF_R | PF_W | PF_X};
    is(parse(&f, &image), 0, "an executable stack");
    ok(image.executable_stack, "is noted");

    f.table[1] = (struct elf_program_header){.type = PT_INTERP, .offset = 0x100, .filesz = 28};
    f.header.type = ET_DYN;
    is(parse(&f, &image), 0, "a dynamic program");
    ok(image.has_interpreter && image.interpreter_offset == 0x100 && image.interpreter_size == 28,
       "and its interpreter");

    f = good();
    f.header.phoff = 0x100000;
    is(parse(&f, &image), 0, "program headers outside of all segments");
    is(image.table_vaddr, 0, "are not in memory");
    f = good();
    f.table[1].memsz = 0;
    f.table[1].filesz = 0;
    ok(parse(&f, &image) == 0 && image.segment_count == 1, "an empty segment is left out");
}

static void header_refused(void) {
    struct elf_image image;
    struct file f = good();
    struct elf_header header;
    is(elf_parse_header(&f.header, 63, EM_X86_64, &header), -ENOEXEC, "a file that ends in its header");
    is(elf_parse_header(&f.header, 0, EM_X86_64, &header), -ENOEXEC, "an empty file");
    is(elf_parse_header(&f.header, 64, EM_AARCH64, &header), -ENOEXEC, "a program for another machine");
    for (unsigned i = 0; i < 7; i++) {
        f = good();
        f.header.ident[i] ^= 0x80;
        is(parse(&f, &image), -ENOEXEC, "a wrong byte %u of the mark", i);
    }
#define REFUSED(change, what)                  \
    do {                                       \
        f = good();                            \
        change;                                \
        is(parse(&f, &image), -ENOEXEC, what); \
    } while (0)
    REFUSED(f.header.type = 1, "an object file");
    REFUSED(f.header.type = 4, "a core file");
    REFUSED(f.header.phentsize = 32, "32-bit program headers");
    REFUSED(f.header.phnum = 0, "no program headers");
    REFUSED(f.header.phnum = ELF_TABLE_MAX + 1, "too many of them");
    REFUSED(f.header.phoff = UINT64_MAX - 10, "a table beyond the end of the world");
    REFUSED(f.header.phoff = 1ull << 63, "a table at a negative place");
    REFUSED(f.table[0].type = f.table[1].type = 0x1234, "nothing to load");
    REFUSED(f.table[0].filesz = 0x2001, "more in the file than in memory");
    REFUSED(f.table[1].memsz = UINT64_MAX, "a segment that wraps around");
    REFUSED(f.table[1].vaddr = LIMIT & ~0xfffull, "a segment that reaches the limit");
    REFUSED(f.table[1].vaddr = 0xffffffff80000000ull, "a segment in the kernel");
    REFUSED(f.table[1].offset = UINT64_MAX - 0x10, "an offset that wraps around");
    REFUSED(f.table[1].offset = 0x2200, "an address and an offset that differ within the page");
    REFUSED(f.table[1].align = 0x3000, "an alignment that is no power of two");
    REFUSED(f.table[1].align = 1ull << 60, "an alignment larger than memory");
    REFUSED((f.table[1].type = PT_INTERP, f.table[1].filesz = 1), "an interpreter without a name");
    REFUSED((f.table[1].type = PT_INTERP, f.table[1].filesz = 5000), "an interpreter with too long a name");
}

static void many_segments(void) {
    struct elf_image image;
    struct file f = good();
    for (unsigned i = 0; i < 40; i++)
        f.table[i] = (struct elf_program_header){.type = PT_LOAD,
                                                 .flags = PF_R,
                                                 .vaddr = 0x400000 + i * 0x1000,
                                                 .filesz = 1,
                                                 .memsz = 1,
                                                 .offset = i * 0x1000};
    f.header.phnum = ELF_SEGMENTS_MAX;
    is(parse(&f, &image), 0, "as many segments as we take");
    f.header.phnum = ELF_SEGMENTS_MAX + 1;
    is(parse(&f, &image), -ENOEXEC, "one more");
}

#define BTI_PROPERTY 0xc0000000u

static void property_note(void) {
    // Name size, size, type, name; then a property of another type, and the one.
    uint32_t note[] = {4, 32, 5, 0x00554e47, 0xc0008002, 4, 7, 0, BTI_PROPERTY, 4, 3, 0}, value;
    is(elf_parse_property(note, sizeof(note), BTI_PROPERTY, &value), 0, "a property note");
    is(value, 3, "has the property's value");
    is(elf_parse_property(note, sizeof(note), 0xc0000001, &value), 0, "a property that is not there");
    is(value, 0, "is zero");
    for (unsigned size = 0; size < sizeof(note); size++)
        if (elf_parse_property(note, size, BTI_PROPERTY, &value) != -ENOEXEC)
            ok(false, "a note cut off after %u bytes", size);
    const struct {
        unsigned word;
        uint32_t wrong;
        const char *what;
    } damage[] = {
        {0, 5, "a name of another length"},
        {3, 0x00554e48, "another name"},
        {2, 1, "a note of another type"},
        {1, 33, "a content beyond the end"},
        {1, 26, "a property cut off"},
        {5, UINT32_MAX, "a property beyond the end"},
        {9, 8, "the property with another size"},
    };
    for (unsigned i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
        uint32_t bad[sizeof(note) / 4];
        memcpy(bad, note, sizeof(note));
        bad[damage[i].word] = damage[i].wrong;
        is(elf_parse_property(bad, sizeof(bad), BTI_PROPERTY, &value), -ENOEXEC, "%s", damage[i].what);
    }
}

int main(void) {
    accepted();
    property_note();
    header_refused();
    many_segments();
    return tap_done();
}
