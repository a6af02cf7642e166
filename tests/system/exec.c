// SPDX-License-Identifier: MPL-2.0
// execve and execveat: what a new program receives, what it does not, and every way to be refused.
#include "sys.h"

#include <linux/auxvec.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static char self[256];

// This program, started again by the tests below, does one small thing and answers by its exit status.
static int helper(int argc, char **argv) {
    extern char **environ;
    const char *what = argv[1];
    if (!strcmp(what, "exit"))
        return atoi(argv[2]);
    if (!strcmp(what, "args"))
        return !(argc == 5 && !strcmp(argv[2], "") && !strcmp(argv[3], "a b") && !strcmp(argv[4], "\xff\x01") &&
                 argv[5] == NULL && !strcmp(environ[0], "X=1") && !strcmp(environ[1], "EMPTY=") && !environ[2]);
    if (!strcmp(what, "count"))
        return argc & 0xff;
    if (!strcmp(what, "fds"))
        return !(fcntl(10, F_GETFD) == 0 && fcntl(11, F_GETFD) == -1);
    if (!strcmp(what, "signals")) {
        struct sigaction usr1, usr2;
        sigset_t mask, pending;
        sigaction(SIGUSR1, NULL, &usr1);
        sigaction(SIGUSR2, NULL, &usr2);
        sigprocmask(SIG_BLOCK, NULL, &mask);
        sigpending(&pending);
        stack_t stack;
        sigaltstack(NULL, &stack);
        return (usr1.sa_handler != SIG_DFL) | (usr2.sa_handler != SIG_IGN) << 1 | !sigismember(&mask, SIGHUP) << 2 |
               !sigismember(&pending, SIGHUP) << 3 | !(stack.ss_flags & SS_DISABLE) << 4;
    }
    if (!strcmp(what, "auxv")) {
        const char *name = (const char *)getauxval(AT_EXECFN);
        const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
        int sum = 0;
        for (int i = 0; random && i < 16; i++)
            sum |= random[i];
        return (getauxval(AT_PAGESZ) != 4096) | (!name || strcmp(name, argv[2])) << 1 | !sum << 2 |
               (getauxval(AT_UID) != getuid()) << 3 | !getauxval(AT_PHDR) << 4 | (getauxval(AT_PHENT) != 56) << 5 |
               (getauxval(AT_SECURE) != 0) << 6 | (getauxval(AT_CLKTCK) != 100) << 7;
    }
    if (!strcmp(what, "pid"))
        return getpid() != atoi(argv[2]);
    if (!strcmp(what, "name")) {
        char name[16] = "";
        prctl(PR_GET_NAME, name);
        return strcmp(name, argv[2]) != 0;
    }
    if (!strcmp(what, "exe")) {
        char path[256] = "";
        readlink("/proc/self/exe", path, sizeof path - 1);
        return strcmp(path, argv[2]) != 0;
    }
    if (!strcmp(what, "alarm"))
        return alarm(0) == 0;
    return 99;
}

#define run(...)                                                    \
    in_child({                                                      \
        execv(self, (char *[]){(char *)"prog", __VA_ARGS__, NULL}); \
        _exit(100);                                                 \
    })

static void ignore(int signal) {
    (void)signal;
}

static void receives(void) {
    exited(run("exit", "17"), 17, "a program runs and exits");
    exited(in_child(execve(self, (char *[]){"prog", "args", "", "a b", "\xff\x01", NULL},
                           (char *[]){"X=1", "EMPTY=", NULL})),
           0, "arguments and environment arrive exactly");
    exited(in_child(execve(self, (char *[]){"prog", "auxv", self, NULL}, NULL)), 0, "auxiliary vector");
    char id[16];
    exited(in_child({
               snprintf(id, sizeof id, "%d", getpid());
               execl(self, "prog", "pid", id, NULL);
           }),
           0, "the process id stays");
    char link_name[300];
    snprintf(link_name, sizeof link_name, "a-rather-long-program-name");
    symlink(self, link_name);
    exited(in_child(execl(link_name, "other", "name", "a-rather-long-p", NULL)), 0,
           "the thread is named after the file, cut to 15");
    exited(run("exe", self), 0, "/proc/self/exe names the file");
    exited(in_child({
               alarm(50);
               execl(self, "prog", "alarm", NULL);
           }),
           0, "an alarm survives");
    exited(in_child({
               int fd = open("/dev/null", O_RDONLY);
               dup2(fd, 10);
               dup3(fd, 11, O_CLOEXEC);
               execl(self, "prog", "fds", NULL);
           }),
           0, "close-on-exec closes, others stay");
    exited(in_child({
               static char stack[65536];
               sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
               signal(SIGUSR1, ignore);
               signal(SIGUSR2, SIG_IGN);
               sigset_t set = signal_set(SIGHUP, 0);
               sigprocmask(SIG_BLOCK, &set, NULL);
               raise(SIGHUP);
               execl(self, "prog", "signals", NULL);
           }),
           0, "handlers go; ignored, blocked and pending signals stay; the alternate stack goes");
}

