// SPDX-License-Identifier: MPL-2.0
// System V shared memory.
#include "sys.h"

#include <inttypes.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>

#define PAGE 4096ul
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif
#define FAILED ((void *)-1)

static struct shmid_ds state_of(int id) {
    struct shmid_ds state = {};
    shmctl(id, IPC_STAT, &state);
    return state;
}
static int attached(int id) {
    struct shmid_ds state;
    return shmctl(id, IPC_STAT, &state) == 0 ? (int)state.shm_nattch : -1;
}
static int make(size_t size) {
    return shmget(IPC_PRIVATE, size, 0600);
}
static void be_nobody(void) {
    if (setgid(65534) != 0 || setuid(65534) != 0)
        _exit(99);
}

static void keys(void) {
    key_t key = 0x5b3a0000 + getpid();
    fails(shmget(key, 1, 0), ENOENT, "no segment of this key");
    fails(shmget(key, 0, IPC_CREAT | 0600), EINVAL, "a segment has a byte");
    int id = shmget(key, 5000, IPC_CREAT | 0640);
    ok(id >= 0, "a segment is made");
    is(shmget(key, 0, 0), id, "the key leads to it");
    is(shmget(key, 5000, IPC_CREAT), id, "also with IPC_CREAT");
    fails(shmget(key, 5001, 0), EINVAL, "it is not so large");
    fails(shmget(key, 1, IPC_CREAT | IPC_EXCL | 0600), EEXIST, "IPC_EXCL refuses");
    struct shmid_ds s = state_of(id);
    ok(s.shm_segsz == 5000 && s.shm_nattch == 0 && s.shm_cpid == getpid() && s.shm_lpid == 0, "IPC_STAT tells of it");
    ok(s.shm_perm.mode == 0640 && s.shm_perm.__key == key && s.shm_perm.uid == geteuid(), "mode, key, user");
    ok(s.shm_atime == 0 && s.shm_dtime == 0 && s.shm_ctime > 0, "and times");
    s.shm_perm.mode = 0604;
    is(shmctl(id, IPC_SET, &s), 0, "IPC_SET");
    is(state_of(id).shm_perm.mode, 0604, "changes the mode");
    is(shmctl(id, IPC_RMID, NULL), 0, "removed");
    fails(shmctl(id, IPC_RMID, NULL), EINVAL, "once");
    fails(shmget(key, 1, 0), ENOENT, "the key leads nowhere");
    ok(shmat(id, NULL, 0) == FAILED && errno == EINVAL, "nor does the id");
    int again = make(1);
    ok(again != id && again >= 0, "a new segment has another id");
    shmctl(again, IPC_RMID, NULL);
    fails(shmctl(-1, IPC_STAT, &s), EINVAL, "a bad id");
    fails(shmctl(again, 99, &s), EINVAL, "a bad command");
}

static void sharing(void) {
    int id = make(3 * PAGE);
    char *one = shmat(id, NULL, 0), *two = shmat(id, NULL, 0);
    ok(one != FAILED && two != FAILED && one != two, "attached twice");
    bool zero = true;
    for (unsigned i = 0; i < 3 * PAGE; i++)
        zero &= one[i] == 0;
    ok(zero, "it begins with zeros");
    strcpy(one + PAGE, "written");
    ok(strcmp(two + PAGE, "written") == 0, "what is written here is there");
    is(attached(id), 2, "it is attached twice");
    ok(state_of(id).shm_lpid == getpid() && state_of(id).shm_atime > 0, "by us");
    exited(in_child({
               bool good = attached(id) == 4;
               strcpy(two, "child");
               good &= shmdt(one) == 0 && attached(id) == 3;
               _exit(!good);
           }),
           0, "a child has both, and gives one back");
    is(attached(id), 2, "its end gives back the other");
    ok(strcmp(one, "child") == 0, "what it wrote is here");
    char path[64];
    snprintf(path, sizeof path, "%s", "/proc/self/exe");
    exited(in_child(execl(path, path, "attached", (char[]){(char)('0' + 2), 0}, ({
                              static char text[16];
                              snprintf(text, sizeof text, "%d", id);
                              text;
                          }),
                          NULL);
                    _exit(98)),
           0, "a program that is executed has none");
    is(shmdt(one), 0, "detached");
    fails(shmdt(one), EINVAL, "once");
    fails(shmdt(two + 1), EINVAL, "not in the middle of a page");
    fails(shmdt(two + PAGE), EINVAL, "nor of the segment");
    is(shmdt(two), 0, "the other, too");
    ok(attached(id) == 0 && state_of(id).shm_dtime > 0, "nobody has it now");
    one = shmat(id, NULL, 0);
    ok(strcmp(one + PAGE, "written") == 0, "but it is still there");
    shmdt(one);
    shmctl(id, IPC_RMID, NULL);
}

