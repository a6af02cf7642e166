// SPDX-License-Identifier: MPL-2.0
// fsd by hand, over an image in memory: what services.py put into it is seen, also while the server is killed again and
// again, and damage gives EIO at most.
#include "services.h"

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <tessera/handle.h>
#include <tessera/pager.h>
#include <tessera/port.h>

#define IMAGE "/etc/volume.squashfs"
#define PLACE "/mnt/volume"
#define BIG (1 << 20)
#define NAMES 500
#define PIECE 16384
#define KILLS 12
#define PLAIN "/etc/plain.squashfs" // its tables are not compressed, as tests/fuzz/squashfs-seeds has made it
#define DAMAGED 40
#define DAMAGED_PLAIN 80

static int disk, port, pager;
// Of all processes.
static struct {
    _Atomic unsigned steps; // that readers have made
    _Atomic bool over;
} *notes;

// As in services.py.
static uint8_t expected(size_t at) {
    return (uint8_t)(at / 4096 * 7 + at % 61);
}

static pid_t start_server(void) {
    return start_child({
        char handles[80];
        snprintf(handles, sizeof handles, "port=%d disk=%d pager=%d", port, disk, pager);
        setenv("TESSERA_HANDLES", handles, 1);
        int quiet = open("/dev/null", O_WRONLY);
        dup2(quiet, 2);
        fcntl(port, F_SETFD, 0), fcntl(disk, F_SETFD, 0), fcntl(pager, F_SETFD, 0);
        execl("/sbin/fsd", "fsd", NULL);
        _exit(127);
    });
}

static void make_handles(void) {
    port = port_create(NULL);
    pager = pager_create(port, &(struct pager_options){.flags = PAGER_GIVES_BACK});
}

static void drop_handles(void) {
    handle_close(pager);
    handle_close(port);
}

static int mount_it(void) {
    char options[64];
    int right = port_right(port, 0);
    snprintf(options, sizeof options, "right=%d,pager=%d", right, pager);
    int status = mount("test", PLACE, "served", 0, options);
    int error = errno;
    handle_close(right);
    errno = error;
    return status;
}

static bool copy_image(const char *image) {
    static char piece[65536];
    int from = open(image, O_RDONLY);
    ssize_t got;
    if (ftruncate(disk, 0) < 0 || lseek(disk, 0, SEEK_SET) < 0)
        return false;
    while ((got = read(from, piece, sizeof piece)) > 0)
        if (write(disk, piece, (size_t)got) != got)
            return false;
    close(from);
    return from >= 0 && got == 0;
}

// ---------------------------------------------------------------- what is there

static bool big_is_right(void) {
    static uint8_t data[BIG];
    int fd = open(PLACE "/big", O_RDONLY);
    size_t done = 0;
    ssize_t got;
    while (done < BIG && (got = read(fd, data + done, PIECE)) > 0)
        done += (size_t)got, notes->steps++;
    close(fd);
    for (size_t at = 0; at < done; at++)
        if (data[at] != expected(at))
            return false;
    return done == BIG;
}

static int count_names(void) {
    DIR *folder = opendir(PLACE "/many");
    int count = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        count += strncmp(entry->d_name, "name-", 5) == 0;
    if (folder)
        closedir(folder);
    return count;
}

static void test_contents(void) {
    struct stat info, other;
    ok(big_is_right(), "a file of a megabyte");
    int fd = open(PLACE "/big", O_RDONLY);
    const uint8_t *map = mmap(NULL, BIG, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    ok(map != MAP_FAILED && map[0] == expected(0) && map[BIG - 1] == expected(BIG - 1), "mapped");
    munmap((void *)map, BIG);
    ok(same_text(get_file(PLACE "/link"), "small"), "a small one, by a link");
    is(count_names(), NAMES, "all names of a large folder");
    is(access(PLACE "/many/name-499", F_OK), 0, "the last of them");
    fails(access(PLACE "/many/name-500", F_OK), ENOENT, "and no other");
    ok(stat(PLACE "/small", &info) == 0 && info.st_mode == (S_IFREG | 04751) && info.st_uid == 1000 &&
           info.st_gid == 50 && info.st_mtime == 1234567,
       "mode, owner and time");
    ok(stat(PLACE "/again", &other) == 0 && other.st_ino == info.st_ino && info.st_nlink == 2, "two names of one file");
    ok(lstat(PLACE "/null", &info) == 0 && S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3), "a device");
}

