// SPDX-License-Identifier: MPL-2.0
// Small things that a program can make without end: each costs its job memory, until the job has no more; none is left
// when they are closed or removed, or the job is killed. (native_charges has what is made of pages.)
#include "jobs.h"

#include <dirent.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>

#define FOLDER "/tmp/native_piles"
enum { MOST = 32000 };
#define LIMIT (sanitizing ? 1 << 20 : 2 << 20) // what takes long on a sanitizing kernel is done with less
static bool sanitizing;

static int made[MOST][2]; // descriptors, or whatever undoes a thing
static int base;          // what the things hang on

static uint64_t used_by(int job) {
    struct job_info info = {};
    job_info(job, &info);
    return info.used.memory;
}
static char *name_of(int i) {
    static char path[64];
    snprintf(path, sizeof path, FOLDER "/%d", i);
    return path;
}

// ---------------------------------------------------------------- the things: false: no more

static bool one(int i, long handle) {
    made[i][0] = (int)handle;
    return handle >= 0;
}
static void close_one(int i) {
    close(made[i][0]);
}
static void close_two(int i) {
    close(made[i][0]), close(made[i][1]);
}
static bool event(int i) {
    return one(i, eventfd(0, 0));
}
static bool timer(int i) {
    return one(i, timerfd_create(CLOCK_MONOTONIC, 0));
}
static bool wait_set(int i) {
    return one(i, epoll_create1(0));
}
static bool signal_queue(int i) {
    sigset_t set;
    sigemptyset(&set);
    return one(i, signalfd(-1, &set, 0));
}
static bool memory(int i) {
    return one(i, memfd_create("pile", 0));
}
static bool port(int i) {
    return one(i, port_create(NULL));
}
static bool right(int i) {
    struct port_right options = {.rights = RIGHTS_SENDER};
    return one(i, port_mint(base, &options));
}
static bool job(int i) {
    return one(i, job_create(-1, "pile", 0));
}
static bool socket_alone(int i) {
    return one(i, socket(AF_UNIX, SOCK_DGRAM, 0));
}
static bool named_socket(int i) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "pile%d", i);
    return socket_alone(i) && bind(made[i][0], (struct sockaddr *)&name, sizeof name) == 0;
}
static bool pair(int i) {
    return socketpair(AF_UNIX, SOCK_STREAM, 0, made[i]) == 0;
}
static bool open_file(int i) {
    return one(i, open("/dev/null", O_RDONLY));
}
static bool open_text(int i) {
    char byte;
    return one(i, open("/proc/self/status", O_RDONLY)) && read(made[i][0], &byte, 1) == 1;
}
static bool terminal(int i) {
    return one(i, open("/dev/ptmx", O_RDWR | O_NOCTTY));
}
static bool file_name(int i) {
    int file = open(name_of(i), O_CREAT | O_EXCL | O_RDWR, 0600);
    return file >= 0 && close(file) == 0;
}
static bool second_name(int i) {
    if (i == 0)
        return file_name(0);
    return link(FOLDER "/0", name_of(i)) == 0;
}
static bool link_name(int i) {
    char text[200];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    return symlink(text, name_of(i)) == 0;
}
static bool folder(int i) {
    return mkdir(name_of(i), 0700) == 0;
}
static void remove_name(int i) {
    remove(name_of(i));
}
static bool watch(int i) {
    return file_name(i) && inotify_add_watch(base, name_of(i), IN_OPEN) >= 0;
}
enum { EACH = 100 }; // on a file
static bool attribute(int i) {
    char name[32], value[100] = {};
    snprintf(name, sizeof name, "user.%d", i);
    return (i % EACH || file_name(i / EACH)) && setxattr(name_of(i / EACH), name, value, sizeof value, 0) == 0;
}
static void remove_attributes(int i) {
    if (i % EACH == 0)
        remove_name(i / EACH);
}
static bool lock(int i) {
    if (i % EACH == 0 && !one(i, open(name_of(i), O_CREAT | O_RDWR, 0600))) {
        errno = errno == ENOMEM ? ENOLCK : errno; // as if it had been the lock
        return false;
    }
    struct flock range = {.l_type = F_WRLCK, .l_start = i % EACH * 2, .l_len = 1};
    return fcntl(made[i - i % EACH][0], F_SETLK, &range) == 0;
}
static void unlock(int i) {
    if (i % EACH == 0)
        close(made[i][0]), remove_name(i);
}
static bool posix_timer(int i) {
    struct sigevent silent = {.sigev_notify = SIGEV_NONE};
    int id = -1;
    bool good = syscall(SYS_timer_create, CLOCK_MONOTONIC, &silent, &id) == 0;
    made[i][0] = id;
    return good;
}
static bool segment(int i) {
    return one(i, shmget(IPC_PRIVATE, 1, 0600));
}
static void remove_segment(int i) {
    shmctl(made[i][0], IPC_RMID, NULL);
}
static char *queue_name(int i) {
    static char name[64];
    snprintf(name, sizeof name, "/native-piles-%d", i);
    return name;
}
static bool queue(int i) {
    struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 1};
    return one(i, mq_open(queue_name(i), O_CREAT | O_EXCL | O_RDWR, 0600, &attr)) && close(made[i][0]) == 0;
}
static void remove_queue(int i) {
    mq_unlink(queue_name(i));
}
static void delete_timer(int i) {
    syscall(SYS_timer_delete, made[i][0]);
}
static int end_at_once(void *context) {
    (void)context;
    _exit(0);
}
// In our memory, as vfork (which is a fork in musl for ARM64), or the child's faults find none.
static bool zombie(int i) {
    alignas(16) static char stack[4096];
    pid_t pid = clone(end_at_once, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    if (pid < 0)
        return false;
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    return one(i, pid);
}
static void bury(int i) {
    if (made[i][0] > 0)
        wait_status(made[i][0]);
}

static const struct kind {
    const char *name;
    bool (*make)(int i);
    void (*undo)(int i);
    int error;
} kinds[] = {
    {"events", event, close_one, ENOMEM},
    {"timers", timer, close_one, ENOMEM},
    {"wait sets", wait_set, close_one, ENOMEM},
    {"signal queues", signal_queue, close_one, ENOMEM},
    {"memory objects", memory, close_one, ENOMEM},
    {"ports", port, close_one, ENOMEM},
    {"rights", right, close_one, ENOMEM},
    {"jobs", job, close_one, ENOMEM},
    {"sockets", socket_alone, close_one, ENOMEM},
    {"names of sockets", named_socket, close_one, ENOMEM},
    {"pairs of sockets", pair, close_two, ENOMEM},
    {"open files", open_file, close_one, ENOMEM},
    {"texts of /proc", open_text, close_one, ENOMEM},
    {"terminals", terminal, close_one, ENOMEM},
    {"files", file_name, remove_name, ENOMEM},
    {"second names", second_name, remove_name, ENOMEM},
    {"symbolic links", link_name, remove_name, ENOMEM},
    {"folders", folder, remove_name, ENOMEM},
    {"watches", watch, remove_name, ENOMEM},
    {"attributes", attribute, remove_attributes, ENOMEM},
    {"locks", lock, unlock, ENOLCK},
    {"timers of POSIX", posix_timer, delete_timer, EAGAIN},
    {"segments", segment, remove_segment, ENOMEM},
    {"queues of messages", queue, remove_queue, ENOMEM},
    {"zombies", zombie, bury, ENOMEM},
};

// ---------------------------------------------------------------- piling

struct outcome {
    int count, error;
    uint64_t used, after;
};

static struct outcome pile(const struct kind *kind, bool undo) {
    struct outcome o = {};
    for (int i = 0; i < MOST; i++)
        made[i][0] = made[i][1] = -1;
    while (o.count < MOST && kind->make(o.count))
        o.count++;
    o.error = errno;
    o.used = used_by(-1);
    for (int i = o.count; undo && i >= 0; i--) // the last may be half made
        kind->undo(i);
    if (undo)
        eventually((o.after = used_by(-1)) < (uint64_t)LIMIT / 4 * 3);
    return o;
}

static bool set_segments_max(const char *count) {
    int file = open("/proc/sys/kernel/shmmni", O_WRONLY);
    bool good = write(file, count, strlen(count)) > 0;
    close(file);
    return good;
}

static void prepare(const struct kind *kind) {
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){MOST + 1000, MOST + 1000});
    setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){MOST + 1000, MOST + 1000});
    setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    base = kind->make == right   ? (int)port_create(NULL)
           : kind->make == watch ? inotify_init1(0)
                                 : open(FOLDER "/base", O_RDWR | O_CREAT, 0600);
}

