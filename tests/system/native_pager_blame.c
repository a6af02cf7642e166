// SPDX-License-Identifier: MPL-2.0
// Requests that a pager's servers die of, one after the other: they end with EIO or SIGBUS, their page is bad from then
// on, and no other suffers.
#include "sys.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <tessera/handle.h>
#include <tessera/pager.h>
#include <tessera/port.h>
#include <tessera/time.h>

enum { PAGE = 4096, KEY = 7, PAGES = 128, DEADLY = 21 };

static _Atomic unsigned *deaths; // of servers
static int port, pager, vmo;

struct request {
    struct fipc_message header;
    struct pager_range range;
};

static unsigned char pattern(uint64_t page) {
    return (unsigned char)(page * 7 + 1);
}

// Waits for a page, so that only a signal that kills ends it.
#define waits(pid) eventually(process_state(pid) == 'D')

// ---------------------------------------------------------------- servers

static bool receive(int from, struct request *request) {
    request->header = (struct fipc_message){};
    return fipc_recv(from, &request->header, sizeof *request, FIPC_FOREVER) == 0;
}

static void supply(const struct pager_range *range) {
    static unsigned char pages[PAGER_REQUEST_PAGES][PAGE];
    for (uint64_t i = 0; i < range->size / PAGE; i++)
        memset(pages[i], pattern(range->offset / PAGE + i), PAGE);
    pager_supply_copy(pager, range, pages);
}

// Dies of one page, and of what it is to store.
static void serve(void) {
    struct request request;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pager_attach(pager, port);
    while (receive(port, &request)) {
        uint64_t first = request.range.offset / PAGE, end = first + request.range.size / PAGE;
        if (request.header.type == PAGER_SYNC || (first <= DEADLY && DEADLY < end))
            kill(getpid(), SIGSEGV);
        supply(&request.range);
    }
}

// Starts servers, each when the one before has ended, until it is killed itself.
static pid_t start_keeper(void) {
    return start_child({
        for (;;) {
            wait_status(start_child(serve()));
            (*deaths)++;
        }
    });
}

static void make_object(uint64_t pages) {
    port = port_create(NULL);
    pager = pager_create(port, NULL);
    vmo = pager_vmo_create(pager, KEY, pages * PAGE);
}

static void drop_object(void) {
    close(vmo), close(pager), close(port);
}

// ---------------------------------------------------------------- clients

static pid_t reader(unsigned page) {
    return start_child({
        unsigned char byte;
        ssize_t got = pread(vmo, &byte, 1, page * PAGE);
        _exit(got != 1 ? errno : byte != pattern(page));
    });
}

static pid_t mapper(unsigned page) {
    return start_child({
        const unsigned char *memory = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_SHARED, vmo, 0);
        _exit(memory[page * PAGE] != pattern(page));
    });
}

// ---------------------------------------------------------------- tests

// Returns the keeper: one at a time, for a server that has not heard yet that it is to die might take a request along.
static pid_t first_deaths(void) {
    pid_t guilty = reader(DEADLY);
    ok(waits(guilty), "one waits for a page that servers die of");
    pid_t before = reader(DEADLY - 3), behind = mapper(DEADLY + 3), other = mapper(0);
    ok(waits(before) && waits(behind) && waits(other), "others for pages around it, and elsewhere");
    pid_t keeper = start_keeper();
    exited(wait_status(guilty), EIO, "it gets EIO");
    is(*deaths, 3, "when three have died");
    exited(wait_status(before), 0, "the page before it comes");
    exited(wait_status(behind), 0, "that behind it");
    exited(wait_status(other), 0, "and the one elsewhere");
    return keeper;
}

static void later(void) {
    unsigned char byte;
    killed(wait_status(mapper(DEADLY)), SIGBUS, "who maps it gets SIGBUS");
    fails(pread(vmo, &byte, 1, DEADLY * PAGE), EIO, "who reads it EIO again");
    exited(wait_status(mapper(DEADLY - 1)), 0, "who reads ahead stops before it");
    is(*deaths, 3, "no more servers die of it");
    pwrite(vmo, "x", 1, 0);
    fails(fsync(vmo), EIO, "what they die of storing is EIO, too");
    is(*deaths, 6, "after three");
    pager_detach(pager, KEY);
    close(vmo);
    vmo = pager_vmo_create(pager, KEY, PAGES * PAGE);
    exited(wait_status(reader(DEADLY - 3)), 0, "a page that is asked for together with the bad one comes");
    is(*deaths, 7, "and costs one server");
    exited(wait_status(reader(DEADLY)), EIO, "a new object has to find out anew");
    is(*deaths, 10, "what is bad");
}

// As many bad pages as are remembered, and some more: who asks again for one of the first has servers killed again.
static void many(void) {
    enum { EACH = 70 };
    make_object(EACH);
    *deaths = 0;
    unsigned bad = 0;
    for (unsigned page = 0; page < EACH; page++) {
        pid_t client = reader(page);
        if (!waits(client))
            break;
        for (int i = 0; i < 3; i++) {
            struct request request;
            wait_status(start_child(pager_attach(pager, port), receive(port, &request)));
        }
        pager_attach(pager, port);
        int status = wait_status(client);
        bad += WIFEXITED(status) && WEXITSTATUS(status) == EIO;
    }
    is(bad, EACH, "more bad pages than are remembered");
    exited(wait_status(reader(EACH - 1)), EIO, "the last is EIO at once");
    pid_t client = reader(0);
    ok(waits(client), "the first is asked for again");
    kill(client, SIGKILL), wait_status(client);
    drop_object();
}

// A server that takes its own pager to another port has not died.
static void moving_house(void) {
    int ports[4];
    struct request request;
    unsigned received = 0;
    make_object(1);
    pid_t client = reader(0);
    for (unsigned i = 0; i < COUNT(ports); i++) {
        ports[i] = port_create(NULL);
        pager_attach(pager, ports[i]);
        received += receive(ports[i], &request);
    }
    is(received, COUNT(ports), "a server that changes its port is asked at each");
    supply(&request.range);
    exited(wait_status(client), 0, "and is not blamed");
    for (unsigned i = 0; i < COUNT(ports); i++)
        close(ports[i]);
    drop_object();
}

int main(void) {
    if (!on_tessera()) {
        skip("these calls are Tessera's own", "pagers");
        return tap_done();
    }
    deaths = mmap(NULL, sizeof *deaths, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    make_object(PAGES);
    pid_t keeper = first_deaths();
    later();
    kill(keeper, SIGKILL), wait_status(keeper);
    drop_object();
    many();
    moving_house();
    return tap_done();
}
