// SPDX-License-Identifier: MPL-2.0
// A handle that lost a right never gets it back: not by duplicates, not by opening it again, not in another process,
// not through exec. And handle_transfer.
#include "native.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define READ_ONLY (RIGHTS_ALL & ~(RIGHT_WRITE | RIGHT_ADMIN))
#define FILE_NAME "/tmp/native_rights.file"

static uint32_t rights_of(int handle) {
    struct handle_info info = {};
    return handle_info(handle, &info) == 0 ? info.rights : 0;
}

static const char *link_of(int handle) {
    static char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", handle);
    return path;
}

static int duplicate(int handle, uint32_t rights) {
    return (int)handle_duplicate(handle, rights, HANDLE_KEEP);
}

// ---------------------------------------------------------------- one handle, all ways

enum { OPENED = 1, EMPTIED = 2, MAPPED = 4, CHANGED = 8, NAMED = 16, GREW = 32, TWICE = 64 };

// Opens it again with less first, and from there with more.
static bool in_two_steps(int handle, int first) {
    int step = open(link_of(handle), first);
    if (step < 0)
        return false;
    int more = open(link_of(step), O_RDWR);
    bool wrong = more >= 0 || rights_of(step) & RIGHT_WRITE;
    close(more), close(step);
    return wrong;
}

// What a handle for reading to a file of this process's own can be made to do. 0: nothing, as it should be.
static int attack(int handle) {
    int won = 0,
        flags[] = {O_RDWR, O_WRONLY, O_RDWR | O_APPEND, O_WRONLY | O_TRUNC, O_RDONLY | O_TRUNC, O_RDWR | O_CREAT};
    struct stat before, after;
    fstat(handle, &before);
    for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        int again = open(link_of(handle), flags[i], 0600);
        won |= again >= 0 ? OPENED : 0;
        close(again);
    }
    won |= in_two_steps(handle, O_RDONLY) || in_two_steps(handle, O_PATH) ? TWICE : 0;
    int copy = fcntl(handle, F_DUPFD, 0), full = duplicate(handle, RIGHTS_ALL);
    won |= (rights_of(copy) | rights_of(full)) & (RIGHT_WRITE | RIGHT_ADMIN) ? GREW : 0;
    close(copy), close(full);
    won |= truncate(link_of(handle), 0) == 0 || ftruncate(handle, 0) == 0 ? EMPTIED : 0;
    won |= fallocate(handle, 0, 0, 65536) == 0 ? EMPTIED : 0;
    won |= mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0) != MAP_FAILED ? MAPPED : 0;
    void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, handle, 0);
    won |= map != MAP_FAILED && mprotect(map, 4096, PROT_READ | PROT_WRITE) == 0 ? MAPPED : 0;
    won |= fchmod(handle, 0666) == 0 || chmod(link_of(handle), 0666) == 0 ? CHANGED : 0;
    won |= fchown(handle, 1, 1) == 0 || chown(link_of(handle), 1, 1) == 0 ? CHANGED : 0;
    won |= fchownat(handle, "", 1, 1, AT_EMPTY_PATH) == 0 ? CHANGED : 0;
    won |= futimens(handle, NULL) == 0 || utimensat(AT_FDCWD, link_of(handle), NULL, 0) == 0 ? CHANGED : 0;
    won |= fsetxattr(handle, "user.x", "1", 1, 0) == 0 || setxattr(link_of(handle), "user.x", "1", 1, 0) == 0 ? CHANGED
                                                                                                              : 0;
    won |= linkat(AT_FDCWD, link_of(handle), AT_FDCWD, "/tmp/native_rights.name", AT_SYMLINK_FOLLOW) == 0 ? NAMED : 0;
    won |= linkat(handle, "", AT_FDCWD, "/tmp/native_rights.name", AT_EMPTY_PATH) == 0 ? NAMED : 0;
    won |= fcntl(handle, F_ADD_SEALS, F_SEAL_GROW) == 0 ? CHANGED : 0;
    fstat(handle, &after);
    if (before.st_size != after.st_size || before.st_mode != after.st_mode)
        won |= CHANGED;
    return won;
}

