// SPDX-License-Identifier: MPL-2.0
// Pseudo terminals: making them, their names, the lock, packet mode, what each side sees when the other goes.
#include "sys.h"

#include <dirent.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <termios.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif
#ifndef TIOCGPTLCK
#define TIOCGPTLCK 0x80045439
#endif
#ifndef TIOCGPKT
#define TIOCGPKT 0x80045438
#endif

static int master;
static char name[64];

static int open_master(void) {
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    unsigned number;
    int unlock = 0;
    if (master < 0 || ioctl(master, TIOCGPTN, &number) < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return -1;
    snprintf(name, sizeof name, "/dev/pts/%u", number);
    return master;
}

static int poll_now(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};
    poll(&p, 1, 0);
    return p.revents;
}

static void set_raw(int fd) {
    struct termios t;
    tcgetattr(fd, &t);
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    t.c_oflag &= ~(tcflag_t)OPOST;
    t.c_iflag &= ~(tcflag_t)(ICRNL | IXON);
    tcsetattr(fd, TCSANOW, &t);
}

static void naming(void) {
    struct stat by_path, by_fd;
    int locked = -1;
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    ok(master >= 0, "/dev/ptmx opens");
    unsigned number = 12345;
    is(ioctl(master, TIOCGPTN, &number), 0, "TIOCGPTN");
    snprintf(name, sizeof name, "/dev/pts/%u", number);
    is(stat(name, &by_path), 0, "the slave has a name");
    ok(S_ISCHR(by_path.st_mode), "a character device");
    is(by_path.st_rdev >> 8, 136, "of major 136");
    is(by_path.st_rdev & 0xff, number, "and its number as minor");
    is(by_path.st_uid, geteuid(), "which belongs to the opener");
    is(ioctl(master, TIOCGPTLCK, &locked), 0, "TIOCGPTLCK");
    is(locked, 1, "it is locked");
    fails(open(name, O_RDWR | O_NOCTTY), EIO, "so it does not open");
    int unlock = 0;
    is(ioctl(master, TIOCSPTLCK, &unlock), 0, "TIOCSPTLCK");
    int slave = open(name, O_RDWR | O_NOCTTY);
    ok(slave >= 0, "unlocked it opens");
    fstat(slave, &by_fd);
    ok(by_fd.st_ino == by_path.st_ino && by_fd.st_dev == by_path.st_dev && by_fd.st_rdev == by_path.st_rdev,
       "fstat and stat agree");
    char real[64] = "";
    is(ttyname_r(slave, real, sizeof real), 0, "ttyname");
    ok(same_text(real, name), "is its name");
    is(fchmod(slave, 0620), 0, "fchmod");
    stat(name, &by_path);
    is(by_path.st_mode & 07777, 0620, "is remembered");
    bool found = false;
    DIR *directory = opendir("/dev/pts");
    for (struct dirent *entry; directory && (entry = readdir(directory));)
        found |= !strcmp(entry->d_name, strrchr(name, '/') + 1);
    if (directory)
        closedir(directory);
    ok(found, "/dev/pts lists it");
    struct statfs fs;
    is(statfs("/dev/pts", &fs), 0, "statfs");
    is(fs.f_type, 0x1cd1, "/dev/pts is a devpts");
    int second = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    unsigned other = number;
    ioctl(second, TIOCGPTN, &other);
    ok(other != number, "another open is another terminal");
    int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    ok(peer >= 0 && isatty(peer), "TIOCGPTPEER opens the slave");
    close(peer), close(second), close(slave), close(master);
    fails(stat(name, &by_path), ENOENT, "closing the master removes the name");
}

static void slave_goes(void) {
    char buffer[64];
    open_master();
    fcntl(master, F_SETFL, O_NONBLOCK);
    fails(read(master, buffer, 1), EAGAIN, "before anybody opens the slave a read would block");
    is(poll_now(master), POLLOUT, "and poll says so");
    int slave = open(name, O_RDWR | O_NOCTTY);
    write(slave, "bye", 3);
    close(slave);
    ok(poll_now(master) & POLLHUP, "closing the slave hangs the master up");
    is(read(master, buffer, sizeof buffer), 3, "what was written is still there");
    fails(read(master, buffer, 1), EIO, "then EIO");
    slave = open(name, O_RDWR | O_NOCTTY);
    ok(!(poll_now(master) & POLLHUP), "opening it again takes the hang-up back");
    fails(read(master, buffer, 1), EAGAIN, "and the EIO");
    close(slave);
    close(master);
}

static void master_goes(void) {
    char buffer[8];
    open_master();
    int slave = open(name, O_RDWR | O_NOCTTY);
    pid_t reader = start_child({
        close(master);
        ssize_t size = read(slave, buffer, 1);
        _exit(!(size == 0 || (size == -1 && errno == EIO)));
    });
    sleeps(reader);
    close(master);
    exited(wait_status(reader), 0, "a blocked reader ends when the master closes");
    is(read(slave, buffer, 1), 0, "later reads see the end");
    fails(write(slave, "x", 1), EIO, "writes fail");
    ok(poll_now(slave) & POLLHUP, "poll says hang-up");
    struct termios t;
    fails(tcgetattr(slave, &t), EIO, "modes are gone, too");
    close(slave);
}

