// SPDX-License-Identifier: MPL-2.0
// What stat tells and what changes it: times, modes, owners, sticky folders, statx, statfs.
#include "sys.h"

#include <linux/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

static struct stat look(const char *path) {
    struct stat info = {};
    lstat(path, &info);
    return info;
}
static bool later(struct timespec a, struct timespec b) {
    return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}
static void tick(void) {
    sleep_ms(20); // file times may be coarse
}

static void times(void) {
    put_file("f", "x");
    mkdir("d", 0755);
    struct stat before = look("f"), folder = look("d");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    ok(llabs((long long)now.tv_sec - before.st_mtim.tv_sec) < 60, "a new file's time is now");
    tick();
    put_file("d/in", "");
    ok(later(look("d").st_mtim, folder.st_mtim), "creating changes the folder's time");
    folder = look("d");
    tick();
    chmod("f", 0600);
    ok(later(look("f").st_ctim, before.st_ctim) && !later(look("f").st_mtim, before.st_mtim),
       "chmod changes ctime only");
    int fd = open("f", O_RDWR);
    tick();
    write(fd, "y", 1);
    ok(later(look("f").st_mtim, before.st_mtim), "write changes mtime");
    close(fd);
    before = look("f");
    tick();
    link("f", "g");
    ok(later(look("f").st_ctim, before.st_ctim), "link changes ctime");
    tick();
    unlink("d/in");
    ok(later(look("d").st_mtim, folder.st_mtim), "unlink changes the folder's time");
    struct timespec set[2] = {{1000, 5}, {2000, 7}};
    is(utimensat(AT_FDCWD, "f", set, 0), 0, "utimensat");
    struct stat info = look("f");
    ok(info.st_atim.tv_sec == 1000 && info.st_atim.tv_nsec == 5 && info.st_mtim.tv_sec == 2000 &&
           info.st_mtim.tv_nsec == 7,
       "sets both times");
    set[0].tv_nsec = UTIME_OMIT, set[1].tv_nsec = UTIME_NOW;
    is(utimensat(AT_FDCWD, "f", set, 0), 0, "UTIME_OMIT and UTIME_NOW");
    info = look("f");
    ok(info.st_atim.tv_sec == 1000 && llabs((long long)info.st_mtim.tv_sec - now.tv_sec) < 60, "leave one, set one");
    set[0].tv_nsec = 2'000'000'000;
    fails(utimensat(AT_FDCWD, "f", set, 0), EINVAL, "too many nanoseconds");
    symlink("f", "s");
    set[0] = set[1] = (struct timespec){77, 0};
    is(utimensat(AT_FDCWD, "s", set, AT_SYMLINK_NOFOLLOW), 0, "a link's own times");
    ok(look("s").st_mtim.tv_sec == 77 && look("f").st_mtim.tv_sec != 77, "not its target's");
    is(utimensat(AT_FDCWD, "f", NULL, 0), 0, "no times: now");
}

static void modes(void) {
    put_file("m", "x");
    is(chmod("m", 07777), 0, "chmod");
    is(look("m").st_mode, S_IFREG | 07777, "all twelve bits");
    is(chmod("m", 0), 0, "and none");
    is(look("m").st_mode & 07777, 0, "none");
    fails(chmod("missing", 0), ENOENT, "of nothing");
    chmod("m", 0644);
    int fd = open("m", O_RDONLY);
    is(fchmod(fd, 0600), 0, "fchmod through a read-only descriptor");
    is(fchmodat(AT_FDCWD, "m", 0640, 0), 0, "fchmodat");
    close(fd);
    umask(0777);
    close(creat("none", 0666));
    is(look("none").st_mode & 07777, 0, "umask takes all");
    umask(0);
    mkdir("all", 0777);
    is(look("all").st_mode & 07777, 0777, "or nothing");
    is(umask(022), 0, "umask answers with the old one");
}

