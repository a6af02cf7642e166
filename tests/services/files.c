// SPDX-License-Identifier: MPL-2.0
// Files by the protocol fs (tests/services/filed.c): values, bytes, handles and memory objects both ways through the
// generated stubs; and what a server says to messages that it does not know.
#include "services.h"

#include <protocols/fs.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <tessera/handle.h>
#include <tessera/port.h>
#include <tessera/time.h>

#define SIZE (300 * 1024 + 7)
#define SOON deadline_after_ms(PATIENCE_MS)

static uint8_t contents[SIZE];

static int64_t lookup(int files, uint64_t folder, const char *name) {
    struct fs_lookup in = {.folder = folder};
    struct fs_lookup_reply out;
    strncpy(in.name, name, sizeof in.name - 1);
    int status = fs_lookup(files, &in, &out, SOON);
    return status < 0 ? status : (int64_t)out.node;
}

static void test_lookup(int files, uint64_t root) {
    is(lookup(files, root, "nobody"), -ENOENT, "no such file");
    is(lookup(files, root, "../etc"), -ENOENT, "no way out of the folder");
    is(lookup(files, 63, "data"), -ESTALE, "no such node");
    uint64_t node = (uint64_t)lookup(files, root, "data");
    is(lookup(files, node, "data"), -ENOTDIR, "not a folder");
    struct fs_attributes in = {.node = node};
    struct fs_attributes_reply out;
    is(fs_attributes(files, &in, &out, SOON), 0, "attributes");
    ok(out.size == SIZE && S_ISREG(out.mode) && out.links == 1 && out.modified > 0, "as they are");
    struct fs_forget forget = {.node = node, .lookups = 1};
    is(fs_forget(files, &forget, SOON), 0, "forgotten");
    is(fs_attributes(files, &in, &out, SOON), -ESTALE, "is gone");
}

static void test_list(int files, uint64_t root) {
    struct fs_list in = {.folder = root};
    struct fs_list_reply out;
    int found = 0, answers = 0, status;
    while ((status = fs_list(files, &in, &out, SOON)) == 0 && out.entries_size > 0) {
        for (uint32_t at = 0; at + 10 <= out.entries_size; at += 10u + out.entries[at + 9])
            found += out.entries[at + 9] > 5 && memcmp(out.entries + at + 10, "entry", 5) == 0;
        in.after = out.next;
        answers++;
    }
    is(status, 0, "a folder's list");
    is(found, 300, "has all its entries");
    ok(answers > 1, "in several answers");
}

static void test_read(int files, uint64_t node) {
    struct fs_read in = {.node = node, .offset = 1000, .size = 8000};
    struct fs_read_reply out;
    is(fs_read(files, &in, &out, SOON), 0, "read");
    ok(out.data_size == 8000 && memcmp(out.data, contents + 1000, 8000) == 0, "8,000 bytes, in the message");
    in.offset = SIZE - 5;
    ok(fs_read(files, &in, &out, SOON) == 0 && out.data_size == 5, "fewer at the end");
    struct fs_read_pages pages = {.node = node, .offset = 3, .size = 1 << 20};
    struct fs_read_pages_reply got;
    if (!is(fs_read_pages(files, &pages, &got, SOON), 0, "read in a memory object"))
        return;
    is(got.size, SIZE - 3, "as much as there is");
    void *at = mmap(NULL, SIZE - 3, PROT_READ, MAP_SHARED, got.data, 0);
    ok(at != MAP_FAILED && memcmp(at, contents + 3, SIZE - 3) == 0, "which can be mapped");
    munmap(at, SIZE - 3);
    close(got.data);
}

