// SPDX-License-Identifier: MPL-2.0
// Pagers: pages that a server supplies, its refusals, its death and its successor; dirty pages and their storing;
// bounds; faults against supply, truncation and unmapping on all CPUs.
#include "sys.h"

#include <abi/rights.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <tessera/handle.h>
#include <tessera/job.h>
#include <tessera/pager.h>
#include <tessera/port.h>
#include <tessera/time.h>

enum { PAGE = 4096, KEY = 7, BAD = 40, SLOW = 64, PAGES = 128 }; // pages 40 … 47 fail, from 64 on none comes

// What a server does, in memory that its clients see.
struct notes {
    _Atomic unsigned reads, writes, pages, syncs, stored;
    _Atomic bool all_slow; // answers nothing
    unsigned char store[PAGES][PAGE];
} *notes;

static unsigned char pattern(uint64_t page) {
    return (unsigned char)(page * 7 + 1);
}

struct request {
    struct fipc_message header;
    struct pager_range range;
};

// Waits for a page, so that only a signal that kills ends it.
#define waits(pid) eventually(process_state(pid) == 'D')

static int fails_with(int status, int error, const char *what) {
    return is(status, -error, "%s", what);
}

static void store_dirty(int pager, int vmo, struct pager_range range) {
    struct pager_dirty dirty[4];
    int count;
    while ((count = pager_dirty(pager, &range, dirty, COUNT(dirty), PAGER_TAKE)) > 0)
        for (int i = 0; i < count; i++) {
            struct pager_range piece = {range.key, dirty[i].offset, dirty[i].size};
            notes->stored += (unsigned)(dirty[i].size / PAGE);
            pread(vmo, notes->store[dirty[i].offset / PAGE], dirty[i].size, (off_t)dirty[i].offset);
            pager_written(pager, &piece);
        }
    pager_written(pager, &range);
}

static void answer(int pager, int vmo, const struct request *request) {
    struct pager_range range = request->range;
    uint64_t page = range.offset / PAGE;
    if (request->header.type == PAGER_SYNC) {
        notes->syncs++;
        store_dirty(pager, vmo, range);
        return;
    }
    notes->reads += request->header.type == PAGER_READ;
    notes->writes += request->header.type == PAGER_WRITE;
    notes->pages += (unsigned)(range.size / PAGE);
    if (notes->all_slow || page >= SLOW)
        return;
    if (page >= BAD && page < BAD + 8)
        pager_fail(pager, &range, page == BAD ? EIO : ENOSPC);
    else
        pager_supply_copy(pager, &range, notes->store[page]);
}

static void serve(int port, int pager) {
    struct request request;
    int vmo = pager_vmo_open(pager, KEY);
    for (;;) {
        request.header = (struct fipc_message){};
        if (fipc_recv(port, &request.header, sizeof request, FIPC_FOREVER) == 0)
            answer(pager, vmo, &request);
    }
}

struct served {
    int port, pager, vmo;
    pid_t server;
};

// A server of its own process; `keep`: we keep the pager, too.
static struct served start(const struct pager_options *options, bool keep) {
    struct served s = {.port = port_create(NULL)};
    memset(notes, 0, sizeof *notes);
    for (unsigned i = 0; i < PAGES; i++)
        memset(notes->store[i], pattern(i), PAGE);
    s.pager = pager_create(s.port, options);
    s.vmo = pager_vmo_create(s.pager, KEY, PAGES * PAGE);
    s.server = start_child(serve(s.port, s.pager));
    close(s.port);
    if (!keep)
        close(s.pager);
    return s;
}

static void stop(struct served *s) {
    if (s->server > 0) {
        kill(s->server, SIGKILL);
        wait_status(s->server);
    }
    s->server = 0;
}

static unsigned char *map(int vmo) {
    return mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, vmo, 0);
}

static bool all_bytes(const unsigned char *at, unsigned char want, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (at[i] != want)
            return false;
    return true;
}

