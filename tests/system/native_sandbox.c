// SPDX-License-Identifier: MPL-2.0
// `tessera run`: what an unmodified program can reach from a sandbox, and all the ways out of it that were thought of.
// The test runs itself in the sandbox ("inside"); there it prints what it could do and should not.
#include "jobs.h"
#include "posixd.h"

#include <dirent.h>
#include <semaphore.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

static char self_path[256], work[256];

// Runs /bin/tessera run with these arguments, null at the end; its output goes to `output`.
static int run(char *output, size_t size, const char *const *arguments) {
    const char *argv[40] = {"/bin/tessera", "run"};
    unsigned count = 2;
    for (; *arguments; arguments++)
        argv[count++] = *arguments;
    int ends[2];
    pipe(ends);
    pid_t pid = start_child({
        dup2(ends[1], 1), dup2(ends[1], 2);
        execv(argv[0], (char **)argv);
        _exit(120);
    });
    close(ends[1]);
    size_t length = 0;
    for (ssize_t got; length < size - 1 && (got = read(ends[0], output + length, size - 1 - length)) > 0;)
        length += (size_t)got;
    output[length] = '\0';
    close(ends[0]);
    return wait_status(pid);
}

// --- inside ---

static unsigned breaches;

static void no(bool reached, const char *what) {
    if (reached) {
        printf("reached: %s (errno %d)\n", what, errno);
        breaches++;
    }
}

