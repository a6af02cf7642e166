// SPDX-License-Identifier: MPL-2.0
// /proc/tessera's tables: each line has a cell for each column, and those of ports say what is queued.
#include "native.h"

static char text[65536];

// Reads a table. Every line must have as many tabs as the first.
static void read_table(const char *path) {
    int fd = open(path, O_RDONLY);
    size_t size = 0;
    ssize_t got;
    while ((got = read(fd, text + size, sizeof text - 1 - size)) > 0)
        size += (size_t)got;
    close(fd);
    text[size] = '\0';
    int columns = -1, lines = 0, bad = 0;
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        int tabs = 0;
        for (const char *c = line; *c != '\n'; c++)
            tabs += *c == '\t';
        columns = columns < 0 ? tabs : columns;
        bad += tabs != columns;
        lines++;
    }
    ok(lines > 1 && bad == 0, "%s: %d lines, all of them with the columns of the first", path, lines);
}

// The rest of our line about a handle, behind its rights.
static const char *line_of(int handle) {
    char start[32];
    snprintf(start, sizeof start, "\n%d\t%d\t", getpid(), handle);
    char *line = strstr(text, start);
    for (int i = 0; line && i < 4; i++)
        line = strchr(line, '\t') + 1;
    if (line && strchr(line, '\n'))
        *strchr(line, '\n') = '\0';
    return line ? line : "nothing";
}

static void ports(void) {
    struct port_options options = {.messages = 10, .bytes = 2000};
    struct handle_info info = {};
    struct packet p;
    char want[100];
    int port = port_create(&options), right = mint(port, 0xbad9e, 3);
    handle_info(port, &info);
    is(fipc_send(right, packet_with(&p, 1, "hello", 5), 0), 0, "a message is queued");
    read_table("/proc/tessera/ports");
    const char *of_port = strdup(line_of(port));
    snprintf(want, sizeof want, "%lu\t-\t1\t10\t5\t2000\t1\t0", (unsigned long)info.id);
    ok(strcmp(of_port, want) == 0, "the port's line: %s", of_port);
    read_table("/proc/tessera/ports");
    snprintf(want, sizeof want, "%lu\tbad9e\t1\t3\t5\t2000\t1\t0", (unsigned long)info.id);
    ok(strcmp(line_of(right), want) == 0, "the right's line: %s", line_of(right));
    close(port), close(right);
}

int main(void) {
    needs_native();
    read_table("/proc/tessera/tasks");
    read_table("/proc/tessera/handles");
    read_table("/proc/tessera/jobs");
    ports();
    return tap_done();
}
