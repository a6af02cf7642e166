// SPDX-License-Identifier: MPL-2.0
// Pipes: bytes come out as they went in, whatever the sizes; blocking, atomic writes, packets, ends that close, sizes.
#include "pipe_priv.h"

#include "vfs_test.h"

enum { SPACE = 65536 };

static struct object *reader, *writer;

static void fresh(uint32_t flags) {
    if (pipe_create(flags, &reader, &writer) != 0)
        abort();
    object_handle_acquire(reader);
    object_handle_acquire(writer);
}

static void shut(struct object **end) {
    if (!*end)
        return;
    object_handle_release(*end);
    object_put(*end);
    *end = nullptr;
}

static void done(void) {
    shut(&reader);
    shut(&writer);
}

static ssize_t put(const void *from, size_t size, unsigned flags) {
    struct uio uio;
    uio_init_kernel(&uio, (void *)(uintptr_t)from, size);
    return writer->ops->write(writer, &uio, nullptr, flags);
}

static ssize_t get(void *to, size_t size, unsigned flags) {
    struct uio uio;
    uio_init_kernel(&uio, to, size);
    return reader->ops->read(reader, &uio, nullptr, flags);
}

static uint32_t ready(struct object *end) {
    return object_signals(object_wait_target(end)) & (SIGNALS_FILE | SIGNAL_HANGUP | SIGNAL_ERROR);
}

static void simple(void) {
    char text[16];
    fresh(0);
    is(ready(reader), 0, "nothing to read");
    is(ready(writer), SIGNALS_WRITE, "room to write");
    is(get(text, 16, IO_NONBLOCK), -EAGAIN, "an empty pipe would block");
    is(put("hello", 5, 0), 5, "write");
    is(ready(reader), SIGNALS_READ, "something to read");
    is(get(text, 3, 0), 3, "read a part");
    is(get(text + 3, 16, 0), 2, "and the rest");
    ok(memcmp(text, "hello", 5) == 0, "the same bytes");
    is(ready(reader), 0, "nothing left");
    is(put("x", 1, 0), 1, "one more");
    shut(&writer);
    is(ready(reader), SIGNALS_READ | SIGNAL_HANGUP, "the writer is gone");
    is(get(text, 16, 0), 1, "what it left is read");
    is(get(text, 16, 0), 0, "then the end");
    done();
    fresh(0);
    shut(&reader);
    is(ready(writer), SIGNALS_WRITE | SIGNAL_ERROR, "the reader is gone");
    is(put("x", 1, 0), -EPIPE, "EPIPE");
    done();
}

static uint8_t model[2 * SPACE + 1], scratch[SPACE];
static uint64_t model_head, model_tail;

static uint8_t byte_at(uint64_t n) {
    return (uint8_t)(n * 7 + n / 251);
}

static bool random_put(void) {
    size_t size = random() % 3 ? (size_t)random() % 200 : (size_t)random() % 9000,
           room = SPACE - (model_head - model_tail);
    for (size_t i = 0; i < size; i++)
        scratch[i] = byte_at(model_head + i);
    ssize_t got = put(scratch, size, IO_NONBLOCK);
    ssize_t want = size == 0          ? 0
                   : size <= PIPE_BUF ? (size <= room ? (ssize_t)size : -EAGAIN)
                   : room             ? (ssize_t)MIN(size, room)
                                      : -EAGAIN;
    if (got > 0)
        model_head += (uint64_t)got;
    return got == want;
}

static bool random_get(void) {
    size_t size = random() % 3 ? (size_t)random() % 200 : (size_t)random() % 9000, held = model_head - model_tail;
    ssize_t got = get(scratch, size, IO_NONBLOCK);
    bool right = got == (size == 0 ? 0 : held ? (ssize_t)MIN(size, held) : -EAGAIN);
    for (ssize_t i = 0; i < got; i++)
        right &= scratch[i] == byte_at(model_tail + (uint64_t)i);
    if (got > 0)
        model_tail += (uint64_t)got;
    uint32_t want = model_head != model_tail ? SIGNALS_READ : 0;
    return right && ready(reader) == want && (ready(writer) != 0) == (model_head - model_tail + PIPE_BUF <= SPACE);
}