static void clean(void) {
    DIR *folder_of_names = opendir(FOLDER);
    struct dirent *entry;
    while (folder_of_names && (entry = readdir(folder_of_names)) != NULL) {
        char path[300];
        snprintf(path, sizeof path, FOLDER "/%s", entry->d_name);
        remove(path);
    }
    if (folder_of_names)
        closedir(folder_of_names);
    rmdir(FOLDER);
    for (int i = 0; i < MOST && mq_unlink(queue_name(i)) == 0; i++)
        ;
    struct shmid_ds state;
    for (int i = 0; i < MOST; i++)
        if (shmctl(i, SHM_STAT, &state) >= 0 && state.shm_perm.__key == IPC_PRIVATE && state.shm_nattch == 0)
            shmctl(shmctl(i, SHM_STAT, &state), IPC_RMID, NULL);
}

static void pile_up(const struct kind *kind) {
    struct job_limits limits = NO_LIMITS;
    limits.memory = (uint64_t)LIMIT;
    int limited = job_with(limits), told[2];
    struct outcome o = {}, again = {};
    pipe(told);
    mkdir(FOLDER, 0700);
    pid_t pid = start_in_job(limited, {
        prepare(kind);
        o = pile(kind, true);
        write(told[1], &o, sizeof o);
        if (!sanitizing)
            o = pile(kind, true);
        write(told[1], &o, sizeof o);
        pile(kind, false);
        write(told[1], &o, sizeof o);
        pause();
    });
    close(told[1]);
    read(told[0], &o, sizeof o), read(told[0], &again, sizeof again);
    ok(o.error == kind->error, "%s: an error at the end (errno %d, %d made)", kind->name, o.error, o.count);
    ok(o.count < MOST && o.used <= (uint64_t)LIMIT && o.used > (uint64_t)LIMIT / 2, "%s: within the limit (%llu bytes)",
       kind->name, (unsigned long long)o.used);
    ok(o.after < (uint64_t)LIMIT / 4 * 3, "%s: given back (%llu left)", kind->name, (unsigned long long)o.after);
    ok(again.count * 10 >= o.count * 8, "%s: and had again (%d, then %d)", kind->name, o.count, again.count);
    is(read(told[0], &o, sizeof o), (long)sizeof o, "%s: and again", kind->name);
    job_kill(limited);
    wait_status(pid);
    clean();
    ok(eventually(used_by(limited) == 0), "%s: killed, and nothing is charged (%llu)", kind->name,
       (unsigned long long)used_by(limited));
    close(told[0]), close(limited);
}

int main(void) {
    needs_native();
    sanitizing = access("/proc/tessera/alloc_fail", F_OK) == 0;
    clean();
    ok(set_segments_max("32768"), "as many segments as memory allows");
    for (size_t i = 0; i < COUNT(kinds); i++)
        pile_up(&kinds[i]);
    set_segments_max("4096");
    return tap_done();
}
