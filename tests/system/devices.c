// SPDX-License-Identifier: MPL-2.0
// The devices without hardware: null, zero, full, random, urandom, kmsg; getrandom and syslog.
#include "sys.h"

#include <poll.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static int poll_now(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    poll(&p, 1, 0);
    return p.revents;
}

static bool all_are(const char *bytes, size_t size, char value) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static char big[1 << 20];

static void null_device(void) {
    int fd = open("/dev/null", O_RDWR);
    struct stat info;
    fstat(fd, &info);
    ok(S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3), "/dev/null is 1:3");
    is(read(fd, big, sizeof big), 0, "reads the end");
    is(write(fd, big, sizeof big), sizeof big, "takes all");
    is(write(fd, (void *)8, 100), 100, "without looking at it");
    is(poll_now(fd), POLLIN | POLLOUT, "is always ready");
    is(lseek(fd, 1000, SEEK_SET), 0, "seeks nowhere");
    is(pwrite(fd, "x", 1, 5), 1, "pwrite");
    fails(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0, ENODEV, "is not mapped");
    is(ftruncate(fd, 0) == -1 ? errno : 0, EINVAL, "is not cut");
    close(fd);
    fd = open("/dev/null", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
    ok(fd >= 0, "opens as shells open it");
    fails(read(fd, big, 1), EBADF, "write-only");
    close(fd);
}

static void zero_device(void) {
    int fd = open("/dev/zero", O_RDWR);
    memset(big, 'x', sizeof big);
    is(read(fd, big, sizeof big), sizeof big, "/dev/zero fills");
    ok(all_are(big, sizeof big, 0), "with zeros");
    fails(read(fd, (void *)8, 10), EFAULT, "a bad pointer");
    is(write(fd, big, 100), 100, "takes all");
    char *map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    ok(map != MAP_FAILED && all_are(map, 65536, 0), "maps privately");
    memset(map, 'p', 65536);
    munmap(map, 65536);
    map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ok(map != MAP_FAILED && all_are(map, 65536, 0), "and shared");
    char *other = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    exited(in_child(memset(map, 's', 65536)), 0, "a child writes");
    ok(all_are(map, 65536, 's'), "shared memory is shared with children");
    ok(all_are(other, 65536, 0), "each mapping is its own");
    munmap(map, 65536), munmap(other, 65536);
    close(fd);
}

static void full_device(void) {
    int fd = open("/dev/full", O_RDWR);
    fails(write(fd, "x", 1), ENOSPC, "/dev/full is full");
    fails(write(fd, "", 0), ENOSPC, "even for nothing");
    memset(big, 'x', 100);
    is(read(fd, big, 100), 100, "reads");
    ok(all_are(big, 100, 0), "zeros");
    close(fd);
}

// Bits set in a sample, which for random bytes is very near to half.
static bool looks_random(const unsigned char *bytes, size_t size) {
    size_t ones = 0;
    for (size_t i = 0; i < size; i++)
        ones += (size_t)__builtin_popcount(bytes[i]);
    return ones > size * 4 - size / 10 && ones < size * 4 + size / 10;
}

static void random_devices(void) {
    static unsigned char a[65536], b[65536];
    static const char *const names[] = {"/dev/random", "/dev/urandom"};
    for (size_t i = 0; i < COUNT(names); i++) {
        int fd = open(names[i], O_RDWR);
        is(read(fd, a, sizeof a), sizeof a, "%s", names[i]);
        ok(looks_random(a, sizeof a), "looks random");
        read(fd, b, sizeof b);
        ok(memcmp(a, b, sizeof a) != 0, "twice different");
        is(write(fd, "stir", 4), 4, "may be stirred");
        fails(read(fd, (void *)8, 10), EFAULT, "a bad pointer");
        ok(poll_now(fd) & POLLIN, "is always readable");
        close(fd);
    }
    is(getrandom(a, sizeof a, 0), sizeof a, "getrandom");
    ok(looks_random(a, sizeof a), "looks random");
    is(getrandom(a, 32, GRND_NONBLOCK), 32, "GRND_NONBLOCK");
    is(getrandom(a, 32, GRND_RANDOM), 32, "GRND_RANDOM");
    is(getrandom(a, 0, 0), 0, "nothing");
    fails(getrandom(a, 1, 0x80), EINVAL, "an unknown flag");
    fails(getrandom((void *)8, 10, 0), EFAULT, "a bad pointer");
    // A forked child gets other numbers.
    int ends[2];
    pipe(ends);
    exited(in_child({
               getrandom(b, 32, 0);
               write(ends[1], b, 32);
           }),
           0, "a child draws");
    getrandom(a, 32, 0);
    read(ends[0], b, 32);
    ok(memcmp(a, b, 32) != 0, "something else");
    close(ends[0]), close(ends[1]);
}

static void log_device(void) {
    char record[2048], text[64];
    int fd = open("/dev/kmsg", O_RDWR | O_NONBLOCK);
    if (!ok(fd >= 0, "/dev/kmsg opens"))
        return;
    is(lseek(fd, 0, SEEK_END), 0, "seek to the end");
    fails(read(fd, record, sizeof record), EAGAIN, "nothing new");
    snprintf(text, sizeof text, "<6>device test %d\n", getpid());
    is(write(fd, text, strlen(text)), strlen(text), "a line is written");
    bool found = false;
    ssize_t size;
    while (eventually((size = read(fd, record, sizeof record - 1)) > 0)) {
        record[size] = '\0';
        text[strlen(text) - (text[strlen(text) - 1] == '\n')] = '\0';
        if ((found = strstr(record, text + 3) != NULL))
            break;
    }
    ok(found, "and read as a record");
    unsigned priority = 99;
    unsigned long long number, micros;
    is(sscanf(record, "%u,%llu,%llu,", &priority, &number, &micros), 3, "with priority, number and time");
    is(priority & 7, 6, "the priority is what was written");
    lseek(fd, 0, SEEK_SET);
    fails(read(fd, record, 5), EINVAL, "a record does not fit into five bytes");
    fails(lseek(fd, 5, SEEK_SET), ESPIPE, "records have no offsets");
    close(fd);
    int total = klogctl(10, NULL, 0);
    ok(total > 1000, "syslog: the size of the log (%d)", total);
    char *all = malloc((size_t)total);
    size = klogctl(3, all, total);
    ok(size > 0 && size <= total, "its text");
    ok(all[0] == '<' && memmem(all, (size_t)size, text + 3, strlen(text + 3)), "has our line");
    free(all);
    fails(klogctl(99, NULL, 0), EINVAL, "no such action");
}

int main(void) {
    null_device();
    zero_device();
    full_device();
    random_devices();
    if (is_root())
        log_device();
    return tap_done();
}
