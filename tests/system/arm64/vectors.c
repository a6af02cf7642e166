// SPDX-License-Identifier: MPL-2.0
// ARM64: V0-V31, FPSR and FPCR are a thread's own. Across calls, switches, signals, fork, threads and exec.
#include "sys.h"

#include <pthread.h>
#include <sys/ucontext.h>

#define ROUND_UP (1u << 22) // FPCR.RMode
#define ROUND_DOWN (2u << 22)
#define ROUND_MASK (3u << 22)
#define SATURATED (1u << 27) // FPSR.QC

struct vectors {
    __uint128_t v[32];
};

#define ALL_VECTORS(op)                                                                                           \
    op " q0, q1, [%0]\n\t" op " q2, q3, [%0, #32]\n\t" op " q4, q5, [%0, #64]\n\t" op " q6, q7, [%0, #96]\n\t" op \
       " q8, q9, [%0, #128]\n\t" op " q10, q11, [%0, #160]\n\t" op " q12, q13, [%0, #192]\n\t" op                 \
       " q14, q15, [%0, #224]\n\t" op " q16, q17, [%0, #256]\n\t" op " q18, q19, [%0, #288]\n\t" op               \
       " q20, q21, [%0, #320]\n\t" op " q22, q23, [%0, #352]\n\t" op " q24, q25, [%0, #384]\n\t" op               \
       " q26, q27, [%0, #416]\n\t" op " q28, q29, [%0, #448]\n\t" op " q30, q31, [%0, #480]\n\t"
#define VECTOR_CLOBBERS                                                                                          \
    "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", \
        "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31"

// Loads all vector registers, makes a call, and stores them: nothing of libc comes in between.
__attribute__((noinline)) static long call_with(long number, long a, long b, const struct vectors *in,
                                                struct vectors *out) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register const struct vectors *from __asm__("x9") = in;
    register struct vectors *to __asm__("x10") = out;
    __asm__ volatile(ALL_VECTORS("ldp") : : "r"(from) : "memory", VECTOR_CLOBBERS);
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
    __asm__ volatile(ALL_VECTORS("stp") : : "r"(to) : "memory");
    return x0;
}

static struct vectors pattern(uint64_t seed) {
    struct vectors p;
    for (uint64_t i = 0; i < 32; i++)
        p.v[i] = (__uint128_t)(seed * 0x9e37'79b9'7f4a'7c15 + i) << 64 | (seed + i * 0x0101'0101);
    return p;
}
static bool same(const struct vectors *a, const struct vectors *b) {
    return memcmp(a, b, sizeof *a) == 0;
}

static uint32_t fpcr(void) {
    uint64_t value;
    __asm__ volatile("mrs %0, fpcr" : "=r"(value));
    return (uint32_t)value;
}
static void fpcr_set(uint32_t value) {
    __asm__ volatile("msr fpcr, %x0" ::"r"((uint64_t)value));
}
static uint32_t fpsr(void) {
    uint64_t value;
    __asm__ volatile("mrs %0, fpsr" : "=r"(value));
    return (uint32_t)value;
}
static void fpsr_set(uint32_t value) {
    __asm__ volatile("msr fpsr, %x0" ::"r"((uint64_t)value));
}

static void calls(void) {
    struct vectors in = pattern(7), out;
    call_with(SYS_getppid, 0, 0, &in, &out);
    ok(same(&in, &out), "a call keeps all vector registers");
    call_with(SYS_sched_yield, 0, 0, &in, &out);
    ok(same(&in, &out), "sched_yield too");
}

// One thread or process of a crowd: its registers stay its own while others use theirs.
static bool keeps_its_own(uint64_t seed) {
    for (uint64_t round = 0; round < 2000; round++) {
        struct vectors in = pattern(seed * 10000 + round), out;
        uint32_t control = (uint32_t)(seed + round) << 22 & ROUND_MASK, status = SATURATED | (seed * 7 + round) % 32;
        fpcr_set(control);
        fpsr_set(status);
        for (volatile int n = 0; n < (round % 64 ? 0 : 20000); n++)
            ;
        call_with(SYS_sched_yield, 0, 0, &in, &out);
        if (!same(&in, &out) || fpcr() != control || fpsr() != status)
            return false;
    }
    return true;
}

static void crowd(void) {
    enum { CHILDREN = 6 };
    pid_t children[CHILDREN];
    int good = 0;
    for (uint64_t i = 0; i < CHILDREN; i++)
        children[i] = start_child(_exit(!keeps_its_own(i + 1)));
    for (int i = 0; i < CHILDREN; i++)
        good += wait_status(children[i]) == 0;
    is(good, CHILDREN, "%d processes each keep their own vector registers, FPSR and FPCR", CHILDREN);
}

static void *thread(void *seed) {
    return keeps_its_own((uint64_t)seed) ? seed : NULL;
}
static void threads(void) {
    pthread_t ids[4];
    int good = 0;
    for (uint64_t i = 0; i < COUNT(ids); i++)
        pthread_create(&ids[i], NULL, thread, (void *)(i + 11));
    for (uint64_t i = 0; i < COUNT(ids); i++) {
        void *result;
        pthread_join(ids[i], &result);
        good += result != NULL;
    }
    is(good, COUNT(ids), "and so do threads");
    is(fpcr() & ROUND_MASK, 0, "the first thread's rounding is what it was");
}

