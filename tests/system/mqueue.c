// SPDX-License-Identifier: MPL-2.0
// POSIX message queues.
#include "sys.h"

#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#define NONE ((mqd_t) - 1)
static char name[64], other[64];

static mqd_t make(long count, long size, int flags) {
    return mq_open(name, O_CREAT | O_RDWR | flags, 0600, &(struct mq_attr){.mq_maxmsg = count, .mq_msgsize = size});
}
static int send_text(mqd_t queue, const char *text, unsigned priority) {
    return mq_send(queue, text, strlen(text) + 1, priority);
}
static char got[8192];
static unsigned got_priority;
static bool receives(mqd_t queue, const char *text, unsigned priority) {
    ssize_t size = mq_receive(queue, got, sizeof got, &got_priority);
    return size == (ssize_t)strlen(text) + 1 && strcmp(got, text) == 0 && got_priority == priority;
}
static long waiting_in(mqd_t queue) {
    struct mq_attr attr;
    return mq_getattr(queue, &attr) == 0 ? attr.mq_curmsgs : -1;
}

static void names(void) {
    ok(mq_open(name, O_RDWR) == NONE && errno == ENOENT, "no such queue");
    mqd_t queue = make(4, 100, 0);
    ok(queue != NONE, "a queue is made");
    ok(make(4, 100, O_EXCL) == NONE && errno == EEXIST, "O_EXCL refuses");
    mqd_t again = mq_open(name, O_CREAT | O_RDONLY, 0600, NULL);
    ok(again != NONE && again != queue, "it is opened again");
    is(fcntl(queue, F_GETFD), FD_CLOEXEC, "closed on exec");
    struct mq_attr attr;
    mq_getattr(again, &attr);
    ok(attr.mq_maxmsg == 4 && attr.mq_msgsize == 100 && attr.mq_curmsgs == 0 && attr.mq_flags == 0, "as it was made");
    fails(send_text(again, "x", 0), EBADF, "who reads cannot send");
    mqd_t writer = mq_open(name, O_WRONLY);
    fails(mq_receive(writer, got, sizeof got, NULL), EBADF, "who writes cannot receive");
    fails(mq_receive(0, got, sizeof got, NULL), EBADF, "standard input is no queue");
    fails(mq_unlink("/no-such-queue"), ENOENT, "no such queue to remove");
    is(mq_unlink(name), 0, "the name is removed");
    ok(mq_open(name, O_RDWR) == NONE && errno == ENOENT, "nobody finds it");
    ok(send_text(writer, "still", 1) == 0 && receives(again, "still", 1), "who has it open uses it on");
    mqd_t next = make(1, 1, O_EXCL);
    ok(next != NONE && waiting_in(next) == 0, "the name is free for another");
    mq_unlink(name);
    close(queue), close(again), close(writer), close(next);
    errno = 0;
    ok(syscall(SYS_mq_open, "a/b", O_CREAT | O_RDWR, 0600, NULL) < 0 && errno == EACCES, "a name has no slash");
    ok(syscall(SYS_mq_open, ".", O_RDWR, 0600, NULL) < 0 && errno == EACCES, "nor is it a dot");
    ok(syscall(SYS_mq_open, "", O_RDWR, 0600, NULL) < 0 && errno == ENOENT, "or nothing");
    char text[300] = {};
    memset(text, 'x', 256);
    ok(syscall(SYS_mq_open, text, O_RDWR | O_CREAT, 0600, NULL) < 0 && errno == ENAMETOOLONG, "or too long");
    ok(syscall(SYS_mq_open, (void *)8, O_RDWR, 0600, NULL) < 0 && errno == EFAULT, "a bad address");
    ok(syscall(SYS_mq_open, name + 1, O_RDWR | O_CREAT, 0600, (void *)8) < 0 && errno == EFAULT, "for attributes, too");
}

