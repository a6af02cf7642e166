// SPDX-License-Identifier: MPL-2.0
// The line discipline's buffer: set-up, mode changes, and handing input to read.
//
// The end of a line is a bit beside the byte, not the byte itself: VEOF ends a line with a byte that is not handed out
// (stored as 0 with its bit set), and a literal newline (VLNEXT) ends none. When raw mode is left, what was typed
// ahead becomes one finished line; when it is entered, everything is readable at once.
#include "line.h"

#include <lib/string.h>

static bool ends_line(const struct line *line, uint32_t position) {
    uint32_t i = position % LINE_INPUT_SIZE;
    return line->ends[i / 64] >> (i % 64) & 1;
}

void line_init(struct line *line) {
    static const struct abi_termios2 usual = {
        .iflag = ICRNL | IXON,
        .oflag = OPOST | ONLCR,
        .cflag = B38400 | CS8 | CREAD,
        .lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
        .cc = {[VINTR] = 3,
               [VQUIT] = 28,
               [VERASE] = 127,
               [VKILL] = 21,
               [VEOF] = 4,
               [VMIN] = 1,
               [VSTART] = 17,
               [VSTOP] = 19,
               [VSUSP] = 26,
               [VREPRINT] = 18,
               [VDISCARD] = 15,
               [VWERASE] = 23,
               [VLNEXT] = 22},
        .ispeed = 38400,
        .ospeed = 38400,
    };
    memset(line, 0, offsetof(struct line, input));
    line->termios = usual;
}

bool line_is_ready(const struct line *line, size_t minimum) {
    if (line_is_canonical(line))
        return line->canon != line->tail;
    return line->head - line->tail >= MAX(minimum, (size_t)1);
}

// Where the copy for a canonical read stops: behind the first line end, or `limit`.
static uint32_t find_end(const struct line *line, uint32_t limit, bool *found) {
    for (uint32_t position = line->tail; position != limit; position++) {
        if (ends_line(line, position)) {
            *found = true;
            return position;
        }
    }
    *found = false;
    return limit;
}

static void copy_out(struct line *line, uint8_t *to, uint32_t size) {
    uint32_t start = line->tail % LINE_INPUT_SIZE;
    uint32_t first = MIN(size, LINE_INPUT_SIZE - start);
    memcpy(to, line->input + start, first);
    memcpy(to + first, line->input, size - first);
    line->tail += size;
}

static size_t read_canonical(struct line *line, uint8_t *to, size_t size, bool *end) {
    uint32_t there = line->canon - line->tail;
    // One byte further than asked: an EOF right behind the last byte is consumed with it, so that the next read
    // does not take it for the end of the file.
    uint32_t limit = size < there ? (uint32_t)size + 1 : there;
    uint32_t stop = find_end(line, line->tail + limit, end);
    bool eof = *end && line_byte(line, stop) == 0;
    uint32_t count = stop - line->tail + (*end && !eof);
    if (count > size) { // the end lies just beyond, and is not an EOF
        count = (uint32_t)size;
        *end = false;
    }
    copy_out(line, to, count);
    if (eof && *end)
        line->tail++;
    if (*end) {
        uint32_t last = (line->tail - 1) % LINE_INPUT_SIZE;
        line->ends[last / 64] &= ~(1ull << (last % 64));
    }
    return count;
}

size_t line_read(struct line *line, uint8_t *to, size_t size, bool *end) {
    if (line_is_canonical(line))
        return read_canonical(line, to, size, end);
    *end = false;
    uint32_t count = (uint32_t)MIN(size, (size_t)(line->head - line->tail));
    copy_out(line, to, count);
    line->canon = line->tail;
    return count;
}

size_t line_readable(const struct line *line) {
    if (!line_is_canonical(line))
        return line->head - line->tail;
    size_t count = 0;
    for (uint32_t position = line->tail; position != line->canon; position++)
        count += !(ends_line(line, position) && line_byte(line, position) == 0);
    return count;
}

void line_set_termios(struct line *line, const struct abi_termios2 *termios) {
    bool canonical_changes = (line->termios.lflag ^ termios->lflag) & ICANON;
    bool flow_ends = (line->termios.iflag & IXON) && !(termios->iflag & IXON);
    line->termios = *termios;
    if (canonical_changes) {
        memset(line->ends, 0, sizeof(line->ends));
        line->canon = line->tail;
        if (line_is_canonical(line) && line->head != line->tail) {
            uint32_t last = (line->head - 1) % LINE_INPUT_SIZE;
            line->ends[last / 64] |= 1ull << (last % 64);
            line->canon = line->head;
        }
        line->erasing = line->literal_next = false;
    }
    if (flow_ends && !line->stopped_by_call)
        line_start(line);
}

void line_flush_input(struct line *line) {
    line->head = line->canon = line->tail = 0;
    memset(line->ends, 0, sizeof(line->ends));
    line->erasing = line->literal_next = false;
    line->events |= LINE_FLUSHED_INPUT;
}

void line_flush_output(struct line *line) {
    line->out_tail = line->out_head;
    line->events |= LINE_FLUSHED_OUTPUT;
}

void line_stop(struct line *line) {
    if (!line->stopped)
        line->events |= LINE_STOPPED;
    line->stopped = true;
}

void line_start(struct line *line) {
    if (line->stopped)
        line->events |= LINE_STARTED;
    line->stopped = line->stopped_by_call = false;
}
