// SPDX-License-Identifier: MPL-2.0
// random-calls SEED SECONDS: random system calls with arguments that look plausible more often than not. Each round
// runs in a child with small limits and a time limit; whatever happens to it, the machine must go on. One line a
// second.
//
// A round begins with something for native calls to get at: ports with messages in them, send rights, rings, a job, and
// memory that holds valid headers. In most rounds a second thread, or a second process with the same handles, makes
// calls beside the first. On the sanitizing kernel some allocations fail (/proc/tessera/alloc_fail).
#include "jobs.h"

#include <abi/ring.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

static _Thread_local uint64_t state;
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

// ---------------------------------------------------------------- native calls

enum { HANDLE_FIRST = 3, HANDLES = 16, PAGES = 16 };
// One letter an argument: handle, message or other pointer, room for a message, deadline, mask of rights or signals,
// number, flags, zero.
static const struct {
    uint16_t number;
    const char *shape;
} native_calls[] = {{0x200, "hmf"}, {0x201, "hhm"},  {0x202, "hps"},    {0x203, "hmm"},  {0x204, "pnd"},
                    {0x205, "nf"},  {0x206, "hf"},   {0x207, "hmmpd"},  {0x220, "p"},    {0x221, "hp"},
                    {0x222, "hMd"}, {0x223, "hMrd"}, {0x224, "hMMrd"},  {0x225, "M"},    {0x226, "MhMrd"},
                    {0x227, "f"},   {0x228, "hh"},   {0x229, "hn????"}, {0x22a, "hd"},   {0x22b, "hn????"},
                    {0x230, "pp"},  {0x231, "hnd"},  {0x232, "h"},      {0x240, "hzf"},  {0x241, "hp"},
                    {0x242, "hps"}, {0x243, "h"},    {0x250, "hns"},    {0x251, "hnps"}, {0x252, "hpn"},
                    {0x260, "hn"}};

static struct fipc_message *some_message(void) {
    return (void *)(space + roll() % PAGES * 4096);
}

// A header that makes sense, with handles that may be there.
static void write_message(struct fipc_message *m) {
    struct fipc_handle *items = (void *)(space + roll() % PAGES * 4096 + 2048);
    static const uint16_t sizes[] = {0, 8, 32, 64, 65, 200, 2000, 8192};
    *m = (struct fipc_message){.type = (uint32_t)roll() % 8, .size = sizes[roll() % COUNT(sizes)]};
    m->handles = (uintptr_t)items;
    m->handle_count = roll() % 3 ? 0 : (uint32_t)(roll() % (FIPC_HANDLES_MAX + 1));
    for (uint32_t i = 0; i < m->handle_count; i++)
        items[i] = (struct fipc_handle){.handle = (int)(HANDLE_FIRST + roll() % HANDLES),
                                        .rights = roll() % 2 ? RIGHTS_ALL : (uint32_t)roll() & RIGHTS_ALL,
                                        .operation = (uint32_t)(roll() % 3)};
}

static long native_argument(char letter) {
    switch (roll() % 16 ? letter : '?') {
    case 'h':
        return (long)(HANDLE_FIRST + roll() % (roll() % 4 ? HANDLES : 60)) - (roll() % 32 == 0) * 4;
    case 'M': {
        struct fipc_message *m = some_message();
        if (roll() % 2)
            write_message(m);
        return (long)(intptr_t)m;
    }
    case 'p':
        return (long)(intptr_t)(space + roll() % PAGES * 4096 + roll() % 512 * 8);
    case 'r':
        return roll() % 4 ? 32 + 8192 : (long)(roll() % 300);
    case 'd': // mostly short, as there may be nobody to wake us
        return roll() % 4 == 0 ? 0 : roll() % 3 ? now_ns() + (long)(roll() % 3'000'000) : FIPC_FOREVER;
    case 'm':
        return roll() % 2 ? 0xfff : (long)(roll() & 0xff00'0fff);
    case 'n':
        return (long)(roll() % 5);
    case 's':
        return (long)(roll() % 65 * (roll() % 2 ? 8 : 4096));
    case 'f':
        return (long)(roll() % 2);
    case 'z':
        return (long)(intptr_t)"fuzz";
    default:
        return argument();
    }
}

static void native_call(void) {
    unsigned i = (unsigned)(roll() % COUNT(native_calls));
    long a[6] = {};
    for (unsigned k = 0; native_calls[i].shape[k]; k++)
        a[k] = native_argument(native_calls[i].shape[k]);
    syscall(native_calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

// Puts what is behind `fd` at the next of the low numbers, which random arguments often are.
static int next_handle;
static void keep(int fd) {
    if (fd < 0)
        return;
    if (next_handle < HANDLE_FIRST + HANDLES && fd != next_handle) {
        dup2(fd, next_handle);
        close(fd);
    }
    next_handle++;
}

static void make_handles(void) {
    next_handle = HANDLE_FIRST;
    for (int i = 0; i < 3; i++) {
        struct port_options options = {.flags = (uint32_t)(roll() % 2)};
        keep((int)port_create(&options));
        int port = next_handle - 1;
        struct port_right right = {.badge = (uint64_t)i, .rights = RIGHTS_SENDER | RIGHT_SIGNAL};
        right.flags = roll() % 8 == 0;
        keep((int)port_mint(port, &right));
        keep(mint(port, 7, 2));
    }
    int rings[2] = {-1, -1};
    struct ring_options options = {.slots = 8, .pool = roll() % 2 ? 4096 : 0, .flags = (uint32_t)(roll() % 2)};
    if (syscall(0x230, &options, rings) == 0)
        keep(rings[0]), keep(rings[1]);
    keep(job_create(-1, "fuzz", (unsigned)(roll() % 16)));
    keep((int)syscall(SYS_pidfd_open, getpid(), 0));
    keep((int)syscall(SYS_memfd_create, "fuzz", 0));
    for (int i = 0; i < 6; i++) {
        struct fipc_message *m = some_message();
        write_message(m);
        fipc_send((int)(HANDLE_FIRST + roll() % 9), m, 0);
    }
}

// ---------------------------------------------------------------- rounds

static void wake(int signal) {
    (void)signal;
}

static void wake_often(void) {
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 20'000}, {0, 20'000}}, NULL);
}

