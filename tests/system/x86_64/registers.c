// SPDX-License-Identifier: MPL-2.0
// x86-64: registers are a program's own. Across calls, switches, faults, signals and fork, general and vector alike.
#include "sys.h"

#include <cpuid.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/ucontext.h>

struct registers {
    uint64_t rbx, rbp, rsi, rdi, rdx, r8, r9, r10, r12, r13, r14, r15;
};

// Loads all registers from *in, makes call `number`, stores them to *out. The call must take any arguments.
static long call_with(long number, const struct registers *in, struct registers *out) {
    long result = number;
    __asm__ volatile(
        "pushq %%rbp\n\tpushq %2\n\tpushq %1\n\t"
        "movq (%%rsp), %%rcx\n\t"
        "movq 0(%%rcx), %%rbx\n\tmovq 8(%%rcx), %%rbp\n\tmovq 16(%%rcx), %%rsi\n\tmovq 24(%%rcx), %%rdi\n\t"
        "movq 32(%%rcx), %%rdx\n\tmovq 40(%%rcx), %%r8\n\tmovq 48(%%rcx), %%r9\n\tmovq 56(%%rcx), %%r10\n\t"
        "movq 64(%%rcx), %%r12\n\tmovq 72(%%rcx), %%r13\n\tmovq 80(%%rcx), %%r14\n\tmovq 88(%%rcx), %%r15\n\t"
        "syscall\n\t"
        "popq %%rcx\n\tpopq %%rcx\n\t"
        "movq %%rbx, 0(%%rcx)\n\tmovq %%rbp, 8(%%rcx)\n\tmovq %%rsi, 16(%%rcx)\n\tmovq %%rdi, 24(%%rcx)\n\t"
        "movq %%rdx, 32(%%rcx)\n\tmovq %%r8, 40(%%rcx)\n\tmovq %%r9, 48(%%rcx)\n\tmovq %%r10, 56(%%rcx)\n\t"
        "movq %%r12, 64(%%rcx)\n\tmovq %%r13, 72(%%rcx)\n\tmovq %%r14, 80(%%rcx)\n\tmovq %%r15, 88(%%rcx)\n\t"
        "popq %%rbp"
        : "+a"(result)
        : "c"(in), "d"(out)
        : "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    return result;
}

static struct registers pattern(uint64_t seed) {
    struct registers r;
    uint64_t *words = (uint64_t *)&r;
    for (size_t i = 0; i < sizeof r / 8; i++)
        words[i] = seed * 0x1'0001 + i * 0x0101'0101'0101;
    return r;
}

static void calls(void) {
    struct registers in = pattern(7), out;
    is(call_with(SYS_getppid, &in, &out), getppid(), "a call with rubbish in all registers");
    ok(!memcmp(&in, &out, sizeof in), "keeps them all but rax, rcx and r11");
    call_with(SYS_sched_yield, &in, &out);
    ok(!memcmp(&in, &out, sizeof in), "sched_yield too");
    is(call_with(0x3ff, &in, &out), -ENOSYS, "an unknown call");
    ok(!memcmp(&in, &out, sizeof in), "too");
    is(call_with(-5, &in, &out), -ENOSYS, "a number that is none");
    is(call_with(0x4000'0000, &in, &out), -ENOSYS, "a large one");

    uint64_t rcx, r11, flags;
    __asm__ volatile("stc\n\tmovl $39, %%eax\n\tsyscall\n1:\tmovq %%rcx, %0\n\tpushfq\n\tpopq %2\n\tmovq %%r11, "
                     "%1\n\tleaq 1b(%%rip), %%rdx\n\tsubq %%rdx, %0"
                     : "=&r"(rcx), "=&r"(r11), "=&r"(flags)::"rax", "rcx", "r11", "rdx", "memory", "cc");
    ok(rcx == 0, "rcx is the return address");
    ok((r11 & 1) != 0 && (flags & 1) != 0, "r11 holds the flags, which are kept");
}

// --- vector registers ---

static void vectors_set(uint64_t seed) {
    uint64_t v[4] = {seed, seed * 3, seed * 5, seed * 7};
    __asm__ volatile("movdqu (%0), %%xmm0\n\tmovdqu 16(%0), %%xmm7\n\tmovdqu (%0), %%xmm15\n\tfldl (%0)" ::"r"(v)
                     : "memory");
}
static bool vectors_are(uint64_t seed) {
    uint64_t a[2], b[2], c[2], x87;
    __asm__ volatile(
        "movdqu %%xmm0, (%0)\n\tmovdqu %%xmm7, (%1)\n\tmovdqu %%xmm15, (%2)\n\tfstpl (%3)\n\tfldl (%3)" ::"r"(a),
        "r"(b), "r"(c), "r"(&x87)
        : "memory");
    return a[0] == seed && a[1] == seed * 3 && b[0] == seed * 5 && b[1] == seed * 7 && c[0] == seed &&
           c[1] == seed * 3 && x87 == seed;
}

static bool has_avx(void) {
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1 << 27) || !(c & 1 << 28))
        return false;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6;
}
static void upper_set(uint64_t seed) {
    uint64_t v[4] = {1, 2, seed, ~seed};
    __asm__ volatile("vmovdqu (%0), %%ymm9" ::"r"(v) : "memory");
}
static bool upper_is(uint64_t seed) {
    uint64_t v[4];
    __asm__ volatile("vmovdqu %%ymm9, (%0)" ::"r"(v) : "memory");
    return v[2] == seed && v[3] == ~seed;
}

// Gives the CPU away without a libc function that might use vector registers itself.
static void yield(void) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(SYS_sched_yield) : "rcx", "r11", "memory");
}

