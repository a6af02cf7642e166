// SPDX-License-Identifier: MPL-2.0
// AF_UNIX sockets on a simulated machine: streams against a model, blocking senders and readers, datagrams, handles in
// flight and the collector, allocation failures; and that nothing is left behind.
#include "net_setting.h"
#include "unix_priv.h"

#include <mm/page.h>
#include <mm/slab.h>
#include <object/task.h>
#include <sched/rcu.h>

#include "../../sched/test/simulation.h" // last: libc's errno macros and our enumeration

// Address spaces are not used here.
void region_file_get(struct object *file) {
    object_get(file);
}
void region_file_put(struct object *file) {
    object_put(file);
}

// kernel/dev's: ports that the kernel chooses, none of which is asked for here.
void random_bytes(void *to, size_t size) {
    memset(to, 0, size);
}

static struct task task = {.thread_count = 1};
static struct socket *a, *b;

static void make_pair(int type) {
    struct unix_socket *first = unix_alloc(type, nullptr), *second = unix_alloc(type, nullptr);
    a = &first->socket, b = &second->socket;
    object_handle_acquire(&a->object), object_handle_acquire(&b->object);
    status_t status = type == SOCK_DGRAM ? unix_datagram_pair(first, second) : unix_stream_pair(first, second);
    if (status != 0)
        abort();
}

// As closing a handle does it.
static void close_socket(struct socket *socket) {
    socket->object.ops->handle_closed(&socket->object, &task);
    object_handle_release(&socket->object);
    object_put(&socket->object);
}

static void close_pair(void) {
    close_socket(a), close_socket(b);
}

static unsigned count_sockets_left;
static void count_socket(struct unix_socket *socket, void *context) {
    count_sockets_left++;
}
static unsigned sockets_left(void) {
    rcu_barrier(); // objects are destroyed after a grace period
    count_sockets_left = 0;
    unix_for_each(count_socket, nullptr);
    return count_sockets_left;
}

static ssize_t send_bytes(struct socket *socket, const void *from, size_t size, uint32_t flags) {
    struct uio uio;
    uio_init_kernel(&uio, (void *)(uintptr_t)from, size);
    struct message message = {.data = &uio, .flags = flags | MSG_NOSIGNAL};
    return socket->ops->send(socket, &message);
}

static ssize_t receive_bytes(struct socket *socket, void *to, size_t size, uint32_t flags) {
    struct uio uio;
    uio_init_kernel(&uio, to, size);
    struct message message = {.data = &uio, .flags = flags};
    return socket->ops->receive(socket, &message);
}

static uint8_t pattern(uint64_t position) {
    return (uint8_t)(position * 167 + position / 251);
}

// Random writes, reads and peeks on one stream: what is read is what was written, in order; and what is queued is what
// was written and not yet read.
static void test_model(void) {
    static uint8_t buffer[200000];
    uint64_t written = 0, taken = 0;
    unsigned wrong = 0;
    make_pair(SOCK_STREAM);
    srand(1);
    for (unsigned step = 0; step < 20000; step++) {
        size_t size = (size_t)rand() % (rand() % 4 ? 700 : sizeof(buffer));
        unsigned action = (unsigned)rand() % 4;
        if (action < 2) {
            for (size_t i = 0; i < size; i++)
                buffer[i] = pattern(written + i);
            ssize_t sent = send_bytes(a, buffer, size, MSG_DONTWAIT);
            written += sent > 0 ? (uint64_t)sent : 0;
            wrong += sent > (ssize_t)size || (sent < 0 && sent != -EAGAIN);
        } else {
            bool peek = action == 2;
            ssize_t got = receive_bytes(b, buffer, size, MSG_DONTWAIT | (peek ? MSG_PEEK : 0));
            uint64_t there = MIN(written - taken, size);
            wrong += got != (there > 0 || size == 0 ? (ssize_t)there : -EAGAIN);
            for (ssize_t i = 0; i < got; i++)
                wrong += buffer[i] != pattern(taken + (uint64_t)i);
            taken += !peek && got > 0 ? (uint64_t)got : 0;
        }
        bool readable = object_signals(&b->object) & SIGNAL_READABLE;
        wrong += readable != (written > taken);
    }
    is(wrong, 0, "random operations on a stream agree with a model");
    ok(written > 1000000, "over %llu bytes", (unsigned long long)written);
    close_pair();
}

