// SPDX-License-Identifier: MPL-2.0
// The line discipline as a table: modes and typed bytes in; what programs read, what is echoed, which signals out.
#include "line.h"

#include <stdlib.h>
#include <tap.h>

static struct line line;

struct modes {
    uint32_t iflag_set, iflag_clear, oflag_set, oflag_clear, lflag_set, lflag_clear;
};

#define S(text) text, sizeof(text) - 1

struct typing {
    const char *what;
    struct modes modes;
    const char *typed;
    size_t typed_size;
    const char *read; // all that is readable; lines end with | (an EOF, too)
    const char *echo;
    uint32_t events;
};

static const struct typing typings[] = {
    // plain lines
    {"a line", {}, S("hello\n"), "hello\n|", "hello\r\n", 0},
    {"CR becomes NL", {}, S("hello\r"), "hello\n|", "hello\r\n", 0},
    {"an unfinished line is not readable", {}, S("hello"), "", "hello", 0},
    {"two lines", {}, S("a\nb\n"), "a\n|b\n|", "a\r\nb\r\n", 0},
    {"no echo", {.lflag_clear = ECHO}, S("secret\n"), "secret\n|", "", 0},
    {"no echo but of the newline", {.lflag_clear = ECHO, .lflag_set = ECHONL}, S("secret\n"), "secret\n|", "\r\n", 0},
    {"IGNCR", {.iflag_set = IGNCR}, S("a\rb\n"), "ab\n|", "ab\r\n", 0},
    {"INLCR without ICRNL", {.iflag_set = INLCR, .iflag_clear = ICRNL}, S("a\n"), "", "a^M", 0},
    {"ISTRIP", {.iflag_set = ISTRIP}, S("\xe1\xe2\n"), "ab\n|", "ab\r\n", 0},
    {"IUCLC", {.iflag_set = IUCLC}, S("ABC\n"), "abc\n|", "abc\r\n", 0},
    {"no ONLCR", {.oflag_clear = ONLCR}, S("a\n"), "a\n|", "a\n", 0},
    {"control characters are echoed as ^X", {}, S("a\001b\n"), "a\001b\n|", "a^Ab\r\n", 0},
    {"but not without ECHOCTL", {.lflag_clear = ECHOCTL}, S("a\001\n"), "a\001\n|", "a\001\r\n", 0},
    // line ends
    {"EOF alone", {}, S("\004"), "|", "", 0},
    {"EOF after text", {}, S("abc\004"), "abc|", "abc", 0},
    {"EOF twice after text", {}, S("abc\004\004"), "abc||", "abc", 0},
    // erasing
    {"erase a character", {}, S("ab\177c\n"), "ac\n|", "ab\b \bc\r\n", 0},
    {"erase at the start of the line does nothing", {}, S("\177a\n"), "a\n|", "a\r\n", 0},
    {"erase does not cross lines", {}, S("a\n\177b\n"), "a\n|b\n|", "a\r\nb\r\n", 0},
    {"erase without ECHOE echoes the character", {.lflag_clear = ECHOE}, S("ab\177\n"), "a\n|", "ab^?\r\n", 0},
    {"erase a control character", {}, S("\001\177\n"), "\n|", "^A\b \b\b \b\r\n", 0},
    {"erase UTF-8", {.iflag_set = IUTF8}, S("a\xc3\xa4\177b\n"), "ab\n|", "a\xc3\xa4\b \bb\r\n", 0},
    {"erase of bytes without IUTF8", {}, S("\xc3\xa4\177\n"), "\xc3\n|", "\xc3\xa4\b \b\r\n", 0},
    {"erase a tab", {}, S("ab\t\177c\n"), "abc\n|", "ab\t\b\b\b\b\b\bc\r\n", 0},
    {"erase a tab after a tab", {}, S("\tab\t\177\n"), "\tab\n|", "\tab\t\b\b\b\b\b\b\r\n", 0},
    {"erase a word", {}, S("one two\027x\n"), "one x\n|", "one two\b \b\b \b\b \bx\r\n", 0},
    {"erase a word and its blanks", {}, S("one  \027x\n"), "x\n|", "one  \b \b\b \b\b \b\b \b\b \bx\r\n", 0},
    {"word erase stops at a dash", {}, S("a-bc\027\n"), "a-\n|", "a-bc\b \b\b \b\r\n", 0},
    {"word erase is off without IEXTEN", {.lflag_clear = IEXTEN}, S("a\027\n"), "a\027\n|", "a^W\r\n", 0},
    {"kill the line", {}, S("abc\025d\n"), "d\n|", "abc\b \b\b \b\b \bd\r\n", 0},
    {"kill without ECHOKE", {.lflag_clear = ECHOKE}, S("abc\025d\n"), "d\n|", "abc^U\r\nd\r\n", 0},
    {"kill without echo", {.lflag_clear = ECHO}, S("abc\025d\n"), "d\n|", "", 0},
    {"ECHOPRT", {.lflag_set = ECHOPRT}, S("abc\177\177d\n"), "ad\n|", "abc\\cb/d\r\n", 0},
    {"reprint", {}, S("ab\022c\n"), "abc\n|", "ab^R\r\nabc\r\n", 0},
    // literal next
    {"literal erase", {}, S("a\026\177b\n"), "a\177b\n|", "a^\b^?b\r\n", 0},
    {"literal EOF", {}, S("a\026\004\n"), "a\004\n|", "a^\b^D\r\n", 0},
    {"literal newline ends no line", {}, S("a\026\nb\n"), "a\nb\n|", "a^\b^Jb\r\n", 0},
    {"literal interrupt", {}, S("\026\003\n"), "\003\n|", "^\b^C\r\n", 0},
    // signals
    {"interrupt flushes",
     {},
     S("abc\003d\n"),
     "d\n|",
     "^Cd\r\n",
     LINE_INTERRUPT | LINE_FLUSHED_INPUT | LINE_FLUSHED_OUTPUT},
    {"interrupt with NOFLSH", {.lflag_set = NOFLSH}, S("ab\003c\n"), "abc\n|", "ab^Cc\r\n", LINE_INTERRUPT},
    {"quit", {}, S("\034"), "", "^\\", LINE_QUIT | LINE_FLUSHED_INPUT | LINE_FLUSHED_OUTPUT},
    {"suspend", {}, S("\032"), "", "^Z", LINE_SUSPEND | LINE_FLUSHED_INPUT | LINE_FLUSHED_OUTPUT},
    {"no ISIG", {.lflag_clear = ISIG}, S("\003\n"), "\003\n|", "^C\r\n", 0},
    // flow control
    {"stop holds", {}, S("a\023b\n"), "ab\n|", "ab\r\n", LINE_STOPPED},
    {"stop and start", {}, S("a\023b\021\n"), "ab\n|", "ab\r\n", LINE_STOPPED | LINE_STARTED},
    {"IXANY starts again", {.iflag_set = IXANY}, S("\023a"), "", "a", LINE_STOPPED | LINE_STARTED},
    {"no IXON", {.iflag_clear = IXON}, S("\023\n"), "\023\n|", "^S\r\n", 0},
    {"interrupt starts stopped output",
     {},
     S("\023\003"),
     "",
     "^C",
     LINE_STOPPED | LINE_STARTED | LINE_INTERRUPT | LINE_FLUSHED_INPUT | LINE_FLUSHED_OUTPUT},
    // raw
    {"raw",
     {.lflag_clear = ICANON | ECHO | ISIG | IEXTEN, .iflag_clear = ICRNL | IXON},
     S("a\003\r\004\177\023"),
     "a\003\r\004\177\023",
     "",
     0},
    {"cbreak with echo", {.lflag_clear = ICANON}, S("ab\177\n"), "ab\177\n", "ab^?^J", 0},
    {"cbreak with echo of Enter", {.lflag_clear = ICANON}, S("a\r"), "a\n", "a\r\n", 0},
    {"raw with ISIG",
     {.lflag_clear = ICANON | ECHO},
     S("a\003b"),
     "b",
     "",
     LINE_INTERRUPT | LINE_FLUSHED_INPUT | LINE_FLUSHED_OUTPUT},
    {"PARMRK doubles 0xff", {.lflag_clear = ICANON | ECHO, .iflag_set = PARMRK}, S("\xff"), "\xff\xff", "", 0},
};

