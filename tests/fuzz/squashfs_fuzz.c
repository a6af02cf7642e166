// SPDX-License-Identifier: MPL-2.0
// Fuzzes what fsd does with an image, up to Debian's libsquashfs (servers/fsd/volume.c): whatever the bytes, each
// question has an end, gives an error or an answer that makes sense, and reads nothing that is not in the image.
#include "servers/fsd/volume.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NODES_MOST = 100, NAMES_MOST = 1000, DEPTH_MOST = 4, BLOCKS_MOST = 4 };

struct image {
    const uint8_t *data;
    size_t size;
};

struct walk {
    struct volume *volume;
    uint8_t *block;
    unsigned nodes, names, depth;
};

// Sizes in a damaged image ask for any amount of memory: there is a limit to it, as there is for fsd.
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1:max_allocation_size_mb=512";
}

static void check(bool good) {
    if (!good)
        abort();
}

static bool read_image(void *context, uint64_t offset, void *buffer, size_t size) {
    const struct image *image = context;
    if (offset > image->size || size > image->size - offset)
        return false;
    memcpy(buffer, image->data + offset, size);
    return true;
}

static bool take_attribute(void *context, const char *name, const void *value, uint32_t size) {
    struct walk *walk = context;
    static volatile uint8_t sum;
    check(strlen(name) > 0);
    for (uint32_t i = 0; i < size; i++)
        sum += ((const uint8_t *)value)[i];
    return ++walk->names < NAMES_MOST;
}

static void read_contents(struct walk *walk, uint64_t node, uint64_t size) {
    uint32_t block = volume_block_size(walk->volume), got = 0;
    for (uint64_t i = 0; i < BLOCKS_MOST && i * block < size; i++)
        if (volume_read(walk->volume, node, i * block, walk->block, block, &got) == 0)
            check(got <= block && (got == block || i * block + got == size));
    if (volume_read(walk->volume, node, size - 1, walk->block, block, &got) == 0)
        check(got == 1);
    check(volume_read(walk->volume, node, UINT64_MAX, walk->block, block, &got) != 0 || got == 0);
}

static bool visit(void *context, uint64_t node, unsigned type, const char *name, size_t length);

static void look(struct walk *walk, uint64_t node) {
    struct volume_attributes about;
    char target[4096];
    if (walk->nodes++ >= NODES_MOST || volume_attributes(walk->volume, node, &about) != 0)
        return;
    (void)volume_xattrs(walk->volume, node, take_attribute, walk);
    if (volume_target(walk->volume, node, target, sizeof target) == 0)
        check(S_ISLNK(about.mode) && strlen(target) < sizeof target);
    if (S_ISREG(about.mode) && about.size > 0)
        read_contents(walk, node, about.size);
    if (S_ISDIR(about.mode) && walk->depth < DEPTH_MOST) {
        walk->depth++;
        (void)volume_list(walk->volume, node, 0, visit, walk);
        walk->depth--;
    }
}

static bool visit(void *context, uint64_t node, unsigned type, const char *name, size_t length) {
    struct walk *walk = context;
    (void)type;
    check(length > 0 && length <= 65536 && memchr(name, 0, length + 1) != NULL);
    look(walk, node);
    return ++walk->names < NAMES_MOST;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct image image = {data, size};
    struct walk walk = {};
    if (volume_open(read_image, &image, size, &walk.volume) != 0)
        return 0;
    walk.block = malloc(volume_block_size(walk.volume));
    check(walk.block != NULL);
    look(&walk, volume_root(walk.volume));
    look(&walk, 1 + size); // any number
    free(walk.block);
    volume_close(walk.volume);
    return 0;
}