static void random_bytes(void) {
    bool right = true;
    fresh(0);
    for (int i = 0; i < 40000 && right; i++)
        right &= random() % 100 < 50 + (i / 2000 % 2 ? 15 : -15) ? random_put() : random_get();
    ok(right, "40,000 random reads and writes: order, counts and readiness");
    done();
}

// --- threads ---

enum { STREAM = 1000000 };
static bool stream_right;
static int writers_left;

static void stream_out(void *argument) {
    uint64_t sent = 0;
    static uint8_t bytes[30000];
    while (sent < STREAM) {
        size_t size = MIN((size_t)random() % sizeof bytes + 1, (size_t)(STREAM - sent));
        for (size_t i = 0; i < size; i++)
            bytes[i] = byte_at(sent + i);
        stream_right &= put(bytes, size, 0) == (ssize_t)size; // blocks until all is in
        sent += size;
    }
    shut(&writer);
}

static void threads(void) {
    uint64_t got = 0;
    stream_right = true;
    fresh(0);
    spawn("writer", stream_out, nullptr);
    for (ssize_t size; (size = get(scratch, 1 + (size_t)random() % 20000, 0)) > 0;)
        for (ssize_t i = 0; i < size; i++)
            stream_right &= scratch[i] == byte_at(got++);
    ok(stream_right && got == STREAM, "a megabyte between two threads, blocking on both sides");
    done();
}

enum { RECORD = 3000, RECORDS = 40, WRITERS = 3 };

static void records_out(void *argument) {
    uint8_t record[RECORD];
    memset(record, (int)(intptr_t)argument, sizeof record);
    for (int i = 0; i < RECORDS; i++)
        stream_right &= put(record, sizeof record, 0) == RECORD;
    if (--writers_left == 0)
        shut(&writer);
}

static void atomic_records(void) {
    uint8_t record[RECORD];
    int count = 0;
    stream_right = true;
    writers_left = WRITERS;
    fresh(0);
    for (intptr_t i = 1; i <= WRITERS; i++)
        spawn("writer", records_out, (void *)i);
    for (;;) {
        size_t have = 0;
        ssize_t size = 1;
        while (have < RECORD && (size = get(record + have, RECORD - have, 0)) > 0)
            have += (size_t)size;
        if (size <= 0)
            break;
        for (int i = 1; i < RECORD; i++)
            stream_right &= record[i] == record[0];
        count++;
    }
    ok(stream_right && count == RECORDS * WRITERS, "writes up to PIPE_BUF from three threads never mix");
    done();
}

// --- packets, sizes ---

static void packets(void) {
    char text[64];
    fresh(O_DIRECT);
    put("first", 5, 0), put("second", 6, 0);
    is(get(text, 64, 0), 5, "a read gives one packet");
    is(get(text, 3, 0), 3, "a short read of the next");
    is(get(text, 64, IO_NONBLOCK), -EAGAIN, "throws the rest of it away");
    done();
}

static void sizes(void) {
    fresh(0);
    is(pipe_get_size(reader), 65536, "64 KiB by default");
    is(pipe_set_size(reader, 5000), 8192, "rounded up to a power of two");
    is(put(model, 20000, IO_NONBLOCK), 8192, "which is how much fits");
    is(pipe_set_size(writer, 4096), -EBUSY, "not below what is in it");
    is(pipe_set_size(writer, 131072), 131072, "but above");
    is(put(model, 200000, IO_NONBLOCK), 131072 - 8192, "and more fits");
    is(get(scratch, 8192, 0), 8192, "the first bytes");
    ok(memcmp(scratch, model, 8192) == 0, "were kept");
    done();
}

static void body(void) {
    srandom(3);
    for (size_t i = 0; i < sizeof model; i++)
        model[i] = byte_at(i);
    simple();
    random_bytes();
    threads();
    atomic_records();
    packets();
    sizes();
}

int main(void) {
    vfs_test(body);
}
