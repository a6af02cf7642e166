// SPDX-License-Identifier: MPL-2.0
// The line discipline: what happens to bytes between a terminal and the programs that use it. Pure data and rules: no
// locks, no processes, no blocking (struct tty adds those), so it runs as well in a unit test.
#pragma once

#include <abi/termios.h>
#include <lib/types.h>

#define LINE_INPUT_SIZE 4096u // Linux's N_TTY_BUF_SIZE: the longest line is one less
#define LINE_OUTPUT_SIZE 4096u
#define LINE_ECHO_RESERVE 256u // output room that programs leave for echoes

enum line_event {       // what the caller must still do; taken with line_take_events
    LINE_INTERRUPT = 1, // SIGINT to the foreground group
    LINE_QUIT = 2,      // SIGQUIT
    LINE_SUSPEND = 4,   // SIGTSTP
    LINE_FLUSHED_INPUT = 8,
    LINE_FLUSHED_OUTPUT = 16, // the driver must forget what it has not sent
    LINE_STOPPED = 32,        // output was stopped / started by a flow control character
    LINE_STARTED = 64,
};

struct line {
    struct abi_termios2 termios;
    uint32_t events;
    // Input: positions count up without end; [tail, canon) are complete lines, [canon, head) the line being edited (or,
    // in raw mode, all is [tail, head)).
    uint32_t head, canon, tail;
    uint64_t ends[LINE_INPUT_SIZE / 64]; // a bit for each byte that ends a line
    bool literal_next;                   // VLNEXT came
    bool erasing;                        // ECHOPRT: inside \…/
    bool stopped;                        // by VSTOP or TCOOFF
    bool stopped_by_call;                // TCOOFF: only TCOON starts again
    uint32_t column;                     // of the cursor
    uint32_t canon_column;               // where the line being edited began
    uint32_t out_head, out_tail;
    uint8_t input[LINE_INPUT_SIZE];
    uint8_t output[LINE_OUTPUT_SIZE];
};

void line_init(struct line *line);
// Takes input from the terminal; returns how many bytes: fewer only if the buffer is full of what programs must read
// first. Echoes go to the output.
size_t line_receive(struct line *line, const uint8_t *bytes, size_t size);
void line_receive_break(struct line *line);
// A byte with a parity or framing error.
void line_receive_error(struct line *line, uint8_t byte);
// Room for that many more bytes in line_receive.
size_t line_room(const struct line *line);

// Processes output of a program; returns how many bytes it took.
size_t line_write(struct line *line, const uint8_t *text, size_t size);
size_t line_write_room(const struct line *line);
// What the driver should send next: the longest contiguous piece. Then, line_sent.
size_t line_output(const struct line *line, const uint8_t **text);
void line_sent(struct line *line, size_t size);

// Is there something for read? `minimum`: raw bytes wanted.
bool line_is_ready(const struct line *line, size_t minimum);
// Copies for read. Canonical: up to the end of a line, *end tells that it was reached (EOF counts, and is not
// copied). Raw: what is there.
size_t line_read(struct line *line, uint8_t *to, size_t size, bool *end);
size_t line_readable(const struct line *line); // FIONREAD

// Changes the modes: what was typed ahead stays readable.
void line_set_termios(struct line *line, const struct abi_termios2 *termios);
void line_flush_input(struct line *line);
void line_flush_output(struct line *line);
void line_stop(struct line *line);
void line_start(struct line *line);
ALWAYS_INLINE uint32_t line_take_events(struct line *line) {
    uint32_t events = line->events;
    line->events = 0;
    return events;
}

// --- between the files of the line discipline ---
ALWAYS_INLINE bool line_is_canonical(const struct line *line) {
    return line->termios.lflag & ICANON;
}
ALWAYS_INLINE uint8_t line_byte(const struct line *line, uint32_t position) {
    return line->input[position % LINE_INPUT_SIZE];
}
ALWAYS_INLINE bool line_is_control(uint8_t c) {
    return c < 32 || c == 127;
}
// The second and later bytes of a character, if the terminal speaks UTF-8.
ALWAYS_INLINE bool line_is_continuation(const struct line *line, uint8_t c) {
    return (line->termios.iflag & IUTF8) && (c & 0xc0) == 0x80;
}
// One byte through output processing; false: no room for all it becomes, nothing done.
bool line_put(struct line *line, uint8_t c);
// Echo: control characters as ^X if ECHOCTL says so / as they are.
void line_echo(struct line *line, uint8_t c);
void line_echo_raw(struct line *line, uint8_t c);
void line_finish_erasing(struct line *line);
// VERASE, VWERASE, VKILL.
enum line_erase { LINE_ERASE_CHARACTER, LINE_ERASE_WORD, LINE_ERASE_LINE };
void line_erase(struct line *line, enum line_erase what);