static int through_socket_to(int sock, int handle) {
    char byte = 0, control[CMSG_SPACE(sizeof(int))] = {};
    struct iovec vec = {&byte, 1};
    struct msghdr m = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &handle, sizeof handle);
    return sendmsg(sock, &m, 0) == 1 ? 0 : -1;
}

static int from_socket(int sock) {
    int got = -1;
    char byte, control[CMSG_SPACE(sizeof(int))] = {};
    struct iovec vec = {&byte, 1};
    struct msghdr m = {.msg_iov = &vec, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    if (recvmsg(sock, &m, 0) == 1 && CMSG_FIRSTHDR(&m))
        memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof got);
    return got;
}

// The five ways, from a handle without WRITE and ADMIN.
static void ways(int handle, const char *what) {
    is(attack(handle), 0, "%s: by opening it again", what);
    int copy = dup(handle);
    is(attack(copy), 0, "%s: a duplicate", what);
    close(copy);
    int again = open(link_of(handle), O_RDONLY);
    is(attack(again), 0, "%s: what was opened again for reading", what);
    close(again);

    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pid_t child = start_child({
        close(handle); // only what comes through the socket
        int got = from_socket(pair[1]);
        _exit(got < 0 ? 99 : attack(got));
    });
    is(through_socket_to(pair[0], handle), 0, "%s: sent by SCM_RIGHTS", what);
    exited(wait_status(child), 0, "%s: another process that received it", what);
    close(pair[0]), close(pair[1]);

    child = start_child({
        fcntl(handle, F_SETFD, 0);
        char number[16];
        snprintf(number, sizeof number, "%d", handle);
        execl("/proc/self/exe", "native_rights", "attack", number, NULL);
        _exit(98);
    });
    exited(wait_status(child), 0, "%s: a program that was exec'ed with it", what);

    int ready[2], self = (int)syscall(SYS_pidfd_open, getpid(), 0);
    pipe(ready);
    child = start_child({
        int number = -1;
        close(handle);
        _exit(read(ready[0], &number, sizeof number) != sizeof number ? 97 : attack(number));
    });
    int target = (int)syscall(SYS_pidfd_open, child, 0), moved = dup(handle);
    int number = (int)handle_transfer(moved, target, RIGHTS_ALL);
    ok(number >= 0, "%s: transferred", what);
    write(ready[1], &number, sizeof number);
    exited(wait_status(child), 0, "%s: another process that was given it", what);
    int mine = (int)syscall(SYS_pidfd_getfd, self, handle, 0);
    is(attack(mine), 0, "%s: pidfd_getfd", what);
    close(mine), close(target), close(self), close(ready[0]), close(ready[1]);

    int port = port_create(NULL), right = mint(port, 1, 1);
    struct fipc_handle item = {.handle = handle, .rights = RIGHTS_ALL, .operation = FIPC_COPY};
    struct packet p = {.header = {.handles = (uintptr_t)&item, .handle_count = 1}};
    fipc_send(right, &p, 0);
    expect_handles(&p);
    is(fipc_recv(port, &p, PACKET_ROOM, 0), 0, "%s: in a message", what);
    is(attack(p.handles[0].handle), 0, "%s: what came in a message", what);
    close(p.handles[0].handle), close(right), close(port);
}

