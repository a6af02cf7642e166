// SPDX-License-Identifier: MPL-2.0
// Names: rename, link, symlink, unlink, mkdir, rmdir, and the walk along a path.
#include "sys.h"

#include <limits.h>
#include <sys/mount.h>

#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
static int rename2(const char *from, const char *to, unsigned flags) {
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}
static ino_t inode(const char *path) {
    struct stat info;
    return lstat(path, &info) < 0 ? 0 : info.st_ino;
}
static nlink_t links(const char *path) {
    struct stat info;
    return lstat(path, &info) < 0 ? 0 : info.st_nlink;
}

static void renaming(void) {
    put_file("a", "A"), put_file("b", "B");
    ino_t number = inode("a");
    is(rename("a", "c"), 0, "rename");
    ok(access("a", F_OK) < 0 && inode("c") == number, "moves the file itself");
    int fd = open("b", O_RDONLY);
    is(rename("c", "b"), 0, "rename onto a file");
    char c;
    ok(same_text(get_file("b"), "A") && read(fd, &c, 1) == 1 && c == 'B', "replaces it; who has it open keeps it");
    close(fd);
    is(rename("b", "b"), 0, "onto itself");
    link("b", "hard");
    is(rename("b", "hard"), 0, "onto another name of the same file");
    ok(access("b", F_OK) == 0 && access("hard", F_OK) == 0, "does nothing");
    mkdir("d", 0755), mkdir("e", 0755), mkdir("full", 0755), put_file("full/x", "");
    fails(rename("b", "d"), EISDIR, "a file onto a folder");
    fails(rename("d", "b"), ENOTDIR, "a folder onto a file");
    is(rename("d", "e"), 0, "a folder onto an empty one");
    fails(rename("e", "full"), ENOTEMPTY, "onto one that is not");
    fails(rename("full", "full/inside"), EINVAL, "a folder into itself");
    mkdir("full/deep", 0755);
    fails(rename("full", "full/deep/er"), EINVAL, "or deeper");
    fails(rename("missing", "x"), ENOENT, "nothing");
    fails(rename("b", "missing/x"), ENOENT, "into nothing");
    fails(rename(".", "x"), EBUSY, "the folder itself");
    fails(rename("full/..", "x"), EBUSY, "or its parent");
    fails(rename("b", "b/"), ENOTDIR, "a file to a name with a slash");
    is(rename("e", "f/"), 0, "but a folder may");
    is(rename("full/deep", "up"), 0, "a folder to another parent");
    is(inode("up/.."), inode("."), "whose .. follows");
    fails(rename2("b", "hard", RENAME_NOREPLACE), EEXIST, "RENAME_NOREPLACE");
    is(rename2("b", "free", RENAME_NOREPLACE), 0, "onto a free name");
    put_file("one", "1"), put_file("two", "2");
    is(rename2("one", "two", RENAME_EXCHANGE), 0, "RENAME_EXCHANGE");
    ok(same_text(get_file("one"), "2") && same_text(get_file("two"), "1"), "swaps");
    is(rename2("one", "full", RENAME_EXCHANGE), 0, "even a file and a folder");
    ok(same_text(get_file("full"), "2") && access("one/x", F_OK) == 0, "swapped");
    fails(rename2("one", "nobody", RENAME_EXCHANGE), ENOENT, "but not with nothing");
    fails(rename2("one", "two", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL, "not both flags");
    fails(rename2("one", "two", 64), EINVAL, "an unknown flag");
    fails(rename("two", "/proc/x"), EXDEV, "to another file system");
}

static void linking(void) {
    put_file("l", "text");
    is(link("l", "m"), 0, "link");
    ok(inode("l") == inode("m") && links("l") == 2, "two names, one file");
    fails(link("l", "m"), EEXIST, "onto a name that is taken");
    fails(link("missing", "n"), ENOENT, "to nothing");
    mkdir("folder", 0755);
    fails(link("folder", "n"), EPERM, "to a folder");
    fails(link("l", "/dev/shm/n"), EXDEV, "across file systems");
    is(unlink("l"), 0, "unlink");
    ok(links("m") == 1 && same_text(get_file("m"), "text"), "the other name stays");
    int fd = open("m", O_RDWR);
    unlink("m");
    struct stat info;
    ok(fstat(fd, &info) == 0 && info.st_nlink == 0, "an open file outlives its last name");
    is(write(fd, "more", 4), 4, "and can be used");
    close(fd);
    fails(unlink("m"), ENOENT, "unlink nothing");
    fails(unlink("folder"), EISDIR, "unlink a folder");
    fails(unlink("."), EISDIR, "unlink .");
    symlink("points", "s");
    is(linkat(AT_FDCWD, "s", AT_FDCWD, "s2", 0), 0, "link a link");
    ok(inode("s") == inode("s2"), "links the link itself");
    fails(linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW), ENOENT, "or what it names, with FOLLOW");
    fails(linkat(AT_FDCWD, "s", AT_FDCWD, "s3", 0x8000), EINVAL, "an unknown flag");
}

