// SPDX-License-Identifier: MPL-2.0
// Core files that go to a program: core_pattern with |, core_pipe_limit. This program is the helper, too, if it is
// called with arguments.
#include "jobs.h"
#include "sys.h"

#include <elf.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define FOLDER "/tmp/core-helper"
#define PATTERN "/proc/sys/kernel/core_pattern"
#define PIPE_LIMIT "/proc/sys/kernel/core_pipe_limit"
static char marked[4096 * 40] = "this text is in the core";
static char self[200];

static void set(const char *file, const char *value) {
    int fd = open(file, O_WRONLY);
    write(fd, value, strlen(value));
    close(fd);
}
static bool exists(const char *name) {
    char path[300];
    snprintf(path, sizeof path, FOLDER "/%s", name);
    return access(path, F_OK) == 0;
}
static void touch(const char *name) {
    char path[300];
    snprintf(path, sizeof path, FOLDER "/%s", name);
    close(open(path, O_CREAT | O_WRONLY, 0600));
}
static void clean(void) {
    DIR *dir = opendir(FOLDER);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        char path[400];
        snprintf(path, sizeof path, FOLDER "/%s", entry->d_name);
        remove(path);
    }
    if (dir)
        closedir(dir);
}
static void use(const char *arguments) {
    char pattern[128];
    snprintf(pattern, sizeof pattern, "|%s %s", self, arguments);
    set(PATTERN, pattern);
}
static bool dumped(int status) {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && WCOREDUMP(status);
}
static bool only_died(int status) {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && !WCOREDUMP(status);
}
static void crash(rlim_t limit) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){limit, RLIM_INFINITY});
    memset(marked + 4096, 1, sizeof marked - 4096);
    abort();
}

// ---------------------------------------------------------------- the helper

extern char **environ;

static void save(int count, char **arguments) {
    static char buffer[65536];
    int output = fcntl(1, F_GETFD), errors = fcntl(2, F_GETFD);
    FILE *told = fopen(FOLDER "/told", "w");
    fprintf(told, "%d/%d/%d/%d/%d/%d", getuid(), geteuid(), output, errors, environ[0] == NULL, kill(1, 0));
    for (int i = 0; i < count; i++)
        fprintf(told, "/%s", arguments[i]);
    fclose(told);
    int fd = open(FOLDER "/core", O_CREAT | O_WRONLY, 0600);
    for (ssize_t size; (size = read(0, buffer, sizeof buffer)) > 0;)
        write(fd, buffer, (size_t)size);
    close(fd);
    char name[40];
    snprintf(name, sizeof name, "pid-%d", getpid());
    touch(name);
    touch("done");
}
static int help(int count, char **arguments) {
    if (strcmp(arguments[0], "save") == 0)
        save(count, arguments);
    if (strcmp(arguments[0], "hold") == 0) { // it does not read
        touch("holds");
        bool told = eventually(exists("stop"));
        touch(told ? "stopped" : "tired");
    }
    if (strcmp(arguments[0], "late") == 0) {
        static char buffer[65536];
        while (read(0, buffer, sizeof buffer) > 0)
            ;
        sleep_ms(50);
        touch("late");
    }
    return 0;
}

// ---------------------------------------------------------------- tests

static bool core_has_memory(void) {
    struct stat st;
    int fd = open(FOLDER "/core", O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(Elf64_Ehdr))
        return false;
    char *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    Elf64_Ehdr *header = (Elf64_Ehdr *)data;
    Elf64_Phdr *headers = (Elf64_Phdr *)(data + header->e_phoff);
    bool found = false, fits = memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_type == ET_CORE;
    for (unsigned i = 0; fits && i < header->e_phnum; i++) {
        Elf64_Phdr *h = &headers[i];
        fits = h->p_offset + h->p_filesz <= (uint64_t)st.st_size;
        uint64_t at = (uintptr_t)marked - h->p_vaddr;
        if (fits && h->p_type == PT_LOAD && (uintptr_t)marked >= h->p_vaddr && at + 5000 < h->p_filesz)
            found = strcmp(data + h->p_offset + at, marked) == 0 && data[h->p_offset + at + 4999] == 1;
    }
    munmap(data, (size_t)st.st_size);
    return fits && found;
}

static void reads(void) {
    char want[300];
    use(" save\t%e  %p x%s%% %u %c");
    pid_t child = start_child({
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(99);
        prctl(PR_SET_DUMPABLE, 1);
        prctl(PR_SET_NAME, "a b/c");
        crash(0);
    });
    ok(dumped(wait_status(child)), "a program gets the core, though the limit is 0");
    ok(eventually(exists("done")), "it runs to its end");
    snprintf(want, sizeof want, "0/0/-1/-1/1/0/save/a b!c/%d/x6%%/65534/0", child);
    ok(same_text(get_file(FOLDER "/told"), want), "as root, with nothing but its arguments: %s", want);
    ok(core_has_memory(), "what it read is a core");
    DIR *dir = opendir(FOLDER);
    struct dirent *entry;
    int helper = 0;
    while ((entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, "pid-", 4) == 0)
            helper = atoi(entry->d_name + 4);
    closedir(dir);
    ok(helper > 0 && eventually(kill(helper, 0) != 0 && errno == ESRCH), "it leaves no zombie");
    clean();
}

