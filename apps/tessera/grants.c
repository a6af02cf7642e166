// SPDX-License-Identifier: MPL-2.0
// The file system of a sandbox: an empty one, in which the granted paths are bound at their own places.
//
// Everything happens in a copy of the mounts that only this process has. When the new root is in place the old one is
// taken down, so there is nothing to climb out to: no path, and no mount above the root.

#include "tessera.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROOT "/mnt" // covered in the private copy only
#define OLD ROOT "/.old"

// Makes the folders on the way to a path below ROOT, and what is to be covered at its end.
static void make_place(char *place, bool folder) {
    for (char *slash = place + sizeof ROOT; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (mkdir(place, 0755) < 0 && errno != EEXIST)
            fail("cannot make %s", place);
        *slash = '/';
    }
    if (folder) {
        if (mkdir(place, 0755) < 0 && errno != EEXIST)
            fail("cannot make %s", place);
        return;
    }
    int fd = open(place, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0)
        fail("cannot make %s", place);
    close(fd);
}

static void bind(const struct grant *grant) {
    char real[PATH_MAX], place[PATH_MAX + sizeof ROOT];
    struct stat info;
    // The place has the name that was asked for; what is bound there is what that leads to now.
    if (!realpath(grant->path, real) || stat(real, &info) < 0)
        fail("cannot grant %s", grant->path);
    snprintf(place, sizeof place, ROOT "%s", grant->path);
    bool folder = S_ISDIR(info.st_mode);
    if (strcmp(grant->path, "/") == 0)
        fail("the whole file system is no grant");
    make_place(place, folder);
    unsigned long flags = MS_NOSUID | (folder ? MS_NODEV : 0) | (grant->writable ? 0 : MS_RDONLY);
    if (mount(real, place, NULL, MS_BIND, NULL) < 0 || mount(NULL, place, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0)
        fail("cannot bind %s", grant->path);
}

// Names of POSIX semaphores and shared memory are files there.
static void make_shm(void) {
    char place[] = ROOT "/dev/shm";
    make_place(place, true);
    if (mount("shm", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
        fail("cannot mount /dev/shm");
}

void grants_apply(const struct grant *grants, size_t count, bool shm) {
    errno = 0;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        fail("cannot have mounts of one's own");
    if (mount("sandbox", ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") < 0)
        fail("cannot mount a root");
    // Shorter paths first, so that one below another covers it.
    for (size_t length = 1, done = 0; done < count; length++)
        for (size_t i = 0; i < count; i++)
            if (strlen(grants[i].path) == length) {
                bind(&grants[i]);
                done++;
            }
    if (shm)
        make_shm();
    if (mkdir(OLD, 0700) < 0 || syscall(SYS_pivot_root, ROOT, OLD) < 0 || chdir("/") < 0)
        fail("cannot change the root");
    if (umount2("/.old", MNT_DETACH) < 0 || rmdir("/.old") < 0)
        fail("cannot leave the old root");
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
        fail("cannot close the new root");
}
