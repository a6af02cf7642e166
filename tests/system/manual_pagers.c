// SPDX-License-Identifier: MPL-2.0
// The examples of docs/pagers.md, word for word: a server that keeps pages in a file, its client, and its successor.
#include "sys.h"

#include <abi/fipc.h>
#include <abi/rights.h>
#include <sys/mman.h>
#include <tessera/handle.h>
#include <tessera/pager.h>
#include <tessera/port.h>
#include <tessera/time.h>

enum { PAGE = 4096, PAGES = 99, DISK_PAGES = 16 };

static int disk; // a file: page n of it is page n of each object

static uint64_t stored; // by store_dirty

// All that is dirty in a range goes to the disk; by way of a mapping of the object.
static void store_dirty(int pager, const struct pager_range *range) {
    int vmo = pager_vmo_open(pager, range->key);
    uint64_t key = range->key;
    struct pager_dirty dirty[16];
    int count = pager_dirty(pager, range, dirty, 16, PAGER_TAKE);
    for (int i = 0; i < count; i++) {
        static char buffer[DISK_PAGES * PAGE];
        pread(vmo, buffer, dirty[i].size, (off_t)dirty[i].offset);
        pwrite(disk, buffer, dirty[i].size, (off_t)dirty[i].offset), fdatasync(disk);
        pager_written(pager, &(struct pager_range){key, dirty[i].offset, dirty[i].size});
        stored += dirty[i].size;
    }
    close(vmo);
}

// What is behind the disk's end cannot be read.
static int read_pages(const struct pager_range *range, char *buffer) {
    return pread(disk, buffer, range->size, (off_t)range->offset) == (ssize_t)range->size ? 0 : -1;
}

static void serve(int pager, int port) {
    static char buffer[PAGER_REQUEST_PAGES * PAGE];
    struct {
        struct fipc_message header;
        struct pager_range range;
    } m = {};
    while (fipc_recv(port, &m.header, sizeof m, FIPC_FOREVER) == 0) {
        if (m.header.type == PAGER_SYNC)
            store_dirty(pager, &m.range), pager_written(pager, &m.range);
        else if (read_pages(&m.range, buffer) == 0)
            pager_supply_copy(pager, &m.range, buffer);
        else
            pager_fail(pager, &m.range, EIO);
        m.header = (struct fipc_message){};
    }
}

static void make_disk(void) {
    static char page[PAGE];
    disk = open("disk", O_CREAT | O_RDWR, 0600);
    for (int i = 0; i < DISK_PAGES; i++) {
        memset(page, 'a' + i, PAGE);
        write(disk, page, PAGE);
    }
}

static char disk_byte(int page) {
    char byte = 0;
    pread(disk, &byte, 1, page * PAGE);
    return byte;
}

static void use(int vmo) {
    char *memory = mmap(NULL, DISK_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vmo, 0);
    ok(memory != MAP_FAILED && memory[0] == 'a' && memory[5 * PAGE] == 'f', "pages come from the server");
    memory[5 * PAGE] = '!';
    is(fsync(vmo), 0, "what was written is stored");
    is(disk_byte(5), '!', "on its disk");
    char byte;
    fails(pread(vmo, &byte, 1, DISK_PAGES * PAGE), EIO, "what it cannot read is an error");
    munmap(memory, DISK_PAGES * PAGE);
}

static void keep_pager(int port, uint64_t inode, uint64_t file_size) {
    int pager = pager_create(port, &(struct pager_options){.badge = PAGES});
    int vmo = pager_vmo_create(pager, inode, file_size);
    struct fipc_handle item = {.handle = vmo, .rights = RIGHT_READ | RIGHT_MAP, .operation = FIPC_MOVE};
    ok(pager >= 0 && vmo >= 0 && item.handle == vmo, "a pager and an object");
    pid_t server = start_child(close(vmo); serve(pager, port));
    use(vmo);
    kill(server, SIGKILL);
    wait_status(server);

    // The next instance: the pager's handle outlived the first one.
    char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vmo, 0);
    memory[0] = '?';
    int next = port_create(NULL);
    pager_attach(pager, next);
    struct pager_range all = {inode, 0, file_size};
    store_dirty(pager, &all);
    ok(stored >= PAGE && disk_byte(0) == '?', "its successor stores what was dirty");
    munmap(memory, PAGE);

    uint64_t new_size = 4 * PAGE;
    pager_resize(pager, inode, new_size);
    struct stat state;
    ok(fstat(vmo, &state) == 0 && state.st_size == (off_t)new_size && state.st_ino == inode, "another size");
    unsigned objects = 0;
    struct pager_vmo_info info;
    for (uint64_t key = 0; pager_list(pager, key, &info, 1) == 1; key = info.key + 1)
        objects += info.users > 0;
    is(objects, 1, "the list of objects");
    pager_detach(pager, inode); // no users, nothing dirty: forget it
    is(pager_vmo_open(pager, inode), -ENOENT, "one less");
    close(vmo), close(pager), close(next), close(port);
}

int main(void) {
    if (!on_tessera()) {
        skip("these calls are Tessera's own", "pagers");
        return tap_done();
    }
    enter_temp_dir();
    make_disk();
    keep_pager(port_create(NULL), 7, (DISK_PAGES + 1) * PAGE);
    return tap_done();
}