static void places(void) {
    int id = make(2 * PAGE + 1);
    char *room = mmap(NULL, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ok(shmat(id, room, 0) == FAILED && errno == EINVAL, "not over something");
    ok(shmat(id, NULL, SHM_REMAP) == FAILED && errno == EINVAL, "SHM_REMAP needs an address");
    ok(shmat(id, (void *)1, SHM_RND | SHM_REMAP) == FAILED && errno == EINVAL, "that is none when rounded");
    ok(shmat(id, (char *)-PAGE, 0) == FAILED && errno == EINVAL, "not beyond the end of everything");
    is((long)shmat(id, room + PAGE, SHM_REMAP), (long)(room + PAGE), "SHM_REMAP goes over it");
    is(shmdt(room + PAGE), 0, "three pages");
    munmap(room, 8 * PAGE);
    ok(shmat(id, room + 5, 0) == FAILED && errno == EINVAL, "not in the middle of a page");
    is((long)shmat(id, room + PAGE + 5, SHM_RND), (long)(room + PAGE), "SHM_RND rounds down");
    room[4 * PAGE - 1] = 1;
    is(shmdt(room + PAGE), 0, "the last page is whole");
    is((long)shmat(id, room, 0), (long)room, "where we like");
    is(munmap(room + PAGE, PAGE), 0, "with a hole");
    is(attached(id), 2, "it is attached in two pieces");
    room[0] = room[2 * PAGE] = 2;
    is(shmdt(room), 0, "which shmdt takes both");
    is(attached(id), 0, "so none is left");
    is((long)shmat(id, room, 0), (long)room, "again");
    munmap(room, PAGE);
    is(shmdt(room), 0, "without its first page it goes by the same address");
    is(attached(id), 0, "wholly");
    is((long)shmat(id, room, 0), (long)room, "once more");
    munmap(room, 3 * PAGE);
    is(attached(id), 0, "munmap detaches");
    shmctl(id, IPC_RMID, NULL);
}

static void protection(void) {
    int id = make(PAGE);
    char *writable = shmat(id, NULL, 0), *readable = shmat(id, NULL, SHM_RDONLY);
    strcpy(writable, "text");
    ok(strcmp(readable, "text") == 0, "SHM_RDONLY reads");
    int status = in_child(*(volatile char *)readable = 1);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "and does not write");
    fails(mprotect(readable, PAGE, PROT_READ | PROT_WRITE), EACCES, "not even with mprotect");
    is(mprotect(writable, PAGE, PROT_READ), 0, "the other one may be changed");
    shmdt(readable), shmdt(writable);
    char *code = shmat(id, NULL, SHM_EXEC);
    ok(code != FAILED, "SHM_EXEC");
#if defined __x86_64__
    static const uint8_t seven[] = {0xb8, 7, 0, 0, 0, 0xc3};
#else
    static const uint32_t seven[] = {0x528000e0, 0xd65f03c0};
#endif
    memcpy(code, seven, sizeof seven);
    __builtin___clear_cache(code, code + sizeof seven);
    is(((int (*)(void))code)(), 7, "can be executed");
    shmdt(code);
    code = shmat(id, NULL, 0);
    status = in_child(((int (*)(void))code)());
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "without it it cannot");
    shmdt(code);
    shmctl(id, IPC_RMID, NULL);
}