static void children(void) {
    struct vectors in = pattern(99), out;
    fpcr_set(ROUND_UP);
    fpsr_set(SATURATED);
    long child = call_with(SYS_clone, SIGCHLD, 0, &in, &out);
    bool good = same(&in, &out) && fpcr() == ROUND_UP && fpsr() == SATURATED;
    if (child == 0)
        _exit(!good);
    fpcr_set(0);
    fpsr_set(0);
    ok(good, "fork leaves the parent's registers");
    exited(wait_status((pid_t)child), 0, "and gives the child the same");
}

// --- signals ---

// Loads all vector registers, leaves them alone while others have the CPU many times, sends itself the signal, and
// stores them.
__attribute__((noinline)) static void signal_after_many_yields(long pid, long signal, const struct vectors *in,
                                                               struct vectors *out) {
    __asm__ volatile(ALL_VECTORS("ldp") : : "r"(in) : "memory", VECTOR_CLOBBERS);
    __asm__ volatile("mov x9, #600\n"
                     "1:\tmov x8, %[yield]\n\t"
                     "svc #0\n\t"
                     "subs x9, x9, #1\n\t"
                     "b.ne 1b\n\t"
                     "mov x0, %[pid]\n\t"
                     "mov x1, %[signal]\n\t"
                     "mov x8, %[kill]\n\t"
                     "svc #0"
                     :
                     : [yield] "i"(SYS_sched_yield), [kill] "i"(SYS_kill), [pid] "r"(pid), [signal] "r"(signal)
                     : "x0", "x1", "x8", "x9", "cc", "memory");
    __asm__ volatile(ALL_VECTORS("stp") : : "r"(out) : "memory", VECTOR_CLOBBERS);
}

static volatile bool handler_good;
static struct vectors interrupted, wanted_back;
static bool change;

static struct fpsimd_context *frame_vectors(ucontext_t *uc) {
    struct fpsimd_context *record = (void *)uc->uc_mcontext.__reserved;
    return record->head.magic == FPSIMD_MAGIC && record->head.size == sizeof *record ? record : NULL;
}

static void handler(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    struct fpsimd_context *record = frame_vectors(context);
    handler_good = record && !memcmp(record->vregs, &interrupted, sizeof interrupted) && record->fpcr == ROUND_UP &&
                   record->fpsr == SATURATED && (fpcr() & ROUND_MASK) == ROUND_UP;
    if (record && change) {
        memcpy(record->vregs, &wanted_back, sizeof wanted_back);
        record->fpcr = ROUND_DOWN;
        record->fpsr = 0;
    }
    struct vectors rubbish = pattern(12345), ignored;
    fpcr_set(0);
    fpsr_set(0);
    call_with(SYS_getppid, 0, 0, &rubbish, &ignored);
}

static void signals(void) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    struct vectors out;
    sigaction(SIGUSR1, &action, NULL);
    interrupted = pattern(5);
    fpcr_set(ROUND_UP);
    fpsr_set(SATURATED);
    call_with(SYS_kill, getpid(), SIGUSR1, &interrupted, &out);
    uint32_t control = fpcr(), status = fpsr();
    fpcr_set(0);
    ok(handler_good, "a signal frame has the interrupted registers; the handler begins with their rounding");
    ok(same(&interrupted, &out) && control == ROUND_UP && status == SATURATED, "what it does to them is undone");

    change = true;
    wanted_back = pattern(6);
    fpcr_set(ROUND_UP);
    fpsr_set(SATURATED);
    call_with(SYS_kill, getpid(), SIGUSR1, &interrupted, &out);
    control = fpcr();
    status = fpsr();
    fpcr_set(0);
    ok(same(&wanted_back, &out) && control == ROUND_DOWN && status == 0, "what it writes into the frame comes back");
}

static void one_cpu(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof set, &set);
}

// The kernel does not load the registers of a thread that did not use them for long, until it does: then it finds its
// own, though others used theirs in between, and so does a signal frame.
static void left_alone(void) {
    static const struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    enum { CHILDREN = 3 };
    pid_t children[CHILDREN];
    int good = 0;
    for (uint64_t i = 0; i < CHILDREN; i++)
        children[i] = start_child({
            struct vectors out;
            one_cpu();
            sigaction(SIGUSR1, &action, NULL);
            change = false;
            interrupted = pattern(77 + i);
            fpcr_set(ROUND_UP);
            fpsr_set(SATURATED);
            signal_after_many_yields(getpid(), SIGUSR1, &interrupted, &out);
            _exit(!(handler_good && same(&interrupted, &out) && fpcr() == ROUND_UP && fpsr() == SATURATED));
        });
    for (int i = 0; i < CHILDREN; i++)
        good += wait_status(children[i]) == 0;
    is(good, CHILDREN, "registers that were left alone over many switches are still there, and in a signal frame");
}

// The child of an exec: `rounding` is what it found first thing.
static void executed(void) {
    _exit(fpcr() != 0 ? 1 : fpsr() & SATURATED ? 2 : 0);
}

static void exec(void) {
    exited(in_child({
               fpcr_set(ROUND_UP);
               fpsr_set(SATURATED);
               execl("/proc/self/exe", "vectors", "executed", NULL);
               _exit(9);
           }),
           0, "a new program begins with FPCR and FPSR of zero");
}

int main(int count, char **arguments) {
    if (count > 1 && !strcmp(arguments[1], "executed"))
        executed();
    calls();
    crowd();
    threads();
    children();
    signals();
    left_alone();
    exec();
    return tap_done();
}