static void reopening(void) {
    char buffer[4] = {};
    int memory = memfd_create("rights", MFD_ALLOW_SEALING);
    write(memory, "abcd", 4);
    int reader = open(link_of(memory), O_RDONLY), writer = open(link_of(reader), O_RDWR);
    ok(writer >= 0, "a descriptor that nobody reduced is opened for writing, as on Linux");
    is(pwrite(writer, "x", 1, 0), 1, "and written");
    close(writer), close(reader);
    int less = duplicate(memory, READ_ONLY);
    fails(open(link_of(less), O_RDWR), EACCES, "a reduced one is not");
    reader = open(link_of(less), O_RDONLY);
    is(pread(reader, buffer, 4, 0), 4, "it is for reading");
    is(rights_of(reader) & ~READ_ONLY, 0, "with no more than it had");
    struct stat st;
    is(stat(link_of(less), &st), 0, "its attributes may be looked at");
    is(access(link_of(less), R_OK), 0, "and asked for");
    close(reader);
    ways(less, "memfd");
    int blind = duplicate(memory, RIGHT_WRITE | RIGHT_DUPLICATE);
    fails(open(link_of(blind), O_RDONLY), EACCES, "nor is one for writing opened for reading");
    int again = open(link_of(blind), O_WRONLY);
    is(write(again, "y", 1), 1, "it is for writing");
    fails(mmap(NULL, 4096, PROT_READ, MAP_SHARED, duplicate(memory, RIGHT_READ), 0) == MAP_FAILED ? -1 : 0, EACCES,
          "without MAP there is no mapping");
    close(again), close(blind), close(less);
    is(fchmod(memory, 0600), 0, "the full handle may all");
    is(fcntl(memory, F_ADD_SEALS, F_SEAL_GROW), 0, "still");
    close(memory);

    int file = open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC, 0644);
    write(file, "abcd", 4);
    less = duplicate(file, READ_ONLY);
    ways(less, "file");
    close(less);
    int name = open(FILE_NAME, O_PATH);
    less = duplicate(name, RIGHT_DUPLICATE);
    is(rights_of(less) & RIGHT_PATH, RIGHT_PATH, "a reduced O_PATH handle stays one");
    fails(open(link_of(less), O_RDWR), EACCES, "and is not opened for writing");
    fails(syscall(SYS_fchmod, less, 0600), EBADF, "nor changed");
    close(less), close(name), close(file), unlink(FILE_NAME);
    file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    less = duplicate(file, READ_ONLY);
    ways(less, "nameless file");
    close(less), close(file);
}

static void pipes(void) {
    int ends[2];
    pipe(ends);
    int again = open(link_of(ends[0]), O_WRONLY);
    ok(again >= 0, "the reading end of a pipe leads to a writing one, as on Linux");
    close(again);
    int less = duplicate(ends[0], RIGHTS_ALL & ~RIGHT_ADMIN);
    fails(open(link_of(less), O_WRONLY), EACCES, "a reduced one does not");
    again = open(link_of(less), O_RDONLY);
    ok(again >= 0 && !(rights_of(again) & (RIGHT_ADMIN | RIGHT_WRITE)), "it leads to another reading one");
    fails(open(link_of(again), O_WRONLY), EACCES, "and so does that");
    close(again), close(less), close(ends[0]), close(ends[1]);
}

static void programs(void) {
    char *const argv[] = {"native_rights", "nothing", NULL}, *const env[] = {NULL};
    int program = open("/proc/self/exe", O_RDONLY), data = duplicate(program, RIGHTS_ALL & ~RIGHT_EXEC);
    fcntl(program, F_SETFD, 0);
    pid_t child = start_child({
        syscall(SYS_execveat, program, "", argv, env, AT_EMPTY_PATH);
        _exit(1);
    });
    exited(wait_status(child), 0, "a program is run by its handle");
    fails(syscall(SYS_execveat, data, "", argv, env, AT_EMPTY_PATH), EACCES, "not without EXEC");
    fails(execve(link_of(data), argv, env), EACCES, "nor by the link");
    fails(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, data, 0) == MAP_FAILED ? -1 : 0, EACCES,
          "nor mapped for it");
    close(program), close(data);
}

// ---------------------------------------------------------------- directories

#define TREE "/tmp/native_rights.tree"

static bool as_it_was(int handle) {
    struct stat st;
    return fstatat(handle, "file", &st, 0) == 0 && st.st_size == 4 && (st.st_mode & 0777) == 0644;
}
static bool gives(int handle) {
    close(handle);
    return handle >= 0;
}
static bool none_made(void) {
    static const char *const names[] = {"new", "made", "node", "link", "other", "sub/new"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[100];
        snprintf(path, sizeof path, TREE "/%s", names[i]);
        if (access(path, F_OK) == 0)
            return false;
    }
    return true;
}

