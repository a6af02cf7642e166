// SPDX-License-Identifier: MPL-2.0
// Faults as signals: which signal, which code and address, and going on after the handler.
#include "sys.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile int signal_seen, code_seen;
static void *volatile address_seen;
static void fault(int signal, siginfo_t *info, void *context) {
    (void)context;
    signal_seen = signal;
    code_seen = info->si_code;
    address_seen = info->si_addr;
    siglongjmp(back, 1);
}

#define faults(statement)          \
    ({                             \
        signal_seen = 0;           \
        if (!sigsetjmp(back, 1)) { \
            statement;             \
        }                          \
        signal_seen;               \
    })

static void catch_all(int flags) {
    struct sigaction action = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO | flags};
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (size_t i = 0; i < COUNT(signals); i++)
        sigaction(signals[i], &action, NULL);
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
    char *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    data[0] = (char)0xc3;
    is(faults(((void (*)(void))data)()), SIGSEGV, "running data");
    ok(code_seen == SEGV_ACCERR && address_seen == data, "SEGV_ACCERR with the address");
    mprotect(data, 4096, PROT_READ | PROT_EXEC);
#ifdef __x86_64__
    is(faults(((void (*)(void))data)()), 0, "until it may be run");
    mprotect(data, 4096, PROT_READ | PROT_WRITE);
    data[0] = 0x0f, data[1] = 0x0b;
    mprotect(data, 4096, PROT_READ | PROT_EXEC);
    is(faults(((void (*)(void))data)()), SIGILL, "an illegal instruction");
    ok(address_seen == data, "with its address");
#endif
    enter_temp_dir();
    int fd = open("short", O_CREAT | O_RDWR, 0600);
    ftruncate(fd, 100);
    volatile char *file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    is(faults(file[4095] = 1), 0, "the rest of a file's last page");
    is(faults(file[4096] = 1), SIGBUS, "the page after it");
    ok(code_seen == BUS_ADRERR && address_seen == file + 4096, "BUS_ADRERR with the address");
    close(fd);
}

#ifdef __x86_64__
static void arithmetic(void) {
    volatile int zero = 0, result = 0;
    is(faults(__asm__ volatile("idivl %1" : "+a"(result) : "m"(zero), "d"(0))), SIGFPE, "division by zero");
    is(code_seen, FPE_INTDIV, "FPE_INTDIV");
    is(faults(__asm__ volatile("int3")), SIGTRAP, "a breakpoint");
    is(faults(__asm__ volatile("hlt")), SIGSEGV, "a privileged instruction");
    is(faults(__asm__ volatile("cli")), SIGSEGV, "cli too");
    is(faults(__asm__ volatile("movq %%cr3, %%rax" :: : "rax")), SIGSEGV, "a control register too");
    is(faults(__asm__ volatile("wrmsr" ::"c"(0x10), "a"(0), "d"(0))), SIGSEGV, "a model-specific register too");
    is(faults(__asm__ volatile("int $0x85")), SIGSEGV, "an interrupt gate too");
    is(faults(__asm__ volatile("outb %%al, $0x80" ::"a"(0))), SIGSEGV, "a port too");
}

static volatile long repaired;
static void skip_instruction(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    ucontext_t *user = context;
    repaired = user->uc_mcontext.gregs[REG_RBX];
    user->uc_mcontext.gregs[REG_RIP] += 2; // over ud2
    user->uc_mcontext.gregs[REG_RCX] = 0x1234;
}
static void context(void) {
    struct sigaction action = {.sa_sigaction = skip_instruction, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    long rcx = 0, rbx = 0x7777;
    double before = 1.5, after;
    __asm__ volatile("movsd %[before], %%xmm15\n ud2\n movsd %%xmm15, %[after]"
                     : "+c"(rcx), "+b"(rbx), [after] "=m"(after)
                     : [before] "m"(before)
                     : "xmm15", "memory");
    is(repaired, 0x7777, "the handler sees the registers");
    is(rcx, 0x1234, "what it writes is in them afterwards");
    ok(after == 1.5, "vector registers are untouched");
    is(rbx, 0x7777, "so are the others");
    // Flags and direction.
    unsigned long flags;
    __asm__ volatile("stc\n ud2\n pushfq\n popq %0" : "=r"(flags), "+c"(rcx)::"cc", "memory");
    is(flags & 1, 1, "the carry flag survives");
    is(flags & 0x400, 0, "the direction flag is clear");
}
#endif

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
#ifdef __x86_64__
    arithmetic();
    context();
#endif
    vectors();
    blocked();
    return tap_done();
}
