// SPDX-License-Identifier: MPL-2.0
// Overlays: two trees shown as one, the lower of which is never written to. On Linux this needs the module `overlay`,
// which the guest loads.
#include "sys.h"

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define OPTIONS "lowerdir=l,upperdir=u,workdir=w"

static int type_of(const char *path) {
    struct stat info;
    return lstat(path, &info) < 0 ? -1 : (int)(info.st_mode & S_IFMT);
}

static bool is_whiteout(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && S_ISCHR(info.st_mode) && info.st_rdev == makedev(0, 0);
}

static ino_t number_of(const char *path) {
    struct stat info = {};
    return lstat(path, &info) < 0 ? 0 : info.st_ino;
}

// The names in a folder, each with a blank behind it, in alphabetical order.
static const char *names_in(const char *path) {
    static char text[4096];
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    text[0] = '\0';
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i]->d_name, ".") != 0 && strcmp(names[i]->d_name, "..") != 0 &&
            strlen(text) + strlen(names[i]->d_name) + 2 < sizeof text)
            strcat(strcat(text, names[i]->d_name), " ");
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return count < 0 ? "?" : text;
}

// New folders l, u, w, m; `fill` puts files into them before they are laid over each other at m.
static void begin(void (*fill)(void)) {
    static int round;
    char name[16];
    snprintf(name, sizeof name, "%d", round++);
    mkdir(name, 0755);
    is(chdir(name), 0, "a folder");
    mkdir("l", 0755), mkdir("u", 0755), mkdir("w", 0755), mkdir("m", 0755);
    fill();
    is(mount("overlay", "m", "overlay", 0, OPTIONS), 0, "mount");
}

static void end(void) {
    is(umount("m"), 0, "umount: nothing is busy");
    is(chdir(".."), 0, "back");
}

static void append(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_APPEND);
    ok(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "append to %s", path);
    close(fd);
}

// ---------------------------------------------------------------- mounting

static void refusals(void) {
    mkdir("l", 0755), mkdir("u", 0755), mkdir("w", 0755), mkdir("m", 0755), mkdir("u/w", 0755), put_file("f", "");
    fails(mount("o", "m", "overlay", 0, "upperdir=u,workdir=w"), EINVAL, "no lowerdir");
    fails(mount("o", "m", "overlay", 0, "lowerdir=l,upperdir=u"), EINVAL, "upperdir without workdir");
    fails(mount("o", "m", "overlay", 0, OPTIONS ",colour=red"), EINVAL, "an unknown option");
    fails(mount("o", "m", "overlay", 0, "lowerdir=l,upperdir=u,workdir=u/w"), EINVAL, "one within the other");
    fails(mount("o", "m", "overlay", 0, "lowerdir=none,upperdir=u,workdir=w"), ENOENT, "a folder that is not there");
    fails(mount("o", "m", "overlay", 0, "lowerdir=l"), EINVAL, "a single one");
}

static void fill_merge(void) {
    put_file("l/low", "low"), put_file("l/both", "below"), put_file("u/both", "above"), put_file("u/up", "up");
    mkdir("l/dir", 0750), mkdir("u/dir", 0700), put_file("l/dir/a", "la"), put_file("u/dir/b", "ub");
    mkdir("l/hidden", 0755), put_file("l/hidden/x", "x"), put_file("u/hidden", "a file"), symlink("low", "l/link");
}

static void merging(void) {
    struct statfs fs;
    begin(fill_merge);
    ok(same_text(names_in("m"), "both dir hidden link low up "), "names of both, each once: %s", names_in("m"));
    ok(same_text(names_in("m/dir"), "a b "), "also deeper");
    ok(same_text(get_file("m/both"), "above"), "the upper's file is seen");
    ok(same_text(get_file("m/low"), "low") && same_text(get_file("m/link"), "low"), "and the lower's, by a link, too");
    is(type_of("m/hidden"), S_IFREG, "a file hides a folder");
    fails(access("m/hidden/x", F_OK), ENOTDIR, "with all in it");
    is(statfs("m", &fs), 0, "statfs");
    is(fs.f_type, 0x794c7630, "says overlay");
    ok(strstr(get_file("/proc/mounts"), " overlay rw,relatime,lowerdir=l,upperdir=u,workdir=w") != NULL,
       "/proc/mounts shows the options");
    end();
}

