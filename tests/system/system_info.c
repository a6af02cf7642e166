// SPDX-License-Identifier: MPL-2.0
// What the system says of itself: uname, sysinfo, prctl, affinity, and the files of /proc and /sys that programs read.
#include "sys.h"

#include <ctype.h>
#include <dirent.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static void calls(void) {
    struct utsname name;
    is(uname(&name), 0, "uname");
    ok(name.sysname[0] && name.release[0] && name.machine[0], "is filled");
    int major, minor;
    ok(sscanf(name.release, "%d.%d", &major, &minor) == 2 && major >= 5, "a release that programs can compare");
    struct sysinfo info;
    is(sysinfo(&info), 0, "sysinfo");
    ok(info.totalram > info.freeram && info.freeram > 0 && info.procs > 0 && info.mem_unit >= 1, "sensible numbers");
    cpu_set_t set;
    CPU_ZERO(&set);
    ok(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= 1, "sched_getaffinity");
    ok(sysconf(_SC_NPROCESSORS_ONLN) == CPU_COUNT(&set), "as many as sysconf says");
    cpu_set_t none;
    CPU_ZERO(&none);
    fails(sched_setaffinity(0, sizeof none, &none), EINVAL, "no CPU at all");
    is(getpagesize(), 4096, "the page size");
    if (is_root()) {
        char before[65];
        gethostname(before, sizeof before);
        is(sethostname("another", 7), 0, "sethostname");
        uname(&name);
        ok(same_text(name.nodename, "another"), "changes the name");
        sethostname(before, strlen(before));
        fails(syscall(SYS_sethostname, "x", -1), EINVAL, "a negative length");
    } else {
        skip("not root", "sethostname");
    }
}

static void process_control(void) {
    char name[16];
    is(prctl(PR_SET_NAME, "a-name-longer-than-fits"), 0, "PR_SET_NAME");
    prctl(PR_GET_NAME, name);
    ok(same_text(name, "a-name-longer-t"), "is cut to 15");
    ok(same_text(get_file("/proc/self/comm"), "a-name-longer-t\n"), "and in /proc");
    is(prctl(PR_GET_DUMPABLE), 1, "PR_GET_DUMPABLE");
    is(prctl(PR_SET_PDEATHSIG, SIGTERM), 0, "PR_SET_PDEATHSIG");
    int signal_number = 0;
    ok(prctl(PR_GET_PDEATHSIG, &signal_number) == 0 && signal_number == SIGTERM, "PR_GET_PDEATHSIG");
    prctl(PR_SET_PDEATHSIG, 0);
    fails(prctl(PR_SET_PDEATHSIG, 99), EINVAL, "a signal that does not exist");
    fails(prctl(99999, 0), EINVAL, "an unknown option");
    is(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0, "PR_GET_NO_NEW_PRIVS");
    errno = 0;
    is(getpriority(PRIO_PROCESS, 0), 0, "getpriority");
    exited(in_child({
               bool good = setpriority(PRIO_PROCESS, 0, 5) == 0 && getpriority(PRIO_PROCESS, 0) == 5 && nice(2) == 7;
               good &= setpriority(PRIO_PROCESS, 0, 100) == 0 && getpriority(PRIO_PROCESS, 0) == 19;
               syscall(SYS_setuid, 1000);
               good &= setpriority(PRIO_PROCESS, 0, 0) == -1 && (errno == EACCES || errno == EPERM);
               _exit(!good);
           }),
           0, "setpriority and nice; only root goes down");
}

