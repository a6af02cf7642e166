// SPDX-License-Identifier: MPL-2.0
// seccomp: strict mode and filters.
#include "sys.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#if defined __x86_64__
#define ARCH 0xc000003e
#else
#define ARCH 0xc00000b7
#endif
#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif
#define OFFSET(field) offsetof(struct seccomp_data, field)
#define NUMBER BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET(nr))
#define RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
// Calls of this number get an answer, others are allowed.
#define ONLY(number, answer) \
    {NUMBER, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), RETURN(answer), RETURN(SECCOMP_RET_ALLOW)}

static long seccomp(unsigned operation, unsigned flags, void *argument) {
    return syscall(SYS_seccomp, operation, flags, argument);
}
static long install(struct sock_filter *code, size_t length, unsigned flags) {
    return seccomp(SECCOMP_SET_MODE_FILTER, flags, &(struct sock_fprog){.len = (unsigned short)length, .filter = code});
}
#define filter(flags, ...)                        \
    ({                                            \
        struct sock_filter code_[] = __VA_ARGS__; \
        install(code_, COUNT(code_), flags);      \
    })
static void no_new_privileges(void) {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
static bool killed_by(int status, int signal) {
    return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}
static void be_nobody(void) {
    if (setgid(65534) != 0 || setuid(65534) != 0)
        _exit(99);
}

static void strict(void) {
    is(prctl(PR_GET_SECCOMP), 0, "no mode at first");
    exited(in_child({
               int pair[2];
               char byte = 0;
               pipe(pair);
               if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
                   _exit(1);
               write(pair[1], "x", 1), read(pair[0], &byte, 1);
               syscall(SYS_exit, byte == 'x' ? 7 : 2);
           }),
           7, "strict mode has read, write and exit");
    ok(killed_by(in_child(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); syscall(SYS_getpid); syscall(SYS_exit, 0)),
                 SIGKILL),
       "and kills who asks for more");
    ok(killed_by(in_child(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL); syscall(SYS_exit_group, 0)), SIGKILL),
       "exit_group is more");
    fails(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL, "it has no flags");
    fails(seccomp(SECCOMP_SET_MODE_STRICT, 0, "x"), EINVAL, "nor an argument");
    fails(seccomp(99, 0, NULL), EINVAL, "no such operation");
    fails(prctl(PR_SET_SECCOMP, 3), EINVAL, "no such mode");
}

static void answers(void) {
    exited(in_child({
               no_new_privileges();
               bool good = filter(0, ONLY(SYS_getppid, SECCOMP_RET_ERRNO | EXDEV)) == 0;
               good &= prctl(PR_GET_SECCOMP) == 2;
               good &= syscall(SYS_getppid) == -1 && errno == EXDEV;
               good &= syscall(SYS_getpid) == getpid();
               good &= filter(0, ONLY(SYS_getuid, SECCOMP_RET_ERRNO | 5000)) == 0;
               good &= syscall(SYS_getuid) == -1 && errno == 4095;
               good &= filter(0, ONLY(SYS_getgid, SECCOMP_RET_ERRNO)) == 0 && syscall(SYS_getgid) == 0;
               _exit(!good);
           }),
           0, "SECCOMP_RET_ERRNO");
    ok(killed_by(in_child(no_new_privileges(); filter(0, ONLY(SYS_getppid, SECCOMP_RET_KILL_PROCESS)); getppid()),
                 SIGSYS),
       "SECCOMP_RET_KILL_PROCESS");
    ok(killed_by(in_child(no_new_privileges(); filter(0, ONLY(SYS_getppid, SECCOMP_RET_KILL_THREAD)); getppid()),
                 SIGSYS),
       "SECCOMP_RET_KILL_THREAD kills the only one");
    ok(killed_by(in_child(no_new_privileges(); filter(0, ONLY(SYS_getppid, 0x12340000)); getppid()), SIGSYS),
       "so does an answer that there is not");
    exited(in_child(no_new_privileges(); filter(0, ONLY(SYS_getppid, SECCOMP_RET_LOG)); _exit(getppid() <= 0)), 0,
           "SECCOMP_RET_LOG");
    exited(in_child(no_new_privileges(); filter(0, ONLY(SYS_getppid, SECCOMP_RET_TRACE));
                    _exit(syscall(SYS_getppid) != -1 || errno != ENOSYS)),
           0, "SECCOMP_RET_TRACE without a tracer");
    exited(in_child(no_new_privileges(); filter(0, ONLY(SYS_getppid, SECCOMP_RET_USER_NOTIF));
                    _exit(syscall(SYS_getppid) != -1 || errno != ENOSYS)),
           0, "SECCOMP_RET_USER_NOTIF without a listener");
    exited(in_child({
               no_new_privileges();
               filter(0, ONLY(SYS_getppid, SECCOMP_RET_ERRNO | 1));
               filter(0, ONLY(SYS_getppid, SECCOMP_RET_LOG));
               filter(0, ONLY(SYS_getppid, SECCOMP_RET_ERRNO | 2));
               bool good = syscall(SYS_getppid) == -1 && errno == 2;
               filter(0, ONLY(SYS_getppid, SECCOMP_RET_ERRNO | 3));
               good &= syscall(SYS_getppid) == -1 && errno == 3;
               _exit(!good);
           }),
           0, "the gravest of several counts; of equals the newest");
}

