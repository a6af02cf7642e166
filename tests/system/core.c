// SPDX-License-Identifier: MPL-2.0
// Core files: when there is one, where, and what is in it.
#include "sys.h"

#include <elf.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>

#define FOLDER "/tmp/core-test"
static char marked[4096 * 3] = "this text is in the core file";
static char *volatile secret; // anonymous memory

static void set(const char *file, const char *value) {
    int fd = open(file, O_WRONLY);
    write(fd, value, strlen(value));
    close(fd);
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
static int files(void) {
    DIR *dir = opendir(FOLDER);
    int count = -2;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}
static void allow(rlim_t size) {
    setrlimit(RLIMIT_CORE, &(struct rlimit){size, RLIM_INFINITY});
}
static bool dumped(int status, int signal) {
    return WIFSIGNALED(status) && WTERMSIG(status) == signal && WCOREDUMP(status);
}
static bool only_died(int status, int signal) {
    return WIFSIGNALED(status) && WTERMSIG(status) == signal && !WCOREDUMP(status);
}

// ---------------------------------------------------------------- reading one

static struct core {
    char *data;
    size_t size;
    Elf64_Phdr *headers;
    unsigned count;
} core;

static bool open_core(const char *name) {
    struct stat st;
    int fd = open(name, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) != 0)
        return false;
    core.size = (size_t)st.st_size;
    core.data = mmap(NULL, core.size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    Elf64_Ehdr *header = (Elf64_Ehdr *)core.data;
    core.headers = (Elf64_Phdr *)(core.data + header->e_phoff);
    core.count = header->e_phnum;
    return memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 && header->e_type == ET_CORE &&
           header->e_phentsize == sizeof(Elf64_Phdr) && core.headers[0].p_type == PT_NOTE;
}
static void close_core(void) {
    munmap(core.data, core.size);
}

// The n-th note of a type; *size gets its contents' size. NULL: none.
static void *note(unsigned type, int n, size_t *size) {
    char *at = core.data + core.headers[0].p_offset, *end = at + core.headers[0].p_filesz;
    while (at + sizeof(Elf64_Nhdr) <= end) {
        Elf64_Nhdr *header = (Elf64_Nhdr *)at;
        char *contents = at + sizeof *header + (header->n_namesz + 3 & ~3u);
        if (header->n_type == type && n-- == 0) {
            *size = header->n_descsz;
            return contents;
        }
        at = contents + (header->n_descsz + 3 & ~3u);
    }
    return NULL;
}

// What the file has for an address of the program; NULL: nothing.
static char *memory(const void *address) {
    uintptr_t at = (uintptr_t)address;
    for (unsigned i = 1; i < core.count; i++) {
        Elf64_Phdr *h = &core.headers[i];
        if (h->p_type == PT_LOAD && at >= h->p_vaddr && at < h->p_vaddr + h->p_filesz &&
            h->p_offset + h->p_filesz <= core.size)
            return core.data + h->p_offset + (at - h->p_vaddr);
    }
    return NULL;
}

static pthread_barrier_t barrier;
static void *waits(void *unused) {
    (void)unused;
    pthread_barrier_wait(&barrier);
    for (;;)
        pause();
}

static void contents(void) {
    secret = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(secret + 8192, "anonymous");
    volatile char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    strcpy((char *)shared, "shared");
    char *hidden = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(hidden, 4096, MADV_DONTDUMP);
    pid_t child = start_child({
        allow(RLIM_INFINITY);
        pthread_t threads[3];
        pthread_barrier_init(&barrier, NULL, 4);
        for (int i = 0; i < 3; i++)
            pthread_create(&threads[i], NULL, waits, NULL);
        pthread_barrier_wait(&barrier);
        memcpy(marked + 5000, "changed", 8);
        *(volatile int *)0x10 = 1;
    });
    int status = wait_status(child);
    ok(dumped(status, SIGSEGV), "a fault leaves a core file (%#x)", status);
    if (!ok(open_core(FOLDER "/core"), "it is one"))
        return;
    size_t size, unused;
    prstatus_t *first = note(NT_PRSTATUS, 0, &size);
    ok(first && size == sizeof *first && first->pr_pid == child && first->pr_cursig == SIGSEGV &&
           first->pr_info.si_signo == SIGSEGV && first->pr_ppid == getpid() && first->pr_pgrp == getpgrp(),
       "NT_PRSTATUS of the thread that faulted comes first");
    ok(note(NT_PRSTATUS, 3, &unused) && !note(NT_PRSTATUS, 4, &unused), "there are four threads");
    ok(note(NT_FPREGSET, 3, &unused) != NULL, "with vector registers");
    prpsinfo_t *info = note(NT_PRPSINFO, 0, &size);
    ok(info && size == sizeof *info && info->pr_pid == child && strstr(info->pr_psargs, "core") != NULL &&
           strncmp(info->pr_fname, "core", 4) == 0,
       "NT_PRPSINFO has name and arguments");
    siginfo_t *signal = note(0x53494749, 0, &size);
    ok(signal && size == sizeof *signal && signal->si_signo == SIGSEGV && signal->si_addr == (void *)0x10,
       "NT_SIGINFO has the address");
    uint64_t *auxv = note(NT_AUXV, 0, &size), entry = 0;
    for (size_t i = 0; auxv && i + 1 < size / 8; i += 2)
        entry = auxv[i] == AT_ENTRY ? auxv[i + 1] : entry;
    ok(entry != 0 && memory((void *)&marked), "NT_AUXV has the entry");
    uint64_t *list = note(0x46494c45, 0, &size);
    char path[300];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    path[length > 0 ? length : 0] = 0;
    ok(list && list[1] == 4096 && list[0] > 0 && memmem(list, size, path, strlen(path) + 1), "NT_FILE has the program");
    ok(memory(marked) && strcmp(memory(marked), marked) == 0 && strcmp(memory(marked + 5000), "changed") == 0,
       "data are as they were");
    ok(memory(secret + 8192) && strcmp(memory(secret + 8192), "anonymous") == 0, "so is anonymous memory");
    ok(memory((char *)shared) && strcmp(memory((char *)shared), "shared") == 0, "that is shared, too");
    ok(!memory(hidden), "MADV_DONTDUMP is not there");
#if defined __x86_64__
    uintptr_t sp = ((uint64_t *)first->pr_reg)[19], pc = ((uint64_t *)first->pr_reg)[16];
#else
    uintptr_t sp = ((uint64_t *)first->pr_reg)[31], pc = ((uint64_t *)first->pr_reg)[32];
#endif
    ok(memory((void *)sp) != NULL, "the stack is");
    ok(pc > (uintptr_t)&contents - (1 << 20) && pc < (uintptr_t)&contents + (1 << 20), "and the place of the fault");
    close_core();
    struct stat st;
    ok(stat(FOLDER "/core", &st) == 0 && (st.st_mode & 0777) == 0600 && st.st_uid == geteuid(), "its owner's alone");
    clean();
}

static void rules(void) {
    ok(only_died(in_child(allow(0); abort()), SIGABRT) && files() == 0, "RLIMIT_CORE 0: none");
    ok(only_died(in_child(allow(RLIM_INFINITY); prctl(PR_SET_DUMPABLE, 0); abort()), SIGABRT) && files() == 0,
       "none of who is not dumpable");
    ok(only_died(in_child(allow(RLIM_INFINITY); raise(SIGTERM)), SIGTERM) && files() == 0, "SIGTERM leaves none");
    static const int signals[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS};
    bool good = true;
    for (unsigned i = 0; i < COUNT(signals); i++) {
        pid_t child = start_child(allow(RLIM_INFINITY); for (;;) pause());
        sleeps(child);
        eventually(strncmp(get_file("/proc/self/stat"), "", 0) == 0);
        sleep_ms(2);
        kill(child, signals[i]);
        good &= dumped(wait_status(child), signals[i]) || (printf("# signal %d\n", signals[i]), false);
    }
    ok(good && files() == 1, "ten others do, each in place of the one before");
    clean();
    symlink("/tmp/core-target", FOLDER "/core");
    ok(dumped(in_child(allow(RLIM_INFINITY); abort()), SIGABRT), "a link in its place");
    struct stat st;
    ok(lstat(FOLDER "/core", &st) == 0 && S_ISREG(st.st_mode) && access("/tmp/core-target", F_OK) != 0,
       "is replaced, not followed");
    clean();
    ok(dumped(in_child(allow(20000); abort()), SIGABRT), "a small limit");
    ok(stat(FOLDER "/core", &st) == 0 && st.st_size <= 20000 && st.st_size > 64, "cuts the file");
    clean();
    mkdir(FOLDER "/core", 0700);
    ok(only_died(in_child(allow(RLIM_INFINITY); abort()), SIGABRT), "a folder in its place: none");
    rmdir(FOLDER "/core");
    exited(in_child({
               set("/proc/self/coredump_filter", "0");
               bool ok = strcmp(get_file("/proc/self/coredump_filter"), "00000000\n") == 0;
               allow(RLIM_INFINITY);
               int status = in_child(strcpy(marked, "x"); abort());
               ok &= dumped(status, SIGABRT) && open_core(FOLDER "/core") && !memory(marked);
               _exit(!ok);
           }),
           0, "coredump_filter 0 leaves memory out; children inherit it");
    clean();
}

static void patterns(void) {
    if (geteuid() != 0) {
        skip("needs root", "patterns");
        return;
    }
    char want[200];
    set("/proc/sys/kernel/core_pattern", FOLDER "/%%-%e-%s-%u-%p");
    ok(strcmp(get_file("/proc/sys/kernel/core_pattern"), FOLDER "/%%-%e-%s-%u-%p\n") == 0, "a pattern is set");
    pid_t child = start_child(chdir("/"); prctl(PR_SET_NAME, "a/b"); allow(RLIM_INFINITY); abort());
    ok(dumped(wait_status(child), SIGABRT), "a file by it");
    snprintf(want, sizeof want, FOLDER "/%%-a!b-6-%d-%d", getuid(), child);
    ok(access(want, F_OK) == 0 && files() == 1, "%s", want);
    clean();
    set("/proc/sys/kernel/core_pattern", "core");
    set("/proc/sys/kernel/core_uses_pid", "1");
    child = start_child(allow(RLIM_INFINITY); abort());
    wait_status(child);
    snprintf(want, sizeof want, FOLDER "/core.%d", child);
    ok(access(want, F_OK) == 0 && files() == 1, "core_uses_pid");
    set("/proc/sys/kernel/core_uses_pid", "0");
    clean();
    exited(in_child({
               chmod(FOLDER, 0755);
               if (setgid(65534) != 0 || setuid(65534) != 0)
                   _exit(99);
               prctl(PR_SET_DUMPABLE, 1);
               allow(RLIM_INFINITY);
               int status = in_child(abort());
               _exit(!only_died(status, SIGABRT) || files() != 0);
           }),
           0, "who may not write there leaves none");
}

// A process that root was, and is no more.
static int once_root(void) {
    return in_child({
        if (setgid(65534) != 0 || setuid(65534) != 0)
            _exit(99);
        if (prctl(PR_GET_DUMPABLE) != atoi(get_file("/proc/sys/fs/suid_dumpable")))
            _exit(98);
        allow(RLIM_INFINITY);
        abort();
    });
}

static void changed_users(void) {
    struct stat st;
    if (geteuid() != 0) {
        skip("needs root", "suid_dumpable");
        return;
    }
    char before[40];
    snprintf(before, sizeof before, "%s", get_file("/proc/sys/fs/suid_dumpable"));
    int fd = open("/proc/sys/fs/suid_dumpable", O_WRONLY);
    fails(write(fd, "3", 1), EINVAL, "suid_dumpable is 0, 1 or 2");
    close(fd);
    chmod(FOLDER, 0777);
    set("/proc/sys/kernel/core_pattern", FOLDER "/core-%d-%u");
    set("/proc/sys/fs/suid_dumpable", "0");
    ok(only_died(once_root(), SIGABRT) && files() == 0, "suid_dumpable 0: none of who changed its user");
    set("/proc/sys/fs/suid_dumpable", "1");
    ok(dumped(once_root(), SIGABRT) && stat(FOLDER "/core-1-65534", &st) == 0 && st.st_uid == 65534,
       "1: one of the user's");
    chmod(FOLDER, 0755);
    set("/proc/sys/fs/suid_dumpable", "2");
    ok(dumped(once_root(), SIGABRT) && stat(FOLDER "/core-2-65534", &st) == 0 && st.st_uid == 0 &&
           (st.st_mode & 0777) == 0600,
       "2: one of root's");
    ok(only_died(once_root(), SIGABRT), "which replaces nothing");
    clean();
    set("/proc/sys/kernel/core_pattern", "core");
    ok(only_died(once_root(), SIGABRT) && files() == 0, "and is nowhere but where the pattern says");
    set("/proc/sys/fs/suid_dumpable", before);
}

// From now on getppid gets this answer.
static void filter(unsigned answer) {
    struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                                 BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
                                 BPF_STMT(BPF_RET | BPF_K, answer), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &(struct sock_fprog){COUNT(code), code}) != 0)
        _exit(98);
}
static void *calls(void *unused) {
    syscall(SYS_getppid);
    return unused;
}

