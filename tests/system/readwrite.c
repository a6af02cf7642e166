// SPDX-License-Identifier: MPL-2.0
// Reading, writing, seeking: offsets, vectors, holes, large files, appending from many processes.
#include "sys.h"

#include <sys/uio.h>

static char buffer[20000];

static void offsets(void) {
    int fd = open("f", O_CREAT | O_RDWR, 0644);
    is(write(fd, "hello world", 11), 11, "write");
    is(read(fd, buffer, 10), 0, "the end is the end");
    is(lseek(fd, 6, SEEK_SET), 6, "SEEK_SET");
    is(read(fd, buffer, 100), 5, "a short read at the end");
    is(lseek(fd, -3, SEEK_END), 8, "SEEK_END");
    is(lseek(fd, 2, SEEK_CUR), 10, "SEEK_CUR");
    fails(lseek(fd, -11, SEEK_CUR), EINVAL, "before the beginning");
    is(lseek(fd, 0, SEEK_CUR), 10, "does not move");
    fails(lseek(fd, 0, 99), EINVAL, "an unknown whence");
    fails(lseek(999, 0, SEEK_SET), EBADF, "a bad descriptor");
    is(pread(fd, buffer, 5, 0), 5, "pread");
    is(pwrite(fd, "J", 1, 0), 1, "pwrite");
    is(lseek(fd, 0, SEEK_CUR), 10, "neither moves the offset");
    fails(pread(fd, buffer, 5, -1), EINVAL, "pread before the beginning");
    ok(same_text(get_file("f"), "Jello world"), "contents");
    is(read(fd, buffer, 0), 0, "reading nothing");
    is(write(fd, buffer, 0), 0, "writing nothing");
    int other = dup(fd);
    lseek(other, 3, SEEK_SET);
    is(lseek(fd, 0, SEEK_CUR), 3, "a duplicate shares the offset");
    int separate = open("f", O_RDONLY);
    is(lseek(separate, 0, SEEK_CUR), 0, "another open does not");
    close(fd), close(other), close(separate);
    int ends[2];
    pipe(ends);
    fails(lseek(ends[0], 0, SEEK_SET), ESPIPE, "a pipe has no offset");
    fails(pread(ends[0], buffer, 1, 0), ESPIPE, "nor pread");
    close(ends[0]), close(ends[1]);
    int folder = open(".", O_RDONLY);
    fails(read(folder, buffer, 10), EISDIR, "a folder cannot be read");
    close(folder);
}

static void vectors(void) {
    int fd = open("v", O_CREAT | O_RDWR | O_TRUNC, 0644);
    struct iovec out[] = {{"ab", 2}, {NULL, 0}, {"cdef", 4}, {"g", 1}};
    is(writev(fd, out, 4), 7, "writev");
    lseek(fd, 0, SEEK_SET);
    char a[3], b[10];
    struct iovec in[] = {{a, 3}, {b, 10}};
    is(readv(fd, in, 2), 7, "readv");
    ok(!memcmp(a, "abc", 3) && !memcmp(b, "defg", 4), "scatters in order");
    is(preadv(fd, in, 2, 5), 2, "preadv");
    is(pwritev(fd, out, 4, 7), 7, "pwritev");
    ok(same_text(get_file("v"), "abcdefgabcdefg"), "contents");
    fails(writev(fd, out, -1), EINVAL, "a negative count");
    fails(writev(fd, out, 1025), EINVAL, "too many");
    struct iovec wrong[] = {{buffer, SIZE_MAX / 2 + 1}};
    fails(writev(fd, wrong, 1), EINVAL, "a length that overflows");
    is(writev(fd, NULL, 0), 0, "no vectors");
    fails(syscall(SYS_pwritev2, fd, out, 4, 0, 0, 0x8000), EOPNOTSUPP, "pwritev2 with an unknown flag");
    is(syscall(SYS_pwritev2, fd, out, 1, 0, 0, 0x10), 2, "pwritev2 with RWF_APPEND");
    ok(same_text(get_file("v"), "abcdefgabcdefgab"), "appends");
    close(fd);
}

