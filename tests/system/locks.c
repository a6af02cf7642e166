// SPDX-License-Identifier: MPL-2.0
// Record locks (POSIX), open-file-description locks, and flock.
#include "sys.h"

#include <sys/file.h>

static int lock(int fd, int command, int type, off_t start, off_t size) {
    struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = size};
    return fcntl(fd, command, &l);
}
// In a child: can it lock this range at once?
static bool free_for_child(int type, off_t start, off_t size) {
    return WEXITSTATUS(in_child({
               int fd = open("file", O_RDWR);
               _exit(lock(fd, F_SETLK, type, start, size) == 0 ? 0 : errno);
           })) == 0;
}

static void posix_locks(void) {
    int fd = open("file", O_RDWR);
    is(lock(fd, F_SETLK, F_WRLCK, 10, 10), 0, "lock a range for writing");
    ok(!free_for_child(F_WRLCK, 15, 1), "another process cannot lock part of it");
    ok(!free_for_child(F_RDLCK, 19, 5), "nor for reading");
    ok(free_for_child(F_WRLCK, 20, 10), "but what is next to it");
    ok(free_for_child(F_WRLCK, 0, 10), "on both sides");
    exited(in_child({
               int own = open("file", O_RDWR);
               struct flock l = {.l_type = F_WRLCK, .l_start = 0, .l_len = 0};
               bool good = fcntl(own, F_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_start == 10 && l.l_len == 10 &&
                           l.l_pid == getppid();
               l = (struct flock){.l_type = F_WRLCK, .l_start = 30, .l_len = 1};
               good &= fcntl(own, F_GETLK, &l) == 0 && l.l_type == F_UNLCK;
               good &= lock(own, F_SETLK, F_WRLCK, 10, 1) == -1 && (errno == EAGAIN || errno == EACCES);
               _exit(!good);
           }),
           0, "F_GETLK tells who holds what");
    is(lock(fd, F_SETLK, F_UNLCK, 14, 2), 0, "unlock the middle");
    ok(free_for_child(F_WRLCK, 14, 2) && !free_for_child(F_WRLCK, 13, 1) && !free_for_child(F_WRLCK, 16, 1),
       "splits the lock");
    is(lock(fd, F_SETLK, F_RDLCK, 10, 10), 0, "make it a read lock");
    ok(free_for_child(F_RDLCK, 0, 0) && !free_for_child(F_WRLCK, 12, 1), "which others may share");
    is(lock(fd, F_SETLK, F_UNLCK, 0, 0), 0, "unlock everything to the end");
    ok(free_for_child(F_WRLCK, 0, 0), "nothing is locked");
    lock(fd, F_SETLK, F_WRLCK, 0, 0);
    ok(!free_for_child(F_WRLCK, 1LL << 50, 1), "a length of zero reaches to the end of all files");
    int other = open("file", O_RDONLY);
    close(other);
    ok(free_for_child(F_WRLCK, 0, 0), "closing any descriptor of the file drops the process's locks");
    lock(fd, F_SETLK, F_WRLCK, 0, 0);
    exited(in_child(_exit(lock(fd, F_SETLK, F_WRLCK, 0, 0) == -1 ? 0 : 1)), 0, "a child does not inherit locks");
    int reader = open("file", O_RDONLY), writer = open("file", O_WRONLY);
    fails(lock(reader, F_SETLK, F_WRLCK, 0, 1), EBADF, "a write lock needs a writable descriptor");
    fails(lock(writer, F_SETLK, F_RDLCK, 0, 1), EBADF, "a read lock a readable one");
    fails(lock(fd, F_SETLK, 7, 0, 1), EINVAL, "an unknown type");
    fails(lock(fd, F_SETLK, F_WRLCK, -5, 1), EINVAL, "before the beginning");
    close(reader), close(writer), close(fd);
}

static void waiting(void) {
    int fd = open("file", O_RDWR), gate[2];
    pipe(gate);
    lock(fd, F_SETLK, F_WRLCK, 0, 10);
    pid_t child = start_child({
        int own = open("file", O_RDWR);
        write(gate[1], "w", 1);
        int result = lock(own, F_SETLKW, F_WRLCK, 5, 1);
        write(gate[1], result == 0 ? "l" : "f", 1);
    });
    char c;
    read(gate[0], &c, 1);
    ok(sleeps(child), "F_SETLKW waits");
    lock(fd, F_SETLK, F_UNLCK, 0, 10);
    read(gate[0], &c, 1);
    is(c, 'l', "until the range is free");
    wait_status(child);
    // Two that wait for each other: one is refused.
    int ready[2];
    pipe(ready);
    lock(fd, F_SETLK, F_WRLCK, 0, 1);
    child = start_child({
        int own = open("file", O_RDWR);
        lock(own, F_SETLK, F_WRLCK, 1, 1);
        write(ready[1], "r", 1);
        int result = lock(own, F_SETLKW, F_WRLCK, 0, 1);
        _exit(result == 0 ? 0 : errno == EDEADLK ? 1 : 2);
    });
    read(ready[0], &c, 1);
    sleeps(child);
    int result = lock(fd, F_SETLKW, F_WRLCK, 1, 1);
    int error = errno;
    lock(fd, F_SETLK, F_UNLCK, 0, 10);
    int status = wait_status(child);
    ok((result == -1 && error == EDEADLK && WEXITSTATUS(status) == 0) || (result == 0 && WEXITSTATUS(status) == 1),
       "a deadlock is refused with EDEADLK");
    // The holder's death frees.
    child = start_child({
        int own = open("file", O_RDWR);
        lock(own, F_SETLK, F_WRLCK, 0, 0);
        write(ready[1], "r", 1);
        for (;;)
            pause();
    });
    read(ready[0], &c, 1);
    fails(lock(fd, F_SETLK, F_WRLCK, 0, 1), EAGAIN, "held by the child");
    kill(child, SIGKILL);
    wait_status(child);
    is(lock(fd, F_SETLK, F_WRLCK, 0, 1), 0, "free when it has died");
    close(fd), close(gate[0]), close(gate[1]), close(ready[0]), close(ready[1]);
}

static void description_locks(void) {
    int a = open("file", O_RDWR), b = open("file", O_RDWR), again = dup(a);
    is(lock(a, F_OFD_SETLK, F_WRLCK, 0, 10), 0, "F_OFD_SETLK");
    fails(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN, "conflicts with another description of the same process");
    is(lock(again, F_OFD_SETLK, F_WRLCK, 0, 10), 0, "not with a duplicate of its own");
    fails(lock(b, F_SETLK, F_WRLCK, 0, 1), EAGAIN, "conflicts with ordinary locks too");
    struct flock l = {.l_type = F_WRLCK, .l_len = 1};
    ok(fcntl(b, F_OFD_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_pid == -1, "F_OFD_GETLK says -1 for the owner");
    exited(in_child(_exit(lock(a, F_OFD_SETLK, F_WRLCK, 0, 5) != 0)), 0, "a child inherits them with the description");
    close(b);
    ok(!free_for_child(F_WRLCK, 0, 1), "closing another description leaves them");
    close(a);
    ok(!free_for_child(F_WRLCK, 0, 1), "as does closing one of two duplicates");
    close(again);
    ok(free_for_child(F_WRLCK, 0, 1), "the last one frees");
    l = (struct flock){.l_type = F_WRLCK, .l_pid = 1};
    fails(fcntl(open("file", O_RDWR), F_OFD_SETLK, &l), EINVAL, "l_pid must be zero");
}

static void whole_files(void) {
    int a = open("file", O_RDWR), b = open("file", O_RDWR);
    is(flock(a, LOCK_SH), 0, "shared flock");
    is(flock(b, LOCK_SH), 0, "twice");
    fails(flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK, "exclusive while another shares");
    flock(b, LOCK_UN);
    is(flock(a, LOCK_EX | LOCK_NB), 0, "exclusive once alone");
    fails(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK, "nobody shares then");
    exited(in_child(_exit(flock(a, LOCK_EX | LOCK_NB) != 0)), 0, "a child holds it as well");
    ok(free_for_child(F_WRLCK, 0, 0), "flock and fcntl do not see each other");
    int gate[2];
    pipe(gate);
    pid_t child = start_child({
        close(a); // or it would be a holder itself
        int own = open("file", O_RDONLY);
        write(gate[1], "w", 1);
        _exit(flock(own, LOCK_EX));
    });
    char c;
    read(gate[0], &c, 1);
    ok(sleeps(child), "flock waits");
    close(a);
    exited(wait_status(child), 0, "until the holder closes");
    fails(flock(b, 0x10), EINVAL, "an unknown operation");
    fails(flock(999, LOCK_SH), EBADF, "nothing");
    close(b), close(gate[0]), close(gate[1]);
}

int main(void) {
    enter_temp_dir();
    put_file("file", "some contents");
    posix_locks();
    waiting();
    description_locks();
    whole_files();
    return tap_done();
}
