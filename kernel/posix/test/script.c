// SPDX-License-Identifier: MPL-2.0
// The `#!` line, by Linux's rules.
#include "../exec/exec_script.h"
#include <lib/string.h>
#include <tap.h>

static struct script_line line;

static status_t parse(const char *text) {
    return script_parse(text, strlen(text), &line);
}

static void plain(void) {
    is(parse("#!/bin/sh\necho\n"), 0, "a script");
    ok(strcmp(line.interpreter, "/bin/sh") == 0 && !line.has_argument, "its interpreter");
    is(parse("#! \t /bin/sh \t -e -x \t \nrest"), 0, "blanks everywhere");
    ok(strcmp(line.interpreter, "/bin/sh") == 0, "do not belong to the interpreter");
    ok(line.has_argument && strcmp(line.argument, "-e -x") == 0, "the rest of the line is one argument");
    is(parse("#!/bin/sh"), 0, "no newline at the end of the file");
    is(parse("#!/bin/sh   "), 0, "trailing blanks");
    ok(!line.has_argument, "are no argument");
    is(parse("#!/usr/bin/env python3 -u"), 0, "an argument without a newline");
    ok(strcmp(line.argument, "python3 -u") == 0, "is taken");
}

static void refused(void) {
    is(parse(""), -ENOEXEC, "nothing");
    is(parse("#"), -ENOEXEC, "half a mark");
    is(parse("#!"), -ENOEXEC, "only the mark");
    is(parse("#!\n/bin/sh"), -ENOEXEC, "an empty line");
    is(parse("#!  \t \n"), -ENOEXEC, "only blanks");
    is(parse("\x7f"
             "ELF"),
       -ENOEXEC, "a program");
    is(script_parse("#!/bin/sh\0junk\n", 15, &line), 0, "a NUL ends the line");
    ok(strcmp(line.interpreter, "/bin/sh") == 0 && !line.has_argument, "there");
}

static void long_lines(void) {
    char text[400];
    memset(text, 'x', sizeof(text));
    memcpy(text, "#!/", 3);
    is(script_parse(text, sizeof(text), &line), -ENOEXEC, "an interpreter that does not end in the first 256 bytes");
    text[200] = '\n';
    is(script_parse(text, sizeof(text), &line), 0, "a long one that does");
    is(strlen(line.interpreter), 198, "is taken whole");
    text[200] = ' ';
    is(script_parse(text, sizeof(text), &line), 0, "an argument that is cut");
    is(strlen(line.argument), SCRIPT_LINE_MAX - 201, "is taken as far as it was read");
    text[254] = '\n';
    is(script_parse(text, sizeof(text), &line), 0, "the longest line");
    memset(text + 3, 'y', sizeof(text) - 3);
    is(script_parse(text, 255, &line), 0, "a file of 255 bytes without a newline");
    is(script_parse(text, 256, &line), -ENOEXEC, "of 256: the path may go on");
}

int main(void) {
    plain();
    refused();
    long_lines();
    return tap_done();
}