static void reading_and_writing(void) {
    struct served s = start(NULL, false);
    unsigned char *memory = map(s.vmo), bytes[2 * PAGE];
    ok(memory != MAP_FAILED, "map a paged object");
    is(memory[5 * PAGE + 9], pattern(5), "its pages come from the server");
    is(notes->pages, 11, "which was asked for the page and those behind it");
    exited(in_child(_exit(!all_bytes(memory + 6 * PAGE, pattern(6), PAGE))), 0, "another process sees them");
    is(pread(s.vmo, bytes, sizeof bytes, 20 * PAGE + 100), sizeof bytes, "read some");
    ok(all_bytes(bytes, pattern(20), PAGE - 100) && bytes[PAGE] == pattern(21), "the right ones");
    is(notes->writes, 0, "no writes yet");
    memory[33 * PAGE] = 1;
    is(notes->writes, 1, "a store asks for writing");
    exited(in_child(_exit(memory[33 * PAGE] != 1)), 0, "and is seen by others");
    is(pwrite(s.vmo, "x", 1, 31 * PAGE), 1, "write(2)");
    ok(memory[31 * PAGE] == 'x' && memory[31 * PAGE + 1] == pattern(31), "to a part of a page");
    unsigned char *private = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, s.vmo, 2 * PAGE);
    private[1] = 77;
    ok(private[0] == pattern(2) && memory[2 * PAGE + 1] == pattern(2), "private mappings copy");
    struct stat info;
    ok(fstat(s.vmo, &info) == 0 && info.st_size == PAGES * PAGE, "fstat tells the size");
    is(pread(s.vmo, bytes, 10, PAGES * PAGE), 0, "nothing behind the end");
    fails(pwrite(s.vmo, bytes, 10, PAGES * PAGE), ENOSPC, "nor room");
    ok(lseek(s.vmo, -PAGE, SEEK_END) == 127 * PAGE && lseek(s.vmo, 3 * PAGE, SEEK_SET) == 3 * PAGE, "lseek");
    ok(read(s.vmo, bytes, 10) == 10 && bytes[0] == pattern(3) && lseek(s.vmo, 0, SEEK_CUR) == 3 * PAGE + 10, "read");
    munmap(private, PAGE), munmap(memory, PAGES * PAGE), close(s.vmo), stop(&s);
}

static void refusals(void) {
    struct served s = start(NULL, false);
    unsigned char *memory = map(s.vmo), byte;
    fails(pread(s.vmo, &byte, 1, BAD * PAGE), EIO, "a page that cannot be had: EIO");
    fails(pread(s.vmo, &byte, 1, (BAD + 1) * PAGE), ENOSPC, "or what the server says");
    killed(in_child(_exit(memory[BAD * PAGE])), SIGBUS, "SIGBUS for who maps it");
    killed(in_child(memory[(BAD + 1) * PAGE] = 1), SIGBUS, "and for a store");
    int zero = open("/dev/zero", O_RDONLY);
    fails(read(zero, memory + BAD * PAGE, 1), EFAULT, "EFAULT for a system call");
    close(zero);
    is(memory[PAGE], pattern(1), "others are there");
    munmap(memory, PAGES * PAGE), close(s.vmo), stop(&s);
}

