// SPDX-License-Identifier: MPL-2.0
// The name of the function at a place in a program's file, from its symbol table. The file is anybody's: every number
// in it is checked against the file's size before it is used.
#include "symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
    const uint8_t *bytes;
    uint64_t size;
};

// `count` entries of `each` bytes at `offset`; null: they are not all in the file.
static const void *part(const struct file *file, uint64_t offset, uint64_t count, uint64_t each) {
    if (offset % 8 != 0 || offset > file->size || count > (file->size - offset) / each)
        return NULL;
    return file->bytes + offset;
}

// Where the byte at this offset of the file is in memory, as the program was linked.
static bool address_of(const struct file *file, uint64_t offset, uint64_t *address) {
    const Elf64_Ehdr *head = (const void *)file->bytes;
    const Elf64_Phdr *segments = part(file, head->e_phoff, head->e_phnum, sizeof *segments);
    for (unsigned i = 0; segments && i < head->e_phnum; i++)
        if (segments[i].p_type == PT_LOAD && offset >= segments[i].p_offset &&
            offset - segments[i].p_offset < segments[i].p_filesz) {
            *address = offset - segments[i].p_offset + segments[i].p_vaddr;
            return true;
        }
    return false;
}

static bool find_in(const struct file *file, const Elf64_Shdr *table, const Elf64_Shdr *names, uint64_t address,
                    char *name, size_t room) {
    uint64_t count = table->sh_size / sizeof(Elf64_Sym);
    const Elf64_Sym *symbols = part(file, table->sh_offset, count, sizeof *symbols);
    if (!symbols || names->sh_offset > file->size || names->sh_size > file->size - names->sh_offset)
        return false;
    const char *text = (const char *)file->bytes + names->sh_offset;
    for (uint64_t i = 0; i < count; i++) {
        const Elf64_Sym *s = &symbols[i];
        if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || address < s->st_value || address - s->st_value >= s->st_size ||
            s->st_name >= names->sh_size)
            continue;
        snprintf(name, room, "%.*s+0x%llx", (int)strnlen(text + s->st_name, names->sh_size - s->st_name),
                 text + s->st_name, (unsigned long long)(address - s->st_value));
        return true;
    }
    return false;
}

static bool find(const struct file *file, uint64_t offset, char *name, size_t room) {
    const Elf64_Ehdr *head = (const void *)file->bytes;
    uint64_t address;
    if (file->size < sizeof *head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
        head->e_ident[EI_CLASS] != ELFCLASS64 || !address_of(file, offset, &address))
        return false;
    const Elf64_Shdr *sections = part(file, head->e_shoff, head->e_shnum, sizeof *sections);
    for (unsigned i = 0; sections && i < head->e_shnum; i++)
        if (sections[i].sh_type == SHT_SYMTAB && sections[i].sh_link < head->e_shnum &&
            find_in(file, &sections[i], &sections[sections[i].sh_link], address, name, room))
            return true;
    return false;
}

bool symbol_at(const char *path, uint64_t offset, char *name, size_t room) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    if (fd < 0)
        return false;
    bool usable = fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0;
    struct file file = {.size = usable ? (uint64_t)about.st_size : 0};
    void *bytes = usable ? mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    close(fd);
    if (bytes == MAP_FAILED)
        return false;
    file.bytes = bytes;
    bool found = find(&file, offset, name, room);
    munmap(bytes, file.size);
    return found;
}
