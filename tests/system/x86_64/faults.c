// SPDX-License-Identifier: MPL-2.0
// x86-64: the exceptions that only this processor has, and the registers in the frame of one.
#include "faults.h"

#include <sys/mman.h>
#include <ucontext.h>

static void illegal(void) {
    char *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    data[0] = 0x0f, data[1] = 0x0b; // ud2
    mprotect(data, 4096, PROT_READ | PROT_EXEC);
    is(faults(((void (*)(void))data)()), SIGILL, "an illegal instruction");
    ok(address_seen == data, "with its address");
    munmap(data, 4096);
}

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

int main(void) {
    catch_all(0);
    illegal();
    arithmetic();
    context();
    return tap_done();
}
