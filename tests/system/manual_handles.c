// SPDX-License-Identifier: MPL-2.0
// The examples of docs/ipc.md on handles, signals and waiting, between checks that they do what the page says. `make
// lint` compares.
#include "sys.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <tessera/handle.h>
#include <tessera/port.h>
#include <tessera/time.h>

static void duplicate_and_info(void) {
    int file = memfd_create("data", 0);
    int reader = handle_duplicate(file, RIGHT_READ | RIGHT_MAP | RIGHT_WAIT, 0);
    struct handle_info info;
    if (handle_info(reader, &info) == 0)
        printf("# %s %lu, rights %#x, %u handles\n", info.name, (unsigned long)info.id, info.rights, info.handles);
    fails(write(reader, "x", 1), EBADF, "a handle without WRITE does not write");
    is(info.rights, RIGHT_READ | RIGHT_MAP | RIGHT_WAIT, "it has what was asked for");
    is(info.handles, 2, "there are two to the object");
    is(handle_duplicate(reader, RIGHT_READ, 0), -EACCES, "and without DUPLICATE it ends here");
    close(reader), close(file);
}

static void transfer(void) {
    int ends[2], told[2];
    pipe(ends), pipe(told);
    pid_t child = start_child({
        int number;
        char c = 0;
        close(ends[0]), close(ends[1]);
        read(told[0], &number, sizeof number);
        _exit(read(number, &c, 1) == 1 && c == 'x' ? 0 : 1);
    });
    int task = (int)syscall(SYS_pidfd_open, child, 0);
    int number = handle_transfer(ends[0], task, RIGHT_READ | RIGHT_WAIT); // what ends[0] is over there
    write(told[1], &number, sizeof number);
    ok(number >= 0, "a handle is given to another process");
    fails(read(ends[0], &number, 1), EBADF, "and is gone here");
    write(ends[1], "x", 1);
    exited(wait_status(child), 0, "where it can be used");
    close(task), close(ends[1]), close(told[0]), close(told[1]);
}

static void signals(void) {
    enum { READY = 0x01000000 }; // of SIGNAL_USER's eight bits, whatever we like
    int port = port_create(NULL), event = eventfd(0, 0);
    pid_t child = start_child({ object_signal(port, 0, READY); });
    struct wait_entry entries[] = {{.handle = port, .wanted = READY | POLLIN}, {.handle = event, .wanted = POLLIN}};
    int count = object_wait(entries, 2, deadline_after_ms(10000));
    if (count > 0 && entries[0].observed & READY)
        object_signal(port, READY, 0); // seen: clear it
    is(count, 1, "one of two objects has a signal");
    ok(entries[0].observed == READY && entries[1].observed == 0, "the one that it was raised on");
    is(object_wait(entries, 2, deadline_after_ms(1)), -ETIMEDOUT, "cleared, it is down");
    exited(wait_status(child), 0, "whoever has a handle may raise it");
    close(port), close(event);
}

static void consume(void) {
    enum { READY = 0x01000000 };
    int port = port_create(NULL);
    pid_t child = start_child({ object_signal(port, 0, READY); });
    struct wait_entry entry = {.handle = port, .wanted = READY, .consume = READY};
    int count = object_wait(&entry, 1, FIPC_FOREVER); // it is ours, and down again
    is(count, 1, "a wait takes a signal");
    is(object_wait(&entry, 1, 0), -ETIMEDOUT, "and has cleared it");
    exited(wait_status(child), 0, "whoever raised it has ended");
    close(port);
}

static void turns(void) {
    enum { READY = 0x01000000 };
    int mine = port_create(NULL), theirs = port_create(NULL);
    pid_t child = start_child({
        struct wait_entry entry = {.handle = theirs, .wanted = READY, .consume = READY};
        object_wait(&entry, 1, FIPC_FOREVER);
        object_signal(mine, 0, READY);
    });
    struct wait_entry entry = {.handle = mine, .wanted = READY, .consume = READY};
    int count = object_signal_and_wait(theirs, 0, READY, &entry, FIPC_FOREVER); // their turn, until it is ours again
    is(count, 1, "a turn is given and comes back");
    exited(wait_status(child), 0, "the other has had it");
    close(mine), close(theirs);
}

static void wait_for_thread(void) {
    pid_t child = start_child({ pause(); });
    int thread = thread_open(child, 0);
    kill(child, SIGKILL);
    struct wait_entry end = {.handle = thread, .wanted = POLLIN};
    int count = object_wait(&end, 1, deadline_after_ms(10000)); // up when it has ended
    is(count, 1, "the end of a thread is waited for");
    killed(wait_status(child), SIGKILL, "it was killed");
    is(thread_open(child, 0), -ESRCH, "and is no more");
    close(thread);
}

static void clone_memory(void) {
    int file = memfd_create("data", 0);
    write(file, "before", 6);
    int copy = vmo_clone(file, 0);
    pwrite(file, "after!", 6, 0);
    char text[7] = {};
    pread(copy, text, 6, 0);
    ok(strcmp(text, "before") == 0, "a copy is what the file was");
    is(pwrite(copy, "x", 1, 0), 1, "and may be written");
    close(copy), close(file);
}

int main(void) {
    if (!on_tessera()) {
        skip("these calls are Tessera's own", "native calls");
        return tap_done();
    }
    duplicate_and_info();
    transfer();
    signals();
    consume();
    turns();
    wait_for_thread();
    clone_memory();
    return tap_done();
}