static void packet_mode(void) {
    char buffer[64];
    int on = 1, state = 0;
    open_master();
    int slave = open(name, O_RDWR | O_NOCTTY);
    fcntl(master, F_SETFL, O_NONBLOCK);
    is(ioctl(master, TIOCPKT, &on), 0, "TIOCPKT");
    ioctl(master, TIOCGPKT, &state);
    is(state, 1, "is on");
    write(slave, "data", 4);
    eventually(poll_now(master) & POLLIN);
    is(read(master, buffer, sizeof buffer), 5, "data comes with a leading byte");
    ok(buffer[0] == TIOCPKT_DATA && !memcmp(buffer + 1, "data", 4), "of zero");
    tcflush(slave, TCIFLUSH);
    ok(poll_now(master) & POLLPRI, "a flush is priority data");
    is(read(master, buffer, sizeof buffer), 1, "one byte");
    is(buffer[0], TIOCPKT_FLUSHREAD, "that says what was flushed");
    struct termios t;
    tcgetattr(slave, &t);
    t.c_iflag &= ~(tcflag_t)IXON;
    tcsetattr(slave, TCSANOW, &t);
    is(read(master, buffer, sizeof buffer), 1, "so is the end of flow control");
    is(buffer[0], TIOCPKT_NOSTOP, "TIOCPKT_NOSTOP");
    tcflow(slave, TCOOFF);
    is(read(master, buffer, sizeof buffer), 1, "stopping");
    is(buffer[0], TIOCPKT_STOP, "TIOCPKT_STOP");
    tcflow(slave, TCOON);
    is(read(master, buffer, sizeof buffer), 1, "starting");
    is(buffer[0], TIOCPKT_START, "TIOCPKT_START");
    fails(read(master, buffer, sizeof buffer), EAGAIN, "nothing more");
    close(slave), close(master);
}

static void traffic(void) {
    open_master();
    int slave = open(name, O_RDWR | O_NOCTTY);
    set_raw(slave);
    static char big[200000], got[200000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 7 + i / 251);
    pid_t writer = start_child(_exit(write(master, big, sizeof big) != sizeof big));
    size_t total = 0;
    while (total < sizeof got) {
        ssize_t size = read(slave, got + total, sizeof got - total);
        if (size <= 0)
            break;
        total += (size_t)size;
    }
    exited(wait_status(writer), 0, "a large write to the master ends");
    ok(total == sizeof big && !memcmp(big, got, sizeof big), "and arrives unchanged");
    writer = start_child(_exit(write(slave, big, sizeof big) != sizeof big));
    memset(got, 0, sizeof got);
    for (total = 0; total < sizeof got;) {
        ssize_t size = read(master, got + total, sizeof got - total);
        if (size <= 0)
            break;
        total += (size_t)size;
    }
    exited(wait_status(writer), 0, "a large write to the slave ends");
    ok(total == sizeof big && !memcmp(big, got, sizeof big), "and arrives unchanged");
    fcntl(master, F_SETFL, O_NONBLOCK);
    ssize_t size;
    size_t sent = 0;
    while ((size = write(master, big, 4096)) > 0)
        sent += (size_t)size;
    ok(size == -1 && errno == EAGAIN && sent >= 4000, "a master that nobody reads from fills up");
    ok(!(poll_now(master) & POLLOUT), "and is not writable");
    for (total = 0; total < sent;) {
        size = read(slave, got, sizeof got);
        if (size <= 0)
            break;
        total += (size_t)size;
    }
    is(total, sent, "what it took can be read");
    ok(eventually(poll_now(master) & POLLOUT), "then it is writable again");
    close(slave), close(master);
}

static void locked_modes(void) {
    int master = open_master(), slave = open(name, O_RDWR | O_NOCTTY);
    struct termios modes, lock, got;
    memset(&lock, 0xff, sizeof lock);
    is(ioctl(slave, TIOCGLCKTRMIOS, &lock), 0, "locked modes");
    ok(lock.c_lflag == 0 && lock.c_iflag == 0 && lock.c_cc[VINTR] == 0, "there are none");
    tcgetattr(slave, &modes);
    lock.c_lflag = ECHO, lock.c_cc[VINTR] = 1;
    is(ioctl(slave, TIOCSLCKTRMIOS, &lock), 0, "one mode, and a character");
    struct termios other = modes;
    other.c_lflag ^= ECHO | ICANON, other.c_cc[VINTR] = 'x', other.c_cc[VQUIT] = 'y';
    is(tcsetattr(slave, TCSANOW, &other), 0, "are not changed");
    tcgetattr(slave, &got);
    ok((got.c_lflag & ECHO) == (modes.c_lflag & ECHO) && got.c_cc[VINTR] == modes.c_cc[VINTR], "as they are locked");
    ok((got.c_lflag & ICANON) != (modes.c_lflag & ICANON) && got.c_cc[VQUIT] == 'y', "others are");
    exited(in_child(setuid(65534); _exit(ioctl(slave, TIOCSLCKTRMIOS, &lock) == 0 || errno != EPERM)), 0,
           "not everybody may lock them");
    close(slave), close(master);
}

static void many(void) {
    int masters[64], slaves[64], good = 0;
    for (int i = 0; i < 64; i++) {
        masters[i] = open_master();
        slaves[i] = open(name, O_RDWR | O_NOCTTY);
        good += masters[i] >= 0 && slaves[i] >= 0;
    }
    is(good, 64, "64 at once");
    for (int i = 0; i < 64; i++) {
        char c = (char)i, back = 0;
        set_raw(slaves[i]);
        write(masters[i], &c, 1);
        read(slaves[i], &back, 1);
        good += back == c;
    }
    is(good, 128, "each its own");
    for (int i = 0; i < 64; i++)
        close(masters[i]), close(slaves[i]);
}

int main(void) {
    alarm(100);
    naming();
    slave_goes();
    master_goes();
    packet_mode();
    traffic();
    locked_modes();
    many();
    return tap_done();
}
