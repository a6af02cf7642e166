// SPDX-License-Identifier: MPL-2.0
// Files in memory: shared and private mappings, their ends, and memfd with its seals.
#include "sys.h"

#include <linux/memfd.h>
#include <setjmp.h>
#include <sys/mman.h>

#define PAGE 4096L
#ifndef F_ADD_SEALS
#define F_ADD_SEALS 1033
#define F_GET_SEALS 1034
#define F_SEAL_SEAL 1
#define F_SEAL_SHRINK 2
#define F_SEAL_GROW 4
#define F_SEAL_WRITE 8
#endif

static sigjmp_buf back;
static void fault(int signal) {
    siglongjmp(back, signal);
}
static int touch(volatile char *at, bool write) {
    int signal = sigsetjmp(back, 1);
    if (!signal) {
        if (write)
            *at = 'T';
        else
            (void)*at;
    }
    return signal;
}

static int make(const char *name, size_t size) {
    int fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0644);
    for (size_t i = 0; i < size; i++) {
        char c = (char)('A' + i / PAGE);
        if (i % PAGE == 0)
            for (size_t k = 0; k < PAGE && i + k < size; k++)
                pwrite(fd, &c, 1, (off_t)(i + k));
    }
    return fd;
}

static void shared(void) {
    int fd = make("s", 3 * PAGE + 100);
    char *m = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ok(m != MAP_FAILED && m[0] == 'A' && m[PAGE] == 'B' && m[3 * PAGE + 99] == 'D', "the file's contents");
    is(m[3 * PAGE + 100], 0, "zeros behind the end");
    m[5] = 'x';
    char c;
    ok(pread(fd, &c, 1, 5) == 1 && c == 'x', "what is written to memory can be read from the file");
    pwrite(fd, "y", 1, 6);
    is(m[6], 'y', "and the other way");
    m[3 * PAGE + 200] = 'z';
    struct stat info;
    fstat(fd, &info);
    is(info.st_size, 3 * PAGE + 100, "writing behind the end does not lengthen the file");
    int other = open("s", O_RDWR);
    char *n = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, other, PAGE);
    n[0] = 'q';
    is(m[PAGE], 'q', "two mappings of one file are one");
    exited(in_child(m[7] = 'c'), 0, "a child writes");
    is(m[7], 'c', "the parent sees it");
    close(fd), close(other);
    is(m[7], 'c', "a mapping outlives its descriptor");
    unlink("s");
    is(touch(m, true), 0, "and the file's name");
    is(msync(m, 4 * PAGE, MS_SYNC), 0, "msync");
    munmap(m, 4 * PAGE), munmap(n, PAGE);
}

static void private(void) {
    int fd = make("p", 2 * PAGE);
    char *m = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    m[0] = 'x';
    char c;
    pread(fd, &c, 1, 0);
    is(c, 'A', "a private write does not reach the file");
    pwrite(fd, "N", 1, PAGE);
    is(m[PAGE], 'N', "what is not written yet shows the file's changes");
    is(m[1], 'A', "a copied page keeps the rest");
    exited(in_child({
               bool good = m[0] == 'x' && m[PAGE] == 'N';
               m[0] = 'k', m[PAGE] = 'k';
               _exit(!good);
           }),
           0, "a child inherits it");
    ok(m[0] == 'x' && m[PAGE] == 'N', "and has its own");
    munmap(m, 2 * PAGE);
    m = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    is(touch(m, true), SIGSEGV, "read-only");
    is(mprotect(m, PAGE, PROT_READ | PROT_WRITE), 0, "may become writable, being private");
    is(touch(m, true), 0, "then");
    munmap(m, PAGE);
    close(fd);
}

static void ends(void) {
    int fd = make("e", 2 * PAGE);
    char *m = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    is(touch(m + 2 * PAGE, false), SIGBUS, "a whole page behind the end");
    ftruncate(fd, 4 * PAGE);
    is(touch(m + 2 * PAGE, true), 0, "until the file grows");
    m[PAGE] = 'k';
    ftruncate(fd, PAGE);
    is(touch(m + PAGE, false), SIGBUS, "cut off while mapped");
    is(touch(m, false), 0, "what is left stays");
    ftruncate(fd, 2 * PAGE);
    is(m[PAGE], 0, "grown again it is zero");
    ftruncate(fd, 10);
    ftruncate(fd, 100);
    is(m[50], 0, "the cut part of a page is zeroed too");
    munmap(m, 4 * PAGE);
    char *private = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    is(touch(private + PAGE, true), SIGBUS, "the same in a private mapping");
    munmap(private, 2 * PAGE);
    close(fd);
}

