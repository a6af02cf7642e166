// SPDX-License-Identifier: MPL-2.0
// ARM64: numbers and layouts that differ from other architectures', asked of the kernel itself and not of libc.
#include "sys.h"

#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/utsname.h>

// Calls that newer architectures do not have. Linux gave them numbers for porters' sake and never used them.
static void legacy_calls(void) {
    bool none = true;
    for (long number = 1024; number <= 1079; number++)
        none &= syscall(number, 0, 0, 0, 0, 0, 0) == -1 && errno == ENOSYS;
    ok(none, "the numbers of open, link, fork … from 1024 on are not used");
    for (long number = 244; number < 260; number++)
        none &= syscall(number, 0, 0, 0, 0, 0, 0) == -1 && errno == ENOSYS;
    ok(none, "nor those for calls of one architecture only");
    fails(syscall(0x1'0000'0000 + 5000), ENOSYS, "only the low half of the number counts");
    is(syscall(0x1'0000'0000 + SYS_getpid), getpid(), "as Linux has it");
}

// Fields of struct stat by their place.
static void stat_layout(void) {
    uint8_t raw[256];
    memset(raw, 0xee, sizeof raw);
    put_file("five", "12345");
    link("five", "other");
    is(syscall(SYS_newfstatat, AT_FDCWD, "five", raw, 0), 0, "newfstatat");
    struct stat other;
    stat("other", &other);
    uint64_t inode, size, blocks;
    uint32_t mode, links, block_size;
    memcpy(&inode, raw + 8, 8);
    memcpy(&mode, raw + 16, 4);
    memcpy(&links, raw + 20, 4);
    memcpy(&size, raw + 48, 8);
    memcpy(&block_size, raw + 56, 4);
    memcpy(&blocks, raw + 64, 8);
    ok(inode == other.st_ino && mode == (S_IFREG | 0644) && links == 2 && size == 5, "inode, mode, links, size");
    ok(block_size == 4096 && blocks == (uint64_t)other.st_blocks, "block size and blocks");
    bool untouched = true;
    for (unsigned i = 128; i < sizeof raw; i++)
        untouched &= raw[i] == 0xee;
    ok(untouched, "in 128 bytes");
}

static void open_flags(void) {
    fails(syscall(SYS_openat, AT_FDCWD, "five", 040000 /* O_DIRECTORY */), ENOTDIR, "O_DIRECTORY is 040000");
    symlink("five", "link");
    fails(syscall(SYS_openat, AT_FDCWD, "link", 0100000 /* O_NOFOLLOW */), ELOOP, "O_NOFOLLOW is 0100000");
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "five", 0400000 /* O_LARGEFILE */);
    ok(fd >= 0, "O_LARGEFILE is 0400000");
    close(fd);
    fd = (int)syscall(SYS_openat, AT_FDCWD, ".", 020040000 | O_RDWR /* O_TMPFILE */, 0600);
    ok(fd >= 0, "O_TMPFILE has O_DIRECTORY's bit");
    close(fd);
}

static void epoll_layout(void) {
    int pair[2], queue = epoll_create1(0);
    uint64_t raw[4] = {EPOLLIN, 0x1122'3344'5566'7788, 0, 0};
    pipe(pair);
    write(pair[1], "x", 1);
    is(syscall(SYS_epoll_ctl, queue, EPOLL_CTL_ADD, pair[0], raw), 0, "epoll_ctl");
    memset(raw, 0, sizeof raw);
    is(syscall(SYS_epoll_pwait, queue, raw, 2, 0, NULL, 8), 1, "epoll_pwait");
    ok((uint32_t)raw[0] == EPOLLIN && raw[1] == 0x1122'3344'5566'7788, "an event has 16 bytes");
    close(queue), close(pair[0]), close(pair[1]);
}

// clone(flags, stack, parent_tid, tls, child_tid): the order of the last two.
static void clone_order(void) {
    static uint32_t child_tid;
    static uint64_t tls[16];
    long child = syscall(SYS_clone, CLONE_SETTLS | CLONE_CHILD_SETTID | SIGCHLD, 0, 0, &tls[8], &child_tid);
    if (child == 0) {
        uint64_t found;
        __asm__ volatile("mrs %0, tpidr_el0" : "=r"(found));
        bool good = found == (uint64_t)&tls[8] && child_tid == syscall(SYS_getpid);
        // libc's thread pointer is gone.
        register long x8 __asm__("x8") = SYS_exit_group;
        register long x0 __asm__("x0") = !good;
        __asm__ volatile("svc #0" ::"r"(x8), "r"(x0));
    }
    exited(wait_status((pid_t)child), 0, "clone takes the TLS before the child's id");
}

static void names(void) {
    struct utsname name;
    uname(&name);
    ok(!strcmp(name.machine, "aarch64"), "uname");
    ok(getauxval(AT_PLATFORM) && !strcmp((char *)getauxval(AT_PLATFORM), "aarch64"), "AT_PLATFORM");
}

static void mapping_bits(void) {
    void *plain = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | 0x40, -1, 0);
    ok(plain != MAP_FAILED && (uintptr_t)plain >> 32 != 0, "x86's MAP_32BIT means nothing to mmap");
    fails(mprotect(plain, 4096, PROT_READ | 0x40), EINVAL, "unknown bits do to mprotect");
}

int main(void) {
    enter_temp_dir();
    legacy_calls();
    stat_layout();
    open_flags();
    epoll_layout();
    clone_order();
    names();
    mapping_bits();
    return tap_done();
}
