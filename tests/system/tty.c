// SPDX-License-Identifier: MPL-2.0
// The line discipline, seen from both sides of a pty: what is typed at the master, what the terminal's program reads,
// what is echoed; the modes, flow control and the four ways of a raw read.
#include "sys.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#ifndef XTABS
#define XTABS 0014000
#endif

static int master, line;
static struct termios usual;

struct modes {
    tcflag_t i_set, i_clear, o_set, o_clear, l_set, l_clear;
};

static void set_modes(struct modes m) {
    struct termios t = usual;
    t.c_iflag = (t.c_iflag | m.i_set) & ~m.i_clear;
    t.c_oflag = (t.c_oflag | m.o_set) & ~m.o_clear;
    t.c_lflag = (t.c_lflag | m.l_set) & ~m.l_clear;
    tcsetattr(line, TCSANOW, &t);
}

static void renew(void) {
    if (line > 0)
        close(line), close(master);
    char name[64];
    master = posix_openpt(O_RDWR | O_NOCTTY);
    grantpt(master), unlockpt(master), ptsname_r(master, name, sizeof name);
    line = open(name, O_RDWR | O_NOCTTY);
    fcntl(master, F_SETFL, O_NONBLOCK);
    tcgetattr(line, &usual);
}

static bool readable(int fd, int ms) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms) == 1 && (p.revents & POLLIN);
}

static void type(const char *text, size_t size) {
    if (write(master, text, size) != (ssize_t)size)
        printf("# short write to the master\n");
}

// What the program side reads, a | behind each read.
static const char *read_all(int ms) {
    static char text[8192];
    size_t total = 0;
    while (readable(line, ms)) {
        ssize_t size = read(line, text + total, sizeof text - 2 - total);
        if (size < 0)
            break;
        total += (size_t)size;
        text[total++] = '|';
    }
    text[total] = '\0';
    return text;
}

static const char *echoed(int ms) {
    static char text[8192];
    size_t total = 0;
    while (readable(master, ms)) {
        ssize_t size = read(master, text + total, sizeof text - 1 - total);
        if (size <= 0)
            break;
        total += (size_t)size;
    }
    text[total] = '\0';
    return text;
}

static void print_escaped(const char *what, const char *text) {
    printf("# %s \"", what);
    for (; *text; text++)
        printf(*text >= 32 && *text < 127 ? "%c" : "\\%03o", (unsigned char)*text);
    printf("\"\n");
}

static void same(const char *got, const char *want, const char *what, const char *part) {
    if (!ok(!strcmp(got, want), "%s: %s", what, part)) {
        print_escaped("got ", got);
        print_escaped("want", want);
    }
}

#define S(text) text, sizeof(text) - 1

