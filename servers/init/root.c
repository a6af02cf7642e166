// SPDX-License-Identifier: MPL-2.0
// A root on a volume that a service serves (`mounts`, docs/services.md): the volume, read-only; above it what the
// initramfs brings in /system; and above that a file system in memory, which takes all changes. What runs on the
// console has it as its root.
//
// init itself and its services stay in the initramfs: whoever starts the server of a root again must not need that
// root. For the same reason another process makes it: init must be free to start the server while that waits.

#include "init_priv.h"
#include "services.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <tessera/port.h>
#include <unistd.h>

#define SYSTEM "/system"
#define CHANGES "/changes"
#define TREE "/tree"

static bool has_root;

// What both roots have at the same places.
static const char *const shared[] = {"/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/tmp", "/run"};

static bool fails(int status, const char *what) {
    if (status < 0)
        system_log("root: %s: %s", what, strerror(errno));
    return status < 0;
}

static bool mount_volume(const struct service *service) {
    char options[64];
    int right = port_right(service->ports[0], 0);
    if (right < 0) {
        errno = -right;
        return !fails(-1, "a right to the server");
    }
    mkdir(service->mounts, 0755);
    snprintf(options, sizeof options, "right=%d,pager=%d", right, service->paging);
    return !fails(mount(service->name, service->mounts, "served", MS_RDONLY, options), service->mounts);
}

static bool lay_over(const struct service *service) {
    char options[256];
    mkdir(SYSTEM, 0755), mkdir(CHANGES, 0755), mkdir(TREE, 0755);
    if (fails(mount("tmpfs", CHANGES, "tmpfs", 0, "mode=755"), CHANGES))
        return false;
    mkdir(CHANGES "/upper", 0755), mkdir(CHANGES "/work", 0755);
    snprintf(options, sizeof options, "lowerdir=" SYSTEM ":%s,upperdir=" CHANGES "/upper,workdir=" CHANGES "/work",
             service->mounts);
    return !fails(mount("overlay", TREE, "overlay", 0, options), TREE);
}

static bool share(const char *place) {
    char there[64];
    snprintf(there, sizeof there, TREE "%s", place);
    mkdir(there, 0755);
    return !fails(mount(place, there, NULL, MS_BIND, NULL), there);
}

static bool make_root(const struct service *service) {
    bool good = mount_volume(service) && lay_over(service);
    for (size_t i = 0; good && i < sizeof shared / sizeof *shared; i++)
        good = share(shared[i]);
    return good;
}

pid_t root_start(void) {
    unsigned count;
    const struct service *list = services_list(&count);
    for (unsigned i = 0; i < count; i++) {
        if (!list[i].mounts[0] || list[i].broken)
            continue;
        pid_t child = fork();
        if (child == 0)
            _exit(!make_root(&list[i]));
        return child;
    }
    return 0;
}

void root_made(int status) {
    has_root = status == 0;
    if (!has_root)
        system_log("root: there is only the initramfs");
}

void root_enter(void) {
    if (has_root && (chroot(TREE) < 0 || chdir("/") < 0))
        system_log("root: cannot enter " TREE ": %s", strerror(errno));
}
