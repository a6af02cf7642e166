// SPDX-License-Identifier: MPL-2.0
// The ELF parser: bytes that anybody may have written become a checked list of segments.
//
// It touches nothing but its arguments, follows no offset of the file, and bounds each loop by a constant, so it
// can be tested and fuzzed on the host. All arithmetic on values of the file is checked for overflow here; the
// loader (exec_load.c) relies on it.
#include "elf.h"
#include <lib/string.h>

status_t elf_parse_header(const void *bytes, size_t size, uint16_t machine, struct elf_header *header) {
    static const uint8_t magic[7] = {0x7f, 'E', 'L', 'F', 2 /* 64 bits */, 1 /* little-endian */, 1};
    if (size < sizeof(*header) || memcmp(bytes, magic, sizeof(magic)) != 0)
        return -ENOEXEC;
    memcpy(header, bytes, sizeof(*header));
    if (header->type != ET_EXEC && header->type != ET_DYN)
        return -ENOEXEC;
    if (header->machine != machine || header->phentsize != sizeof(struct elf_program_header))
        return -ENOEXEC;
    if (header->phnum == 0 || header->phnum > ELF_TABLE_MAX)
        return -ENOEXEC;
    uint64_t table_end;
    if (__builtin_add_overflow(header->phoff, header->phnum * sizeof(struct elf_program_header), &table_end) ||
        table_end > INT64_MAX)
        return -ENOEXEC;
    return 0;
}

static status_t add_segment(struct elf_image *image, const struct elf_program_header *p, uint64_t limit) {
    if (p->memsz == 0)
        return 0;
    uint64_t memory_end, file_end;
    if (p->filesz > p->memsz || __builtin_add_overflow(p->vaddr, p->memsz, &memory_end) || memory_end > limit)
        return -ENOEXEC;
    if (__builtin_add_overflow(p->offset, p->filesz, &file_end) || file_end > INT64_MAX - PAGE_SIZE)
        return -ENOEXEC;
    if (p->filesz != 0 && ((p->vaddr ^ p->offset) & PAGE_MASK) != 0)
        return -ENOEXEC;
    if (p->align & (p->align - 1))
        return -ENOEXEC;
    if (image->segment_count == ELF_SEGMENTS_MAX)
        return -ENOEXEC;
    image->segments[image->segment_count++] = (struct elf_segment){
        .vaddr = p->vaddr, .offset = p->offset, .file_size = p->filesz, .memory_size = p->memsz, .flags = p->flags};
    image->low = MIN(image->low, ALIGN_DOWN(p->vaddr, PAGE_SIZE));
    image->high = MAX(image->high, ALIGN_UP(memory_end, PAGE_SIZE));
    image->align = MAX(image->align, p->align);
    return 0;
}

// The program headers are in memory if a segment has their bytes.
static uint64_t table_address(const struct elf_header *header, const struct elf_image *image) {
    uint64_t size = header->phnum * sizeof(struct elf_program_header);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];
        if (header->phoff >= s->offset && header->phoff + size <= s->offset + s->file_size)
            return s->vaddr + (header->phoff - s->offset);
    }
    return 0;
}

status_t elf_parse_table(const struct elf_header *header, const struct elf_program_header *table, uint64_t limit,
                         struct elf_image *image) {
    image->type = header->type;
    image->entry = header->entry;
    image->table_count = header->phnum;
    image->has_interpreter = image->executable_stack = false;
    image->property_size = 0;
    image->low = UINT64_MAX;
    image->high = 0;
    image->align = PAGE_SIZE;
    image->segment_count = 0;
    for (unsigned i = 0; i < header->phnum; i++) {
        const struct elf_program_header *p = &table[i];
        status_t status = 0;
        if (p->type == PT_LOAD)
            status = add_segment(image, p, limit);
        else if (p->type == PT_GNU_STACK)
            image->executable_stack = p->flags & PF_X;
        else if (p->type == PT_GNU_PROPERTY) {
            image->property_offset = p->offset;
            image->property_size = p->filesz;
        } else if (p->type == PT_INTERP && !image->has_interpreter) {
            if (p->filesz < 2 || p->filesz > ELF_INTERPRETER_MAX || p->offset > INT64_MAX - ELF_INTERPRETER_MAX)
                return -ENOEXEC;
            image->has_interpreter = true;
            image->interpreter_offset = p->offset;
            image->interpreter_size = p->filesz;
        }
        if (status != 0)
            return status;
    }
    if (image->segment_count == 0 || image->align > limit)
        return -ENOEXEC;
    image->table_vaddr = table_address(header, image);
    return 0;
}

// A note named "GNU" whose content is a list of properties: type, size, data, each at a multiple of eight.
struct property_note {
    uint32_t name_size, size, type;
    char name[4];
};
struct property {
    uint32_t type, size;
};
enum { NT_GNU_PROPERTY_TYPE_0 = 5 };

status_t elf_parse_property(const void *note, size_t size, uint32_t type, uint32_t *value) {
    struct property_note head;
    struct property property;
    *value = 0;
    if (size < sizeof(head))
        return -ENOEXEC;
    memcpy(&head, note, sizeof(head));
    if (head.type != NT_GNU_PROPERTY_TYPE_0 || head.name_size != sizeof(head.name) ||
        memcmp(head.name, "GNU", 4) != 0 || head.size > size - sizeof(head))
        return -ENOEXEC;
    const char *data = (const char *)note + sizeof(head);
    for (size_t at = 0; at < head.size;) {
        if (head.size - at < sizeof(property))
            return -ENOEXEC;
        memcpy(&property, data + at, sizeof(property));
        at += sizeof(property);
        if (property.size > head.size - at)
            return -ENOEXEC;
        if (property.type == type) {
            if (property.size != sizeof(*value))
                return -ENOEXEC;
            memcpy(value, data + at, sizeof(*value));
            return 0;
        }
        at += ALIGN_UP((size_t)property.size, 8ul);
    }
    return 0;
}
