// SPDX-License-Identifier: MPL-2.0
// Sessions, process groups and the terminal: who may read, who is stopped, who is hung up.
#include "sys.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, line;
static char name[64];

static bool open_terminal(void) {
    master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 || ptsname_r(master, name, sizeof name))
        return false;
    return true;
}

static void sessions(void) {
    exited(in_child({
               pid_t self = getpid();
               bool good = setsid() == self && getsid(0) == self && getpgrp() == self;
               good &= setsid() == -1 && errno == EPERM;
               good &= setpgid(0, 0) == -1 && errno == EPERM;
               good &= open("/dev/tty", O_RDWR) == -1 && errno == ENXIO;
               _exit(!good);
           }),
           0, "setsid makes a leader without a terminal, once");
    fails(setpgid(getpid(), -1), EINVAL, "a negative group");
    fails(setpgid(1, 0), ESRCH, "process 1 is not our child");
    fails(getpgid(0x3fffffff), ESRCH, "nobody's group");
    fails(getsid(0x3fffffff), ESRCH, "nobody's session");
    int gate[2];
    pipe(gate);
    pid_t child = start_child({
        char c;
        close(gate[1]);
        read(gate[0], &c, 1);
        _exit(getpgrp() == getpid() ? 0 : 1);
    });
    is(setpgid(child, child), 0, "a parent moves its child to a group of its own");
    is(getpgid(child), child, "where it is");
    fails(setpgid(child, 0x3fffffff), EPERM, "not to a group that does not exist");
    close(gate[1]);
    exited(wait_status(child), 0, "the child sees it too");
    close(gate[0]);
    pipe2(gate, O_CLOEXEC);
    child = start_child({
        execl("/bin/sleep", "sleep", "1000", NULL);
        execl("/bin/busybox", "sleep", "1000", NULL);
        _exit(1);
    });
    char c;
    close(gate[1]);
    is(read(gate[0], &c, 1), 0, "exec has closed the other end");
    fails(setpgid(child, child), EACCES, "not once it has called exec");
    kill(child, SIGKILL);
    wait_status(child);
    close(gate[0]);
}

// Becomes the leader of a session on the terminal.
static void lead(void) {
    close(master); // or closing the other one would not hang up
    setsid();
    line = open(name, O_RDWR);
    ioctl(line, TIOCSCTTY, 0);
}

static void controlling(void) {
    exited(in_child({
               setsid();
               line = open(name, O_RDWR);
               bool good = line >= 0 && tcgetsid(line) == getpid() && tcgetpgrp(line) == getpgrp();
               int tty = open("/dev/tty", O_RDWR);
               good &= tty >= 0 && tcgetsid(tty) == getpid();
               _exit(!good);
           }),
           0, "a leader's first terminal becomes its controlling one; /dev/tty leads there");
    exited(in_child({
               setsid();
               line = open(name, O_RDWR | O_NOCTTY);
               bool good = line >= 0 && open("/dev/tty", O_RDWR) == -1 && errno == ENXIO;
               good &= tcgetpgrp(line) == -1 && errno == ENOTTY;
               good &= ioctl(line, TIOCSCTTY, 0) == 0 && tcgetpgrp(line) == getpgrp();
               _exit(!good);
           }),
           0, "not with O_NOCTTY, but by TIOCSCTTY");
    exited(in_child({
               lead();
               bool good = tcsetpgrp(line, 0x3fffffff) == -1 && errno == ESRCH;
               good &= tcsetpgrp(line, -1) == -1 && errno == EINVAL;
               pid_t child = start_child({
                   setpgid(0, 0);
                   for (;;)
                       pause();
               });
               setpgid(child, child);
               good &= tcsetpgrp(line, child) == 0 && tcgetpgrp(line) == child;
               signal(SIGTTOU, SIG_IGN);
               good &= tcsetpgrp(line, getpgrp()) == 0;
               kill(child, SIGKILL);
               wait_status(child);
               _exit(!good);
           }),
           0, "the leader chooses the foreground group among the session's");
    exited(in_child({
               lead();
               signal(SIGHUP, SIG_IGN);
               bool good = ioctl(line, TIOCNOTTY) == 0 && open("/dev/tty", O_RDWR) == -1;
               _exit(!good);
           }),
           0, "TIOCNOTTY gives the terminal up");
}

static volatile int got;
static void note(int signal) {
    got = signal;
}

