// SPDX-License-Identifier: MPL-2.0
// How the tests look at services: by what init writes for `tessera services`.
#pragma once

#include <stdio.h>
#include <sys.h>

#define PATIENCE_MS 30000

struct state {
    char name[32], state[16];
    int pid, starts, crashes;
};

UNUSED static bool read_state(const char *name, struct state *s) {
    char line[160];
    bool found = false;
    FILE *file = fopen("/run/tessera/services", "r");
    while (file && !found && fgets(line, sizeof line, file))
        found = sscanf(line, "%31s %15s %d %d %d", s->name, s->state, &s->pid, &s->starts, &s->crashes) == 5 &&
                strcmp(s->name, name) == 0;
    if (file)
        fclose(file);
    return found;
}

UNUSED static bool wait_state(const char *name, const char *state, struct state *s) {
    return eventually(read_state(name, s) && strcmp(s->state, state) == 0);
}

UNUSED static int compare(const void *a, const void *b) {
    return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b);
}
