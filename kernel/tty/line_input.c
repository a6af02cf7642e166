// SPDX-License-Identifier: MPL-2.0
// Input processing: each byte from the terminal is a flow control, signal or editing character, or text.
//
// Order of the tests, as POSIX's chapter 11 and Linux have it: VLNEXT's successor is text; then IXON, ISIG, the
// CR/NL mappings, ICANON's editing, line ends; the rest is stored. A character that is set to 0 is disabled.
#include "line.h"

static bool is_char(const struct line *line, unsigned index, uint8_t c) {
    return c != 0 && line->termios.cc[index] == c;
}

static uint32_t space(const struct line *line) {
    return LINE_INPUT_SIZE - 1 - (line->head - line->tail);
}

size_t line_room(const struct line *line) {
    uint32_t room = space(line);
    if (line->termios.iflag & PARMRK) // a byte may become three
        room /= 3;
    // A line that is too long to finish must not lock the terminal up: more is taken, and dropped.
    if (room == 0 && line_is_canonical(line) && line->canon == line->tail)
        return SIZE_MAX;
    return room;
}

// Stores a byte; if there is no room it is lost, with a bell.
static void store(struct line *line, uint8_t c, bool ends) {
    if (space(line) == 0) {
        if (!ends) {
            if ((line->termios.iflag & IMAXBEL) && line->out_head == line->out_tail)
                line_echo_raw(line, '\a');
            return;
        }
        line->head--; // the end of the line takes the place of its last byte
    }
    uint32_t i = line->head++ % LINE_INPUT_SIZE;
    line->input[i] = c;
    if (ends) {
        line->ends[i / 64] |= 1ull << (i % 64);
        line->canon = line->head;
    } else {
        line->ends[i / 64] &= ~(1ull << (i % 64));
    }
}

static void echo_text(struct line *line, uint8_t c) {
    if (!(line->termios.lflag & ECHO))
        return;
    line_finish_erasing(line);
    if (line->head == line->canon)
        line->canon_column = line->column;
    line_echo(line, c);
}

static void receive_text(struct line *line, uint8_t c) {
    echo_text(line, c);
    if (c == 0xff && (line->termios.iflag & PARMRK))
        store(line, c, false);
    store(line, c, false);
}

// IXON: true if the byte was a flow control character.
static bool receive_flow(struct line *line, uint8_t c) {
    if (!(line->termios.iflag & IXON))
        return false;
    if (is_char(line, VSTART, c)) {
        if (!line->stopped_by_call)
            line_start(line);
        return true;
    }
    if (is_char(line, VSTOP, c)) {
        line_stop(line);
        return true;
    }
    if (line->stopped && !line->stopped_by_call && (line->termios.iflag & IXANY))
        line_start(line);
    return false;
}

static void raise_signal(struct line *line, uint32_t event) {
    if (!(line->termios.lflag & NOFLSH)) {
        line_flush_input(line);
        line_flush_output(line);
    }
    line->events |= event;
}

static bool receive_signal(struct line *line, uint8_t c) {
    if (!(line->termios.lflag & ISIG))
        return false;
    uint32_t event = is_char(line, VINTR, c)   ? LINE_INTERRUPT
                     : is_char(line, VQUIT, c) ? LINE_QUIT
                     : is_char(line, VSUSP, c) ? LINE_SUSPEND
                                               : 0;
    if (event == 0)
        return false;
    raise_signal(line, event);
    if ((line->termios.iflag & IXON) && !line->stopped_by_call)
        line_start(line);
    if (line->termios.lflag & ECHO)
        line_echo(line, c);
    return true;
}

static void reprint(struct line *line, uint8_t c) {
    line_finish_erasing(line);
    line_echo(line, c);
    line_echo_raw(line, '\n');
    for (uint32_t position = line->canon; position != line->head; position++)
        line_echo(line, line_byte(line, position));
}