// All that would change something below. How many calls did; errno of the others must be EACCES.
static int changes_below(int tree, int full) {
    int done = 0, wrong = 0;
#define try(call) (errno = 0, (call) >= 0 ? done++ : (wrong += errno != EACCES))
    try(openat(tree, "new", O_CREAT | O_WRONLY, 0600));
    try(openat(tree, "new", O_CREAT | O_EXCL | O_RDONLY, 0600));
    try(openat(tree, "sub/new", O_CREAT | O_RDWR, 0600));
    try(openat(tree, ".", O_TMPFILE | O_RDWR, 0600));
    try(openat(tree, "file", O_RDWR));
    try(openat(tree, "file", O_WRONLY | O_TRUNC));
    try(mkdirat(tree, "made", 0700));
    try(mknodat(tree, "node", S_IFIFO | 0600, 0));
    try(symlinkat("file", tree, "link"));
    try(linkat(tree, "file", full, "other", 0));
    try(linkat(full, "file", tree, "other", 0));
    try(unlinkat(tree, "file", 0));
    try(unlinkat(tree, "sub", AT_REMOVEDIR));
    try(renameat(tree, "file", full, "other"));
    try(renameat(full, "file", tree, "other"));
    try(fchmodat(tree, "file", 0600, 0));
    try(fchownat(tree, "file", 1, 1, 0));
    try(utimensat(tree, "file", NULL, 0));
    try(faccessat(tree, "file", W_OK, 0));
    try(fchmod(tree, 0777));
    try(fchdir(tree));
    try(chdir(link_of(tree)));
#undef try
    return done + wrong * 100;
}

static void directories(void) {
    char path[200], buffer[512];
    mkdir(TREE, 0755), mkdir(TREE "/sub", 0755);
    put_file(TREE "/file", "abcd"), put_file(TREE "/sub/deep", "abcd");
    chmod(TREE "/file", 0644);
    symlink("/tmp", TREE "/out"), symlink("sub/deep", TREE "/in");
    int full = open(TREE, O_RDONLY | O_DIRECTORY);
    fails(write(full, "x", 1), EBADF, "a directory is not written to");
    fails(fcntl(full, F_SETLK, &(struct flock){.l_type = F_WRLCK}), EBADF, "nor locked for it");
    is(fcntl(full, F_GETFL) & O_ACCMODE, O_RDONLY, "it is open for reading");
    is(rights_of(full) & RIGHT_WRITE, RIGHT_WRITE, "its handle has the right to change names");
    int copy = duplicate(full, RIGHTS_ALL), file = openat(copy, "sub/../../native_rights.tree/file", O_RDWR);
    ok(file >= 0, "who has all rights goes where Linux does");
    close(file), close(copy);

    int less = duplicate(full, READ_ONLY);
    is(changes_below(less, full), 0, "nothing below is changed without WRITE");
    ok(as_it_was(full) && none_made(), "nor was");
    file = openat(less, "file", O_RDONLY);
    is(read(file, buffer, 4), 4, "files are read");
    is(rights_of(file) & (RIGHT_WRITE | RIGHT_ADMIN), 0, "and their handles have no more than the directory's");
    is(attack(file), 0, "whatever is done with them");
    close(file);
    ok(syscall(SYS_getdents64, less, buffer, sizeof buffer) > 0, "names are listed");
    int sub = openat(less, "sub", O_RDONLY | O_DIRECTORY);
    ok(sub >= 0 && !(rights_of(sub) & RIGHT_WRITE), "a directory below is as its parent");
    fails(openat(sub, "deep", O_RDWR), EACCES, "its files, too");
    ok(gives(openat(sub, "deep", O_RDONLY)), "for reading");
    int place = openat(less, "sub", O_PATH);
    fails(openat(place, "deep", O_RDWR), EACCES, "also by way of O_PATH");
    close(place), close(sub);
    ok(gives(openat(less, "in", O_RDONLY)), "a link that stays below leads on");
    fails(openat(less, "out/native_rights.tree/file", O_RDONLY), EXDEV, "one that leads away does not");
    fails(openat(less, "..", O_RDONLY), EXDEV, "nor does ..");
    fails(openat(less, "sub/../../native_rights.tree", O_RDONLY), EXDEV, "nor further down");
    snprintf(path, sizeof path, "%s/file", link_of(less));
    fails(open(path, O_RDWR), EACCES, "by the link in /proc it is the same");
    ok(gives(open(path, O_RDONLY)), "for reading, too");
    fails(truncate(path, 0), EACCES, "no other call");
    snprintf(path, sizeof path, "%s/new", link_of(less));
    fails(mkdir(path, 0700), EACCES, "no name made");
    snprintf(path, sizeof path, "%s/..", link_of(less));
    fails(open(path, O_RDONLY), EXDEV, "nor left");
    struct stat st;
    is(fstatat(less, "sub/deep", &st, 0), 0, "attributes may be looked at");
    pid_t child = start_child({
        syscall(SYS_setresuid, 1000, 1000, 1000);
        _exit(!gives(openat(less, "file", O_RDONLY)) || openat(less, "file", O_RDWR) >= 0);
    });
    exited(wait_status(child), 0, "another user's process has what both allow");
    close(less);

    less = duplicate(full, RIGHTS_ALL & ~RIGHT_READ);
    fails(syscall(SYS_getdents64, less, buffer, sizeof buffer), EBADF, "without READ names are not listed");
    fails(openat(less, ".", O_RDONLY), EACCES, "nor is it opened for that");
    fails(openat(less, "file", O_RDONLY), EACCES, "files are not read");
    file = openat(less, "new", O_CREAT | O_WRONLY, 0600);
    is(write(file, "x", 1), 1, "they are made and written");
    is(unlinkat(less, "new", 0), 0, "and removed");
    fails(openat(file, "x", O_RDONLY), ENOTDIR, "a file is no place to begin");
    close(file), close(less), close(full);
    char *const argv[] = {"native_rights", "nothing", NULL}, *const env[] = {NULL};
    int programs = open("/proc/self", O_PATH), own = openat(programs, "exe", O_RDONLY),
        to = open(TREE "/run", O_CREAT | O_WRONLY, 0755);
    while (sendfile(to, own, NULL, 1 << 20) > 0)
        ;
    close(to), close(own), close(programs);
    full = open(TREE, O_RDONLY | O_DIRECTORY), less = duplicate(full, READ_ONLY);
    child = start_child({
        syscall(SYS_execveat, less, "run", argv, env, 0);
        _exit(1);
    });
    exited(wait_status(child), 0, "a program is run by its name below");
    close(less), less = duplicate(full, READ_ONLY & ~RIGHT_EXEC);
    fails(syscall(SYS_execveat, less, "run", argv, env, 0), EACCES, "not without EXEC");
    close(less), close(full), unlink(TREE "/run");
    unlink(TREE "/in"), unlink(TREE "/out"), unlink(TREE "/sub/deep"), unlink(TREE "/file");
    rmdir(TREE "/sub");
    is(rmdir(TREE), 0, "nothing else was left there");
}

