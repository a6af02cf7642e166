// SPDX-License-Identifier: MPL-2.0
// Rows: mapping memory, and the first touch of a page of each kind.
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096L

static char *map(size_t size, int flags, int fd) {
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);
    must(memory == MAP_FAILED ? -1 : 0);
    return memory;
}

static void map_unmap(long n) {
    begin();
    for (long i = 0; i < n; i++)
        munmap(map(16 * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1), 16 * PAGE);
    end();
}

static void protect(long n) {
    char *memory = map(16 * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    memset(memory, 1, 16 * PAGE);
    begin();
    for (long i = 0; i < n; i++)
        mprotect(memory, 16 * PAGE, i & 1 ? PROT_READ | PROT_WRITE : PROT_READ);
    end();
    munmap(memory, 16 * PAGE);
}

static void touch(char *memory, long pages) {
    for (long i = 0; i < pages; i++)
        *(volatile char *)(memory + i * PAGE) = 1;
}

static void first_touch(long pages) {
    char *memory = map(pages * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    madvise(memory, pages * PAGE, MADV_NOHUGEPAGE);
    begin();
    touch(memory, pages);
    munmap(memory, pages * PAGE);
    end();
}

static void huge_touch(long pages) {
    size_t size = pages * PAGE, huge = 2 << 20;
    char *memory = map(size + huge, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    char *aligned = (char *)(((uintptr_t)memory + huge - 1) & -huge);
    madvise(aligned, size, MADV_HUGEPAGE);
    begin();
    touch(aligned, pages);
    munmap(memory, size + huge);
    end();
}

static void file_touch(long pages) {
    int fd = must(memfd_create("bench", 0));
    must(ftruncate(fd, pages * PAGE));
    char page[PAGE];
    memset(page, 'f', PAGE);
    for (long i = 0; i < pages; i++)
        must(pwrite(fd, page, PAGE, i * PAGE));
    char *memory = map(pages * PAGE, MAP_SHARED, fd);
    long sum = 0;
    begin();
    for (long i = 0; i < pages; i++)
        sum += *(volatile char *)(memory + i * PAGE);
    munmap(memory, pages * PAGE);
    end();
    must(sum ? 0 : -1);
    close(fd);
}

// Pages that a child shares with us: each write copies one.
static void copy_on_write(long pages) {
    char *memory = map(pages * PAGE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    madvise(memory, pages * PAGE, MADV_NOHUGEPAGE);
    memset(memory, 1, pages * PAGE);
    int gate[2];
    must(pipe(gate));
    pid_t child = must(fork());
    if (child == 0) {
        char c;
        close(gate[1]);
        read(gate[0], &c, 1);
        _exit(0);
    }
    begin();
    touch(memory, pages);
    end();
    close(gate[0]), close(gate[1]);
    waitpid(child, NULL, 0);
    munmap(memory, pages * PAGE);
}

static void grow_break(long n) {
    char *start = sbrk(0);
    begin();
    for (long i = 0; i < n; i++)
        *(volatile char *)sbrk(PAGE) = 1;
    must(brk(start));
    end();
}

const struct row memory_rows[] = {
    {"mmap", "mmap + munmap, untouched", map_unmap, 3000},
    {"mprotect", "mprotect 16 pages", protect, 3000},
    {"touch", "first touch of a page", first_touch, 2048},
    {"touch_huge", "first touch of a page, huge pages", huge_touch, 2048},
    {"touch_file", "first touch of a mapped file's page", file_touch, 2048},
    {"cow", "copy on write of a page", copy_on_write, 1024},
    {"brk", "brk + touch a page", grow_break, 1000},
    {NULL},
};
