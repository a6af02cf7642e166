// SPDX-License-Identifier: MPL-2.0
// random-calls SEED SECONDS: random system calls with arguments that look plausible more often than not. Each round
// runs in a child with small limits and a time limit; whatever happens to it, the machine must go on. One line a
// second.
#include "sys.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

static uint64_t state;
static uint64_t roll(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

// Calls that would end the run or the machine rather than test it.
static bool is_left_out(long number) {
    static const long list[] = {
#ifdef SYS_pause
        SYS_pause,
#endif
        SYS_reboot,        SYS_exit_group,    SYS_exit,          SYS_kill,        SYS_mount,         SYS_vhangup,
        SYS_umount2,       SYS_pivot_root,    SYS_chroot,        SYS_sethostname, SYS_setdomainname, SYS_settimeofday,
        SYS_clock_settime, SYS_adjtimex,      SYS_clock_adjtime, SYS_swapon,      SYS_swapoff,       SYS_init_module,
        SYS_finit_module,  SYS_delete_module, SYS_kexec_load,    SYS_syslog,      SYS_setsid,        SYS_rt_sigreturn,
        SYS_bpf,           SYS_seccomp,       SYS_acct,          SYS_sync};
    for (size_t i = 0; i < COUNT(list); i++)
        if (list[i] == number)
            return true;
    return false;
}

static char *space;
static const char *const paths[] = {
    "a", "b", "d", "d/x", ".", "..", "/", "/dev/null", "/dev/zero", "/proc/self/maps", "/proc/self/fd", "", "fifo"};

static long argument(void) {
    switch (roll() % 12) {
    case 0:
        return (long)(roll() % 8); // a descriptor or a small number
    case 1:
        return (long)(roll() % 64);
    case 2:
        return 1l << roll() % 64;
    case 3:
        return -(long)(roll() % 40);
    case 4:
        return (long)(intptr_t)(space + roll() % 4096);
    case 5:
        return (long)(intptr_t)(space + roll() % 16 * 4096);
    case 6:
        return (long)(intptr_t)paths[roll() % COUNT(paths)];
    case 7:
        return (long)(roll() % 65536);
    case 8:
        return (long)roll();
    case 9:
        return (long)((roll() % 2 ? 0x7fff'ffff'f000 : 0xffff'ffff'f000) + roll() % 8192); // where user space may end
    case 10:
        return (long)(0xffff'8000'0000'0000 + roll() % (1 << 30));
    default:
        return 0;
    }
}

static void wake(int signal) {
    (void)signal;
}

static void round_of_calls(uint64_t seed) {
    state = seed * 2654435761u + 88172645463325252u;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    static const struct {
        int what;
        rlim_t value;
    } limits[] = {{RLIMIT_AS, 256 << 20}, {RLIMIT_NPROC, 60}, {RLIMIT_FSIZE, 1 << 20},
                  {RLIMIT_NOFILE, 64},    {RLIMIT_CPU, 3},    {RLIMIT_CORE, 0}};
    for (size_t i = 0; i < COUNT(limits); i++)
        setrlimit(limits[i].what, &(struct rlimit){limits[i].value, limits[i].value});
    setpgid(0, 0);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    // Not as root: as root, some of these calls rightly end process 1 or whoever watches us.
    chmod(".", 0777);
    syscall(SYS_setgid, 4000);
    syscall(SYS_setuid, 4000);
    space = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 16 * 4096; i += 8)
        *(uint64_t *)(space + i) = roll() % 4 ? roll() % 64 : roll();
    on_signal(SIGALRM, wake, 0);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 20'000}, {0, 20'000}}, NULL);
    for (int i = 0; i < 300; i++) {
        long number = (long)(roll() % (roll() % 4 ? 335 : 460));
        if (roll() % 5 == 0)
            number = (long)(0x200 + roll() % 0x64); // a native one
        if (!is_left_out(number))
            syscall(number, argument(), argument(), argument(), argument(), argument(), argument());
    }
    _exit(0);
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    uint64_t seed = strtoull(argv[1], NULL, 0);
    int64_t end = now_ns() + atoi(argv[2]) * 1'000'000'000LL, told = 0;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    mkdir("/tmp/fuzz", 0777);
    int rounds = 0;
    for (; now_ns() < end; rounds++, seed++) {
        mkdir("/tmp/fuzz/r", 0777);
        chdir("/tmp/fuzz/r");
        if (now_ns() - told > 1'000'000'000LL) {
            printf("# seed %llu\n", (unsigned long long)seed);
            fflush(stdout);
            told = now_ns();
        }
        pid_t child = start_child(round_of_calls(seed));
        int64_t limit = now_ns() + 1'000'000'000LL;
        int status;
        while (waitpid(child, &status, WNOHANG) == 0) {
            if (now_ns() > limit) {
                kill(child, SIGKILL);
                kill(-child, SIGKILL);
            }
            sleep_ms(1);
        }
        kill(-child, SIGKILL);
        for (int i = 0; i < 3000 && waitpid(-1, &status, WNOHANG) >= 0; i++)
            sleep_ms(1);
        chdir("/tmp");
        in_child({
            int null = open("/dev/null", O_RDWR);
            dup2(null, 2);
            execl("/bin/rm", "rm", "-rf", "/tmp/fuzz/r", NULL);
        });
    }
    ok(rounds > 0, "%d rounds of 300 random calls, up to seed %llu", rounds, (unsigned long long)seed);
    ok(put_file("/tmp/alive", "yes") && same_text(get_file("/tmp/alive"), "yes") && in_child(_exit(0)) == 0,
       "the machine still works");
    return tap_done();
}