static void test_write(int files, uint64_t node) {
    struct fs_write in = {.node = node, .offset = SIZE - 2, .data_size = 4, .data = "abcd", .sequence = 1};
    is(fs_write(files, &in, SOON), 0, "written");
    int memory = memfd_create("pages", MFD_CLOEXEC), kept = dup(memory);
    ok(pwrite(memory, contents, SIZE, 0) == SIZE, "a memory object");
    struct fs_write_pages pages = {.node = node, .offset = SIZE + 2, .size = SIZE, .data = memory, .sequence = 2};
    is(fs_write_pages(files, &pages, SOON), 0, "written from there");
    ok(fcntl(memory, F_GETFD) < 0, "the stub has closed its handle");
    pages = (struct fs_write_pages){.node = node, .size = SIZE + 1, .data = kept, .sequence = 3};
    is(fs_write_pages(files, &pages, SOON), -EINVAL, "more than it holds");
    pages = (struct fs_write_pages){.node = node, .size = 1, .data = eventfd(0, 0), .sequence = 4};
    is(fs_write_pages(files, &pages, SOON), -EINVAL, "an event is no memory object");
    struct fs_make make = {.folder = 1, .name = "new", .mode = S_IFREG | 0600, .sequence = 5};
    struct fs_make_reply made;
    is(fs_make(files, &make, &made, SOON), -ENOSYS, "a method that this server lacks");
    FILE *file = fopen("/tmp/data", "r");
    static uint8_t all[2 * SIZE + 3];
    size_t size = file ? fread(all, 1, sizeof all, file) : 0;
    is(size, 2 * SIZE + 2, "the file has grown");
    ok(memcmp(all + SIZE - 2, "abcd", 4) == 0 && memcmp(all + SIZE + 2, contents, SIZE) == 0, "by what was written");
    if (file)
        fclose(file);
}

static int raw(int files, uint32_t type, uint32_t size) {
    static struct tessera_message in, out;
    message_begin(&in, type);
    in.header.size = size;
    int status = message_call(files, &in, &out, false, SOON);
    message_drop_handles(&out);
    return status;
}

static void test_unknown(int files) {
    is(raw(files, MESSAGE_TYPE(FS_PROTOCOL, FS_VERSION, FS_VOLUME), 0), 0, "a message by hand");
    is(raw(files, MESSAGE_TYPE(FS_PROTOCOL, FS_VERSION, FS_VOLUME), 1), -EBADMSG, "a longer one");
    is(raw(files, MESSAGE_TYPE(FS_PROTOCOL, FS_VERSION, FS_READ), FIPC_INLINE_MAX), -EBADMSG, "a much longer one");
    is(raw(files, MESSAGE_TYPE(FS_PROTOCOL, FS_VERSION, FS_READ), 3), -EBADMSG, "a shorter one");
    is(raw(files, MESSAGE_TYPE(FS_PROTOCOL, FS_VERSION, 99), 0), -ENOSYS, "an unknown method");
    is(raw(files, MESSAGE_TYPE(FS_PROTOCOL, FS_VERSION + 1, FS_VOLUME), 0), -EPROTONOSUPPORT, "a later version");
    is(raw(files, 0, 0), -EPROTONOSUPPORT, "no protocol at all");
}

static void make_files(void) {
    char path[64];
    for (int i = 0; i < SIZE; i++)
        contents[i] = (uint8_t)(i * 31 + i / 1000);
    FILE *file = fopen("/tmp/data", "w");
    ok(file && fwrite(contents, 1, SIZE, file) == SIZE && fclose(file) == 0, "a file");
    for (int i = 0; i < 300; i++) {
        snprintf(path, sizeof path, "/tmp/entry-with-a-longer-name-%d", i);
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
}

int main(void) {
    struct fs_volume_reply volume = {};
    struct state before, after;
    make_files();
    int files = tessera_connect("files", SOON);
    ok(files >= 0 && wait_state("filed", "ready", &before), "the server is there");
    is(fs_volume(files, &volume, SOON), 0, "the volume");
    ok(volume.root == 1 && volume.name_max == 255, "has a root");
    test_lookup(files, volume.root);
    test_list(files, volume.root);
    int64_t node = lookup(files, volume.root, "data");
    test_read(files, (uint64_t)node);
    test_write(files, (uint64_t)node);
    test_unknown(files);
    ok(read_state("filed", &after) && after.pid == before.pid && after.crashes == 0, "the server has outlived it all");
    return tap_done();
}
