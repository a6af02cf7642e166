// SPDX-License-Identifier: MPL-2.0
// ARM64: the frame that a signal handler finds, and what sigreturn takes back and what it refuses.
#include "sys.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ucontext.h>

#define SA_RESTORER_FLAG 0x0400'0000ul
#define FLAG_N (1ul << 31)
#define FLAG_C (1ul << 29)
#define FLAGS (15ul << 28)

// As the system call takes it: with a restorer only if told.
struct kernel_action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask;
};

static long kernel_action(int signal, struct kernel_action action) {
    return syscall(SYS_rt_sigaction, signal, &action, NULL, 8);
}

// What a handler finds in its first instruction.
struct entry {
    uint64_t x0, x1, x2, sp, x29, x30;
};
static struct entry entry;
static void (*inside)(ucontext_t *uc);

// Stores the registers, then calls the C half.
void handler(int, siginfo_t *, void *);
__asm__(".text\n"
        ".globl handler\n"
        "handler:\n\t"
        "hint #34\n\t" // a landing pad
        "stp x29, x30, [sp, #-16]!\n\t"
        "adrp x9, entry\n\tadd x9, x9, :lo12:entry\n\t"
        "add x10, sp, #16\n\t"
        "stp x0, x1, [x9]\n\tstp x2, x10, [x9, #16]\n\tstp x29, x30, [x9, #32]\n\t"
        "bl handler_body\n\t"
        "ldp x29, x30, [sp], #16\n\t"
        "ret\n");
void handler_body(int signal, siginfo_t *info, void *context);
__attribute__((used)) void handler_body(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    if (inside)
        inside(context);
}

static const uint32_t sigreturn_code[2] = {0xd280'1168, 0xd400'0001}; // mov x8, #139; svc #0

void own_restorer(void);
__asm__(".globl own_restorer\nown_restorer:\n\tmov x8, #139\n\tsvc #0\n");

static struct entry raised(unsigned long flags, void (*restorer)(void)) {
    kernel_action(SIGUSR1, (struct kernel_action){handler, flags, restorer, 0});
    inside = NULL;
    entry = (struct entry){};
    syscall(SYS_kill, getpid(), SIGUSR1);
    return entry;
}

static void at_entry(void) {
    struct entry e = raised(SA_SIGINFO | SA_RESTORER_FLAG, own_restorer);
    is(e.x0, SIGUSR1, "x0 is the signal's number");
    is(e.x1, e.sp, "siginfo is where the stack pointer is");
    is(e.x2, e.sp + 128, "the context follows");
    is(e.sp % 16, 0, "the stack is aligned");
    ok(e.x30 == (uint64_t)own_restorer, "x30 is the action's restorer");
    e = raised(SA_SIGINFO, NULL);
    ok(e.x30 != (uint64_t)own_restorer && !memcmp((void *)e.x30, sigreturn_code, sizeof sigreturn_code),
       "or, without one, code of the vDSO that unwinders know");
    e = raised(0, NULL);
    ok(e.x0 == SIGUSR1 && e.x1 == SIGUSR1, "without SA_SIGINFO x1 stays what it was, kill's argument");
    ok(getauxval(AT_MINSIGSTKSZ) >= 4688 + 16, "AT_MINSIGSTKSZ has room for a frame (%lu)", getauxval(AT_MINSIGSTKSZ));
    is(sizeof(ucontext_t), 4560, "whose context libc knows as 4560 bytes");
}

// --- what is in it ---

static struct _aarch64_ctx *record(ucontext_t *uc, size_t offset) {
    return (void *)((char *)uc->uc_mcontext.__reserved + offset);
}

static struct {
    uint64_t link[2]; // of the frame record
    uint64_t fault_address, esr, pc, sp, pstate, regs[31];
    uint32_t magic[3], size[3];
    unsigned records;
} seen;

static void look(ucontext_t *uc) {
    size_t offset = 0;
    memset(&seen, 0, sizeof seen);
    memcpy(seen.link, (void *)entry.x29, sizeof seen.link);
    seen.fault_address = uc->uc_mcontext.fault_address;
    seen.pc = uc->uc_mcontext.pc;
    seen.sp = uc->uc_mcontext.sp;
    seen.pstate = uc->uc_mcontext.pstate;
    memcpy(seen.regs, uc->uc_mcontext.regs, sizeof seen.regs);
    for (unsigned i = 0; i < 3; i++) {
        struct _aarch64_ctx *r = record(uc, offset);
        seen.magic[i] = r->magic;
        seen.size[i] = r->size;
        seen.records++;
        if (r->magic == ESR_MAGIC)
            seen.esr = ((struct esr_context *)r)->esr;
        if (r->magic == 0)
            return;
        offset += r->size;
    }
}