static void removal(void) {
    key_t key = 0x5b3b0000 + getpid();
    int id = shmget(key, PAGE, IPC_CREAT | 0600);
    char *at = shmat(id, NULL, 0);
    is(shmctl(id, IPC_RMID, NULL), 0, "removed while attached");
    strcpy(at, "alive");
    struct shmid_ds s = state_of(id);
    ok(s.shm_nattch == 1 && (s.shm_perm.mode & 01000) && s.shm_perm.__key == IPC_PRIVATE, "it lives on, marked");
    fails(shmget(key, 0, 0), ENOENT, "without its key");
    int other = shmget(key, PAGE, IPC_CREAT | 0600);
    ok(other >= 0 && other != id, "which is free");
    char *more = shmat(id, NULL, 0);
    ok(more != FAILED && strcmp(more, "alive") == 0, "by its id it can be attached still");
    is(shmctl(id, IPC_RMID, NULL), 0, "and removed again");
    shmdt(at);
    is(attached(id), 1, "one is left");
    pid_t child = start_child(pause());
    ok(attached(id) == 2, "a child has it, too");
    shmdt(more);
    is(attached(id), 1, "then the child alone");
    kill(child, SIGKILL);
    wait_status(child);
    is(attached(id), -1, "with the last one it is gone");
    shmctl(other, IPC_RMID, NULL);
}

static void permissions(void) {
    if (geteuid() != 0) {
        skip("needs root", "permissions");
        return;
    }
    key_t key = 0x5b3c0000 + getpid();
    int id = shmget(key, PAGE, IPC_CREAT | 0604);
    exited(in_child({
               be_nobody();
               struct shmid_ds s;
               bool good = shmget(key, 0, 0400) == id;
               good &= shmget(key, 0, 0600) < 0 && errno == EACCES;
               good &= shmat(id, NULL, 0) == FAILED && errno == EACCES;
               good &= shmat(id, NULL, SHM_RDONLY) != FAILED;
               good &= shmat(id, NULL, SHM_RDONLY | SHM_EXEC) == FAILED && errno == EACCES;
               good &= shmctl(id, IPC_STAT, &s) == 0;
               good &= shmctl(id, IPC_SET, &s) < 0 && errno == EPERM;
               good &= shmctl(id, SHM_LOCK, NULL) < 0 && errno == EPERM;
               good &= shmctl(id, IPC_RMID, NULL) < 0 && errno == EPERM;
               _exit(!good);
           }),
           0, "others may read, not write, change or remove");
    struct shmid_ds s = state_of(id);
    s.shm_perm.mode = 0600;
    shmctl(id, IPC_SET, &s);
    exited(in_child({
               be_nobody();
               struct shmid_ds s;
               bool good = shmctl(id, IPC_STAT, &s) < 0 && errno == EACCES;
               good &= shmctl(id % 32768, SHM_STAT, &s) < 0 && errno == EACCES;
               good &= shmctl(id % 32768, SHM_STAT_ANY, &s) == id && s.shm_segsz == PAGE;
               _exit(!good);
           }),
           0, "of what may not be read only SHM_STAT_ANY tells");
    s.shm_perm.uid = 65534;
    is(shmctl(id, IPC_SET, &s), 0, "given away");
    exited(in_child(be_nobody(); _exit(shmat(id, NULL, 0) == FAILED || shmctl(id, IPC_RMID, NULL) != 0)), 0,
           "it is another's to use and remove");
}

