// SPDX-License-Identifier: MPL-2.0
// Messages in hostile memory: buffers that straddle pages, end in a hole, are read-only, lie in the kernel; memory that
// a second thread changes, unmaps or maps anew during the call. Any error is allowed, half a message is not: what comes
// is what somebody sent, whole.
#include "native.h"

#include <pthread.h>
#include <sys/mman.h>

static struct packet out, in;
enum { PAGE = 4096, ROOM = 6000 };

// `size` bytes that end where a hole begins.
static uint8_t *before_hole(size_t size) {
    uint8_t *pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(pages + 3 * PAGE, PAGE);
    return pages + 3 * PAGE - size;
}

// Every place of a buffer at the end of mapped memory: sent if all of it is there, else EFAULT, and the queue is as it
// was.
static void edges(void) {
    int port = port_create(NULL), right = mint(port, 5, 8);
    bool sends = true, receives = true, keeps = true;
    static const uint32_t sizes[] = {0, 1, 8, 64, 65, 300};
    for (size_t s = 0; s < COUNT(sizes); s++)
        for (int missing = -2; missing <= 40 && missing <= (int)(HEADER + sizes[s]); missing++) {
            uint8_t *end = before_hole(0), *m = end - HEADER - sizes[s] + missing;
            struct fipc_message header = {.type = 9, .size = sizes[s]};
            uint8_t whole[HEADER + 300];
            memcpy(whole, &header, HEADER);
            memset(whole + HEADER, 0x5a, sizes[s]);
            memcpy(m, whole, HEADER + sizes[s] - (missing > 0 ? missing : 0));
            long status = fipc_send(right, m, 0);
            sends &= missing > 0 ? status < 0 && errno == EFAULT : status == 0;
            if (missing > 0)
                fipc_send(right, whole, 0);
            // The buffer to receive is there up to the same byte, though its room says more.
            status = fipc_recv(port, m, HEADER + 8192, 0);
            receives &= missing > 0 ? status < 0 && errno == EFAULT : status == 0;
            if (missing > 0) {
                expect_handles(&in);
                keeps &= fipc_recv(port, &in, PACKET_ROOM, 0) == 0 && in.header.size == sizes[s] &&
                         in.header.badge == 5 && (!sizes[s] || in.data[sizes[s] - 1] == 0x5a);
            }
            keeps &= fipc_recv(port, &in, PACKET_ROOM, 0) == -1 && errno == EAGAIN;
            munmap(end - 3 * PAGE, 3 * PAGE);
        }
    ok(sends, "a message that ends in a hole is not sent");
    ok(receives, "nor received into one");
    ok(keeps, "then it is there for the next try, whole");
    close(port), close(right);
}

// Answers each call with its own data.
static void echo(int port) {
    static struct packet p, answer;
    expect_handles(&p);
    while (fipc_recv(port, &p, PACKET_ROOM, FIPC_FOREVER) == 0)
        for (long status = 0; status == 0;) {
            for (uint32_t i = 0; i < p.header.handle_count; i++)
                close(p.handles[i].handle);
            packet_with(&answer, p.header.type + 1, p.data, p.header.size);
            expect_handles(&p);
            status = fipc_reply_recv(&answer, port, &p, PACKET_ROOM, FIPC_FOREVER);
        }
    _exit(1);
}

// The answer meets bad memory: the caller has EFAULT, and the server does not notice.
static void bad_replies(void) {
    int port = port_create(NULL), right = mint(port, 1, 4);
    pid_t server = start_child(echo(port));
    uint8_t *read_only = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *end = before_hole(0);
    const uintptr_t kernel[] = {0xffff'8000'0000'0000, 0xffff'ffff'8000'0000, 0xffff'ffff'ffff'fff0, 0x7fff'ffff'f000,
                                0xffff'ffff'f000,      0x0001'0000'0000'0000, 0x8000'0000'0000'0000, 0};
    static const uint32_t sizes[] = {0, 8, 64, 100, 5000};
    for (size_t s = 0; s < COUNT(sizes); s++) {
        uint8_t data[5000] = {1};
        packet_with(&out, 3, data, sizes[s]);
        bool good = fipc_call(right, &out, read_only, 3 * PAGE, FIPC_FOREVER) == -1 && errno == EFAULT;
        ok(good, "%u bytes: an answer into memory that cannot be written", sizes[s]);
        good = true;
        for (size_t i = 0; i < COUNT(kernel); i++) {
            good &= fipc_call(right, &out, (void *)kernel[i], 9000, FIPC_FOREVER) == -1 && errno == EFAULT;
            good &= fipc_call(right, (void *)kernel[i], &in, PACKET_ROOM, FIPC_FOREVER) == -1 && errno == EFAULT;
            good &= fipc_send(right, (void *)kernel[i], 0) == -1 && errno == EFAULT;
        }
        ok(good, "%u bytes: addresses of the kernel and of nobody", sizes[s]);
        good = true;
        for (uint32_t there = 0; there < HEADER + sizes[s]; there += there < 128 ? 4 : 512) {
            memset(end - there, 0, there); // no handles, if as much of a header is there
            good &= fipc_call(right, &out, end - there, 9000, FIPC_FOREVER) == -1 && errno == EFAULT;
        }
        ok(good, "%u bytes: an answer that runs into a hole", sizes[s]);
        in.header.handle_count = 0;
        ok(fipc_call(right, &out, &in, PACKET_ROOM, FIPC_FOREVER) == 0 && in.header.size == sizes[s],
           "the server is well");
    }
    kill(server, SIGKILL), wait_status(server);
    munmap(read_only, 3 * PAGE), munmap(end - 3 * PAGE, 3 * PAGE);
    close(port), close(right);
}