static void rights(void) {
    int reader = open("e", O_RDONLY), writer = open("e", O_WRONLY);
    ok(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED && errno == EACCES,
       "shared writing needs a writable file");
    char *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, reader, 0);
    ok(m != MAP_FAILED, "private writing does not");
    munmap(m, PAGE);
    ok(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, writer, 0) == MAP_FAILED && errno == EACCES,
       "mapping needs a readable file");
    m = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 0);
    fails(mprotect(m, PAGE, PROT_READ | PROT_WRITE), EACCES, "nor can it be made writable later");
    munmap(m, PAGE);
    ok(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, reader, 100) == MAP_FAILED && errno == EINVAL, "an odd offset");
    int folder = open(".", O_RDONLY), ends_[2];
    ok(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, folder, 0) == MAP_FAILED && errno == ENODEV,
       "a folder cannot be mapped");
    pipe(ends_);
    ok(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ends_[0], 0) == MAP_FAILED && errno == ENODEV, "nor a pipe");
    close(reader), close(writer), close(folder), close(ends_[0]), close(ends_[1]);
    int zero = open("/dev/zero", O_RDWR);
    m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    ok(m != MAP_FAILED && m[10] == 0 && touch(m, true) == 0, "/dev/zero can");
    munmap(m, PAGE);
    close(zero);
}

static void transfer(void) {
    int fd = make("t", 4 * PAGE);
    char *m = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    is(pwrite(fd, m + PAGE, PAGE, 0), PAGE, "write a file from its own mapping");
    is(m[0], 'B', "done");
    is(pread(fd, m + 2 * PAGE, PAGE, PAGE), PAGE, "and read it into itself");
    is(m[2 * PAGE], 'B', "done");
    char *none = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fails(pread(fd, none, 10, 0), EFAULT, "into memory that is not ours");
    munmap(m, 4 * PAGE), munmap(none, PAGE);
    close(fd);
}

static void memfd(void) {
    int fd = (int)syscall(SYS_memfd_create, "test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "memfd_create");
    char path[64], link[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    readlink(path, link, sizeof link - 1);
    ok(same_text(link, "/memfd:test (deleted)"), "its name");
    is(ftruncate(fd, 2 * PAGE), 0, "give it a size");
    char *m = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    strcpy(m, "in memory");
    char text[16];
    ok(pread(fd, text, 10, 0) == 10 && !strcmp(text, "in memory"), "read what was mapped");
    is(fcntl(fd, F_GET_SEALS), 0, "no seals");
    fails(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY, "no write seal while it is mapped writable");
    munmap(m, 2 * PAGE);
    is(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0, "seal against shrinking");
    fails(ftruncate(fd, PAGE), EPERM, "does not shrink");
    is(ftruncate(fd, 3 * PAGE), 0, "but grows");
    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW);
    fails(ftruncate(fd, 4 * PAGE), EPERM, "until that is sealed too");
    fails(pwrite(fd, "x", 1, 3 * PAGE), EPERM, "nor by writing");
    is(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0, "seal against writing");
    fails(pwrite(fd, "x", 1, 0), EPERM, "no writes");
    ok(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM,
       "no writable mapping");
    ok((m = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0)) != MAP_FAILED && m[0] == 'i', "a readable one");
    munmap(m, PAGE);
    is(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0, "seal the seals");
    fails(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), EPERM, "no more");
    is(fcntl(fd, F_GET_SEALS), 15, "all four");
    close(fd);
    fd = (int)syscall(SYS_memfd_create, "plain", 0);
    fails(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM, "sealing must be allowed at the start");
    close(fd);
    fails(syscall(SYS_memfd_create, "x", 0x1000), EINVAL, "an unknown flag");
    char long_name[300];
    memset(long_name, 'n', 299);
    long_name[299] = '\0';
    fails(syscall(SYS_memfd_create, long_name, 0), EINVAL, "a name that is too long");
}

int main(void) {
    enter_temp_dir();
    on_signal(SIGSEGV, fault, 0);
    on_signal(SIGBUS, fault, 0);
    shared();
    private();
    ends();
    rights();
    transfer();
    memfd();
    return tap_done();
}
