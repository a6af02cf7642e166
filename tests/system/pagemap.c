// SPDX-License-Identifier: MPL-2.0
// /proc/PID/pagemap: which pages of an address space are there, whose they are, and at which frame.
#include "sys.h"

#include <sys/mman.h>
#include <sys/prctl.h>

#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)
#define FROM_FILE (1ull << 61)
#define EXCLUSIVE (1ull << 56)
#define FRAME ((1ull << 55) - 1)

enum { PAGE = 4096 };

static int map;

static off_t place_of(const volatile void *address) {
    return (off_t)((uintptr_t)address / PAGE * 8);
}

static uint64_t word_at(const volatile void *address) {
    uint64_t word = 0;
    return pread(map, &word, sizeof word, place_of(address)) == sizeof word ? word : ~0ull;
}

static char *anonymous(size_t pages) {
    char *at = mmap(nullptr, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(at, pages * PAGE, MADV_NOHUGEPAGE);
    return at;
}

static void private_pages(void) {
    volatile char *at = anonymous(600);
    is(word_at(at) & PRESENT, 0, "a page that nobody touched is not there");
    at[0] = at[2 * PAGE] = at[599 * PAGE] = 1;
    uint64_t word = word_at(at);
    ok(word != ~0ull && word & PRESENT && !(word & SWAPPED), "one that was written is");
    is(word & FROM_FILE, 0, "of no file");
    ok(word & EXCLUSIVE, "ours alone");
    uint64_t words[600];
    is(pread(map, words, sizeof words, place_of(at)), sizeof words, "many at once");
    int wrong = 0;
    for (int i = 0; i < 600; i++)
        wrong += ((words[i] & PRESENT) != 0) != (i == 0 || i == 2 || i == 599);
    is(wrong, 0, "each as it is");
    char byte = at[PAGE];
    word = word_at(at + PAGE);
    ok(byte == 0 && word & PRESENT && !(word & (FROM_FILE | EXCLUSIVE)), "zeros that were only read are everybody's");
    mprotect((void *)at, PAGE, PROT_NONE);
    ok(word_at(at) & PRESENT, "what may not be touched is still there");
    exited(in_child(_exit((word_at(at) & PRESENT) == 0)), 0, "a descriptor shows its own process to a child");
    munmap((void *)at, 600 * PAGE);
    is(word_at(at) & PRESENT, 0, "what was unmapped is gone");
}

// A forked child's pages are its parent's until one writes.
static void after_a_fork(void) {
    volatile char *at = anonymous(2);
    at[0] = at[PAGE] = 1;
    exited(in_child({
               at[PAGE] = 2;
               map = open("/proc/self/pagemap", O_RDONLY);
               uint64_t first = word_at(at), second = word_at(at + PAGE);
               _exit(!(first & PRESENT && !(first & EXCLUSIVE) && second & PRESENT && second & EXCLUSIVE));
           }),
           0, "in a child, what it wrote is its own");
    munmap((void *)at, 2 * PAGE);
}

static void shared_pages(void) {
    volatile char *at = mmap(nullptr, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    at[0] = 1;
    uint64_t word = word_at(at);
    ok(word & PRESENT && word & FROM_FILE, "shared memory counts as a file's");
    ok(word & EXCLUSIVE, "mapped once");
    exited(in_child(_exit(at[0] != 1 || (word_at(at) & EXCLUSIVE) != 0)), 0, "mapped twice");
    is(word_at(at + PAGE) & PRESENT, 0, "what nobody touched is not there");
    munmap((void *)at, 2 * PAGE);
}

// Two mappings of one page are at one frame; others are at others.
static void frames(void) {
    int fd = memfd_create("two", 0);
    is(ftruncate(fd, 2 * PAGE), 0, "a file of two pages");
    volatile char *one = mmap(nullptr, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    volatile char *two = mmap(nullptr, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    one[0] = two[0] = one[PAGE] = 1;
    uint64_t a = word_at(one), b = word_at(two), c = word_at(one + PAGE);
    ok(a & PRESENT && b & PRESENT && c & PRESENT, "they are there");
    if (is_root()) {
        ok((a & FRAME) != 0 && (a & FRAME) == (b & FRAME), "the same page at the same frame");
        ok((a & FRAME) != (c & FRAME), "another at another");
        exited(in_child({
                   if (setuid(1000) != 0 || prctl(PR_SET_DUMPABLE, 1) != 0)
                       _exit(2);
                   map = open("/proc/self/pagemap", O_RDONLY);
                   uint64_t word = word_at(one + PAGE);
                   _exit(!(word != ~0ull && one[PAGE] == 1 && (word & FRAME) == 0));
               }),
               0, "which only who may see them sees");
        exited(in_child(_exit(setuid(1000) != 0 || open("/proc/1/pagemap", O_RDONLY) >= 0)), 0, "others' are closed");
    } else {
        skip("not root", "frames");
    }
    munmap((void *)one, 2 * PAGE), munmap((void *)two, 2 * PAGE);
    close(fd);
}

static void calls(void) {
    uint64_t words[4];
    char *at = anonymous(1);
    fails(pread(map, words, 8, place_of(at) + 4), EINVAL, "a place in the middle of a word");
    fails(pread(map, words, 12, place_of(at)), EINVAL, "a word and a half");
    is(pread(map, words, 0, place_of(at)), 0, "nothing");
    fails(pread(map, (void *)8, 8, place_of(at)), EFAULT, "a bad buffer");
    is(pread(map, words, 8, (off_t)1 << 60), 0, "beyond all addresses");
    is(pread(map, words, 8, INT64_MAX - 15), 0, "far beyond");
    is(lseek(map, place_of(at), SEEK_SET), place_of(at), "lseek");
    is(read(map, words, 16), 16, "read");
    is(lseek(map, 0, SEEK_CUR), place_of(at) + 16, "moves on");
    is(pread(map, words, 16, 0), 16, "at address 0");
    ok(!(words[0] & PRESENT) && !(words[1] & PRESENT), "there is nothing");
    munmap(at, PAGE);
}

int main(void) {
    map = open("/proc/self/pagemap", O_RDONLY);
    ok(map >= 0, "/proc/self/pagemap");
    private_pages();
    after_a_fork();
    shared_pages();
    frames();
    calls();
    close(map);
    return tap_done();
}