// As squashfs on Linux.
static void test_read_only(void) {
    struct timespec now[2] = {};
    fails(open(PLACE "/small", O_WRONLY), EROFS, "nothing can be written");
    fails(open(PLACE "/small", O_RDONLY | O_TRUNC), EROFS, "nor cut");
    fails(open(PLACE "/new", O_RDWR | O_CREAT, 0644), EROFS, "nor made");
    fails(open(PLACE, O_RDWR | O_TMPFILE, 0644), EROFS, "not even without a name");
    fails(truncate(PLACE "/small", 0), EROFS, "truncate");
    fails(mkdir(PLACE "/new", 0755), EROFS, "mkdir");
    fails(mkdir(PLACE "/many", 0755), EEXIST, "of one that is there");
    fails(mkfifo(PLACE "/new", 0644), EROFS, "mkfifo");
    fails(symlink("x", PLACE "/new"), EROFS, "symlink");
    fails(link(PLACE "/small", PLACE "/new"), EROFS, "link");
    fails(unlink(PLACE "/small"), EROFS, "unlink");
    fails(unlink(PLACE "/nothing"), ENOENT, "of one that is not there");
    fails(rmdir(PLACE "/many"), EROFS, "rmdir");
    fails(rename(PLACE "/small", PLACE "/new"), EROFS, "rename");
    fails(chmod(PLACE "/small", 0600), EROFS, "chmod");
    fails(chown(PLACE "/small", 0, 0), EROFS, "chown");
    fails(utimensat(AT_FDCWD, PLACE "/small", now, 0), EROFS, "utimensat");
    fails(access(PLACE "/small", W_OK), EROFS, "access");
    fails(setxattr(PLACE "/marked", "user.new", "x", 1, 0), EROFS, "setxattr");
    fails(removexattr(PLACE "/marked", "user.colour"), EROFS, "removexattr");
    int fd = open(PLACE "/small", O_RDONLY);
    fails(fchmod(fd, 0600), EROFS, "fchmod");
    fails(fsetxattr(fd, "user.new", "x", 1, 0), EROFS, "fsetxattr");
    close(fd);
}

// ---------------------------------------------------------------- extended attributes

static bool lists(const char *list, ssize_t size, const char *name) {
    for (ssize_t at = 0; at < size; at += (ssize_t)strlen(list + at) + 1)
        if (strcmp(list + at, name) == 0)
            return true;
    return false;
}

static void test_attributes(const char *path) {
    static const uint8_t capability[20] = {1, 0, 0, 2, 0, 32};
    static char value[40000], list[256];
    char secret[2];
    ssize_t size = listxattr(path, list, sizeof list);
    ok(lists(list, size, "user.colour") && lists(list, size, "user.long") && lists(list, size, "security.capability"),
       "%s: listxattr", path);
    is(listxattr(path, NULL, 0), size, "or how long the list is");
    fails(listxattr(path, list, 5), ERANGE, "for which there must be room");
    ok(getxattr(path, "user.colour", value, sizeof value) == 4 && !memcmp(value, "blue", 4), "getxattr");
    is(getxattr(path, "user.long", NULL, 0), 30000, "a long one");
    ok(getxattr(path, "user.long", value, sizeof value) == 30000 && !memcmp(value + 29990, "0123456789", 10),
       "to its end");
    fails(getxattr(path, "user.long", value, 100), ERANGE, "needs room");
    fails(getxattr(path, "user.none", value, 100), ENODATA, "one that is not there");
    ok(getxattr(path, "security.capability", value, sizeof value) == sizeof capability &&
           !memcmp(value, capability, sizeof capability),
       "a file's capabilities");
    is(getxattr(path, "trusted.secret", secret, sizeof secret), 1, "the administrator's");
    exited(in_child({
               (void)!setuid(1000);
               size = listxattr(path, list, sizeof list);
               _exit(lists(list, size, "trusted.secret") || getxattr(path, "trusted.secret", secret, 2) != -1 ||
                     errno != ENODATA);
           }),
           0, "are nobody else's");
    is(listxattr(PLACE "/small", list, sizeof list), 0, "a file without any");
    fails(getxattr(PLACE "/small", "user.colour", value, 100), ENODATA, "has none");
}

