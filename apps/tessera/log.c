// SPDX-License-Identifier: MPL-2.0
// tessera log: the kernel's log, from /dev/kmsg, whose records are "priority,number,microseconds,flags;text".

#include "tessera.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void show(char *record, bool json, bool first) {
    unsigned priority = 0;
    unsigned long long number = 0, time = 0;
    char *text = strchr(record, ';');
    if (!text || sscanf(record, "%u,%llu,%llu", &priority, &number, &time) != 3)
        return;
    text[1 + strcspn(text + 1, "\n")] = '\0'; // properties follow
    if (!json) {
        printf("[%6llu.%06llu] %s\n", time / 1000000, time % 1000000, text + 1);
        return;
    }
    printf("%s\n {\"number\": %llu, \"microseconds\": %llu, \"level\": %u, \"text\": \"", first ? "" : ",", number,
           time, priority & 7);
    print_json_text(text + 1);
    printf("\"}");
}

int log_main(int argc, char **argv) {
    bool json = false, follow = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            puts("usage: tessera log [--json] [--follow]\n\nShows the kernel's log; --follow: and what is to come.");
            return 0;
        }
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--follow") == 0)
            follow = true;
        else
            usage("log: unknown argument '%s'", argv[i]);
    }
    int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC | (follow ? 0 : O_NONBLOCK));
    if (fd < 0)
        fail("cannot open /dev/kmsg");
    if (json)
        putchar('[');
    static char record[9000];
    bool first = true;
    for (;;) {
        ssize_t size = read(fd, record, sizeof record - 1);
        if (size < 0 && errno == EPIPE)
            continue; // old records were overwritten: go on with the oldest there is
        if (size <= 0)
            break;
        record[size] = '\0';
        show(record, json, first);
        first = false;
        if (follow)
            fflush(stdout);
    }
    if (errno != EAGAIN)
        fail("cannot read /dev/kmsg");
    if (json)
        puts(first ? "]" : "\n]");
    close(fd);
    return 0;
}
