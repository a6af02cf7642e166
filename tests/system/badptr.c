// SPDX-License-Identifier: MPL-2.0
// Bad pointers: every call with a bad pointer at every argument. The call fails, or treats the value as a number that
// it refuses; the process survives, and so does the machine. Each call runs in a child with a time limit, since some
// block.
#include "sys.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

// Calls that end, stop or replace the caller by design, or wait for ever, or change the machine.
static const int left_out[] = {
    SYS_exit,
    SYS_exit_group,
    SYS_rt_sigreturn,
    SYS_reboot,
#ifdef SYS_pause
    SYS_pause,
#endif
    SYS_restart_syscall,
    SYS_vhangup,
    SYS_sync,
    SYS_clone,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
    SYS_clone3,
    SYS_kexec_load,
    SYS_init_module,
    SYS_delete_module,
    SYS_swapon,
    SYS_swapoff,
    SYS_setsid,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_umount2,
    SYS_pivot_root,
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_munmap,
    SYS_brk,
    SYS_mremap,
    SYS_mprotect,
    SYS_close_range,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_mount,
    SYS_chroot,
    SYS_setpriority,
    SYS_bpf,
    SYS_perf_event_open,
};
enum { LAST_CALL = 450 };

static bool is_left_out(int number) {
    for (size_t i = 0; i < COUNT(left_out); i++)
        if (left_out[i] == number)
            return true;
    return false;
}

static int64_t bad_values[8];
static void choose_values(void) {
    char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(edge, 'e', 4096);
    munmap(edge + 4096, 4096);
    bad_values[0] = 1;
    bad_values[1] = (int64_t)(intptr_t)none;
    bad_values[2] = (int64_t)(intptr_t)(edge + 4093); // crosses into nothing
    bad_values[3] = (int64_t)0xffff'8000'0000'0000;   // the kernel's half
    bad_values[4] = (int64_t)0xffff'ffff'8000'0000;
    bad_values[5] = 0x7fff'ffff'ffff;
    bad_values[6] = (int64_t)0x8000'0000'0000'0000; // in neither
    bad_values[7] = -1;
}

static void guard(void) {
    for (int signal_number = 1; signal_number < 32; signal_number++)
        signal(signal_number, SIG_DFL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20});
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
}

// All eight values at each of the six arguments of one call.
static void attack(int number, int64_t good_fd) {
    for (int position = 0; position < 6; position++)
        for (size_t v = 0; v < COUNT(bad_values); v++) {
            int64_t a[6] = {good_fd, 0, 0, 0, 0, 0};
            static char space[4096];
            if (position)
                for (int i = 1; i < 6; i++)
                    a[i] = v & 1 ? (int64_t)(intptr_t)space : 8;
            a[position] = bad_values[v];
            setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, 100'000}}, NULL);
            syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
        }
}

static void wake(int signal) {
    (void)signal;
}

static void every_call(void) {
    int survived = 0, killed_by_alarm = 0, other = 0;
    for (int number = 0; number <= LAST_CALL; number++) {
        if (is_left_out(number))
            continue;
        int status = in_child({
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            guard();
            // A small number would be somebody's process ID, too: prlimit64 would take our parent's CPU time.
            int fd = fcntl(open("victim", O_RDWR | O_CREAT, 0600), F_DUPFD, 1000);
            on_signal(SIGALRM, wake, 0); // a call that waits is interrupted, and the next value has its turn
            attack(number, fd);
        });
        if (WIFEXITED(status))
            survived++;
        else if (WIFSIGNALED(status) &&
                 (WTERMSIG(status) == SIGALRM || WTERMSIG(status) == SIGXFSZ || WTERMSIG(status) == SIGPIPE))
            killed_by_alarm++;
        else {
            other++;
            printf("# call %d: wait status %#x\n", number, status);
        }
    }
    ok(survived > 300, "the caller survives (%d calls)", survived);
    ok(killed_by_alarm < 25, "or waited for something (%d calls)", killed_by_alarm);
    // Calls that may rightly end the caller: seccomp, an unaligned stack by set_robust_list at exit, rseq.
    ok(other <= 3, "and hardly any ends it (%d calls)", other);
}

#define FAULTS(call) fails(call, EFAULT, #call)

