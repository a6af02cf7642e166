// SPDX-License-Identifier: MPL-2.0
// Fuzzes the parsers of what execve is given: ELF headers, program header tables and property notes, and `#!` lines.
// What the parser accepts must be what the loader counts on.
#include "kernel/posix/exec/elf.h"
#include "kernel/posix/exec/exec_script.h"
#include <lib/types.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 0x7ffffffff000ull

static void check(bool good) {
    if (!good)
        abort();
}

static void check_image(const struct elf_image *image) {
    check(image->segment_count > 0 && image->segment_count <= ELF_SEGMENTS_MAX);
    check((image->align & (image->align - 1)) == 0 && image->align >= PAGE_SIZE && image->align <= LIMIT);
    check(image->low < image->high && image->high <= ALIGN_UP(LIMIT, PAGE_SIZE));
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];
        check(s->memory_size > 0 && s->file_size <= s->memory_size);
        check(s->vaddr >= image->low && s->vaddr + s->memory_size <= image->high);
        check(s->file_size == 0 || s->vaddr % PAGE_SIZE == s->offset % PAGE_SIZE);
        check(s->offset + s->file_size >= s->offset);
    }
    if (image->has_interpreter)
        check(image->interpreter_size >= 2 && image->interpreter_size <= ELF_INTERPRETER_MAX);
}

static void fuzz_elf(const uint8_t *data, size_t size) {
    struct elf_header header;
    struct elf_image image;
    if (elf_parse_header(data, size, EM_X86_64, &header) != 0)
        return;
    size_t bytes = header.phnum * sizeof(struct elf_program_header);
    check(header.phnum <= ELF_TABLE_MAX);
    if (header.phoff > size || bytes > size - header.phoff)
        return;                                       // the loader's read fails
    struct elf_program_header *table = malloc(bytes); // exactly so large: reading beyond it is found
    memcpy(table, data + header.phoff, bytes);
    if (elf_parse_table(&header, table, LIMIT, &image) == 0)
        check_image(&image);
    free(table);
}

static void fuzz_script(const uint8_t *data, size_t size) {
    struct script_line line;
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    if (script_parse(copy, size, &line) == 0) {
        check(memchr(line.interpreter, 0, SCRIPT_LINE_MAX) && line.interpreter[0]);
        check(memchr(line.argument, 0, SCRIPT_LINE_MAX));
        check(line.has_argument == (line.argument[0] != 0));
        check(!strpbrk(line.interpreter, " \t\n") && !strchr(line.argument, '\n'));
    }
    free(copy);
}

static void fuzz_property(const uint8_t *data, size_t size) {
    uint32_t value;
    char *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    if (elf_parse_property(copy, size, 0xc0000000u, &value) != 0)
        check(value == 0);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_elf(data, size);
    fuzz_script(data, size);
    fuzz_property(data, size);
    return 0;
}
