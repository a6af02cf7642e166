// SPDX-License-Identifier: MPL-2.0
// What a job's programs pile up in the kernel counts against its limit on memory: it ends in an error within the limit,
// nobody outside notices, and all of it is given back.
#include "jobs.h"
#include "native.h"

#include <abi/ring.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { MIB = 1 << 20, HANDLES = 4000 };
static long limit; // of a job

static uint64_t used_by(int job) {
    struct job_info info = {};
    job_info(job, &info);
    return info.used.memory;
}

// Writes until it would block or an error comes: the bytes. errno says why it stopped.
static long fill(int fd, size_t piece) {
    static char block[65536];
    long total = 0, wrote;
    fcntl(fd, F_SETFL, O_NONBLOCK | (fcntl(fd, F_GETFL) & ~O_ACCMODE));
    while ((wrote = write(fd, block, piece)) > 0)
        total += wrote;
    return total;
}

// How a way to pile things up ended: with how many bytes of contents, and how.
struct outcome {
    long bytes;
    int error;
    uint64_t used, after;
};

// Pairs of descriptors, the second of each written until it blocks. `type` 0: pipes with the flags, else sockets.
static struct outcome fill_pairs(int type, int flags, size_t piece) {
    struct outcome o = {};
    static int ends[HANDLES][2];
    int count = 0;
    while (count < HANDLES / 2 &&
           (type ? socketpair(AF_UNIX, type | flags, 0, ends[count]) : pipe2(ends[count], flags)) == 0) {
        o.bytes += fill(ends[count++][1], piece);
        o.error = errno;
        if (o.error != EAGAIN)
            break;
    }
    o.used = used_by(-1);
    for (int i = 0; i < count; i++)
        close(ends[i][0]), close(ends[i][1]);
    o.after = used_by(-1);
    return o;
}

static struct outcome fill_pipes(size_t piece, int flags) {
    return fill_pairs(0, flags, piece);
}

static struct outcome fill_sockets(int type, size_t piece) {
    return fill_pairs(type, 0, piece);
}

static struct outcome fill_ports(uint32_t size) {
    struct outcome o = {};
    static int ports[HANDLES], rights[HANDLES];
    struct port_options options = {.messages = 65536, .bytes = 16 << 20};
    struct packet p = {.header = {.size = size}};
    int count = 0;
    for (; count < HANDLES / 2; count++) {
        ports[count] = (int)port_create(&options);
        struct port_right right = {.rights = RIGHTS_SENDER};
        rights[count] = (int)port_mint(ports[count], &right);
        while (fipc_send(rights[count], &p, 0) == 0)
            o.bytes += size;
        o.error = errno;
        if (o.error != EAGAIN)
            break;
    }
    o.used = used_by(-1);
    for (int i = 0; i <= count && i < HANDLES / 2; i++)
        close(rights[i]), close(ports[i]);
    o.after = used_by(-1);
    return o;
}

static struct outcome fill_rings(void) {
    struct outcome o = {};
    static int sides[HANDLES][2];
    struct ring_options options = {.slots = 1024};
    int count = 0;
    for (; count < HANDLES / 2; count++) {
        if (syscall(0x230, &options, sides[count]) != 0)
            break;
        size_t size = ring_mapping_size(options.slots, 0);
        // Populated, so that what does not fit is an error and no fault.
        void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, sides[count][0], 0);
        if (map == MAP_FAILED || madvise(map, size, MADV_POPULATE_WRITE) != 0)
            break;
        munmap(map, size);
        o.bytes += (long)size;
    }
    o.error = errno;
    o.used = used_by(-1);
    for (int i = 0; i <= count && i < HANDLES / 2; i++)
        close(sides[i][0]), close(sides[i][1]);
    o.after = used_by(-1);
    return o;
}

static struct outcome fill_wait_sets(void) {
    struct outcome o = {};
    static int sets[HANDLES], events[100];
    for (int i = 0; i < 100; i++)
        events[i] = eventfd(0, 0);
    int count = 0;
    bool good = true;
    for (; good && count < HANDLES - 200; count++) {
        sets[count] = epoll_create1(0);
        for (int i = 0; i < 100 && good; i++) {
            good = epoll_ctl(sets[count], EPOLL_CTL_ADD, events[i], &(struct epoll_event){.events = EPOLLIN}) == 0;
            o.bytes += good ? 64 : 0; // at least
        }
    }
    o.error = errno;
    o.used = used_by(-1);
    for (int i = 0; i < count; i++)
        close(sets[i]);
    for (int i = 0; i < 100; i++)
        close(events[i]);
    o.after = used_by(-1);
    return o;
}

