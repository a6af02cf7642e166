// SPDX-License-Identifier: MPL-2.0
// Handle numbers that one does not have: of nobody, of another process, and of objects that another thread closes and
// replaces at that moment. (native_handles has ten million forged ones through five calls.)
#include "jobs.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>

static struct packet out, in;
static int self, port, right; // good ones, where a call needs a second

static uint64_t seed = 88172645463325252u;
static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return *state;
}

// Each call with the number where it wants a handle. -1 is never asked for: to some it means "the current one".
enum { CALLS = 23 };
static long call_with(unsigned which, int number) {
    static struct handle_info info;
    static struct job_info job;
    static struct job_limits limits;
    struct wait_entry entries[2] = {{.handle = right, .wanted = POLLOUT}, {.handle = number, .wanted = POLLIN}};
    struct port_right mint_one = {.rights = RIGHT_SEND};
    in.header.handle_count = 0;
    out.header = (struct fipc_message){};
    switch (which) {
    case 0:
        return handle_duplicate(number, RIGHTS_ALL, 0);
    case 1:
        return handle_transfer(number, self, RIGHTS_ALL);
    case 2:
        return handle_transfer(right, number, RIGHTS_ALL);
    case 3:
        return handle_info(number, &info);
    case 4:
        return object_signal(number, 0, 1u << 24);
    case 5:
        return object_wait(&entries[1], 1, 0);
    case 6:
        return object_wait(entries, 2, 0);
    case 7:
        return syscall(NATIVE_vmo_clone, number, 0);
    case 8:
        return port_mint(number, &mint_one);
    case 9:
        return fipc_send(number, &out, 0);
    case 10:
        return fipc_recv(number, &in, PACKET_ROOM, 0);
    case 11:
        return fipc_call(number, &out, &in, PACKET_ROOM, FIPC_FOREVER);
    case 12:
        return fipc_reply_recv(&out, number, &in, PACKET_ROOM, FIPC_FOREVER);
    case 13:
        return exception_port_set(number, right);
    case 14:
        return exception_port_set(self, number);
    case 15:
        return syscall(0x231, number, 0, 0); // ring_wait
    case 16:
        return syscall(0x232, number); // ring_bell
    case 17:
        return job_set_limits(number, &limits);
    case 18:
        return job_info(number, &job);
    case 19:
        return job_enter(number);
    case 20:
        return job_kill(number);
    case 21:
        return object_signal_and_wait(number, 0, 1u << 24, &entries[0], 0);
    default:
        out.header = (struct fipc_message){.handles = (uintptr_t)out.handles, .handle_count = 1};
        out.handles[0] = (struct fipc_handle){.handle = number, .rights = RIGHTS_ALL, .operation = number & 1};
        return fipc_send(right, &out, 0);
    }
}

static void nobodys(void) {
    bool good = true;
    for (unsigned which = 0; which < CALLS; which++)
        for (int i = 0; i < 20'000; i++) {
            int number = (int)next_random(&seed);
            number = i % 3 == 0 ? 100 + (int)((unsigned)number % 2000) : number >= 0 && number < 100 ? -2 : number;
            if (number == -1)
                continue;
            long status = call_with(which, number);
            if (status == -1 && errno == EBADF)
                continue;
            printf("# call %u, handle %d: %ld, %s\n", which, number, status, strerror(errno));
            good = false;
            break;
        }
    ok(good, "%d calls, each with twenty thousand numbers of nobody: EBADF", CALLS);
}

// A process has three hundred objects, another one tries all their numbers: nothing reaches the first.
static void anothers(void) {
    enum { OBJECTS = 300 };
    int go[2], done[2];
    pipe(go), pipe(done);
    pid_t victim = start_child({
        static int ports[OBJECTS];
        int last = 0;
        for (int i = 0; i < OBJECTS; i++)
            last = ports[i] = (int)port_create(NULL);
        int events[8];
        for (int i = 0; i < 8; i++)
            events[i] = eventfd(0, EFD_NONBLOCK);
        char byte = 0;
        write(done[1], &last, sizeof last);
        read(go[0], &byte, 1);
        bool alone = true;
        for (int i = 0; i < OBJECTS; i++) {
            struct handle_info info;
            alone &= handle_info(ports[i], &info) == 0 && info.signals == 0 && info.handles == 1;
            in.header.handle_count = 0;
            alone &= fipc_recv(ports[i], &in, PACKET_ROOM, 0) == -1 && errno == EAGAIN;
        }
        uint64_t value;
        for (int i = 0; i < 8; i++)
            alone &= read(events[i], &value, 8) == -1 && errno == EAGAIN;
        _exit(!alone);
    });
    int last = 0;
    read(done[0], &last, sizeof last);
    long succeeded = 0;
    for (int i = 0; i < 400'000; i++) {
        uint64_t r = next_random(&seed);
        int number = (int)(r >> 32) % (last + 20);
        if (number <= (done[1] > right ? done[1] : right))
            continue;
        succeeded += call_with((unsigned)(r % CALLS), number) >= 0;
    }
    is(succeeded, 0, "the numbers of another process's handles say nothing here");
    write(go[1], "", 1);
    exited(wait_status(victim), 0, "and it has not noticed");
    close(go[0]), close(go[1]), close(done[0]), close(done[1]);
}

