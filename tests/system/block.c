// SPDX-License-Identifier: MPL-2.0
// Disks. tools/test-guest gives the guest two, which are found by their serial numbers: `scratch`, 4 MiB and three
// sectors, to be written to, and `fixed`, 1 MiB, read-only. Both begin with the bytes of pattern().
#include "native.h"
#include "sys.h"

#include <linux/fs.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#define PAGE 4096L
#define SECTOR 512L
#define SCRATCH_SIZE ((4L << 20) + 3 * SECTOR)
#define FIXED_SIZE (1L << 20)
#ifndef O_DIRECT
#define O_DIRECT 040000
#endif

static char scratch[32], fixed[32]; // paths in /dev
static char *buffer;                // 64 KiB, aligned

static unsigned char pattern(long at) {
    return (unsigned char)(at * 7 + at / SECTOR * 31);
}

static char *attribute(const char *device, const char *name) {
    char path[96];
    snprintf(path, sizeof path, "/sys/block/%s/%s", strrchr(device, '/') + 1, name);
    char *text = get_file(path);
    if (text)
        text[strcspn(text, "\n")] = '\0';
    return text;
}

static void find_disks(void) {
    for (char letter = 'a'; letter <= 'f'; letter++) {
        char path[32];
        snprintf(path, sizeof path, "/dev/vd%c", letter);
        char *serial = attribute(path, "serial");
        if (serial && !strcmp(serial, "scratch"))
            strcpy(scratch, path);
        if (serial && !strcmp(serial, "fixed"))
            strcpy(fixed, path);
    }
}

static bool is_pattern(const char *bytes, long at, long size) {
    for (long i = 0; i < size; i++)
        if ((unsigned char)bytes[i] != pattern(at + i))
            return false;
    return true;
}
static bool is_all(const char *bytes, char byte, long size) {
    for (long i = 0; i < size; i++)
        if (bytes[i] != byte)
            return false;
    return true;
}

// What the disk itself has, past any cache.
static bool on_disk(long at, char byte, long size) {
    int fd = open(scratch, O_RDONLY | O_DIRECT);
    long first = at / SECTOR * SECTOR, end = (at + size + SECTOR - 1) / SECTOR * SECTOR;
    bool good =
        pread(fd, buffer, (size_t)(end - first), first) == end - first && is_all(buffer + at - first, byte, size);
    close(fd);
    return good;
}