// An overlay shows them, and keeps them when a file is copied up.
static void test_overlaid(void) {
    mkdir("/mnt/tmp", 0755), mkdir("/mnt/over", 0755);
    mount("tmpfs", "/mnt/tmp", "tmpfs", 0, "");
    mkdir("/mnt/tmp/upper", 0755), mkdir("/mnt/tmp/work", 0755);
    if (!is(mount("over", "/mnt/over", "overlay", 0,
                  "lowerdir=" PLACE ",upperdir=/mnt/tmp/upper,workdir=/mnt/tmp/work"),
            0, "an overlay above it"))
        return;
    test_attributes("/mnt/over/marked");
    is(setxattr("/mnt/over/marked", "user.new", "x", 1, 0), 0, "one more copies the file up");
    test_attributes("/mnt/over/marked");
    is(getxattr("/mnt/over/marked", "user.new", NULL, 0), 1, "with what is new");
    is(umount("/mnt/over"), 0, "umount of the overlay");
    umount("/mnt/tmp");
}

static void test_kills(pid_t server) {
    pid_t reader = start_child({
        while (!notes->over)
            if (mount_it() < 0 || !big_is_right() || count_names() != NAMES || umount(PLACE) < 0)
                _exit(1);
    });
    // A page that three servers were killed over would be EIO: each shall get somewhere.
    for (int i = 0; i < KILLS; i++) {
        unsigned before = notes->steps;
        eventually(notes->steps > before);
        sleep_ms(i);
        kill(server, SIGKILL);
        killed(wait_status(server), SIGKILL, "fsd dies");
        server = start_server();
    }
    notes->over = true;
    exited(wait_status(reader), 0, "who reads sees a pause at most");
    kill(server, SIGKILL);
    wait_status(server);
}

// A disk that ends where the contents begin: these cannot be read until it is whole again.
static void test_disk_errors(void) {
    static char text[8];
    int fd = open(PLACE "/big", O_RDONLY);
    ok(ftruncate(disk, 96) == 0 && fd >= 0, "a disk that cannot be read");
    const uint8_t *map = mmap(NULL, BIG, PROT_READ, MAP_PRIVATE, fd, 0);
    fails(pread(fd, text, sizeof text, 0), EIO, "reading from it: EIO");
    killed(in_child(_exit(map[BIG - 1])), SIGBUS, "mapped: SIGBUS");
    ok(copy_image(IMAGE) && pread(fd, text, sizeof text, 0) == sizeof text && (uint8_t)text[1] == expected(1),
       "when it can be read, so can the file");
    is(map[BIG - 1], expected(BIG - 1), "to its end");
    munmap((void *)map, BIG);
    close(fd);
}

// ---------------------------------------------------------------- damage

// Damage may show as a file that asks for more memory than there is.
#define may_be(error) ((error) == EIO || (error) == ENOMEM)

static void look_at_attributes(const char *path) {
    static char list[4096], value[4096];
    ssize_t size = llistxattr(path, list, sizeof list - 1);
    if (size < 0 && !may_be(errno) && errno != ERANGE)
        _exit(4);
    for (ssize_t at = 0; at < size; at += (ssize_t)strlen(list + at) + 1)
        if (lgetxattr(path, list + at, value, sizeof value) < 0 && errno != ENODATA && errno != ERANGE &&
            errno != EOPNOTSUPP)
            _exit(5);
}

static int look(const char *path, const struct stat *info, int type, struct FTW *ftw) {
    static char piece[8192];
    (void)info, (void)ftw;
    look_at_attributes(path);
    int fd = type == FTW_F && (S_ISREG(info->st_mode) || S_ISDIR(info->st_mode)) ? open(path, O_RDONLY) : -1;
    ssize_t got = 1;
    for (int i = 0; fd >= 0 && i < 1000 && got > 0; i++)
        if ((got = read(fd, piece, sizeof piece)) < 0 && !may_be(errno))
            _exit(3);
    close(fd);
    return 0;
}

