// SPDX-License-Identifier: MPL-2.0
// Fusion Rings: messages between processes, sleeping on both sides, many producers, the other side's death, and what a
// hostile side may try. Tessera's own calls: nothing to compare with on Linux.
#include "sys.h"

#include <poll.h>
#include <sys/mman.h>
#include <tessera/ring.h>

static const struct ring_options small = {.slots = 8}, with_pool = {.slots = 8, .pool = 8 * 4096};

static int make(const struct ring_options *options, int handles[2]) {
    int status = ring_create(options, handles);
    return status == 0 ? 0 : (errno = -status, -1);
}

static short polled(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static int64_t in_ms(int ms) {
    return now_ns() + ms * 1'000'000LL;
}

static void creation(void) {
    int handles[2] = {-1, -1}, before = open_fd_count();
    fails(make(&(struct ring_options){.slots = 0}, handles), EINVAL, "no slots");
    fails(make(&(struct ring_options){.slots = 1}, handles), EINVAL, "one slot");
    fails(make(&(struct ring_options){.slots = 24}, handles), EINVAL, "not a power of two");
    fails(make(&(struct ring_options){.slots = 131072}, handles), EINVAL, "too many slots");
    fails(make(&(struct ring_options){.slots = 8, .pool = RING_POOL_MAX + 1}, handles), EINVAL, "too large a pool");
    fails(make(&(struct ring_options){.slots = 8, .flags = 2}, handles), EINVAL, "unknown flags");
    fails(make(&(struct ring_options){.slots = 8, .reserved = 1}, handles), EINVAL, "what is reserved is 0");
    fails(make((void *)8, handles), EFAULT, "a bad address of options");
    fails(make(&small, (void *)8), EFAULT, "a bad address of handles");
    is(open_fd_count(), before, "none of these leaves a handle");
    is(make(&with_pool, handles), 0, "a ring");
    is(open_fd_count(), before + 2, "is two handles");
    ok(fcntl(handles[0], F_GETFD) == FD_CLOEXEC && fcntl(handles[1], F_GETFD) == FD_CLOEXEC, "closed on exec");
    struct ring_control *control = mmap(NULL, 4096, PROT_READ, MAP_SHARED, handles[1], 0);
    ok(control != MAP_FAILED && control->slots == 8 && control->pool == 32768 && control->flags == 0,
       "its first page says what it is");
    munmap(control, 4096);
    char byte = 0;
    uint64_t count = 0;
    fails(read(handles[0], &byte, 1), EINVAL, "reads less than 8 bytes");
    fails(pread(handles[0], &count, 8, 0), ESPIPE, "reads at a position");
    fails(lseek(handles[0], 0, SEEK_SET), ESPIPE, "has no position");
    close(handles[0]), close(handles[1]);
}

// Numbers that follow each other, in messages of changing sizes.
static bool put_numbers(struct ring_producer *producer, uint32_t count, uint32_t size_max) {
    static uint32_t words[4096];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size = 8 + i * 4 % (size_max - 7);
        for (uint32_t k = 0; k < size / 4; k++)
            words[k] = i + k;
        words[1] = size;
        if (ring_send(producer, words, size, in_ms(20000)) != 0)
            return false;
    }
    return true;
}
static bool take_numbers(struct ring_consumer *consumer, uint32_t count, uint32_t size_max) {
    static uint32_t words[4096];
    for (uint32_t i = 0; i < count; i++) {
        int size = ring_receive(consumer, words, sizeof words, in_ms(20000));
        if (size != (int)(8 + i * 4 % (size_max - 7)) || words[0] != i || words[1] != (uint32_t)size)
            return false;
        for (uint32_t k = 2; k < (uint32_t)size / 4; k++)
            if (words[k] != i + k)
                return false;
    }
    return true;
}

static void between_processes(const char *what, const struct ring_options *options, uint32_t count, uint32_t size_max) {
    int handles[2];
    struct ring_producer producer;
    struct ring_consumer consumer;
    ok(make(options, handles) == 0 && ring_attach_consumer(&consumer, handles[RING_CONSUMER], NULL) == 0,
       "%s: attached", what);
    pid_t child = start_child({
        close(handles[RING_CONSUMER]);
        bool good = ring_attach_producer(&producer, handles[RING_PRODUCER], options) == 0 &&
                    put_numbers(&producer, count, size_max);
        _exit(!good);
    });
    close(handles[RING_PRODUCER]);
    ok(take_numbers(&consumer, count, size_max), "%s: %u messages come in order and whole", what, count);
    uint32_t word;
    is(ring_receive(&consumer, &word, sizeof word, in_ms(20000)), -EPIPE, "%s: then the producer is gone", what);
    exited(wait_status(child), 0, "%s: who could send them all", what);
    ring_detach(&consumer.map);
    close(handles[RING_CONSUMER]);
}

