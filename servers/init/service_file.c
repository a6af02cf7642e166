// SPDX-License-Identifier: MPL-2.0
// Reads service files: lines of `key = value`, comments with #. Values have no quotes; lists are words.
#include "service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool next_word(const char **at, char *word, size_t room) {
    const char *start = *at + strspn(*at, " \t");
    size_t length = strcspn(start, " \t");
    *at = start + length;
    if (length == 0 || length >= room)
        return false;
    memcpy(word, start, length);
    word[length] = '\0';
    return true;
}

bool has_word(const char *list, const char *word) {
    char found[256];
    while (next_word(&list, found, sizeof found))
        if (strcmp(found, word) == 0)
            return true;
    return false;
}

// A number with k, M or G. False: it is none, or too large.
static bool parse_number(const char *text, uint64_t *number) {
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    unsigned shift = *end == 'k' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    end += shift != 0;
    *number = (uint64_t)value << shift;
    return errno == 0 && *end == '\0' && *number >> shift == value;
}

static bool parse_choice(const char *value, const char *const *choices, unsigned count, unsigned *chosen) {
    for (*chosen = 0; *chosen < count; ++*chosen)
        if (strcmp(value, choices[*chosen]) == 0)
            return true;
    return false;
}

bool split_memory(char *word, uint64_t *size) {
    char *equals = strchr(word, '=');
    if (!equals || equals == word)
        return false;
    *equals = '\0';
    return parse_number(equals + 1, size) && *size > 0 && *size <= (1ull << 40);
}

struct text_key {
    const char *key;
    size_t offset, size;
};
#define TEXT_KEY(field) {#field, offsetof(struct service, field), sizeof((struct service *)NULL)->field}
static const struct text_key text_keys[] = {
    TEXT_KEY(program), TEXT_KEY(arguments), TEXT_KEY(environment), TEXT_KEY(provides), TEXT_KEY(uses),  TEXT_KEY(needs),
    TEXT_KEY(handles), TEXT_KEY(memory),    TEXT_KEY(serves),      TEXT_KEY(pager),    TEXT_KEY(mounts)};
static const struct text_key limit_keys[] = {{"limit-memory", offsetof(struct job_limits, memory), 0},
                                             {"limit-handles", offsetof(struct job_limits, handles), 0},
                                             {"limit-threads", offsetof(struct job_limits, threads), 0},
                                             {"limit-cpu", offsetof(struct job_limits, cpu_share), 0}};

// Null: well. Otherwise what is wrong.
static const char *set_text(struct service *service, const struct text_key *key, const char *value) {
    if (strlen(value) >= key->size)
        return "too long";
    strcpy((char *)service + key->offset, value);
    return NULL;
}

static const char *set_number(struct service *service, const char *key, const char *value) {
    uint64_t number;
    bool is_number = parse_number(value, &number);
    if (strcmp(key, "user") == 0) {
        service->user = (unsigned)number;
        return is_number && number < UINT32_MAX ? NULL : "not a user's number";
    }
    for (size_t i = 0; i < sizeof limit_keys / sizeof *limit_keys; i++)
        if (strcmp(key, limit_keys[i].key) == 0) {
            memcpy((char *)&service->limits + limit_keys[i].offset, &number, sizeof number);
            return is_number ? NULL : "not a number";
        }
    return "no such key";
}

static const char *set(struct service *service, const char *key, const char *value) {
    static const char *const restarts[] = {"always", "on-failure", "never"}, *const readies[] = {"start", "notify"};
    static const char *const starts[] = {"boot", "demand"};
    unsigned choice;
    for (size_t i = 0; i < sizeof text_keys / sizeof *text_keys; i++)
        if (strcmp(key, text_keys[i].key) == 0)
            return set_text(service, &text_keys[i], value);
    if (strcmp(key, "restart") == 0) {
        bool known = parse_choice(value, restarts, 3, &choice);
        service->restart = (enum service_restart)choice;
        return known ? NULL : "not always, on-failure or never";
    }
    if (strcmp(key, "ready") == 0) {
        bool known = parse_choice(value, readies, 2, &choice);
        service->ready_when = choice == 0 ? READY_START : READY_NOTIFY;
        return known ? NULL : "not start or notify";
    }
    if (strcmp(key, "start") == 0) {
        bool known = parse_choice(value, starts, 2, &choice);
        service->start = (enum service_start)choice;
        return known ? NULL : "not boot or demand";
    }
    return set_number(service, key, value);
}

// Splits at '=' and takes away blanks around both halves. False: there is no '='.
static bool split(char *line, char **key, char **value) {
    char *equals = strchr(line, '=');
    if (!equals)
        return false;
    *equals = '\0';
    *key = line + strspn(line, " \t");
    *value = equals + 1 + strspn(equals + 1, " \t");
    for (char *end = equals; end > *key && strchr(" \t", end[-1]); *--end = '\0')
        ;
    for (char *end = *value + strlen(*value); end > *value && strchr(" \t\r", end[-1]); *--end = '\0')
        ;
    return true;
}

static bool name_is_good(const char *name) {
    size_t length = strlen(name);
    return length > 0 && length <= SERVICE_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == length;
}