static void order(void) {
    mqd_t queue = make(8, 32, O_EXCL);
    send_text(queue, "a1", 1), send_text(queue, "b5", 5), send_text(queue, "c1", 1), send_text(queue, "d32767", 32767);
    send_text(queue, "e5", 5), mq_send(queue, "", 0, 0);
    is(waiting_in(queue), 6, "six wait");
    ok(receives(queue, "d32767", 32767), "the highest priority comes first");
    ok(receives(queue, "b5", 5) && receives(queue, "e5", 5), "equals in order of sending");
    ok(receives(queue, "a1", 1) && receives(queue, "c1", 1), "then lower ones");
    ok(mq_receive(queue, got, sizeof got, &got_priority) == 0 && got_priority == 0, "an empty one last");
    fails(mq_send(queue, "x", 1, 32768), EINVAL, "too high a priority");
    fails(mq_send(queue, got, 33, 0), EMSGSIZE, "too long a message");
    fails(mq_receive(queue, got, 31, NULL), EMSGSIZE, "too little room");
    fails(mq_send(queue, (void *)8, 8, 0), EFAULT, "a bad address");
    send_text(queue, "lost", 0);
    fails(syscall(SYS_mq_timedreceive, queue, 8, 32, NULL, NULL), EFAULT, "to receive at, too");
    mq_unlink(name), close(queue);
    queue = make(2, 8192, O_EXCL);
    static char large[8192], back[8192];
    for (unsigned i = 0; i < sizeof large; i++)
        large[i] = (char)(i * 7 + i / 256);
    ok(mq_send(queue, large, sizeof large, 3) == 0 && mq_receive(queue, back, sizeof back, NULL) == sizeof back &&
           memcmp(large, back, sizeof large) == 0,
       "a message of pages comes as it went");
    mq_unlink(name), close(queue);
}

static void nothing(int signal) {
    (void)signal;
}

static struct timespec in_ms(long ms) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += (t.tv_nsec + ms * 1'000'000) / 1'000'000'000;
    t.tv_nsec = (t.tv_nsec + ms * 1'000'000) % 1'000'000'000;
    return t;
}

static void waiting(void) {
    mqd_t queue = make(1, 32, O_EXCL);
    struct timespec past = {.tv_sec = 1}, soon = in_ms(20), bad = {.tv_nsec = -1};
    fails(mq_timedreceive(queue, got, sizeof got, NULL, &past), ETIMEDOUT, "nothing came before 1970 ended");
    fails(mq_timedreceive(queue, got, sizeof got, NULL, &soon), ETIMEDOUT, "nor within 20 ms");
    struct timespec now = in_ms(0);
    ok(now.tv_sec > soon.tv_sec || (now.tv_sec == soon.tv_sec && now.tv_nsec >= soon.tv_nsec), "which have passed");
    fails(mq_timedreceive(queue, got, sizeof got, NULL, &bad), EINVAL, "a bad time");
    pid_t child = start_child(_exit(!receives(queue, "for you", 2)));
    sleeps(child);
    send_text(queue, "for you", 2);
    exited(wait_status(child), 0, "who waits for a message gets it");
    send_text(queue, "one", 0);
    fails(mq_timedsend(queue, "two", 4, 0, &past), ETIMEDOUT, "no room for a second");
    child = start_child(_exit(send_text(queue, "two", 0)));
    sleeps(child);
    ok(receives(queue, "one", 0), "room is made");
    exited(wait_status(child), 0, "who waits for room sends");
    ok(receives(queue, "two", 0), "and it arrives");
    child = start_child({
        on_signal(SIGUSR1, nothing, 0);
        _exit(mq_receive(queue, got, sizeof got, NULL) >= 0 || errno != EINTR);
    });
    sleeps(child);
    kill(child, SIGUSR1);
    exited(wait_status(child), 0, "a handler ends a wait");
    child = start_child({
        on_signal(SIGUSR1, nothing, SA_RESTART);
        _exit(!receives(queue, "later", 9));
    });
    sleeps(child);
    kill(child, SIGUSR1);
    sleep_ms(5);
    send_text(queue, "later", 9);
    exited(wait_status(child), 0, "with SA_RESTART it goes on");
    mqd_t quick = mq_open(name, O_RDWR | O_NONBLOCK);
    fails(mq_receive(quick, got, sizeof got, NULL), EAGAIN, "O_NONBLOCK does not wait for a message");
    send_text(quick, "full", 0);
    fails(send_text(quick, "more", 0), EAGAIN, "nor for room");
    struct mq_attr attr = {}, old;
    is(mq_setattr(quick, &attr, &old), 0, "mq_setattr");
    ok(old.mq_flags == O_NONBLOCK && old.mq_curmsgs == 1 && !(fcntl(quick, F_GETFL) & O_NONBLOCK), "takes it away");
    attr.mq_flags = O_APPEND;
    fails(mq_setattr(quick, &attr, NULL), EINVAL, "sets nothing else");
    mq_unlink(name), close(queue), close(quick);
}