static void arguments(void) {
    int port = port_create(NULL), pager = pager_create(port, NULL), vmo = pager_vmo_create(pager, 1, 10 * PAGE);
    struct pager_range range = {.key = 1, .size = PAGE};
    struct pager_dirty dirty;
    static unsigned char bytes[2 * PAGE];
    fails_with(pager_create(vmo, NULL), EACCES, "what cannot receive is no port");
    fails_with(pager_create(port, &(struct pager_options){.requests = PAGER_REQUESTS_MAX + 1}), EINVAL, "too many");
    fails_with(pager_vmo_create(pager, 1, PAGE), EEXIST, "a key twice");
    fails_with(pager_vmo_create(pager, UINT64_MAX, PAGE), EINVAL, "no key");
    fails_with(pager_vmo_create(pager, 2, 1ull << 63), EINVAL, "too large");
    fails_with(pager_vmo_open(pager, 3), ENOENT, "an unknown key");
    fails_with(pager_vmo_open(port, 1), EACCES, "a port is no pager");
    fails_with(pager_detach(pager, 3), ENOENT, "nothing to detach");
    fails_with(pager_supply_copy(pager, &(struct pager_range){1, 100, PAGE}, bytes), EINVAL, "not whole pages");
    fails_with(pager_supply_copy(pager, &(struct pager_range){1, 0, 0}, bytes), EINVAL, "no pages");
    fails_with(pager_supply_copy(pager, &range, (void *)8), EFAULT, "bad memory");
    fails_with(pager_supply(pager, &range, vmo, 0), EINVAL, "pages do not move out of a paged object");
    fails_with(pager_fail(pager, &range, EPERM), EINVAL, "not an error for pages");
    fails_with(pager_dirty(pager, &range, &dirty, 0, 0), EINVAL, "no room for ranges");
    int blind = handle_duplicate(pager, RIGHT_WAIT, 0);
    fails_with(pager_vmo_open(blind, 1), EACCES, "opening needs ADMIN");
    fails_with(pager_fail(blind, &range, EIO), EBADF, "failing needs WRITE");
    fails_with(pager_dirty(blind, &range, &dirty, 1, 0), EBADF, "asking needs READ");
    fails_with(pager_attach(blind, port), EACCES, "taking over needs ADMIN");
    struct pager_vmo_info info[2];
    close(pager_vmo_create(pager, 9, PAGE));
    is(pager_list(pager, 0, info, 2), 2, "two objects");
    ok(info[0].key == 1 && info[0].users == 1 && info[1].key == 9 && info[1].users == 0, "in order, with their users");
    is(pager_list(pager, 2, info, 2), 1, "one from there on");
    close(blind), close(vmo), close(pager), close(port);
}

static void moving(void) {
    int port = port_create(NULL), pager = pager_create(port, NULL), vmo = pager_vmo_create(pager, KEY, 8 * PAGE);
    int donor = memfd_create("donor", MFD_ALLOW_SEALING);
    unsigned char page[PAGE];
    for (unsigned i = 0; i < 4; i++) {
        memset(page, pattern(i), PAGE);
        pwrite(donor, page, PAGE, (i + 1) * PAGE);
    }
    unsigned char *mapped = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, donor, 0);
    unsigned char *private = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, donor, 0);
    ok(mapped[PAGE] == pattern(0) && private[PAGE] == pattern(0), "a donor, mapped");
    struct pager_range range = {KEY, 2 * PAGE, 5 * PAGE};
    is(pager_supply(pager, &range, donor, PAGE), 0, "supply its pages");
    is(pread(vmo, page, PAGE, 4 * PAGE), PAGE, "no request is needed");
    ok(all_bytes(page, pattern(2), PAGE), "they are there");
    is(pread(vmo, page, PAGE, 6 * PAGE), PAGE, "a hole too");
    ok(all_bytes(page, 0, PAGE), "as zeros");
    ok(lseek(donor, 0, SEEK_DATA) == -1 && mapped[PAGE] == 0, "and the donor has lost them");
    mapped[PAGE] = 99, mapped[3 * PAGE] = 99;
    pread(vmo, page, PAGE, 2 * PAGE);
    ok(all_bytes(page, pattern(0), PAGE), "what it gets later is its own");
    pwrite(vmo, "mine", 4, 2 * PAGE);
    memset(page, 5, PAGE);
    struct pager_range one = {KEY, 2 * PAGE, PAGE};
    is(pager_supply_copy(pager, &one, page), 0, "supply a page again");
    pread(vmo, page, 4, 2 * PAGE);
    ok(!memcmp(page, "mine", 4), "it stays as it was");
    struct pager_range beyond = {KEY, 7 * PAGE, 4 * PAGE};
    is(pager_supply_copy(pager, &beyond, mapped), 0, "what is behind the end");
    is(pager_resize(pager, KEY, 20 * PAGE), 0, "is not there when it grows");
    struct pager_vmo_info info;
    pager_list(pager, KEY, &info, 1);
    is(info.resident, 6 * PAGE, "six pages are");
    munmap(mapped, 6 * PAGE); // a sealed file has no writable mapping
    fcntl(donor, F_ADD_SEALS, F_SEAL_WRITE);
    fails_with(pager_supply(pager, &beyond, donor, 0), EPERM, "a sealed donor keeps its pages");
    munmap(private, 6 * PAGE), close(donor), close(vmo), close(pager), close(port);
}