static void contents(void) {
    int fd = open(fixed, O_RDONLY);
    bool good = true;
    long at = 0;
    for (ssize_t got; (got = read(fd, buffer, 10'000)) > 0; at += got)
        good = good && is_pattern(buffer, at, got);
    ok(good && at == FIXED_SIZE, "a disk is read from its beginning to its end");
    ok(pread(fd, buffer, 5000, 70'001) == 5000 && is_pattern(buffer, 70'001, 5000), "and from the middle, anywhere");
    struct iovec parts[2] = {{buffer, 100}, {buffer + 1000, 900}};
    ok(preadv(fd, parts, 2, 4000) == 1000 && is_pattern(buffer, 4000, 100) && is_pattern(buffer + 1000, 4100, 900),
       "and in pieces");
    close(fd);
    fd = open(scratch, O_RDONLY);
    ok(pread(fd, buffer, 4 * SECTOR, SCRATCH_SIZE - 3 * SECTOR) == 3 * SECTOR &&
           is_pattern(buffer, SCRATCH_SIZE - 3 * SECTOR, 3 * SECTOR),
       "the last sectors of a disk that is no multiple of a page");
    close(fd);
}

static void sizes(void) {
    int fd = open(scratch, O_RDONLY);
    uint64_t bytes = 0;
    unsigned long sectors = 0;
    unsigned physical = 0;
    int logical = 0;
    is(ioctl(fd, BLKGETSIZE64, &bytes), 0, "BLKGETSIZE64");
    is(bytes, SCRATCH_SIZE, "gives the bytes");
    is(ioctl(fd, BLKGETSIZE, &sectors), 0, "BLKGETSIZE");
    is(sectors, SCRATCH_SIZE / SECTOR, "gives the sectors");
    ok(ioctl(fd, BLKSSZGET, &logical) == 0 && logical == SECTOR, "BLKSSZGET");
    ok(ioctl(fd, BLKPBSZGET, &physical) == 0 && physical >= SECTOR, "BLKPBSZGET");
    is(lseek(fd, 0, SEEK_END), SCRATCH_SIZE, "the end");
    is(lseek(fd, -SECTOR, SEEK_CUR), SCRATCH_SIZE - SECTOR, "and back");
    fails(lseek(fd, SCRATCH_SIZE + 1, SEEK_SET), EINVAL, "nowhere behind it");
    fails(lseek(fd, -1, SEEK_SET), EINVAL, "nor before the beginning");
    fails(ioctl(fd, BLKGETSIZE64, 8), EFAULT, "BLKGETSIZE64 to nowhere");
    fails(ioctl(fd, 0x12ff, 0), ENOTTY, "a number that means nothing");
    struct stat info;
    fstat(fd, &info);
    char number[32];
    snprintf(number, sizeof number, "%u:%u", major(info.st_rdev), minor(info.st_rdev));
    ok(S_ISBLK(info.st_mode), "a block device");
    ok(same_text(attribute(scratch, "dev"), number), "whose number /sys has");
    ok(same_text(attribute(scratch, "size"), "8195"), "and its size");
    ok(same_text(attribute(scratch, "ro"), "0") && same_text(attribute(fixed, "ro"), "1"), "and which is read-only");
    ok(same_text(attribute(scratch, "queue/logical_block_size"), "512"), "and its unit");
    const char *name = strrchr(scratch, '/') + 1;
    char line[64];
    snprintf(line, sizeof line, " 4097 %s\n", name);
    ok(strstr(get_file("/proc/partitions"), line), "/proc/partitions");
    snprintf(line, sizeof line, " %s ", name);
    ok(strstr(get_file("/proc/diskstats"), line), "/proc/diskstats");
    close(fd);
}

static void writing(void) {
    int fd = open(scratch, O_RDWR);
    memset(buffer, 'a', 10'000);
    is(pwrite(fd, buffer, 10'000, 5001), 10'000, "a write that begins and ends within sectors");
    memset(buffer, 0, 16'384);
    ok(pread(fd, buffer, 16'384, 0) == 16'384 && is_pattern(buffer, 0, 5001) && is_all(buffer + 5001, 'a', 10'000) &&
           is_pattern(buffer + 15'001, 15'001, 16'384 - 15'001),
       "is there, and what is around it");
    is(fsync(fd), 0, "fsync");
    ok(on_disk(5001, 'a', 10'000), "brings it to the disk");
    memset(buffer, 'b', 8192);
    is(pwrite(fd, buffer, 8192, 65'536), 8192, "whole pages");
    is(fdatasync(fd), 0, "fdatasync");
    ok(on_disk(65'536, 'b', 8192), "brings them, too");
    lseek(fd, 131'072, SEEK_SET);
    ok(write(fd, "one", 3) == 3 && write(fd, "two", 3) == 3 && lseek(fd, 0, SEEK_CUR) == 131'078, "writes go on");
    ok(pread(fd, buffer, 6, 131'072) == 6 && !memcmp(buffer, "onetwo", 6), "where the last one ended");
    memset(buffer, 'c', 4096);
    is(pwrite(fd, buffer, 4096, 200'704), 4096, "a page");
    sync();
    ok(on_disk(200'704, 'c', 4096), "sync brings it");
    memset(buffer, 'd', 4096);
    pwrite(fd, buffer, 4096, 204'800);
    is(ioctl(fd, BLKFLSBUF, 0), 0, "BLKFLSBUF");
    ok(on_disk(204'800, 'd', 4096), "brings it");
    close(fd);
    fd = open(scratch, O_RDWR | O_SYNC);
    memset(buffer, 'e', 100);
    ok(pwrite(fd, buffer, 100, 208'900) == 100 && on_disk(208'900, 'e', 100), "O_SYNC brings each write");
    close(fd);
    fd = open(scratch, O_WRONLY);
    memset(buffer, 'f', 4096);
    pwrite(fd, buffer, 4096, 212'992);
    close(fd);
    ok(on_disk(212'992, 'f', 4096), "and so does the last close");
}

static void the_end(void) {
    int fd = open(scratch, O_RDWR);
    is(pread(fd, buffer, 100, SCRATCH_SIZE), 0, "nothing to read at the end");
    is(pread(fd, buffer, 100, SCRATCH_SIZE + (1L << 40)), 0, "nor behind it");
    fails(pread(fd, buffer, 100, -1), EINVAL, "nor before the beginning");
    fails(pwrite(fd, "x", 1, SCRATCH_SIZE), ENOSPC, "no room at the end");
    fails(pwrite(fd, "x", 1, SCRATCH_SIZE + PAGE), ENOSPC, "nor behind it");
    memset(buffer, 'z', SECTOR);
    is(pwrite(fd, buffer, SECTOR, SCRATCH_SIZE - 100), 100, "a write ends where the disk does");
    ok(pread(fd, buffer, SECTOR, SCRATCH_SIZE - 100) == 100 && is_all(buffer, 'z', 100), "and is there");
    is(fsync(fd), 0, "the last, shorter page is written back");
    ok(on_disk(SCRATCH_SIZE - 100, 'z', 100), "as far as it goes");
    fails(ftruncate(fd, 0), EINVAL, "a disk cannot be cut");
    close(fd);
    fd = open(scratch, O_RDWR | O_TRUNC);
    ok(fd >= 0 && lseek(fd, 0, SEEK_END) == SCRATCH_SIZE, "not by O_TRUNC either");
    is(pread(fd, NULL, 0, 0), 0, "nothing is read to nowhere");
    fails(pread(fd, (void *)8, 100, 0), EFAULT, "something is not");
    fails(pwrite(fd, (void *)8, 100, 0), EFAULT, "nor written from there");
    close(fd);
}

static void read_only(void) {
    int fd = open(fixed, O_RDWR), is_read_only = 0;
    ok(fd >= 0, "a read-only disk can be opened for writing");
    fails(pwrite(fd, "x", 1, 0), EPERM, "but not written to");
    ok(ioctl(fd, BLKROGET, &is_read_only) == 0 && is_read_only == 1, "as BLKROGET says");
    uint64_t range[2] = {0, PAGE};
    fails(ioctl(fd, BLKZEROOUT, range), EPERM, "nor zeroed");
    ok(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED, "nor mapped to be written to");
    char *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    ok(m != MAP_FAILED && is_pattern(m, 0, PAGE), "a private mapping can be had");
    m[0] = 1;
    ok(pread(fd, buffer, 1, 0) == 1 && is_pattern(buffer, 0, 1), "and written to, for itself");
    munmap(m, PAGE);
    is(fsync(fd), 0, "fsync has nothing to do");
    close(fd);
}

static void direct(void) {
    int fd = open(scratch, O_RDWR | O_DIRECT), cached = open(scratch, O_RDWR);
    fails(pread(fd, buffer, SECTOR, 100), EINVAL, "O_DIRECT: not from within a sector");
    fails(pread(fd, buffer, 100, 0), EINVAL, "nor a part of one");
    fails(pread(fd, buffer + 1, SECTOR, 0), EINVAL, "nor to any address");
    fails(pwrite(fd, buffer, 100, 0), EINVAL, "nor written");
    fails(pwrite(fd, buffer, SECTOR, 100), EINVAL, "nor to within one");
    fails(pwrite(fd, buffer, SECTOR, SCRATCH_SIZE), ENOSPC, "nor at the end");
    is(pread(fd, buffer, 2 * SECTOR, SCRATCH_SIZE - SECTOR), SECTOR, "a read ends where the disk does");
    pread(cached, buffer, 16'384, 300'000 / PAGE * PAGE);
    memset(buffer, 'g', 65'536);
    is(pwrite(fd, buffer, 3 * SECTOR, 299'520), 3 * SECTOR, "sectors");
    memset(buffer, 0, PAGE);
    ok(pread(cached, buffer, 3 * SECTOR, 299'520) == 3 * SECTOR && is_all(buffer, 'g', 3 * SECTOR),
       "who reads through the cache sees them");
    memset(buffer, 'h', 1000);
    pwrite(cached, buffer, 1000, 299'600);
    ok(pread(fd, buffer, 3 * SECTOR, 299'520) == 3 * SECTOR && is_all(buffer, 'g', 80) &&
           is_all(buffer + 80, 'h', 1000) && is_all(buffer + 1080, 'g', 3 * SECTOR - 1080),
       "and past it one sees what was written to the cache");
    memset(buffer, 'i', 65'536);
    is(pwrite(fd, buffer, 65'536, 1 << 20), 65'536, "many at once");
    memset(buffer, 0, 65'536);
    ok(pread(fd, buffer, 65'536, 1 << 20) == 65'536 && is_all(buffer, 'i', 65'536), "and back");
    is(fcntl(fd, F_SETFL, O_RDWR), 0, "O_DIRECT can be taken off");
    is(pread(fd, buffer, 100, 7), 100, "then anything is read");
    is(fcntl(cached, F_SETFL, O_DIRECT), 0, "and put on");
    fails(pread(cached, buffer, 100, 7), EINVAL, "then not");
    close(fd), close(cached);
}

static sigjmp_buf back;
static void fault(int signal) {
    siglongjmp(back, signal);
}
static int touch(volatile char *at) {
    int signal = sigsetjmp(back, 1);
    if (!signal)
        (void)*at;
    return signal;
}

static void mapping(void) {
    on_signal(SIGBUS, fault, 0);
    int fd = open(scratch, O_RDWR);
    long at = 2 << 20;
    char *m = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);
    ok(m != MAP_FAILED && is_pattern(m, at, 8 * PAGE), "a disk in memory");
    memset(m + PAGE, 'j', PAGE);
    ok(pread(fd, buffer, PAGE, at + PAGE) == PAGE && is_all(buffer, 'j', PAGE), "what is stored there is read");
    is(msync(m, 8 * PAGE, MS_SYNC), 0, "msync");
    ok(on_disk(at + PAGE, 'j', PAGE), "brings it to the disk");
    memset(m + PAGE, 'k', PAGE);
    is(fsync(fd), 0, "and fsync");
    ok(on_disk(at + PAGE, 'k', PAGE), "what is stored after that");
    pwrite(fd, "written", 7, at + 3 * PAGE);
    ok(!memcmp(m + 3 * PAGE, "written", 7), "what is written is in memory");
    int direct = open(scratch, O_RDWR | O_DIRECT);
    memset(buffer, 'l', PAGE);
    pwrite(direct, buffer, PAGE, at + 4 * PAGE);
    ok(is_all(m + 4 * PAGE, 'l', PAGE), "also past the cache");
    close(direct);
    munmap(m, 8 * PAGE);
    long last = SCRATCH_SIZE / PAGE * PAGE;
    m = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, last);
    ok(is_all(m + SCRATCH_SIZE - last, 0, PAGE - (SCRATCH_SIZE - last)), "zeros behind the end");
    is(touch(m + PAGE), SIGBUS, "and nothing behind its page");
    munmap(m, 2 * PAGE);
    close(fd);
    fd = open(scratch, O_RDONLY);
    fails((long)mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0), EACCES, "not to be written to by who may only read");
    close(fd);
}

static void clearing(void) {
    int fd = open(scratch, O_RDWR), reader = open(scratch, O_RDONLY);
    uint64_t range[2] = {3 << 20, 64 * SECTOR};
    pread(fd, buffer, PAGE, 3 << 20);
    is(ioctl(fd, BLKZEROOUT, range), 0, "BLKZEROOUT");
    ok(pread(fd, buffer, 65 * SECTOR, 3 << 20) == 65 * SECTOR && is_all(buffer, 0, 64 * SECTOR) &&
           is_pattern(buffer + 64 * SECTOR, (3 << 20) + 64 * SECTOR, SECTOR),
       "makes zeros, and no more than asked");
    ok(on_disk(3 << 20, 0, 64 * SECTOR), "on the disk");
    fails(ioctl(reader, BLKZEROOUT, range), EBADF, "not for who may only read");
    fails(ioctl(reader, BLKDISCARD, range), EBADF, "nor may he discard");
    uint64_t odd[2] = {100, SECTOR}, behind[2] = {SCRATCH_SIZE, SECTOR}, wraps[2] = {SECTOR, -SECTOR};
    fails(ioctl(fd, BLKZEROOUT, odd), EINVAL, "not from within a sector");
    fails(ioctl(fd, BLKZEROOUT, behind), EINVAL, "nor behind the end");
    fails(ioctl(fd, BLKZEROOUT, wraps), EINVAL, "nor around it");
    fails(ioctl(fd, BLKDISCARD, odd), EINVAL, "nor discarded");
    fails(ioctl(fd, BLKDISCARD, 8), EFAULT, "nor from nowhere");
    is(ioctl(fd, BLKDISCARD, range), 0, "BLKDISCARD");
    close(fd), close(reader);
}

static void settings(void) {
    int fd = open(scratch, O_RDWR), value = 1;
    long before = 0, now = 0;
    is(ioctl(fd, BLKRAGET, &before), 0, "BLKRAGET");
    is(ioctl(fd, BLKRASET, 512), 0, "BLKRASET");
    ok(ioctl(fd, BLKRAGET, &now) == 0 && now == 512, "is what the next one gives");
    ok(same_text(attribute(scratch, "queue/read_ahead_kb"), "256"), "and /sys");
    ioctl(fd, BLKRASET, before);
    is(ioctl(fd, BLKROSET, &value), 0, "BLKROSET makes it read-only");
    fails(pwrite(fd, "x", 1, 0), EPERM, "it cannot be written to");
    value = 0;
    is(ioctl(fd, BLKROSET, &value), 0, "and not");
    is(pread(fd, buffer, 1, 0), 1, "a byte");
    is(pwrite(fd, buffer, 1, 0), 1, "then it can");
    exited(in_child({
               bool good = setuid(1000) == 0;
               good = good && ioctl(fd, BLKROSET, &value) < 0 && errno == EACCES;
               good = good && ioctl(fd, BLKFLSBUF, 0) < 0 && errno == EACCES;
               good = good && ioctl(fd, BLKRASET, 1) < 0 && errno == EACCES;
               _exit(!good);
           }),
           0, "only the administrator changes these");
    close(fd);
}

// The fields of /sys/block/*/stat.
static long counter(int field) {
    char *text = attribute(scratch, "stat");
    long value = 0;
    for (int i = 0; i <= field; i++)
        value = strtol(text, &text, 10);
    return value;
}

static void counters(void) {
    int fd = open(scratch, O_RDWR | O_DIRECT);
    long reads = counter(0), sectors = counter(2), written = counter(6), flushes = counter(15);
    pread(fd, buffer, 8 * SECTOR, 0);
    pwrite(fd, buffer, 8 * SECTOR, 0);
    fsync(fd);
    ok(counter(0) > reads, "reads are counted");
    is(counter(2) - sectors, 8, "with their sectors");
    is(counter(6) - written, 8, "and those that are written");
    ok(counter(15) > flushes, "and flushes");
    close(fd);
}

// A handle's rights bound what comes through it, whatever open gave.
static void rights(void) {
    if (!on_tessera())
        return;
    int fd = open(scratch, O_RDWR), reduced = (int)handle_duplicate(fd, RIGHT_READ | RIGHT_MAP, 0);
    uint64_t range[2] = {0, SECTOR};
    ok(reduced >= 0 && pread(reduced, buffer, 1, 0) == 1, "a handle with READ alone reads");
    fails(pwrite(reduced, "x", 1, 0), EBADF, "and does not write");
    fails(ioctl(reduced, BLKZEROOUT, range), EBADF, "nor zero");
    fails(ioctl(reduced, BLKFLSBUF, 0), EACCES, "nor change what ADMIN may");
    close(reduced), close(fd);
}

// Each writer owns every fourth page of the first 2 MiB and writes it again and again, each in his way; readers read
// all the time. In the end everything is what its owner wrote last.
enum { WRITERS = 4, ROUNDS = 3, REGION = 128 };
static _Atomic int bad, writing_now;
static unsigned last_round[REGION];

static void stamp(uint32_t *page, unsigned number, unsigned round) {
    for (unsigned i = 0; i < PAGE / 4; i++)
        page[i] = number << 20 | round << 10 | i;
}

static void *writer(void *argument) {
    unsigned me = (unsigned)(uintptr_t)argument;
    int fd = open(scratch, O_RDWR | (me == 0 ? O_DIRECT : 0));
    uint32_t *page = aligned_alloc(PAGE, PAGE), *check = aligned_alloc(PAGE, PAGE);
    char *m = mmap(NULL, REGION * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        for (unsigned i = me; i < REGION; i += WRITERS) {
            stamp(page, i, round);
            if (me == 1)
                memcpy(m + i * PAGE, page, PAGE);
            else
                bad += pwrite(fd, page, PAGE, i * PAGE) != PAGE;
            last_round[i] = round;
            bad += pread(fd, check, PAGE, i * PAGE) != PAGE || memcmp(page, check, PAGE) != 0;
        }
        if (me == 2)
            bad += fsync(fd) != 0;
        if (me == 3)
            bad += ioctl(fd, BLKFLSBUF, 0) != 0;
    }
    munmap(m, REGION * PAGE);
    free(page), free(check);
    close(fd);
    writing_now--;
    return NULL;
}

static void *reader(void *argument) {
    (void)argument;
    int fd = open(scratch, O_RDONLY);
    char *page = aligned_alloc(PAGE, 4 * PAGE);
    for (unsigned i = 0; writing_now > 0; i++)
        bad += pread(fd, page, 4 * PAGE, (i * 13 % REGION) * PAGE) != 4 * PAGE;
    free(page);
    close(fd);
    return NULL;
}

static void together(void) {
    pthread_t threads[WRITERS + 2];
    writing_now = WRITERS;
    for (unsigned i = 0; i < WRITERS + 2; i++)
        pthread_create(&threads[i], NULL, i < WRITERS ? writer : reader, (void *)(uintptr_t)i);
    for (unsigned i = 0; i < WRITERS + 2; i++)
        pthread_join(threads[i], NULL);
    is(bad, 0, "four writers and two readers at once: each reads what he wrote");
    int fd = open(scratch, O_RDWR), past = open(scratch, O_RDONLY | O_DIRECT), wrong = 0;
    is(fsync(fd), 0, "in the end");
    uint32_t page[PAGE / 4];
    for (unsigned i = 0; i < REGION; i++) {
        stamp(page, i, last_round[i]);
        wrong += pread(fd, buffer, PAGE, i * PAGE) != PAGE || memcmp(page, buffer, PAGE) != 0;
        wrong += pread(past, buffer, PAGE, i * PAGE) != PAGE || memcmp(page, buffer, PAGE) != 0;
    }
    is(wrong, 0, "cache and disk both have it");
    close(fd), close(past);
}

int main(void) {
    buffer = aligned_alloc(PAGE, 131'072);
    find_disks();
    if (!scratch[0] || !fixed[0]) {
        ok(false, "the guest has two disks, `scratch` and `fixed`");
        return tap_done();
    }
    contents();
    sizes();
    writing();
    the_end();
    read_only();
    direct();
    mapping();
    clearing();
    settings();
    counters();
    rights();
    together();
    return tap_done();
}
