// SPDX-License-Identifier: MPL-2.0
// A disk that fails: tools/test-guest gives the guest one with the serial number `flawed`, of which one sector cannot
// be read and one cannot be written. Whoever asks for these gets EIO or SIGBUS; nobody else notices.
#include "native.h"
#include "sys.h"

#include <pthread.h>
#include <sys/mman.h>

#define PAGE 4096L
#define SECTOR 512L
#define SIZE (1L << 20)
#define UNREADABLE 803L  // sectors, as tools/test-guest has them
#define UNWRITABLE 1205L // its page is a multiple of 8 sectors before
#define BAD_PAGE (UNREADABLE * SECTOR / PAGE)
#define FIXED_PAGE (UNWRITABLE * SECTOR / PAGE)
#ifndef O_DIRECT
#define O_DIRECT 040000
#endif

static char disk[32];
static char *buffer; // 64 KiB, aligned

// As disk_contents() in tools/test-guest.
static unsigned char pattern(long at) {
    return (unsigned char)(at * 7 + at / SECTOR * 31);
}

static bool is_pattern(const char *bytes, long at, long size) {
    for (long i = 0; i < size; i++)
        if ((unsigned char)bytes[i] != pattern(at + i))
            return false;
    return true;
}

static bool find_disk(void) {
    for (char letter = 'a'; letter <= 'f'; letter++) {
        char path[48];
        snprintf(path, sizeof path, "/sys/block/vd%c/serial", letter);
        if (strncmp(get_file(path) ?: "", "flawed", 6) == 0)
            snprintf(disk, sizeof disk, "/dev/vd%c", letter);
    }
    return disk[0] != '\0';
}

static bool good_at(int fd, long at, long size) {
    return pread(fd, buffer, (size_t)size, at) == size && is_pattern(buffer, at, size);
}

static void reading(void) {
    int fd = open(disk, O_RDONLY);
    ok(good_at(fd, 0, PAGE), "what can be read is");
    fails(pread(fd, buffer, 10, UNREADABLE * SECTOR), EIO, "a sector that cannot: EIO");
    fails(pread(fd, buffer, 10, UNREADABLE * SECTOR), EIO, "and again");
    ok(good_at(fd, (BAD_PAGE - 1) * PAGE, PAGE) && good_at(fd, (BAD_PAGE + 1) * PAGE, PAGE), "the pages around it can");
    long at = 0;
    ssize_t got;
    lseek(fd, 0, SEEK_SET);
    for (; (got = read(fd, buffer, 10'000)) > 0; at += got)
        if (!is_pattern(buffer, at, got))
            break;
    ok(got == -1 && errno == EIO, "who reads on from the beginning gets EIO");
    is(at, BAD_PAGE * PAGE, "there");
    lseek(fd, (BAD_PAGE + 1) * PAGE, SEEK_SET);
    for (at = (BAD_PAGE + 1) * PAGE; (got = read(fd, buffer, 10'000)) > 0 && is_pattern(buffer, at, got);)
        at += got;
    is(at, SIZE, "who goes on behind it reads the rest");
    close(fd);
}

static void direct(void) {
    int fd = open(disk, O_RDONLY | O_DIRECT);
    fails(pread(fd, buffer, SECTOR, UNREADABLE * SECTOR), EIO, "past the cache: EIO");
    fails(pread(fd, buffer, 8 * SECTOR, (UNREADABLE - 2) * SECTOR), EIO, "for whatever it is part of");
    ok(good_at(fd, (UNREADABLE - 1) * SECTOR, SECTOR) && good_at(fd, (UNREADABLE + 1) * SECTOR, SECTOR),
       "but not for its neighbours");
    close(fd);
}

static void mapping(void) {
    int fd = open(disk, O_RDONLY), pipes[2];
    const char *memory = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    killed(in_child(_exit(memory[BAD_PAGE * PAGE])), SIGBUS, "who maps it gets SIGBUS");
    killed(in_child(private[BAD_PAGE * PAGE] = 1), SIGBUS, "for a store, too");
    pipe(pipes);
    fails(write(pipes[1], memory + BAD_PAGE * PAGE, 10), EFAULT, "a system call gets EFAULT");
    ok(is_pattern(memory + (BAD_PAGE - 3) * PAGE, (BAD_PAGE - 3) * PAGE, 3 * PAGE) &&
           is_pattern(memory + (BAD_PAGE + 1) * PAGE, (BAD_PAGE + 1) * PAGE, 3 * PAGE),
       "the pages around it are there");
    close(pipes[0]), close(pipes[1]), close(fd);
    munmap((void *)memory, SIZE), munmap(private, SIZE);
}

static void writing(void) {
    int fd = open(disk, O_RDWR), raw = open(disk, O_RDWR | O_DIRECT);
    memset(buffer, 'd', 8 * SECTOR);
    fails(pwrite(raw, buffer, SECTOR, UNWRITABLE * SECTOR), EIO, "past the cache: EIO");
    is(pwrite(raw, buffer, SECTOR, (UNWRITABLE + 10) * SECTOR), SECTOR, "and not for others");
    is(pwrite(fd, "new", 3, 0), 3, "a page that can be stored");
    is(fsync(fd), 0, "is");
    is(pwrite(fd, "new", 3, UNWRITABLE * SECTOR), 3, "one that cannot");
    fails(fsync(fd), EIO, "is EIO for who wants it to be");
    ok(pread(fd, buffer, 3, UNWRITABLE * SECTOR) == 3 && !memcmp(buffer, "new", 3), "it is read as it was written");
    ok(pread(raw, buffer, SECTOR, 0) == SECTOR && !memcmp(buffer, "new", 3), "the other one is on the disk");
    close(fd), close(raw);
}

// ---------------------------------------------------------------- others

static struct {
    _Atomic bool over;
    _Atomic unsigned good, wrong;
} others;

// Reads past the cache, so that each time the disk is asked.
static void *other(void *argument) {
    long at = (long)(intptr_t)argument;
    int fd = open(disk, O_RDONLY | O_DIRECT);
    char *mine = aligned_alloc(PAGE, 4 * PAGE);
    while (!others.over) {
        if (pread(fd, mine, 4 * PAGE, at) == 4 * PAGE && is_pattern(mine, at, 4 * PAGE))
            others.good++;
        else
            others.wrong++;
    }
    free(mine);
    close(fd);
    return NULL;
}

static void together(void) {
    static const long places[] = {40 * PAGE, (BAD_PAGE - 20) * PAGE, (BAD_PAGE + 20) * PAGE};
    pthread_t threads[3];
    unsigned bad = 0;
    int fd = open(disk, O_RDONLY | O_DIRECT);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, other, (void *)(intptr_t)places[i]);
    for (int i = 0; i < 100; i++)
        bad += pread(fd, buffer, 16 * SECTOR, (UNREADABLE - 5) * SECTOR) == -1 && errno == EIO;
    ok(eventually(others.good > 30), "three others read while one fails");
    others.over = true;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    is(bad, 100, "a hundred times");
    is(others.wrong, 0, "and they do not notice");
    close(fd);
}

int main(void) {
    buffer = aligned_alloc(PAGE, 64 << 10);
    if (!ok(find_disk(), "a flawed disk"))
        return tap_done();
    reading();
    direct();
    mapping();
    writing();
    together();
    return tap_done();
}
