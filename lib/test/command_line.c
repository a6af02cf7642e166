// SPDX-License-Identifier: MPL-2.0
#include <lib/command_line.h>
#include <stdlib.h>
#include <tap.h>

// The words of `line`, each followed by '|', or by '!' if a quote was not closed.
static void splits(const char *line, const char *want) {
    char *copy = strdup(line), *cursor = copy, got[256] = "";
    bool closed;
    for (char *word; (word = command_line_next(&cursor, &closed)) != NULL;) {
        strcat(got, word);
        strcat(got, closed ? "|" : "!");
    }
    ok(command_line_next(&cursor, &closed) == NULL, "the end stays the end");
    ok(strcmp(got, want) == 0, "'%s' is %s (got %s)", line, want, got);
    free(copy);
}

int main(void) {
    splits("", "");
    splits("  \t ", "");
    splits("one", "one|");
    splits(" one  two\tthree ", "one|two|three|");
    splits("a=\"b c\" d", "a=b c|d|");
    splits("\"a=b c\" d", "a=b c|d|");
    splits("a\"\"b", "ab|");
    splits("\"\"", "|");
    splits("x=\"not closed y", "x=not closed y!");
    splits("\"", "!");
    return tap_done();
}