// kill(self, SIGUSR1) with known values in x19-x30 and the flags; *after gets x19-x30 and the flags.
__attribute__((noinline)) static void kill_with(const uint64_t before[12], uint64_t flags, uint64_t after[13]) {
    register long x8 __asm__("x8") = SYS_kill;
    register long x0 __asm__("x0") = getpid();
    register long x1 __asm__("x1") = SIGUSR1;
    register const uint64_t *x2 __asm__("x2") = before;
    register uint64_t *x3 __asm__("x3") = after;
    register uint64_t x4 __asm__("x4") = flags;
    __asm__ volatile("stp x29, x30, [sp, #-32]!\n\tstr x3, [sp, #16]\n\t"
                     "ldp x19, x20, [x2]\n\tldp x21, x22, [x2, #16]\n\tldp x23, x24, [x2, #32]\n\t"
                     "ldp x25, x26, [x2, #48]\n\tldp x27, x28, [x2, #64]\n\tldp x29, x30, [x2, #80]\n\t"
                     "msr nzcv, x4\n\tsvc #0\n\t"
                     "mrs x4, nzcv\n\tldr x3, [sp, #16]\n\t"
                     "stp x19, x20, [x3]\n\tstp x21, x22, [x3, #16]\n\tstp x23, x24, [x3, #32]\n\t"
                     "stp x25, x26, [x3, #48]\n\tstp x27, x28, [x3, #64]\n\tstp x29, x30, [x3, #80]\n\t"
                     "str x4, [x3, #96]\n\tldp x29, x30, [sp], #32"
                     : "+r"(x0), "+r"(x3), "+r"(x4)
                     : "r"(x8), "r"(x1), "r"(x2)
                     : "memory", "cc", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28");
}

static void change(ucontext_t *uc) {
    look(uc);
    for (int i = 19; i <= 28; i++)
        uc->uc_mcontext.regs[i] += 1;
    uc->uc_mcontext.pstate = (uc->uc_mcontext.pstate & ~FLAGS) | FLAG_C;
}

static void contents(void) {
    uint64_t before[12], after[13];
    for (unsigned i = 0; i < 12; i++)
        before[i] = 0x1111'0000'0000 * (i + 1) + i;
    kernel_action(SIGUSR1, (struct kernel_action){handler, SA_SIGINFO, NULL, 0});
    inside = look;
    kill_with(before, FLAG_N, after);
    ok(!memcmp(before, after, sizeof before) && after[12] == FLAG_N, "registers and flags survive a handler");
    ok(!memcmp(before, &seen.regs[19], sizeof before), "and are in the context");
    is(seen.pstate & FLAGS, FLAG_N, "the flags too");
    is(*(uint32_t *)(seen.pc - 4), sigreturn_code[1], "pc is after the svc");
    ok(seen.link[0] == before[10] && seen.link[1] == before[11], "x29 shows a frame record of x29 and x30");
    ok(seen.magic[0] == FPSIMD_MAGIC && seen.size[0] == 528, "the first record is fpsimd");
    ok(seen.magic[1] == 0 && seen.size[1] == 0, "no fault: the end follows");
    inside = change;
    kill_with(before, FLAG_N, after);
    bool good = true;
    for (unsigned i = 0; i < 12; i++)
        good &= after[i] == before[i] + (i < 10);
    ok(good && after[12] == FLAG_C, "what the handler changes in the context comes back");
}

static void leave(ucontext_t *uc) {
    look(uc);
    uc->uc_mcontext.pc += 4; // over the load or store
}

static void faults(void) {
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    kernel_action(SIGSEGV, (struct kernel_action){handler, SA_SIGINFO, NULL, 0});
    inside = leave;
    (void)*(volatile char *)page; // it is there
    __asm__ volatile("str wzr, [%0]" ::"r"(page + 24) : "memory");
    ok(seen.fault_address == (uint64_t)page + 24, "after a fault the context has its address");
    ok(seen.magic[0] == FPSIMD_MAGIC && seen.magic[1] == ESR_MAGIC && seen.size[1] == 16 && seen.magic[2] == 0,
       "and a record with its syndrome");
    is(seen.esr >> 26, 0x24, "a data abort");
    is(seen.esr >> 6 & 1, 1, "by a write");
    is(seen.esr & 0x3c, 0x0c, "for lack of permission");
    munmap(page, 4096);
    __asm__ volatile("ldr wzr, [%0]" ::"r"(page + 8) : "memory");
    ok(seen.esr >> 26 == 0x24 && (seen.esr >> 6 & 1) == 0 && (seen.esr & 0x3c) == 4, "a read of what is not mapped");
    __asm__ volatile("ldr wzr, [%0]" ::"r"(0xffff'ffff'8000'1000) : "memory");
    is(seen.esr & 0x3f, 4, "the syndrome of a kernel address tells nothing more");
    kernel_action(SIGILL, (struct kernel_action){handler, SA_SIGINFO, NULL, 0});
    __asm__ volatile(".inst 0x00000000");
    ok(seen.magic[1] == 0 && seen.fault_address == 0, "an undefined instruction has no such record");
}

// --- what sigreturn refuses ---

enum damage {
    NONE,
    NO_FPSIMD,
    FPSIMD_SIZE,
    TWO_FPSIMD,
    UNKNOWN_RECORD,
    CROOKED_SIZE,
    LONG_RECORD,
    END_WITH_SIZE,
    NO_END,
    MODE_EL1,
    MODE_AARCH32,
    INTERRUPTS_OFF,
    DAMAGE_COUNT
};
static const char *const damage_names[] = {"nothing",
                                           "no fpsimd record",
                                           "one of another size",
                                           "two of them",
                                           "an unknown record",
                                           "a record of crooked size",
                                           "a record beyond the end",
                                           "an end with a size",
                                           "no end",
                                           "EL1",
                                           "32-bit mode",
                                           "interrupts masked"};
static enum damage damage;

static void do_damage(ucontext_t *uc) {
    struct _aarch64_ctx *first = record(uc, 0), *end = record(uc, 528);
    switch (damage) {
    case NO_FPSIMD:
        first->magic = first->size = 0;
        break;
    case FPSIMD_SIZE:
        first->size = 544;
        break;
    case TWO_FPSIMD:
        memcpy(end, first, 528);
        memset(record(uc, 1056), 0, 16);
        break;
    case UNKNOWN_RECORD:
        *end = (struct _aarch64_ctx){0x1234'5678, 16};
        memset(record(uc, 544), 0, 16);
        break;
    case CROOKED_SIZE:
        *end = (struct _aarch64_ctx){ESR_MAGIC, 24};
        memset(record(uc, 544), 0, 32);
        break;
    case LONG_RECORD:
        *end = (struct _aarch64_ctx){ESR_MAGIC, 4096};
        break;
    case END_WITH_SIZE:
        *end = (struct _aarch64_ctx){0, 16};
        break;
    case NO_END:
        *end = (struct _aarch64_ctx){ESR_MAGIC, 4096 - 528};
        break;
    case MODE_EL1:
        uc->uc_mcontext.pstate |= 5;
        break;
    case MODE_AARCH32:
        uc->uc_mcontext.pstate |= 0x10;
        break;
    case INTERRUPTS_OFF:
        uc->uc_mcontext.pstate |= 0x80;
        break;
    default:
        break;
    }
}

static int with_damage(enum damage kind) {
    damage = kind;
    inside = do_damage;
    return in_child({
        signal(SIGSEGV, SIG_DFL);
        syscall(SYS_kill, getpid(), SIGUSR1);
    });
}

static void impossible_bits(ucontext_t *uc) {
    uc->uc_mcontext.pstate |= 1ul << 22 | 1ul << 23 | 1ul << 20 | 1ul << 40; // PAN, UAO, IL, nothing
}
static void far_away(ucontext_t *uc) {
    uc->uc_mcontext.pc = 0xffff'8000'0000'1000;
}

static void sigreturn_refuses(void) {
    static_assert(COUNT(damage_names) == DAMAGE_COUNT);
    kernel_action(SIGUSR1, (struct kernel_action){handler, SA_SIGINFO, NULL, 0});
    exited(with_damage(NONE), 0, "an intact frame comes back");
    for (enum damage kind = NO_FPSIMD; kind < DAMAGE_COUNT; kind++)
        killed(with_damage(kind), SIGSEGV, "sigreturn refuses %s", damage_names[kind]);
    inside = impossible_bits;
    exited(in_child(syscall(SYS_kill, getpid(), SIGUSR1)), 0, "bits that user mode cannot have are dropped");
    inside = far_away;
    killed(in_child(signal(SIGSEGV, SIG_DFL); syscall(SYS_kill, getpid(), SIGUSR1)), SIGSEGV,
           "a pc in the kernel is the program's fault");
    killed(in_child(signal(SIGSEGV, SIG_DFL);
                    __asm__ volatile("mov x8, #139\n\tsub sp, sp, #8\n\tsvc #0" :: : "x8", "memory")),
           SIGSEGV, "sigreturn with a crooked stack pointer");
    killed(in_child(signal(SIGSEGV, SIG_DFL);
                    __asm__ volatile("mov x8, #139\n\tand sp, x8, #0xf0000000\n\tsvc #0" :: : "x8")),
           SIGSEGV, "sigreturn without a frame");
}

static void alternate_stack(void) {
    static char stack[16384] __attribute__((aligned(16)));
    stack_t s = {.ss_sp = stack, .ss_size = 5119};
    fails(syscall(SYS_sigaltstack, &s, NULL), ENOMEM, "an alternate stack of less than 5120 bytes");
    s.ss_size = sizeof stack;
    is(syscall(SYS_sigaltstack, &s, NULL), 0, "a good one");
    struct entry e = raised(SA_SIGINFO | SA_ONSTACK, NULL);
    ok(e.sp >= (uint64_t)stack && e.sp < (uint64_t)stack + sizeof stack, "the frame is on it");
    is(e.x29, (uint64_t)stack + sizeof stack - 16, "from its end on");
    s.ss_flags = SS_DISABLE;
    syscall(SYS_sigaltstack, &s, NULL);
}

int main(void) {
    at_entry();
    contents();
    alternate_stack();
    faults();
    sigreturn_refuses();
    return tap_done();
}