static volatile siginfo_t told;
static void on_sys(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    memcpy((void *)&told, info, sizeof told);
}

static void traps(void) {
    exited(in_child({
               struct sigaction action = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
               sigaction(SIGSYS, &action, NULL);
               no_new_privileges();
               filter(0, ONLY(SYS_getppid, SECCOMP_RET_TRAP | 0x1234));
               syscall(SYS_getppid);
               _exit(!(told.si_signo == SIGSYS && told.si_code == 1 && told.si_errno == 0x1234 &&
                       told.si_syscall == SYS_getppid && told.si_arch == ARCH && told.si_call_addr != NULL));
           }),
           0, "SECCOMP_RET_TRAP tells a handler");
    ok(killed_by(in_child(no_new_privileges(); signal(SIGSYS, SIG_IGN); filter(0, ONLY(SYS_getppid, SECCOMP_RET_TRAP));
                          getppid()),
                 SIGSYS),
       "and cannot be ignored");
    ok(killed_by(in_child({
                     sigset_t set;
                     sigfillset(&set), sigprocmask(SIG_BLOCK, &set, NULL);
                     no_new_privileges();
                     filter(0, ONLY(SYS_getppid, SECCOMP_RET_TRAP));
                     getppid();
                 }),
                 SIGSYS),
       "or blocked");
}

static void what_filters_see(void) {
    exited(in_child({
               no_new_privileges();
               struct sock_filter code[] = {
                   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET(arch)),
                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
                   RETURN(SECCOMP_RET_KILL_PROCESS),
                   NUMBER,
                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 1, 0),
                   RETURN(SECCOMP_RET_ALLOW),
                   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET(args[1]) + 4),
                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x12345678, 1, 0),
                   RETURN(SECCOMP_RET_ERRNO | 71),
                   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET(args[1])),
                   BPF_STMT(BPF_ST, 3),
                   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, OFFSET(args[0])),
                   BPF_STMT(BPF_LDX | BPF_MEM, 3),
                   BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
                   BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
                   BPF_STMT(BPF_RET | BPF_A, 0),
               };
               bool good = install(code, COUNT(code), 0) == 0;
               good &= syscall(SYS_getpriority, 100, 0x1234567800000000 + 58) == -1 && errno == 42;
               good &= syscall(SYS_getpriority, 100, 58) == -1 && errno == 71;
               _exit(!good);
           }),
           0, "architecture, arguments, scratch words, arithmetic");
    exited(in_child({
               no_new_privileges();
               bool good = filter(0, {NUMBER, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 3),
                                      BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
                                      RETURN(SECCOMP_RET_ALLOW), RETURN(SECCOMP_RET_ALLOW)}) == 0;
               if (good)
                   getppid();
               _exit(1);
           }) != 0
               ? 0
               : 1 << 8,
           0, "division by 0 is no allowance");
}

