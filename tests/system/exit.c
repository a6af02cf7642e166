// SPDX-License-Identifier: MPL-2.0
// The end of a process: its status, its threads, its signal to the parent, what it leaves behind.
#include "sys.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static volatile sig_atomic_t child_signals;
static volatile pid_t last_pid;
static volatile int last_code, last_status;
static void on_child(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    child_signals++;
    last_pid = info->si_pid;
    last_code = info->si_code;
    last_status = info->si_status;
}

static void parent_is_told(void) {
    struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
    pid_t child = start_child(_exit(13));
    wait_status(child);
    ok(eventually(child_signals == 1), "SIGCHLD arrives");
    ok(last_pid == child && last_code == CLD_EXITED && last_status == 13, "with who and how");
    child = start_child(raise(SIGTERM));
    wait_status(child);
    ok(last_pid == child && last_code == CLD_KILLED && last_status == SIGTERM, "and by which signal");
    action.sa_flags |= SA_NOCLDSTOP;
    sigaction(SIGCHLD, &action, NULL);
    int before = child_signals;
    child = start_child(raise(SIGSTOP));
    int status;
    waitpid(child, &status, WUNTRACED);
    is(child_signals, before, "SA_NOCLDSTOP: not for a stop");
    kill(child, SIGCONT);
    wait_status(child);
    is(child_signals, before + 1, "but for the end");
    signal(SIGCHLD, SIG_DFL);
}

static void *leave(void *status) {
    _exit((int)(intptr_t)status);
}
static void *sleeper(void *unused) {
    for (;;)
        pause();
    return unused;
}
static void *spinner(void *unused) {
    for (volatile int i = 0;; i++)
        ;
    return unused;
}

static void threads(void) {
    exited(in_child({
               pthread_t thread;
               for (int i = 0; i < 5; i++)
                   pthread_create(&thread, NULL, sleeper, NULL);
               pthread_create(&thread, NULL, leave, (void *)61L);
               pause();
           }),
           61, "one thread's exit_group ends sleeping threads");
    exited(in_child({
               pthread_t thread;
               for (int i = 0; i < 3; i++)
                   pthread_create(&thread, NULL, spinner, NULL);
               sleep_ms(20);
               _exit(62);
           }),
           62, "and running ones");
    exited(in_child({
               pthread_t thread;
               pthread_create(&thread, NULL, leave, (void *)63L);
               syscall(SYS_exit, 1);
           }),
           63, "the leader's own exit leaves the process alive");
    killed(in_child({
               pthread_t thread;
               pthread_create(&thread, NULL, sleeper, NULL);
               pthread_create(&thread, NULL, spinner, NULL);
               kill(getpid(), SIGKILL);
               pause();
           }),
           SIGKILL, "SIGKILL ends all threads");
}

static void what_is_left(void) {
    int ends[2];
    pipe(ends);
    pid_t child = start_child({
        close(ends[0]);
        pause();
    });
    close(ends[1]);
    kill(child, SIGKILL);
    char c;
    is(read(ends[0], &c, 1), 0, "a dead process's pipe ends");
    wait_status(child);
    close(ends[0]);
    enter_temp_dir();
    exited(in_child({
               int fd = open("locked", O_CREAT | O_RDWR, 0600);
               fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK});
               unlink("locked");
           }),
           0, "exit with an unlinked, locked file");
    // A parent's death signal.
    int gate[2];
    pipe(gate);
    exited(in_child({
               start_child({
                   close(gate[0]);
                   prctl(PR_SET_PDEATHSIG, SIGKILL);
                   kill(getppid(), SIGCONT);
                   if (getppid() != 1)
                       write(gate[1], "r", 1);
                   pause();
               });
               char ready;
               close(gate[1]);
               read(gate[0], &ready, 1);
           }),
           0, "a parent ends");
    close(gate[1]);
    is(read(gate[0], &c, 1), 0, "PR_SET_PDEATHSIG ended the child");
    close(gate[0]);
}

static void core_flag(void) {
    killed(in_child({
               volatile int *nowhere = (int *)16;
               *nowhere = 1;
           }),
           SIGSEGV, "a wild write");
    killed(in_child(raise(SIGQUIT)), SIGQUIT, "SIGQUIT");
    killed(in_child(raise(SIGSYS)), SIGSYS, "SIGSYS");
    killed(in_child(alarm(1), pause()), SIGALRM, "an alarm");
}

int main(void) {
    parent_is_told();
    threads();
    what_is_left();
    core_flag();
    return tap_done();
}