static void holes(void) {
    int fd = open("sparse", O_CREAT | O_RDWR, 0644);
    is(pwrite(fd, "end", 3, 10'000'000), 3, "write far behind the end");
    struct stat info;
    fstat(fd, &info);
    is(info.st_size, 10'000'003, "the size");
    ok(info.st_blocks * 512 < 100'000, "takes little room (%lld blocks)", (long long)info.st_blocks);
    memset(buffer, 'x', sizeof buffer);
    is(pread(fd, buffer, sizeof buffer, 5'000'000), sizeof buffer, "read the hole");
    bool zero = true;
    for (size_t i = 0; i < sizeof buffer; i++)
        zero &= buffer[i] == 0;
    ok(zero, "zeros");
    is(lseek(fd, 0, SEEK_HOLE), 0, "SEEK_HOLE");
    off_t data = lseek(fd, 0, SEEK_DATA);
    ok(data > 9'000'000 && data <= 10'000'000, "SEEK_DATA");
    is(lseek(fd, 10'000'001, SEEK_HOLE), 10'000'003, "there is a hole at the end of every file");
    fails(lseek(fd, 10'000'003, SEEK_DATA), ENXIO, "and no data behind it");
    is(lseek(fd, 1LL << 40, SEEK_SET), 1LL << 40, "an offset far beyond");
    is(write(fd, "far", 3), 3, "can be written");
    fstat(fd, &info);
    is(info.st_size, (1LL << 40) + 3, "in a file of a terabyte");
    fails(pwrite(fd, "x", 1, INT64_MAX), EINVAL, "the end must be a number too");
    close(fd);
}

static void pages(void) {
    int fd = open("pages", O_CREAT | O_RDWR, 0644);
    for (size_t i = 0; i < sizeof buffer; i++)
        buffer[i] = (char)(i * 7 + i / 256);
    static const size_t sizes[] = {1, 4095, 4096, 4097, 8191, 8192, 12289, 20000};
    bool good = true;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (off_t at = 0; at < 9000; at += 1777) {
            char back[20000];
            good &= pwrite(fd, buffer, sizes[i], at) == (ssize_t)sizes[i];
            good &= pread(fd, back, sizes[i], at) == (ssize_t)sizes[i] && !memcmp(back, buffer, sizes[i]);
        }
    ok(good, "reads give what writes of all alignments wrote");
    close(fd);
}

static void append(void) {
    enum { WRITERS = 4, LINES = 200 };
    pid_t children[WRITERS];
    for (int w = 0; w < WRITERS; w++)
        children[w] = start_child({
            int fd = open("log", O_CREAT | O_WRONLY | O_APPEND, 0644);
            char line[32];
            memset(line, 'a' + w, sizeof line);
            line[31] = '\n';
            for (int i = 0; i < LINES; i++)
                if (write(fd, line, sizeof line) != sizeof line)
                    _exit(1);
        });
    bool good = true;
    for (int w = 0; w < WRITERS; w++)
        good &= wait_status(children[w]) == 0;
    ok(good, "four processes append");
    char *text = get_file("log");
    int counts[WRITERS] = {};
    is(strlen(text), WRITERS * LINES * 32, "nothing is lost");
    for (int i = 0; i < WRITERS * LINES; i++) {
        char *line = text + i * 32;
        good &= line[31] == '\n' && line[0] >= 'a' && line[0] < 'a' + WRITERS;
        for (int k = 1; k < 31; k++)
            good &= line[k] == line[0];
        if (good)
            counts[line[0] - 'a']++;
    }
    for (int w = 0; w < WRITERS; w++)
        good &= counts[w] == LINES;
    ok(good, "and no line is torn");
}

static void shared_offset(void) {
    // Children that share one description share its offset, and no write overwrites another.
    int fd = open("joint", O_CREAT | O_WRONLY | O_TRUNC, 0644);
    pid_t children[3];
    for (int w = 0; w < 3; w++)
        children[w] = start_child({
            for (int i = 0; i < 100; i++)
                write(fd, "0123456789abcdef", 16);
        });
    for (int w = 0; w < 3; w++)
        wait_status(children[w]);
    struct stat info;
    fstat(fd, &info);
    is(info.st_size, 3 * 100 * 16, "writes through one description do not overwrite each other");
    close(fd);
}

static void truncating(void) {
    put_file("t", "0123456789");
    is(truncate("t", 4), 0, "truncate");
    ok(same_text(get_file("t"), "0123"), "cuts");
    is(truncate("t", 8), 0, "and grows");
    int fd = open("t", O_RDWR);
    is(read(fd, buffer, 100), 8, "by");
    ok(!memcmp(buffer, "0123\0\0\0\0", 8), "zeros");
    is(ftruncate(fd, 2), 0, "ftruncate");
    is(lseek(fd, 0, SEEK_CUR), 8, "leaves the offset");
    is(read(fd, buffer, 1), 0, "behind the end");
    is(write(fd, "x", 1), 1, "writing there");
    is(pread(fd, buffer, 100, 0), 9, "makes a hole");
    ok(!memcmp(buffer, "01\0\0\0\0\0\0x", 9), "of zeros, not of what was cut off");
    fails(ftruncate(fd, -1), EINVAL, "a negative size");
    fails(truncate("missing", 0), ENOENT, "a missing file");
    fails(truncate(".", 0), EISDIR, "a folder");
    is(fallocate(fd, 0, 0, 50000), 0, "fallocate");
    struct stat info;
    fstat(fd, &info);
    is(info.st_size, 50000, "grows");
    is(fallocate(fd, 1, 0, 100000), 0, "FALLOC_FL_KEEP_SIZE");
    fstat(fd, &info);
    is(info.st_size, 50000, "does not");
    memset(buffer, 'f', sizeof buffer);
    pwrite(fd, buffer, sizeof buffer, 0);
    is(fallocate(fd, 3, 4096, 4096), 0, "FALLOC_FL_PUNCH_HOLE");
    pread(fd, buffer, 8193, 4000);
    ok(buffer[95] == 'f' && buffer[96] == 0 && buffer[96 + 4095] == 0 && buffer[96 + 4096] == 'f', "zeroes a range");
    fails(fallocate(fd, 0, 0, 0), EINVAL, "fallocate of nothing");
    close(fd);
    is(fsync(open("t", O_RDONLY)), 0, "fsync");
    fails(fsync(999), EBADF, "fsync of nothing");
}

static void copying(void) {
    int from = open("pages", O_RDONLY), to = open("copy", O_CREAT | O_RDWR | O_TRUNC, 0644);
    loff_t at = 5, into = 3;
    is(syscall(SYS_copy_file_range, from, &at, to, &into, 5000, 0), 5000, "copy_file_range");
    ok(at == 5005 && into == 5003, "moves the given offsets");
    char a[5000], b[5000];
    pread(from, a, 5000, 5), pread(to, b, 5000, 3);
    ok(!memcmp(a, b, 5000), "and copies");
    off_t start = 100;
    is(syscall(SYS_sendfile, to, from, &start, 300), 300, "sendfile");
    is(start, 400, "moves its offset");
    fails(syscall(SYS_copy_file_range, from, NULL, to, NULL, 1, 1), EINVAL, "copy_file_range with a flag");
    fails(syscall(SYS_copy_file_range, to, NULL, from, NULL, 1, 0), EBADF, "into a file that is not writable");
    int ends[2];
    pipe(ends);
    lseek(from, 0, SEEK_SET);
    is(syscall(SYS_splice, from, NULL, ends[1], NULL, 100, 0), 100, "splice into a pipe");
    is(syscall(SYS_splice, ends[0], NULL, to, NULL, 100, 0), 100, "and out of it");
    fails(syscall(SYS_splice, from, NULL, to, NULL, 100, 0), EINVAL, "splice needs a pipe");
    close(from), close(to), close(ends[0]), close(ends[1]);
}

int main(void) {
    enter_temp_dir();
    offsets();
    vectors();
    holes();
    pages();
    append();
    shared_offset();
    truncating();
    copying();
    return tap_done();
}
