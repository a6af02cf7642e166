// SPDX-License-Identifier: MPL-2.0
// Pipes and FIFOs: order, capacity, atomic writes, ends, and opening by name.
#include "sys.h"

#include <poll.h>
#include <sys/ioctl.h>

static char big[200'000];

static void basics(void) {
    int ends[2];
    is(pipe(ends), 0, "pipe");
    char text[16];
    is(write(ends[1], "hello", 5), 5, "write");
    is(read(ends[0], text, 2), 2, "read some");
    is(read(ends[0], text + 2, 14), 3, "read the rest");
    ok(!memcmp(text, "hello", 5), "in order");
    fails(write(ends[0], "x", 1), EBADF, "the read end cannot be written");
    fails(read(ends[1], text, 1), EBADF, "the write end cannot be read");
    int count;
    write(ends[1], "abc", 3);
    ok(ioctl(ends[0], FIONREAD, &count) == 0 && count == 3, "FIONREAD");
    struct stat info;
    fstat(ends[0], &info);
    ok(S_ISFIFO(info.st_mode), "it is a FIFO");
    close(ends[1]);
    is(read(ends[0], text, 16), 3, "what was written can still be read");
    is(read(ends[0], text, 16), 0, "then the end");
    close(ends[0]);
    pipe(ends);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    fails(write(ends[1], "x", 1), EPIPE, "no reader: EPIPE");
    close(ends[1]);
    signal(SIGPIPE, SIG_DFL);
    killed(in_child({
               int broken[2];
               pipe(broken);
               close(broken[0]);
               write(broken[1], "x", 1);
           }),
           SIGPIPE, "and SIGPIPE");
    is(syscall(SYS_pipe2, ends, O_CLOEXEC | O_NONBLOCK), 0, "pipe2");
    ok(fcntl(ends[0], F_GETFD) == FD_CLOEXEC && fcntl(ends[1], F_GETFL) & O_NONBLOCK, "with flags");
    fails(read(ends[0], text, 1), EAGAIN, "not blocking");
    close(ends[0]), close(ends[1]);
    fails(syscall(SYS_pipe2, ends, 0x4), EINVAL, "an unknown flag");
}

static void capacity(void) {
    int ends[2];
    syscall(SYS_pipe2, ends, O_NONBLOCK);
    is(fcntl(ends[0], F_GETPIPE_SZ), 65536, "the default size");
    is(write(ends[1], big, sizeof big), 65536, "a full pipe takes no more");
    fails(write(ends[1], "x", 1), EAGAIN, "EAGAIN");
    is(read(ends[0], big, 65536), 65536, "drained");
    int size = fcntl(ends[0], F_SETPIPE_SZ, 4096);
    is(size, 4096, "a smaller one");
    is(write(ends[1], big, 5000), 4096, "takes less");
    fails(write(ends[1], big, 10), EAGAIN, "and then no more");
    is(read(ends[0], big, 4096), 4096, "drained");
    write(ends[1], big, 10);
    is(fcntl(ends[0], F_SETPIPE_SZ, 1'000'000), 1 << 20, "a larger one is rounded up");
    is(read(ends[0], big, 100), 10, "and keeps its contents");
    // A write of at most PIPE_BUF is all or nothing.
    fcntl(ends[0], F_SETPIPE_SZ, 8192);
    write(ends[1], big, 8192 - 100);
    long wrote = write(ends[1], big, 4096);
    ok(wrote == -1 && errno == EAGAIN, "4096 bytes into less room: nothing");
    close(ends[0]), close(ends[1]);
}

static void blocking(void) {
    int ends[2];
    pipe(ends);
    pid_t child = start_child({
        close(ends[0]);
        for (size_t i = 0; i < sizeof big; i++)
            big[i] = (char)(i % 251);
        _exit(write(ends[1], big, sizeof big) != sizeof big);
    });
    close(ends[1]);
    ok(sleeps(child), "a writer waits for room");
    size_t total = 0;
    bool good = true;
    ssize_t size;
    char piece[777];
    while ((size = read(ends[0], piece, sizeof piece)) > 0)
        for (ssize_t i = 0; i < size; i++, total++)
            good &= (unsigned char)piece[i] == total % 251;
    ok(good && total == sizeof big, "and everything arrives in order");
    exited(wait_status(child), 0, "in one write");
    close(ends[0]);
    // Atomic lines from several writers.
    pipe(ends);
    for (int w = 0; w < 4; w++)
        start_child({
            close(ends[0]);
            char line[512];
            memset(line, 'a' + w, sizeof line);
            for (int i = 0; i < 100; i++)
                write(ends[1], line, sizeof line);
        });
    close(ends[1]);
    char line[512];
    int lines = 0;
    good = true;
    for (size_t have = 0; (size = read(ends[0], line + have, sizeof line - have)) > 0;) {
        have += size;
        if (have < sizeof line)
            continue;
        for (size_t i = 1; i < sizeof line; i++)
            good &= line[i] == line[0];
        lines++;
        have = 0;
    }
    ok(good && lines == 400, "writes of up to 4096 bytes do not mix");
    for (int w = 0; w < 4; w++)
        wait(NULL);
    close(ends[0]);
}

static void fifos(void) {
    is(mkfifo("fifo", 0644), 0, "mkfifo");
    fails(mkfifo("fifo", 0644), EEXIST, "again");
    fails(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO, "no reader, not waiting");
    int reader = open("fifo", O_RDONLY | O_NONBLOCK);
    ok(reader >= 0, "a reader need not wait then");
    char c;
    is(read(reader, &c, 1), 0, "nobody writes: the end");
    int writer = open("fifo", O_WRONLY | O_NONBLOCK);
    ok(writer >= 0, "now a writer can open");
    fails(read(reader, &c, 1), EAGAIN, "somebody writes: wait");
    write(writer, "x", 1);
    ok(read(reader, &c, 1) == 1 && c == 'x', "through");
    close(writer);
    is(read(reader, &c, 1), 0, "the end again");
    close(reader);
    pid_t child = start_child({
        int fd = open("fifo", O_WRONLY);
        write(fd, "hi", 2);
    });
    ok(sleeps(child), "a writer waits for a reader");
    reader = open("fifo", O_RDONLY);
    char text[4];
    is(read(reader, text, 4), 2, "who gets what it writes");
    wait_status(child);
    close(reader);
    int both = open("fifo", O_RDWR);
    ok(both >= 0 && write(both, "y", 1) == 1 && read(both, &c, 1) == 1, "O_RDWR is both");
    struct pollfd p = {.fd = both, .events = POLLIN | POLLOUT};
    poll(&p, 1, 0);
    is(p.revents, POLLOUT, "writable, not readable");
    close(both);
    struct stat info;
    stat("fifo", &info);
    ok(S_ISFIFO(info.st_mode) && info.st_size == 0, "stat");
}

static void readiness(void) {
    int ends[2];
    pipe(ends);
    struct pollfd in = {.fd = ends[0], .events = POLLIN}, out = {.fd = ends[1], .events = POLLOUT};
    is(poll(&in, 1, 0), 0, "an empty pipe is not readable");
    is(poll(&out, 1, 0), 1, "but writable");
    write(ends[1], "x", 1);
    ok(poll(&in, 1, 0) == 1 && in.revents == POLLIN, "readable");
    close(ends[1]);
    ok(poll(&in, 1, 0) == 1 && in.revents == (POLLIN | POLLHUP), "POLLHUP without writers");
    close(ends[0]);
    pipe(ends);
    close(ends[0]);
    out.fd = ends[1];
    ok(poll(&out, 1, 0) == 1 && out.revents & POLLERR, "POLLERR without readers");
    close(ends[1]);
}

// /dev/fd/N of a pipe is another end of it, and opening it never waits, as a FIFO's open would: `diff <(a) <(b)`.
static void reopening(void) {
    int ends[2];
    char path[32], byte = 0;
    pipe(ends);
    write(ends[1], "x", 1);
    close(ends[1]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    alarm(10);
    int again = open(path, O_RDONLY);
    ok(again >= 0, "a pipe without writers opens at once");
    alarm(0);
    ok(read(again, &byte, 1) == 1 && byte == 'x', "and is the same pipe");
    is(read(ends[0], &byte, 1), 0, "which is empty now");
    close(again);
    close(ends[0]);
}

int main(void) {
    enter_temp_dir();
    reopening();
    basics();
    capacity();
    blocking();
    fifos();
    readiness();
    return tap_done();
}
