// SPDX-License-Identifier: MPL-2.0
// Signals that tell of input and output: O_ASYNC, F_SETOWN and its relatives, F_SETSIG.
#include "inet.h"

#include <limits.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#define CHOSEN (SIGRTMIN + 3)

// All that can be sent here is blocked, and taken by this.
static int next_signal(siginfo_t *info) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGIO), sigaddset(&set, SIGURG), sigaddset(&set, CHOSEN);
    return sigtimedwait(&set, info, &(struct timespec){30, 0});
}
static bool none_pending(void) {
    sigset_t set;
    sigpending(&set);
    return !sigismember(&set, SIGIO) && !sigismember(&set, SIGURG) && !sigismember(&set, CHOSEN);
}
static void forget(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGIO), sigaddset(&set, SIGURG), sigaddset(&set, CHOSEN);
    while (sigtimedwait(&set, NULL, &(struct timespec){}) > 0)
        ;
}
static int tell_me(int fd, int signal) {
    return fcntl(fd, F_SETOWN, getpid()) | fcntl(fd, F_SETSIG, signal) |
           fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
}

static void receivers(void) {
    int fds[2];
    struct f_owner_ex owner;
    pipe(fds);
    is(fcntl(fds[0], F_GETOWN), 0, "nobody is told at first");
    is(fcntl(fds[0], F_GETSIG), 0, "by SIGIO");
    fails(fcntl(fds[0], F_SETOWN, 0x3ffffff), ESRCH, "no such process");
    fails(fcntl(fds[0], F_SETOWN, INT_MIN), EINVAL, "no such number");
    is(fcntl(fds[0], F_SETOWN, getpid()), 0, "F_SETOWN");
    is(fcntl(fds[0], F_GETOWN), getpid(), "F_GETOWN");
    is(fcntl(fds[0], F_GETOWN_EX, &owner), 0, "F_GETOWN_EX");
    ok(owner.type == F_OWNER_PID && owner.pid == getpid(), "says the process");
    is(fcntl(fds[1], F_GETOWN), 0, "the other end is another file");
    is(fcntl(fds[0], F_SETOWN, -getpgrp()), 0, "a group");
    is(syscall(SYS_fcntl, fds[0], F_GETOWN) == -getpgrp() || errno == getpgrp(), 1, "F_GETOWN tells of it");
    fcntl(fds[0], F_GETOWN_EX, &owner);
    ok(owner.type == F_OWNER_PGRP && owner.pid == getpgrp(), "F_GETOWN_EX, too");
    owner = (struct f_owner_ex){F_OWNER_TID, gettid()};
    is(fcntl(fds[0], F_SETOWN_EX, &owner), 0, "a thread");
    owner.type = 3;
    fails(fcntl(fds[0], F_SETOWN_EX, &owner), EINVAL, "no such kind");
    owner = (struct f_owner_ex){F_OWNER_PID, 0x3ffffff};
    fails(fcntl(fds[0], F_SETOWN_EX, &owner), ESRCH, "no such process");
    fails(fcntl(fds[0], F_SETOWN_EX, (void *)8), EFAULT, "a bad address");
    fails(fcntl(fds[0], F_SETSIG, 65), EINVAL, "no such signal");
    is(fcntl(fds[0], F_SETSIG, CHOSEN), 0, "F_SETSIG");
    is(fcntl(fds[0], F_GETSIG), CHOSEN, "F_GETSIG");
    is(fcntl(fds[0], F_SETOWN, 0), 0, "nobody again");
    is(fcntl(fds[0], F_GETOWN), 0, "is nobody");
    pid_t child = start_child(pause());
    is(fcntl(fds[0], F_SETOWN, child), 0, "a child");
    kill(child, SIGKILL);
    wait_status(child);
    is(fcntl(fds[0], F_GETOWN), 0, "that is gone is nobody");
    close(fds[0]), close(fds[1]);
}