static void fill_lowers(void) {
    mkdir("1", 0755), mkdir("2", 0755), mkdir("3", 0755), mkdir("4", 0755);
    put_file("1/a", "1"), put_file("2/a", "2"), put_file("2/b", "2"), put_file("3/b", "3"), put_file("3/c", "3");
    mknod("1/c", S_IFCHR, makedev(0, 0));
    mkdir("2/d", 0755), mkdir("3/d", 0755), put_file("2/d/x", "x"), put_file("3/d/y", "y");
    setxattr("2/d", "trusted.overlay.opaque", "y", 1, 0);
}

static void lowers(void) {
    fill_lowers();
    is(mount("o", "4", "overlay", 0, "lowerdir=1:2:3"), 0, "three of them, nothing to write to");
    ok(same_text(names_in("4"), "a b d "), "a whiteout hides what is below: %s", names_in("4"));
    ok(same_text(get_file("4/a"), "1") && same_text(get_file("4/b"), "2"), "the first one counts");
    ok(same_text(names_in("4/d"), "x "), "an opaque folder hides the one below: %s", names_in("4/d"));
    fails(open("4/new", O_CREAT | O_WRONLY, 0644), EROFS, "nothing can be made");
    fails(open("4/a", O_WRONLY), EROFS, "nor written");
    fails(unlink("4/a"), EROFS, "nor removed");
    is(umount("4"), 0, "umount");
}

// ---------------------------------------------------------------- copying up

static void fill_copy(void) {
    mkdir("l/d", 0751), mkdir("l/d/e", 0755), put_file("l/d/e/f", "one");
    put_file("l/mode", "mode"), chmod("l/mode", 0640), chown("l/mode", 7, 8);
    setxattr("l/mode", "trusted.note", "kept", 4, 0);
    struct timespec times[2] = {{1000, 1}, {2000, 2}};
    utimensat(AT_FDCWD, "l/mode", times, 0);
    put_file("l/cut", "a longer text"), put_file("l/map", "mapped"), put_file("l/first", "shared");
    link("l/first", "l/second");
    put_file("l/gone", "gone"), put_file("l/user", "user"), chown("l/user", 1000, 1000);
}

static void keeps_attributes(void) {
    struct stat info;
    char value[8] = "";
    ino_t number = number_of("m/mode");
    is(chmod("m/mode", 0604), 0, "chmod of a file below");
    is(stat("m/mode", &info), 0, "stat");
    ok(info.st_mode == (S_IFREG | 0604) && info.st_uid == 7 && info.st_gid == 8, "owner and mode are right");
    ok(info.st_mtim.tv_sec == 2000 && info.st_mtim.tv_nsec == 2, "and the time");
    ok(info.st_ino == number, "and its number");
    is(getxattr("m/mode", "trusted.note", value, sizeof value), 4, "and the attribute");
    is(type_of("u/mode"), S_IFREG, "it is in the upper now");
    stat("u/mode", &info);
    is(info.st_mode, (S_IFREG | 0604), "with that mode");
    stat("l/mode", &info);
    is(info.st_mode, (S_IFREG | 0640), "the lower is as it was");
    fails(getxattr("m/mode", "trusted.overlay.origin", value, sizeof value), EOPNOTSUPP,
          "the overlay's own do not show");
    fails(setxattr("m/mode", "trusted.overlay.x", "y", 1, 0), EOPNOTSUPP, "nor can they be set");
    char list[256];
    ssize_t size = listxattr("m/mode", list, sizeof list);
    ok(size == sizeof "trusted.note" && same_text(list, "trusted.note"), "nor are they listed (%zd)", size);
}