// In the job: pipes that nobody has a handle to but a queue.
static struct outcome hide_pipes(void) {
    struct outcome o = {};
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    o.error = EAGAIN;
    for (int i = 0; i < 200 && o.error == EAGAIN; i++) {
        int ends[2];
        if (pipe(ends) != 0)
            break;
        o.bytes += fill(ends[1], 65536);
        o.error = errno;
        char byte = 0, control[CMSG_SPACE(2 * sizeof(int))] = {};
        struct iovec vec = {&byte, 1};
        struct msghdr m = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof ends), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), ends, sizeof ends);
        sendmsg(pair[0], &m, MSG_DONTWAIT);
        close(ends[0]), close(ends[1]);
    }
    o.used = used_by(-1);
    close(pair[0]), close(pair[1]);
    o.after = used_by(-1);
    return o;
}

static int limited_job(uint64_t memory) {
    struct job_limits limits = NO_LIMITS;
    limits.memory = memory;
    return job_with(limits);
}

// Does it in a job of its own, twice, and says what became of it.
#define piles_up(what, expression)                                                                                   \
    do {                                                                                                             \
        int job = limited_job((uint64_t)limit), told[2];                                                             \
        struct outcome o = {}, again = {};                                                                           \
        pipe(told);                                                                                                  \
        int status = in_job(job, {                                                                                   \
            setrlimit(RLIMIT_NOFILE, &(struct rlimit){HANDLES + 100, HANDLES + 100});                                \
            o = expression;                                                                                          \
            again = expression;                                                                                      \
            write(told[1], &o, sizeof o), write(told[1], &again, sizeof again);                                      \
            _exit(0);                                                                                                \
        });                                                                                                          \
        exited(status, 0, what ": the program goes on");                                                             \
        fcntl(told[0], F_SETFL, O_NONBLOCK);                                                                         \
        read(told[0], &o, sizeof o), read(told[0], &again, sizeof again);                                            \
        ok(o.error == ENOMEM, what ": ends with ENOMEM (errno %d, %ld bytes)", o.error, o.bytes);                    \
        ok(o.bytes <= limit && o.used <= (uint64_t)limit && o.used > (uint64_t)limit / 2,                            \
           what ": within the limit (%llu bytes)", (unsigned long long)o.used);                                      \
        ok(o.after < (uint64_t)limit / 8, what ": given back when closed (%llu left)", (unsigned long long)o.after); \
        ok(again.bytes * 10 >= o.bytes * 8, what ": and had again (%ld, then %ld)", o.bytes, again.bytes);           \
        ok(eventually(used_by(job) == 0), what ": nothing is charged at the end");                                   \
        close(told[0]), close(told[1]), close(job);                                                                  \
    } while (0)

static void piles(void) {
    piles_up("pipes", fill_pipes(65536, 0));
    piles_up("pipes of packets of a byte", fill_pipes(1, O_DIRECT));
    piles_up("streams", fill_sockets(SOCK_STREAM, 65536));
    piles_up("streams, a byte at a time", fill_sockets(SOCK_STREAM, 1));
    piles_up("seqpackets", fill_sockets(SOCK_SEQPACKET, 1000));
    piles_up("datagrams", fill_sockets(SOCK_DGRAM, 5000));
    piles_up("messages of 8 KiB", fill_ports(8192));
    piles_up("empty messages", fill_ports(0));
    piles_up("rings", fill_rings());
    piles_up("watched events", fill_wait_sets());
    piles_up("pipes in flight", hide_pipes());
}