static void background(void) {
    exited(in_child({
               lead();
               int status;
               char c;
               pid_t reader = start_child({
                   setpgid(0, 0);
                   read(line, &c, 1);
               });
               bool good =
                   waitpid(reader, &status, WUNTRACED) == reader && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN;
               kill(reader, SIGKILL);
               wait_status(reader);
               pid_t ignorer = start_child({
                   setpgid(0, 0);
                   signal(SIGTTIN, SIG_IGN);
                   _exit(!(read(line, &c, 1) == -1 && errno == EIO));
               });
               good &= wait_status(ignorer) == 0;
               _exit(!good);
           }),
           0, "a background reader is stopped by SIGTTIN, or gets EIO if it ignores that");
    exited(in_child({
               lead();
               int status;
               pid_t writer = start_child({
                   setpgid(0, 0);
                   _exit(write(line, "x", 1) != 1);
               });
               bool good = wait_status(writer) == 0;
               struct termios mode;
               tcgetattr(line, &mode);
               mode.c_lflag |= TOSTOP;
               tcsetattr(line, TCSANOW, &mode);
               writer = start_child({
                   setpgid(0, 0);
                   write(line, "y", 1);
               });
               good &=
                   waitpid(writer, &status, WUNTRACED) == writer && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU;
               kill(writer, SIGKILL);
               wait_status(writer);
               writer = start_child({
                   setpgid(0, 0);
                   tcsetattr(line, TCSANOW, &mode);
               });
               good &=
                   waitpid(writer, &status, WUNTRACED) == writer && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU;
               kill(writer, SIGKILL);
               wait_status(writer);
               _exit(!good);
           }),
           0, "a background writer is stopped by SIGTTOU only with TOSTOP; changing the terminal always stops");
}

static void keys(void) {
    static const struct {
        const char *key;
        int signal;
    } keys[] = {{"\x03", SIGINT}, {"\x1c", SIGQUIT}, {"\x1a", SIGTSTP}};
    int ready[2];
    pipe(ready);
    for (size_t i = 0; i < COUNT(keys); i++) {
        pid_t child = start_child({
            lead();
            got = 0;
            on_signal(keys[i].signal, note, 0);
            write(ready[1], "r", 1);
            char c;
            read(line, &c, 1);
            _exit(got != keys[i].signal);
        });
        char c;
        read(ready[0], &c, 1);
        sleeps(child);
        write(master, keys[i].key, 1);
        exited(wait_status(child), 0, "key %#x sends signal %d to the foreground group", keys[i].key[0],
               keys[i].signal);
    }
    pid_t child = start_child({
        lead();
        on_signal(SIGWINCH, note, 0);
        write(ready[1], "r", 1);
        pause();
        struct winsize size;
        ioctl(line, TIOCGWINSZ, &size);
        _exit(!(got == SIGWINCH && size.ws_col == 99 && size.ws_row == 33));
    });
    char c;
    read(ready[0], &c, 1);
    sleeps(child);
    ioctl(master, TIOCSWINSZ, &(struct winsize){.ws_col = 99, .ws_row = 33});
    exited(wait_status(child), 0, "a new window size sends SIGWINCH");
    close(ready[0]), close(ready[1]);
}

static void hang_up(void) {
    int ready[2];
    pipe(ready);
    pid_t child = start_child({
        lead();
        on_signal(SIGHUP, note, 0);
        write(ready[1], "r", 1);
        char c;
        ssize_t size = read(line, &c, 1);
        int error = errno;
        _exit(!(eventually(got == SIGHUP) && ((size == -1 && (error == EINTR || error == EIO)) || size == 0) &&
                write(line, "x", 1) == -1 && errno == EIO));
    });
    char c;
    read(ready[0], &c, 1);
    sleeps(child);
    close(master);
    exited(wait_status(child), 0, "closing the master hangs up: SIGHUP to the leader, EIO for writers");
    ok(open_terminal(), "another terminal");
    // The end of a leader hangs up its foreground group.
    int report[2];
    pipe(report);
    pid_t leader = start_child({
        lead();
        start_child({
            signal(SIGHUP, SIG_DFL);
            write(ready[1], "r", 1);
            for (;;)
                pause();
        });
        close(report[1]);
        pause();
    });
    close(report[1]);
    read(ready[0], &c, 1);
    kill(leader, SIGKILL);
    wait_status(leader);
    is(read(report[0], &c, 1), 0, "when a session's leader ends, its foreground group gets SIGHUP");
    close(report[0]), close(ready[0]), close(ready[1]);
}

static void orphaned(void) {
    int report[2];
    pipe(report);
    // A stopped member of a group that becomes orphaned is told SIGHUP and continued.
    exited(in_child({
               setsid(); // so that whoever inherits the orphan is in another session
               pid_t middle = start_child({
                   setpgid(0, 0);
                   pid_t member = start_child({
                       on_signal(SIGHUP, note, 0);
                       raise(SIGSTOP);
                       write(report[1], eventually(got == SIGHUP) ? "h" : "n", 1);
                   });
                   eventually(process_state(member) == 'T');
               });
               wait_status(middle);
           }),
           0, "a group is orphaned while a member is stopped");
    char c = 0;
    is(read(report[0], &c, 1), 1, "it runs again");
    is(c, 'h', "after SIGHUP");
    close(report[0]), close(report[1]);
}

int main(void) {
    if (!ok(open_terminal(), "a pseudo-terminal"))
        return tap_done();
    sessions();
    controlling();
    background();
    keys();
    hang_up();
    orphaned();
    return tap_done();
}