static void symbolic(void) {
    char target[PATH_MAX];
    is(symlink("some/where", "sym"), 0, "symlink");
    is(readlink("sym", target, sizeof target), 10, "readlink");
    ok(!memcmp(target, "some/where", 10), "its target");
    is(readlink("sym", target, 4), 4, "cut to the room there is");
    fails(syscall(SYS_readlinkat, AT_FDCWD, "sym", target, 0), EINVAL, "no room");
    fails(symlink("x", "sym"), EEXIST, "onto a name that is taken");
    fails(symlink("", "empty"), ENOENT, "to nothing");
    put_file("plain", "p");
    fails(readlink("plain", target, 10), EINVAL, "readlink of a file");
    struct stat info;
    lstat("sym", &info);
    ok(S_ISLNK(info.st_mode) && info.st_size == 10, "lstat sees the link");
    fails(stat("sym", &info), ENOENT, "stat what it names");
    symlink("chain1", "chain0");
    for (int i = 1; i < 39; i++) {
        char from[16], to[16];
        snprintf(from, sizeof from, "chain%d", i), snprintf(to, sizeof to, "chain%d", i + 1);
        symlink(to, from);
    }
    symlink("plain", "chain39");
    is(stat("chain0", &info), 0, "forty links in a row");
    symlink("chain0", "chain-more");
    fails(stat("chain-more", &info), ELOOP, "but not forty-one");
    mkdir("real", 0755), put_file("real/file", "r"), symlink("real", "alias");
    ok(same_text(get_file("alias/file"), "r"), "a link in the middle of a path");
    fails(rmdir("alias"), ENOTDIR, "rmdir does not follow");
    is(lstat("alias/", &info), 0, "a slash behind follows");
    ok(S_ISDIR(info.st_mode), "to the folder");
    is(unlink("alias"), 0, "unlink removes the link");
    ok(access("real/file", F_OK) == 0, "not what it names");
}