static void bad_filters(void) {
    static const struct {
        struct sock_filter code[3];
        int length;
        const char *what;
    } bad[] = {
        {{NUMBER}, 1, "one that does not end"},
        {{BPF_STMT(BPF_JMP | BPF_JA, 5), RETURN(0)}, 2, "a jump beyond the end"},
        {{BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 9), RETURN(0)}, 2, "a condition beyond the end"},
        {{BPF_STMT(BPF_JMP | BPF_JA, 0xffffffff), RETURN(0)}, 2, "a jump back"},
        {{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RETURN(0)}, 2, "a load behind the data"},
        {{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RETURN(0)}, 2, "a load that is not aligned"},
        {{BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), RETURN(0)}, 2, "a load of a half"},
        {{BPF_STMT(BPF_LD | BPF_MEM, 16), RETURN(0)}, 2, "a 17th scratch word"},
        {{BPF_STMT(BPF_LD | BPF_MEM, 2), RETURN(0)}, 2, "a scratch word that nobody wrote"},
        {{BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RETURN(0)}, 2, "division by 0"},
        {{BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RETURN(0)}, 2, "a shift by 32"},
        {{BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RETURN(0)}, 2, "a remainder"},
        {{BPF_STMT(0xffff, 0), RETURN(0)}, 2, "no instruction at all"},
        {{RETURN(0)}, 0, "an empty one"},
        {{RETURN(0)}, 4097, "one that is too long"},
    };
    no_new_privileges();
    for (unsigned i = 0; i < COUNT(bad); i++)
        fails(install((struct sock_filter *)bad[i].code, (size_t)bad[i].length, 0), EINVAL, "refused: %s", bad[i].what);
    fails(install((void *)8, 1, 0), EFAULT, "a bad address");
    fails(seccomp(SECCOMP_SET_MODE_FILTER, 0, (void *)8), EFAULT, "of the program, too");
    fails(filter(1u << 30, {RETURN(SECCOMP_RET_ALLOW)}), EINVAL, "no such flag");
    is(prctl(PR_GET_SECCOMP), 0, "and none is in force");
    exited(in_child({
               static struct sock_filter code[4096];
               for (unsigned i = 0; i < COUNT(code); i++)
                   code[i] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
               int made = 0;
               while (made < 20 && install(code, COUNT(code), 0) == 0)
                   made++;
               _exit(!(made >= 3 && made <= 7 && errno == ENOMEM)); // Linux counts what it translates them to
           }),
           0, "a chain has an end");
}

static void rights(void) {
    if (geteuid() == 0)
        exited(in_child({
                   be_nobody();
                   bool good = filter(0, {RETURN(SECCOMP_RET_ALLOW)}) < 0 && errno == EACCES;
                   no_new_privileges();
                   _exit(!(good && filter(0, {RETURN(SECCOMP_RET_ALLOW)}) == 0));
               }),
               0, "a user must give up new privileges first");
    uint32_t action = SECCOMP_RET_TRAP, none = 0x12340000;
    is(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action), 0, "SECCOMP_GET_ACTION_AVAIL");
    fails(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &none), EOPNOTSUPP, "tells what is not");
    ok(strstr(get_file("/proc/sys/kernel/seccomp/actions_avail"), "kill_process kill_thread trap errno") != NULL,
       "a list");
}

static int line_of(const char *key) {
    char *at = strstr(get_file("/proc/thread-self/status"), key);
    return at ? atoi(at + strlen(key)) : -1;
}

