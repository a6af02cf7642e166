// SPDX-License-Identifier: MPL-2.0
// The machine's side of init: the file systems that every program expects, the host name, and the way down.
// Runs on Linux as well as on Tessera, so that both can be measured and tested with the same image.

#include "init_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MODULES "/etc/tessera/modules"

static const struct mount_point {
    const char *type, *target;
    unsigned long flags;
    const char *options;
} mount_points[] = {
    {"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
    {"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, ""},
    {"devtmpfs", "/dev", MS_NOSUID, "mode=755"},
    {"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=620,ptmxmode=666"},
    {"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777"},
    {"tmpfs", "/tmp", 0, "mode=1777"},
    {"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755"},
};

static const struct {
    const char *target, *path;
} links[] = {
    {"/proc/self/fd", "/dev/fd"},
    {"/proc/self/fd/0", "/dev/stdin"},
    {"/proc/self/fd/1", "/dev/stdout"},
    {"/proc/self/fd/2", "/dev/stderr"},
};

void system_log(const char *format, ...) {
    char line[256] = "<4>init: ";
    size_t prefix = strlen(line);
    va_list args;
    va_start(args, format);
    vsnprintf(line + prefix, sizeof line - prefix - 1, format, args);
    va_end(args);
    strcat(line, "\n");
    int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        dprintf(2, "%s", line + 3);
        return;
    }
    if (write(fd, line, strlen(line)) < 0)
        dprintf(2, "%s", line + 3);
    close(fd);
}

static void set_host_name(void) {
    char name[65] = "";
    int fd = open("/etc/hostname", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t size = read(fd, name, sizeof name - 1);
    close(fd);
    if (size <= 0)
        return;
    name[strcspn(name, "\n")] = '\0';
    if (sethostname(name, strlen(name)) < 0)
        system_log("cannot set the host name: %s", strerror(errno));
}

// Linux's drivers that the image brings (tools/image), in the order of their names.
static void load_modules(void) {
    struct dirent **names;
    int count = scandir(MODULES, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[sizeof MODULES + sizeof names[i]->d_name];
        snprintf(path, sizeof path, MODULES "/%s", names[i]->d_name);
        int fd = names[i]->d_name[0] != '.' ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd >= 0 && syscall(SYS_finit_module, fd, "", 0) < 0)
            system_log("cannot load %s: %s", path, strerror(errno));
        close(fd);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
}

void system_prepare(void) {
    for (size_t i = 0; i < sizeof mount_points / sizeof *mount_points; i++) {
        const struct mount_point *m = &mount_points[i];
        mkdir(m->target, 0755);
        // EBUSY: the kernel has mounted it already.
        if (mount(m->type, m->target, m->type, m->flags, m->options) < 0 && errno != EBUSY)
            system_log("cannot mount %s: %s", m->target, strerror(errno));
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (symlink(links[i].target, links[i].path) < 0 && errno != EEXIST)
            system_log("cannot make %s: %s", links[i].path, strerror(errno));
    set_host_name();
    load_modules();
}

static void silence_kernel(void) {
    int fd = open("/proc/sys/kernel/printk", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    // Linux announces its power-off on the console otherwise; where this cannot be set, that line is all that shows.
    if (write(fd, "0", 1) < 0)
        system_log("cannot silence the kernel: %s", strerror(errno));
    close(fd);
}

void system_shut_down(int command, int grace_ms) {
    if (grace_ms) {
        kill(-1, SIGTERM);
        kill(-1, SIGCONT);
        for (int waited = 0; waited < grace_ms; waited += 10) {
            while (waitpid(-1, NULL, WNOHANG) > 0)
                ;
            if (kill(-1, 0) < 0)
                break;
            nanosleep(&(struct timespec){.tv_nsec = 10'000'000}, NULL);
        }
    }
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    silence_kernel();
    sync();
    reboot(command);
    system_log("reboot(%#x): %s", (unsigned)command, strerror(errno));
    for (;;)
        pause();
}