// Who has almost nothing left still moves data through a pipe.
static void going_on(void) {
    int job = limited_job(4 * MIB);
    int status = in_job(job, {
        enum { ROUNDS = 64, WORDS = 4096 };
        static uint32_t numbers[WORDS], got[WORDS];
        int ends[2], go[2];
        pipe(ends), pipe(go);
        write(ends[1], "x", 1), write(go[1], "x", 1); // so they have a page each
        read(ends[0], got, 1), read(go[0], got, 1);
        for (uint32_t i = 0; i < WORDS; i++)
            numbers[i] = got[i] = i;
        pid_t child = fork();
        if (child == 0) {
            char byte;
            read(go[0], &byte, 1);
            for (size_t i = 0; i < ROUNDS; i++)
                if (write(ends[1], numbers, sizeof numbers) != sizeof numbers)
                    _exit(1);
            _exit(0);
        }
        char *m = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *end = m;
        madvise(m, 4 * MIB, MADV_NOHUGEPAGE);
        errno = 0, memset(got, 0, sizeof got); // touched before there is nothing left
        munmap(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096); // what musl does it with, too
        while (madvise(end, 4096, MADV_POPULATE_WRITE) == 0)
            end += 4096;
        if (munmap(end - 24 * 4096, 24 * 4096) != 0) // for faults
            _exit(3);
        write(go[1], "x", 1); // not before: the child's faults need some of it
        close(ends[1]);
        bool good = true;
        for (size_t i = 0; i < ROUNDS; i++) {
            memset(got, 0, sizeof got);
            for (size_t done = 0; done < sizeof got;) {
                long n = read(ends[0], (char *)got + done, sizeof got - done);
                if (n <= 0)
                    _exit(2);
                done += (size_t)n;
            }
            good &= memcmp(got, numbers, sizeof got) == 0;
        }
        _exit(wait_status(child) != 0 || !good);
    });
    exited(status, 0, "a pipe at the limit makes do with a small buffer");
    ok(eventually(used_by(job) == 0), "nothing is charged at the end");
    close(job);
}

static void *sleep_on(void *unused) {
    pause();
    return unused;
}

static void threads(void) {
    int job = limited_job(2 * MIB);
    int *count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *count = 0;
    int status = in_job(job, { // ends, or is ended when a stack finds no page
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 16384);
        pthread_t thread;
        while (*count < 2000 && pthread_create(&thread, &attributes, sleep_on, NULL) == 0)
            ++*count;
        _exit(0);
    });
    ok(*count > 5 && *count < 100, "threads keep memory in the kernel, too (%d threads, status %#x)", *count, status);
    ok(eventually(used_by(job) == 0), "nothing is charged at the end");
    munmap(count, 4096);
    close(job);
}

// Who sends pays, not who made the port; and the next to send pays for his own.
static void payers(void) {
    int port = (int)port_create(&(struct port_options){.messages = 65536, .bytes = 16 << 20});
    struct port_right options = {.rights = RIGHTS_SENDER};
    int right = (int)port_mint(port, &options), job = limited_job((uint64_t)limit);
    struct packet p = {.header = {.size = 8192}};
    exited(in_job(job,
                  {
                      for (int i = 0; i < 100; i++)
                          fipc_send(right, &p, 0);
                      _exit(used_by(-1) < 100 * 8192);
                  }),
           0, "the sender's job pays");
    uint64_t queued = used_by(job);
    ok(queued >= 100 * 8192, "also when the sender has ended (%llu)", (unsigned long long)queued);
    for (int i = 0; i < 100; i++)
        fipc_recv(port, &p, PACKET_ROOM, 0);
    ok(used_by(job) <= 10 * 8192, "until the messages are received");
    fipc_send(right, &p, 0);
    is(used_by(job), 0, "then who sends next pays");
    close(right), close(port), close(job);
}

// A job that has all it may have of everything, and another that does not notice.
static void neighbours(void) {
    int job = limited_job((uint64_t)limit), ready[2];
    char byte;
    pipe(ready);
    pid_t hog = start_child({
        job_enter(job);
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){HANDLES + 100, HANDLES + 100});
        for (;;) {
            fill_pipes(65536, 0);
            fill_sockets(SOCK_STREAM, 1);
            fill_ports(0);
            write(ready[1], "x", 1);
        }
    });
    bool good = true;
    for (int i = 0; i < 5; i++) {
        read(ready[0], &byte, 1);
        char *m = mmap(NULL, 16 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(m, 1, 16 * MIB);
        munmap(m, 16 * MIB);
        good &= used_by(job) <= (uint64_t)limit;
    }
    ok(good, "the neighbour keeps its memory");
    job_kill(job);
    wait_status(hog);
    is(eventually(used_by(job) == 0), true, "killed in the middle of it: all is given back");
    close(ready[0]), close(ready[1]), close(job);
}

int main(void) {
    needs_native();
    signal(SIGPIPE, SIG_IGN);
    limit = on_sanitizing_kernel() ? 3 * MIB : 8 * MIB;
    piles();
    going_on();
    threads();
    payers();
    neighbours();
    return tap_done();
}
