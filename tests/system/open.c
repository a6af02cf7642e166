// SPDX-License-Identifier: MPL-2.0
// open, openat, openat2, creat: every flag, every refusal.
#include "sys.h"

#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/un.h>

static void creating(void) {
    int fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0666);
    ok(fd >= 0, "create a file");
    struct stat info;
    fstat(fd, &info);
    is(info.st_mode, S_IFREG | 0644, "its permissions less the umask");
    is(info.st_size, 0, "it is empty");
    fails(open("new", O_CREAT | O_EXCL, 0666), EEXIST, "O_EXCL refuses an existing one");
    ok(write(fd, "0123456789", 10) == 10, "write");
    close(fd);
    fd = open("new", O_WRONLY | O_TRUNC);
    fstat(fd, &info);
    is(info.st_size, 0, "O_TRUNC empties it");
    char c;
    fails(read(fd, &c, 1), EBADF, "O_WRONLY cannot read");
    close(fd);
    fd = open("new", O_RDONLY);
    fails(write(fd, "x", 1), EBADF, "O_RDONLY cannot write");
    fails(ftruncate(fd, 0), EINVAL, "nor truncate");
    close(fd);
    fd = creat("read-only", 0400);
    ok(fd >= 0 && write(fd, "x", 1) == 1, "the mode of a new file does not bind its creator");
    close(fd);
    symlink("target", "dangling");
    fails(open("dangling", O_RDONLY), ENOENT, "a dangling link");
    fails(open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST, "O_EXCL does not follow links");
    fd = open("dangling", O_CREAT | O_WRONLY, 0644);
    ok(fd >= 0 && access("target", F_OK) == 0, "O_CREAT creates what a link names");
    close(fd);
    fails(open("no-folder/file", O_CREAT | O_WRONLY, 0644), ENOENT, "no folder to create in");
    fails(open("new/", O_RDONLY), ENOTDIR, "a file with a slash behind");
    fails(open("fresh/", O_CREAT | O_WRONLY, 0644), EISDIR, "creating with a slash behind");
    fails(open("new", O_RDONLY | O_DIRECTORY), ENOTDIR, "O_DIRECTORY of a file");
    fails(open(".", O_WRONLY), EISDIR, "a folder for writing");
    fails(open(".", O_RDONLY | O_CREAT, 0644), EISDIR, "a folder with O_CREAT");
    fails(open("", O_RDONLY), ENOENT, "an empty path");
}

static void flags(void) {
    put_file("f", "abc");
    symlink("f", "link");
    int fd = open("f", O_RDONLY);
    is(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK), O_RDONLY, "F_GETFL");
    is(fcntl(fd, F_GETFD), 0, "no close-on-exec");
    close(fd);
    fd = open("f", O_RDWR | O_APPEND | O_NONBLOCK | O_CLOEXEC);
    is(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_CREAT | O_TRUNC), O_RDWR | O_APPEND | O_NONBLOCK,
       "F_GETFL of more");
    is(fcntl(fd, F_GETFD), FD_CLOEXEC, "O_CLOEXEC");
    lseek(fd, 0, SEEK_SET);
    write(fd, "d", 1);
    ok(same_text(get_file("f"), "abcd"), "O_APPEND writes at the end wherever the offset is");
    is(lseek(fd, 0, SEEK_CUR), 4, "and moves the offset there");
    is(fcntl(fd, F_SETFL, O_NONBLOCK), 0, "F_SETFL");
    is(fcntl(fd, F_GETFL) & O_APPEND, 0, "takes O_APPEND away");
    lseek(fd, 0, SEEK_SET);
    write(fd, "A", 1);
    ok(same_text(get_file("f"), "Abcd"), "writing at the offset again");
    close(fd);
    fails(open("link", O_RDONLY | O_NOFOLLOW), ELOOP, "O_NOFOLLOW of a link");
    fd = open("link", O_PATH | O_NOFOLLOW);
    struct stat info;
    ok(fd >= 0 && fstat(fd, &info) == 0 && S_ISLNK(info.st_mode), "O_PATH holds the link itself");
    char target[10] = "";
    is(readlinkat(fd, "", target, sizeof target), 1, "whose target can be read");
    close(fd);
    fd = open("f", O_PATH);
    char c;
    fails(read(fd, &c, 1), EBADF, "O_PATH cannot read");
    fails(syscall(SYS_fchmod, fd, 0600), EBADF, "nor change the mode");
    is(fcntl(fd, F_GETFD), 0, "but be asked and duplicated");
    int again = dup(fd);
    ok(again >= 0, "dup of it");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int real = open(path, O_RDONLY);
    ok(real >= 0 && read(real, &c, 1) == 1 && c == 'A', "and opened for real through /proc/self/fd");
    close(real), close(again), close(fd);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int sock = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(sock, (struct sockaddr *)&address, sizeof address);
    fails(open("socket", O_RDONLY), ENXIO, "a socket cannot be opened");
    close(sock);
}