static void heirs(const char *self) {
    exited(in_child({
               no_new_privileges();
               filter(0, ONLY(SYS_getppid, SECCOMP_RET_ERRNO | 33));
               filter(0, {RETURN(SECCOMP_RET_ALLOW)});
               bool good = line_of("Seccomp:\t") == 2 && line_of("Seccomp_filters:\t") == 2;
               int status = in_child(_exit(syscall(SYS_getppid) == -1 ? errno : 0));
               good &= WIFEXITED(status) && WEXITSTATUS(status) == 33;
               status = in_child(execl(self, self, "getppid", NULL); _exit(99));
               good &= WIFEXITED(status) && WEXITSTATUS(status) == 33;
               good &= prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) < 0 && errno == EINVAL;
               _exit(!good);
           }),
           0, "children and programs that are executed inherit filters");
}

static pthread_barrier_t barrier;
static void *asks_later(void *result) {
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    *(long *)result = syscall(SYS_getppid) == -1 ? errno : 0;
    return NULL;
}
static void *goes_apart(void *argument) {
    filter(0, ONLY(SYS_getpgid, SECCOMP_RET_ERRNO | 9));
    *(int *)argument = (int)syscall(SYS_gettid);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}
static void *dies(void *argument) {
    filter(0, ONLY(SYS_getppid, SECCOMP_RET_KILL_THREAD));
    syscall(SYS_getppid);
    *(int *)argument = 1;
    return NULL;
}

static void threads(void) {
    exited(in_child({
               pthread_t thread;
               long result = -1;
               pthread_barrier_init(&barrier, NULL, 2);
               no_new_privileges();
               pthread_create(&thread, NULL, asks_later, &result);
               pthread_barrier_wait(&barrier);
               bool good = filter(0, ONLY(SYS_getppid, SECCOMP_RET_ERRNO | 11)) == 0;
               pthread_barrier_wait(&barrier);
               pthread_join(thread, NULL);
               _exit(!(good && result == 0));
           }),
           0, "a filter is a thread's own");
    exited(in_child({
               pthread_t thread;
               long result = -1;
               pthread_barrier_init(&barrier, NULL, 2);
               no_new_privileges();
               pthread_create(&thread, NULL, asks_later, &result);
               pthread_barrier_wait(&barrier);
               bool good = filter(SECCOMP_FILTER_FLAG_TSYNC, ONLY(SYS_getppid, SECCOMP_RET_ERRNO | 11)) == 0;
               pthread_barrier_wait(&barrier);
               pthread_join(thread, NULL);
               _exit(!(good && result == 11));
           }),
           0, "with TSYNC all threads get it");
    exited(in_child({
               pthread_t thread;
               int apart = 0;
               pthread_barrier_init(&barrier, NULL, 2);
               no_new_privileges();
               pthread_create(&thread, NULL, goes_apart, &apart);
               pthread_barrier_wait(&barrier);
               bool good = filter(SECCOMP_FILTER_FLAG_TSYNC, ONLY(SYS_getppid, SECCOMP_RET_ERRNO | 11)) == apart;
               good &= prctl(PR_GET_SECCOMP) == 0 && apart > 0;
               pthread_barrier_wait(&barrier);
               _exit(!good);
           }),
           0, "not if one has gone its own way: then the answer is who");
    exited(in_child({
               pthread_t thread;
               static int survived;
               no_new_privileges();
               pthread_create(&thread, NULL, dies, &survived);
               for (int i = 0; i < 10000 && access("/proc/self/task", F_OK) == 0; i++) {
                   DIR *dir = opendir("/proc/self/task");
                   int count = 0;
                   while (readdir(dir))
                       count++;
                   closedir(dir);
                   if (count == 3)
                       break;
                   sleep_ms(1);
               }
               _exit(survived);
           }),
           0, "SECCOMP_RET_KILL_THREAD ends one thread, not the process");
}

// ---------------------------------------------------------------- with a tracer