// A server that gives up takes its port along, so whoever asks it hears of it.
static void look_at_damage(void) {
    make_handles();
    pid_t server = start_server();
    pid_t looker = start_child({
        alarm(60); // it has an end
        if (mount_it() == 0) {
            nftw(PLACE, look, 20, FTW_PHYS | FTW_MOUNT);
            umount2(PLACE, MNT_DETACH);
        } else if (!may_be(errno)) {
            _exit(2);
        }
    });
    drop_handles(); // the server has the port now, and the looker its copies, until it is done
    int status;
    pid_t first = wait(&status);
    if (first == server) {
        sleep_ms(50);
        kill(looker, SIGKILL); // nobody will answer it
        wait_status(looker);
    } else {
        exited(status, 0, "damage is EIO, or is not seen");
        kill(server, SIGKILL);
        wait_status(server);
    }
}

// `at`: where the next byte goes.
static void damage(const char *image, int rounds, int bytes, off_t at(uint32_t random, int i, off_t size)) {
    static uint32_t random = 12345;
    struct stat info;
    for (int round = 0; round < rounds; round++) {
        if (!copy_image(image) || fstat(disk, &info) < 0)
            return;
        for (int i = 0; i < bytes; i++) {
            random = random * 1664525 + 1013904223;
            uint8_t byte = (uint8_t)(random >> 9);
            random = random * 1664525 + 1013904223;
            if (pwrite(disk, &byte, 1, at(random >> 8, i, info.st_size)) != 1)
                return;
        }
        look_at_damage();
    }
}

// The tables are at the end: half of the damage goes there.
static off_t mostly_tables(uint32_t random, int i, off_t size) {
    off_t at = i % 2 ? size - 1 - random % 12288 : random % size;
    return at < 96 ? 96 : at;
}

// A quarter in the superblock, the rest behind the contents.
static off_t tables_only(uint32_t random, int i, off_t size) {
    enum { CONTENTS = 96 + 4820 };
    return i == 0 && random % 4 == 0 ? random / 4 % 96 : CONTENTS + random % (size - CONTENTS);
}

static void test_damage(void) {
    damage(IMAGE, DAMAGED, 24, mostly_tables);
    damage(PLAIN, DAMAGED_PLAIN, 2, tables_only);
    copy_image(IMAGE);
    make_handles();
    pid_t server = start_server();
    is(mount_it(), 0, "an image that is whole");
    ok(big_is_right(), "is read as before");
    umount(PLACE);
    kill(server, SIGKILL);
    wait_status(server);
    drop_handles();
}

// A server that dies of whatever it is asked, but not at once.
static void test_deadly_question(void) {
    make_handles();
    pid_t asker = start_child(_exit(mount_it() == 0 ? 0 : errno));
    int status, deaths = 0;
    while (deaths < 10 && waitpid(asker, &status, WNOHANG) == 0) {
        pid_t server = start_child({
            struct {
                struct fipc_message header;
                uint8_t data[64];
            } m = {};
            fipc_recv(port, &m.header, sizeof m, now_ns() + 2'000'000'000);
            sleep_ms(150);
        });
        wait_status(server);
        deaths++;
        sleep_ms(20); // the asker hears of it
    }
    if (ok(deaths < 10, "a question that servers die of is not asked for ever"))
        exited(status, EIO, "it is EIO");
    else
        kill(asker, SIGKILL), wait_status(asker);
    drop_handles();
}

int main(void) {
    mkdir("/mnt", 0755), mkdir(PLACE, 0755);
    disk = memfd_create("disk", 0);
    notes = mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ok(copy_image(IMAGE), "an image");
    make_handles();
    fails(mount("test", PLACE, "served", 0, "right=900,pager=901"), EBADF, "handles that are none");
    fails(mount("test", PLACE, "served", 0, ""), EINVAL, "no handles");
    pid_t server = start_server();
    if (is(mount_it(), 0, "mount")) {
        test_disk_errors();
        test_contents();
        test_read_only();
        test_attributes(PLACE "/marked");
        test_overlaid();
    }
    is(umount(PLACE), 0, "umount");
    test_kills(server);
    drop_handles();
    test_deadly_question();
    test_damage();
    return tap_done();
}
