// SPDX-License-Identifier: MPL-2.0
// ELF64 executables, parsed: what is to be mapped where. No I/O: the caller reads the bytes.
#pragma once

#include <abi/elf.h>
#include <lib/status.h>

enum { ELF_TABLE_MAX = 128, ELF_SEGMENTS_MAX = 32, ELF_INTERPRETER_MAX = 4096, ELF_PROPERTY_NOTE_MAX = 1024 };

struct elf_segment {
    uint64_t vaddr, offset, file_size, memory_size;
    uint32_t flags; // PF_*
};

struct elf_image {
    uint16_t type; // ET_EXEC or ET_DYN
    uint64_t entry;
    uint64_t table_vaddr; // where the program headers will be in memory; 0: not mapped
    uint16_t table_count;
    bool has_interpreter, executable_stack;
    uint64_t interpreter_offset, interpreter_size; // of PT_INTERP's text, its NUL included
    uint64_t property_offset, property_size;       // of PT_GNU_PROPERTY's note, unchecked; size 0: none
    uint64_t low, high;                            // page-aligned span of all segments
    uint64_t align;                                // largest p_align, at least a page
    unsigned segment_count;
    struct elf_segment segments[ELF_SEGMENTS_MAX];
};

// Is this the beginning of a program for `machine`? Fills *header. -ENOEXEC: no.
MUST_USE status_t elf_parse_header(const void *bytes, size_t size, uint16_t machine, struct elf_header *header);
// Reads the program header table (header->phnum entries). -ENOEXEC: malformed; -EINVAL: two interpreters or a bad one.
// `limit`: the first address that a segment may not reach.
MUST_USE status_t elf_parse_table(const struct elf_header *header, const struct elf_program_header *table,
                                  uint64_t limit, struct elf_image *image);
// The value of a property of 32 bits in the note that PT_GNU_PROPERTY shows; 0 if it has none. -ENOEXEC: malformed.
MUST_USE status_t elf_parse_property(const void *note, size_t size, uint32_t type, uint32_t *value);