// ---------------------------------------------------------------- handle_transfer

// A child that waits for numbers and says what rights they have.
struct receiver {
    pid_t pid;
    int task, ask[2], told[2];
};

static struct receiver receiver_start(int limit) {
    struct receiver r;
    pipe(r.ask), pipe(r.told);
    r.pid = start_child({
        if (limit)
            setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)limit, (rlim_t)limit});
        int number = -1;
        write(r.told[1], &number, sizeof number);
        while (read(r.ask[0], &number, sizeof number) == sizeof number && number >= 0) {
            uint32_t rights = rights_of(number);
            write(r.told[1], &rights, sizeof rights);
        }
        _exit(0);
    });
    int ready;
    read(r.told[0], &ready, sizeof ready);
    r.task = (int)syscall(SYS_pidfd_open, r.pid, 0);
    return r;
}

static uint32_t rights_there(const struct receiver *r, int number) {
    uint32_t rights = 0;
    write(r->ask[1], &number, sizeof number);
    read(r->told[0], &rights, sizeof rights);
    return rights;
}

static void receiver_stop(struct receiver *r) {
    int end = -1;
    write(r->ask[1], &end, sizeof end);
    wait_status(r->pid);
    for (int i = 0; i < 2; i++)
        close(r->ask[i]), close(r->told[i]);
}

static bool is_open(int handle) {
    return fcntl(handle, F_GETFD) >= 0;
}

