// SPDX-License-Identifier: MPL-2.0
// Files of /proc and /sys that programs read: namespaces, maps of ids, the node of memory, drivers of terminals.
#include "sys.h"

static const char *kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"};

static void namespaces(void) {
    char path[64], text[64], other[64], wanted[96];
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct stat info;
        snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
        ssize_t length = readlink(path, text, sizeof text - 1);
        text[length > 0 ? length : 0] = 0;
        is(stat(path, &info), 0, "%s leads somewhere", path);
        snprintf(wanted, sizeof wanted, "%s:[%llu]", kinds[i], (unsigned long long)info.st_ino);
        ok(same_text(text, wanted), "%s: its number is the file's", text);
        length = readlink((snprintf(path, sizeof path, "/proc/%d/ns/%s", getppid(), kinds[i]), path), other,
                          sizeof other - 1);
        other[length > 0 ? length : 0] = 0;
        ok(same_text(text, other), "the parent is in the same");
    }
    fails(readlink("/proc/self/ns/none", text, sizeof text), ENOENT, "no such kind");
    int fd = open("/proc/self/ns/mnt", O_RDONLY);
    ok(fd >= 0, "it can be opened");
    fails(read(fd, text, 1), EINVAL, "there is nothing to read");
    close(fd);
    if (!is_root()) {
        skip("needs root", "a space of mounts");
        return;
    }
    exited(in_child({
               char before[64] = "", after[64] = "";
               readlink("/proc/self/ns/mnt", before, sizeof before - 1);
               bool good = unshare(CLONE_NEWNS) == 0;
               readlink("/proc/self/ns/mnt", after, sizeof after - 1);
               _exit(!(good && !same_text(before, after) && strncmp(after, "mnt:[", 5) == 0));
           }),
           0, "who unshares its mounts has another number");
}

static void files(void) {
    unsigned from, to, count;
    const char *text = get_file("/proc/self/uid_map");
    ok(text && sscanf(text, "%u %u %u", &from, &to, &count) == 3 && from == 0 && to == 0 && count == UINT32_MAX,
       "uid_map: each is itself");
    text = get_file("/proc/self/gid_map");
    ok(text && sscanf(text, "%u %u %u", &from, &to, &count) == 3 && count == UINT32_MAX, "gid_map");
    ok(same_text(get_file("/proc/self/setgroups"), "allow\n"), "setgroups");
    text = get_file("/proc/cgroups");
    ok(text && strncmp(text, "#subsys_name\thierarchy\tnum_cgroups\tenabled\n", 43) == 0, "/proc/cgroups");
    text = get_file("/proc/tty/drivers");
    ok(text && strstr(text, "/dev/pts") && strstr(text, " 136 ") && strstr(text, "pty:slave"), "/proc/tty/drivers");
    text = get_file("/sys/devices/system/node/online");
    ok(same_text(text, "0\n"), "a node of memory: %s", text ? text : "none");
    text = get_file("/sys/devices/system/node/node0/meminfo");
    unsigned long total = 0, unused = 0;
    ok(text && sscanf(text, "Node 0 MemTotal: %lu kB\nNode 0 MemFree: %lu kB", &total, &unused) == 2 &&
           total > unused && unused > 0,
       "its memory: %lu kB, %lu free", total, unused);
    text = get_file("/sys/devices/system/node/node0/cpumap");
    unsigned long map = text ? strtoul(text, NULL, 16) : 0;
    is(__builtin_popcountl(map), sysconf(_SC_NPROCESSORS_CONF), "its processors");
}

int main(void) {
    namespaces();
    files();
    return tap_done();
}