static const struct {
    const char *what;
    struct modes modes;
    const char *typed;
    size_t size;
    const char *read, *echo;
} typings[] = {
    {"a line", {}, S("hello\n"), "hello\n|", "hello\r\n"},
    {"CR becomes NL", {}, S("hello\r"), "hello\n|", "hello\r\n"},
    {"an unfinished line", {}, S("hello"), "", "hello"},
    {"two lines", {}, S("a\nb\n"), "a\n|b\n|", "a\r\nb\r\n"},
    {"no echo", {.l_clear = ECHO}, S("secret\n"), "secret\n|", ""},
    {"ECHONL", {.l_clear = ECHO, .l_set = ECHONL}, S("secret\n"), "secret\n|", "\r\n"},
    {"IGNCR", {.i_set = IGNCR}, S("a\rb\n"), "ab\n|", "ab\r\n"},
    {"INLCR", {.i_set = INLCR, .i_clear = ICRNL}, S("a\n"), "", "a^M"},
    {"ISTRIP", {.i_set = ISTRIP}, S("\xe1\xe2\n"), "ab\n|", "ab\r\n"},
    {"IUCLC", {.i_set = IUCLC}, S("ABC\n"), "abc\n|", "abc\r\n"},
    {"no ONLCR", {.o_clear = ONLCR}, S("a\n"), "a\n|", "a\n"},
    {"ECHOCTL", {}, S("a\001b\n"), "a\001b\n|", "a^Ab\r\n"},
    {"no ECHOCTL", {.l_clear = ECHOCTL}, S("a\001\n"), "a\001\n|", "a\001\r\n"},
    {"EOF", {}, S("\004"), "|", ""},
    {"EOF after text", {}, S("abc\004"), "abc|", "abc"},
    {"EOF twice", {}, S("abc\004\004"), "abc||", "abc"},
    {"erase", {}, S("ab\177c\n"), "ac\n|", "ab\b \bc\r\n"},
    {"erase at the start", {}, S("\177a\n"), "a\n|", "a\r\n"},
    {"erase does not cross lines", {}, S("a\n\177b\n"), "a\n|b\n|", "a\r\nb\r\n"},
    {"erase without ECHOE", {.l_clear = ECHOE}, S("ab\177\n"), "a\n|", "ab^?\r\n"},
    {"erase a control character", {}, S("\001\177\n"), "\n|", "^A\b \b\b \b\r\n"},
    {"erase UTF-8", {.i_set = IUTF8}, S("a\xc3\xa4\177b\n"), "ab\n|", "a\xc3\xa4\b \bb\r\n"},
    {"erase of bytes", {}, S("\xc3\xa4\177\n"), "\xc3\n|", "\xc3\xa4\b \b\r\n"},
    {"erase a tab", {}, S("ab\t\177c\n"), "abc\n|", "ab\t\b\b\b\b\b\bc\r\n"},
    {"erase a tab after a tab", {}, S("\tab\t\177\n"), "\tab\n|", "\tab\t\b\b\b\b\b\b\r\n"},
    {"erase a word", {}, S("one two\027x\n"), "one x\n|", "one two\b \b\b \b\b \bx\r\n"},
    {"erase a word and blanks", {}, S("one  \027x\n"), "x\n|", "one  \b \b\b \b\b \b\b \b\b \bx\r\n"},
    {"word erase stops at a dash", {}, S("a-bc\027\n"), "a-\n|", "a-bc\b \b\b \b\r\n"},
    {"word erase needs IEXTEN", {.l_clear = IEXTEN}, S("a\027\n"), "a\027\n|", "a^W\r\n"},
    {"kill", {}, S("abc\025d\n"), "d\n|", "abc\b \b\b \b\b \bd\r\n"},
    {"kill without ECHOKE", {.l_clear = ECHOKE}, S("abc\025d\n"), "d\n|", "abc^U\r\nd\r\n"},
    {"kill without echo", {.l_clear = ECHO}, S("abc\025d\n"), "d\n|", ""},
    {"ECHOPRT", {.l_set = ECHOPRT}, S("abc\177\177d\n"), "ad\n|", "abc\\cb/d\r\n"},
    {"reprint", {}, S("ab\022c\n"), "abc\n|", "ab^R\r\nabc\r\n"},
    {"literal erase", {}, S("a\026\177b\n"), "a\177b\n|", "a^\b^?b\r\n"},
    {"literal EOF", {}, S("a\026\004\n"), "a\004\n|", "a^\b^D\r\n"},
    {"literal newline", {}, S("a\026\nb\n"), "a\nb\n|", "a^\b^Jb\r\n"},
    {"literal interrupt", {}, S("\026\003\n"), "\003\n|", "^\b^C\r\n"},
    {"interrupt flushes", {}, S("abc\003d\n"), "d\n|", "^Cd\r\n"},
    {"interrupt with NOFLSH", {.l_set = NOFLSH}, S("ab\003c\n"), "abc\n|", "ab^Cc\r\n"},
    {"quit", {}, S("\034"), "", "^\\"},
    {"suspend", {}, S("\032"), "", "^Z"},
    {"no ISIG", {.l_clear = ISIG}, S("\003\n"), "\003\n|", "^C\r\n"},
    {"stop and start", {}, S("a\023b\021\n"), "ab\n|", "ab\r\n"},
    {"stop holds echoes", {}, S("\023ab\n"), "ab\n|", ""},
    {"IXANY", {.i_set = IXANY}, S("\023a"), "", "a"},
    {"no IXON", {.i_clear = IXON}, S("\023\n"), "\023\n|", "^S\r\n"},
    {"interrupt starts output", {}, S("\023\003"), "", "^C"},
    {"raw",
     {.l_clear = ICANON | ECHO | ISIG | IEXTEN, .i_clear = ICRNL | IXON},
     S("a\003\r\004\177\023"),
     "a\003\r\004\177\023|",
     ""},
    {"raw with echo", {.l_clear = ICANON}, S("ab\177\n"), "ab\177\n|", "ab^?^J"},
    {"Enter in raw mode with echo", {.l_clear = ICANON}, S("a\r"), "a\n|", "a\r\n"},
    {"PARMRK", {.l_clear = ICANON | ECHO, .i_set = PARMRK}, S("\xff"), "\xff\xff|", ""},
};

static void table(void) {
    for (size_t i = 0; i < COUNT(typings); i++) {
        renew();
        set_modes(typings[i].modes);
        type(typings[i].typed, typings[i].size);
        same(echoed(20), typings[i].echo, typings[i].what, "echo");
        same(read_all(20), typings[i].read, typings[i].what, "read");
    }
}