static void folders(void) {
    is(mkdir("dir", 0777), 0, "mkdir");
    struct stat info;
    stat("dir", &info);
    is(info.st_mode, S_IFDIR | 0755, "its mode less the umask");
    is(info.st_nlink, 2, "two links");
    mkdir("dir/sub", 0755);
    is(links("dir"), 3, "one more for each folder in it");
    fails(mkdir("dir", 0755), EEXIST, "mkdir again");
    fails(mkdir("no/where", 0755), ENOENT, "mkdir nowhere");
    is(mkdir("slash/", 0755), 0, "mkdir with a slash behind");
    fails(rmdir("dir"), ENOTEMPTY, "rmdir of a full one");
    is(rmdir("dir/sub"), 0, "rmdir");
    fails(rmdir("dir/."), EINVAL, "rmdir .");
    fails(rmdir("slash/.."), ENOTEMPTY, "rmdir ..");
    fails(rmdir("/"), EBUSY, "rmdir /");
    for (const char *slashes = "///"; *slashes; slashes++) {
        fails(mkdir(slashes, 0755), EEXIST, "mkdir %s", slashes);
        fails(symlink("x", slashes), EEXIST, "symlink to %s", slashes);
        fails(mknod(slashes, S_IFIFO | 0600, 0), EEXIST, "mknod %s", slashes);
        fails(link("/init", slashes), EEXIST, "link to %s", slashes);
        fails(rename("/", slashes), EBUSY, "rename / to %s", slashes);
        fails(unlink(slashes), EISDIR, "unlink %s", slashes);
        fails(open(slashes, O_CREAT | O_RDWR, 0600), EISDIR, "open %s to create it", slashes);
    }
    fails(rmdir("plain"), ENOTDIR, "rmdir of a file");
    fails(unlinkat(AT_FDCWD, "dir", 0), EISDIR, "unlinkat of a folder");
    is(unlinkat(AT_FDCWD, "dir", AT_REMOVEDIR), 0, "with AT_REMOVEDIR");
    fails(unlinkat(AT_FDCWD, "x", 0x4000), EINVAL, "an unknown flag");
    char before[PATH_MAX];
    getcwd(before, sizeof before);
    mkdir("gone", 0755);
    chdir("gone");
    is(rmdir("../gone"), 0, "remove the working directory");
    fails(syscall(SYS_getcwd, before + 2000, 100), ENOENT, "it has no name then");
    fails(open("new", O_CREAT | O_WRONLY, 0644), ENOENT, "and nothing can be created in it");
    fails(mkdir("sub", 0755), ENOENT, "nor a folder");
    ok(stat(".", &info) == 0 && info.st_nlink == 0, "but it is still there to be looked at");
    chdir(before);
}

static void walking(void) {
    struct stat info;
    char long_name[300];
    memset(long_name, 'n', sizeof long_name);
    long_name[255] = '\0';
    ok(put_file(long_name, "x"), "a name of 255 bytes");
    long_name[255] = 'n', long_name[256] = '\0';
    fails(stat(long_name, &info), ENAMETOOLONG, "256 are too many");
    static char path[PATH_MAX + 10];
    for (int i = 0; i < PATH_MAX + 8; i++)
        path[i] = i % 2 ? '/' : '.';
    path[PATH_MAX - 1] = '\0';
    is(stat(path, &info), 0, "a path of 4095 bytes");
    path[PATH_MAX - 1] = '/', path[PATH_MAX] = '\0';
    fails(stat(path, &info), ENAMETOOLONG, "4096 are too many");
    is(stat("/../../..", &info), 0, "above / is /");
    is(inode("/.."), inode("/"), "the same");
    is(stat("////tmp//./../tmp", &info), 0, "slashes and dots");
    fails(stat("plain/..", &info), ENOTDIR, "through a file");
    fails(stat("missing/..", &info), ENOENT, "through nothing");
    fails(stat("", &info), ENOENT, "nothing at all");
    is(fstatat(open("plain", O_PATH), "", &info, AT_EMPTY_PATH), 0, "AT_EMPTY_PATH");
    fails(chdir("plain"), ENOTDIR, "chdir into a file");
    fails(chdir("missing"), ENOENT, "into nothing");
    int fd = open("plain", O_RDONLY);
    fails(fchdir(fd), ENOTDIR, "fchdir of a file");
    close(fd);
    static const char odd[] = "\x01\x7f\xff back\\slash \"quotes\" \n";
    ok(put_file(odd, "odd") && same_text(get_file(odd), "odd"), "a name may have any byte but zero and slash");
    char deep[PATH_MAX] = "";
    bool good = true;
    getcwd(deep, sizeof deep);
    for (int i = 0; i < 60; i++)
        good &= mkdir("abcdefghij", 0755) == 0 && chdir("abcdefghij") == 0;
    ok(good, "sixty folders deep");
    char where[PATH_MAX];
    ok(getcwd(where, sizeof where) && strlen(where) == strlen(deep) + 60 * 11, "getcwd names them all");
    errno = 0;
    ok(!getcwd(where, 100) && errno == ERANGE, "or ERANGE");
    chdir(deep);
}

int main(void) {
    enter_temp_dir();
    renaming();
    linking();
    symbolic();
    folders();
    walking();
    return tap_done();
}