static void filtered(void) {
    size_t size;
    ok(dumped(in_child({
                  allow(RLIM_INFINITY);
                  signal(SIGSYS, SIG_IGN);
                  filter(SECCOMP_RET_KILL_PROCESS | 7);
                  syscall(SYS_getppid);
              }),
              SIGSYS),
       "SECCOMP_RET_KILL_PROCESS leaves a core file");
    if (!ok(open_core(FOLDER "/core"), "it is one"))
        return;
    siginfo_t *signal = note(0x53494749, 0, &size);
    ok(signal && signal->si_signo == SIGSYS && signal->si_code == 1 && signal->si_errno == 7 &&
           signal->si_syscall == SYS_getppid,
       "it says which call");
    prstatus_t *first = note(NT_PRSTATUS, 0, &size);
#if defined __x86_64__
    uint64_t number = ((uint64_t *)first->pr_reg)[10];
#else
    uint64_t number = ((uint64_t *)first->pr_reg)[8];
#endif
    ok(number == SYS_getppid && first->pr_cursig == SIGSYS, "and has the registers that it was made with");
    close_core();
    clean();
    ok(dumped(in_child(allow(RLIM_INFINITY); filter(SECCOMP_RET_KILL_THREAD); syscall(SYS_getppid)), SIGSYS) &&
           files() == 1,
       "SECCOMP_RET_KILL_THREAD of the only thread, too");
    clean();
    exited(in_child({
               pthread_t thread;
               allow(RLIM_INFINITY);
               filter(SECCOMP_RET_KILL_THREAD);
               pthread_create(&thread, NULL, calls, NULL);
               for (int i = 0; i < 10000 && files() == 0; i++) { // a killed thread is not joined
                   char *tasks = get_file("/proc/self/status"), *count = strstr(tasks, "Threads:");
                   if (count && atoi(count + 8) == 1)
                       break;
                   sleep_ms(1);
               }
               _exit(files() != 0);
           }),
           0, "not that of one of several");
}

static int plain_status(int limit) {
    pid_t child = start_child({
        allow(RLIM_INFINITY);
        char *large = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(large, 1, (size_t)limit << 20);
        abort();
    });
    sleep_ms(limit / 4);
    kill(child, SIGKILL);
    return wait_status(child);
}

int main(void) {
    mkdir(FOLDER, 0777);
    chdir(FOLDER);
    clean();
    char before[200] = "";
    snprintf(before, sizeof before, "%s", get_file("/proc/sys/kernel/core_pattern"));
    set("/proc/sys/kernel/core_pattern", "core");
    contents();
    rules();
    patterns();
    changed_users();
    filtered();
    bool good = true;
    for (int i = 8; i <= 48; i += 8) {
        int status = plain_status(i);
        good &= WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGABRT);
    }
    ok(good, "SIGKILL ends it, whatever it is about");
    clean();
    set("/proc/sys/kernel/core_pattern", before);
    chdir("/");
    rmdir(FOLDER);
    return tap_done();
}