static bool can_open(const char *path, int flags) {
    int fd = open(path, flags, 0600);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void try_names(const char *secret) {
    char up[400];
    no(can_open(secret, O_RDONLY), "a file by its name");
    snprintf(up, sizeof up, "/../../../../..%s", secret);
    no(can_open(up, O_RDONLY), "a file by ..");
    snprintf(up, sizeof up, "%s/../..%s", work, secret);
    no(can_open(up, O_RDONLY), "a file by .. from a grant");
    for (int i = 0; i < 30; i++)
        chdir("..");
    no(can_open(secret + 1, O_RDONLY), "a file by chdir(..)");
    snprintf(up, sizeof up, "%s/link", work);
    symlink(secret, up);
    no(can_open(up, O_RDONLY), "a file by a symbolic link of one's own");
    snprintf(up, sizeof up, "%s/before", work);
    no(can_open(up, O_RDONLY), "a file by a link that was there");
    no(can_open("/etc/passwd", O_RDONLY), "/etc/passwd");
    no(can_open("/.old", O_RDONLY) || can_open("/mnt", O_RDONLY), "the old root");
    no(can_open("/new", O_CREAT | O_WRONLY), "writing to the root");
}

static void try_proc(pid_t outside) {
    char path[64];
    static const char *const names[] = {"root/etc/passwd", "cwd/secret", "mem", "maps", "environ", "fd/0", "status"};
    for (unsigned i = 0; i < COUNT(names); i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", outside, names[i]);
        no(can_open(path, O_RDONLY), path);
        snprintf(path, sizeof path, "/proc/1/%s", names[i]);
        no(can_open(path, O_RDONLY), path);
    }
    no(can_open("/proc/self/root/etc/passwd", O_RDONLY), "/proc/self/root");
    unsigned seen = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *e; proc && (e = readdir(proc));)
        seen += e->d_name[0] >= '0' && e->d_name[0] <= '9';
    no(!proc || seen != 1, "other processes in /proc");
    char text[8192] = "";
    int fd = open("/proc/tessera/tasks", O_RDONLY);
    ssize_t size = read(fd, text, sizeof text - 1);
    unsigned lines = 0;
    for (ssize_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    no(lines != 2, "other processes in /proc/tessera/tasks");
    close(fd);
    unsigned open_files = 0;
    for (int i = 3; i < 1000; i++)
        open_files += fcntl(i, F_GETFD) >= 0;
    no(open_files > 1, "files that the parent had open"); // opendir's
}

static void try_processes(pid_t outside) {
    char byte;
    struct iovec local = {&byte, 1}, remote = {&local, 1};
    struct rlimit limit;
    no(kill(outside, 0) == 0 || errno != ESRCH, "kill of the parent");
    no(kill(1, SIGTERM) == 0 || errno != ESRCH, "kill of init");
    no(kill(-1, SIGKILL) == 0, "kill of everybody");
    no(syscall(SYS_tgkill, outside, outside, SIGKILL) == 0, "tgkill");
    no(syscall(SYS_pidfd_open, outside, 0) >= 0, "pidfd_open");
    no(syscall(SYS_rt_sigqueueinfo, outside, SIGTERM, &(siginfo_t){.si_code = SI_QUEUE}) == 0, "sigqueue");
    no(process_vm_readv(outside, &local, 1, &remote, 1, 0) >= 0, "process_vm_readv");
    no(ptrace(PTRACE_ATTACH, outside, NULL, NULL) == 0, "ptrace");
    no(prlimit(outside, RLIMIT_NOFILE, NULL, &limit) == 0, "prlimit");
    no(getpgid(outside) >= 0 || getsid(outside) >= 0, "getpgid and getsid");
    no(sched_getscheduler(outside) >= 0, "sched_getscheduler");
    no(setpriority(PRIO_PROCESS, (unsigned)outside, 10) == 0, "setpriority");
    no(syscall(SYS_kcmp, getpid(), outside, 0, 0, 0) >= 0, "kcmp");
}

static void try_privileges(void) {
    char path[300], *arguments[] = {path, "setuid", NULL};
    no(getuid() == 0 || geteuid() == 0 || setuid(0) == 0 || setresuid(0, 0, 0) == 0, "root");
    no(mount("none", work, "tmpfs", 0, NULL) == 0, "mount");
    no(umount2(work, MNT_DETACH) == 0 || umount2("/", MNT_DETACH) == 0, "umount");
    no(chroot(work) == 0, "chroot");
    no(unshare(CLONE_NEWNS) == 0, "a mount namespace of one's own");
    no(syscall(SYS_pivot_root, work, work) == 0, "pivot_root");
    snprintf(path, sizeof path, "%s/null", work);
    no(mknod(path, S_IFCHR | 0666, 1 << 8 | 3) == 0, "mknod");
    snprintf(path, sizeof path, "%s/setuid", work);
    no(WEXITSTATUS(in_child(execv(path, arguments); _exit(9))) != 0, "rights of a setuid program");
}

static void try_things(void) {
    int pair[2];
    char path[300];
    no(socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EACCES, "a socket");
    no(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "a pair of sockets");
    int job = job_create(-1, "free", 0);
    no(job < 0, "(no job below one's own)");
    no(in_job(job, _exit(socket(AF_UNIX, SOCK_STREAM, 0) >= 0)) != 0, "a socket in a job below");
    struct job_limits more = NO_LIMITS;
    job_set_limits(job, &more);
    no(WEXITSTATUS(in_job(job,
                          {
                              int made = 0;
                              pid_t pid;
                              while (made < 100 && (pid = fork()) > 0)
                                  made++;
                              while (pid == 0)
                                  pause();
                              _exit(made >= 30);
                          })) != 0,
       "more threads in a job below");
    no(job_kill(job) != 0, "(a job of one's own cannot be killed)");
    no(can_open("/dev/null", O_WRONLY), "a device that was not granted");
    no(!can_open("/dev/zero", O_RDONLY), "(the device that was granted cannot be opened)");
    snprintf(path, sizeof path, "%s/device", work);
    no(can_open(path, O_RDWR), "a device in a granted folder");
    snprintf(path, sizeof path, "%s/own", work);
    no(!can_open(path, O_CREAT | O_RDWR), "(what is granted for writing cannot be written)");
    snprintf(path, sizeof path, "%s-read/file", work);
    no(!can_open(path, O_RDONLY), "(what is granted for reading cannot be read)");
    no(can_open(path, O_WRONLY) || chmod(path, 0777) == 0 || unlink(path) == 0, "writing to what may only be read");
    snprintf(path, sizeof path, "%s-read/new", work);
    no(can_open(path, O_CREAT | O_WRONLY), "a new file where one may only read");
}

// With --grant sockets: names and queues that others have, too.
static int named_socket(bool bound) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0native_sandbox"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    socklen_t size = offsetof(struct sockaddr_un, sun_path) + 15;
    int status = bound ? bind(fd, (void *)&address, size) : connect(fd, (void *)&address, size);
    if (status == 0 && (!bound || listen(fd, 1) == 0))
        return fd;
    close(fd);
    return -1;
}