static void limits(void) {
    enum { MANY = 3000 };
    static char *args[MANY + 3];
    args[0] = "prog", args[1] = "count";
    for (int i = 2; i < MANY; i++)
        args[i] = "x";
    exited(in_child(execv(self, args)), MANY & 0xff, "%d arguments", MANY);
    static char huge[200'000];
    memset(huge, 'a', sizeof huge - 1);
    fails(execv(self, (char *[]){"p", "count", huge, NULL}), E2BIG, "one string of more than 128 KiB");
    huge[100'000] = '\0';
    exited(run("count", huge), 3, "one string of 100,000 bytes");
    static char *heap[200];
    heap[0] = "p", heap[1] = "count";
    for (int i = 2; i < 190; i++)
        heap[i] = huge;
    fails(execv(self, heap), E2BIG, "18 MB of arguments");
    exited(in_child({
               struct rlimit small = {400'000, 400'000};
               setrlimit(RLIMIT_STACK, &small);
               execl(self, "p", "count", huge, huge, huge, NULL);
               _exit(errno == E2BIG ? 0 : 1);
           }),
           0, "arguments may take a quarter of the stack limit");
}

static void refusals(void) {
    char *args[] = {"x", NULL};
    fails(execv("nothing-here", args), ENOENT, "no such file");
    fails(execv("", args), ENOENT, "an empty path");
    put_file("plain", "echo\n");
    fails(execv("plain/x", args), ENOTDIR, "a file as a folder");
    fails(execv(".", args), EACCES, "a folder");
    fails(execv("plain", args), EACCES, "no execute permission, not even for root");
    chmod("plain", 0755);
    fails(execv("plain", args), ENOEXEC, "not a program");
    put_file("empty", "");
    chmod("empty", 0755);
    fails(execv("empty", args), ENOEXEC, "an empty file");
    symlink("loop", "loop");
    fails(execv("loop", args), ELOOP, "a link to itself");
    static char name[5000];
    memset(name, 'n', 4999);
    fails(execv(name, args), ENAMETOOLONG, "a path that is too long");
    fails(execv("/dev/null", args), EACCES, "a device");
    int fd = open("copy", O_CREAT | O_WRONLY, 0755);
    int from = open(self, O_RDONLY);
    char buffer[4096];
    ssize_t size;
    while ((size = read(from, buffer, sizeof buffer)) > 0)
        write(fd, buffer, size);
    close(from);
    fails(execv("copy", args), ETXTBSY, "a file that is open for writing");
    close(fd);
    exited(in_child(execl("./copy", "x", "exit", "5", NULL)), 5, "the same once it is closed");
    ok(open(self, O_WRONLY) == -1 && errno == ETXTBSY, "a running program cannot be opened for writing");
    fails(truncate(self, 0), ETXTBSY, "nor truncated");
}

static void scripts(void) {
    char text[400], long_line[400];
    snprintf(text, sizeof text, "#!%s exit\n", self);
    put_file("7", text);
    chmod("7", 0755);
    exited(in_child(execl("7", "ignored", NULL)), 7, "#! passes its one argument, then the file's name");
    snprintf(text, sizeof text, "#! \t%s\texit  \n", self);
    put_file("8", text);
    chmod("8", 0755);
    exited(in_child(execl("8", "ignored", NULL)), 8, "spaces around it do not matter");
    snprintf(text, sizeof text, "#!%s", self);
    put_file("count", text);
    chmod("count", 0755);
    exited(in_child(execl("count", "zero", "one", "two", NULL)), 4, "#! without newline runs, arguments follow");
    put_file("none", "#!\n");
    chmod("none", 0755);
    fails(execl("none", "x", NULL), ENOEXEC, "#! with nothing behind");
    put_file("missing", "#!/no/such/thing\n");
    chmod("missing", 0755);
    fails(execl("missing", "x", NULL), ENOENT, "#! of an interpreter that does not exist");
    put_file("folder", "#!/tmp\n");
    chmod("folder", 0755);
    fails(execl("folder", "x", NULL), EACCES, "#! of a folder");
    memset(long_line, 'x', sizeof long_line);
    memcpy(long_line, "#!/", 3);
    long_line[399] = '\0';
    put_file("long", long_line);
    chmod("long", 0755);
    fails(execl("long", "x", NULL), ENOEXEC, "#! whose interpreter's name is cut off");
    char path[256];
    getcwd(path, sizeof path);
    snprintf(text, sizeof text, "#!%.200s/7 more\n", path);
    put_file("nested", text);
    chmod("nested", 0755);
    exited(in_child(execl("nested", "x", NULL)), 0,
           "a script may be run by a script (which here sees a path as its number)");
    snprintf(text, sizeof text, "#!%.200s/self-runner\n", path);
    put_file("self-runner", text);
    chmod("self-runner", 0755);
    fails(execl("self-runner", "x", NULL), ELOOP, "but not by itself for ever");
}

static void at_variants(void) {
    int fd = open(self, O_RDONLY | O_CLOEXEC), folder = open(".", O_RDONLY | O_DIRECTORY);
    char *args[] = {"x", "exit", "9", NULL}, *env[] = {NULL};
    exited(in_child(syscall(SYS_execveat, fd, "", args, env, AT_EMPTY_PATH)), 9, "execveat of an open file");
    exited(in_child(syscall(SYS_execveat, folder, "copy", args, env, 0)), 9, "execveat relative to a folder");
    fails(syscall(SYS_execveat, folder, "7", args, env, 0x40000), EINVAL, "unknown flag");
    fails(syscall(SYS_execveat, fd, "x", args, env, 0), ENOTDIR, "relative to a file");
    fails(syscall(SYS_execveat, 999, "copy", args, env, 0), EBADF, "relative to nothing");
    symlink("copy", "to-copy");
    fails(syscall(SYS_execveat, folder, "to-copy", args, env, AT_SYMLINK_NOFOLLOW), ELOOP, "a link with NOFOLLOW");
    close(fd), close(folder);
}

static void *wait_forever(void *unused) {
    for (;;)
        pause();
    return unused;
}
static void *exec_from_thread(void *id) {
    execl(self, "x", "pid", (char *)id, NULL);
    return NULL;
}
static void threads(void) {
    exited(in_child({
               char id[16];
               pthread_t thread;
               snprintf(id, sizeof id, "%d", getpid());
               for (int i = 0; i < 3; i++)
                   pthread_create(&thread, NULL, wait_forever, NULL);
               pthread_create(&thread, NULL, exec_from_thread, id);
               pthread_join(thread, NULL);
               _exit(1);
           }),
           0, "exec in a second thread ends the others and takes the leader's id");
    exited(in_child({
               pid_t child = vfork();
               if (child == 0) {
                   execl(self, "x", "exit", "33", NULL);
                   _exit(1);
               }
               _exit(WEXITSTATUS(wait_status(child)));
           }),
           33, "vfork and exec");
    exited(in_child({
               pid_t child = vfork();
               if (child == 0) {
                   execl("/nowhere", "x", NULL);
                   _exit(44);
               }
               _exit(WEXITSTATUS(wait_status(child)));
           }),
           44, "vfork and an exec that fails");
    bool good = true;
    for (int i = 0; i < 60 && good; i++)
        good = WEXITSTATUS(run("exit", "3")) == 3;
    ok(good, "60 times in a row");
}

int main(int argc, char **argv) {
    if (argc > 1)
        return helper(argc, argv);
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    if (!ok(size > 0, "/proc/self/exe can be read"))
        return tap_done();
    enter_temp_dir();
    receives();
    limits();
    refusals();
    scripts();
    at_variants();
    threads();
    return tap_done();
}