static const char *check_handles(const struct service *service) {
    const char *at = service->handles;
    char word[256];
    while (next_word(&at, word, sizeof word)) {
        const char *path = strchr(word, '='), *mode = strrchr(word, ':');
        if (!path || path == word || path[1] != '/' || !mode || mode < path ||
            (strcmp(mode, ":r") != 0 && strcmp(mode, ":w") != 0 && strcmp(mode, ":rw") != 0))
            return "handles: want NAME=/PATH:r, :w or :rw";
    }
    return *at ? "handles: too long" : NULL;
}

static const char *check_limits(const struct service *service) {
    uint64_t share = service->limits.cpu_share;
    return share != UINT64_MAX && (share < 1 || share > 10000) ? "limit-cpu: want 1 to 10000" : NULL;
}

static const char *check_memory(const struct service *service) {
    const char *at = service->memory;
    char word[64];
    uint64_t size;
    unsigned count = 0;
    for (; next_word(&at, word, sizeof word); count++)
        if (!split_memory(word, &size))
            return "memory: want NAME=SIZE";
    return *at || count > MEMORIES_MAX ? "memory: too much" : NULL;
}

int family_named(const char *name) {
    static const char *const families[] = {"sysv-messages", "sysv-semaphores"};
    unsigned number;
    return parse_choice(name, families, sizeof families / sizeof *families, &number) ? (int)number : -1;
}

static const char *check_serves(const struct service *service) {
    const char *at = service->serves;
    char word[64];
    if (service->start == START_ON_DEMAND && !service->provides[0])
        return "start: on demand needs a port, provides";
    if (*at && !service->provides[0])
        return "serves: needs a port, provides";
    while (next_word(&at, word, sizeof word))
        if (family_named(word) < 0)
            return "serves: no such family of calls";
    return *at ? "serves: no such family of calls" : NULL;
}

// A volume comes with its contents, by a pager, to the first port.
static const char *check_mounts(const struct service *service) {
    if (strpbrk(service->pager, " \t=") || (service->pager[0] && !service->provides[0]))
        return "pager: one name, and a port, provides";
    if (service->mounts[0] && (service->mounts[0] != '/' || strpbrk(service->mounts, " \t") || !service->pager[0]))
        return "mounts: want one absolute path, and a pager";
    return NULL;
}

static const char *check_program(const struct service *service) {
    return service->program[0] == '/' ? NULL : "program: want an absolute path";
}

static const char *check_provides(const struct service *service) {
    const char *at = service->provides;
    unsigned names = 0;
    char word[64];
    while (next_word(&at, word, sizeof word))
        names++;
    return *at || names > PROVIDES_MAX ? "provides: too many names, or too long ones" : NULL;
}

// What is wrong with the whole; each text begins with the key that it is about.
static const char *check(const struct service *service) {
    static const char *(*const checks[])(const struct service *) = {
        check_program, check_provides, check_memory, check_handles, check_limits, check_serves, check_mounts};
    const char *wrong = NULL;
    for (size_t i = 0; !wrong && i < sizeof checks / sizeof *checks; i++)
        wrong = checks[i](service);
    return wrong;
}

// False: `problem` says what is wrong.
static bool parse_line(struct service *service, char *line, char *problem, size_t room) {
    char *key, *value;
    if (line[strspn(line, " \t\r")] == '\0' || line[strspn(line, " \t")] == '#')
        return true;
    if (!split(line, &key, &value)) {
        snprintf(problem, room, "want `key = value`");
        return false;
    }
    const char *wrong = set(service, key, value);
    if (wrong)
        snprintf(problem, room, "%.40s: %s", key, wrong);
    return !wrong;
}

// The line that sets the key (up to the colon of `about`); 0: none does.
static unsigned line_of(const char *text, const char *about) {
    size_t length = strcspn(about, ":");
    for (unsigned number = 1; *text; number++) {
        const char *key = text + strspn(text, " \t");
        if (strncmp(key, about, length) == 0 && key[length + strspn(key + length, " \t")] == '=')
            return number;
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return 0;
}

static bool parse_lines(struct service *service, const char *text, unsigned *number, char *problem, size_t room) {
    bool good = true;
    for (*number = 0; good && *text; ++*number) {
        char line[1200];
        size_t length = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)length, text);
        snprintf(problem, room, "too long");
        good = length < sizeof line && parse_line(service, line, problem, room);
        text += length + (text[length] == '\n');
    }
    return good;
}

bool service_parse(struct service *service, const char *name, const char *text, unsigned *line, char *problem,
                   size_t room) {
    *service = (struct service){.limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
                                .ready = -1,
                                .job = -1,
                                .registry = -1,
                                .paging = -1};
    memset(service->ports, -1, sizeof service->ports);
    memset(service->memories, -1, sizeof service->memories);
    *line = 0;
    snprintf(problem, room, "not a service's name");
    if (!name_is_good(name))
        return false;
    strcpy(service->name, name);
    if (!parse_lines(service, text, line, problem, room))
        return false;
    if (service->ready_when == READY_DEFAULT)
        service->ready_when = service->provides[0] ? READY_NOTIFY : READY_START;
    service->needs_line = line_of(text, "needs");
    const char *wrong = check(service);
    *line = wrong ? line_of(text, wrong) : 0;
    snprintf(problem, room, "%s", wrong ? wrong : "");
    return !wrong;
}