static void waiting(void) {
    int handles[2];
    struct ring_producer producer;
    struct ring_consumer consumer;
    uint64_t word = 7, count = 0;
    make(&small, handles);
    ring_attach_producer(&producer, handles[0], NULL), ring_attach_consumer(&consumer, handles[1], NULL);
    is(polled(handles[1]), POLLOUT, "nothing rung yet");
    is(ring_receive(&consumer, &word, 8, in_ms(5)), -ETIMEDOUT, "no message by the deadline");
    is(consumer.map.control->consumer_sleeps, 0, "and the wish is taken back");
    is(write(handles[0], "x", 1), 1, "the doorbell");
    is(write(handles[0], "xyz", 3), 3, "again");
    is(polled(handles[1]), POLLIN | POLLOUT, "makes the consumer readable");
    is(polled(handles[0]), POLLOUT, "not the producer");
    ok(read(handles[1], &count, 8) == 8 && count == 2, "reading gives how often");
    is(polled(handles[1]), POLLOUT, "and takes it back");
    fcntl(handles[1], F_SETFL, O_NONBLOCK);
    fails(read(handles[1], &count, 8), EAGAIN, "nothing more to read");
    is(syscall(0x231, handles[1], 1, in_ms(-1)), 2, "ring_wait does not wait for what was rung already");
    fails(syscall(0x231, handles[1], 2, in_ms(1)), ETIMEDOUT, "waits for the next");
    fails(syscall(0x231, 0, 0, 0), EINVAL, "not a ring");
    fails(syscall(0x232, 0), EBADF, "nor to ring for, and not for writing");
    is(ring_bell(handles[0]), 0, "the doorbell as a call of its own");
    is(polled(handles[1]), POLLIN | POLLOUT, "does what a write does");
    is(syscall(0x231, handles[1], 2, in_ms(-1)), 3, "and is counted");
    is(polled(handles[1]), POLLOUT, "ring_wait takes the bell back, too");
    fails(syscall(0x231, 999, 0, 0), EBADF, "not a handle");
    for (int i = 0; i < 8; i++)
        ring_push(&producer, &word, 8);
    is(ring_push(&producer, &word, 8), -EAGAIN, "a full ring");
    is(ring_send(&producer, &word, 8, in_ms(5)), -ETIMEDOUT, "no room by the deadline");
    while (ring_pop(&consumer, &word, 8) == 8)
        ;
    is(ring_push(&producer, &word, 57), -EMSGSIZE, "no pool: no larger messages");
    on_signal(SIGALRM, SIG_IGN, 0);
    ring_detach(&producer.map), ring_detach(&consumer.map);
    close(handles[0]), close(handles[1]);
}

static void interrupt(int signal) {
    (void)signal;
}
static void signals(void) {
    int handles[2];
    make(&small, handles);
    on_signal(SIGUSR1, interrupt, 0);
    pid_t self = getpid(), child = start_child({
                               close(handles[0]);
                               sleeps(self);
                               kill(self, SIGUSR1);
                           });
    struct ring_consumer consumer;
    uint32_t word;
    ring_attach_consumer(&consumer, handles[1], NULL);
    is(ring_receive(&consumer, &word, 4, in_ms(20000)), -EINTR, "a signal ends the wait");
    wait_status(child);
    on_signal(SIGUSR1, interrupt, SA_RESTART);
    int64_t end = in_ms(300);
    child = start_child({
        sleep_ms(20);
        kill(self, SIGUSR1);
    });
    is(ring_receive(&consumer, &word, 4, end), -ETIMEDOUT, "with SA_RESTART it goes on");
    ok(now_ns() >= end, "up to the same deadline");
    wait_status(child);
    ring_detach(&consumer.map);
    close(handles[0]), close(handles[1]);
}