static void storing(void) {
    struct served s = start(NULL, true);
    unsigned char *memory = map(s.vmo);
    struct pager_range all = {KEY, 0, PAGES * PAGE};
    struct pager_dirty dirty[8];
    is(memory[3 * PAGE], pattern(3), "read pages");
    is(pager_dirty(s.pager, &all, dirty, 8, 0), 0, "nothing is dirty");
    memory[PAGE] = memory[2 * PAGE] = memory[3 * PAGE] = 1;
    pwrite(s.vmo, "x", 1, 9 * PAGE);
    is(pager_dirty(s.pager, &all, dirty, 8, 0), 2, "after stores two runs are");
    ok(dirty[0].offset == PAGE && dirty[0].size == 3 * PAGE && dirty[1].offset == 9 * PAGE && dirty[1].size == PAGE,
       "these");
    is(pager_dirty(s.pager, &all, dirty, 1, PAGER_TAKE), 1, "take the first");
    memory[2 * PAGE] = 2;
    is(pager_dirty(s.pager, &all, dirty, 8, 0), 2, "a store to it makes a page dirty again");
    is(dirty[0].offset, 2 * PAGE, "that one");
    struct pager_range taken = {KEY, PAGE, 3 * PAGE};
    is(pager_fail(s.pager, &taken, EIO), 0, "it was not stored");
    is(pager_dirty(s.pager, &all, dirty, 8, 0), 2, "so it is dirty");
    is(dirty[0].size, 3 * PAGE, "all of it");
    is(fsync(s.vmo), 0, "fsync waits for the server");
    ok(notes->store[2][0] == 2 && notes->store[9][0] == 'x' && notes->syncs >= 1, "which has stored it");
    is(notes->stored, 4, "all four pages");
    is(pager_dirty(s.pager, &all, dirty, 8, 0), 0, "nothing is dirty");
    memory[3 * PAGE] = 3;
    is(msync(memory, PAGES * PAGE, MS_SYNC), 0, "msync");
    ok(notes->store[3][0] == 3 && notes->stored == 5, "stores what was written since");
    is(fsync(s.vmo), 0, "and again has nothing to do");
    is(notes->syncs, 2, "without asking");
    munmap(memory, PAGES * PAGE), close(s.vmo), close(s.pager), stop(&s);
}

// Children that wait for a page from SLOW on, one a window; each ends with its byte's difference from the pattern.
static pid_t waiter(struct served *s, unsigned window, bool by_read) {
    unsigned page = SLOW + window * PAGER_REQUEST_PAGES;
    return start_child({
        unsigned char byte = 0, *memory = map(s->vmo);
        close(s->pager);
        if (by_read && pread(s->vmo, &byte, 1, page * PAGE) != 1)
            _exit(errno);
        if (!by_read)
            byte = memory[page * PAGE];
        _exit(byte != pattern(page));
    });
}

static void death(void) {
    struct served s = start(NULL, false);
    unsigned char *memory = map(s.vmo), byte;
    is(memory[0], pattern(0), "a page while the server lives");
    memory[PAGE] = 9;
    pid_t reader = waiter(&s, 0, true), mapper = waiter(&s, 1, false);
    ok(waits(reader) && waits(mapper), "two wait for pages");
    stop(&s);
    exited(wait_status(reader), EIO, "when it is killed, a read gets EIO");
    killed(wait_status(mapper), SIGBUS, "and a mapping SIGBUS");
    fails(pread(s.vmo, &byte, 1, 50 * PAGE), EIO, "as everything that is not there");
    ok(memory[0] == pattern(0) && memory[PAGE] == 9, "what is there stays");
    fails(fsync(s.vmo), EIO, "and cannot be stored");
    munmap(memory, PAGES * PAGE), close(s.vmo);

    s = start(NULL, false);
    reader = waiter(&s, 0, false);
    ok(waits(reader), "one that waits");
    kill(reader, SIGTERM);
    killed(wait_status(reader), SIGTERM, "can be killed");
    close(s.vmo), stop(&s);
}

static void detaching(void) {
    struct served s = start(NULL, true);
    unsigned char byte;
    is(pread(s.vmo, &byte, 1, 0), 1, "a page");
    pid_t reader = waiter(&s, 0, true);
    ok(waits(reader), "one waits for another");
    is(pager_detach(s.pager, KEY), 0, "detach");
    exited(wait_status(reader), EIO, "it gets EIO");
    is(pread(s.vmo, &byte, 1, 0), 1, "the page is there");
    int again = pager_vmo_create(s.pager, KEY, PAGE);
    ok(again >= 0, "and the key is free");
    close(again), close(s.vmo), close(s.pager), stop(&s);
}

