// SPDX-License-Identifier: MPL-2.0
// Erasing what was typed: a character, a word, the line; and making the screen agree.
#include "line.h"

void line_finish_erasing(struct line *line) {
    if (line->erasing) {
        line_echo_raw(line, '/');
        line->erasing = false;
    }
}

static void wipe_column(struct line *line) {
    line_echo_raw(line, '\b');
    line_echo_raw(line, ' ');
    line_echo_raw(line, '\b');
}

// Moves the cursor back over a tab: its width follows from the text before it, back to the previous tab or to the
// start of the line.
static void unecho_tab(struct line *line) {
    uint32_t width = 0;
    bool after_tab = false;
    for (uint32_t position = line->head; position != line->canon && !after_tab;) {
        uint8_t c = line_byte(line, --position);
        if (c == '\t')
            after_tab = true;
        else if (line_is_control(c))
            width += line->termios.lflag & ECHOCTL ? 2 : 0;
        else if (!line_is_continuation(line, c))
            width++;
    }
    if (!after_tab)
        width += line->canon_column;
    for (uint32_t back = 8 - width % 8; back > 0; back--)
        line_echo_raw(line, '\b');
}

// Takes back the echo of the character that stood at [position, position + size), already removed.
static void unecho(struct line *line, enum line_erase what, uint32_t position, uint32_t size) {
    uint32_t lflag = line->termios.lflag;
    uint8_t c = line_byte(line, position);
    if (lflag & ECHOPRT) {
        if (!line->erasing)
            line_echo_raw(line, '\\');
        line->erasing = true;
        line_echo(line, c);
        for (uint32_t i = 1; i < size; i++)
            line_echo_raw(line, line_byte(line, position + i));
    } else if (what == LINE_ERASE_CHARACTER && !(lflag & ECHOE)) {
        line_echo(line, line->termios.cc[VERASE]);
    } else if (c == '\t') {
        unecho_tab(line);
    } else {
        if (line_is_control(c) && (lflag & ECHOCTL))
            wipe_column(line);
        if (!line_is_control(c) || (lflag & ECHOCTL))
            wipe_column(line);
    }
}

static bool is_word_byte(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

// VKILL without the modes for a visual erase: the line is only said to be gone.
static bool kill_without_erasing(struct line *line) {
    uint32_t lflag = line->termios.lflag, visual = ECHOK | ECHOKE | ECHOE;
    if ((lflag & ECHO) && (lflag & visual) == visual)
        return false;
    line->head = line->canon;
    if (lflag & ECHO) {
        line_finish_erasing(line);
        line_echo(line, line->termios.cc[VKILL]);
        if (lflag & ECHOK)
            line_echo_raw(line, '\n');
    }
    return true;
}

void line_erase(struct line *line, enum line_erase what) {
    if (line->head == line->canon || (what == LINE_ERASE_LINE && kill_without_erasing(line)))
        return;
    bool in_word = false;
    while (line->head != line->canon) {
        uint32_t position = line->head;
        do
            position--;
        while (line_is_continuation(line, line_byte(line, position)) && position != line->canon);
        uint8_t c = line_byte(line, position);
        if (line_is_continuation(line, c))
            break; // half a character: leave it
        if (what == LINE_ERASE_WORD) {
            if (is_word_byte(c))
                in_word = true;
            else if (in_word)
                break;
        }
        uint32_t size = line->head - position;
        line->head = position;
        if (line->termios.lflag & ECHO)
            unecho(line, what, position, size);
        if (what == LINE_ERASE_CHARACTER)
            break;
    }
    if (line->head == line->canon && (line->termios.lflag & ECHO))
        line_finish_erasing(line);
}