static void which_files(void) {
    int file = open("file", O_CREAT | O_RDWR, 0644), fds[2], on = 1, off = 0;
    is(fcntl(file, F_SETFL, O_ASYNC), 0, "O_ASYNC of a file on disk");
    ok(!(fcntl(file, F_GETFL) & O_ASYNC), "does not stay");
    fails(ioctl(file, FIOASYNC, &on), ENOTTY, "FIOASYNC says so");
    is(ioctl(file, FIOASYNC, &off), 0, "clearing it is no error");
    is(fcntl(file, F_SETOWN, getpid()), 0, "but it has a receiver");
    is(fcntl(file, F_GETOWN), getpid(), "that can be asked");
    fails(ioctl(file, FIOGETOWN, &on), ENOTTY, "FIOGETOWN is for sockets");
    close(file);
    pipe(fds);
    is(ioctl(fds[0], FIOASYNC, &on), 0, "FIOASYNC of a pipe");
    ok(fcntl(fds[0], F_GETFL) & O_ASYNC, "sets O_ASYNC");
    is(fcntl(fds[0], F_GETOWN), 0, "and names nobody");
    write(fds[1], "x", 1);
    ok(none_pending(), "who would be told?");
    is(ioctl(fds[0], FIOASYNC, &off), 0, "cleared");
    ok(!(fcntl(fds[0], F_GETFL) & O_ASYNC), "is cleared");
    close(fds[0]), close(fds[1]);
}

static void of_pipes(void) {
    int fds[2];
    siginfo_t info;
    pipe(fds);
    is(tell_me(fds[0], 0), 0, "a pipe's reader wants to know");
    ok(none_pending(), "nothing has come");
    write(fds[1], "x", 1);
    is(next_signal(&info), SIGIO, "a byte: SIGIO");
    is(info.si_code, SI_KERNEL, "from the kernel");
    write(fds[1], "x", 1);
    is(next_signal(&info), SIGIO, "another");
    fcntl(fds[0], F_SETSIG, CHOSEN);
    write(fds[1], "x", 1);
    is(next_signal(&info), CHOSEN, "the signal of F_SETSIG");
    is(info.si_code, POLL_IN, "POLL_IN");
    is(info.si_fd, fds[0], "si_fd");
    is(info.si_band, POLLIN | POLLRDNORM, "si_band");
    write(fds[1], "x", 1), write(fds[1], "x", 1);
    is(next_signal(NULL) == CHOSEN && next_signal(NULL) == CHOSEN, 1, "these queue");
    ok(none_pending(), "two of them");
    fcntl(fds[0], F_SETFL, 0);
    write(fds[1], "x", 1);
    ok(none_pending(), "without O_ASYNC nothing");
    fcntl(fds[0], F_SETFL, O_ASYNC);
    int copy = dup(fds[0]);
    close(fds[0]);
    write(fds[1], "x", 1);
    is(next_signal(&info), CHOSEN, "another descriptor of the file");
    is(info.si_fd, fds[0], "is still called as then");
    close(fds[1]);
    is(next_signal(NULL), CHOSEN, "the writer closes");
    forget();
    close(copy);
    mkfifo("fifo", 0600);
    int reader = open("fifo", O_RDONLY | O_NONBLOCK), writer = open("fifo", O_WRONLY);
    tell_me(reader, 0);
    write(writer, "x", 1);
    is(next_signal(NULL), SIGIO, "a FIFO");
    close(reader), close(writer);
}

static void of_streams(const char *what, int mine, int other) {
    siginfo_t info;
    forget();
    is(tell_me(mine, CHOSEN), 0, "%s", what);
    write(other, "x", 1);
    is(next_signal(&info), CHOSEN, "data comes");
    is(info.si_code, POLL_IN, "POLL_IN");
    is(info.si_fd, mine, "si_fd");
    write(other, "x", 1);
    is(next_signal(&info), CHOSEN, "more comes, though there was some");
    forget();
    shutdown(other, SHUT_WR);
    is(next_signal(&info), CHOSEN, "the end comes");
    ok(info.si_code == POLL_IN, "POLL_IN (%d)", info.si_code);
    forget();
    close(mine);
    close(other);
    ok(none_pending(), "a closed file tells nothing");
}