static void succession(void) {
    struct served s = start(NULL, true);
    unsigned char *memory = map(s.vmo);
    struct pager_range all = {KEY, 0, PAGES * PAGE};
    struct pager_dirty dirty[2];
    memory[PAGE] = 1;
    is(pager_dirty(s.pager, &all, dirty, 2, PAGER_TAKE), 1, "the server stores a page");
    notes->all_slow = true;
    pid_t early = start_child(_exit(memory[20 * PAGE] != pattern(20)));
    ok(waits(early), "a client waits for another");
    stop(&s);
    pid_t late = start_child(_exit(memory[36 * PAGE] != pattern(36)));
    ok(waits(late), "one more while there is no server");
    notes->all_slow = false;
    int port = port_create(NULL);
    s.server = start_child({
        pager_attach(s.pager, port);
        serve(port, s.pager);
    });
    exited(wait_status(early), 0, "a new server is asked again");
    exited(wait_status(late), 0, "for both");
    is(pager_dirty(s.pager, &all, dirty, 2, 0), 1, "and what the old one had not stored is dirty");
    is(fsync(s.vmo), 0, "it can be stored now");
    is(notes->store[1][0], 1, "and is");
    munmap(memory, PAGES * PAGE), close(port), close(s.vmo), close(s.pager), stop(&s);
}

static unsigned queued_at(int port) {
    unsigned count = 0;
    struct request request = {};
    while (fipc_recv(port, &request.header, sizeof request, 0) == 0)
        count++, request.header = (struct fipc_message){};
    return count;
}

static void bounds(void) {
    int port = port_create(NULL), pager = pager_create(port, &(struct pager_options){.requests = 2, .badge = 33});
    int vmo = pager_vmo_create(pager, KEY, PAGES * PAGE);
    pid_t children[4];
    for (unsigned i = 0; i < 4; i++)
        children[i] = start_child({
            unsigned char byte;
            _exit(pread(vmo, &byte, 1, i * PAGER_REQUEST_PAGES * PAGE) != 1);
        });
    ok(waits(children[0]) && waits(children[1]) && waits(children[2]) && waits(children[3]), "four clients wait");
    is(queued_at(port), 2, "two requests are open");
    static unsigned char zeros[PAGES * PAGE];
    struct pager_range all = {KEY, 0, PAGES * PAGE};
    is(pager_supply_copy(pager, &all, zeros), 0, "supply all");
    int bad = 0;
    for (unsigned i = 0; i < 4; i++)
        bad += wait_status(children[i]) != 0;
    is(bad, 0, "all go on");
    queued_at(port);
    // A server that answers but never receives.
    int other = pager_vmo_create(pager, KEY + 1, 1000ull * PAGES * PAGE);
    for (unsigned i = 0; i < 50; i++) {
        pid_t child = start_child({
            unsigned char byte;
            _exit(pread(other, &byte, 1, (off_t)i * 16 * PAGE) != 1);
        });
        bad += !waits(child);
        pager_supply_copy(pager, &(struct pager_range){KEY + 1, i * 16ull * PAGE, 16 * PAGE}, zeros);
        bad += wait_status(child) != 0;
    }
    is(bad, 0, "fifty faults that a deaf server answers");
    ok(queued_at(port) <= 4, "leave no more than four messages");
    close(other), close(vmo), close(pager), close(port);
}

// A job's memory limit counts pages that its server supplies.
static void charging(void) {
    int job = job_create(-1, "pager", 0);
    struct job_info before, after;
    job_info(job, &before);
    int port = port_create(NULL);
    pid_t child = start_child({
        static unsigned char bytes[256 * PAGE];
        job_enter(job);
        int pager = pager_create(port, NULL), vmo = pager_vmo_create(pager, KEY, 256 * PAGE);
        memset(bytes, 1, sizeof bytes);
        struct job_info with, without;
        job_info(job, &without);
        int status = pager_supply_copy(pager, &(struct pager_range){KEY, 0, 256 * PAGE}, bytes);
        job_info(job, &with);
        _exit(status != 0 || vmo < 0 || with.used.memory < without.used.memory + 256 * PAGE);
    });
    exited(wait_status(child), 0, "the server's job pays for what it supplies");
    job_info(job, &after);
    is(after.used.memory, before.used.memory, "and gets it back");
    close(job), close(port);
}

