// SPDX-License-Identifier: MPL-2.0
// A signal in the middle of a call: which calls start again with SA_RESTART, which fail with EINTR whatever is asked.
#include "sys.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/socket.h>

static volatile int handled;
static void handle(int signal) {
    (void)signal;
    handled++;
}

// A child that signals us once we sleep and then, a little later, does `rescue` so that a restarted call can end.
#define with_signal(flags, call, rescue)   \
    ({                                     \
        on_signal(SIGUSR1, handle, flags); \
        handled = 0;                       \
        pid_t parent_ = getpid();          \
        pid_t helper_ = start_child({      \
            sleeps(parent_);               \
            kill(parent_, SIGUSR1);        \
            sleep_ms(10);                  \
            sleeps(parent_);               \
            rescue;                        \
        });                                \
        errno = 0;                         \
        long result_ = (call);             \
        int error_ = errno;                \
        wait_status(helper_);              \
        errno = error_;                    \
        result_;                           \
    })

static char byte;

static void pipes(void) {
    int ends[2];
    pipe(ends);
    is(with_signal(SA_RESTART, read(ends[0], &byte, 1), write(ends[1], "x", 1)), 1,
       "read starts again with SA_RESTART");
    is(handled, 1, "after the handler");
    fails(with_signal(0, read(ends[0], &byte, 1), ), EINTR, "and fails without it");
    fcntl(ends[1], F_SETPIPE_SZ, 4096);
    static char page[4096];
    write(ends[1], page, 4096);
    is(with_signal(SA_RESTART, write(ends[1], page, 4096), read(ends[0], page, 4096)), 4096, "write starts again");
    fails(with_signal(0, write(ends[1], page, 1), ), EINTR, "or fails");
    read(ends[0], page, 4096);
    // A write that has moved something returns that much.
    static char big[20000];
    long wrote = with_signal(0, write(ends[1], big, sizeof big), );
    is(wrote, 4096, "an interrupted write tells how much it wrote");
    close(ends[0]), close(ends[1]);
}

static void waits(void) {
    pid_t child = start_child(for (;;) pause());
    int status;
    is(with_signal(SA_RESTART, waitpid(child, &status, 0), kill(child, SIGKILL)), child, "wait starts again");
    child = start_child(for (;;) pause());
    fails(with_signal(0, waitpid(child, &status, 0), ), EINTR, "or fails");
    kill(child, SIGKILL);
    wait_status(child);
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    is(with_signal(SA_RESTART, recv(pair[0], &byte, 1, 0), write(pair[1], "x", 1)), 1, "recv starts again");
    fails(with_signal(0, recv(pair[0], &byte, 1, 0), ), EINTR, "or fails");
    struct timeval timeout = {30, 0};
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    fails(with_signal(SA_RESTART, recv(pair[0], &byte, 1, 0), ), EINTR,
          "recv with a timeout fails even with SA_RESTART");
    close(pair[0]), close(pair[1]);
}

static void never_restarted(void) {
    struct pollfd nothing = {.fd = -1};
    fails(with_signal(SA_RESTART, poll(&nothing, 1, 30000), ), EINTR, "poll fails even with SA_RESTART");
    struct timeval long_time = {30, 0};
    fails(with_signal(SA_RESTART, select(0, NULL, NULL, NULL, &long_time), ), EINTR, "select too");
    int epoll = epoll_create1(0);
    struct epoll_event event;
    fails(with_signal(SA_RESTART, epoll_wait(epoll, &event, 1, 30000), ), EINTR, "epoll_wait too");
    close(epoll);
    struct timespec left = {}, request = {1000, 0};
    fails(with_signal(SA_RESTART, nanosleep(&request, &left), ), EINTR, "nanosleep too");
    ok(left.tv_sec > 900 && left.tv_sec <= 1000, "it tells what is left (%ld s)", (long)left.tv_sec);
    int result = (int)with_signal(
        SA_RESTART, clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){1LL << 40, 0}, NULL), );
    is(result, EINTR, "clock_nanosleep until a time too");
    fails(with_signal(SA_RESTART, pause(), ), EINTR, "pause too");
}

static void futexes(void) {
    static uint32_t word = 1;
    struct timespec timeout = {30, 0};
    fails(with_signal(0, syscall(SYS_futex, &word, FUTEX_WAIT, 1, NULL), ), EINTR,
          "a futex wait fails without SA_RESTART");
    fails(with_signal(SA_RESTART, syscall(SYS_futex, &word, FUTEX_WAIT, 1, &timeout), ), EINTR,
          "with a timeout it fails in any case");
}

static void locks(void) {
    enter_temp_dir();
    int fd = open("lock", O_CREAT | O_RDWR, 0600);
    struct flock lock = {.l_type = F_WRLCK};
    int gate[2];
    pipe(gate);
    pid_t holder = start_child({
        int own = open("lock", O_RDWR);
        fcntl(own, F_SETLK, &lock);
        flock(own, LOCK_EX);
        write(gate[1], "x", 1);
        for (;;)
            pause();
    });
    read(gate[0], &byte, 1);
    fails(with_signal(0, fcntl(fd, F_SETLKW, &lock), ), EINTR, "waiting for a record lock fails");
    fails(with_signal(0, flock(fd, LOCK_EX), ), EINTR, "waiting for flock fails");
    is(with_signal(SA_RESTART, fcntl(fd, F_SETLKW, &lock), kill(holder, SIGKILL)), 0,
       "or starts again and gets the lock");
    wait_status(holder);
    close(fd), close(gate[0]), close(gate[1]);
    mkfifo("fifo", 0600);
    fails(with_signal(0, open("fifo", O_RDONLY), ), EINTR, "open of a FIFO without a writer fails");
    is(with_signal(SA_RESTART, close(open("fifo", O_RDONLY)), open("fifo", O_WRONLY)), 0, "or starts again");
}

static void ignored(void) {
    int ends[2];
    pipe(ends);
    signal(SIGUSR1, SIG_IGN);
    pid_t parent = getpid();
    pid_t child = start_child({
        sleeps(parent);
        kill(parent, SIGUSR1);
        kill(parent, SIGCHLD);
        sleep_ms(10);
        write(ends[1], "x", 1);
    });
    is(read(ends[0], &byte, 1), 1, "an ignored signal interrupts nothing");
    wait_status(child);
    // A stop and a continue do not end a read either.
    int status;
    pid_t reader = start_child({
        char c;
        _exit(read(ends[0], &c, 1) == 1 ? 0 : 1);
    });
    sleeps(reader);
    kill(reader, SIGSTOP);
    waitpid(reader, &status, WUNTRACED);
    kill(reader, SIGCONT);
    sleeps(reader);
    write(ends[1], "x", 1);
    exited(wait_status(reader), 0, "nor do a stop and a continue");
}

int main(void) {
    pipes();
    waits();
    never_restarted();
    futexes();
    locks();
    ignored();
    return tap_done();
}
