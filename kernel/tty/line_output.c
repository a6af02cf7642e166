// SPDX-License-Identifier: MPL-2.0
// Output processing and echo. Both pass through line_put, which keeps the cursor column that tabs and the erasing
// of tabs need. The output buffer sits before the driver; echoes may use all of it, programs leave a reserve
// so that typing is answered while a program floods the terminal.
#include "line.h"

#include <lib/string.h>

static uint32_t room(const struct line *line) {
    return LINE_OUTPUT_SIZE - (line->out_head - line->out_tail);
}

static void store(struct line *line, uint8_t c) {
    line->output[line->out_head++ % LINE_OUTPUT_SIZE] = c;
}

static bool put_newline(struct line *line) {
    uint32_t oflag = line->termios.oflag;
    if (oflag & ONLRET)
        line->column = 0;
    if (oflag & ONLCR) {
        if (room(line) < 2)
            return false;
        line->column = line->canon_column = 0;
        store(line, '\r');
    } else {
        line->canon_column = line->column;
    }
    store(line, '\n');
    return true;
}

static bool put_return(struct line *line) {
    uint32_t oflag = line->termios.oflag;
    if ((oflag & ONOCR) && line->column == 0)
        return true;
    if (oflag & OCRNL) {
        if (oflag & ONLRET)
            line->column = line->canon_column = 0;
        store(line, '\n');
        return true;
    }
    line->column = line->canon_column = 0;
    store(line, '\r');
    return true;
}

static bool put_tab(struct line *line) {
    uint32_t spaces = 8 - line->column % 8;
    bool expand = (line->termios.oflag & TABDLY) == XTABS;
    if (expand && room(line) < spaces)
        return false;
    line->column += spaces;
    if (!expand)
        store(line, '\t');
    for (uint32_t i = 0; expand && i < spaces; i++)
        store(line, ' ');
    return true;
}

bool line_put(struct line *line, uint8_t c) {
    if (room(line) == 0)
        return false;
    if (!(line->termios.oflag & OPOST)) {
        store(line, c);
        return true;
    }
    switch (c) {
    case '\n':
        return put_newline(line);
    case '\r':
        return put_return(line);
    case '\t':
        return put_tab(line);
    case '\b':
        if (line->column > 0)
            line->column--;
        break;
    default:
        if (line_is_control(c))
            break;
        if ((line->termios.oflag & OLCUC) && c >= 'a' && c <= 'z')
            c -= 'a' - 'A';
        if (!line_is_continuation(line, c))
            line->column++;
    }
    store(line, c);
    return true;
}

size_t line_write_room(const struct line *line) {
    uint32_t there = room(line);
    return there > LINE_ECHO_RESERVE ? there - LINE_ECHO_RESERVE : 0;
}

static size_t write_plain(struct line *line, const uint8_t *text, size_t size) {
    uint32_t count = (uint32_t)MIN(size, line_write_room(line));
    uint32_t start = line->out_head % LINE_OUTPUT_SIZE;
    uint32_t first = MIN(count, LINE_OUTPUT_SIZE - start);
    memcpy(line->output + start, text, first);
    memcpy(line->output, text + first, count - first);
    line->out_head += count;
    return count;
}

size_t line_write(struct line *line, const uint8_t *text, size_t size) {
    if (!(line->termios.oflag & OPOST))
        return write_plain(line, text, size);
    size_t done = 0;
    while (done < size && line_write_room(line) > 0 && line_put(line, text[done]))
        done++;
    return done;
}

size_t line_output(const struct line *line, const uint8_t **text) {
    uint32_t start = line->out_tail % LINE_OUTPUT_SIZE;
    *text = line->output + start;
    return MIN(line->out_head - line->out_tail, LINE_OUTPUT_SIZE - start);
}

void line_sent(struct line *line, size_t size) {
    line->out_tail += (uint32_t)size;
}

// An echo for which there is no room is lost, as on any terminal that cannot keep up.
void line_echo_raw(struct line *line, uint8_t c) {
    (void)line_put(line, c);
}

void line_echo(struct line *line, uint8_t c) {
    if ((line->termios.lflag & ECHOCTL) && line_is_control(c) && c != '\t') {
        (void)line_put(line, '^');
        (void)line_put(line, c ^ 0x40);
    } else {
        (void)line_put(line, c);
    }
}
