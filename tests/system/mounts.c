// SPDX-License-Identifier: MPL-2.0
// Mounting, binding, moving out of sight with chroot.
#include "sys.h"

#include <sys/mount.h>
#include <sys/vfs.h>

static void mounting(void) {
    mkdir("m", 0755);
    put_file("m/below", "hidden");
    struct stat before, after;
    stat("m", &before);
    is(mount("none", "m", "tmpfs", 0, "size=1m,mode=700"), 0, "mount a tmpfs");
    stat("m", &after);
    ok(before.st_dev != after.st_dev, "is another device");
    is(after.st_mode & 07777, 0700, "with the mode asked for");
    fails(access("m/below", F_OK), ENOENT, "what was there is hidden");
    ok(put_file("m/inside", "x"), "it can be written");
    fails(rename("m/inside", "outside"), EXDEV, "rename does not leave it");
    fails(link("m/inside", "outside"), EXDEV, "nor does link");
    fails(rmdir("m"), EBUSY, "a mount point cannot be removed");
    static char block[65536];
    int fd = open("m/big", O_CREAT | O_WRONLY, 0600);
    long total = 0, wrote;
    while ((wrote = write(fd, block, sizeof block)) > 0)
        total += wrote;
    ok(wrote == -1 && errno == ENOSPC && total <= 1 << 20 && total > 1 << 19, "its size is its limit (%ld)", total);
    fails(umount("m"), EBUSY, "busy while a file is open");
    close(fd);
    chdir("m");
    fails(umount("../m"), EBUSY, "or it is somebody's directory");
    chdir("..");
    is(mount("none", "m", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0, "remount read-only");
    fails(open("m/new", O_CREAT | O_WRONLY, 0600), EROFS, "no new files");
    fails(unlink("m/inside"), EROFS, "no removal");
    is(umount("m"), 0, "umount");
    ok(same_text(get_file("m/below"), "hidden"), "what was there is back");
    fails(umount("m"), EINVAL, "no mount point any more");
    fails(mount("none", "m", "nothing", 0, NULL), ENODEV, "an unknown file system");
    fails(mount("none", "missing", "tmpfs", 0, NULL), ENOENT, "nowhere to mount");
    fails(mount("none", "m/below", "tmpfs", 0, NULL), ENOTDIR, "on a file");
}

static void binding(void) {
    mkdir("a", 0755), mkdir("b", 0755), put_file("a/f", "bound");
    is(mount("a", "b", NULL, MS_BIND, NULL), 0, "bind a folder");
    ok(same_text(get_file("b/f"), "bound"), "it shows at both places");
    put_file("b/g", "new");
    ok(access("a/g", F_OK) == 0, "for changes too");
    is(umount("b"), 0, "umount");
    fails(access("b/f", F_OK), ENOENT, "gone");
    put_file("file", "one"), put_file("other", "two");
    is(mount("file", "other", NULL, MS_BIND, NULL), 0, "bind a file");
    ok(same_text(get_file("other"), "one"), "over another");
    is(umount2("other", MNT_DETACH), 0, "MNT_DETACH");
    ok(same_text(get_file("other"), "two"), "uncovered");
}

static void rooted(void) {
    mkdir("root", 0755), mkdir("root/sub", 0755), put_file("root/in", "inside"), symlink("/in", "root/absolute");
    put_file("outside", "o");
    exited(in_child({
               bool good = chroot("root") == 0 && chdir("/") == 0;
               good &= same_text(get_file("/in"), "inside") && same_text(get_file("/absolute"), "inside");
               good &= access("/../outside", F_OK) == -1 && access("/../in", F_OK) == 0;
               char where[64];
               good &= chdir("/sub") == 0 && getcwd(where, sizeof where) && same_text(where, "/sub");
               _exit(!good);
           }),
           0, "chroot: a new /, which .. does not leave");
    exited(in_child({
               bool good = chroot("root") == 0 && chdir("/") == 0 && mount("p", "sub", "proc", 0, NULL) == 0;
               const char *mounts = good ? get_file("sub/mounts") : NULL;
               good = mounts && strncmp(mounts, "p /sub proc ", 12) == 0 && strchr(mounts, '\n')[1] == '\0';
               _exit(umount("sub") != 0 || !good);
           }),
           0, "/proc/mounts has what can be reached from there");
    fails(chroot("missing"), ENOENT, "into nothing");
    fails(chroot("outside"), ENOTDIR, "into a file");
    exited(in_child({
               syscall(SYS_setuid, 1000);
               _exit(!(chroot("root") == -1 && errno == EPERM && mount("none", "m", "tmpfs", 0, NULL) == -1 &&
                       errno == EPERM));
           }),
           0, "only root may");
}

// /proc/PID/mounts has what the process can reach from its root, by the names that it has there.
static void shown(void) {
    mkdir("root/mnt", 0755);
    is(mount("shown", "root/mnt", "tmpfs", 0, NULL), 0, "a mount below what becomes a root");
    int ready[2];
    pipe(ready);
    pid_t child = start_child({
        chroot("root");
        write(ready[1], "x", 1);
        for (;;)
            pause();
    });
    char c, name[64];
    read(ready[0], &c, 1);
    snprintf(name, sizeof name, "/proc/%d/mounts", child);
    const char *text = get_file(name);
    ok(text && strncmp(text, "shown /mnt tmpfs ", 17) == 0 && strchr(text, '\n') == strrchr(text, '\n'),
       "mounts of a process with another root: %s", text ? text : "none");
    snprintf(name, sizeof name, "/proc/%d/mountinfo", child);
    text = get_file(name);
    ok(text && strstr(text, " / /mnt rw") && strchr(text, '\n') == strrchr(text, '\n'), "mountinfo likewise: %s",
       text ? text : "none");
    text = get_file("/proc/self/mounts");
    ok(text && strstr(text, "/root/mnt tmpfs "), "its name from our root");
    kill(child, SIGKILL);
    wait_status(child);
    is(umount("root/mnt"), 0, "umount");
    close(ready[0]), close(ready[1]);
    struct statfs about;
    is(statfs("/", &about), 0, "statfs of the root");
    ok(about.f_blocks > 0 && about.f_bfree > 0 && about.f_bfree <= about.f_blocks && about.f_files > 0,
       "it has a size: %llu blocks, %llu free", (unsigned long long)about.f_blocks, (unsigned long long)about.f_bfree);
}

int main(void) {
    if (!is_root()) {
        skip("needs root", "mounts");
        return tap_done();
    }
    enter_temp_dir();
    if (mount("none", ".", "tmpfs", 0, NULL) < 0 && errno == EPERM) {
        skip("not allowed here", "mounts");
        return tap_done();
    }
    umount(temp_dir_);
    mounting();
    binding();
    rooted();
    shown();
    return tap_done();
}