static ssize_t result;
static uint8_t big[1 << 20], got[1 << 20];

static void send_all(void *argument) {
    task_own_thread(&task, thread_current());
    result = send_bytes(a, big, sizeof(big), 0);
}
static void read_one(void *argument) {
    task_own_thread(&task, thread_current());
    result = receive_bytes(b, got, 1, 0);
}

static void test_blocking(void) {
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = pattern(i);
    make_pair(SOCK_STREAM);
    result = -1;
    spawn("sender", send_all, nullptr);
    settle();
    is(result, -1, "a sender with more than fits waits");
    ok(!(object_signals(&a->object) & SIGNAL_WRITABLE), "and its socket is not writable");
    size_t total = 0;
    ssize_t size;
    while ((size = receive_bytes(b, got + total, 3333, MSG_DONTWAIT)) > 0 || (settle(), result == -1)) {
        total += size > 0 ? (size_t)size : 0;
    }
    while ((size = receive_bytes(b, got + total, sizeof(got) - total, MSG_DONTWAIT)) > 0)
        total += (size_t)size;
    is(result, sizeof(big), "it goes on as there is room");
    ok(total == sizeof(big) && memcmp(big, got, total) == 0, "and all arrives");
    ok(object_signals(&a->object) & SIGNAL_WRITABLE, "then the socket is writable");
    result = -1;
    spawn("reader", read_one, nullptr);
    settle();
    is(result, -1, "a reader waits");
    send_bytes(a, "x", 1, 0);
    settle();
    is(result, 1, "for a byte");
    spawn("reader", read_one, nullptr);
    settle();
    close_socket(a);
    settle();
    is(result, 0, "or for the end");
    is(send_bytes(b, "x", 1, 0), -EPIPE, "beyond which nobody reads");
    close_socket(b);
    make_pair(SOCK_STREAM);
    result = -1;
    spawn("sender", send_all, nullptr);
    settle();
    close_socket(b);
    settle();
    ok(result > 0 && result < (ssize_t)sizeof(big), "a blocked sender ends when the reader closes");
    close_socket(a);
}

static void test_datagrams(void) {
    uint8_t buffer[16];
    make_pair(SOCK_DGRAM);
    unsigned sent = 0;
    while (send_bytes(a, "datagram", 8, MSG_DONTWAIT) == 8)
        sent++;
    ok(sent > 100 && sent < 10000, "a pair's datagrams are bounded by the send buffer (%u)", sent);
    ok(!(object_signals(&a->object) & SIGNAL_WRITABLE), "then it is not writable");
    unsigned received = 0;
    while (receive_bytes(b, buffer, sizeof(buffer), MSG_DONTWAIT) == 8)
        received++;
    is(received, sent, "all are received");
    ok(object_signals(&a->object) & SIGNAL_WRITABLE, "and it is writable again");
    is(to_unix(a)->sent, 0, "nothing is charged any more");
    close_pair();
}

// Sends a byte on `over` with handles to these objects.
static ssize_t send_objects(struct socket *over, struct object *first, struct object *second) {
    int32_t handles[2];
    unsigned count = 0;
    struct object *objects[] = {first, second};
    for (unsigned i = 0; i < 2; i++) {
        if (!objects[i])
            continue;
        object_get(objects[i]);
        handles[count++] = handle_install(objects[i], RIGHTS_READ_WRITE, 0);
    }
    struct ancillary ancillary = {};
    status_t status = parcel_pack(handles, count, &ancillary.rights);
    for (unsigned i = 0; i < count; i++)
        (void)!handle_close(handles[i]);
    if (status != 0)
        return status;
    struct uio uio;
    uio_init_kernel(&uio, (char[]){'x'}, 1);
    struct message message = {.data = &uio, .ancillary = &ancillary, .flags = MSG_DONTWAIT | MSG_NOSIGNAL};
    ssize_t sent = over->ops->send(over, &message);
    parcel_destroy(ancillary.rights);
    return sent;
}

