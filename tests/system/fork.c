// SPDX-License-Identifier: MPL-2.0
// fork: what the child gets, what it does not, and that memory is private from then on.
#include "sys.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int initialised = 41;
static char big[1 << 20];

static void memory(void) {
    char *heap = malloc(300'000);
    memset(heap, 'h', 300'000);
    memset(big, 'p', sizeof big);
    int local = 7;
    char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    exited(in_child({
               bool saw = initialised == 41 && local == 7 && heap[299'999] == 'h' && big[sizeof big - 1] == 'p';
               initialised = 1;
               local = 2;
               memset(heap, 'c', 300'000);
               memset(big, 'c', sizeof big);
               strcpy(shared, "from the child");
               _exit(!(saw && big[5] == 'c'));
           }),
           0, "the child sees all of its parent's memory");
    ok(initialised == 41 && local == 7, "the parent's data and stack are untouched by the child");
    ok(heap[0] == 'h' && heap[299'999] == 'h' && big[77] == 'p', "so are its heap and bss");
    ok(same_text(shared, "from the child"), "shared memory is shared");
    // The parent writes first: the child must keep the old page.
    int ready[2];
    pipe(ready);
    pid_t child = start_child({
        char c;
        read(ready[0], &c, 1);
        _exit(big[0] == 'p' && big[4096] == 'p' ? 0 : 1);
    });
    memset(big, 'w', sizeof big);
    write(ready[1], "x", 1);
    exited(wait_status(child), 0, "what the parent writes after fork does not show in the child");
    close(ready[0]), close(ready[1]);
    // Grandchildren share pages three ways.
    exited(in_child({
               big[0] = '1';
               int status = in_child({
                   bool saw = big[0] == '1' && big[1] == 'w';
                   big[0] = '2';
                   _exit(!(saw && big[0] == '2'));
               });
               _exit(!(WIFEXITED(status) && WEXITSTATUS(status) == 0 && big[0] == '1'));
           }),
           0, "copies of copies are separate too");
    is(big[0], 'w', "and the first parent still has its own");
    free(heap);
    munmap(shared, 8192);
}

static void files(void) {
    enter_temp_dir();
    put_file("f", "0123456789");
    int fd = open("f", O_RDONLY), kept = open("f", O_RDONLY | O_CLOEXEC);
    exited(in_child({
               char c;
               _exit(!(read(fd, &c, 1) == 1 && c == '0' && read(fd, &c, 1) == 1));
           }),
           0, "the child reads from an inherited file");
    is(lseek(fd, 0, SEEK_CUR), 2, "the file offset is shared with the child");
    exited(in_child(_exit(fcntl(kept, F_GETFD) != FD_CLOEXEC)), 0, "close-on-exec is inherited, not acted on");
    exited(in_child({ close(fd); }), 0, "the child closes its copy");
    char c;
    ok(read(fd, &c, 1) == 1 && c == '2', "which leaves the parent's open");
    exited(in_child({
               chdir("/");
               umask(0);
           }),
           0, "the child changes its directory and umask");
    char where[128];
    ok(getcwd(where, sizeof where) && strcmp(where, "/"), "the parent's directory stays");
    mode_t mask = umask(022);
    is(mask, 022, "so does its umask");
    close(fd), close(kept);
}

static volatile int alarms;
static void count_alarm(int signal) {
    (void)signal;
    alarms++;
}

static void attributes(void) {
    pid_t self = getpid();
    exited(in_child(_exit(getppid() != self || getpid() == self)), 0, "the child has its own id and our pid as parent");
    exited(in_child(_exit(getpgrp() != getpgid(self) || getsid(0) != getsid(self))), 0,
           "group and session are inherited");
    on_signal(SIGALRM, count_alarm, 0);
    sigset_t block = signal_set(SIGUSR1, 0);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGUSR1);
    alarm(100);
    exited(in_child({
               sigset_t mask;
               sigset_t pending;
               sigprocmask(SIG_BLOCK, NULL, &mask);
               sigpending(&pending);
               struct sigaction action;
               sigaction(SIGALRM, NULL, &action);
               _exit(!sigismember(&mask, SIGUSR1) | sigismember(&pending, SIGUSR1) << 1 |
                     (action.sa_handler != count_alarm) << 2);
           }),
           0, "mask and handlers are inherited, pending signals are not");
    exited(in_child(_exit(alarm(0) != 0)), 0, "alarms are not inherited");
    ok(alarm(0) > 0, "the parent still has its alarm");
    signal(SIGUSR1, SIG_IGN);
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    struct rlimit limit = {200, 300};
    exited(in_child({
               setrlimit(RLIMIT_NOFILE, &limit);
               int status = in_child({
                   struct rlimit got;
                   getrlimit(RLIMIT_NOFILE, &got);
                   _exit(got.rlim_cur != 200 || got.rlim_max != 300);
               });
               _exit(WEXITSTATUS(status));
           }),
           0, "resource limits are inherited");
    struct rusage usage;
    exited(in_child(_exit(getrusage(RUSAGE_CHILDREN, &usage) || usage.ru_utime.tv_sec)), 0,
           "the child starts with no children's time");
}

static void orphans(void) {
    int report[2];
    pipe(report);
    ok(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0, "become a subreaper");
    exited(in_child({
               pid_t parent = getpid();
               start_child({
                   eventually(getppid() != parent);
                   write(report[1], &(pid_t){getppid()}, sizeof(pid_t));
               });
           }),
           0, "a child leaves a grandchild behind");
    close(report[1]);
    pid_t parent = 0;
    read(report[0], &parent, sizeof parent);
    is(parent, getpid(), "the orphan's new parent is the subreaper");
    int status;
    ok(wait(&status) > 0 && status == 0, "which can wait for it");
    fails(wait(&status), ECHILD, "and then has nobody left");
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    close(report[0]);
}

static void many(void) {
    pid_t children[50];
    bool good = true;
    for (int i = 0; i < 50; i++)
        children[i] = start_child(_exit(i));
    for (int i = 49; i >= 0; i--)
        good &= WEXITSTATUS(wait_status(children[i])) == i;
    ok(good, "50 children at once, waited for in reverse, give their own statuses");
    for (int i = 0; i < 300 && good; i++)
        good = WEXITSTATUS(in_child(_exit(i & 127))) == (i & 127);
    ok(good, "300 children one after another");
}

int main(void) {
    memory();
    files();
    attributes();
    orphans();
    many();
    return tap_done();
}