static void owners(void) {
    if (!is_root()) {
        skip("needs root", "chown");
        return;
    }
    put_file("o", "x");
    is(chown("o", 123, 456), 0, "chown");
    ok(look("o").st_uid == 123 && look("o").st_gid == 456, "both");
    is(chown("o", -1, 7), 0, "group only");
    ok(look("o").st_uid == 123 && look("o").st_gid == 7, "the owner stays");
    symlink("o", "lo");
    is(lchown("lo", 5, 5), 0, "lchown");
    ok(look("lo").st_uid == 5 && look("o").st_uid == 123, "the link only");
    chmod("o", 06755);
    chown("o", 1, 1);
    is(look("o").st_mode & 07777, 0755, "chown drops the set-id bits");
    mkdir("shared", 02777), chmod("shared", 02777), chown("shared", 0, 99), chmod("shared", 02777);
    put_file("shared/f", "x"), mkdir("shared/d", 0755);
    is(look("shared/f").st_gid, 99, "in a set-gid folder, files get the folder's group");
    ok(look("shared/d").st_gid == 99 && look("shared/d").st_mode & S_ISGID, "and folders the bit as well");
    mkdir("sticky", 01777), chmod("sticky", 01777);
    put_file("sticky/root", "x"), put_file("sticky/user", "x"), chown("sticky/user", 1000, 1000);
    chmod(".", 0755);
    exited(in_child({
               syscall(SYS_setuid, 1000);
               bool good = unlink("sticky/root") == -1 && errno == EPERM;
               good &= rename("sticky/root", "sticky/x") == -1 && errno == EPERM;
               good &= unlink("sticky/user") == 0;
               _exit(!good);
           }),
           0, "in a sticky folder one removes one's own only");
    put_file("suid", "x"), chmod("suid", 06777);
    exited(in_child({
               syscall(SYS_setuid, 1000);
               int fd = open("suid", O_WRONLY);
               _exit(write(fd, "y", 1) != 1);
           }),
           0, "an ordinary user writes to a set-id file");
    is(look("suid").st_mode & 06000, 0, "which loses the bits");
}

static void access_calls(void) {
    put_file("a", "x"), chmod("a", 0444);
    is(access("a", F_OK), 0, "F_OK");
    is(access("a", R_OK), 0, "R_OK");
    fails(access("a", X_OK), EACCES, "X_OK without any x bit, even for root");
    fails(access("a", 64), EINVAL, "an unknown mode");
    fails(access("missing", F_OK), ENOENT, "nothing");
    is(faccessat(AT_FDCWD, "a", R_OK, AT_EACCESS), 0, "faccessat with AT_EACCESS");
}

static void extended(void) {
    struct statx x = {};
    put_file("x", "12345");
    is(syscall(SYS_statx, AT_FDCWD, "x", 0, STATX_BASIC_STATS | STATX_BTIME, &x), 0, "statx");
    struct stat info = look("x");
    ok((x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS, "answers the basic fields");
    ok(x.stx_size == 5 && x.stx_ino == info.st_ino && x.stx_mode == info.st_mode && x.stx_nlink == 1 &&
           x.stx_uid == info.st_uid && x.stx_dev_major == major(info.st_dev) && x.stx_dev_minor == minor(info.st_dev) &&
           x.stx_mtime.tv_sec == info.st_mtim.tv_sec && x.stx_mtime.tv_nsec == info.st_mtim.tv_nsec,
       "the same as stat");
    fails(syscall(SYS_statx, AT_FDCWD, "x", 0x8000'0000 >> 1, STATX_BASIC_STATS, &x), EINVAL, "an unknown flag");
    fails(syscall(SYS_statx, AT_FDCWD, "x", 0, 0x8000'0000, &x), EINVAL, "the reserved mask bit");
    fails(syscall(SYS_statx, AT_FDCWD, "missing", 0, STATX_BASIC_STATS, &x), ENOENT, "nothing");
    is(syscall(SYS_statx, open("x", O_RDONLY), "", AT_EMPTY_PATH, STATX_SIZE, &x), 0, "of an open file");
    is(x.stx_size, 5, "its size");
    stat("/dev/null", &info);
    ok(S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3), "/dev/null is device 1:3");
    struct statfs fs;
    is(statfs("/tmp", &fs), 0, "statfs");
    ok(fs.f_bsize >= 512 && fs.f_blocks >= fs.f_bfree && fs.f_namelen == 255, "sensible numbers");
    is(statfs("/proc", &fs), 0, "statfs of /proc");
    is(fs.f_type, 0x9fa0, "by its magic number");
    fails(statfs("missing", &fs), ENOENT, "of nothing");
    is(fstatfs(open("x", O_RDONLY), &fs), 0, "fstatfs");
}

int main(void) {
    enter_temp_dir();
    times();
    modes();
    owners();
    access_calls();
    extended();
    return tap_done();
}