static void small_reads(void) {
    char buffer[16];
    int count = -1;
    renew();
    type(S("abcdef\n"));
    readable(line, 1000);
    is(ioctl(line, FIONREAD, &count), 0, "FIONREAD");
    is(count, 7, "counts the line");
    is(read(line, buffer, 3), 3, "a line is read in parts");
    is(read(line, buffer, sizeof buffer), 4, "to its end");
    type(S("abc\004x\n"));
    readable(line, 1000);
    is(read(line, buffer, 3), 3, "exactly the text before an EOF");
    is(read(line, buffer, sizeof buffer), 2, "takes the EOF with it");
    fcntl(line, F_SETFL, O_NONBLOCK);
    fails(read(line, buffer, 1), EAGAIN, "nothing more, without blocking");
    type(S("abc"));
    sleep_ms(20);
    fails(read(line, buffer, 1), EAGAIN, "nor of an unfinished line");
    struct pollfd p = {.fd = line, .events = POLLIN | POLLOUT};
    poll(&p, 1, 0);
    is(p.revents, POLLOUT, "poll agrees");
}

static void mode_switch(void) {
    renew();
    type(S("typed ahead"));
    sleep_ms(20);
    ok(!readable(line, 0), "an unfinished line is not readable");
    set_modes((struct modes){.l_clear = ICANON});
    same(read_all(20), "typed ahead|", "leaving canonical mode", "makes it readable");
    type(S("more"));
    sleep_ms(20);
    set_modes((struct modes){});
    same(read_all(20), "more|", "coming back", "keeps it readable");
    type(S("\177new\n"));
    same(read_all(20), "new\n|", "then", "lines are edited again");
}

// How long a raw read took, in tenths of a second, and what it got.
static int timed_read(int min, int time, char *buffer, ssize_t *got) {
    struct termios t = usual;
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    t.c_cc[VMIN] = (cc_t)min;
    t.c_cc[VTIME] = (cc_t)time;
    tcsetattr(line, TCSANOW, &t);
    int64_t start = now_ns();
    *got = read(line, buffer, 10);
    return (int)((now_ns() - start) / 100'000'000);
}

static void type_later(int ms, const char *text) {
    pid_t child = start_child({
        for (; *text; text++) {
            sleep_ms(ms);
            type(text, 1);
        }
    });
    (void)child;
}

static void raw_reads(void) {
    char buffer[16];
    ssize_t got;
    renew();
    (void)timed_read(0, 0, buffer, &got);
    is(got, 0, "VMIN 0, VTIME 0: at once, with nothing");
    int tenths = timed_read(0, 3, buffer, &got);
    ok(got == 0 && tenths >= 3, "VMIN 0, VTIME 3: after 0.3 s with nothing (%d)", tenths);
    type_later(100, "x");
    tenths = timed_read(0, 250, buffer, &got);
    ok(got == 1 && tenths < 250, "VMIN 0, VTIME: ends with the first byte (%d)", tenths);
    wait(NULL);
    type_later(50, "abc");
    (void)timed_read(3, 0, buffer, &got);
    is(got, 3, "VMIN 3, VTIME 0: waits for three bytes");
    wait(NULL);
    type_later(50, "ab");
    tenths = timed_read(5, 15, buffer, &got);
    ok(got == 2 && tenths >= 15, "VMIN 5, VTIME 15: 1.5 s after the last byte (%d)", tenths);
    wait(NULL);
    struct termios t = usual;
    t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    t.c_cc[VMIN] = 3;
    tcsetattr(line, TCSANOW, &t);
    type(S("ab"));
    sleep_ms(20);
    ok(!readable(line, 0), "poll waits for VMIN bytes, too");
    type(S("c"));
    ok(readable(line, 30000), "and comes with them");
    is(ioctl(line, TCFLSH, TCIFLUSH), 0, "TCIFLUSH");
    ok(!readable(line, 0), "forgets them");
}