static void of_sockets(void) {
    int pair[2], pid = -getpgrp(), got = 0;
    siginfo_t info;
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    is(ioctl(pair[0], FIOSETOWN, &pid), 0, "FIOSETOWN");
    is(ioctl(pair[0], SIOCGPGRP, &got), 0, "SIOCGPGRP");
    is(got, pid, "gives it back");
    pid = 0x3ffffff;
    fails(ioctl(pair[0], SIOCSPGRP, &pid), ESRCH, "SIOCSPGRP of nobody");
    of_streams("an AF_UNIX stream", pair[0], pair[1]);
    tcp_pair("127.0.0.1", pair);
    of_streams("TCP's client", pair[0], pair[1]);
    tcp_pair("::1", pair);
    of_streams("TCP's server", pair[1], pair[0]);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    tell_me(pair[0], CHOSEN);
    send(pair[1], "x", 1, 0);
    is(next_signal(&info), CHOSEN, "an AF_UNIX datagram");
    is(info.si_code, POLL_IN, "POLL_IN");
    forget();
    close(pair[0]), close(pair[1]);
    int server = listener_on("127.0.0.1", 5), client = socket(AF_INET, SOCK_STREAM, 0);
    tell_me(server, CHOSEN);
    tell_me(client, 0);
    connect_to(client, "127.0.0.1", port_of(server));
    is(next_signal(&info), SIGIO, "a connect has succeeded");
    is(next_signal(&info), CHOSEN, "a connection has come");
    is(info.si_fd, server, "si_fd");
    forget();
    close(client), close(server);
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
    bind_to(a, "127.0.0.1", 0);
    tell_me(a, 0);
    connect_to(b, "127.0.0.1", port_of(a));
    send(b, "x", 1, 0);
    is(next_signal(NULL), SIGIO, "a UDP datagram");
    close(a), close(b);
}

static void of_terminals(void) {
    int master = -1, slave = -1;
    openpty(&master, &slave, NULL, NULL, NULL);
    is(fcntl(slave, F_SETFL, O_ASYNC), 0, "O_ASYNC of a terminal");
    is(fcntl(slave, F_GETOWN), getpid(), "without a session, who sets it is told");
    write(master, "line\n", 5);
    is(next_signal(NULL), SIGIO, "a line");
    forget();
    write(master, "more\n", 5);
    is(next_signal(NULL), SIGIO, "another");
    forget();
    close(slave), close(master);
}

static volatile int handled;
static void count(int signal) {
    (void)signal, handled++;
}

// Others: a handler, a group, a thread, somebody who may not.
static void who_is_told(void) {
    int fds[2], up[2];
    char c;
    pipe(fds), pipe(up);
    on_signal(SIGIO, count, 0);
    tell_me(fds[0], 0);
    sigset_t io = signal_set(SIGIO, 0);
    sigprocmask(SIG_UNBLOCK, &io, NULL);
    handled = 0;
    write(fds[1], "x", 1);
    is(handled, 1, "it is handled before write returns");
    sigprocmask(SIG_BLOCK, &io, NULL);
    pid_t child = start_child({
        setpgid(0, 0);
        write(up[1], "x", 1);
        _exit(next_signal(NULL) != SIGIO);
    });
    read(up[0], &c, 1);
    is(fcntl(fds[0], F_SETOWN, -child), 0, "another group");
    write(fds[1], "x", 1);
    exited(wait_status(child), 0, "is told");
    ok(none_pending(), "and we are not");
    struct f_owner_ex owner = {F_OWNER_TID, gettid()};
    fcntl(fds[0], F_SETOWN_EX, &owner);
    write(fds[1], "x", 1);
    is(next_signal(NULL), SIGIO, "a thread is told");
    if (is_root()) {
        exited(in_child({
                   if (setuid(65534) != 0)
                       _exit(2);
                   _exit(fcntl(fds[0], F_SETOWN, getppid()) != 0 || write(fds[1], "x", 1) != 1);
               }),
               0, "another user names us");
        ok(none_pending(), "but may not signal us");
    }
    close(fds[0]), close(fds[1]), close(up[0]), close(up[1]);
}

// The file and its receiver end in any order while others write.
static void races(void) {
    for (int i = 0; i < 50; i++) {
        int fds[2];
        pipe(fds);
        pid_t child = start_child({
            for (int j = 0; j < 20; j++)
                write(fds[1], "x", 1);
        });
        for (int j = 0; j < 10; j++) {
            fcntl(fds[0], F_SETOWN, j % 2 ? getpid() : child);
            fcntl(fds[0], F_SETFL, j % 3 ? O_ASYNC : 0);
        }
        close(fds[1]);
        close(fds[0]);
        wait_status(child);
    }
    forget();
    ok(none_pending(), "50 files that end while they tell");
}

int main(void) {
    enter_temp_dir();
    signal(SIGPIPE, SIG_IGN);
    sigset_t set = signal_set(SIGIO, SIGURG);
    sigaddset(&set, CHOSEN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    receivers();
    which_files();
    of_pipes();
    of_sockets();
    of_terminals();
    who_is_told();
    races();
    return tap_done();
}