static int with_sockets(void) {
    int pair[2];
    no(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0, "(no sockets, though granted)");
    no(named_socket(false) >= 0 || errno != ECONNREFUSED, "the abstract name of a socket outside");
    static char text[65536];
    int fd = open("/proc/net/unix", O_RDONLY);
    no(read(fd, text, sizeof text - 1) <= 0, "(/proc/net/unix cannot be read)");
    no(strstr(text, "native_sandbox") != NULL, "sockets outside in /proc/net/unix");
    no(named_socket(true) < 0, "(the same name of one's own)");
    no(named_socket(false) < 0, "(a connection to it)");
    no(msgget(4242, 0600) >= 0 || errno != ENOENT, "a System V queue outside");
    no(semget(4242, 1, 0600) >= 0 || errno != ENOENT, "System V semaphores outside");
    no(msgctl(0, MSG_STAT, &(struct msqid_ds){}) >= 0, "a queue outside by its number");
    printf("%u breaches\n", breaches);
    return breaches == 0 ? 43 : 1;
}

static int inside(char **argv) {
    snprintf(work, sizeof work, "%s", argv[2]);
    pid_t outside = atoi(argv[4]);
    try_names(argv[3]);
    try_processes(outside);
    try_proc(outside);
    try_privileges();
    try_things();
    printf("%u breaches\n", breaches);
    return breaches == 0 ? 42 : 1;
}

// --- outside ---

static void copy_file(const char *from, const char *to) {
    char block[65536];
    int in = open(from, O_RDONLY), out = open(to, O_CREAT | O_WRONLY | O_TRUNC, 0755);
    for (ssize_t got; (got = read(in, block, sizeof block)) > 0;)
        write(out, block, (size_t)got);
    close(in), close(out);
}

static void prepare(char *secret, size_t size) {
    char path[300];
    snprintf(secret, size, "%s/secret", getcwd(work, sizeof work));
    put_file("secret", "secret");
    chmod("secret", 0644), chmod(".", 0755);
    mkdir("w", 0777), chmod("w", 0777), mkdir("w-read", 0755), put_file("w-read/file", "x");
    chmod("w-read/file", 0666);
    symlink(secret, "w/before");
    mknod("w/device", S_IFCHR | 0666, 1 << 8 | 3), chmod("w/device", 0666);
    copy_file(self_path, "w/setuid");
    chmod("w/setuid", 04755);
    snprintf(path, sizeof path, "%s/w", work);
    snprintf(work, sizeof work, "%s", path);
}

static void escapes(void) {
    char output[8192], secret[300], write_grant[300], read_grant[300], self_grant[300], pid[16];
    prepare(secret, sizeof secret);
    snprintf(write_grant, sizeof write_grant, "%s:rw", work);
    snprintf(read_grant, sizeof read_grant, "%s-read:r", work);
    snprintf(self_grant, sizeof self_grant, "%s:r", self_path);
    snprintf(pid, sizeof pid, "%d", getpid());
    int status = run(output, sizeof output,
                     (const char *[]){"--job", "memory=64M,handles=200,threads=30", "--grant", write_grant, "--grant",
                                      read_grant, "--grant", self_grant, "--grant", "/proc:r", "--grant", "/dev/zero:r",
                                      self_path, "inside", work, secret, pid, NULL});
    if (!exited(status, 42, "nothing outside can be reached"))
        for (char *line = strtok(output, "\n"); line; line = strtok(NULL, "\n"))
            printf("# %s\n", line);
    ok(same_text(get_file("secret"), "secret") && access("w/own", F_OK) == 0,
       "what it wrote arrived where it was granted");
}

static void shared_names(void) {
    char output[8192], self_grant[300];
    int outside = named_socket(true), queue = msgget(4242, IPC_CREAT | 0666), set = semget(4242, 1, IPC_CREAT | 0666);
    ok(queue >= 0 && set >= 0, "a queue and a set of semaphores outside");
    snprintf(self_grant, sizeof self_grant, "%s:r", self_path);
    int status = run(output, sizeof output,
                     (const char *[]){"--grant", "sockets", "--grant", self_grant, "--grant", "/proc:r", self_path,
                                      "sockets", NULL});
    if (!exited(status, 43, "nor by names that need no file"))
        for (char *line = strtok(output, "\n"); line; line = strtok(NULL, "\n"))
            printf("# %s\n", line);
    int fd = named_socket(false);
    ok(outside >= 0 && fd >= 0, "the name leads there still");
    is(msgctl(queue, IPC_RMID, NULL), 0, "nobody has removed the queue");
    is(semctl(set, 0, IPC_RMID), 0, "nor the semaphores");
    close(outside), close(fd);
}