// ---------------------------------------------------------------- a second thread

static struct {
    _Atomic bool stop;
    int event;
    uint8_t *page; // two, where messages straddle the border
    struct fipc_handle *handles;
} shared;

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    return *seed;
}

static void *scribble(void *message) {
    struct fipc_message *m = message;
    uint64_t seed = 88172645463325252u;
    while (!shared.stop) {
        uint64_t r = next_random(&seed);
        m->size = r % 4 ? 64 : (uint32_t)(r >> 8);
        m->size = r % 8 ? m->size : (uint32_t)(r >> 8) % 9000;
        m->handle_count = r % 3 ? 1 : (uint32_t)(r >> 16) % 20;
        m->handles = r % 16 ? (uintptr_t)shared.handles : r;
        m->flags = r % 32 == 0;
        shared.handles[0].operation = r % 8 ? FIPC_COPY : (uint32_t)r % 5;
        shared.handles[0].handle = r % 4 ? shared.event : 1000 + (int)(r >> 40) % 30;
        shared.handles[0].rights = (uint32_t)r;
    }
    return NULL;
}

// Takes the second page away, gives it back, makes it read-only.
static void *remap(void *message) {
    uint8_t *page = (uint8_t *)(((uintptr_t)message & ~(uintptr_t)(PAGE - 1)) + PAGE);
    uint64_t seed = 9876543210987654321u;
    while (!shared.stop) {
        uint64_t r = next_random(&seed);
        if (r % 4 == 0)
            munmap(page, PAGE);
        else if (r % 4 == 1)
            mprotect(page, PAGE, PROT_READ);
        else
            mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    return NULL;
}

static bool may_fail_with(int error) {
    return error == EFAULT || error == EMSGSIZE || error == EINVAL || error == EBADF || error == EACCES ||
           error == EPIPE;
}

static int handle_total(void) {
    int count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

// Calls, messages and receptions in memory that `hostile` plays with.
static void beside(void *(*hostile)(void *), const char *what, int rounds) {
    int port = port_create(NULL), right = mint(port, 1, 4), own = port_create(NULL), to_own = mint(own, 2, 4);
    pid_t server = start_child(echo(port));
    close(port);
    shared.event = memfd_create("m", 0);
    uint8_t *pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct fipc_message *m = (void *)(pages + PAGE - 48); // the header in one page, data in the next
    shared.handles = (void *)pages;
    memset(pages, 0xff, PAGE / 2); // further handles are none: zeros would move descriptor 0 away
    shared.stop = false;
    unsigned first_free = (unsigned)dup(shared.event);
    close((int)first_free);
    pthread_t thread;
    pthread_create(&thread, NULL, hostile, m);
    bool good = true;
    long sent = 0, answered = 0, failed = 0;
    for (int i = 0; i < rounds; i++) {
        m->type = 7;
        if (hostile == remap)
            m->size = i % 2 ? 64 : 300, m->handle_count = 0, m->flags = 0;
        in.header.handle_count = 0;
        long status = fipc_call(right, m, i % 3 ? &in.header : m, ROOM, FIPC_FOREVER);
        answered += status == 0;
        failed += status != 0;
        good &= status == 0 || may_fail_with(errno);
        if (status == 0 && i % 3)
            good &= in.header.type == 8 && in.header.size <= FIPC_INLINE_MAX && in.header.handle_count == 0;
        status = fipc_send(to_own, m, 0);
        good &= status == 0 || may_fail_with(errno);
        sent += status == 0;
        if (status == 0 && (i % 2 == 0 || fipc_recv(own, m, ROOM, 0) != 0)) {
            expect_handles(&in);
            good &= fipc_recv(own, &in, PACKET_ROOM, 0) == 0;
            good &= in.header.badge == 2 && in.header.size <= FIPC_INLINE_MAX;
            good &= in.header.handle_count <= FIPC_HANDLES_MAX;
        }
        syscall(SYS_close_range, first_free, ~0u, 0); // what came: its numbers may lie where the other one scribbles
        if (fcntl(shared.event, F_GETFD) < 0) {       // it moved
            int again = memfd_create("m", 0);
            good &= again == shared.event || (dup2(again, shared.event) == shared.event && close(again) == 0);
        }
    }
    shared.stop = true;
    pthread_join(thread, NULL);
    ok(good, "%s: only errors that say so", what);
    ok(answered > 0 && sent > 0, "%s: %ld calls answered, %ld not, %ld messages sent", what, answered, failed, sent);
    while (expect_handles(&in), fipc_recv(own, &in, PACKET_ROOM, 0) == 0)
        for (uint32_t k = 0; k < in.header.handle_count; k++)
            close(in.handles[k].handle);
    in.header.handle_count = 0;
    ok(fipc_call(right, packet_with(&out, 1, "", 0), &in, PACKET_ROOM, FIPC_FOREVER) == 0, "the server is well");
    kill(server, SIGKILL), wait_status(server);
    munmap(pages, 4 * PAGE);
    close(right), close(own), close(to_own), close(shared.event);
}

int main(void) {
    needs_native();
    edges();
    bad_replies();
    int before = handle_total();
    beside(scribble, "a header that changes", 20'000);
    beside(remap, "memory that comes and goes", 5'000);
    is(handle_total(), before, "no handle is left");
    return tap_done();
}