static short ready(mqd_t queue) {
    struct pollfd p = {.fd = queue, .events = POLLIN | POLLOUT};
    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void readiness(void) {
    mqd_t queue = make(1, 32, O_EXCL);
    is(ready(queue), POLLOUT, "an empty queue can be written");
    int set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    epoll_ctl(set, EPOLL_CTL_ADD, queue, &event);
    is(epoll_wait(set, &event, 1, 0), 0, "there is nothing to read");
    send_text(queue, "x", 0);
    is(ready(queue), POLLIN, "a full one can be read");
    is(epoll_wait(set, &event, 1, 1000), 1, "epoll tells");
    is(epoll_wait(set, &event, 1, 0), 0, "once");
    receives(queue, "x", 0);
    pid_t child = start_child({
        struct pollfd p = {.fd = queue, .events = POLLIN};
        _exit(poll(&p, 1, 60000) != 1);
    });
    sleeps(child);
    send_text(queue, "y", 0);
    exited(wait_status(child), 0, "poll waits for a message");
    close(set), mq_unlink(name), close(queue);
}

static volatile siginfo_t told;
static volatile int tellings;
static void tell(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    memcpy((void *)&told, info, sizeof told);
    tellings++;
}

static void notices(void) {
    mqd_t queue = make(4, 32, O_EXCL), second = mq_open(name, O_RDONLY);
    struct sigaction action = {.sa_sigaction = tell, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN + 1, &action, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1};
    event.sigev_value.sival_int = 4711;
    is(mq_notify(queue, &event), 0, "wants to know");
    fails(mq_notify(second, &event), EBUSY, "one does at a time");
    exited(in_child(_exit(mq_notify(queue, &event) == 0 || errno != EBUSY || mq_notify(queue, NULL) != 0)), 0,
           "another can neither, nor call it off");
    pid_t child = start_child(_exit(send_text(queue, "hello", 0)));
    wait_status(child);
    ok(eventually(tellings == 1), "the first message is told of");
    ok(told.si_code == SI_MESGQ && told.si_value.sival_int == 4711 && told.si_pid == child && told.si_uid == getuid(),
       "with value and sender");
    send_text(queue, "again", 0);
    receives(queue, "hello", 0), receives(queue, "again", 0);
    send_text(queue, "more", 0);
    sleep_ms(5);
    is(tellings, 1, "once");
    is(mq_notify(queue, &event), 0, "it may be asked again, though there is a message");
    send_text(queue, "second", 0);
    sleep_ms(5);
    is(tellings, 1, "only one that comes to the empty queue counts");
    receives(queue, "more", 0), receives(queue, "second", 0);
    child = start_child(_exit(!receives(queue, "mine", 0)));
    sleeps(child);
    send_text(queue, "mine", 0);
    wait_status(child);
    is(tellings, 1, "and not one that somebody waits for");
    send_text(queue, "now", 0);
    ok(eventually(tellings == 2), "the next is told of");
    receives(queue, "now", 0);
    mq_notify(queue, &event);
    is(mq_notify(second, NULL), 0, "called off");
    mq_notify(queue, &event);
    close(second);
    exited(in_child(_exit(mq_notify(queue, &event))), 0, "or by closing a descriptor; and the end of a child does");
    event.sigev_notify = SIGEV_NONE;
    is(mq_notify(queue, &event), 0, "silently");
    fails(mq_notify(queue, &event), EBUSY, "it is taken");
    send_text(queue, "quiet", 0);
    is(mq_notify(queue, &event), 0, "until a message has come");
    event.sigev_notify = 77;
    fails(mq_notify(queue, &event), EINVAL, "no such way");
    event.sigev_notify = SIGEV_SIGNAL, event.sigev_signo = 65;
    fails(mq_notify(queue, &event), EINVAL, "no such signal");
    fails(mq_notify(1, NULL), EBADF, "no queue");
    char cookie[32] = {};
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    event = (struct sigevent){.sigev_notify = SIGEV_THREAD, .sigev_signo = queue, .sigev_value.sival_ptr = cookie};
    fails(syscall(SYS_mq_notify, queue, &event), ENOTSOCK, "SIGEV_THREAD wants a socket");
    event.sigev_signo = pair[0];
    fails(syscall(SYS_mq_notify, queue, &event), EINVAL, "of the family netlink");
    event.sigev_value.sival_ptr = (void *)8;
    fails(syscall(SYS_mq_notify, queue, &event), EFAULT, "and a cookie");
    mq_unlink(name), close(queue), close(pair[0]), close(pair[1]);
}

// What glibc does for SIGEV_THREAD: its thread reads a cookie from a netlink socket.
static void thread_notices(void) {
    char cookie[32] = "a cookie of thirty-two bytes...", back[64];
    mqd_t queue = make(4, 100, O_EXCL);
    int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
    struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_signo = netlink, .sigev_value.sival_ptr = cookie};
    is(syscall(SYS_mq_notify, queue, &event), 0, "a thread is to be told");
    fails(syscall(SYS_mq_notify, queue, &event), EBUSY, "one at a time");
    ok(recv(netlink, back, sizeof back, MSG_DONTWAIT) < 0 && errno == EAGAIN, "there is nothing yet");
    send_text(queue, "first", 0);
    is(recv(netlink, back, sizeof back, 0), 32, "a message comes, and the cookie");
    ok(memcmp(back, cookie, 31) == 0 && back[31] == 1, "which says so");
    is(syscall(SYS_mq_notify, queue, &event), 0, "again");
    is(mq_notify(queue, NULL), 0, "and called off");
    is(recv(netlink, back, sizeof back, 0), 32, "the cookie comes back");
    ok(memcmp(back, cookie, 31) == 0 && back[31] == 2, "and says that, too");
    is(syscall(SYS_mq_notify, queue, &event), 0, "asked for once more");
    mq_unlink(name), close(queue);
    is(recv(netlink, back, sizeof back, 0), 32, "the end of the descriptor is told");
    ok(back[31] == 2, "as a removal");
    queue = make(4, 100, O_EXCL);
    is(syscall(SYS_mq_notify, queue, &event), 0, "another queue");
    close(netlink);
    is(send_text(queue, "nobody", 0), 0, "whose thread is gone");
    mq_unlink(name), close(queue);
}