static void relative(void) {
    mkdir("d", 0755);
    put_file("d/in", "inside");
    int folder = open("d", O_RDONLY | O_DIRECTORY), file = open("d/in", O_RDONLY);
    int fd = openat(folder, "in", O_RDONLY);
    ok(fd >= 0, "openat a folder");
    close(fd);
    fails(openat(folder, "out", O_RDONLY), ENOENT, "something not in it");
    fails(openat(file, "in", O_RDONLY), ENOTDIR, "openat a file");
    fails(openat(999, "in", O_RDONLY), EBADF, "openat nothing");
    fd = openat(999, "/dev/null", O_RDONLY);
    ok(fd >= 0, "an absolute path does not look at the folder");
    close(fd);
    int path = open("d", O_PATH);
    fd = openat(path, "in", O_RDONLY);
    ok(fd >= 0, "openat an O_PATH folder");
    close(fd), close(path);
    // The folder moves; the handle stays with it.
    rename("d", "moved");
    fd = openat(folder, "in", O_RDONLY);
    ok(fd >= 0, "openat a folder that was renamed");
    close(fd), close(folder), close(file);
}

static int open2(int folder, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

static void resolve(void) {
    mkdir("jail", 0755), mkdir("jail/sub", 0755);
    put_file("jail/sub/file", "x"), put_file("outside", "y");
    symlink("sub/file", "jail/good"), symlink("../outside", "jail/bad"), symlink("/sub/file", "jail/absolute");
    int jail = open("jail", O_RDONLY | O_DIRECTORY), fd;
    ok((fd = open2(jail, "good", O_RDONLY, 0, RESOLVE_BENEATH)) >= 0, "RESOLVE_BENEATH: a link inside");
    close(fd);
    fails(open2(jail, "bad", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV, "a link to the outside");
    fails(open2(jail, "../outside", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV, "a path to the outside");
    fails(open2(jail, "/dev/null", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV, "an absolute path");
    ok((fd = open2(jail, "sub/../good", O_RDONLY, 0, RESOLVE_BENEATH)) >= 0, "down and up again inside");
    close(fd);
    ok((fd = open2(jail, "absolute", O_RDONLY, 0, RESOLVE_IN_ROOT)) >= 0,
       "RESOLVE_IN_ROOT: an absolute link starts at the folder");
    close(fd);
    ok((fd = open2(jail, "../../sub/file", O_RDONLY, 0, RESOLVE_IN_ROOT)) >= 0, "above which nothing leads");
    close(fd);
    fails(open2(jail, "good", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), ELOOP, "RESOLVE_NO_SYMLINKS");
    fails(open2(AT_FDCWD, "/proc/self/stat", O_RDONLY, 0, RESOLVE_NO_XDEV), EXDEV, "RESOLVE_NO_XDEV");
    fails(open2(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS), ELOOP, "RESOLVE_NO_MAGICLINKS");
    fails(open2(jail, "good", O_RDONLY, 0, 0x1000), EINVAL, "an unknown way to resolve");
    fails(open2(jail, "good", O_RDONLY, 0644, 0), EINVAL, "a mode without O_CREAT");
    fails(open2(jail, "good", 1ull << 40, 0, 0), EINVAL, "an unknown flag");
    struct {
        struct open_how how;
        uint64_t more;
    } large = {.how = {.flags = O_RDONLY}};
    fd = (int)syscall(SYS_openat2, jail, "good", &large, sizeof large);
    ok(fd >= 0, "a larger structure that is zero at its end");
    close(fd);
    large.more = 1;
    fails(syscall(SYS_openat2, jail, "good", &large, sizeof large), E2BIG, "or not zero");
    fails(syscall(SYS_openat2, jail, "good", &large, 8), EINVAL, "a smaller structure");
    close(jail);
}

static void temporary(void) {
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    if (!ok(fd >= 0, "O_TMPFILE"))
        return;
    struct stat info;
    fstat(fd, &info);
    is(info.st_nlink, 0, "has no name");
    write(fd, "hidden", 6);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    is(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), 0, "until it is linked");
    ok(same_text(get_file("named"), "hidden"), "and then has its contents");
    close(fd);
    fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    fails(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW), ENOENT, "O_EXCL forbids that");
    close(fd);
    fails(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL, "O_TMPFILE must be writable");
}

int main(void) {
    enter_temp_dir();
    creating();
    flags();
    relative();
    resolve();
    temporary();
    return tap_done();
}
