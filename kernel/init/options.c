// SPDX-License-Identifier: MPL-2.0
// The kernel command line: words separated by blanks; "double quotes" keep blanks together. A word that is not ours
// goes to init: NAME=VALUE into its environment, others to its arguments, and all after a lone -- too.
// As on Linux a word with a dot before its '=' belongs to a driver, and init does not see it.

#include "init_priv.h"
#include <lib/command_line.h>
#include <lib/log.h>
#include <lib/string.h>

struct options options = {
    .log_level = LOG_WARNING,
    .environment = {"HOME=/", "TERM=linux"},
};

static struct {
    unsigned arguments, environment; // words stored; the first argument is the program's own name
    unsigned left_out;
} parsed = {1, 2, 0};

static void add_argument(const char *word) {
    if (parsed.arguments > OPTIONS_WORDS_MAX)
        parsed.left_out++;
    else
        options.arguments[parsed.arguments++] = word;
}

static void add_environment(const char *word) {
    size_t name = (size_t)(strchr(word, '=') - word) + 1;
    for (unsigned i = 0; i < parsed.environment; i++) {
        if (strncmp(options.environment[i], word, name) == 0) { // a later one wins
            options.environment[i] = word;
            return;
        }
    }
    if (parsed.environment > OPTIONS_WORDS_MAX + 1)
        parsed.left_out++;
    else
        options.environment[parsed.environment++] = word;
}

static void set_int(const char *name, const char *text, int *value) {
    uint64_t number;
    bool negative = *text == '-';
    if (!string_to_u64(text + negative, 10, &number) || number > 100000)
        klog(LOG_WARNING, "command line: %s=%s is not a number: ignored", name, text);
    else
        *value = negative ? -(int)number : (int)number;
}

// Returns false if the word is not one of the kernel's own.
static bool set_option(const char *word) {
    static const char *const known_elsewhere[] = {"console=", "nokaslr", "quiet", "ro", "rw", "root="};
    if (strncmp(word, "loglevel=", 9) == 0) {
        int level = options.log_level + 1; // as on Linux: messages below it are shown
        set_int("loglevel", word + 9, &level);
        options.log_level = level - 1;
    } else if (strncmp(word, "panic=", 6) == 0) {
        set_int("panic", word + 6, &options.panic_seconds);
    } else if (strncmp(word, "init=", 5) == 0 || strncmp(word, "rdinit=", 7) == 0) {
        options.init = strchr(word, '=') + 1;
    } else if (strcmp(word, "selftest") == 0 || strncmp(word, "selftest=", 9) == 0) {
        options.selftest = true;
        options.selftest_filter = word[8] == '=' ? word + 9 : "";
    } else if (strcmp(word, "norandmaps") == 0) {
        options.no_random_maps = true;
    } else if (strcmp(word, "trace_calls") == 0) {
        options.trace_calls = true;
    } else if (strcmp(word, "debug") == 0) {
        options.log_level = LOG_DEBUG;
    } else {
        for (unsigned i = 0; i < ARRAY_SIZE(known_elsewhere); i++) {
            size_t length = strlen(known_elsewhere[i]);
            bool prefix = known_elsewhere[i][length - 1] == '=';
            if (strncmp(word, known_elsewhere[i], length) == 0 && (prefix || word[length] == '\0'))
                return true;
        }
        return false;
    }
    return true;
}

static bool is_driver_word(const char *word) {
    const char *dot = strchr(word, '.'), *equals = strchr(word, '=');
    return dot != nullptr && (equals == nullptr || dot < equals);
}

void options_parse(char *line) {
    bool for_init = false, closed;
    for (char *word; (word = command_line_next(&line, &closed)) != nullptr;) {
        if (!closed)
            klog(LOG_WARNING, "command line: a quote is not closed in '%s'", word);
        if (!for_init && strcmp(word, "--") == 0)
            for_init = true;
        else if (for_init)
            add_argument(word);
        else if (set_option(word) || is_driver_word(word))
            continue;
        else if (strchr(word, '=') != nullptr)
            add_environment(word);
        else
            add_argument(word);
    }
    if (parsed.left_out != 0)
        klog(LOG_WARNING, "command line: %u words more than the %u init can be given", parsed.left_out,
             OPTIONS_WORDS_MAX);
}