static void be_nobody(void) {
    if (setgid(65534) != 0 || setuid(65534) != 0)
        _exit(99);
}

static void permissions(void) {
    if (geteuid() != 0) {
        skip("needs root", "permissions, limits");
        return;
    }
    umask(0);
    mqd_t queue = mq_open(name, O_CREAT | O_RDWR | O_EXCL, 0604, NULL);
    umask(022);
    exited(in_child({
               be_nobody();
               bool good = mq_open(name, O_RDONLY) != NONE;
               good &= mq_open(name, O_RDWR) == NONE && errno == EACCES;
               good &= mq_open(name, O_CREAT | O_WRONLY, 0600, NULL) == NONE && errno == EACCES;
               good &= mq_unlink(name) < 0 && (errno == EACCES || errno == EPERM);
               _exit(!good);
           }),
           0, "others may read, not write or remove");
    mq_unlink(name), close(queue);
    exited(in_child({
               be_nobody();
               struct mq_attr attr = {.mq_maxmsg = 11, .mq_msgsize = 10};
               bool good = mq_open(name, O_CREAT | O_RDWR, 0600, &attr) == NONE && errno == EINVAL;
               attr = (struct mq_attr){.mq_maxmsg = 10, .mq_msgsize = 8193};
               good &= mq_open(name, O_CREAT | O_RDWR, 0600, &attr) == NONE && errno == EINVAL;
               attr = (struct mq_attr){.mq_maxmsg = 0, .mq_msgsize = 10};
               good &= mq_open(name, O_CREAT | O_RDWR, 0600, &attr) == NONE && errno == EINVAL;
               attr = (struct mq_attr){.mq_maxmsg = 10, .mq_msgsize = -1};
               good &= mq_open(name, O_CREAT | O_RDWR, 0600, &attr) == NONE && errno == EINVAL;
               setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){10 * (8192 + 48) + 10 * 48, 100000});
               mqd_t one = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
               good &= one != NONE;
               attr = (struct mq_attr){.mq_maxmsg = 1, .mq_msgsize = 1};
               good &= mq_open(other, O_CREAT | O_RDWR, 0600, &attr) == NONE && errno == EMFILE;
               good &= mq_unlink(name) == 0 && close(one) == 0;
               good &= eventually((one = mq_open(other, O_CREAT | O_RDWR, 0600, &attr)) != NONE);
               good &= mq_unlink(other) == 0;
               _exit(!good);
           }),
           0, "limits: messages, their size, RLIMIT_MSGQUEUE");
    setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    mqd_t large = make(65536, 16, O_EXCL);
    ok(large != NONE, "root may have 65536 messages");
    mq_unlink(name), close(large);
    ok(make(65537, 16, 0) == NONE && errno == EINVAL, "not more");
}