static void test_rights(void) {
    struct unix_socket *passenger = unix_alloc(SOCK_STREAM, nullptr);
    make_pair(SOCK_STREAM);
    is(send_objects(a, &passenger->socket.object, nullptr), 1, "a socket is sent");
    is(passenger->socket.object.handles, 1, "and has one handle, in flight");
    struct ancillary ancillary = {};
    struct uio uio;
    uint8_t byte;
    uio_init_kernel(&uio, &byte, 1);
    struct message message = {.data = &uio, .ancillary = &ancillary, .flags = MSG_DONTWAIT};
    is(b->ops->receive(b, &message), 1, "it is received");
    int32_t handle = -1;
    is(parcel_unpack(ancillary.rights, &handle, 1, true), 1, "and becomes a handle");
    parcel_destroy(ancillary.rights);
    is(handle_get_flags(handle), HANDLE_CLOEXEC, "close-on-exec, as asked");
    is(handle_close(handle), 0, "which closes");
    object_put(&passenger->socket.object);
    close_pair();
}

static void test_collector(void) {
    unsigned before = sockets_left();
    for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
        make_pair(type);
        send_objects(a, &a->object, &b->object);
        send_objects(b, &a->object, nullptr);
        close_pair();
        is(sockets_left(), before, "two sockets that hold only each other are freed (type %d)", type);
    }
    // A chain: c is in a's queue, which is in c's queue.
    struct socket *keep_a, *keep_b;
    make_pair(SOCK_STREAM);
    keep_a = a, keep_b = b;
    make_pair(SOCK_STREAM);
    send_objects(a, &keep_a->object, &keep_b->object);
    send_objects(keep_a, &a->object, &b->object);
    struct socket *c = a, *d = b;
    close_socket(c), close_socket(d);
    is(sockets_left(), before + 4, "while one of a chain is open, all live");
    close_socket(keep_a);
    is(sockets_left(), before + 4, "also when only its peer is");
    close_socket(keep_b);
    is(sockets_left(), before, "then all are freed");
}

// Every allocation in turn fails: an error, nothing leaks.
static void test_no_memory(void) {
    unsigned before = sockets_left(), failures = 0;
    make_pair(SOCK_STREAM);
    for (unsigned interval = 1; interval < 30; interval++) {
        alloc_fail_every(interval);
        ssize_t sent = send_bytes(a, big, 30000, MSG_DONTWAIT);
        alloc_fail_every(0);
        failures += sent == -ENOMEM;
        while (receive_bytes(b, got, sizeof(got), MSG_DONTWAIT) > 0)
            ;
    }
    ok(failures > 0, "sends without memory fail (%u)", failures);
    is(send_bytes(a, "after", 5, 0), 5, "later ones work");
    close_pair();
    is(sockets_left(), before, "nothing is left");
}

static void test_all(void) {
    task_own_thread(&task, thread_current());
    atomic_store(&task.cred, &cred_root);
    atomic_store(&task.handles, handle_table_create());
    handle_table_set_limit(task.handles, 100);
    struct page_stats start, end;
    test_model(); // also fills caches
    page_stats(&start);
    test_blocking();
    test_datagrams();
    test_rights();
    test_collector();
    test_no_memory();
    is(sockets_left(), 0, "no socket is left");
    page_stats(&end);
    ok(end.free + 64 >= start.free, "nor pages (%lld)", (long long)(start.free - end.free));
    handle_table_replace(&task, nullptr);
}

int main(void) {
    page_init();
    net_settings[SETTING_SEND_BUFFER] = net_settings[SETTING_RECEIVE_BUFFER] = 212992;
    simulate(test_all);
}