static int alloc_fail = -1;

static void random_calls(int count) {
    for (int i = 0; i < count; i++) {
        if (alloc_fail >= 0 && roll() % 16 == 0) {
            char text[24];
            write(alloc_fail, text, (size_t)sprintf(text, "%d", (int)(roll() % 12)));
        }
        long number = (long)(roll() % (roll() % 4 ? 335 : 460));
        if (roll() % 3 == 0)
            native_call();
        else if (roll() % 16 == 0)
            syscall((long)(0x200 + roll() % 0x64), argument(), argument(), argument(), argument(), argument(),
                    argument());
        else if (!is_left_out(number))
            syscall(number, argument(), argument(), argument(), argument(), argument(), argument());
    }
}

static void *beside(void *seed) {
    state = (uint64_t)(uintptr_t)seed | 1;
    random_calls(300);
    return NULL;
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
    close(null);
    if (roll() % 2 && (null = open("/proc/tessera/alloc_fail", O_WRONLY)) >= 0) {
        alloc_fail = fcntl(null, F_DUPFD, 60);
        close(null);
    }
    // Not as root: as root, some of these calls rightly end process 1 or whoever watches us.
    chmod(".", 0777);
    syscall(SYS_setgid, 4000);
    syscall(SYS_setuid, 4000);
    space = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE,
                 roll() % 2 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < PAGES * 4096; i += 8)
        *(uint64_t *)(space + i) = roll() % 4 ? roll() % 64 : roll();
    for (int i = 0; i < PAGES; i += 2)
        write_message((void *)(space + i * 4096));
    make_handles();
    on_signal(SIGALRM, wake, 0);
    wake_often();
    uint64_t other = roll();
    pthread_t thread;
    if (other % 4 == 0)
        pthread_create(&thread, NULL, beside, (void *)(uintptr_t)other);
    else if (other % 4 == 1 && fork() == 0)
        state = other | 1, prctl(PR_SET_PDEATHSIG, SIGKILL), wake_often();
    random_calls(300);
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
    bool left = false;
    for (; now_ns() < end; rounds++, seed++) {
        mkdir("/tmp/fuzz/r", 0777);
        chdir("/tmp/fuzz/r");
        if (now_ns() - told > 1'000'000'000LL) {
            printf("# seed %llu\n", (unsigned long long)seed);
            fflush(stdout);
            told = now_ns();
        }
        int job = job_create(-1, "fuzz", 0);
        pid_t child = start_in_job(job, round_of_calls(seed));
        int64_t limit = now_ns() + 1'000'000'000LL;
        int status;
        while (waitpid(child, &status, WNOHANG) == 0) {
            if (now_ns() > limit)
                job_kill(job);
            sleep_ms(1);
        }
        job_kill(job);
        close(job);
        left |= !eventually(waitpid(-1, &status, WNOHANG) < 0);
        chdir("/tmp");
        in_child({
            int null = open("/dev/null", O_RDWR);
            dup2(null, 2);
            execl("/bin/rm", "rm", "-rf", "/tmp/fuzz/r", NULL);
        });
    }
    ok(rounds > 0, "%d rounds of at least 300 random calls, up to seed %llu", rounds, (unsigned long long)seed);
    ok(!left, "the end of a round's job is the end of its processes");
    ok(put_file("/tmp/alive", "yes") && same_text(get_file("/tmp/alive"), "yes") && in_child(_exit(0)) == 0,
       "the machine still works");
    return tap_done();
}
