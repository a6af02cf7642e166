// SPDX-License-Identifier: MPL-2.0
// Linux's own asynchronous I/O: io_setup and its kin.
#include "sys.h"

#include <linux/aio_abi.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

static long setup(unsigned count, aio_context_t *context) {
    return syscall(SYS_io_setup, count, context);
}
static long destroy(aio_context_t context) {
    return syscall(SYS_io_destroy, context);
}
static long submit(aio_context_t context, long count, struct iocb **list) {
    return syscall(SYS_io_submit, context, count, list);
}
static long events_of(aio_context_t context, long least, long most, struct io_event *to, struct timespec *timeout) {
    return syscall(SYS_io_getevents, context, least, most, to, timeout);
}
static struct timespec at_once;

static struct iocb request(int operation, int fd, void *buffer, size_t size, long offset) {
    return (struct iocb){.aio_lio_opcode = (uint16_t)operation,
                         .aio_fildes = (uint32_t)fd,
                         .aio_buf = (uintptr_t)buffer,
                         .aio_nbytes = size,
                         .aio_offset = offset,
                         .aio_data = 1000 + (uint64_t)offset};
}
// One request, submitted and waited for: its result.
static long result_of(aio_context_t context, struct iocb one) {
    struct io_event event = {};
    long done = submit(context, 1, &(struct iocb *){&one});
    if (done != 1)
        return -1000;
    if (events_of(context, 1, 1, &event, NULL) != 1 || event.obj != (uintptr_t)&one || event.data != one.aio_data)
        return -2000;
    return event.res;
}

static void contexts(void) {
    aio_context_t context = 0, other = 1;
    is(setup(8, &context), 0, "a context");
    ok(context != 0, "has a number");
    fails(setup(8, &other), EINVAL, "where there is one already, none is made");
    other = 0;
    fails(setup(0, &other), EINVAL, "nor for nothing");
    ok(setup(1u << 31, &other) < 0 && (errno == EINVAL || errno == EAGAIN), "nor for too much");
    fails(setup(8, (aio_context_t *)8), EFAULT, "nor nowhere");
    fails(submit(12345, 0, NULL), EINVAL, "no such context");
    fails(submit(context, -1, NULL), EINVAL, "less than nothing");
    is(submit(context, 0, NULL), 0, "nothing");
    struct io_event event;
    is(events_of(context, 0, 1, &event, NULL), 0, "no event");
    is(events_of(context, 1, 1, &event, &at_once), 0, "as yet");
    is(events_of(context, 1, 1, &event, &(struct timespec){0, 5'000'000}), 0, "nor after a while");
    fails(events_of(context, 2, 1, &event, NULL), EINVAL, "more than there is room for");
    fails(events_of(context, -1, 1, &event, NULL), EINVAL, "less than none");
    exited(in_child(_exit(submit(context, 0, NULL) != -1 || errno != EINVAL)), 0, "a child does not have it");
    is(destroy(context), 0, "it is destroyed");
    fails(destroy(context), EINVAL, "once");
}

static void transfers(void) {
    aio_context_t context = 0;
    char in[16] = {}, more[16] = {};
    int fd = open("file", O_CREAT | O_RDWR, 0600);
    setup(8, &context);
    is(result_of(context, request(IOCB_CMD_PWRITE, fd, "hello world", 11, 0)), 11, "a write");
    is(result_of(context, request(IOCB_CMD_PREAD, fd, in, 5, 6)), 5, "a read");
    ok(strcmp(in, "world") == 0, "of what was written");
    is(result_of(context, request(IOCB_CMD_PREAD, fd, in, 5, 100)), 0, "at the end");
    struct iovec parts[] = {{in, 2}, {more, 3}};
    is(result_of(context, request(IOCB_CMD_PREADV, fd, parts, 2, 0)), 5, "into two buffers");
    ok(memcmp(in, "he", 2) == 0 && strcmp(more, "llo") == 0, "both are filled");
    struct iovec out[] = {{"J", 1}, {"E", 1}};
    is(result_of(context, request(IOCB_CMD_PWRITEV, fd, out, 2, 0)), 2, "out of two");
    is(result_of(context, request(IOCB_CMD_FSYNC, fd, NULL, 0, 0)), 0, "fsync");
    is(result_of(context, request(IOCB_CMD_FDSYNC, fd, NULL, 0, 0)), 0, "fdatasync");
    pread(fd, in, 11, 0);
    ok(memcmp(in, "JEllo world", 11) == 0, "the file is what it should be");
    is(lseek(fd, 0, SEEK_CUR), 0, "its position has not changed");
    is(result_of(context, request(IOCB_CMD_PREAD, fd, (void *)8, 5, 0)), -EFAULT, "a bad buffer is an event");
    struct iocb one = request(IOCB_CMD_PREAD, 999, in, 5, 0), two = request(99, fd, in, 5, 0);
    fails(submit(context, 1, &(struct iocb *){&one}), EBADF, "no file is none");
    fails(submit(context, 1, &(struct iocb *){&two}), EINVAL, "no such operation, either");
    fails(submit(context, 1, &(struct iocb *){(void *)8}), EFAULT, "nor no request");
    int reader = open("file", O_RDONLY);
    one = request(IOCB_CMD_PWRITE, reader, in, 5, 0);
    fails(submit(context, 1, &(struct iocb *){&one}), EBADF, "a file that is not written");
    one = request(IOCB_CMD_PREAD, fd, in, 5, 0);
    one.aio_reserved2 = 1;
    fails(submit(context, 1, &(struct iocb *){&one}), EINVAL, "what is reserved is 0");
    close(reader), close(fd), destroy(context);
}