#if defined __x86_64__
static void set_call(pid_t pid, long number, long result) {
    struct user_regs_struct regs;
    ptrace(PTRACE_GETREGS, pid, NULL, &regs);
    regs.orig_rax = (unsigned long)number, regs.rax = (unsigned long)result;
    ptrace(PTRACE_SETREGS, pid, NULL, &regs);
}
#else
#include <sys/uio.h>
static void set_call(pid_t pid, long number, long result) {
    struct user_regs_struct regs;
    struct iovec vec = {&regs, sizeof regs};
    int call = (int)number;
    struct iovec call_vec = {&call, sizeof call};
    ptrace(PTRACE_GETREGSET, pid, (void *)1, &vec);
    regs.regs[0] = (unsigned long)result;
    ptrace(PTRACE_SETREGSET, pid, (void *)1, &vec);
    ptrace(PTRACE_SETREGSET, pid, (void *)0x404, &call_vec);
}
#endif

static pid_t start_traced(void) {
    pid_t child = start_child({
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        no_new_privileges();
        filter(SECCOMP_FILTER_FLAG_LOG, ONLY(SYS_getppid, SECCOMP_RET_TRACE | 77));
        filter(0, ONLY(SYS_getpgid, SECCOMP_RET_ERRNO | 13));
        bool good = syscall(SYS_getppid) == getpid();      // made to another call
        good &= syscall(SYS_getppid) == 4711;              // skipped
        good &= syscall(SYS_getppid) == -1 && errno == 13; // made to one that a filter refuses
        _exit(!good);
    });
    int status;
    waitpid(child, &status, 0);
    ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL));
    ptrace(PTRACE_CONT, child, NULL, NULL);
    return child;
}

static bool stops_for_seccomp(pid_t child) {
    int status;
    unsigned long message = 0;
    return waitpid(child, &status, 0) == child && status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8) &&
           ptrace(PTRACE_GETEVENTMSG, child, NULL, &message) == 0 && message == 77;
}

static void traced(void) {
    pid_t child = start_traced();
    if (!ok(stops_for_seccomp(child), "SECCOMP_RET_TRACE tells the tracer")) {
        kill(child, SIGKILL), wait_status(child);
        return;
    }
    struct __attribute__((packed)) {
        uint8_t op, pad[3];
        uint32_t arch;
        uint64_t ip, sp, number, args[6];
        uint32_t data;
    } info = {};
    long size = ptrace((int)0x420e, child, (void *)sizeof info, &info);
    ok(size >= 84 && info.op == 3 && info.arch == ARCH && info.number == SYS_getppid && info.data == 77,
       "PTRACE_GET_SYSCALL_INFO has call and data (%ld)", size);
    struct sock_filter code[16], want[] = ONLY(SYS_getppid, SECCOMP_RET_TRACE | 77);
    is(ptrace((int)PTRACE_SECCOMP_GET_FILTER, child, (void *)0, code), 4, "PTRACE_SECCOMP_GET_FILTER: the first");
    ok(memcmp(code, want, sizeof want) == 0, "as it was set");
    is(ptrace((int)PTRACE_SECCOMP_GET_FILTER, child, (void *)1, NULL), 4, "the second");
    fails(ptrace((int)PTRACE_SECCOMP_GET_FILTER, child, (void *)2, NULL), ENOENT, "no third");
    uint64_t meta[2] = {0, 99};
    ok(ptrace((int)0x420d, child, (void *)sizeof meta, meta) == sizeof meta && meta[1] == SECCOMP_FILTER_FLAG_LOG,
       "PTRACE_SECCOMP_GET_METADATA");
    set_call(child, SYS_getpid, -ENOSYS);
    ptrace(PTRACE_CONT, child, NULL, NULL);
    ok(stops_for_seccomp(child), "again");
    set_call(child, -1, 4711);
    ptrace(PTRACE_CONT, child, NULL, NULL);
    ok(stops_for_seccomp(child), "and again");
    set_call(child, SYS_getpgid, -ENOSYS);
    ptrace(PTRACE_CONT, child, NULL, NULL);
    exited(wait_status(child), 0, "a tracer changes calls, skips them, and does not get around other filters");
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "getppid") == 0)
        return syscall(SYS_getppid) == -1 ? errno : 0;
    strict();
    answers();
    traps();
    what_filters_see();
    rights();
    heirs(argv[0]);
    threads();
    traced();
    bad_filters();
    return tap_done();
}