// The plain ones must say EFAULT and nothing else.
static void plain(void) {
    void *bad = (void *)(intptr_t)bad_values[1];
    int fd = open("victim", O_RDWR | O_CREAT, 0600), ends[2];
    pipe(ends);
    write(fd, "text", 4);
    lseek(fd, 0, SEEK_SET);
    FAULTS(syscall(SYS_read, fd, bad, 4));
    FAULTS(syscall(SYS_write, fd, bad, 4));
    FAULTS(syscall(SYS_pread64, fd, bad, 4, 0));
    FAULTS(syscall(SYS_pwrite64, fd, bad, 4, 0));
    FAULTS(syscall(SYS_readv, fd, bad, 1));
    FAULTS(syscall(SYS_writev, fd, bad, 1));
    FAULTS(syscall(SYS_openat, AT_FDCWD, bad, O_RDONLY));
    FAULTS(syscall(SYS_fstat, fd, bad));
    FAULTS(syscall(SYS_newfstatat, AT_FDCWD, bad, bad, 0));
    FAULTS(syscall(SYS_newfstatat, AT_FDCWD, "victim", bad, 0));
    FAULTS(syscall(SYS_statx, AT_FDCWD, "victim", 0, 0x7ff, bad));
    FAULTS(syscall(SYS_getcwd, bad, 4096));
    FAULTS(syscall(SYS_chdir, bad));
    FAULTS(syscall(SYS_mkdirat, AT_FDCWD, bad, 0755));
    FAULTS(syscall(SYS_unlinkat, AT_FDCWD, bad, 0));
    FAULTS(syscall(SYS_renameat2, AT_FDCWD, "victim", AT_FDCWD, bad, 0));
    FAULTS(syscall(SYS_linkat, AT_FDCWD, bad, AT_FDCWD, "x", 0));
    FAULTS(syscall(SYS_symlinkat, bad, AT_FDCWD, "x"));
    FAULTS(syscall(SYS_faccessat, AT_FDCWD, bad, 0));
    FAULTS(syscall(SYS_truncate, bad, 0));
    FAULTS(syscall(SYS_execve, bad, NULL, NULL));
    FAULTS(syscall(SYS_execve, "/bin/true", bad, NULL));
    FAULTS(syscall(SYS_pipe2, bad, 0));
    FAULTS(syscall(SYS_wait4, start_child(_exit(0)), bad, 0, NULL));
    FAULTS(syscall(SYS_rt_sigaction, SIGUSR1, bad, NULL, 8));
    FAULTS(syscall(SYS_rt_sigaction, SIGUSR1, NULL, bad, 8));
    FAULTS(syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad, NULL, 8));
    FAULTS(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, bad, 8));
    FAULTS(syscall(SYS_sigaltstack, bad, NULL));
    FAULTS(syscall(SYS_nanosleep, bad, NULL));
    FAULTS(syscall(SYS_clock_getres, CLOCK_MONOTONIC, bad));
    FAULTS(syscall(SYS_uname, bad));
    FAULTS(syscall(SYS_sysinfo, bad));
    FAULTS(syscall(SYS_getrusage, 0, bad));
    FAULTS(syscall(SYS_times, bad));
    FAULTS(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, bad, NULL));
    FAULTS(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, bad));
    FAULTS(syscall(SYS_getrandom, bad, 16, 0));
    FAULTS(syscall(SYS_ppoll, bad, 1, NULL, NULL, 8));
    FAULTS(syscall(SYS_pselect6, 10, bad, NULL, NULL, NULL, NULL));
    FAULTS(syscall(SYS_epoll_ctl, syscall(SYS_epoll_create1, 0), 1, ends[0], bad));
    FAULTS(syscall(SYS_futex, bad, 0, 0, NULL, NULL, 0));
    FAULTS(syscall(SYS_socketpair, 1, 1, 0, bad));
    FAULTS(syscall(SYS_getgroups, 0, NULL) >= 0 ? syscall(SYS_getresuid, bad, bad, bad) : 0);
    FAULTS(syscall(SYS_utimensat, AT_FDCWD, bad, NULL, 0));
    FAULTS(syscall(SYS_statfs, "/", bad));
    FAULTS(syscall(SYS_getitimer, 0, bad));
    FAULTS(syscall(SYS_sched_getaffinity, 0, 128, bad));
    FAULTS(syscall(SYS_memfd_create, bad, 0));
    FAULTS(syscall(SYS_prctl, PR_GET_NAME, bad));
    FAULTS(syscall(SYS_mincore, (uintptr_t)&fd & ~4095ull, 4096, bad));
    char c;
    write(ends[1], "ab", 2);
    FAULTS(syscall(SYS_read, ends[0], bad, 2));
    ok(read(ends[0], &c, 1) == 1 && c == 'a', "a failed read of a pipe takes nothing");
    // Half good, half bad.
    char *edge = (char *)(intptr_t)bad_values[2];
    lseek(fd, 0, SEEK_SET);
    long got = read(fd, edge, 4);
    ok(got == 3 || (got == -1 && errno == EFAULT), "a read that crosses into nothing is short or fails (%ld)", got);
    close(fd), close(ends[0]), close(ends[1]);
    wait(NULL);
}

int main(void) {
    enter_temp_dir();
    choose_values();
    plain();
    every_call();
    return tap_done();
}