static void rights(void) {
    int handles[2];
    make(&small, handles);
    int copy = dup(handles[0]);
    ok(copy >= 0, "handles can be duplicated");
    close(copy);
    ok(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, handles[0], 0) != MAP_FAILED, "and mapped");
    close(handles[0]), close(handles[1]);
}

// The producer is killed while it sends, again and again: the consumer gets whole messages, then hears of the death.
static void killed_producers(void) {
    enum { ROUNDS = 60 };
    int good = 0, messages = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int handles[2];
        struct ring_consumer consumer;
        make(&with_pool, handles);
        pid_t child = start_child({
            struct ring_producer producer;
            close(handles[RING_CONSUMER]);
            if (ring_attach_producer(&producer, handles[RING_PRODUCER], NULL) == 0)
                put_numbers(&producer, 1u << 30, 2048);
        });
        close(handles[RING_PRODUCER]);
        ring_attach_consumer(&consumer, handles[RING_CONSUMER], NULL);
        static uint32_t words[1024];
        int size, stop = 1 + round * 7 % 50;
        uint32_t i = 0;
        bool whole = true;
        while ((size = ring_receive(&consumer, words, sizeof words, in_ms(20000))) >= 0) {
            whole = whole && words[0] == i && words[1] == (uint32_t)size &&
                    (size == 8 || words[size / 4 - 1] == i + (uint32_t)size / 4 - 1);
            if (++i == (uint32_t)stop)
                kill(child, SIGKILL);
        }
        messages += i;
        good += whole && size == -EPIPE && i >= (uint32_t)stop;
        wait_status(child);
        ring_detach(&consumer.map);
        close(handles[RING_CONSUMER]);
    }
    is(good, ROUNDS, "producers killed at any point: %d whole messages, then -EPIPE", messages);
}

static void dead_consumer(void) {
    int handles[2];
    struct ring_producer producer;
    uint32_t word = 1;
    make(&small, handles);
    pid_t child = start_child({
        struct ring_consumer consumer;
        close(handles[RING_PRODUCER]);
        ring_attach_consumer(&consumer, handles[RING_CONSUMER], NULL);
        ring_receive(&consumer, &word, 4, RING_FOREVER);
        pause();
    });
    close(handles[RING_CONSUMER]);
    ring_attach_producer(&producer, handles[RING_PRODUCER], NULL);
    while (ring_push(&producer, &word, 4) == 0 || producer.map.control->head == 0)
        ;
    kill(child, SIGKILL);
    is(ring_send(&producer, &word, 4, in_ms(20000)) == 0 ? ring_send(&producer, &word, 4, in_ms(20000)) : -EPIPE,
       -EPIPE, "a producer that waits for room hears of the consumer's death");
    ok(polled(handles[RING_PRODUCER]) & POLLHUP, "its handle hangs up");
    fails(write(handles[RING_PRODUCER], "x", 1), EPIPE, "the doorbell has nobody to ring for");
    uint64_t count;
    is(read(handles[RING_PRODUCER], &count, 8) >= 0 && read(handles[RING_PRODUCER], &count, 8) == 0, 1, "reading ends");
    wait_status(child);
    ring_detach(&producer.map);
    close(handles[RING_PRODUCER]);
}

// A new process takes over where a dead one was.
static void take_over(void) {
    int handles[2];
    struct ring_producer producer;
    struct ring_consumer consumer;
    uint32_t word;
    make(&small, handles);
    exited(in_child({
               ring_attach_producer(&producer, handles[0], NULL);
               for (uint32_t i = 0; i < 3; i++)
                   ring_put(&producer, &i, 4); // not flushed
           }),
           0, "a producer dies");
    exited(in_child({
               ring_attach_producer(&producer, handles[0], NULL);
               uint32_t three = 3;
               _exit(ring_push(&producer, &three, 4) != 0);
           }),
           0, "its successor goes on");
    exited(in_child({
               const void *data;
               ring_attach_consumer(&consumer, handles[1], NULL);
               ring_pop(&consumer, &word, 4);
               _exit(ring_peek(&consumer, &data) != 4);
           }),
           0, "a consumer dies over its second message");
    ring_attach_consumer(&consumer, handles[1], NULL);
    uint32_t expected = 1;
    while (ring_pop(&consumer, &word, 4) == 4 && word == expected)
        expected++;
    is(expected, 4, "its successor gets that one again, and the rest");
    ring_detach(&consumer.map);
    close(handles[0]), close(handles[1]);
}

