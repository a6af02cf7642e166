// SPDX-License-Identifier: MPL-2.0
// fsd: serves a squashfs image on a disk by the protocol `fs`, and its contents as a pager. It holds the disk,
// read-only, its port and its pager, and keeps nothing that a successor would need.
//
// The kernel asks for 64 KiB of a file at most; what is expanded with it is supplied, too.
#include "volume.h"

#include <errno.h>
#include <fcntl.h>
#include <protocols/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tessera/handle.h>
#include <tessera/pager.h>
#include <tessera/server.h>
#include <unistd.h>

#define PAGE 4096u

static struct {
    int disk, pager;
    struct volume *volume;
    uint8_t *block; // room for one of the volume's
} fsd;

static bool read_disk(void *context, uint64_t offset, void *buffer, size_t size) {
    (void)context;
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(fsd.disk, (char *)buffer + done, size - done, (off_t)(offset + done));
        if (got <= 0 && !(got < 0 && errno == EINTR))
            return false;
        done += got > 0 ? (size_t)got : 0;
    }
    return true;
}

// ---------------------------------------------------------------- names and attributes

static int volume(void *context, uint64_t badge, struct fs_volume_reply *out) {
    (void)context, (void)badge;
    uint32_t block = volume_block_size(fsd.volume);
    *out = (struct fs_volume_reply){.root = volume_root(fsd.volume),
                                    .block_size = block,
                                    .blocks = (volume_bytes(fsd.volume) + block - 1) / block,
                                    .nodes = volume_nodes(fsd.volume),
                                    .name_max = 255,
                                    .flags = 1 | (volume_has_xattrs(fsd.volume) ? 2 : 0)};
    return 0;
}

struct search {
    const char *name;
    size_t length;
    uint64_t node; // 0: not found
};

static bool compare(void *context, uint64_t node, unsigned type, const char *name, size_t length) {
    struct search *search = context;
    (void)type;
    if (length == search->length && memcmp(name, search->name, length) == 0)
        search->node = node;
    return search->node == 0;
}

static int lookup(void *context, uint64_t badge, const struct fs_lookup *in, struct fs_lookup_reply *out) {
    (void)context, (void)badge;
    struct search search = {in->name, strlen(in->name), 0};
    int error = volume_list(fsd.volume, in->folder, 0, compare, &search);
    out->node = search.node;
    return error != 0 ? error : search.node == 0 ? ENOENT : 0;
}

static int forget(void *context, uint64_t badge, const struct fs_forget *in) {
    (void)context, (void)badge, (void)in;
    return 0; // nothing is remembered
}

static int attributes(void *context, uint64_t badge, const struct fs_attributes *in, struct fs_attributes_reply *out) {
    (void)context, (void)badge;
    struct volume_attributes about;
    int error = volume_attributes(fsd.volume, in->node, &about);
    if (error != 0)
        return error;
    int64_t time = (int64_t)about.modified * 1'000'000'000;
    *out = (struct fs_attributes_reply){.mode = about.mode,
                                        .links = about.links,
                                        .uid = about.uid,
                                        .gid = about.gid,
                                        .device = about.device,
                                        .size = about.size,
                                        .blocks = S_ISREG(about.mode) ? (about.size + 511) / 512 : 0,
                                        .accessed = time,
                                        .modified = time,
                                        .changed = time,
                                        .born = time};
    return 0;
}

static bool add_entry(void *context, uint64_t node, unsigned type, const char *name, size_t length) {
    struct fs_list_reply *out = context;
    if (length > 255 || out->entries_size + 10 + length > sizeof out->entries)
        return false;
    uint8_t *to = out->entries + out->entries_size;
    for (unsigned i = 0; i < 8; i++)
        to[i] = (uint8_t)(node >> 8 * i);
    to[8] = (uint8_t)type;
    to[9] = (uint8_t)length;
    memcpy(to + 10, name, length);
    out->entries_size += (uint32_t)(10 + length);
    out->next++;
    return true;
}

static int list(void *context, uint64_t badge, const struct fs_list *in, struct fs_list_reply *out) {
    (void)context, (void)badge;
    out->next = in->after;
    return volume_list(fsd.volume, in->folder, in->after, add_entry, out);
}

static int read_some(void *context, uint64_t badge, const struct fs_read *in, struct fs_read_reply *out) {
    (void)context, (void)badge;
    uint32_t size = in->size < sizeof out->data ? in->size : sizeof out->data, got = 0;
    int error = volume_read(fsd.volume, in->node, in->offset, out->data, size, &got);
    out->data_size = got;
    return error;
}

static int target(void *context, uint64_t badge, const struct fs_target *in, struct fs_target_reply *out) {
    (void)context, (void)badge;
    return volume_target(fsd.volume, in->node, out->text, sizeof out->text);
}