static void refusals(void) {
    ok(only_died(in_child(crash(1))), "a limit of 1: nothing is started");
    ok(only_died(in_child(prctl(PR_SET_DUMPABLE, 0); crash(RLIM_INFINITY))), "nor of who is not dumpable");
    ok(!exists("told"), "indeed");
    set(PATTERN, "|/nowhere %p");
    ok(only_died(in_child(crash(RLIM_INFINITY))), "a program that there is not");
    set(PATTERN, "|/etc");
    ok(only_died(in_child(crash(RLIM_INFINITY))), "or is none");
    set(PATTERN, "|");
    ok(only_died(in_child(crash(RLIM_INFINITY))), "or has no name");
    use("nothing");
    ok(dumped(in_child(crash(RLIM_INFINITY))), "one that reads nothing: it was started");
}

static void waiting(void) {
    use("hold");
    pid_t child = start_child(crash(RLIM_INFINITY));
    ok(eventually(exists("holds")), "a program does not read");
    sleep_ms(20);
    is(waitpid(child, NULL, WNOHANG), 0, "the process waits");
    kill(child, SIGTERM);
    sleep_ms(20);
    is(waitpid(child, NULL, WNOHANG), 0, "no signal ends that");
    kill(child, SIGKILL);
    killed(wait_status(child), SIGKILL, "but SIGKILL");
    touch("stop");
    ok(eventually(exists("stopped")), "the program goes on");
    clean();

    set(PIPE_LIMIT, "1");
    child = start_child(crash(RLIM_INFINITY));
    ok(eventually(exists("holds")), "core_pipe_limit 1: one is being written");
    ok(only_died(in_child(crash(RLIM_INFINITY))), "a second one is not");
    touch("stop");
    ok(dumped(wait_status(child)), "the first is done");
    ok(exists("stopped"), "when the program is");
    clean();
    use("late");
    ok(dumped(in_child(crash(RLIM_INFINITY))) && exists("late"), "even if it has read all before");
    clean();
    set(PIPE_LIMIT, "0");
}

static void many(void) {
    use("nothing");
    pid_t children[24];
    bool good = true;
    for (unsigned i = 0; i < COUNT(children); i++)
        children[i] = start_child(crash(RLIM_INFINITY));
    for (unsigned i = 0; i < COUNT(children); i++)
        good &= dumped(wait_status(children[i]));
    ok(good, "many at a time");
}

static void sandboxes(void) {
    if (!on_tessera()) {
        skip("Linux has no jobs", "sandboxes");
        return;
    }
    use("save");
    static const unsigned flags[] = {JOB_NO_SOCKETS, JOB_NO_DEVICES, JOB_NO_SIGNALS, JOB_NO_NEW_PRIVILEGES};
    for (unsigned i = 0; i < COUNT(flags); i++) {
        int job = job_create(-1, "sandbox", flags[i]), pattern = open(PATTERN, O_WRONLY);
        int limit = open(PIPE_LIMIT, O_WRONLY);
        exited(in_job(job,
                      {
                          bool refused = write(pattern, "|/bin/sh", 8) == -1 && errno == EPERM;
                          refused &= write(limit, "1", 1) == -1 && errno == EPERM;
                          _exit(!refused);
                      }),
               0, "root in a sandbox (%#x) sets no program", flags[i]);
        close(pattern), close(limit), close(job);
    }
    int job = job_create(-1, "sandbox", JOB_NO_SIGNALS);
    ok(dumped(in_job(job, if (kill(1, 0) == 0) _exit(1); crash(0))), "who crashes in a sandbox");
    ok(eventually(exists("done")) && same_text(get_file(FOLDER "/told"), "0/0/-1/-1/1/0/save"),
       "is told to a program outside");
    close(job);
    clean();
}

static unsigned left(const char *name) {
    char *text = get_file("/proc/tessera/leaks"), *at = text ? strstr(text, name) : NULL;
    return at ? (unsigned)strtoul(at + strlen(name), NULL, 10) : 0;
}

// Of all that who crashes allocates for its core, one after the other is not there.
static void without_memory(void) {
    if (access("/proc/tessera/alloc_fail", F_OK) != 0) {
        skip("only a sanitizing kernel (DEBUG=1) lets allocations fail", "a crash without memory");
        return;
    }
    use("nothing");
    unsigned processes = left("processes "), threads = left("threads ");
    bool good = true;
    int whole = 0, none = 0;
    for (int n = 1; n <= 60; n++) {
        int status = in_child({
            char text[12];
            int fd = open("/proc/tessera/alloc_fail", O_WRONLY);
            int length = snprintf(text, sizeof text, "%d", n);
            write(fd, text, (size_t)length);
            abort();
        });
        good &= dumped(status) || only_died(status);
        dumped(status) ? whole++ : none++;
    }
    ok(good && whole > 0 && none > 5, "memory that is not there costs the core at most (%d, %d)", whole, none);
    ok(eventually(left("processes ") == processes && left("threads ") == threads), "nothing is left");
}

int main(int count, char **arguments) {
    if (count > 1)
        return help(count - 1, arguments + 1);
    if (geteuid() != 0) {
        skip("needs root", "all");
        return tap_done();
    }
    char before[200] = "";
    mkdir(FOLDER, 0700);
    clean();
    self[readlink("/proc/self/exe", self, sizeof self - 1)] = 0;
    snprintf(before, sizeof before, "%s", get_file(PATTERN));
    reads();
    refusals();
    waiting();
    many();
    sandboxes();
    without_memory();
    set(PATTERN, before);
    rmdir(FOLDER);
    return tap_done();
}