// Several processes send, each its own numbers in order; all sleep for room now and then.
static void many_producers(void) {
    enum { PRODUCERS = 5, EACH = 2000 };
    static const struct ring_options options = {.slots = 4, .pool = 4 * 4096, .flags = RING_MANY};
    int handles[2];
    struct ring_consumer consumer;
    pid_t children[PRODUCERS];
    uint32_t next[PRODUCERS] = {}, words[64];
    make(&options, handles);
    for (uint32_t p = 0; p < PRODUCERS; p++)
        children[p] = start_child({
            struct ring_producer producer;
            close(handles[RING_CONSUMER]);
            bool good = ring_attach_producer(&producer, handles[RING_PRODUCER], NULL) == 0;
            for (uint32_t i = 0; good && i < EACH; i++) {
                for (uint32_t k = 0; k < COUNT(words); k++)
                    words[k] = p << 16 | i;
                good = ring_send(&producer, words, i % 2 ? 8 : sizeof words, in_ms(20000)) == 0;
            }
            _exit(!good);
        });
    close(handles[RING_PRODUCER]);
    ring_attach_consumer(&consumer, handles[RING_CONSUMER], NULL);
    int size, good = 0;
    while ((size = ring_receive(&consumer, words, sizeof words, in_ms(20000))) > 0) {
        uint32_t p = words[0] >> 16, i = words[0] & 0xffff;
        good += p < PRODUCERS && i == next[p]++ && words[size / 4 - 1] == words[0];
    }
    is(size, -EPIPE, "until the last of %d producers is gone", PRODUCERS);
    is(good, PRODUCERS * EACH, "all messages come whole, in order of each producer");
    int done = 0;
    for (int p = 0; p < PRODUCERS; p++)
        done += wait_status(children[p]) == 0;
    is(done, PRODUCERS, "none was left asleep");
    ring_detach(&consumer.map);
    close(handles[RING_CONSUMER]);
}

// The other side writes nonsense all over the shared pages while we use them.
static void hostile(void) {
    int handles[2];
    struct ring_producer producer;
    struct ring_consumer consumer;
    make(&with_pool, handles);
    ring_attach_producer(&producer, handles[0], &with_pool), ring_attach_consumer(&consumer, handles[1], &with_pool);
    pid_t child = start_child({
        uint64_t seed = 88172645463325252;
        uint32_t *memory = (uint32_t *)producer.map.control;
        for (;;) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            memory[seed >> 32 & 2047] = (uint32_t)seed;
        }
    });
    static uint8_t data[65536];
    int64_t end = in_ms(500);
    long rounds = 0;
    while (now_ns() < end) {
        ring_push(&producer, data, (uint32_t)(rounds % 4096));
        ring_pop(&consumer, data, sizeof data);
        if (rounds % 64 == 0)
            ring_receive(&consumer, data, sizeof data, 1);
        rounds++;
    }
    kill(child, SIGKILL);
    killed(wait_status(child), SIGKILL, "the other side scribbles; %s", rounds > 0 ? "we go on" : "no rounds");
    ring_detach(&producer.map), ring_detach(&consumer.map);
    close(handles[0]), close(handles[1]);
}

static void in_tables(void) {
    int handles[2];
    char path[64], text[64] = "";
    make(&small, handles);
    snprintf(path, sizeof path, "/proc/self/fd/%d", handles[0]);
    ok(readlink(path, text, sizeof text - 1) > 0 && strstr(text, "ring"), "/proc/self/fd names it: %s", text);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", handles[1]);
    char *info = get_file(path);
    ok(info && strstr(info, "ring-side: consumer") && strstr(info, "ring-peer: there"), "fdinfo says which side");
    close(handles[0]);
    info = get_file(path);
    ok(info && strstr(info, "ring-peer: gone"), "and that the other one is gone");
    close(handles[1]);
}

int main(void) {
    if (!on_tessera()) {
        skip("rings are Tessera's own", "Fusion Rings");
        return tap_done();
    }
    creation();
    waiting();
    signals();
    rights();
    in_tables();
    between_processes("in slots", &small, 20000, 56);
    between_processes("in the pool", &with_pool, 20000, 4096);
    between_processes("two slots", &(struct ring_options){.slots = 2}, 5000, 32);
    many_producers();
    killed_producers();
    dead_consumer();
    take_over();
    hostile();
    return tap_done();
}