// Inside: makes a queue and semaphores with keys that everybody uses, leaves a number there and waits for the word to
// look whether it is that still; and leaves all of it behind.
static int system_v(const char *folder, const char *mine) {
    struct {
        long type;
        char text[8];
    } m = {.type = 1};
    char path[300], other[300];
    int queue = msgget(77, IPC_CREAT | IPC_EXCL | 0666), set = semget(77, 2, IPC_CREAT | IPC_EXCL | 0666);
    no(queue < 0 || set < 0, "(no queue, or no semaphores of one's own)");
    sem_t *lock = sem_open("/sandboxed", O_CREAT | O_EXCL, 0666, atoi(mine));
    no(lock == SEM_FAILED, "(no POSIX semaphore of one's own)");
    snprintf(m.text, sizeof m.text, "%s", mine);
    no(msgsnd(queue, &m, sizeof m.text, 0) != 0 || semctl(set, 0, SETVAL, atoi(mine)) != 0, "(they do not work)");
    snprintf(path, sizeof path, "%s/%s", folder, mine);
    close(open(path, O_CREAT | O_WRONLY, 0666));
    snprintf(other, sizeof other, "%s/%s", folder, mine[0] == '1' ? "2" : "1");
    no(!eventually(access(other, F_OK) == 0), "(the other one does not come)");
    struct msqid_ds state = {};
    no(msgctl(queue, IPC_STAT, &state) != 0 || state.msg_qnum != 1, "another one's message");
    no(msgrcv(queue, &m, sizeof m.text, 0, IPC_NOWAIT) != 8 || strcmp(m.text, mine) != 0, "another one's queue");
    no(semctl(set, 0, GETVAL) != atoi(mine), "another one's semaphores");
    int value = 0;
    no(sem_getvalue(lock, &value) != 0 || value != atoi(mine), "another one's POSIX semaphore");
    no(msgsnd(queue, &m, 8, 0) != 0 || semop(set, &(struct sembuf){1, 1, SEM_UNDO}, 1) != 0, "(they work no longer)");
    printf("%u breaches\n", breaches);
    return breaches == 0 ? 44 : 1;
}

static void start_system_v(const char *number, const char *folder, pid_t *pid) {
    char grant[300], self_grant[300];
    snprintf(grant, sizeof grant, "%s:rw", folder), snprintf(self_grant, sizeof self_grant, "%s:r", self_path);
    *pid = start_child(execl("/bin/tessera", "tessera", "run", "--grant", "shm", "--grant", grant, "--grant",
                             self_grant, self_path, "sysv", folder, number, NULL);
                       _exit(120));
}

// Two sandboxes at a time use the same keys; a third one finds nothing of them.
static void queues_apart(void) {
    char folder[300], file[340], output[8192], self_grant[300];
    pid_t one, two;
    snprintf(folder, sizeof folder, "%s/../keys", work);
    mkdir("keys", 0777), chmod("keys", 0777);
    realpath("keys", folder);
    start_system_v("1", folder, &one), start_system_v("2", folder, &two);
    exited(wait_status(one), 44, "two sandboxes use the same keys");
    exited(wait_status(two), 44, "and each has a queue and semaphores of its own");
    for (int i = 1; i <= 2; i++)
        snprintf(file, sizeof file, "%s/%d", folder, i), unlink(file);
    snprintf(self_grant, sizeof self_grant, "%s:r", self_path);
    exited(run(output, sizeof output, (const char *[]){"--grant", self_grant, self_path, "nothing", NULL}), 0,
           "which are gone with it");
    ok(msgget(77, 0) < 0 && errno == ENOENT && access("/dev/shm/sem.sandboxed", F_OK) != 0, "and were never outside");
    exited(run(output, sizeof output,
               (const char *[]){"--job", "memory=4M", "--grant", self_grant, self_path, "hoard", NULL}),
           0, "what a sandbox keeps there counts for its memory");
}

static int finds_nothing(void) {
    struct msginfo info;
    return msgget(77, 0) >= 0 || errno != ENOENT || semget(77, 0, 0) >= 0 || errno != ENOENT ||
           msgctl(0, MSG_INFO, (struct msqid_ds *)&info) != 0 || info.msgpool != 0;
}

