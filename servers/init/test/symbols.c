// SPDX-License-Identifier: MPL-2.0
// Names for addresses: of this very program, and of what is left of it when bytes are changed or missing.
#include "symbols.h"
#include "tap.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t *whole;
static size_t whole_size;

static void load(void) {
    struct stat about;
    int fd = open("/proc/self/exe", O_RDONLY);
    fstat(fd, &about);
    whole_size = (size_t)about.st_size;
    whole = malloc(whole_size);
    if (read(fd, whole, whole_size) != (ssize_t)whole_size)
        exit(2);
    close(fd);
}

// Where a function of the program lies in its file: this is the loader's arithmetic, the other way round.
static uint64_t place_of(const char *name) {
    const Elf64_Ehdr *head = (const void *)whole;
    const Elf64_Shdr *sections = (const void *)(whole + head->e_shoff);
    const Elf64_Phdr *segments = (const void *)(whole + head->e_phoff);
    for (unsigned i = 0; i < head->e_shnum; i++)
        for (uint64_t k = 0; sections[i].sh_type == SHT_SYMTAB && k < sections[i].sh_size / sizeof(Elf64_Sym); k++) {
            const Elf64_Sym *s = (const Elf64_Sym *)(const void *)(whole + sections[i].sh_offset) + k;
            const char *text = (const char *)whole + sections[sections[i].sh_link].sh_offset + s->st_name;
            for (unsigned j = 0; strcmp(text, name) == 0 && j < head->e_phnum; j++)
                if (segments[j].p_type == PT_LOAD && s->st_value - segments[j].p_vaddr < segments[j].p_filesz)
                    return s->st_value - segments[j].p_vaddr + segments[j].p_offset;
        }
    return 0;
}

static bool look(const void *bytes, size_t size, uint64_t offset, char *name) {
    char path[40];
    int memory = memfd_create("program", 0);
    bool written = write(memory, bytes, size) == (ssize_t)size;
    snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
    bool found = written && symbol_at(path, offset, name, 80);
    close(memory);
    return found;
}

static void test_damage(uint64_t place) {
    uint8_t *copy = malloc(whole_size);
    int found = 0;
    char name[80];
    srandom(1);
    for (int i = 0; i < 300; i++) {
        memcpy(copy, whole, whole_size);
        Elf64_Ehdr *head = (void *)copy;
        for (int k = 0; k < 4; k++) { // in the head, the segments or the sections
            uint64_t from = k % 3 == 0   ? 16
                            : k % 3 == 1 ? ((Elf64_Ehdr *)(void *)whole)->e_phoff
                                         : ((Elf64_Ehdr *)(void *)whole)->e_shoff;
            copy[from + (uint64_t)random() % 600 % (whole_size - from)] = (uint8_t)random();
        }
        head->e_ident[EI_CLASS] = ELFCLASS64;
        found += look(copy, i % 3 ? whole_size : (size_t)random() % whole_size, place, name);
    }
    free(copy);
    ok(found < 300, "damaged files have fewer names, and do no harm");
}

int main(void) {
    char name[80] = "";
    load();
    uint64_t place = place_of("main");
    ok(place != 0 && symbol_at("/proc/self/exe", place + 3, name, sizeof name), "a place in this program");
    ok(strcmp(name, "main+0x3") == 0, "has its function's name");
    ok(!symbol_at("/proc/self/exe", whole_size * 2, name, sizeof name), "one outside has none");
    ok(!symbol_at("/nowhere", place, name, sizeof name), "nor has one of no file");
    ok(!symbol_at("/dev/null", place, name, sizeof name), "nor of a device");
    ok(!look("", 0, 0, name) && !look("#!/bin/sh\n", 10, 3, name), "nor of what is no program");
    test_damage(place);
    free(whole);
    return tap_done();
}
