// SPDX-License-Identifier: MPL-2.0
// Processes as descriptors: pidfd_open, pidfd_send_signal, waiting and polling, pidfd_getfd.
#include "sys.h"

#include <poll.h>

static int pidfd_open(pid_t pid, unsigned flags) {
    return (int)syscall(SYS_pidfd_open, pid, flags);
}
static int send(int fd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0);
}

int main(void) {
    pid_t child = start_child(for (;;) pause());
    int fd = pidfd_open(child, 0);
    ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "pidfd_open, closed on exec");
    struct pollfd p = {.fd = fd, .events = POLLIN};
    is(poll(&p, 1, 0), 0, "not readable while it lives");
    is(send(fd, 0), 0, "signal 0");
    fails(send(fd, 99), EINVAL, "a signal that does not exist");
    char c;
    fails(read(fd, &c, 1), EINVAL, "nothing to read");
    send(fd, SIGTERM);
    is(poll(&p, 1, 30000), 1, "readable when it has ended");
    is(p.revents, POLLIN, "POLLIN");
    siginfo_t info = {};
    is(waitid(P_PIDFD, fd, &info, WEXITED), 0, "wait for it");
    ok(info.si_pid == child && info.si_status == SIGTERM, "its end");
    fails(send(fd, 0), ESRCH, "nobody is left to signal");
    poll(&p, 1, 0);
    ok(p.revents & POLLIN, "it stays readable");
    close(fd);
    fails(pidfd_open(child, 0), ESRCH, "pidfd_open of nobody");
    fails(pidfd_open(-1, 0), EINVAL, "of a negative id");
    fails(pidfd_open(getpid(), 0x1000), EINVAL, "an unknown flag");
    fails(send(0, 0), EBADF, "not a pidfd");
    fails(send(999, 0), EBADF, "nothing");
    // An open /proc/PID takes signals, too.
    child = start_child(for (;;) pause());
    char name[32];
    snprintf(name, sizeof name, "/proc/%d", child);
    fd = open(name, O_RDONLY | O_DIRECTORY);
    is(send(fd, 0), 0, "signal 0 to an open /proc/PID");
    is(send(fd, SIGTERM), 0, "and one that ends it");
    is(WTERMSIG(wait_status(child)), SIGTERM, "it has ended");
    fails(send(fd, 0), ESRCH, "nobody is left there");
    close(fd);
    fd = open("/proc", O_RDONLY | O_DIRECTORY);
    fails(send(fd, 0), EBADF, "/proc itself is no process");
    close(fd);
    // A descriptor of another process.
    int ends[2], report[2];
    pipe(ends), pipe(report);
    child = start_child({
        int own = open("/etc/passwd", O_RDONLY);
        write(report[1], &own, sizeof own);
        for (;;)
            pause();
    });
    int theirs;
    read(report[0], &theirs, sizeof theirs);
    fd = pidfd_open(child, 0);
    int taken = (int)syscall(SYS_pidfd_getfd, fd, theirs, 0);
    ok(taken >= 0 && fcntl(taken, F_GETFD) == FD_CLOEXEC && read(taken, &c, 1) == 1 && c == 'r',
       "pidfd_getfd takes a file of the child");
    fails(syscall(SYS_pidfd_getfd, fd, 999, 0), EBADF, "that is not open there");
    fails(syscall(SYS_pidfd_getfd, fd, theirs, 1), EINVAL, "an unknown flag");
    kill(child, SIGKILL);
    wait_status(child);
    close(fd);
    fails(waitid(P_PIDFD, 999, &info, WEXITED), EBADF, "waitid on nothing");
    fails(waitid(P_PIDFD, 0, &info, WEXITED), EBADF, "or on what is no pidfd");
    return tap_done();
}