static void locking(void) {
    int id = make(4 * PAGE);
    is(shmctl(id, SHM_LOCK, NULL), 0, "SHM_LOCK");
    ok(state_of(id).shm_perm.mode & 02000, "shows");
    is(shmctl(id, SHM_UNLOCK, NULL), 0, "SHM_UNLOCK");
    ok(!(state_of(id).shm_perm.mode & 02000), "shows, too");
    shmctl(id, IPC_RMID, NULL);
    if (geteuid() != 0) {
        skip("needs root", "limits on locked memory");
        return;
    }
    exited(in_child({
               setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){4 * PAGE, 4 * PAGE});
               be_nobody();
               int small = make(4 * PAGE), large = make(5 * PAGE);
               bool good = shmctl(large, SHM_LOCK, NULL) < 0 && errno == ENOMEM;
               good &= shmctl(small, SHM_LOCK, NULL) == 0;
               int more = make(PAGE);
               good &= shmctl(more, SHM_LOCK, NULL) < 0 && errno == ENOMEM;
               good &= shmctl(small, SHM_UNLOCK, NULL) == 0 && shmctl(more, SHM_LOCK, NULL) == 0;
               setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){});
               good &= shmctl(small, SHM_LOCK, NULL) < 0 && errno == EPERM;
               shmctl(small, IPC_RMID, NULL), shmctl(large, IPC_RMID, NULL), shmctl(more, IPC_RMID, NULL);
               _exit(!good);
           }),
           0, "RLIMIT_MEMLOCK bounds what a user locks");
}

// A number of a row of /proc/sysvipc/shm; -1: the segment is not there.
static long column(int id, unsigned which) {
    FILE *file = fopen("/proc/sysvipc/shm", "r");
    char text[512];
    long value = -1;
    while (file && fgets(text, sizeof text, file)) {
        long v[16];
        if (sscanf(text, "%ld %ld %lo %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld", v, v + 1, v + 2, v + 3,
                   v + 4, v + 5, v + 6, v + 7, v + 8, v + 9, v + 10, v + 11, v + 12, v + 13, v + 14, v + 15) == 16 &&
            v[1] == id)
            value = v[which];
    }
    if (file)
        fclose(file);
    return value;
}

static void lists(void) {
    struct shminfo limits;
    struct shm_info use, after;
    struct shmid_ds s;
    ok(shmctl(0, IPC_INFO, (struct shmid_ds *)&limits) >= 0, "IPC_INFO");
    ok(limits.shmmin == 1 && limits.shmmni == 4096 && limits.shmmax > 1ul << 40, "has the limits");
    shmctl(0, SHM_INFO, (struct shmid_ds *)&use);
    int id = make(10 * PAGE), top = shmctl(0, SHM_INFO, (struct shmid_ds *)&after), found = 0;
    ok(after.used_ids == use.used_ids + 1 && after.shm_tot == use.shm_tot + 10, "SHM_INFO counts");
    for (int i = 0; i <= top; i++)
        found += shmctl(i, SHM_STAT, &s) == id && s.shm_segsz == 10 * PAGE;
    is(found, 1, "SHM_STAT finds it by index");
    fails(shmctl(top + 1, SHM_STAT, &s), EINVAL, "beyond the last one there is none");
    char *at = shmat(id, NULL, 0);
    at[0] = at[5 * PAGE] = 1;
    ok(column(id, 3) == 10 * PAGE && column(id, 2) == 0600 && column(id, 4) == getpid() && column(id, 6) == 1,
       "/proc/sysvipc/shm shows size, mode, creator and count");
    is(column(id, 14), 2 * PAGE, "and what memory it has");
    char want[64], *maps = get_file("/proc/self/maps"), *where;
    snprintf(want, sizeof want, "%" PRIxPTR "-", (uintptr_t)at);
    where = strstr(maps, want);
    unsigned long inode = 0;
    char name[64] = "";
    ok(where && sscanf(where, "%*s rw-s 00000000 %*x:%*x %lu %63s (deleted)", &inode, name) == 2 &&
           inode == (unsigned long)id && strcmp(name, "/SYSV00000000") == 0,
       "/proc/PID/maps tells what it is (%lu %s)", inode, name);
    fails(shmctl(id, IPC_STAT, (void *)8), EFAULT, "a bad address");
    fails(shmctl(0, SHM_INFO, (void *)8), EFAULT, "there, too");
    fails(shmctl(id, IPC_SET, (void *)8), EFAULT, "and there");
    shmdt(at);
    shmctl(id, IPC_RMID, NULL);
    is(column(id, 1), -1, "when it is removed, it is not listed");
}

