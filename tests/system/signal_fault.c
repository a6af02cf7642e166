// SPDX-License-Identifier: MPL-2.0
// Faults as signals: which signal, which code and address, and going on after the handler.
#include "faults.h"

#include <sys/mman.h>

__attribute__((noinline)) static void nothing(void) {
    __asm__ volatile("");
}

static void addresses(void) {
    volatile char *page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    is(faults((void)page[100]), 0, "a readable page can be read");
    is(faults(page[100] = 1), SIGSEGV, "and not written");
    ok(code_seen == SEGV_ACCERR && address_seen == page + 100, "SEGV_ACCERR with the address");
    munmap((void *)page, 8192);
    is(faults((void)page[4097]), SIGSEGV, "unmapped memory");
    ok(code_seen == SEGV_MAPERR && address_seen == page + 4097, "SEGV_MAPERR with the address");
    is(faults(*(volatile char *)8 = 1), SIGSEGV, "near zero");
    ok(address_seen == (void *)8, "with the address");
    is(faults(*(volatile char *)0xffff'8000'0000'1000 = 1), SIGSEGV, "kernel memory");
    is(faults(*(volatile char *)0x8000'0000'0000'0000 = 1), SIGSEGV, "a non-canonical address");
    char *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    is(faults((void)*(volatile char *)none), SIGSEGV, "PROT_NONE");
    is(code_seen, SEGV_ACCERR, "is SEGV_ACCERR");
    // A function that does nothing, copied; longer than it is.
    char *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(data, (void *)nothing, 16);
    __builtin___clear_cache(data, data + 16);
    is(faults(((void (*)(void))data)()), SIGSEGV, "running data");
    ok(code_seen == SEGV_ACCERR && address_seen == data, "SEGV_ACCERR with the address");
    mprotect(data, 4096, PROT_READ | PROT_EXEC);
    is(faults(((void (*)(void))data)()), 0, "until it may be run");
    enter_temp_dir();
    int fd = open("short", O_CREAT | O_RDWR, 0600);
    ftruncate(fd, 100);
    volatile char *file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    is(faults(file[4095] = 1), 0, "the rest of a file's last page");
    is(faults(file[4096] = 1), SIGBUS, "the page after it");
    ok(code_seen == BUS_ADRERR && address_seen == file + 4096, "BUS_ADRERR with the address");
    close(fd);
}

static void use_vectors(int signal) {
    (void)signal;
    volatile double x = 0;
    for (int i = 0; i < 100; i++)
        x = x * 1.25 + i;
}

static void vectors(void) {
    on_signal(SIGUSR1, use_vectors, 0);
    bool good = true;
    for (int round = 0; round < 50; round++) {
        volatile double a = round * 0.5, b = a * 3;
        raise(SIGUSR1);
        good &= b == round * 1.5;
    }
    ok(good, "floating point survives handlers that use it");
}

static void blocked(void) {
    killed(in_child({
               catch_all(0);
               sigset_t set = signal_set(SIGSEGV, 0);
               sigprocmask(SIG_BLOCK, &set, NULL);
               *(volatile char *)8 = 1;
           }),
           SIGSEGV, "a fault whose signal is blocked kills");
    killed(in_child({
               signal(SIGSEGV, SIG_IGN);
               *(volatile char *)8 = 1;
           }),
           SIGSEGV, "so does one whose signal is ignored");
    exited(in_child({
               signal(SIGSEGV, SIG_IGN);
               raise(SIGSEGV);
           }),
           0, "an ordinary SIGSEGV can be ignored");
}

int main(void) {
    catch_all(0);
    addresses();
    vectors();
    blocked();
    return tap_done();
}