static void many(void) {
    aio_context_t context = 0;
    char bytes[32];
    struct iocb all[32], *list[32];
    struct io_event events[32];
    int fd = open("many", O_CREAT | O_RDWR, 0600);
    setup(32, &context);
    for (int i = 0; i < 32; i++) {
        bytes[i] = (char)('a' + i % 26);
        all[i] = request(IOCB_CMD_PWRITE, fd, &bytes[i], 1, i);
        list[i] = &all[i];
    }
    is(submit(context, 32, list), 32, "many at once");
    is(events_of(context, 10, 20, events, NULL), 20, "some events");
    is(events_of(context, 12, 32, &events[20], NULL), 12, "and the others");
    uint64_t seen = 0;
    for (int i = 0; i < 32; i++)
        seen |= events[i].res == 1 ? 1ull << (events[i].data - 1000) : 0;
    is(seen, 0xffff'ffff, "one of each");
    is(events_of(context, 0, 32, events, &at_once), 0, "and no more");
    list[1] = (void *)8;
    is(submit(context, 3, list), 1, "those before a bad one are carried out");
    is(events_of(context, 1, 32, events, NULL), 1, "and have events");
    int event = eventfd(0, EFD_NONBLOCK);
    uint64_t count = 0;
    all[0].aio_flags = IOCB_FLAG_RESFD, all[0].aio_resfd = (uint32_t)event;
    list[1] = list[0];
    is(submit(context, 2, list), 2, "two that tell an eventfd");
    is(events_of(context, 2, 2, events, NULL), 2, "have happened");
    ok(read(event, &count, 8) == 8 && count == 2, "it was told");
    all[0].aio_resfd = (uint32_t)fd;
    fails(submit(context, 1, list), EINVAL, "a file cannot be told");
    all[0].aio_resfd = 999;
    fails(submit(context, 1, list), EBADF, "nor can nothing");
    all[0].aio_flags = 0;
    int good = 0;
    for (int i = 0; i < 10'000 && submit(context, 1, list) == 1; i++)
        good++;
    ok(good >= 32 && good < 10'000 && errno == EAGAIN, "nobody takes the events: in the end there is no room");
    close(event), close(fd), destroy(context);
}

static aio_context_t shared;
static void *waits(void *argument) {
    struct io_event event;
    return (void *)(events_of(shared, 1, 1, &event, NULL) + (long)argument);
}

static void waiting(void) {
    pthread_t thread;
    void *result;
    char byte;
    int fd = open("file", O_RDONLY);
    shared = 0;
    setup(4, &shared);
    pthread_create(&thread, NULL, waits, NULL);
    threads_sleep(1);
    struct iocb one = request(IOCB_CMD_PREAD, fd, &byte, 1, 0);
    submit(shared, 1, &(struct iocb *){&one});
    pthread_join(thread, &result);
    is((long)result, 1, "who waits gets the event");
    struct io_event event;
    fails(syscall(SYS_io_cancel, shared, &one, &event), EINVAL, "what has happened is not cancelled");
    fails(syscall(SYS_io_cancel, shared, 8, &event), EFAULT, "nor what is nothing");
    submit(shared, 1, &(struct iocb *){&one});
    is(syscall(SYS_io_pgetevents, shared, 1, 1, &event, NULL, NULL), 1, "io_pgetevents");
    close(fd), destroy(shared);
}

static void pipes(void) {
    aio_context_t context = 0;
    char text[8] = {};
    int ends[2];
    pipe(ends);
    setup(4, &context);
    is(result_of(context, request(IOCB_CMD_PWRITE, ends[1], "pipe", 4, 0)), 4, "into a pipe");
    is(result_of(context, request(IOCB_CMD_PREAD, ends[0], text, 8, 0)), 4, "and out of it");
    ok(strcmp(text, "pipe") == 0, "the same");
    close(ends[0]), close(ends[1]), destroy(context);
}

int main(void) {
    alarm(60);
    enter_temp_dir();
    contexts();
    transfers();
    many();
    waiting();
    pipes();
    return tap_done();
}
