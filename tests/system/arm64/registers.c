// SPDX-License-Identifier: MPL-2.0
// arm64: the general registers and the thread pointer are a program's own. Across calls, interrupts, faults, signals
// and fork. (vectors.c: the vector registers.)
#include "sys.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/ucontext.h>

// Loads x0-x30 from `in` (but x8 = number), runs the instruction, stores x0-x30 to `out`.
#define WITH_REGISTERS(name, instruction)                                                             \
    long name(long number, const uint64_t in[31], uint64_t out[31]);                                  \
    __asm__(".text\n.balign 4\n.type " #name ", %function\n" #name ":\n\t"                            \
            "stp x29, x30, [sp, #-112]!\n\tstp x19, x20, [sp, #16]\n\tstp x21, x22, [sp, #32]\n\t"    \
            "stp x23, x24, [sp, #48]\n\tstp x25, x26, [sp, #64]\n\tstp x27, x28, [sp, #80]\n\t"       \
            "str x2, [sp, #96]\n\tmov x8, x0\n\tmov x30, x1\n\t"                                      \
            "ldp x0, x1, [x30]\n\tldp x2, x3, [x30, #16]\n\tldp x4, x5, [x30, #32]\n\t"               \
            "ldp x6, x7, [x30, #48]\n\tldr x9, [x30, #72]\n\tldp x10, x11, [x30, #80]\n\t"            \
            "ldp x12, x13, [x30, #96]\n\tldp x14, x15, [x30, #112]\n\tldp x16, x17, [x30, #128]\n\t"  \
            "ldp x18, x19, [x30, #144]\n\tldp x20, x21, [x30, #160]\n\tldp x22, x23, [x30, #176]\n\t" \
            "ldp x24, x25, [x30, #192]\n\tldp x26, x27, [x30, #208]\n\tldp x28, x29, [x30, #224]\n\t" \
            "ldr x30, [x30, #240]\n\t" instruction "\n\t"                                             \
            "str x30, [sp, #104]\n\tldr x30, [sp, #96]\n\t"                                           \
            "stp x0, x1, [x30]\n\tstp x2, x3, [x30, #16]\n\tstp x4, x5, [x30, #32]\n\t"               \
            "stp x6, x7, [x30, #48]\n\tstp x8, x9, [x30, #64]\n\tstp x10, x11, [x30, #80]\n\t"        \
            "stp x12, x13, [x30, #96]\n\tstp x14, x15, [x30, #112]\n\tstp x16, x17, [x30, #128]\n\t"  \
            "stp x18, x19, [x30, #144]\n\tstp x20, x21, [x30, #160]\n\tstp x22, x23, [x30, #176]\n\t" \
            "stp x24, x25, [x30, #192]\n\tstp x26, x27, [x30, #208]\n\tstp x28, x29, [x30, #224]\n\t" \
            "ldr x1, [sp, #104]\n\tstr x1, [x30, #240]\n\t"                                           \
            "ldp x19, x20, [sp, #16]\n\tldp x21, x22, [sp, #32]\n\tldp x23, x24, [sp, #48]\n\t"       \
            "ldp x25, x26, [sp, #64]\n\tldp x27, x28, [sp, #80]\n\tldp x29, x30, [sp], #112\n\tret\n" \
            ".size " #name ", . - " #name)

WITH_REGISTERS(call_with, "svc #0");
WITH_REGISTERS(call_with_other_immediate, "svc #0x1234");
// x3 is where to touch memory.
WITH_REGISTERS(touch_with, "strb wzr, [x3]");
// x4 counts down: long enough for interrupts to come.
WITH_REGISTERS(spin_with, "1: subs x4, x4, #1\n\tb.ne 1b");

static void pattern(uint64_t r[31], uint64_t seed) {
    for (uint64_t i = 0; i < 31; i++)
        r[i] = seed * 0x1'0001 + i * 0x0101'0101'0101;
}

// All of `out` is as `in`, but x8 and the one given.
static bool kept(const uint64_t in[31], const uint64_t out[31], int but) {
    for (int i = 0; i < 31; i++)
        if (i != 8 && i != but && in[i] != out[i]) {
            printf("# x%d was %#llx, is %#llx\n", i, (unsigned long long)in[i], (unsigned long long)out[i]);
            return false;
        }
    return true;
}

static void calls(void) {
    uint64_t in[31], out[31];
    pattern(in, 7);
    is(call_with(SYS_getppid, in, out), getppid(), "a call with rubbish in all registers");
    ok(kept(in, out, 0) && out[8] == SYS_getppid, "keeps them all but x0");
    call_with(SYS_sched_yield, in, out);
    ok(kept(in, out, 0) && out[8] == SYS_sched_yield, "sched_yield too");
    is(call_with(0x3ff, in, out), -ENOSYS, "an unknown call");
    ok(kept(in, out, 0) && out[8] == 0x3ff, "too");
    is(call_with(-5, in, out), -ENOSYS, "a number that is none");
    is(call_with(0x4000'0000, in, out), -ENOSYS, "a large one");
    is(call_with(0x5500'0000'0000 + SYS_getppid, in, out), getppid(), "of x8 the low half counts");
    ok(out[8] == 0x5500'0000'0000 + SYS_getppid, "and it is kept whole");
    is(call_with_other_immediate(SYS_getppid, in, out), getppid(), "svc with another immediate is the same");

    uint64_t flags;
    register long number __asm__("x8") = SYS_getppid;
    __asm__ volatile("mov x9, #0xa0000000\n\tmsr nzcv, x9\n\tsvc #0\n\tmrs %0, nzcv"
                     : "=r"(flags)
                     : "r"(number)
                     : "x0", "x9", "memory", "cc");
    is(flags, 0xa000'0000, "the flags are kept");
}

static void faults(void) {
    uint64_t in[31], out[31];
    bool good = true;
    volatile char *pages = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 64 && good; i++) {
        pattern(in, (uint64_t)i);
        in[3] = (uint64_t)pages + (uint64_t)i * 4096 + 5;
        touch_with(1, in, out);
        good = kept(in, out, -1) && out[8] == 1;
    }
    ok(good, "page faults keep all registers");
    good = true;
    for (int i = 0; i < 8 && good; i++) {
        pattern(in, (uint64_t)i + 77);
        in[4] = 4'000'000;
        spin_with(1, in, out);
        good = kept(in, out, 4) && out[4] == 0;
    }
    ok(good, "interrupts keep all registers");
}

static volatile uint64_t frame_registers[31];
static void register_handler(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    for (int i = 0; i < 31; i++)
        frame_registers[i] = ((ucontext_t *)context)->uc_mcontext.regs[i];
}

static void signal_registers(void) {
    uint64_t in[31], out[31];
    struct sigaction action = {.sa_sigaction = register_handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR2, &action, NULL);
    pattern(in, 99);
    in[0] = (uint64_t)getpid();
    in[1] = SIGUSR2;
    is(call_with(SYS_kill, in, out), 0, "a call that brings a signal");
    ok(kept(in, out, 0), "keeps all registers over the handler");
    in[0] = 0;
    ok(kept(in, (const uint64_t *)frame_registers, -1) && frame_registers[8] == SYS_kill, "and its frame has them all");
}

// --- breakpoints ---

static volatile uint64_t break_address, break_pc;
static volatile int break_code;
static void breakpoint(int signal, siginfo_t *info, void *context) {
    (void)signal;
    mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
    break_address = (uint64_t)info->si_addr;
    break_code = info->si_code;
    break_pc = m->pc;
    m->pc += 4;
    m->regs[13] = 0x1313;
}

static void breakpoints(void) {
    struct sigaction action = {.sa_sigaction = breakpoint, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, NULL);
    uint64_t here, changed;
    __asm__ volatile("adr %0, 1f\n1:\tbrk #7\n\tmov %1, x13" : "=&r"(here), "=&r"(changed)::"x13", "memory");
    ok(break_code == TRAP_BRKPT && break_address == here && break_pc == here, "brk is a SIGTRAP at its address");
    is(changed, 0x1313, "the handler can change registers and go on behind it");
}

// Reads of ID registers are the kernel's work, into whichever register.
static void emulated(void) {
    uint64_t a, b, c;
    __asm__ volatile("mrs x3, midr_el1\n\tmrs x21, midr_el1\n\tmov x28, #5\n\tmrs x28, midr_el1\n\t"
                     "mrs xzr, midr_el1\n\tmov %0, x3\n\tmov %1, x21\n\tmov %2, x28"
                     : "=r"(a), "=r"(b), "=r"(c)::"x3", "x21", "x28");
    ok(a != 0 && a == b && a == c, "mrs of an ID register reaches any register");
}

// --- the thread pointer ---

static uint64_t thread_pointer(void) {
    uint64_t value;
    __asm__ volatile("mrs %0, tpidr_el0" : "=r"(value));
    return value;
}

static void *thread(void *argument) {
    uint64_t mine = thread_pointer();
    for (int i = 0; i < 200; i++) {
        sched_yield();
        if (thread_pointer() != mine)
            return NULL;
    }
    return mine != *(uint64_t *)argument ? argument : NULL;
}

static void threads(void) {
    pthread_t ids[4];
    int good = 0;
    uint64_t mine = thread_pointer();
    for (uint64_t i = 0; i < COUNT(ids); i++)
        pthread_create(&ids[i], NULL, thread, &mine);
    for (uint64_t i = 0; i < COUNT(ids); i++) {
        void *result;
        pthread_join(ids[i], &result);
        good += result == &mine;
    }
    is(good, COUNT(ids), "each thread has its own thread pointer");
    exited(in_child(_exit(thread_pointer() != mine)), 0, "a child has its parent's");
}

int main(void) {
    calls();
    faults();
    signal_registers();
    breakpoints();
    emulated();
    threads();
    return tap_done();
}