static uint64_t job_memory(void) {
    struct job_info info = {};
    return job_info(-1, &info) == 0 ? info.used.memory : 0;
}

// Inside, with 4 MiB: messages in queues until there is no more memory; and what is removed is given back.
static int hoard(void) {
    static struct {
        long type;
        char text[8000];
    } m = {.type = 1};
    int queues[1000], count = 0;
    uint64_t before = job_memory(), most;
    errno = 0;
    while (count < 1000 && (queues[count] = msgget(IPC_PRIVATE, 0600)) >= 0) {
        count++;
        if (msgsnd(queues[count - 1], &m, 8000, 0) != 0 || msgsnd(queues[count - 1], &m, 8000, 0) != 0)
            break;
    }
    bool full = errno == ENOMEM && count > 50 && count < 300;
    most = job_memory();
    for (int i = 0; i < count; i++)
        msgctl(queues[i], IPC_RMID, NULL);
    printf("%d queues, %s, %llu %llu %llu KiB\n", count, strerror(errno), (unsigned long long)before >> 10,
           (unsigned long long)most >> 10, (unsigned long long)job_memory() >> 10);
    return !full || most < before + (2 << 20) || job_memory() > before + (64 << 10);
}

static void programs(void) {
    char output[8192], echo[] = "/bin/busybox:r";
    exited(run(output, sizeof output,
               (const char *[]){"--grant", echo, "/bin/busybox", "sh", "-c", "echo $((6 * 7)); exit 7", NULL}),
           7, "an unmodified program; its exit status");
    ok(same_text(output, "42\n"), "its output");
    exited(run(output, sizeof output, (const char *[]){"--grant", echo, "/bin/busybox", "ls", "/", NULL}), 0, "ls /");
    ok(same_text(output, "bin\n"), "shows nothing but the grant");
    exited(run(output, sizeof output, (const char *[]){"--grant", echo, "/bin/sh", NULL}), 125,
           "what was not granted cannot be run");
    exited(
        run(output, sizeof output, (const char *[]){"--grant", echo, "/bin/busybox", "sh", "-c", "kill -9 $$", NULL}),
        128 + SIGKILL, "the end by a signal");
    exited(run(output, sizeof output, (const char *[]){"--grant", "busybox:r", "/bin/busybox", NULL}), 2,
           "a grant that is none");
    exited(run(output, sizeof output, (const char *[]){"--grant", "/:r", "/bin/busybox", NULL}), 125,
           "everything is no grant");
    int status = run(output, sizeof output,
                     (const char *[]){"--job", "memory=8M", "--grant", echo, "/bin/busybox", "sh", "-c",
                                      "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done", NULL});
    ok(WIFEXITED(status) && WEXITSTATUS(status) != 0, "a program that wants all memory ends (%d)", WEXITSTATUS(status));
}

// Inside: a child that touches more than there is; 0: it was the child that ended, by this signal.
static int greedy(int signal) {
    int status = in_child({
        char *m = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        madvise(m, 64 << 20, MADV_NOHUGEPAGE);
        for (size_t i = 0; i < 64 << 20; i += 4096)
            m[i] = 1;
    });
    return !WIFSIGNALED(status) || WTERMSIG(status) != signal;
}

// What --job oom= says ends when the sandbox has no memory left.
static void out_of_memory(void) {
    char output[8192], self_grant[300], killed[8], bus[8];
    snprintf(self_grant, sizeof self_grant, "%s:r", self_path);
    snprintf(killed, sizeof killed, "%d", SIGKILL), snprintf(bus, sizeof bus, "%d", SIGBUS);
    const struct {
        const char *job, *signal;
        int status;
        const char *what;
    } cases[] = {{"memory=16M", killed, 0, "without a word: the process that needs most"},
                 {"memory=16M,oom=process", killed, 0, "oom=process: the same"},
                 {"oom=fault,memory=16M", bus, 0, "oom=fault: SIGBUS for who needs it"},
                 {"memory=16M,oom=job", killed, 128 + SIGKILL, "oom=job: all of it"}};
    for (unsigned i = 0; i < COUNT(cases); i++)
        exited(run(output, sizeof output,
                   (const char *[]){"--job", cases[i].job, "--grant", self_grant, self_path, "greedy", cases[i].signal,
                                    NULL}),
               cases[i].status, "%s", cases[i].what);
    exited(run(output, sizeof output, (const char *[]){"--job", "oom=nobody", self_path, NULL}), 2, "no such policy");
    ok(strstr(output, "oom= wants process, job or fault, not 'nobody'") != NULL, "and it says so");
}