static long field(const char *file, const char *name) {
    char *text = get_file(file), *at = text ? strstr(text, name) : NULL;
    return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

static void proc(void) {
    char path[64], link[256] = "", *text;
    ok(readlink("/proc/self", link, sizeof link) > 0 && atoi(link) == getpid(), "/proc/self");
    is(field("/proc/self/status", "\nPid:"), getpid(), "status: Pid");
    is(field("/proc/self/status", "\nPPid:"), getppid(), "PPid");
    is(field("/proc/self/status", "\nThreads:"), 1, "Threads");
    is(field("/proc/self/status", "\nUid:"), getuid(), "Uid");
    ok(field("/proc/self/status", "\nVmSize:") > 0 && field("/proc/self/status", "\nVmRSS:") > 0, "sizes");
    int pid, parent, group, session;
    char comm[64], state;
    text = get_file("/proc/self/stat");
    ok(text && sscanf(text, "%d (%63[^)]) %c %d %d %d", &pid, comm, &state, &parent, &group, &session) == 6 &&
           pid == getpid() && state == 'R' && parent == getppid() && group == getpgrp() && session == getsid(0),
       "stat");
    int fields = 0;
    for (char *at = text ? strrchr(text, ')') : NULL; at && *at; at++)
        fields += *at == ' ';
    is(fields, 50, "with all its fields");
    int fd = open("/proc/self/cmdline", O_RDONLY);
    char words[256];
    ssize_t size = read(fd, words, sizeof words);
    ok(size > 1 && words[size - 1] == '\0', "cmdline");
    close(fd);
    text = get_file("/proc/self/maps");
    ok(text && strstr(text, "[stack]") && strstr(text, "r-xp") && strstr(text, "[heap]") != (void *)1, "maps");
    unsigned long low, high;
    char rights[8];
    bool found = false;
    for (char *at = text; at && sscanf(at, "%lx-%lx %7s", &low, &high, rights) == 3;
         at = strchr(at, '\n'), at += at != NULL)
        found |= (uintptr_t)&low >= low && (uintptr_t)&low < high && rights[1] == 'w';
    ok(found, "our stack is in them");
    char cwd[256];
    ok(readlink("/proc/self/cwd", link, sizeof link) > 0 && getcwd(cwd, sizeof cwd) && !strncmp(link, cwd, strlen(cwd)),
       "cwd");
    fd = open("/dev/null", O_RDONLY);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    memset(link, 0, sizeof link);
    ok(readlink(path, link, sizeof link - 1) > 0 && same_text(link, "/dev/null"), "fd");
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    ok((text = get_file(path)) && strstr(text, "pos:\t0") && strstr(text, "flags:"), "fdinfo");
    close(fd);
    pid_t child = start_child(for (;;) pause());
    snprintf(path, sizeof path, "/proc/%d/status", child);
    ok(access(path, F_OK) == 0, "a child is in /proc");
    kill(child, SIGKILL);
    eventually(process_state(child) == 'Z');
    is(process_state(child), 'Z', "a zombie shows as such");
    wait_status(child);
    fails(access(path, F_OK), ENOENT, "and then not at all");
    is(mkdir("/proc/new", 0755), -1, "/proc cannot be changed");
    DIR *dir = opendir("/proc");
    int numbers = 0, us = 0;
    for (struct dirent *e; (e = readdir(dir));)
        if (isdigit((unsigned char)e->d_name[0])) {
            numbers++;
            us += atoi(e->d_name) == getpid();
        }
    closedir(dir);
    ok(numbers >= 2 && us == 1, "/proc lists the processes");
}

static void machine(void) {
    ok(field("/proc/meminfo", "MemTotal:") > field("/proc/meminfo", "MemFree:"), "/proc/meminfo");
    ok(field("/proc/meminfo", "MemAvailable:") > 0, "MemAvailable");
    char *text = get_file("/proc/stat");
    ok(text && !strncmp(text, "cpu ", 4) && strstr(text, "\ncpu0 ") && strstr(text, "\nbtime "), "/proc/stat");
    double up, idle;
    ok((text = get_file("/proc/uptime")) && sscanf(text, "%lf %lf", &up, &idle) == 2 && up > 0, "/proc/uptime");
    double load;
    int running, total;
    ok((text = get_file("/proc/loadavg")) && sscanf(text, "%lf %*f %*f %d/%d", &load, &running, &total) == 3 &&
           total >= running,
       "/proc/loadavg");
    ok((text = get_file("/proc/version")) && strlen(text) > 10, "/proc/version");
    ok((text = get_file("/proc/cpuinfo")) && strlen(text) > 10, "/proc/cpuinfo");
    ok((text = get_file("/proc/mounts")) && strstr(text, "/proc proc "), "/proc/mounts");
    ok((text = get_file("/proc/self/mountinfo")) && strstr(text, " - proc "), "mountinfo");
    ok((text = get_file("/proc/filesystems")) && strstr(text, "tmpfs"), "/proc/filesystems");
    ok((text = get_file("/proc/cmdline")) != NULL, "/proc/cmdline");
    ok((text = get_file("/proc/sys/kernel/ostype")) && strlen(text) > 1, "/proc/sys/kernel/ostype");
    ok((text = get_file("/proc/sys/kernel/pid_max")) && atoi(text) > 1000, "pid_max");
    ok((text = get_file("/proc/sys/kernel/random/boot_id")) && strlen(text) == 37, "boot_id");
    ok((text = get_file("/sys/devices/system/cpu/online")) && isdigit((unsigned char)text[0]),
       "/sys/devices/system/cpu/online");
}

int main(void) {
    calls();
    process_control();
    proc();
    machine();
    return tap_done();
}