static void copying(void) {
    struct stat info;
    begin(fill_copy);
    keeps_attributes();
    ino_t number = number_of("m/d/e/f");
    int reader = open("m/d/e/f", O_RDONLY);
    is(access("u/d", F_OK), -1, "reading copies nothing");
    append("m/d/e/f", "two");
    close(reader);
    ok(same_text(get_file("m/d/e/f"), "onetwo") && same_text(get_file("u/d/e/f"), "onetwo"), "writing does");
    ok(same_text(get_file("l/d/e/f"), "one"), "and leaves the lower alone");
    stat("u/d", &info);
    is(info.st_mode, (S_IFDIR | 0751), "folders on the way are as below");
    is(number_of("m/d/e/f"), number, "the file's number stays");
    is(truncate("m/cut", 3), 0, "truncate");
    ok(same_text(get_file("m/cut"), "a l") && same_text(get_file("l/cut"), "a longer text"), "cuts the copy");
    put_file("m/cut", "new");
    ok(same_text(get_file("m/cut"), "new"), "O_TRUNC");
    int fd = open("m/map", O_RDONLY);
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    is(page[0], 'm', "mapped from below");
    append("m/map", " and more");
    is(page[0], 'm', "the mapping stays good");
    munmap(page, 4096);
    fd = open("m/map", O_RDWR);
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    page[0] = 'M';
    ok(get_file("m/map")[0] == 'M' && get_file("l/map")[0] == 'm', "a shared mapping writes to the copy");
    munmap(page, 4096);
    append("m/first", "!");
    ok(same_text(get_file("m/first"), "shared!") && same_text(get_file("m/second"), "shared"),
       "of two names below one is copied");
    exited(in_child({
               syscall(SYS_setuid, 1000);
               int mine = open("m/user", O_WRONLY | O_APPEND);
               _exit(!(mine >= 0 && write(mine, "!", 1) == 1));
           }),
           0, "whose file it is may write, whoever owns the upper");
    ok(same_text(get_file("u/user"), "user!"), "that was copied");
    stat("u/user", &info);
    is(info.st_uid, 1000, "and is his still");
    end();
}

static void nameless(void) {
    char text[8] = "";
    begin(fill_copy);
    int fd = open("m/gone", O_RDONLY);
    is(unlink("m/gone"), 0, "unlink a file below that is open");
    ok(is_whiteout("u/gone"), "leaves a whiteout");
    ok(read(fd, text, sizeof text) == 4 && memcmp(text, "gone", 4) == 0, "it can be read on");
    struct stat info;
    ok(fstat(fd, &info) == 0 && info.st_nlink == 0, "and has no name");
    close(fd);
    fd = open("m/d", O_TMPFILE | O_RDWR, 0600);
    if (fd < 0 && errno == EOPNOTSUPP && !on_tessera()) {
        skip("Linux has it from 6.3 on", "O_TMPFILE");
        return end();
    }
    ok(fd >= 0 && write(fd, "t", 1) == 1, "O_TMPFILE");
    char self[40];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    is(linkat(AT_FDCWD, self, AT_FDCWD, "m/d/named", AT_SYMLINK_FOLLOW), 0, "gets a name");
    close(fd);
    ok(same_text(get_file("u/d/named"), "t"), "in the upper");
    end();
}

// ---------------------------------------------------------------- names

static void fill_names(void) {
    put_file("l/a", "a"), put_file("l/b", "b"), mkdir("l/d", 0755), put_file("l/d/x", "x"), put_file("l/d/y", "y");
    mkdir("l/tree", 0755), mkdir("l/tree/sub", 0755), put_file("l/tree/sub/z", "z");
}

static void removing(void) {
    char value = 0;
    begin(fill_names);
    is(unlink("m/a"), 0, "unlink");
    ok(is_whiteout("u/a") && access("m/a", F_OK) == -1, "a whiteout covers it");
    ok(same_text(names_in("m"), "b d tree "), "it is listed no more: %s", names_in("m"));
    put_file("m/a", "again");
    ok(same_text(get_file("m/a"), "again") && same_text(get_file("u/a"), "again"), "the name can be used again");
    is(unlink("m/a"), 0, "and removed again");
    ok(is_whiteout("u/a"), "the whiteout is back");
    fails(rmdir("m/d"), ENOTEMPTY, "a folder with files below is not empty");
    unlink("m/d/x"), unlink("m/d/y");
    ok(same_text(names_in("m/d"), ""), "without them it is");
    is(rmdir("m/d"), 0, "rmdir");
    ok(is_whiteout("u/d"), "a whiteout for a folder");
    is(mkdir("m/d", 0700), 0, "mkdir in its place");
    ok(same_text(names_in("m/d"), ""), "begins empty");
    is(getxattr("u/d", "trusted.overlay.opaque", &value, 1), 1, "for it is opaque");
    is(value, 'y', "as Linux says it");
    put_file("m/d/x", "mine");
    ok(same_text(get_file("m/d/x"), "mine") && same_text(names_in("m/d"), "x "), "and holds what is put there");
    is(symlink("d/x", "m/a"), 0, "symlink over a whiteout");
    ok(same_text(get_file("m/a"), "mine"), "leads there");
    fails(mknod("m/w", S_IFCHR, makedev(0, 0)), EPERM, "nobody makes whiteouts");
    is(mkfifo("m/fifo", 0600), 0, "a FIFO");
    is(type_of("u/fifo"), S_IFIFO, "in the upper");
    end();
}

