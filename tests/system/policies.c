// SPDX-License-Identifier: MPL-2.0
// What a thread wishes of memory and disks, and gets without noticing: nodes of memory (get_mempolicy, set_mempolicy,
// mbind) on a machine that has one, the urgency of its I/O (ioprio_get, ioprio_set), and protection keys on a processor
// without them.
#include "sys.h"

#include <pthread.h>
#include <sys/mman.h>

enum { DEFAULT, PREFERRED, BIND, INTERLEAVE, LOCAL, PREFERRED_MANY };
enum { STATIC_NODES = 0x8000, RELATIVE_NODES = 0x4000, BALANCING = 0x2000 };
enum { F_NODE = 1, F_ADDR = 2, F_MEMS_ALLOWED = 4 };

#define BITS 1025 // one more than there are, as the call has it
struct nodes {
    unsigned long words[32];
};

static long set_policy(int mode, unsigned long nodes) {
    struct nodes set = {{nodes}};
    return syscall(SYS_set_mempolicy, mode, &set, BITS);
}

// Mode and nodes in one number; -1: an error.
static long policy_of(void *address, unsigned flags) {
    int mode = -1;
    struct nodes set;
    memset(&set, 0xff, sizeof set);
    if (syscall(SYS_get_mempolicy, &mode, &set, BITS, address, flags) != 0)
        return -1;
    for (unsigned i = 1; i < (BITS - 1) / 64; i++)
        if (set.words[i])
            return -2;
    return mode | (long)set.words[0] << 32;
}
#define POLICY(mode, nodes) ((mode) | (long)(nodes) << 32)

static void thread_policy(void) {
    is(policy_of(nullptr, 0), POLICY(DEFAULT, 0), "at first nothing is said");
    is(policy_of(nullptr, F_MEMS_ALLOWED) >> 32, 1, "node 0 is the one that there is");
    static const struct {
        int mode;
        unsigned long nodes;
        long result;
        const char *what;
    } good[] = {
        {BIND, 1, POLICY(BIND, 1), "bound to node 0"},
        {BIND, 3, POLICY(BIND, 1), "of nodes 0 and 1 the one that there is counts"},
        {BIND | STATIC_NODES, 3, POLICY(BIND | STATIC_NODES, 3), "static nodes are remembered as they were named"},
        {BIND | RELATIVE_NODES, 2, POLICY(BIND | RELATIVE_NODES, 2), "relative nodes are counted round"},
        {INTERLEAVE, 1, POLICY(INTERLEAVE, 1), "interleaved on one node"},
        {PREFERRED, 1, POLICY(PREFERRED, 1), "a preferred one"},
        {PREFERRED, 0, POLICY(LOCAL, 0), "preferred without a node is local"},
        {LOCAL, 0, POLICY(LOCAL, 0), "local"},
        {PREFERRED_MANY, 1, POLICY(PREFERRED_MANY, 1), "preferred ones"},
        {DEFAULT, 0, POLICY(DEFAULT, 0), "and the default again"},
    };
    for (unsigned i = 0; i < COUNT(good); i++) {
        is(set_policy(good[i].mode, good[i].nodes), 0, "%s: accepted", good[i].what);
        is(policy_of(nullptr, 0), good[i].result, "%s", good[i].what);
    }
}

static void refused(void) {
    fails(set_policy(BIND, 0), EINVAL, "bound to no node");
    fails(set_policy(BIND, 2), EINVAL, "bound to a node that is not there");
    fails(set_policy(BIND | STATIC_NODES, 2), EINVAL, "the same, static");
    fails(set_policy(PREFERRED | STATIC_NODES, 0), EINVAL, "preferred, static and none");
    fails(set_policy(LOCAL, 1), EINVAL, "local with a node");
    fails(set_policy(LOCAL | RELATIVE_NODES, 0), EINVAL, "local and relative");
    fails(set_policy(DEFAULT, 1), EINVAL, "the default with a node");
    fails(set_policy(BIND | STATIC_NODES | RELATIVE_NODES, 1), EINVAL, "static and relative");
    fails(set_policy(PREFERRED | BALANCING, 1), EINVAL, "balancing what is not bound");
    fails(set_policy(77, 1), EINVAL, "an unknown mode");
    struct nodes set = {{1}};
    fails(syscall(SYS_set_mempolicy, BIND, &set, 0), EINVAL, "no bits at all");
    fails(syscall(SYS_set_mempolicy, BIND, &set, 1), EINVAL, "one bit less than one");
    fails(syscall(SYS_set_mempolicy, BIND, &set, 1ul << 30), EINVAL, "too many bits");
    set.words[20] = 1;
    fails(syscall(SYS_set_mempolicy, BIND, &set, 64 * 21 + 1), EINVAL, "a node whose number none can have");
    is(syscall(SYS_set_mempolicy, BIND, &set, 64 * 20 + 1), 0, "beyond the bits that were given nothing counts");
    set_policy(DEFAULT, 0);
    fails(syscall(SYS_set_mempolicy, BIND, (void *)8, BITS), EFAULT, "a bad pointer");
    fails(syscall(SYS_get_mempolicy, (void *)8, nullptr, 0, 0, 0), EFAULT, "a bad pointer for the mode");
    fails(syscall(SYS_get_mempolicy, nullptr, (void *)8, BITS, 0, 0), EFAULT, "a bad pointer for the nodes");
    fails(syscall(SYS_get_mempolicy, nullptr, &set, 0, 0, 0), EINVAL, "too little room for the nodes");
    fails(policy_of(nullptr, 8), EINVAL, "an unknown question");
    fails(policy_of(nullptr, F_MEMS_ALLOWED | F_ADDR), EINVAL, "two questions in one");
    fails(policy_of((void *)4096, 0), EINVAL, "an address without the question");
    fails(policy_of((void *)4096, F_ADDR), EFAULT, "an address where nothing is");
    fails(policy_of(nullptr, F_NODE), EINVAL, "where would the next page go, if it is not interleaved?");
    set_policy(INTERLEAVE, 1);
    is(policy_of(nullptr, F_NODE), POLICY(0, 1), "interleaved: to node 0");
    set_policy(DEFAULT, 0);
}