static void files(void) {
    if (geteuid() != 0) {
        skip("needs root", "the file system");
        return;
    }
    const char *folder = "/tmp/mqueue-test";
    char path[128], want[100];
    mkdir(folder, 0700);
    is(mount("none", folder, "mqueue", 0, NULL), 0, "mqueue is mounted");
    struct statfs fs;
    statfs(folder, &fs);
    is(fs.f_type, 0x19800202, "it says so");
    mqd_t queue = make(4, 32, O_EXCL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    mq_notify(queue, &event);
    snprintf(path, sizeof path, "%s%s", folder, name);
    snprintf(want, sizeof want, "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", 0ul, SIGEV_SIGNAL, SIGUSR2,
             getpid());
    ok(strcmp(get_file(path), want) == 0, "a queue's file tells who wants to know");
    mq_notify(queue, NULL);
    send_text(queue, "12345", 0);
    snprintf(want, sizeof want, "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", 6ul, 0, 0, 0);
    ok(strcmp(get_file(path), want) == 0, "and how much is in it");
    struct stat st;
    ok(stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0600 && st.st_size == 80, "stat");
    int fd = open(path, O_RDONLY);
    ok(mq_receive(fd, got, sizeof got, NULL) == 6, "opened by its path it is a queue as well");
    close(fd);
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int found = 0;
    while ((entry = readdir(dir)) != NULL)
        found += strcmp(entry->d_name, name + 1) == 0;
    closedir(dir);
    is(found, 1, "it is listed");
    is(unlink(path), 0, "removed by its path");
    ok(mq_open(name, O_RDWR) == NONE && errno == ENOENT, "the name is gone");
    fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
    struct mq_attr attr;
    ok(fd >= 0 && mq_getattr(fd, &attr) == 0 && attr.mq_maxmsg == 10 && attr.mq_msgsize == 8192, "and made there");
    is(mq_unlink(name), 0, "and removed by name");
    fails(mkdir(path, 0700), EPERM, "no folders");
    close(fd), close(queue);
    is(umount(folder), 0, "unmounted");
    rmdir(folder);
    static const struct {
        const char *file, *value;
    } limits[] = {{"queues_max", "256\n"},
                  {"msg_max", "10\n"},
                  {"msgsize_max", "8192\n"},
                  {"msg_default", "10\n"},
                  {"msgsize_default", "8192\n"}};
    bool good = true;
    for (unsigned i = 0; i < COUNT(limits); i++) {
        snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", limits[i].file);
        good &= strcmp(get_file(path), limits[i].value) == 0;
    }
    ok(good, "/proc/sys/fs/mqueue has the limits");
}

// Several send, several receive; nothing is lost, doubled or out of order.
static void storm(void) {
    enum { SENDERS = 3, RECEIVERS = 3, EACH = 500 };
    struct shared {
        _Atomic int sum, count;
    } *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    mqd_t queue = make(4, sizeof(int) * 2, O_EXCL);
    pid_t pids[SENDERS + RECEIVERS];
    for (int i = 0; i < SENDERS; i++)
        pids[i] =
            start_child(for (int k = 1; k <= EACH; k++) if (mq_send(queue, (char *)(int[]){i, k}, 8, 0) != 0) _exit(1));
    for (int i = 0; i < RECEIVERS; i++)
        pids[SENDERS + i] = start_child({
            int m[2], last[SENDERS] = {};
            while (mq_receive(queue, (char *)m, 8, NULL) == 8 && m[1] > 0) {
                if (m[1] <= last[m[0]])
                    _exit(2);
                last[m[0]] = m[1];
                shared->sum += m[1], shared->count++;
            }
        });
    bool good = true;
    for (int i = 0; i < SENDERS; i++)
        good &= wait_status(pids[i]) == 0;
    for (int i = 0; i < RECEIVERS; i++)
        mq_send(queue, (char *)(int[]){0, 0}, 8, 0);
    for (int i = 0; i < RECEIVERS; i++)
        good &= wait_status(pids[SENDERS + i]) == 0;
    ok(good && shared->count == SENDERS * EACH && shared->sum == SENDERS * EACH * (EACH + 1) / 2,
       "%d messages between %d processes", SENDERS * EACH, SENDERS + RECEIVERS);
    mq_unlink(name), close(queue);
}

int main(void) {
    snprintf(name, sizeof name, "/test-%d", getpid());
    snprintf(other, sizeof other, "/other-%d", getpid());
    names();
    order();
    waiting();
    readiness();
    notices();
    thread_notices();
    permissions();
    files();
    storm();
    return tap_done();
}