// The caller's right to a service goes to the program, under its name.
static void services(void) {
    static struct packet in;
    char output[8192], self_grant[300], named[40];
    int port = (int)port_create(NULL), right = mint(port, 77, 4), other = mint(port, 78, 4);
    snprintf(self_grant, sizeof self_grant, "%s:r", self_path);
    snprintf(named, sizeof named, "other=%d echo=%d", other, right);
    fcntl(right, F_SETFD, 0), fcntl(other, F_SETFD, 0);
    setenv("TESSERA_HANDLES", named, 1);
    exited(run(output, sizeof output,
               (const char *[]){"--grant", self_grant, "--grant", "service:echo", self_path, "client", NULL}),
           0, "a program that was granted a service");
    is(fipc_recv(port, &in, PACKET_ROOM, 0), 0, "can send to it");
    ok(in.header.type == 5 && in.header.badge == 77, "through the right that was granted");
    fails(fipc_recv(port, &in, PACKET_ROOM, 0), EAGAIN, "and to no other");
    exited(run(output, sizeof output,
               (const char *[]){"--grant", self_grant, "--grant", "service:nobody", self_path, "client", NULL}),
           1, "a service that is not there");
    unsetenv("TESSERA_HANDLES");
    close(other), close(right), close(port);
}

// Inside: sends by every handle from 3 on.
static int client(void) {
    static struct packet out;
    const char *names = getenv("TESSERA_HANDLES");
    int handle = names && strncmp(names, "echo=", 5) == 0 ? atoi(names + 5) : -1, sent = 0;
    for (int i = 3; i < 100; i++)
        sent += fipc_send(i, packet_with(&out, 5, "hello", 5), 0) == 0;
    return sent == 1 && handle >= 3 && !strchr(names, ' ') ? 0 : 9;
}

static unsigned leak(const char *name) {
    char *text = get_file("/proc/tessera/leaks"), *at = strstr(text, name);
    return at ? (unsigned)strtoul(at + strlen(name), NULL, 10) : 0;
}

static void leftovers(void) {
    char output[8192];
    unsigned processes = leak("processes "), mounts = leak("mount "), handles = leak("handles ");
    exited(run(output, sizeof output,
               (const char *[]){"--job", "threads=40", "--grant", "/bin/busybox:r", "/bin/busybox", "sh", "-c",
                                "b() { b | b & }; b; (busybox sleep 1000 &) & exit 3", NULL}),
           3, "a fork bomb in a sandbox");
    // Fewer, if one of those that were out of memory before was not quite gone yet.
    ok(eventually(leak("processes ") <= processes && leak("mount ") <= mounts && leak("handles ") <= handles),
       "leaves nothing (%u %u %u, was %u %u %u)", leak("processes "), leak("mount "), leak("handles "), processes,
       mounts, handles);
}

int main(int argc, char **argv) {
    if (argc == 5 && strcmp(argv[1], "inside") == 0)
        return inside(argv);
    if (argc == 2 && strcmp(argv[1], "setuid") == 0)
        return geteuid() == 0;
    if (argc == 4 && strcmp(argv[1], "sysv") == 0)
        return system_v(argv[2], argv[3]);
    if (argc == 2 && strcmp(argv[1], "nothing") == 0)
        return finds_nothing();
    if (argc == 2 && strcmp(argv[1], "hoard") == 0)
        return hoard();
    if (argc == 3 && strcmp(argv[1], "greedy") == 0)
        return greedy(atoi(argv[2]));
    if (argc == 2 && strcmp(argv[1], "client") == 0)
        return client();
    if (argc == 2 && strcmp(argv[1], "sockets") == 0)
        return with_sockets();
    needs_native();
    if (access("/bin/tessera", X_OK) != 0) {
        skip("no /bin/tessera in this image", "sandbox");
        return tap_done();
    }
    readlink("/proc/self/exe", self_path, sizeof self_path - 1);
    enter_temp_dir();
    pid_t posixd = start_posixd();
    ok(posixd >= 0, "posixd serves");
    escapes();
    shared_names();
    queues_apart();
    stop_posixd(posixd);
    programs();
    out_of_memory();
    services();
    leftovers();
    return tap_done();
}
