// SPDX-License-Identifier: MPL-2.0
// Descriptors themselves: dup and its kin, fcntl, close_range, ioctl, and the simple devices.
#include "sys.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>

static void duplicating(void) {
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int copy = dup(fd);
    ok(copy > fd && fcntl(copy, F_GETFD) == 0, "dup: the lowest free one, without close-on-exec");
    close(copy);
    is(dup2(fd, 90), 90, "dup2");
    is(dup2(fd, fd), fd, "onto itself");
    is(fcntl(fd, F_GETFD), FD_CLOEXEC, "changes nothing");
    fails(dup2(999, 999), EBADF, "unless it is not open");
    fails(dup2(fd, -1), EBADF, "onto a negative one");
    fails(dup3(fd, fd, 0), EINVAL, "dup3 onto itself");
    is(dup3(fd, 91, O_CLOEXEC), 91, "dup3");
    is(fcntl(91, F_GETFD), FD_CLOEXEC, "with O_CLOEXEC");
    fails(syscall(SYS_dup3, fd, 92, O_NONBLOCK), EINVAL, "and no other flag");
    is(fcntl(fd, F_DUPFD, 95), 95, "F_DUPFD: at least this one");
    is(fcntl(fd, F_DUPFD_CLOEXEC, 95), 96, "F_DUPFD_CLOEXEC");
    fails(fcntl(fd, F_DUPFD, -1), EINVAL, "not a negative one");
    fails(fcntl(fd, 9999), EINVAL, "an unknown command");
    fails(fcntl(999, F_GETFD), EBADF, "nothing");
    is(close(96), 0, "close");
    fails(close(96), EBADF, "twice");
    is(syscall(SYS_close_range, 90, 95, 0), 0, "close_range");
    ok(fcntl(90, F_GETFD) < 0 && fcntl(91, F_GETFD) < 0 && fcntl(95, F_GETFD) < 0, "all of them");
    dup2(fd, 93);
    is(syscall(SYS_close_range, 93, ~0u, 4), 0, "CLOSE_RANGE_CLOEXEC");
    is(fcntl(93, F_GETFD), FD_CLOEXEC, "only marks");
    fails(syscall(SYS_close_range, 5, 4, 0), EINVAL, "a range the wrong way round");
    close(93), close(fd);
}

static void flags(void) {
    int ends[2];
    pipe(ends);
    int on = 1;
    is(ioctl(ends[0], FIONBIO, &on), 0, "FIONBIO");
    ok(fcntl(ends[0], F_GETFL) & O_NONBLOCK, "is O_NONBLOCK");
    is(ioctl(ends[0], FIOCLEX), 0, "FIOCLEX");
    is(fcntl(ends[0], F_GETFD), FD_CLOEXEC, "is close-on-exec");
    fails(ioctl(ends[0], 0xdead, 0), ENOTTY, "an ioctl that it does not know");
    fails(ioctl(ends[0], TCGETS, &on), ENOTTY, "no terminal");
    fails(ioctl(999, FIONBIO, &on), EBADF, "nothing");
    close(ends[0]), close(ends[1]);
}

static bool all(const unsigned char *bytes, size_t size, unsigned char value) {
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static void devices(void) {
    static unsigned char bytes[10000];
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
    ok(read(null, bytes, 10) == 0 && write(null, bytes, 10000) == 10000, "/dev/null");
    memset(bytes, 1, sizeof bytes);
    ok(read(zero, bytes, sizeof bytes) == sizeof bytes && all(bytes, sizeof bytes, 0), "/dev/zero");
    fails(write(full, "x", 1), ENOSPC, "/dev/full is full");
    ok(read(full, bytes, 10) == 10 && all(bytes, 10, 0), "and reads zeros");
    is(lseek(null, 1000, SEEK_SET), 0, "an offset means nothing");
    int random = open("/dev/urandom", O_RDONLY), blocking = open("/dev/random", O_RDONLY);
    ok(read(random, bytes, 1000) == 1000 && !all(bytes, 1000, bytes[0]), "/dev/urandom");
    ok(read(blocking, bytes, 32) > 0, "/dev/random");
    unsigned char a[64], b[64];
    ok(getrandom(a, 64, 0) == 64 && getrandom(b, 64, 0) == 64 && memcmp(a, b, 64), "getrandom");
    int histogram[256] = {};
    for (int i = 0; i < 64; i++) {
        read(random, bytes, 1024);
        for (int k = 0; k < 1024; k++)
            histogram[bytes[k]]++;
    }
    bool even = true;
    for (int i = 0; i < 256; i++)
        even &= histogram[i] > 128 && histogram[i] < 512;
    ok(even, "is evenly spread");
    fails(getrandom(a, 10, 0x100), EINVAL, "an unknown flag");
    exited(in_child({
               unsigned char child[64];
               getrandom(child, 64, 0);
               _exit(!memcmp(child, a, 64));
           }),
           0, "a child draws its own numbers");
    close(null), close(zero), close(full), close(random), close(blocking);
    char link[64] = "";
    ok(readlink("/dev/fd", link, 63) > 0 && same_text(link, "/proc/self/fd"), "/dev/fd");
}

static void table(void) {
    int fds[200];
    bool good = true;
    for (int i = 0; i < 200; i++)
        good &= (fds[i] = open("/dev/null", O_RDONLY)) >= 0;
    ok(good, "200 descriptors");
    int hole = fds[50];
    close(hole);
    is(open("/dev/null", O_RDONLY), hole, "the lowest free number is taken");
    for (int i = 0; i < 200; i++)
        close(fds[i]);
    exited(in_child({
               int high = fcntl(0, F_DUPFD, 900);
               _exit(!(high == 900 && fcntl(900, F_GETFD) == 0));
           }),
           0, "a high number");
}

int main(void) {
    duplicating();
    flags();
    devices();
    table();
    return tap_done();
}
