// SPDX-License-Identifier: MPL-2.0
// run-tests: runs test programs one after another, in one boot, and frames what each prints:
//
//     ## begin NAME
//     (its TAP)
//     ## end NAME status=N ms=N [leak=COUNTER:before>after ...]
//     ## done
//
// A program that does not end in time is killed with all its descendants. On Tessera, the kernel's counters of live
// objects (/proc/tessera/leaks) must be after each test what they were before it.
//
// Usage: run-tests [-t SECONDS] [NAME...]    programs are in the folder `tests` beside this one; all if none is named

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TESTS_MAX 256
#define LEAKS "/proc/tessera/leaks"

struct counters {
    char text[4096];
};

static struct {
    char folder[256];
    char *names[TESTS_MAX];
    int count;
    int limit_s;
} runner = {.limit_s = 60};

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1'000'000;
}

static void read_counters(struct counters *counters) {
    counters->text[0] = '\0';
    int fd = open(LEAKS, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    size_t size = 0;
    ssize_t got;
    while (size < sizeof counters->text - 1 &&
           (got = read(fd, counters->text + size, sizeof counters->text - 1 - size)) > 0)
        size += got;
    counters->text[size] = '\0';
    close(fd);
}

// A SIGCHLD that is pending on us is a live object, too; whose child it tells of has been reaped already.
static void read_counters_quietly(struct counters *counters) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    while (sigtimedwait(&set, NULL, &(struct timespec){}) > 0)
        ;
    read_counters(counters);
}

// Prints the counters that differ: " leak=NAME:before>after".
static void print_leaks(struct counters *before, struct counters *after) {
    char *save_a, *save_b;
    char *a = strtok_r(before->text, "\n", &save_a), *b = strtok_r(after->text, "\n", &save_b);
    for (; a && b; a = strtok_r(NULL, "\n", &save_a), b = strtok_r(NULL, "\n", &save_b)) {
        char name[64], unused[64];
        long long old, now;
        if (sscanf(a, "%63s %lld", name, &old) == 2 && sscanf(b, "%63s %lld", unused, &now) == 2 && now > old)
            printf(" leak=%s:%lld>%lld", name, old, now);
    }
}

static pid_t parent_of(const char *pid) {
    char path[300], text[512];
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC), parent = -1;
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    close(fd);
    text[size > 0 ? size : 0] = '\0';
    char *end = strrchr(text, ')'); // behind the name
    return end && sscanf(end, ") %*c %d", &parent) == 1 ? parent : -1;
}

static void kill_children(void) {
    DIR *dir = opendir("/proc");
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == getpid())
            kill(atoi(entry->d_name), SIGKILL);
    if (dir)
        closedir(dir);
}

// What a test left running becomes our child (we are a subreaper): end it.
static void end_descendants(void) {
    for (int round = 0; round < 200; round++) {
        pid_t pid;
        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
            ;
        if (pid < 0 && errno == ECHILD)
            return;
        kill_children();
        nanosleep(&(struct timespec){.tv_nsec = 5'000'000}, NULL);
    }
}

static void start(const char *name) {
    char path[600];
    snprintf(path, sizeof path, "%s/tests/%s", runner.folder, name);
    setpgid(0, 0);
    for (int signal_number = 1; signal_number < 65; signal_number++)
        signal(signal_number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int null = open("/dev/null", O_RDONLY);
    if (null > 0) {
        dup2(null, 0);
        close(null);
    }
    chdir("/tmp");
    execl(path, path, NULL);
    printf("not ok 1 - cannot run %s: %s\n", path, strerror(errno));
    fflush(stdout);
    _exit(127);
}

static int wait_for(pid_t child, int64_t started) {
    int status;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (;;) {
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            if (pid == child)
                return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        if (now_ms() - started > runner.limit_s * 1000LL) {
            printf("# no end after %d seconds\n", runner.limit_s);
            kill(-child, SIGKILL);
            kill(child, SIGKILL);
            for (int i = 0; i < 100 && waitpid(child, &status, WNOHANG) == 0; i++)
                nanosleep(&(struct timespec){.tv_nsec = 20'000'000}, NULL);
            return 124;
        }
        sigtimedwait(&set, NULL, &(struct timespec){.tv_nsec = 250'000'000});
    }
}

static bool run(const char *name) {
    struct counters before, after;
    read_counters_quietly(&before);
    printf("## begin %s\n", name);
    fflush(stdout);
    int64_t started = now_ms();
    pid_t child = fork();
    if (child == 0)
        start(name);
    int status = child < 0 ? 126 : wait_for(child, started);
    end_descendants();
    read_counters_quietly(&after);
    // What is freed later, by deferred work, gets a second for it.
    for (int i = 0; i < 20 && strcmp(before.text, after.text); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 50'000'000}, NULL);
        read_counters_quietly(&after);
    }
    printf("## end %s status=%d ms=%lld", name, status, (long long)(now_ms() - started));
    print_leaks(&before, &after);
    printf("\n");
    fflush(stdout);
    return status == 0;
}

// The runner's own stack and heap must not grow between the counts.
static void grow(void) {
    volatile char room[32768];
    for (size_t i = 0; i < sizeof room; i += 1024)
        room[i] = 0;
    kill_children(); // there are none
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void find_all(void) {
    char path[300];
    snprintf(path, sizeof path, "%s/tests", runner.folder);
    DIR *dir = opendir(path);
    if (!dir) {
        printf("Bail out! no folder %s\n", path);
        exit(2);
    }
    for (struct dirent *entry; (entry = readdir(dir)) && runner.count < TESTS_MAX;)
        if (entry->d_name[0] != '.' && !strchr(entry->d_name, '.'))
            runner.names[runner.count++] = strdup(entry->d_name);
    closedir(dir);
    qsort(runner.names, runner.count, sizeof *runner.names, compare);
}

// A user's keyrings stay once they were asked for, as on Linux: they are there before anything is counted.
static void make_keyrings(void) {
    (void)syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_SESSION_KEYRING, 1);
    (void)syscall(SYS_keyctl, KEYCTL_GET_PERSISTENT, -1, KEY_SPEC_PROCESS_KEYRING);
}

// Linux begins with the loopback interface down.
static void raise_loopback(void) {
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (ioctl(fd, SIOCGIFFLAGS, &request) == 0 && !(request.ifr_flags & IFF_UP)) {
        request.ifr_flags |= IFF_UP;
        ioctl(fd, SIOCSIFFLAGS, &request);
    }
    close(fd);
}

int main(int argc, char **argv) {
    grow();
    raise_loopback();
    make_keyrings();
    ssize_t size = readlink("/proc/self/exe", runner.folder, sizeof runner.folder - 1);
    char *slash = size < 0 ? NULL : strrchr(runner.folder, '/');
    strcpy(slash ? slash : runner.folder, slash ? "" : "/files");
    for (int option; (option = getopt(argc, argv, "t:")) != -1;) {
        if (option != 't')
            return 2;
        runner.limit_s = atoi(optarg);
    }
    while (optind < argc && runner.count < TESTS_MAX)
        runner.names[runner.count++] = argv[optind++];
    if (!runner.count)
        find_all();
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    bool good = true;
    for (int i = 0; i < runner.count; i++)
        good &= run(runner.names[i]);
    printf("## done\n");
    return good ? 0 : 1;
}
