// SPDX-License-Identifier: MPL-2.0
// The cpio parser: archives as cpio writes them, concatenated ones, and every way to be corrupt.
#include "cpio_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tap.h>

static uint8_t archive[65536];
static size_t used;

static void add_text(const char *text, size_t size) {
    memcpy(archive + used, text, size);
    used += size;
}

static void pad(void) {
    while (used & 3)
        archive[used++] = 0;
}

static void add(const char *name, uint32_t mode, const char *data, size_t size) {
    char header[111];
    snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 7u, mode, 1000u, 100u,
             2u, 1700000000u, (unsigned)size, 8u, 1u, 5u, 1u, (unsigned)strlen(name) + 1, 0u);
    add_text(header, 110);
    add_text(name, strlen(name) + 1);
    pad();
    add_text(data, size);
    pad();
}

static void begin(void) {
    memset(archive, 0, sizeof archive);
    used = 0;
}

// In a buffer of its own size, so that the sanitizer sees a byte too far.
static enum cpio_result parse(const uint8_t *from, size_t size, unsigned *members, bool *in_bounds) {
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, from, size);
    const uint8_t *at = copy, *end = copy + size;
    struct cpio_member member;
    enum cpio_result result;
    *members = 0;
    *in_bounds = true;
    while ((result = cpio_next(copy, &at, end, &member)) == CPIO_MEMBER || result == CPIO_TRAILER) {
        *members += result == CPIO_MEMBER;
        const uint8_t *name = (const uint8_t *)member.name;
        *in_bounds &= name >= copy && name + member.name_length < end && member.data >= copy &&
                      member.data + member.size <= end && at <= end && member.name[member.name_length] == 0;
    }
    free(copy);
    return result;
}

static void good_archives(void) {
    begin();
    add("etc", 040755, "", 0);
    add("etc/motd", 0100644, "hello\n", 6);
    const uint8_t *at = archive, *end = archive + used;
    struct cpio_member m;
    is(cpio_next(archive, &at, end, &m), CPIO_MEMBER, "first member");
    ok(!strcmp(m.name, "etc") && m.mode == 040755 && m.size == 0, "a directory");
    is(cpio_next(archive, &at, end, &m), CPIO_MEMBER, "second member");
    ok(!strcmp(m.name, "etc/motd") && m.size == 6 && !memcmp(m.data, "hello\n", 6), "a file with contents");
    ok(m.uid == 1000 && m.gid == 100 && m.links == 2 && m.mtime == 1700000000 && m.inode == 7, "its numbers");
    ok(m.device_major == 8 && m.device_minor == 1 && m.special_major == 5 && m.special_minor == 1, "its devices");
    is(cpio_next(archive, &at, end, &m), CPIO_END, "the end without a trailer");
}

static void concatenated(void) {
    begin();
    add("one", 0100644, "1", 1);
    add("TRAILER!!!", 0, "", 0);
    used += 512; // as cpio fills its last block
    add("two", 0100644, "22", 2);
    add("TRAILER!!!", 0, "", 0);
    unsigned members;
    bool in_bounds;
    is(parse(archive, used, &members, &in_bounds), CPIO_END, "two archives with zeros between");
    is(members, 2, "give the members of both");
}

static void corrupt(void) {
    unsigned members;
    bool in_bounds;
    begin();
    add("name", 0100644, "data", 4);
    size_t size = used;
    is(parse(archive, 0, &members, &in_bounds), CPIO_END, "nothing at all");
    bool all = true;
    for (size_t cut = 1; cut < size; cut++)
        all &= parse(archive, cut, &members, &in_bounds) == (cut >= size ? CPIO_END : CPIO_CORRUPT) && members == 0;
    ok(all, "cut anywhere, it is corrupt");
    archive[0] = '1';
    is(parse(archive, size, &members, &in_bounds), CPIO_CORRUPT, "a bad magic number");
    archive[0] = '0';
    archive[6 + 8 * 6] = 'x';
    is(parse(archive, size, &members, &in_bounds), CPIO_CORRUPT, "a digit that is none");
    begin();
    add("name", 0100644, "data", 4);
    memcpy(archive + 6 + 8 * 6, "FFFFFFFF", 8);
    is(parse(archive, used, &members, &in_bounds), CPIO_CORRUPT, "a size beyond the end");
    begin();
    add("name", 0100644, "data", 4);
    memcpy(archive + 6 + 8 * 11, "00000000", 8);
    is(parse(archive, used, &members, &in_bounds), CPIO_CORRUPT, "a name without a size");
    begin();
    add("name", 0100644, "data", 4);
    archive[110 + 4] = 'x';
    is(parse(archive, used, &members, &in_bounds), CPIO_CORRUPT, "a name without its end");
}

static void random_damage(void) {
    srandom(4);
    bool bounded = true;
    for (int round = 0; round < 20000; round++) {
        begin();
        for (int i = 0; i < 4; i++)
            add("some/name", 0100644, "contents of the file", 20);
        for (int hits = 1 + (int)random() % 6; hits > 0; hits--)
            archive[(size_t)random() % used] = (uint8_t)(random() % 3 ? "0123456789abcdefF/"[random() % 18] : random());
        unsigned members;
        bool in_bounds;
        parse(archive, (size_t)random() % (used + 1), &members, &in_bounds);
        bounded &= in_bounds;
    }
    ok(bounded, "20,000 damaged archives: never outside the memory given");
}

int main(void) {
    good_archives();
    concatenated();
    corrupt();
    random_damage();
    return tap_done();
}
