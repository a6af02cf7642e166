// SPDX-License-Identifier: MPL-2.0
// Files of /proc and /sys that programs read: namespaces, maps of ids, the node of memory, drivers of terminals,
// what was read and written, devices by number, the machine.
#include "sys.h"

#include <limits.h>
#include <sys/mman.h>

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

// What smaps says of the mapping at `address`; -1: nothing.
static long smaps_kb(const void *address, const char *field) {
    FILE *file = fopen("/proc/self/smaps", "r");
    char text[256];
    bool inside = false;
    long kb = -1;
    while (file && kb < 0 && fgets(text, sizeof text, file)) {
        unsigned long from, to;
        if (sscanf(text, "%lx-%lx ", &from, &to) == 2)
            inside = from <= (unsigned long)address && (unsigned long)address < to;
        else if (inside && strncmp(text, field, strlen(field)) == 0)
            kb = strtol(text + strlen(field), nullptr, 10);
    }
    if (file)
        fclose(file);
    return kb;
}

// A page that a fork left to two is shared until one of them writes it. redis asks this before it serves, on ARM64.
static void shared_pages(void) {
    long page = sysconf(_SC_PAGESIZE), kb = page / 1024;
    char *all = mmap(nullptr, 3 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *middle = all + page;
    mprotect(middle, page, PROT_READ | PROT_WRITE);
    *(volatile char *)middle = 1;
    is(smaps_kb(middle, "Private_Dirty:"), kb, "a page that was written is private and dirty");
    is(smaps_kb(middle, "Shared_Dirty:"), 0, "and not shared");
    exited(in_child({ _exit(smaps_kb(middle, "Shared_Dirty:") != kb || smaps_kb(middle, "Private_Dirty:") != 0); }), 0,
           "after a fork, it is shared");
    exited(in_child({
               *(volatile char *)middle = 2;
               _exit(smaps_kb(middle, "Shared_Dirty:") != 0 || smaps_kb(middle, "Private_Dirty:") != kb);
           }),
           0, "until it is written");
    munmap(all, 3 * page);
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

// --- what was read and written ---

struct counts {
    long read_chars, written_chars, reads, writes;
};

static struct counts counts_in(const char *path) {
    struct counts c = {-1, -1, -1, -1};
    char *text = get_file(path);
    if (text)
        sscanf(text, "rchar: %ld wchar: %ld syscr: %ld syscw: %ld", &c.read_chars, &c.written_chars, &c.reads,
               &c.writes);
    return c;
}

static void write_and_read(int times) {
    char bytes[100] = {0};
    int ends[2];
    if (pipe(ends) != 0)
        _exit(1);
    for (int i = 0; i < times; i++)
        if (write(ends[1], bytes, 100) != 100 || read(ends[0], bytes, 60) != 60 || read(ends[0], bytes, 99) != 40)
            _exit(1);
    close(ends[0]), close(ends[1]);
}

static void transfers(void) {
    struct counts before = counts_in("/proc/self/io");
    write_and_read(50);
    struct counts after = counts_in("/proc/self/io");
    ok(before.reads > 0, "/proc/self/io");
    // Reading the file counts, too.
    ok(after.reads - before.reads >= 100 && after.reads - before.reads < 110, "calls that read");
    ok(after.read_chars - before.read_chars >= 5000 && after.read_chars - before.read_chars < 7000, "what they read");
    is(after.writes - before.writes, 50, "calls that wrote");
    is(after.written_chars - before.written_chars, 5000, "what they wrote");
    is(in_child(write_and_read(30)), 0, "a child reads and writes");
    struct counts later = counts_in("/proc/self/io");
    ok(later.written_chars - after.written_chars >= 3000 && later.writes - after.writes >= 30,
       "what a child did that was waited for counts as ours");
    char bytes[10];
    before = counts_in("/proc/self/io");
    bool failed = read(-1, bytes, 1) < 0 && write(-1, bytes, 1) < 0;
    after = counts_in("/proc/self/io");
    ok(failed, "calls that fail at once");
    is(after.written_chars - before.written_chars, 0, "move nothing");
    if (is_root())
        exited(in_child(_exit(setuid(1000) != 0 || (get_file("/proc/1/io") != NULL))), 0, "another's is not shown");
}

// --- attributes, devices, the machine ---

static bool leads_to(const char *link, const char *end) {
    char target[PATH_MAX];
    return realpath(link, target) && strlen(target) >= strlen(end) &&
           same_text(target + strlen(target) - strlen(end), end);
}

static void devices(void) {
    char *text = get_file("/sys/dev/char/1:3/uevent");
    ok(text && strstr(text, "MAJOR=1\nMINOR=3\nDEVNAME=null\n"), "/dev/null by its number in /sys");
    ok(same_text(get_file("/sys/dev/char/1:3/dev"), "1:3\n"), "and its number");
    ok(leads_to("/sys/dev/char/1:3", "/sys/devices/virtual/mem/null"), "it is a virtual one");
    ok(leads_to("/sys/class/mem/null", "/sys/devices/virtual/mem/null"), "found by class, too");
    ok(leads_to("/sys/class/mem/null/subsystem", "/sys/class/mem"), "which it names");
    ok(leads_to("/sys/class/tty/console/subsystem", "/sys/class/tty"), "as the console does");
    ok((text = get_file("/sys/class/tty/console/active")) && strlen(text) > 1, "which says where it is");
    is(access("/sys/class/input", X_OK), 0, "input devices have a class, if there are any or not");
    is(access("/sys/devices/platform", X_OK), 0, "there is a platform");
}

static void machine(void) {
    char name[40] = "", *text = get_file("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    ok(text && sscanf(text, "%39s", name) == 1, "the clock has a name");
    char *all = get_file("/sys/devices/system/clocksource/clocksource0/available_clocksource");
    ok(all && strstr(all, name), "and is one of those that there are");
    ok(same_text(get_file("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"), "0\n"), "no pages are set aside");
    ok((text = get_file("/sys/kernel/mm/transparent_hugepage/enabled")) && strchr(text, '['),
       "large pages by themselves");
    ok(same_text(get_file("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"), "2097152\n"), "and their size");
    ok((text = get_file("/sys/devices/system/cpu/cpu0/topology/core_cpus_list")) && atoi(text) == 0, "a core's CPUs");
    ok((text = get_file("/sys/devices/system/cpu/cpu0/topology/package_cpus")) && strtoul(text, NULL, 16) & 1,
       "a package's");
    if (is_root()) {
        ok((text = get_file("/proc/timer_list")) && strstr(text, "now at "), "/proc/timer_list");
        exited(in_child(_exit(setuid(1000) != 0 || access("/proc/timer_list", R_OK) == 0)), 0, "is root's");
    }
}

// --- the processors' caches ---

// A file of cache `index` of a processor, as text without the end of its line. False: there is none.
static bool cache_file(int cpu, int index, const char *name, char text[64]) {
    char path[128];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cache/index%d/%s", cpu, index, name);
    const char *all = get_file(path);
    snprintf(text, 64, "%.*s", all ? (int)strcspn(all, "\n") : 0, all ? all : "");
    return all != NULL;
}

static unsigned long cache_number(int cpu, int index, const char *name, int base) {
    char text[64];
    return cache_file(cpu, index, name, text) ? strtoul(text, NULL, base) : 0;
}

static bool in_list(const char *list, unsigned long wanted) {
    for (char *at = (char *)list; *at >= '0' && *at <= '9'; at += *at == ',') {
        unsigned long from = strtoul(at, &at, 10), to = *at == '-' ? strtoul(at + 1, &at, 10) : from;
        if (from <= wanted && wanted <= to)
            return true;
    }
    return false;
}

// What the CPU does not tell has no file; a size is its parts' product.
static bool good_size(int cpu, int index) {
    char text[64];
    if (!cache_file(cpu, index, "size", text))
        return true;
    unsigned long lines = cache_number(cpu, index, "ways_of_associativity", 10) *
                          cache_number(cpu, index, "number_of_sets", 10),
                  parts = cache_number(cpu, index, "physical_line_partition", 10);
    return text[strlen(text) - 1] == 'K' &&
           lines * cache_number(cpu, index, "coherency_line_size", 10) * (parts ? parts : 1) ==
               strtoul(text, NULL, 10) * 1024;
}

// The processors of the map are those of the list, this one among them, and say the same. (Linux does not always give
// such caches one id.)
static bool good_sharing(int cpu, int index) {
    char map[64], list[64], others[64];
    if (!cache_file(cpu, index, "shared_cpu_map", map) || !cache_file(cpu, index, "shared_cpu_list", list))
        return false;
    unsigned long bits = strtoul(map, NULL, 16);
    bool good = (bits >> cpu & 1) != 0;
    for (int other = 0; other < sysconf(_SC_NPROCESSORS_CONF); other++) {
        good &= (bits >> other & 1) == in_list(list, other);
        if (bits >> other & 1)
            good &= cache_file(other, index, "shared_cpu_map", others) && strcmp(map, others) == 0;
    }
    return good;
}

static void caches(void) {
    char type[64];
    for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_CONF); cpu++) {
        unsigned long level = 1;
        int count = 0;
        for (; count < 32 && cache_file(cpu, count, "type", type); count++) {
            bool known = strcmp(type, "Data") == 0 || strcmp(type, "Instruction") == 0 || strcmp(type, "Unified") == 0;
            unsigned long own = cache_number(cpu, count, "level", 10);
            ok(known && own >= level && own <= level + 1, "processor %d has a cache of level %lu: %s", cpu, own, type);
            level = own;
            ok(good_size(cpu, count), "its size is that of its parts");
            ok(good_sharing(cpu, count), "who shares it agrees");
        }
        ok(count >= 2 && level >= 1, "processor %d has caches: %d", cpu, count);
    }
#ifdef __x86_64__
    ok(cache_file(0, 0, "size", type) && cache_file(0, 0, "id", type), "with sizes and numbers");
#endif
}

// --- what firmware says of the machine ---

static void firmware(void) {
    const char *tables = "/sys/firmware/dmi/tables/DMI", *entry = "/sys/firmware/dmi/tables/smbios_entry_point";
    struct stat info;
    if (access(tables, F_OK) != 0) {
        skip("the machine has no SMBIOS", "what firmware says");
        return;
    }
    unsigned char bytes[32];
    char name[128] = "", path[64], *text = get_file("/sys/class/dmi/id/sys_vendor");
    ok(text && sscanf(text, "%127[^\n]", name) == 1, "the machine's maker: %s", name);
    text = get_file("/sys/class/dmi/id/modalias");
    ok(text && strncmp(text, "dmi:bvn", 7) == 0 && strstr(text, ":svn") && strcmp(text + strlen(text) - 2, ":\n") == 0,
       "its kind in one word");
    ok((text = get_file("/sys/class/dmi/id/chassis_type")) && atoi(text) > 0, "its case");
    ok(leads_to("/sys/class/dmi/id", "/sys/devices/virtual/dmi/id"), "it is a virtual device");
    ok(leads_to("/sys/class/dmi/id/subsystem", "/sys/class/dmi"), "of a class");
    static const char *const secret[] = {"product_serial", "product_uuid", "chassis_serial"};
    for (unsigned i = 0; i < sizeof secret / sizeof *secret; i++) {
        snprintf(path, sizeof path, "/sys/class/dmi/id/%s", secret[i]);
        ok(stat(path, &info) != 0 || (info.st_mode & 0777) == 0400, "%s, if there is one, is root's", secret[i]);
    }
    ok(stat(tables, &info) == 0 && (info.st_mode & 0777) == 0400, "the table is, too");
    if (!is_root()) {
        skip("needs root", "tables");
        return;
    }
    int fd = open(entry, O_RDONLY);
    ssize_t got = read(fd, bytes, sizeof bytes);
    ok(got >= 24 && memcmp(bytes, "_SM", 3) == 0, "an entry point of %zd bytes", got);
    close(fd);
    unsigned char sum = 0;
    unsigned length = got >= 24 ? bytes[bytes[3] == '3' ? 6 : 5] : 0;
    for (unsigned i = 0; i < length && i < sizeof bytes; i++)
        sum += bytes[i];
    ok(length == got && sum == 0, "its sum is good");
    // Each structure has its length, then strings that two zeros end; the last is of type 127.
    static unsigned char table[65536];
    fd = open(tables, O_RDONLY);
    ssize_t size = read(fd, table, sizeof table), at = 0;
    int last = -1, named = 0;
    while (size > 0 && at + 4 <= size && last != 127) {
        last = table[at];
        for (at += table[at + 1]; at + 1 < size && (table[at] || table[at + 1]); at++)
            named += size - at > (ssize_t)strlen(name) && memcmp(table + at, name, strlen(name)) == 0;
        at += 2;
    }
    ok(last == 127 && at == size, "a table of %zd bytes, whole", size);
    ok(named > 0, "with the maker in it");
    ok(pread(fd, bytes, 4, 4) == 4 && memcmp(bytes, table + 4, 4) == 0, "any part of it");
    is(pread(fd, bytes, 4, size), 0, "to its end");
    close(fd);
}

// A Linux with AppArmor or SELinux says what they say.
static void attributes(void) {
    int fd = open("/proc/self/attr/current", O_RDWR);
    char text[100];
    ok(fd >= 0, "/proc/self/attr/current");
    ssize_t got = read(fd, text, sizeof text);
    ok(got > 0 || (got < 0 && errno == EINVAL), "says something, or that there is no module");
    fails(write(fd, "nonsense that is none", 21), EINVAL, "takes no nonsense");
    close(fd);
}

// Programs empty a file before they write it: pam_loginuid, for one.
static void truncation(void) {
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_TRUNC);
    is(ftruncate(fd, 0), 0, "a file of /proc may be truncated");
    ok(write(fd, "100", 3) == 3 && same_text(get_file("/proc/self/oom_score_adj"), "100\n"), "and written");
    close(fd);
    is(truncate("/proc/self/oom_score_adj", 10), 0, "by name, too, to any length");
    ok(same_text(get_file("/proc/self/oom_score_adj"), "100\n"), "which changes nothing");
    fd = open("/proc/self/oom_score_adj", O_RDONLY);
    fails(ftruncate(fd, 0), EINVAL, "not a file that is only read");
    close(fd);
    fd = open("/dev/null", O_RDWR);
    fails(ftruncate(fd, 0), EINVAL, "nor a device");
    close(fd);
    fails(truncate("/dev/null", 0), EINVAL, "by name, too");
}

int main(void) {
    namespaces();
    truncation();
    files();
    transfers();
    attributes();
    devices();
    machine();
    caches();
    firmware();
    shared_pages();
    return tap_done();
}
