// SPDX-License-Identifier: MPL-2.0
// seccomp: listeners, who decide about the calls of others.
#include "sys.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1u << 5)
#endif
#define ID_VALID SECCOMP_IOCTL_NOTIF_ID_VALID

static long seccomp(unsigned operation, unsigned flags, void *argument) {
    return syscall(SYS_seccomp, operation, flags, argument);
}

// A filter that leaves getppid to a listener. Its descriptor.
static long listen_to_getppid(unsigned flags) {
    struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
                                 BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {.len = COUNT(code), .filter = code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return seccomp(SECCOMP_SET_MODE_FILTER, flags | SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void send_fd(int socket, int fd) {
    char byte = 'x', room[CMSG_SPACE(sizeof fd)] = {};
    struct msghdr message = {
        .msg_iov = &(struct iovec){&byte, 1}, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    sendmsg(socket, &message, 0);
}

static int receive_fd(int socket) {
    char byte, room[CMSG_SPACE(sizeof(int))] = {};
    struct msghdr message = {
        .msg_iov = &(struct iovec){&byte, 1}, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    int fd = -1;
    if (recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

static int pair[2];

// A child whose getppid is ours to answer; it sends its listener, and then does what is said.
#define asking_child(flags, ...)                   \
    ({                                             \
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair); \
        pid_t asker_ = start_child({               \
            close(pair[0]);                        \
            long fd_ = listen_to_getppid(flags);   \
            send_fd(pair[1], (int)fd_);            \
            close((int)fd_);                       \
            __VA_ARGS__;                           \
        });                                        \
        close(pair[1]);                            \
        asker_;                                    \
    })

static short readiness(int fd) {
    struct pollfd entry = {fd, POLLIN | POLLOUT, 0};
    poll(&entry, 1, 0);
    return entry.revents;
}

static long receive(int fd, struct seccomp_notif *request) {
    memset(request, 0, sizeof *request);
    return ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, request);
}

static long answer(int fd, uint64_t id, long value, int error, unsigned flags) {
    return ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND,
                 &(struct seccomp_notif_resp){.id = id, .val = value, .error = error, .flags = flags});
}

static void answers(void) {
    struct seccomp_notif request;
    pid_t child = asking_child(0, {
        bool good = syscall(SYS_getppid, 1, 2, 3) == 4711;
        good &= syscall(SYS_getppid) == -1 && errno == EXDEV;
        good &= syscall(SYS_getppid) > 0;
        _exit(!good);
    });
    int fd = receive_fd(pair[0]);
    ok(fd >= 0, "a filter's listener");
    ok(fcntl(fd, F_GETFD) >= 0, "is a descriptor");
    is(receive(fd, &request), 0, "a call comes");
    ok(request.pid == (unsigned)child && request.data.nr == SYS_getppid && request.flags == 0, "of whom, and which");
    ok(request.data.args[0] == 1 && request.data.args[1] == 2 && request.data.args[2] == 3, "with its arguments");
    is(readiness(fd), POLLOUT, "it waits for an answer");
    is(ioctl(fd, ID_VALID, &request.id), 0, "the number is good");
    fails(ioctl(fd, ID_VALID, &(uint64_t){request.id + 7}), ENOENT, "another is not");
    fails(answer(fd, request.id + 7, 0, 0, 0), ENOENT, "to answer, either");
    fails(answer(fd, request.id, 0, 0, 2), EINVAL, "an unknown flag");
    fails(answer(fd, request.id, 1, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE), EINVAL, "a result of a call that is made");
    is(answer(fd, request.id, 4711, 0, 0), 0, "the answer is a number");
    ok(answer(fd, request.id, 4711, 0, 0) < 0 && (errno == ENOENT || errno == EINPROGRESS), "once");
    is(receive(fd, &request), 0, "the next call");
    is(answer(fd, request.id, 0, -EXDEV, 0), 0, "gets an error");
    is(receive(fd, &request), 0, "and one");
    is(answer(fd, request.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE), 0, "is made");
    exited(wait_status(child), 0, "as it was said");
    ok(eventually(readiness(fd) & POLLHUP), "nobody is left to ask");
    request.pid = 1;
    fails(ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &request), EINVAL, "what is read into must be empty");
    fails(ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, (void *)8), EFAULT, "a bad address");
    fails(ioctl(fd, 0x2150, 0), EINVAL, "no such command");
    close(fd), close(pair[0]);
}

static long add(int fd, uint64_t id, int source, unsigned flags, unsigned at, unsigned new_flags) {
    return ioctl(fd, SECCOMP_IOCTL_NOTIF_ADDFD,
                 &(struct seccomp_notif_addfd){
                     .id = id, .flags = flags, .srcfd = (unsigned)source, .newfd = at, .newfd_flags = new_flags});
}

static void gifts(void) {
    struct seccomp_notif request;
    int ends[2];
    char text[8] = {};
    pipe(ends);
    pid_t child = asking_child(0, {
        close(ends[0]), close(ends[1]);
        long got = syscall(SYS_getppid);
        bool good = write((int)got, "one", 3) == 3 && fcntl((int)got, F_GETFD) == FD_CLOEXEC;
        good &= syscall(SYS_getppid) == 100 && write(100, "two", 3) == 3;
        _exit(!good);
    });
    int fd = receive_fd(pair[0]);
    receive(fd, &request);
    fails(add(fd, request.id, 999, 0, 0, 0), EBADF, "no descriptor to give");
    fails(add(fd, request.id, ends[1], 4, 0, 0), EINVAL, "an unknown flag");
    fails(add(fd, request.id, ends[1], 0, 5, 0), EINVAL, "a number that is not asked for");
    fails(add(fd, request.id, ends[1], 0, 0, O_APPEND), EINVAL, "a flag of files");
    fails(add(fd, request.id + 9, ends[1], 0, 0, 0), ENOENT, "nobody to give it to");
    long given = add(fd, request.id, ends[1], 0, 0, O_CLOEXEC);
    ok(given >= 0, "a descriptor is given");
    is(answer(fd, request.id, given, 0, 0), 0, "and its number is the answer");
    receive(fd, &request);
    long sent = add(fd, request.id, ends[1], SECCOMP_ADDFD_FLAG_SETFD | SECCOMP_ADDFD_FLAG_SEND, 100, 0);
    is(sent, 100, "given at a place, and answered by that");
    exited(wait_status(child), 0, "they work there");
    ok(read(ends[0], text, 6) == 6 && strcmp(text, "onetwo") == 0, "as ours do");
    close(fd), close(pair[0]), close(ends[0]), close(ends[1]);
}

static void nothing(int signal) {
    (void)signal;
}

static void ends(void) {
    struct seccomp_notif request;
    pid_t child = asking_child(0, _exit(syscall(SYS_getppid) != -1 || errno != ENOSYS));
    int fd = receive_fd(pair[0]);
    receive(fd, &request);
    close(fd);
    exited(wait_status(child), 0, "without a listener a call is ENOSYS");
    close(pair[0]);
    child = asking_child(0, {
        sigaction(SIGUSR1, &(struct sigaction){.sa_handler = nothing}, NULL);
        _exit(syscall(SYS_getppid) != -1 || errno != EINTR);
    });
    fd = receive_fd(pair[0]);
    receive(fd, &request);
    kill(child, SIGUSR1);
    exited(wait_status(child), 0, "a signal takes a call away");
    ok(eventually(ioctl(fd, ID_VALID, &request.id) < 0), "which is not there any more");
    fails(answer(fd, request.id, 0, 0, 0), ENOENT, "to be answered");
    close(fd), close(pair[0]);
    child = asking_child(0, syscall(SYS_getppid));
    fd = receive_fd(pair[0]);
    receive(fd, &request);
    kill(child, SIGKILL);
    killed(wait_status(child), SIGKILL, "as does its end");
    fails(ioctl(fd, ID_VALID, &request.id), ENOENT, "at once");
    close(fd), close(pair[0]);
    child = asking_child(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, {
        sigaction(SIGUSR1, &(struct sigaction){.sa_handler = nothing}, NULL);
        _exit(syscall(SYS_getppid) != 8);
    });
    fd = receive_fd(pair[0]);
    ok(fd >= 0, "WAIT_KILLABLE_RECV");
    receive(fd, &request);
    kill(child, SIGUSR1);
    sleep_ms(20);
    is(ioctl(fd, ID_VALID, &request.id), 0, "a call that was read is not taken away by what does not kill");
    answer(fd, request.id, 8, 0, 0);
    exited(wait_status(child), 0, "and is answered");
    close(fd), close(pair[0]);
}

static void *asks(void *argument) {
    return (void *)(syscall(SYS_getppid, argument) == 77 ? 0l : 1l);
}

static void threads(void) {
    pid_t child = asking_child(0, {
        pthread_t all[8];
        long bad = 0;
        void *result;
        for (unsigned i = 0; i < COUNT(all); i++)
            pthread_create(&all[i], NULL, asks, NULL);
        for (unsigned i = 0; i < COUNT(all); i++)
            pthread_join(all[i], &result), bad += (long)result;
        _exit(bad != 0);
    });
    int fd = receive_fd(pair[0]), good = 0;
    struct seccomp_notif requests[8];
    for (int i = 0; i < 8; i++)
        good += receive(fd, &requests[i]) == 0;
    is(good, 8, "many wait at once");
    for (int i = 7; i >= 0; i--)
        good += answer(fd, requests[i].id, 77, 0, 0) == 0;
    is(good, 16, "and are answered in any order");
    exited(wait_status(child), 0, "each with its own");
    close(fd), close(pair[0]);
}

static void rules(void) {
    struct seccomp_notif_sizes sizes;
    is(seccomp(SECCOMP_GET_NOTIF_SIZES, 0, &sizes), 0, "sizes");
    ok(sizes.seccomp_notif == sizeof(struct seccomp_notif) && sizes.seccomp_data == sizeof(struct seccomp_data) &&
           sizes.seccomp_notif_resp == sizeof(struct seccomp_notif_resp),
       "of what is exchanged");
    fails(seccomp(SECCOMP_GET_NOTIF_SIZES, 1, &sizes), EINVAL, "with no flag");
    is(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &(uint32_t){SECCOMP_RET_USER_NOTIF}), 0, "USER_NOTIF is there");
    exited(in_child(_exit(!(listen_to_getppid(0) >= 0 && listen_to_getppid(0) < 0 && errno == EBUSY))), 0,
           "one listener to a chain");
    exited(in_child(_exit(!(listen_to_getppid(SECCOMP_FILTER_FLAG_TSYNC) < 0 && errno == EINVAL &&
                            listen_to_getppid(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH) >= 0))),
           0, "TSYNC needs ESRCH with it");
}

int main(void) {
    alarm(100);
    answers();
    gifts();
    ends();
    threads();
    rules();
    return tap_done();
}