// ICANON's characters; true if the byte was one.
static bool receive_editing(struct line *line, uint8_t c) {
    uint32_t lflag = line->termios.lflag;
    bool extended = lflag & IEXTEN;
    if (is_char(line, VERASE, c)) {
        line_erase(line, LINE_ERASE_CHARACTER);
    } else if (is_char(line, VKILL, c)) {
        line_erase(line, LINE_ERASE_LINE);
    } else if (is_char(line, VWERASE, c) && extended) {
        line_erase(line, LINE_ERASE_WORD);
    } else if (is_char(line, VLNEXT, c) && extended) {
        line->literal_next = true;
        if (lflag & ECHO) {
            line_finish_erasing(line);
            if (lflag & ECHOCTL) {
                line_echo_raw(line, '^');
                line_echo_raw(line, '\b');
            }
        }
    } else if (is_char(line, VREPRINT, c) && extended && (lflag & ECHO)) {
        reprint(line, c);
    } else if (c == '\n') {
        if (lflag & (ECHO | ECHONL)) {
            line_finish_erasing(line);
            line_echo_raw(line, '\n');
        }
        store(line, c, true);
    } else if (is_char(line, VEOF, c)) {
        store(line, 0, true);
    } else if (is_char(line, VEOL, c) || (is_char(line, VEOL2, c) && extended)) {
        echo_text(line, c);
        if (c == 0xff && (line->termios.iflag & PARMRK))
            store(line, c, false);
        store(line, c, true);
    } else {
        return false;
    }
    return true;
}

static void receive_byte(struct line *line, uint8_t c) {
    uint32_t iflag = line->termios.iflag;
    if (iflag & ISTRIP)
        c &= 0x7f;
    if (line->literal_next) {
        line->literal_next = false;
        receive_text(line, c);
        return;
    }
    if ((iflag & IUCLC) && (line->termios.lflag & IEXTEN) && c >= 'A' && c <= 'Z')
        c += 'a' - 'A';
    if (receive_flow(line, c) || receive_signal(line, c))
        return;
    bool mapped = c == '\r' && (iflag & ICRNL);
    if (c == '\r') {
        if (iflag & IGNCR)
            return;
        if (mapped)
            c = '\n';
    } else if (c == '\n' && (iflag & INLCR)) {
        c = '\r';
    }
    if (line_is_canonical(line) && receive_editing(line, c))
        return;
    if (mapped) { // the newline that Enter makes is echoed as one, not as ^J, in raw mode, too
        if (line->termios.lflag & ECHO)
            line_echo_raw(line, c);
        store(line, c, false);
        return;
    }
    receive_text(line, c);
}

size_t line_receive(struct line *line, const uint8_t *bytes, size_t size) {
    size_t done = 0;
    // Flow control and signals must get through even when the buffer is full.
    while (done < size) {
        if (line_room(line) == 0) {
            uint8_t c = line->termios.iflag & ISTRIP ? bytes[done] & 0x7f : bytes[done];
            if (line->literal_next || !(receive_flow(line, c) || receive_signal(line, c)))
                break;
        } else {
            receive_byte(line, bytes[done]);
        }
        done++;
    }
    return done;
}

void line_receive_break(struct line *line) {
    uint32_t iflag = line->termios.iflag;
    if (iflag & IGNBRK)
        return;
    if (iflag & BRKINT) {
        raise_signal(line, LINE_INTERRUPT);
        return;
    }
    if (iflag & PARMRK) {
        store(line, 0xff, false);
        store(line, 0, false);
    }
    store(line, 0, false);
}

void line_receive_error(struct line *line, uint8_t byte) {
    uint32_t iflag = line->termios.iflag;
    if (!(iflag & INPCK)) {
        receive_byte(line, byte);
    } else if (!(iflag & IGNPAR)) {
        if (iflag & PARMRK) {
            store(line, 0xff, false);
            store(line, 0, false);
            store(line, byte, false);
        } else {
            store(line, 0, false);
        }
    }
}