static void crowd(void) {
    enum { CHILDREN = 6 };
    bool avx = has_avx();
    pid_t children[CHILDREN];
    for (uint64_t i = 0; i < CHILDREN; i++) {
        children[i] = start_child({
            uint64_t seed = 0x3ff0'0000'0000'0000 + i * 0x1'2345;
            bool good = true;
            for (int round = 0; round < 2000 && good; round++) {
                vectors_set(seed + (uint64_t)round);
                if (avx)
                    upper_set(seed);
                for (volatile int n = 0; n < (round % 64 ? 0 : 20000); n++)
                    ;
                yield();
                good = vectors_are(seed + (uint64_t)round) && (!avx || upper_is(seed));
                __asm__ volatile("fstp %%st(0)" ::: "memory");
            }
            _exit(!good);
        });
    }
    int good = 0;
    for (int i = 0; i < CHILDREN; i++)
        good += wait_status(children[i]) == 0;
    is(good, CHILDREN, "%d processes each keep their own vector registers%s", CHILDREN,
       avx ? ", the wide ones too" : "");
}

static void children(void) {
    vectors_set(0x4000'1234'5678'9abc);
    long child;
    bool same;
    __asm__ volatile("syscall" : "=a"(child) : "0"(SYS_fork) : "rcx", "r11", "memory");
    same = vectors_are(0x4000'1234'5678'9abc);
    __asm__ volatile("fstp %%st(0)" ::: "memory");
    if (child == 0)
        _exit(!same);
    ok(same, "fork leaves the parent's vector registers");
    exited(wait_status((pid_t)child), 0, "and gives the child the same");
}

static uint32_t mxcsr(void) {
    uint32_t value;
    __asm__ volatile("stmxcsr %0" : "=m"(value));
    return value;
}
static void mxcsr_set(uint32_t value) {
    __asm__ volatile("ldmxcsr %0" ::"m"(value));
}

static volatile uint32_t mxcsr_inside;
static volatile uint64_t xmm_in_frame;
static void vector_handler(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    mxcsr_inside = mxcsr();
    ucontext_t *uc = context;
    if (uc->uc_mcontext.fpregs != NULL)
        memcpy((void *)&xmm_in_frame, (char *)uc->uc_mcontext.fpregs + 160, 8);
    vectors_set(0x4123'4567'0000'0001);
    __asm__ volatile("fstp %%st(0)" ::: "memory");
}

static void signals(void) {
    struct sigaction action = {.sa_sigaction = vector_handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    long self = getpid(), result;
    mxcsr_set(0x1f80 | 0x6000);
    vectors_set(0x4000'0000'1111'2222);
    __asm__ volatile("syscall" : "=a"(result) : "0"(SYS_kill), "D"(self), "S"((long)SIGUSR1) : "rcx", "r11", "memory");
    bool same = vectors_are(0x4000'0000'1111'2222);
    uint32_t after = mxcsr();
    __asm__ volatile("fstp %%st(0)" ::: "memory");
    mxcsr_set(0x1f80);
    ok(same, "a signal handler's vector registers are its own");
    is(xmm_in_frame, 0x4000'0000'1111'2222, "the interrupted ones are in its frame");
    is(mxcsr_inside & 0xffc0, 0x1f80, "it begins with the default rounding");
    is(after & 0xffc0, 0x1f80 | 0x6000, "and what was interrupted goes on with its own");
}

// --- single steps ---

static volatile int steps;
static volatile uint64_t last_step;
static void step(int signal, siginfo_t *info, void *context) {
    (void)signal;
    steps += info->si_code == TRAP_TRACE;
    last_step = (uint64_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
}

static void single_steps(void) {
    struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, NULL);
    long result;
    __asm__ volatile("pushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tmovl $39, %%eax\n\tsyscall\n\tnop\n\tpushfq\n\tandl "
                     "$~0x100, (%%rsp)\n\tpopfq\n\tnop"
                     : "=&a"(result)::"rcx", "r11", "memory", "cc");
    is(result, getpid(), "a call under single step");
    ok(steps >= 5 && steps <= 7, "a trap for each instruction, the call too (%d)", steps);
}

static void *thread(void *base) {
    uint64_t fs;
    for (int i = 0; i < 200; i++) {
        sched_yield();
        __asm__("movq %%fs:0, %0" : "=r"(fs));
        if (fs != (uint64_t)pthread_self())
            return NULL;
        uint64_t gs = 0;
        if (i == 0)
            syscall(SYS_arch_prctl, 0x1001, base);
        syscall(SYS_arch_prctl, 0x1004, &gs);
        if (gs != (uint64_t)base)
            return NULL;
    }
    return base;
}

static void threads(void) {
    pthread_t ids[4];
    int good = 0;
    for (uint64_t i = 0; i < COUNT(ids); i++)
        pthread_create(&ids[i], NULL, thread, (void *)(0x10000 * (i + 1)));
    for (uint64_t i = 0; i < COUNT(ids); i++) {
        void *result;
        pthread_join(ids[i], &result);
        good += result == (void *)(0x10000 * (i + 1));
    }
    is(good, COUNT(ids), "each thread has its own FS and GS base");
}

int main(void) {
    calls();
    crowd();
    children();
    signals();
    single_steps();
    threads();
    return tap_done();
}