// Many servers that die with pages and requests: nothing is left of them.
static long free_kib(void) {
    const char *at = strstr(get_file("/proc/meminfo"), "MemFree:");
    return at ? atol(at + 8) : 0;
}

static void one_death(void) {
    struct served s = start(NULL, false);
    unsigned char *memory = map(s.vmo);
    for (unsigned i = 0; i < BAD; i++)
        memory[i * PAGE]++;
    pid_t reader = waiter(&s, 0, true);
    stop(&s);
    wait_status(reader);
    munmap(memory, PAGES * PAGE), close(s.vmo);
}

static void leaks(void) {
    for (int i = 0; i < 10; i++)
        one_death();
    long before = free_kib();
    for (int i = 0; i < 100; i++)
        one_death();
    long lost = before - free_kib();
    ok(lost < 4096, "a hundred dead servers leave no memory behind (%ld KiB of 16,000)", lost);
}

// ---------------------------------------------------------------- everything at once

static struct race {
    struct served s;
    unsigned char *memory;
    _Atomic bool over;
    _Atomic unsigned faults, wrong;
} race;

static void *toucher(void *argument) {
    unsigned seed = (unsigned)(uintptr_t)argument;
    unsigned char byte;
    while (!race.over) {
        unsigned page = (unsigned)rand_r(&seed) % BAD;
        if (pread(race.s.vmo, &byte, 1, page * PAGE) == 1)
            race.wrong += byte != pattern(page), race.faults++;
    }
    return NULL;
}

static void *mapper(void *argument) {
    unsigned seed = 100 + (unsigned)(uintptr_t)argument;
    while (!race.over) {
        unsigned page = (unsigned)rand_r(&seed) % (BAD - 2);
        unsigned char *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, race.s.vmo, page * PAGE);
        unsigned char bytes[2 * PAGE];
        int pipes[2];
        pipe(pipes);
        if (write(pipes[1], memory, 2 * PAGE) == 2 * PAGE && read(pipes[0], bytes, sizeof bytes) == 2 * PAGE)
            race.wrong += bytes[9] != pattern(page) || bytes[PAGE + 9] != pattern(page + 1), race.faults++;
        close(pipes[0]), close(pipes[1]);
        munmap(memory, 2 * PAGE);
    }
    return NULL;
}

static void *cutter(void *) {
    while (!race.over) {
        pager_resize(race.s.pager, KEY, 3 * PAGE);
        pager_resize(race.s.pager, KEY, BAD * PAGE);
        sched_yield();
    }
    return NULL;
}

static void *supplier(void *) {
    while (!race.over) {
        struct pager_range range = {KEY, 0, BAD * PAGE};
        pager_supply_copy(race.s.pager, &range, notes->store);
        sched_yield();
    }
    return NULL;
}

static void races(void) {
    race.s = start(NULL, true);
    void *(*const work[])(void *) = {toucher, toucher, mapper, mapper, cutter, supplier};
    pthread_t threads[COUNT(work)];
    for (unsigned i = 0; i < COUNT(work); i++)
        pthread_create(&threads[i], NULL, work[i], (void *)(uintptr_t)i);
    sleep_ms(1500);
    eventually(race.faults > 100);
    race.over = true;
    for (unsigned i = 0; i < COUNT(work); i++)
        pthread_join(threads[i], NULL);
    ok(race.faults > 100, "faults against supply, truncation and unmapping");
    is(race.wrong, 0, "and every byte is right");
    close(race.s.vmo), close(race.s.pager), stop(&race.s);
}

int main(void) {
    if (!on_tessera()) {
        skip("these calls are Tessera's own", "pagers");
        return tap_done();
    }
    notes = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int before = open_fd_count();
    reading_and_writing();
    refusals();
    arguments();
    moving();
    storing();
    death();
    detaching();
    succession();
    bounds();
    charging();
    leaks();
    races();
    is(open_fd_count(), before, "no handle is left");
    return tap_done();
}