static void renaming(void) {
    begin(fill_names);
    ino_t number = number_of("m/a");
    is(rename("m/a", "m/c"), 0, "rename a file below");
    ok(is_whiteout("u/a") && same_text(get_file("m/c"), "a") && access("m/a", F_OK) == -1, "leaves a whiteout");
    is(number_of("m/c"), number, "and the number is the same");
    is(rename("m/c", "m/b"), 0, "over another one");
    ok(same_text(get_file("m/b"), "a") && access("m/c", F_OK) == -1 && access("u/c", F_OK) == -1, "which is gone");
    is(rename("m/b", "m/a"), 0, "over a whiteout");
    ok(same_text(get_file("m/a"), "a") && is_whiteout("u/b"), "it changes places");
    is(rename("m/d/x", "m/tree/sub/x"), 0, "to another folder");
    ok(same_text(names_in("m/d"), "y ") && same_text(names_in("m/tree/sub"), "x z "), "moved");
    fails(rename("m/d", "m/e"), EXDEV, "a folder from below stays where it is");
    is(mkdir("m/new", 0755), 0, "a new one");
    put_file("m/new/n", "n");
    is(rename("m/new", "m/tree/new"), 0, "can be moved");
    ok(same_text(get_file("m/tree/new/n"), "n"), "with what is in it");
    unlink("m/d/y"), mkdir("m/over", 0755), put_file("m/over/o", "o");
    is(rename("m/over", "m/d"), 0, "over a folder that was emptied");
    ok(same_text(names_in("m/d"), "o "), "nothing from below shows in it: %s", names_in("m/d"));
    is((int)syscall(SYS_renameat2, AT_FDCWD, "m/a", AT_FDCWD, "m/tree/sub/z", 2), 0, "RENAME_EXCHANGE");
    ok(same_text(get_file("m/a"), "z") && same_text(get_file("m/tree/sub/z"), "a"), "of two files");
    is(link("m/a", "m/a2"), 0, "link");
    append("m/a2", "!");
    struct stat info;
    ok(same_text(get_file("m/a"), "z!") && stat("m/a", &info) == 0 && info.st_nlink == 2, "two names of one file");
    is(umount("m"), 0, "umount");
    is(mount("overlay", "m", "overlay", 0, OPTIONS), 0, "and the same again");
    ok(same_text(names_in("m"), "a a2 d tree ") && same_text(names_in("m/d"), "o "), "shows the same: %s",
       names_in("m"));
    ok(same_text(get_file("m/tree/new/n"), "n") && same_text(get_file("m/a2"), "z!"), "with the same in it");
    end();
}

// ---------------------------------------------------------------- many

enum { MANY = 300 };

static void fill_many(void) {
    char name[32];
    for (int i = 0; i < MANY; i++)
        snprintf(name, sizeof name, "%s/file-%d", i % 3 ? "l" : "u", i), put_file(name, "x");
}

// Calls `what` for each name while the folder is listed; how often.
static int for_each(const char *path, void (*what)(const char *name)) {
    DIR *folder = opendir(path);
    int count = 0;
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char name[300];
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            what(name), count++;
    }
    closedir(folder);
    return count;
}

static void touch(const char *name) {
    chmod(name, 0600);
}
static void take(const char *name) {
    unlink(name);
}

static void listing(void) {
    begin(fill_many);
    is(for_each("m", touch), MANY, "every name is listed once, also if files are copied up meanwhile");
    is(for_each("m", take), MANY, "or removed");
    ok(same_text(names_in("m"), ""), "then there are none");
    end();
}

int main(void) {
    if (!is_root()) {
        skip("needs root", "overlays");
        return tap_done();
    }
    enter_temp_dir();
    if (mount("none", ".", "tmpfs", 0, NULL) < 0 && errno == EPERM) {
        skip("not allowed here", "overlays");
        return tap_done();
    }
    is(chdir(temp_dir_), 0, "into what was mounted");
    refusals();
    lowers();
    merging();
    copying();
    nameless();
    removing();
    renaming();
    listing();
    if (chdir("/") == 0)
        umount(temp_dir_);
    return tap_done();
}