static void *ask(void *unused UNUSED) {
    return (void *)policy_of(nullptr, 0);
}

static void inherited(void) {
    set_policy(BIND, 1);
    pthread_t thread;
    void *result = nullptr;
    pthread_create(&thread, nullptr, ask, nullptr);
    pthread_join(thread, &result);
    is((long)result, POLICY(BIND, 1), "a thread inherits the policy");
    int status = in_child({
        bool same = policy_of(nullptr, 0) == POLICY(BIND, 1);
        set_policy(LOCAL, 0);
        _exit(!same);
    });
    is(status, 0, "a child inherits it");
    is(policy_of(nullptr, 0), POLICY(BIND, 1), "and may change its own");
    set_policy(DEFAULT, 0);
}

static long bind_range(char *at, size_t size, long mode, unsigned long nodes, unsigned flags) {
    struct nodes set = {{nodes}};
    return syscall(SYS_mbind, at, size, mode, &set, BITS, flags);
}

static void mappings(void) {
    long page = sysconf(_SC_PAGESIZE);
    char *memory = mmap(nullptr, (size_t)page * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    is(bind_range(memory + page, (size_t)page * 2, BIND, 1, 0), 0, "two pages of eight are bound");
    is(policy_of(memory, F_ADDR), POLICY(DEFAULT, 0), "the page before is not");
    is(policy_of(memory + page, F_ADDR), POLICY(BIND, 1), "the first is");
    is(policy_of(memory + 2 * page + 5, F_ADDR), POLICY(BIND, 1), "the second is");
    is(policy_of(memory + 3 * page, F_ADDR), POLICY(DEFAULT, 0), "the page after is not");
    is(policy_of(memory + page, F_ADDR | F_NODE) & 0xffffffff, 0, "it is on node 0");
    is(in_child(_exit(policy_of(memory + page, F_ADDR) != POLICY(BIND, 1))), 0, "a child's copy is bound, too");
    char *moved = mremap(memory + page, (size_t)page, (size_t)page * 2, MREMAP_MAYMOVE);
    is(policy_of(moved, F_ADDR), POLICY(BIND, 1), "what is moved keeps it");
    munmap(moved, (size_t)page * 2);
    is(bind_range(memory + 2 * page, (size_t)page, DEFAULT, 0, 0), 0, "and back to the default");
    is(policy_of(memory + 2 * page, F_ADDR), POLICY(DEFAULT, 0), "which is what it says");
    munmap(memory + 3 * page, (size_t)page);
    fails(bind_range(memory + 2 * page, (size_t)page * 4, BIND, 1, 0), EFAULT, "a hole in the range");
    fails(bind_range(memory + 1, (size_t)page, BIND, 1, 0), EINVAL, "an address within a page");
    fails(bind_range(memory, (size_t)page, BIND, 0, 0), EINVAL, "bound to nothing");
    fails(bind_range(memory, (size_t)page, BIND, 1, 64), EINVAL, "an unknown flag");
    fails(bind_range(memory, (size_t)-1 - (size_t)page, BIND, 1, 0), EINVAL, "a range round the end");
    is(bind_range(memory, 0, BIND, 1, 0), 0, "an empty range");
    is(policy_of(memory, F_ADDR), POLICY(DEFAULT, 0), "nothing of that left a trace");
    munmap(memory, (size_t)page * 8);
}

// --- I/O ---

enum { WHO_PROCESS = 1, WHO_GROUP, WHO_USER };
enum { NONE, REAL_TIME, BEST_EFFORT, IDLE };
#define URGENCY(class, level) ((class) << 13 | (level))

static long set_urgency(int which, int who, int urgency) {
    return syscall(SYS_ioprio_set, which, who, urgency);
}
static long urgency_of(int which, int who) {
    return syscall(SYS_ioprio_get, which, who);
}

static void urgency(void) {
    is(urgency_of(WHO_PROCESS, 0) >> 13, NONE, "nothing is said about I/O");
    is(set_urgency(WHO_PROCESS, 0, URGENCY(BEST_EFFORT, 6)), 0, "best effort, level 6");
    is(urgency_of(WHO_PROCESS, getpid()), URGENCY(BEST_EFFORT, 6), "so it is");
    is(in_child(_exit(urgency_of(WHO_PROCESS, 0) != URGENCY(BEST_EFFORT, 6))), 0, "a child inherits it");
    is(set_urgency(WHO_PROCESS, 0, URGENCY(IDLE, 0)), 0, "idle");
    is(set_urgency(WHO_PROCESS, 0, URGENCY(REAL_TIME, 3)), 0, "real time, as root");
    pid_t child = start_child({
        setpgid(0, 0);
        set_urgency(WHO_PROCESS, 0, URGENCY(BEST_EFFORT, 5));
        pause();
    });
    eventually(urgency_of(WHO_PROCESS, child) == URGENCY(BEST_EFFORT, 5));
    is(urgency_of(WHO_GROUP, child), URGENCY(BEST_EFFORT, 5), "a group's is its only member's");
    is(set_urgency(WHO_GROUP, child, URGENCY(BEST_EFFORT, 1)), 0, "and is set for all of it");
    is(urgency_of(WHO_PROCESS, child), URGENCY(BEST_EFFORT, 1), "as its member shows");
    is(in_child({
           setresgid(1000, 1000, 1000), setresuid(1000, 1000, 1000);
           bool refused = set_urgency(WHO_PROCESS, child, URGENCY(IDLE, 0)) == -1 && errno == EPERM;
           refused = refused && set_urgency(WHO_PROCESS, 0, URGENCY(REAL_TIME, 0)) == -1 && errno == EPERM;
           _exit(!refused || set_urgency(WHO_PROCESS, 0, URGENCY(IDLE, 0)) != 0);
       }),
       0, "another user changes its own alone, and not to real time");
    kill(child, SIGKILL);
    wait_status(child);
    is(set_urgency(WHO_PROCESS, 0, URGENCY(BEST_EFFORT, 8 | 2)), 0, "above the level are hints");
    is(urgency_of(WHO_PROCESS, 0), URGENCY(BEST_EFFORT, 8 | 2), "which are kept");
    fails(set_urgency(WHO_PROCESS, 0, URGENCY(NONE, 1)), EINVAL, "no class, but a level");
    fails(set_urgency(WHO_PROCESS, 0, URGENCY(6, 0)), EINVAL, "an unknown class");
    fails(set_urgency(7, 0, URGENCY(IDLE, 0)), EINVAL, "an unknown kind of name");
    fails(urgency_of(0, 0), EINVAL, "the same, asked for");
    fails(set_urgency(WHO_PROCESS, 1 << 29, URGENCY(IDLE, 0)), ESRCH, "nobody");
    fails(urgency_of(WHO_GROUP, 1 << 29), ESRCH, "no group");
    is(set_urgency(WHO_PROCESS, 0, URGENCY(NONE, 0)), 0, "nothing said again");
}

// --- keys ---

static bool has_keys(void) {
#ifdef __x86_64__
    unsigned a = 7, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return c & 16; // OSPKE: the kernel uses them
#else
    return false;
#endif
}

static void keys(void) {
    long page = sysconf(_SC_PAGESIZE), key = syscall(SYS_pkey_alloc, 0, 0);
    if (has_keys() || (key < 0 && errno == ENOSYS)) {
        skip("this kernel uses the processor's keys, or is built without the calls", "protection keys");
        return;
    }
    ok(key == -1 && (errno == ENOSPC || errno == EINVAL), "there is no key to be had");
    fails(syscall(SYS_pkey_alloc, 1, 0), EINVAL, "an unknown flag");
    fails(syscall(SYS_pkey_alloc, 0, 8), EINVAL, "an unknown right");
    fails(syscall(SYS_pkey_free, 1), EINVAL, "a key that nobody has");
    char *memory = mmap(nullptr, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fails(syscall(SYS_pkey_mprotect, memory, page, PROT_READ, 3), EINVAL, "nor for memory");
    is(syscall(SYS_pkey_mprotect, memory, page, PROT_READ, -1), 0, "without a key it is mprotect");
    int status = in_child(*(volatile char *)memory = 1);
    ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "which protects");
    munmap(memory, (size_t)page);
}

int main(void) {
    thread_policy();
    refused();
    inherited();
    mappings();
    urgency();
    keys();
    return tap_done();
}