static void output(void) {
    static const struct {
        const char *what;
        struct modes modes;
        const char *written, *sent;
    } rows[] = {
        {"ONLCR", {}, "a\nb", "a\r\nb"},
        {"no OPOST", {.o_clear = OPOST}, "a\n\tb", "a\n\tb"},
        {"OCRNL", {.o_set = OCRNL, .o_clear = ONLCR}, "a\rb", "a\nb"},
        {"ONOCR", {.o_set = ONOCR}, "\ra\rb", "a\rb"},
        {"XTABS", {.o_set = XTABS}, "ab\tc", "ab      c"},
        {"XTABS after a backspace", {.o_set = XTABS}, "ab\b\tc", "ab\b       c"},
        {"OLCUC", {.o_set = OLCUC}, "abC", "ABC"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        renew();
        set_modes(rows[i].modes);
        is(write(line, rows[i].written, strlen(rows[i].written)), strlen(rows[i].written), "%s: written", rows[i].what);
        same(echoed(20), rows[i].sent, rows[i].what, "sent");
    }
    // A large write waits for the master to read.
    renew();
    fcntl(master, F_SETFL, 0);
    static char big[100000];
    memset(big, 'x', sizeof big);
    pid_t writer = start_child(_exit(write(line, big, sizeof big) != sizeof big));
    size_t total = 0;
    while (total < sizeof big) {
        char buffer[4096];
        ssize_t size = read(master, buffer, sizeof buffer);
        if (size <= 0)
            break;
        total += (size_t)size;
    }
    is(total, sizeof big, "a write larger than any buffer arrives whole");
    exited(wait_status(writer), 0, "and the writer knows");
    fcntl(line, F_SETFL, O_NONBLOCK);
    ssize_t size, sent = 0;
    while ((size = write(line, big, sizeof big)) > 0)
        sent += size;
    ok(size == -1 && errno == EAGAIN && sent > 0, "without blocking it ends with EAGAIN");
    struct pollfd p = {.fd = line, .events = POLLOUT};
    is(poll(&p, 1, 0), 0, "and is not writable");
    is(ioctl(line, TCFLSH, TCOFLUSH), 0, "TCOFLUSH");
    is(poll(&p, 1, 30000), 1, "makes it so");
}

static void flow(void) {
    renew();
    is(tcflow(line, TCOOFF), 0, "TCOOFF");
    fcntl(line, F_SETFL, O_NONBLOCK);
    ssize_t size = write(line, "held", 4);
    same(echoed(30), "", "stopped output", "stays");
    type(S("\021"));
    same(echoed(30), "", "the start character", "does not undo TCOOFF");
    is(tcflow(line, TCOON), 0, "TCOON");
    if (size < 0) // Linux refuses the write, Tessera keeps it
        write(line, "held", 4);
    same(echoed(100), "held", "started output", "comes");
    is(tcflow(line, TCIOFF), 0, "TCIOFF");
    same(echoed(100), "\023", "TCIOFF", "sends the stop character");
    is(tcflow(line, TCION), 0, "TCION");
    same(echoed(100), "\021", "TCION", "sends the start character");
    fails(tcflow(line, 17), EINVAL, "no such flow action");
}

static void attributes(void) {
    renew();
    is(usual.c_iflag, ICRNL | IXON, "c_iflag of a new terminal");
    is(usual.c_oflag, OPOST | ONLCR, "c_oflag");
    is(usual.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN, "c_lflag");
    is(usual.c_cflag & (CSIZE | CREAD), CS8 | CREAD, "c_cflag");
    is(cfgetospeed(&usual), B38400, "speed");
    ok(usual.c_cc[VINTR] == 3 && usual.c_cc[VERASE] == 127 && usual.c_cc[VEOF] == 4 && usual.c_cc[VMIN] == 1, "c_cc");
    struct termios t = usual, back;
    cfsetspeed(&t, B115200);
    t.c_cc[VINTR] = 7;
    is(tcsetattr(line, TCSADRAIN, &t), 0, "TCSADRAIN");
    tcgetattr(line, &back);
    ok(cfgetospeed(&back) == B115200 && back.c_cc[VINTR] == 7, "is remembered");
    type(S("x\n"));
    readable(line, 1000);
    is(tcsetattr(line, TCSAFLUSH, &usual), 0, "TCSAFLUSH");
    ok(!readable(line, 0), "forgets input");
    fails(tcgetattr(0x7fff, &t), EBADF, "no such descriptor");
    int null = open("/dev/null", O_RDWR);
    fails(tcgetattr(null, &t), ENOTTY, "/dev/null is no terminal");
    fails(ioctl(line, TIOCGPTN, &null), ENOTTY, "the slave is no master");
    struct winsize size = {25, 80, 1, 2}, got;
    ioctl(line, TIOCGWINSZ, &got);
    is(got.ws_row, 0, "a new terminal has no size");
    is(ioctl(line, TIOCSWINSZ, &size), 0, "TIOCSWINSZ");
    ioctl(master, TIOCGWINSZ, &got);
    ok(got.ws_row == 25 && got.ws_col == 80 && got.ws_xpixel == 1 && got.ws_ypixel == 2, "both sides see it");
    fails(ioctl(line, TIOCGWINSZ, (void *)8), EFAULT, "a bad pointer");
    fails(lseek(line, 0, SEEK_SET), ESPIPE, "a terminal does not seek");
    int pending;
    is(ioctl(line, TIOCOUTQ, &pending), 0, "TIOCOUTQ");
    is(isatty(line) && isatty(master), 1, "both are terminals");
}

int main(void) {
    alarm(100);
    attributes();
    table();
    small_reads();
    mode_switch();
    raw_reads();
    output();
    flow();
    return tap_done();
}