static void transferring(void) {
    struct receiver r = receiver_start(0);
    int event = eventfd(0, 0), spare = dup(event);
    uint32_t all = rights_of(event);
    int number = (int)handle_transfer(event, r.task, RIGHTS_ALL);
    ok(number >= 0 && rights_there(&r, number) == all, "a handle goes to another task");
    ok(!is_open(event), "and is gone here");
    event = dup(spare);
    number = (int)handle_transfer(event, r.task, RIGHT_READ | RIGHT_WAIT);
    is(rights_there(&r, number), all & (RIGHT_READ | RIGHT_WAIT), "with fewer rights");

    int still = duplicate(spare, RIGHTS_ALL & ~RIGHT_TRANSFER);
    fails(handle_transfer(still, r.task, RIGHTS_ALL), EACCES, "not without TRANSFER");
    ok(is_open(still), "then it stays");
    int looker = duplicate(r.task, RIGHTS_ALL & ~RIGHT_WRITE);
    fails(handle_transfer(spare, looker, RIGHTS_ALL), EBADF, "not without WRITE on the task");
    fails(handle_transfer(spare, spare, RIGHTS_ALL), EBADF, "not to what is no task");
    fails(handle_transfer(spare, 999, RIGHTS_ALL), EBADF, "nor to nothing");
    fails(handle_transfer(999, r.task, RIGHTS_ALL), EBADF, "nor nothing");
    fails(handle_transfer(-1, r.task, RIGHTS_ALL), EBADF, "nor a negative number");
    ok(is_open(spare) && (rights_of(spare) == all), "what did not go is as it was");
    close(still), close(looker);

    int task = dup(r.task);
    number = (int)handle_transfer(task, task, RIGHTS_ALL);
    ok(number >= 0 && !is_open(task), "a task is given its own handle, by that handle");
    int self = (int)syscall(SYS_pidfd_open, getpid(), 0), kept = dup(spare);
    number = (int)handle_transfer(kept, self, RIGHT_READ | RIGHT_DUPLICATE);
    ok(number >= 0 && rights_of(number) == (RIGHT_READ | RIGHT_DUPLICATE), "and a task to itself");
    close(number), close(self);

    receiver_stop(&r);
    fails(handle_transfer(spare, r.task, RIGHTS_ALL), ESRCH, "a task that has ended gets nothing");
    ok(is_open(spare), "and the handle stays");
    close(r.task);

    r = receiver_start(10);
    int given = 0;
    for (int i = 0; i < 20 && handle_transfer(task = dup(spare), r.task, RIGHTS_ALL) >= 0; i++)
        given++;
    ok(given < 10 && errno == EMFILE, "until its table is full");
    ok(is_open(task) && rights_of(task) == all, "the one that did not fit stays");
    close(task);
    receiver_stop(&r);
    close(r.task);

    r = receiver_start(0);
    pid_t stranger = start_child({
        syscall(SYS_setresuid, 1000, 1000, 1000);
        long result = handle_transfer(spare, r.task, RIGHTS_ALL);
        _exit(result == -1 && errno == EPERM && is_open(spare) ? 0 : 1);
    });
    exited(wait_status(stranger), 0, "nor does another user give handles to whom he may not trace");
    receiver_stop(&r);
    close(r.task), close(spare);
}

// While the receiver is killed: the handle is here or was there, and no object is left over.
static void dying(void) {
    int lost = 0, event = eventfd(0, 0);
    for (int i = 0; i < 200; i++) {
        struct receiver r = receiver_start(0);
        pid_t killer = start_child({ _exit(kill(r.pid, SIGKILL) != 0); });
        for (int j = 0; j < 50; j++) {
            int one = dup(event);
            bool went = handle_transfer(one, r.task, RIGHTS_ALL) >= 0;
            lost += went == is_open(one);
            close(one);
        }
        wait_status(killer);
        receiver_stop(&r);
        close(r.task);
    }
    is(lost, 0, "here or there, whenever the receiver dies");
    struct handle_info info;
    handle_info(event, &info);
    is(info.handles, 1, "and nothing is left over");
    close(event);
}

int main(int argc, char **argv) {
    if (argc > 2 && !strcmp(argv[1], "attack"))
        return attack(atoi(argv[2]));
    if (argc > 1 && !strcmp(argv[1], "nothing"))
        return 0;
    needs_native();
    signal(SIGPIPE, SIG_IGN);
    reopening();
    pipes();
    programs();
    directories();
    transferring();
    dying();
    return tap_done();
}