// The part of all attributes that is asked for.
struct window {
    struct fs_extended_reply *out;
    uint64_t offset;
};

static void add_bytes(struct window *window, const void *bytes, uint64_t size) {
    struct fs_extended_reply *out = window->out;
    uint64_t at = out->size, want = window->offset + out->data_size;
    out->size += size;
    if (want < at || want >= out->size || out->data_size == sizeof out->data)
        return;
    uint64_t left = out->size - want, room = sizeof out->data - out->data_size, count = left < room ? left : room;
    memcpy(out->data + out->data_size, (const uint8_t *)bytes + (want - at), count);
    out->data_size += (uint32_t)count;
}

static bool add_attribute(void *context, const char *name, const void *value, uint32_t size) {
    uint8_t head[6] = {(uint8_t)strlen(name), (uint8_t)(strlen(name) >> 8)};
    for (unsigned i = 0; i < 4; i++)
        head[2 + i] = (uint8_t)(size >> 8 * i);
    add_bytes(context, head, sizeof head);
    add_bytes(context, name, strlen(name));
    add_bytes(context, value, size);
    return true;
}

static int extended(void *context, uint64_t badge, const struct fs_extended *in, struct fs_extended_reply *out) {
    (void)context, (void)badge;
    struct window window = {out, in->offset};
    return volume_xattrs(fsd.volume, in->node, add_attribute, &window);
}

// Everything is on the medium at all times.
static int sync_all(void *context, uint64_t badge, const struct fs_sync *in) {
    (void)context, (void)badge, (void)in;
    return 0;
}

static const struct fs_server methods = {.volume = volume,
                                         .lookup = lookup,
                                         .forget = forget,
                                         .attributes = attributes,
                                         .list = list,
                                         .read = read_some,
                                         .target = target,
                                         .sync = sync_all,
                                         .extended = extended};

// ---------------------------------------------------------------- pages

// One block of the volume, or what there is of it; the last page is filled up with zeros.
static int supply_block(uint64_t node, uint64_t offset) {
    uint32_t got = 0;
    int error = volume_read(fsd.volume, node, offset, fsd.block, volume_block_size(fsd.volume), &got);
    if (error != 0)
        return error;
    uint64_t size = (got + PAGE - 1) / PAGE * PAGE;
    memset(fsd.block + got, 0, size - got);
    struct pager_range range = {node, offset, size};
    return size > 0 ? -pager_supply_copy(fsd.pager, &range, fsd.block) : 0;
}

static void serve_pages(const struct pager_range *wanted) {
    uint64_t block = volume_block_size(fsd.volume), end = wanted->offset + wanted->size;
    for (uint64_t at = wanted->offset / block * block; at < end; at += block) {
        int error = supply_block(wanted->key, at);
        if (error == 0 || error == ENOENT) // ENOENT: it was given up meanwhile
            continue;
        struct pager_range part = {wanted->key, at, block};
        (void)pager_fail(fsd.pager, &part, EIO);
    }
}

static bool dispatch(void *context, struct tessera_message *in, struct tessera_message *out) {
    struct pager_range wanted;
    if (in->header.type != PAGER_READ && in->header.type != PAGER_WRITE && in->header.type != PAGER_SYNC)
        return fs_about.dispatch(context, in, out);
    if (in->header.size != sizeof wanted)
        return false;
    memcpy(&wanted, in->data, sizeof wanted);
    if (in->header.type == PAGER_SYNC)
        (void)pager_fail(fsd.pager, &wanted, EIO); // nothing can have been written
    else
        serve_pages(&wanted);
    return false;
}

static int fail(const char *what, int error) {
    fprintf(stderr, "fsd: %s: %s\n", what, strerror(error));
    return 1;
}

int main(void) {
    int port = handle_named("port");
    fsd.disk = handle_named("disk");
    fsd.pager = handle_named("pager");
    if (port < 0 || fsd.disk < 0 || fsd.pager < 0)
        return fail("wants port, disk and pager", EBADF);
    off_t size = lseek(fsd.disk, 0, SEEK_END);
    int error = size < 0 ? errno : volume_open(read_disk, NULL, (uint64_t)size, &fsd.volume);
    if (error != 0)
        return fail("no image on the disk", error);
    fsd.block = malloc(volume_block_size(fsd.volume) + PAGE);
    if (!fsd.block)
        return fail("a buffer", ENOMEM);
    int status = pager_attach(fsd.pager, port);
    if (status < 0)
        return fail("the pager", -status);
    tessera_ready();
    struct fs_server server = methods;
    return fail("its port", -tessera_serve(port, dispatch, &server));
}