// ---------------------------------------------------------------- objects that change under one's feet

enum { SLOT = 500, SLOTS = 8, USERS = 3 };
static _Atomic bool stop;
static _Atomic long wrong, used;

static void *churn(void *unused) {
    uint64_t state = 12345;
    for (uint64_t n = 1; !stop; n++) {
        uint64_t r = next_random(&state);
        int slot = SLOT + (int)(r % SLOTS), fresh = -1, parent = -1;
        if (r >> 8 & 1) {
            close(slot);
            continue;
        }
        switch (r >> 16 & 3) {
        case 0:
            fresh = (int)port_create(NULL);
            break;
        case 1:
            parent = (int)port_create(NULL), fresh = mint(parent, n, 4);
            break;
        case 2:
            fresh = eventfd(0, 0);
            break;
        default:
            fresh = dup(right);
        }
        dup2(fresh, slot);
        close(fresh);
        if (parent >= 0)
            close(parent);
    }
    return unused;
}

static bool is_known(const struct handle_info *info) {
    static const char *const names[] = {"port", "send-right", "eventfd"};
    for (size_t i = 0; i < COUNT(names); i++)
        if (!strcmp(info->name, names[i]))
            return true; // how many handles: none, if another thread has closed it since
    return false;
}

static void *use(void *number) {
    uint64_t state = 777 + (uintptr_t)number;
    struct packet p;
    for (int i = 0; i < 30'000; i++) {
        uint64_t r = next_random(&state);
        int slot = SLOT + (int)(r % SLOTS);
        struct handle_info info;
        struct wait_entry entries[2] = {{.handle = slot, .wanted = POLLIN}, {.handle = slot, .wanted = POLLIN}};
        struct pollfd poller = {.fd = slot, .events = POLLIN | POLLOUT};
        long status = 0;
        p.header = (struct fipc_message){};
        switch (r >> 8 & 7) {
        case 0:
            if ((status = handle_info(slot, &info)) == 0 && !is_known(&info))
                wrong++;
            break;
        case 1:
            status = fipc_send(slot, &p, 0);
            break;
        case 2:
            status = fipc_recv(slot, &p, PACKET_ROOM, 0);
            break;
        case 3:
            status = fipc_call(slot, &p, &p, PACKET_ROOM, now_ns() + 20'000);
            break;
        case 4:
            status = object_wait(entries, 2, 0);
            break;
        case 5:
            if ((status = handle_duplicate(slot, RIGHTS_ALL, 0)) >= 0)
                wrong += close((int)status) != 0;
            break;
        case 6:
            status = poll(&poller, 1, 0);
            break;
        default:
            status = object_signal(slot, 1u << 24, 1u << 25);
        }
        used += status >= 0;
        if (status < 0 && errno != EBADF && errno != EACCES && errno != EAGAIN && errno != EPIPE && errno != ETIMEDOUT)
            wrong++, printf("# %s\n", strerror(errno));
    }
    return NULL;
}

static void changing(void) {
    pthread_t churner, users[USERS];
    struct rlimit files = {1024, 1024};
    setrlimit(RLIMIT_NOFILE, &files);
    pthread_create(&churner, NULL, churn, NULL);
    for (uintptr_t i = 0; i < USERS; i++)
        pthread_create(&users[i], NULL, use, (void *)i);
    for (int i = 0; i < USERS; i++)
        pthread_join(users[i], NULL);
    stop = true;
    pthread_join(churner, NULL);
    ok(used > 0, "numbers that another thread closes and gives away again: %ld of %d uses met an object", used,
       USERS * 30'000);
    is(wrong, 0, "that was one of those, or there was an error that says so");
    for (int i = 0; i < SLOTS; i++)
        close(SLOT + i);
    while (in.header.handle_count = 0, fipc_recv(port, &in, PACKET_ROOM, 0) == 0)
        ;
}

int main(void) {
    needs_native();
    self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    port = (int)port_create(NULL), right = mint(port, 1, 0);
    nobodys();
    anothers();
    changing();
    close(self), close(port), close(right);
    return tap_done();
}