static bool set(const char *file, const char *value) {
    int fd = open(file, O_WRONLY);
    bool good = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    close(fd);
    return good;
}

static void limits(void) {
    if (geteuid() != 0) {
        skip("needs root", "limits");
        return;
    }
    char before[32];
    snprintf(before, sizeof before, "%s", get_file("/proc/sys/kernel/shmmax"));
    ok(set("/proc/sys/kernel/shmmax", "8192"), "shmmax can be set");
    fails(make(8193), EINVAL, "no segment is larger");
    int id = make(8192);
    ok(id >= 0 && set("/proc/sys/kernel/shmmax", before), "one is as large; set back");
    struct shm_info use;
    char number[32];
    shmctl(0, SHM_INFO, (struct shmid_ds *)&use);
    snprintf(before, sizeof before, "%s", get_file("/proc/sys/kernel/shmmni"));
    snprintf(number, sizeof number, "%d", use.used_ids);
    set("/proc/sys/kernel/shmmni", number);
    fails(make(1), ENOSPC, "there are as many as shmmni allows");
    set("/proc/sys/kernel/shmmni", before);
    snprintf(before, sizeof before, "%s", get_file("/proc/sys/kernel/shmall"));
    snprintf(number, sizeof number, "%lu", use.shm_tot + 1);
    set("/proc/sys/kernel/shmall", number);
    fails(make(2 * PAGE), ENOSPC, "all have as many pages as shmall allows");
    int last = make(PAGE);
    ok(last >= 0 && set("/proc/sys/kernel/shmall", before), "but for the last one; set back");
    shmctl(id, IPC_RMID, NULL), shmctl(last, IPC_RMID, NULL);
    fails(make(1ul << 50), ENOMEM, "a petabyte");
    fails(shmget(IPC_PRIVATE, ~0ul, 0600), EINVAL, "more than there is");
}

// Many processes make, attach, detach and remove what they find under a few keys.
static void storm(void) {
    enum { WORKERS = 4, KEYS = 3, ROUNDS = 400 };
    key_t base = 0x5b3d0000 + getpid();
    pid_t workers[WORKERS];
    for (int w = 0; w < WORKERS; w++)
        workers[w] = start_child({
            unsigned seed = (unsigned)w;
            for (int i = 0; i < ROUNDS; i++) {
                int id = shmget(base + (int)(rand_r(&seed) % KEYS), PAGE, IPC_CREAT | 0600);
                char *at = id < 0 ? FAILED : shmat(id, NULL, 0);
                if (at == FAILED && errno != EINVAL)
                    _exit(1);
                if (at != FAILED) {
                    at[w]++;
                    if (rand_r(&seed) % 4 == 0)
                        shmctl(id, IPC_RMID, NULL);
                    if (rand_r(&seed) % 8 && shmdt(at) != 0)
                        _exit(2);
                }
            }
        });
    bool good = true;
    for (int w = 0; w < WORKERS; w++)
        good &= wait_status(workers[w]) == 0;
    ok(good, "%d processes at once", WORKERS);
    for (int k = 0; k < KEYS; k++) {
        int id = shmget(base + k, 0, 0);
        good &= id < 0 || (attached(id) == 0 && shmctl(id, IPC_RMID, NULL) == 0);
    }
    ok(good, "leave nothing attached");
}

int main(int argc, char **argv) {
    if (argc == 4 && strcmp(argv[1], "attached") == 0)
        return attached(atoi(argv[3])) != atoi(argv[2]);
    keys();
    sharing();
    places();
    protection();
    removal();
    permissions();
    locking();
    lists();
    limits();
    storm();
    return tap_done();
}
