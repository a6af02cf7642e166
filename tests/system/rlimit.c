// SPDX-License-Identifier: MPL-2.0
// Resource limits: reading and setting them, and what happens at each.
#include "sys.h"

#include <sys/mman.h>
#include <sys/resource.h>

static void setting(void) {
    struct rlimit limit;
    is(getrlimit(RLIMIT_NOFILE, &limit), 0, "read a limit");
    fails(getrlimit(99, &limit), EINVAL, "of something unknown");
    exited(in_child({
               bool good = setrlimit(RLIMIT_NOFILE, &(struct rlimit){50, 60}) == 0;
               good &= getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 50 && limit.rlim_max == 60;
               good &= setrlimit(RLIMIT_NOFILE, &(struct rlimit){70, 60}) == -1 && errno == EINVAL;
               struct rlimit old;
               good &= prlimit(0, RLIMIT_NOFILE, &(struct rlimit){55, 58}, &old) == 0 && old.rlim_cur == 50;
               if (is_root())
                   syscall(SYS_setuid, 1000);
               good &= setrlimit(RLIMIT_NOFILE, &(struct rlimit){10, 20}) == 0;
               good &= setrlimit(RLIMIT_NOFILE, &(struct rlimit){10, 30}) == -1 && errno == EPERM;
               good &= setrlimit(RLIMIT_NOFILE, &(struct rlimit){20, 20}) == 0;
               _exit(!good);
           }),
           0, "the soft one moves up to the hard one; an ordinary user can only lower that");
    pid_t child = start_child(for (;;) pause());
    is(prlimit(child, RLIMIT_CORE, &(struct rlimit){1, 2}, NULL), 0, "set a child's");
    is(prlimit(child, RLIMIT_CORE, NULL, &limit), 0, "read it");
    ok(limit.rlim_cur == 1 && limit.rlim_max == 2, "it is there");
    kill(child, SIGKILL);
    wait_status(child);
    fails(prlimit(0x3fffffff, RLIMIT_CORE, NULL, &limit), ESRCH, "of nobody");
}

static void files(void) {
    exited(in_child({
               setrlimit(RLIMIT_NOFILE, &(struct rlimit){20, 20});
               int fd;
               int last = -1;
               while ((fd = open("/dev/null", O_RDONLY)) >= 0)
                   last = fd;
               bool good = errno == EMFILE && last == 19;
               good &= dup(0) == -1 && errno == EMFILE;
               good &= dup2(0, 20) == -1 && errno == EBADF;
               good &= fcntl(0, F_DUPFD, 20) == -1 && errno == EINVAL;
               int ends[2];
               good &= pipe(ends) == -1 && errno == EMFILE;
               close(19);
               good &= pipe(ends) == -1 && errno == EMFILE && open("/dev/null", O_RDONLY) == 19;
               _exit(!good);
           }),
           0, "RLIMIT_NOFILE: EMFILE, and nothing is lost");
    enter_temp_dir();
    killed(in_child({
               setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, 1000});
               setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
               int fd = creat("big", 0600);
               char buffer[600] = "";
               write(fd, buffer, 600);
               if (write(fd, buffer, 600) != 400)
                   _exit(1);
               write(fd, buffer, 1);
           }),
           SIGXFSZ, "RLIMIT_FSIZE: a short write, then SIGXFSZ");
    exited(in_child({
               setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, 1000});
               signal(SIGXFSZ, SIG_IGN);
               int fd = creat("big", 0600);
               bool good = ftruncate(fd, 1001) == -1 && errno == EFBIG && ftruncate(fd, 1000) == 0;
               good &= pwrite(fd, "x", 1, 1000) == -1 && errno == EFBIG;
               _exit(!good);
           }),
           0, "or EFBIG when that is ignored");
}

static void memory(void) {
    exited(in_child({
               setrlimit(RLIMIT_AS, &(struct rlimit){64 << 20, 64 << 20});
               bool good =
                   mmap(NULL, 256 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
                   errno == ENOMEM;
               good &= mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
               _exit(!good);
           }),
           0, "RLIMIT_AS: ENOMEM");
    exited(in_child({
               void *now = sbrk(0);
               setrlimit(RLIMIT_DATA, &(struct rlimit){1 << 20, 1 << 20});
               long moved = syscall(SYS_brk, (char *)now + (64 << 20));
               _exit(moved == (long)now + (64 << 20));
           }),
           0, "RLIMIT_DATA holds brk back");
}

static void processor(void) {
    killed(in_child({
               setrlimit(RLIMIT_CPU, &(struct rlimit){1, 5});
               setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
               for (volatile int i = 0;; i++)
                   ;
           }),
           SIGXCPU, "RLIMIT_CPU: SIGXCPU at the soft limit");
    // Two that are far away on Linux, too, which counts nanoseconds modulo 2^64.
    static const rlim_t far[] = {1ull << 40, RLIM_INFINITY - 1};
    for (int i = 0; i < 2; i++)
        exited(in_child({
                   setrlimit(RLIMIT_CPU, &(struct rlimit){far[i], far[i]});
                   while (clock() < CLOCKS_PER_SEC / 10)
                       ;
               }),
               0, "RLIMIT_CPU: %llu s are never over", (unsigned long long)far[i]);
}

static void processes(void) {
    if (!is_root()) {
        skip("needs root", "RLIMIT_NPROC");
        return;
    }
    exited(in_child({
               setrlimit(RLIMIT_NPROC, &(struct rlimit){4, 4});
               syscall(SYS_setgid, 31337);
               syscall(SYS_setuid, 31337);
               int made = 0;
               pid_t pids[10];
               while (made < 10 && (pids[made] = start_child(for (;;) pause())) > 0)
                   made++;
               bool good = made == 3 && errno == EAGAIN;
               for (int i = 0; i < made; i++) {
                   kill(pids[i], SIGKILL);
                   wait_status(pids[i]);
               }
               good &= WEXITSTATUS(in_child(_exit(4))) == 4;
               _exit(!good);
           }),
           0, "RLIMIT_NPROC: EAGAIN for the user's processes beyond it, and again room later");
}

int main(void) {
    setting();
    files();
    memory();
    processor();
    processes();
    return tap_done();
}