static void set_modes(const struct modes *m) {
    struct abi_termios2 t = line.termios;
    t.iflag = (t.iflag | m->iflag_set) & ~m->iflag_clear;
    t.oflag = (t.oflag | m->oflag_set) & ~m->oflag_clear;
    t.lflag = (t.lflag | m->lflag_set) & ~m->lflag_clear;
    line_set_termios(&line, &t);
}

static void start(const struct modes *modes) {
    line_init(&line);
    set_modes(modes);
}

// All output so far, as text.
static const char *drain(void) {
    static char text[LINE_OUTPUT_SIZE + 1];
    size_t total = 0, size;
    const uint8_t *piece;
    while ((size = line_output(&line, &piece)) > 0) {
        memcpy(text + total, piece, size);
        total += size;
        line_sent(&line, size);
    }
    text[total] = '\0';
    return text;
}

// All that can be read, with a | behind each line end.
static const char *read_all(size_t step) {
    static char text[2 * LINE_INPUT_SIZE];
    size_t total = 0;
    while (line_is_ready(&line, 1)) {
        bool end;
        total += line_read(&line, (uint8_t *)text + total, step, &end);
        if (end)
            text[total++] = '|';
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
    if (!ok(strcmp(got, want) == 0, "%s: %s", what, part)) {
        print_escaped("got ", got);
        print_escaped("want", want);
    }
}

static void test_table(void) {
    for (size_t i = 0; i < ARRAY_SIZE(typings); i++) {
        const struct typing *t = &typings[i];
        start(&t->modes);
        size_t taken = line_receive(&line, (const uint8_t *)t->typed, t->typed_size);
        is(taken, t->typed_size, "%s: all bytes are taken", t->what);
        same(drain(), t->echo, t->what, "echo");
        same(read_all(100), t->read, t->what, "read");
        is(line_take_events(&line), t->events, "%s: events", t->what);
    }
}

static void type(const char *text) {
    (void)line_receive(&line, (const uint8_t *)text, strlen(text));
}

static void test_small_reads(void) {
    uint8_t buffer[16];
    bool end;
    start(&(struct modes){});
    type("abcdef\n");
    is(line_readable(&line), 7, "FIONREAD counts the line");
    is(line_read(&line, buffer, 3, &end), 3, "a line can be read in parts");
    ok(!end && memcmp(buffer, "abc", 3) == 0, "the first part is not the end");
    is(line_read(&line, buffer, 4, &end), 4, "the rest follows");
    ok(end, "and ends the line");
    type("abc\004x\n");
    is(line_readable(&line), 5, "FIONREAD does not count EOF");
    is(line_read(&line, buffer, 3, &end), 3, "exactly the text before EOF");
    ok(end, "takes the EOF with it");
    is(line_read(&line, buffer, 16, &end), 2, "so the next read gets the next line");
    type("\004");
    is(line_read(&line, buffer, 16, &end), 0, "EOF alone reads nothing");
    ok(end, "and is an end");
    ok(!line_is_ready(&line, 1), "once");
}

static void test_mode_switch(void) {
    bool end;
    uint8_t buffer[16];
    start(&(struct modes){});
    type("typed ahead");
    ok(!line_is_ready(&line, 1), "an unfinished line is not readable");
    set_modes(&(struct modes){.lflag_clear = ICANON});
    ok(line_is_ready(&line, 1), "raw mode makes what was typed readable");
    same(read_all(100), "typed ahead", "raw mode", "reads it all");
    type("more");
    set_modes(&(struct modes){.lflag_set = ICANON});
    ok(line_is_ready(&line, 1), "back in canonical mode it stays readable");
    is(line_read(&line, buffer, sizeof(buffer), &end), 4, "as a line without newline");
    ok(end && memcmp(buffer, "more", 4) == 0, "that ends where it ended");
    type("\177new\n");
    same(read_all(100), "new\n|", "after it", "editing works");
}

static void test_minimum(void) {
    start(&(struct modes){.lflag_clear = ICANON | ECHO});
    type("ab");
    ok(line_is_ready(&line, 2), "raw: ready with as many as wanted");
    ok(!line_is_ready(&line, 3), "not with fewer");
    ok(line_is_ready(&line, 0), "wanting none means one");
}

// A line longer than the buffer: the rest is dropped, the newline gets through.
static void test_overlong_line(void) {
    start(&(struct modes){.lflag_clear = ECHO});
    for (unsigned i = 0; i < 2 * LINE_INPUT_SIZE; i++)
        type("x");
    ok(!line_is_ready(&line, 1), "an endless line is not readable");
    type("\n");
    const char *text = read_all(LINE_INPUT_SIZE);
    is(strlen(text), LINE_INPUT_SIZE, "its first 4094 bytes, newline and end are");
    ok(strcmp(text + LINE_INPUT_SIZE - 2, "\n|") == 0, "it ends with the newline");
}

static void test_back_pressure(void) {
    start(&(struct modes){.lflag_clear = ECHO | ICANON});
    uint8_t bytes[LINE_INPUT_SIZE + 100];
    memset(bytes, 'x', sizeof(bytes));
    is(line_receive(&line, bytes, sizeof(bytes)), LINE_INPUT_SIZE - 1, "raw input is taken until the buffer is full");
    is(line_room(&line), 0, "then there is no room");
    uint8_t interrupt = 3;
    is(line_receive(&line, &interrupt, 1), 1, "but an interrupt is taken");
    ok(line_take_events(&line) & LINE_INTERRUPT, "and raised");
    is(line_room(&line), LINE_INPUT_SIZE - 1, "and has flushed the buffer");
}

static void test_output(void) {
    struct {
        const char *what;
        struct modes modes;
        const char *written, *sent;
    } rows[] = {
        {"ONLCR", {}, "a\nb", "a\r\nb"},
        {"no OPOST", {.oflag_clear = OPOST}, "a\n\tb", "a\n\tb"},
        {"OCRNL", {.oflag_set = OCRNL, .oflag_clear = ONLCR}, "a\rb", "a\nb"},
        {"ONOCR at column 0", {.oflag_set = ONOCR}, "\ra\rb", "a\rb"},
        {"XTABS", {.oflag_set = XTABS}, "ab\tc", "ab      c"},
        {"XTABS at a stop", {.oflag_set = XTABS}, "12345678\tc", "12345678        c"},
        {"XTABS after a backspace", {.oflag_set = XTABS}, "ab\b\tc", "ab\b       c"},
        {"XTABS counts UTF-8 characters", {.oflag_set = XTABS, .iflag_set = IUTF8}, "\xc3\xa4\tc", "\xc3\xa4       c"},
        {"OLCUC", {.oflag_set = OLCUC}, "abC", "ABC"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        start(&rows[i].modes);
        is(line_write(&line, (const uint8_t *)rows[i].written, strlen(rows[i].written)), strlen(rows[i].written),
           "%s: all is taken", rows[i].what);
        same(drain(), rows[i].sent, rows[i].what, "sent");
    }
    start(&(struct modes){});
    uint8_t bytes[2 * LINE_OUTPUT_SIZE];
    memset(bytes, 'x', sizeof(bytes));
    is(line_write(&line, bytes, sizeof(bytes)), LINE_OUTPUT_SIZE - LINE_ECHO_RESERVE, "programs leave room for echoes");
    type("e");
    const char *text = drain();
    is(text[strlen(text) - 1], 'e', "which uses it");
}

static void test_break(void) {
    start(&(struct modes){.lflag_clear = ICANON | ECHO});
    line_receive_break(&line);
    is(line_readable(&line), 1, "a break reads as a zero byte");
    start(&(struct modes){.lflag_clear = ICANON | ECHO, .iflag_set = PARMRK});
    line_receive_break(&line);
    is(line_readable(&line), 3, "marked with PARMRK");
    start(&(struct modes){.iflag_set = BRKINT});
    line_receive_break(&line);
    ok(line_take_events(&line) & LINE_INTERRUPT, "BRKINT interrupts");
    start(&(struct modes){.iflag_set = IGNBRK | BRKINT});
    line_receive_break(&line);
    is(line_take_events(&line), 0, "IGNBRK ignores");
}

// Any bytes in any modes: nothing may go out of bounds (the sanitizers watch), and counts stay sane.
static void test_random(void) {
    srand(1);
    unsigned bad = 0;
    for (unsigned round = 0; round < 300; round++) {
        line_init(&line);
        for (unsigned step = 0; step < 200; step++) {
            uint8_t bytes[64];
            bool end;
            struct abi_termios2 t = line.termios;
            size_t size = (size_t)rand() % sizeof(bytes);
            for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(rand() % 3 ? rand() % 40 : rand());
            switch (rand() % 8) {
            case 0:
                t.iflag ^= 1u << rand() % 15;
                t.lflag ^= 1u << rand() % 16;
                t.oflag ^= 1u << rand() % 6;
                t.cc[rand() % ABI_NCCS] = (uint8_t)rand();
                line_set_termios(&line, &t);
                break;
            case 1:
                (void)drain();
                break;
            case 2:
            case 3:
                if (line_is_ready(&line, 1))
                    (void)line_read(&line, bytes, size, &end);
                break;
            case 4:
                (void)line_write(&line, bytes, size);
                break;
            default:
                bad += line_receive(&line, bytes, size) > size;
            }
            bad += line.head - line.tail >= LINE_INPUT_SIZE || line.out_head - line.out_tail > LINE_OUTPUT_SIZE;
            bad += line.canon - line.tail > line.head - line.tail;
            (void)line_take_events(&line);
        }
    }
    is(bad, 0, "random bytes and modes leave the buffers consistent");
}

int main(void) {
    test_table();
    test_small_reads();
    test_mode_switch();
    test_minimum();
    test_overlong_line();
    test_back_pressure();
    test_output();
    test_break();
    test_random();
    return tap_done();
}
