// SPDX-License-Identifier: MPL-2.0
// arm64: programs that put rubbish into every register and then enter the kernel in every way there is. What becomes of
// them is their own affair (on Linux as here); the kernel and the programs beside them must go on.
#include "sys.h"

#include <sys/mman.h>
#include <ucontext.h>

static uint64_t random_state = 88172645463325252u;
static uint64_t random64(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

// Values that sit at an edge somewhere.
static const uint64_t edges[] = {
    0,
    1,
    7,
    0x1000,
    0x0000'ffff'ffff'e000,
    0x0000'ffff'ffff'fff0,
    0x0000'ffff'ffff'fff8,
    0x0000'ffff'ffff'ffff,
    0x0001'0000'0000'0000,
    0x007f'ffff'ffff'fff0,
    0x0080'0000'0000'0000,
    0x5a00'0000'0001'0000,
    0xff00'0000'0000'1000,
    0xfffe'ffff'ffff'fff0,
    0xffff'0000'0000'0000,
    0xffff'8000'0000'0000,
    0xffff'ffff'8000'0000,
    0xffff'ffff'8020'0008,
    0xffff'ffff'ffff'fff0,
    0xffff'ffff'ffff'ffff,
    0x8000'0000'0000'0000,
    0x7fff'ffff'ffff'ffff,
};

static bool ended(int status) {
    return WIFEXITED(status) || WIFSIGNALED(status);
}
static bool died_of(int status, int signal) {
    return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

// --- stack pointers ---

static void bad_stacks(void) {
    int good = 0;
    for (size_t i = 0; i < COUNT(edges); i++) {
        uint64_t sp = edges[i];
        int status = in_child({
            register long number __asm__("x8") = SYS_getpid;
            register long result __asm__("x0");
            // A call, then a fault, on that stack.
            __asm__ volatile("mov x12, sp\n\tmov sp, %2\n\tsvc #0\n\tmov sp, x12"
                             : "=r"(result)
                             : "r"(number), "r"(sp)
                             : "x12", "memory");
            if (result != getpid())
                _exit(1);
            __asm__ volatile("mov sp, %0\n\tmov x0, #0\n\tldr x0, [x0]" ::"r"(sp) : "x0", "memory");
        });
        good += died_of(status, SIGSEGV);
    }
    is(good, COUNT(edges), "calls work and faults kill on %zu impossible stacks", COUNT(edges));

    good = 0;
    for (size_t i = 0; i < COUNT(edges); i++) {
        uint64_t sp = edges[i];
        int status = in_child({
            struct sigaction action = {.sa_handler = (void (*)(int))edges[i]};
            sigaction(SIGSEGV, &action, NULL);
            sigaction(SIGBUS, &action, NULL);
            __asm__ volatile("mov sp, %0\n\tudf #0" ::"r"(sp) : "memory");
        });
        good += WIFSIGNALED(status);
    }
    is(good, COUNT(edges), "exceptions there kill too");

    good = 0;
    for (uint64_t offset = 1; offset < 16; offset++) {
        int status = in_child({
            __asm__ volatile(
                "sub x0, sp, #256\n\tand x0, x0, #~15\n\tadd x0, x0, %0\n\tmov sp, x0\n\tldr x1, [sp]" ::"r"(offset)
                : "x0", "x1", "memory");
        });
        good += status == 0 || died_of(status, SIGBUS);
    }
    is(good, 15, "a crooked stack pointer is a SIGBUS when it is used (QEMU lets it pass)");
}

// --- instructions ---

static int run_words(const uint32_t *words, size_t count) {
    return in_child({
        uint32_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (code == MAP_FAILED)
            _exit(99);
        for (size_t i = 0; i < 1024; i++)
            code[i] = 0xd420'0000; // brk #0
        memcpy(code, words, count * sizeof *words);
        if (mprotect(code, 4096, PROT_READ | PROT_EXEC) != 0)
            _exit(99);
        __builtin___clear_cache((char *)code, (char *)code + 4096);
        alarm(2);
        // x0 points to memory of ours, for those that take an address; so does the link register.
        register uint64_t x0 __asm__("x0") = (uint64_t)code;
        __asm__ volatile("blr %0" ::"r"(x0) : "x30", "memory", "cc");
    });
}

static void privileged(void) {
    enum { GOES_ON = SIGTRAP }; // to the brk behind it
    static const struct {
        const char *name;
        uint32_t word;
        int signal; // 0: either way
    } cases[] = {
        {"nop", 0xd503'201f, GOES_ON},
        {"udf", 0x0000'0000, SIGILL},
        {"hlt", 0xd440'0000, SIGILL},
        {"dcps1", 0xd4a0'0001, SIGILL},
        {"drps", 0xd6bf'03e0, SIGILL},
        {"eret", 0xd69f'03e0, SIGILL},
        {"hvc", 0xd400'0002, SIGILL},
        {"smc", 0xd400'0003, SIGILL},
        {"wfi", 0xd503'207f, GOES_ON},
        {"wfe", 0xd503'205f, GOES_ON},
        {"msr daifset", 0xd503'42df, SIGILL},
        {"msr daifclr", 0xd503'42ff, SIGILL},
        {"msr spsel", 0xd500'41bf, SIGILL},
        {"mrs daif", 0xd53b'4220, SIGILL},
        {"mrs sctlr_el1", 0xd538'1000, SIGILL},
        {"msr sctlr_el1", 0xd518'1000, SIGILL},
        {"msr ttbr0_el1", 0xd518'2000, SIGILL},
        {"msr vbar_el1", 0xd518'c000, SIGILL},
        {"mrs sp_el0", 0xd538'4100, SIGILL},
        {"mrs tpidr_el1", 0xd538'd080, SIGILL},
        {"msr tpidrro_el0", 0xd51b'd060, SIGILL},
        {"mrs tpidrro_el0", 0xd53b'd060, GOES_ON},
        {"mrs midr_el1", 0xd538'0000, GOES_ON},
        {"mrs ctr_el0", 0xd53b'0020, GOES_ON},
        {"mrs dczid_el0", 0xd53b'00e0, GOES_ON},
        {"mrs cntvct_el0", 0xd53b'e040, GOES_ON},
        {"mrs cntfrq_el0", 0xd53b'e000, GOES_ON},
        {"msr cntv_ctl_el0", 0xd51b'e320, SIGILL},
        {"mrs pmccntr_el0", 0xd53b'9d00, SIGILL},
        {"mrs mdscr_el1", 0xd530'0240, SIGILL},
        {"tlbi vmalle1", 0xd508'871f, SIGILL},
        {"at s1e1r", 0xd508'7800, SIGILL},
        {"dc isw", 0xd508'7640, SIGILL},
        {"dc ivac", 0xd508'7620, SIGILL},
        {"dc civac", 0xd50b'7e20, GOES_ON},
        {"dc cvau", 0xd50b'7b20, GOES_ON},
        {"ic ivau", 0xd50b'7520, GOES_ON},
        {"ic iallu", 0xd508'751f, SIGILL},
        {"dc zva on a page of code", 0xd50b'7420, SIGSEGV},
        {"brk", 0xd420'0000, SIGTRAP},
        {"brk of the kernel's", 0xd421'0000, SIGTRAP},
        {"msr nzcv", 0xd51b'4200, GOES_ON},
        {"msr fpcr", 0xd51b'4400, GOES_ON},
        {"msr pan", 0xd500'409f, SIGILL},
        {"msr uao", 0xd500'407f, SIGILL},
        {"msr tco", 0xd503'419f, 0},
        {"msr dit", 0xd503'405f, 0},
        {"ptrue of SVE", 0x2518'e3e0, 0},
        {"smstart", 0xd503'477f, 0},
        {"irg", 0x9adf'1000, 0},
        {"pacia", 0xdac1'0000, 0},
        {"autia of nothing", 0xdac1'1000, 0},
        {"retaa", 0xd65f'0bff, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int status = run_words(&cases[i].word, 1);
        ok(cases[i].signal ? died_of(status, cases[i].signal) : ended(status), "%s (status %#x)", cases[i].name,
           status);
    }
}

// --- what the signal says ---

static struct {
    int signal, code;
    uint64_t address;
} expected;
static void compare(int signal, siginfo_t *info, void *context) {
    (void)context;
    bool same =
        signal == expected.signal && info->si_code == expected.code && (uint64_t)info->si_addr == expected.address;
    if (!same)
        printf("# signal %d, code %d, address %p\n", signal, info->si_code, info->si_addr);
    fflush(stdout);
    _exit(!same);
}
static void expect(int signal, int code, uint64_t address) {
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = compare, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    expected.signal = signal;
    expected.code = code;
    expected.address = address;
    sigaltstack(&alternate, NULL);
    sigaction(SIGILL, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}

static void load_from(uint64_t address) {
    __asm__ volatile("ldr xzr, [%0]" ::"r"(address) : "memory");
    _exit(99);
}
static void jump_to(uint64_t address) {
    __asm__ volatile("br %0" ::"r"(address) : "memory");
}

int main(void);
static void signal_details(void) {
    int status = in_child({
        uint64_t here;
        __asm__ volatile("adr %0, 1f" : "=r"(here));
        expect(SIGILL, ILL_ILLOPC, here);
        __asm__ volatile("1:\tudf #0");
        _exit(99);
    });
    exited(status, 0, "an undefined instruction is ILL_ILLOPC at its address");
    int good = 0;
    for (size_t i = 0; i < COUNT(edges); i++)
        good += in_child({
                    // A tag in the top byte of an address in the lower half is no part of it.
                    uint64_t seen = edges[i] >> 55 & 1 ? edges[i] : edges[i] << 8 >> 8;
                    expect(SIGSEGV, SEGV_MAPERR, seen);
                    load_from(edges[i]);
                }) == 0;
    is(good, COUNT(edges), "SEGV_MAPERR and the address for loads from edges");
    good = 0;
    for (size_t i = 0; i < COUNT(edges); i++)
        good += WIFSIGNALED(in_child(jump_to(edges[i])));
    is(good, COUNT(edges), "jumps there kill");
    status = in_child({
        uint64_t crooked = (uint64_t)main + 2;
        expect(SIGBUS, BUS_ADRALN, crooked);
        jump_to(crooked);
    });
    exited(status, 0, "a crooked program counter is BUS_ADRALN at it");
    status = in_child({
        expect(SIGSEGV, SEGV_MAPERR, 0xffff'ffff'8020'0000);
        jump_to(0xffff'ffff'8020'0000);
    });
    exited(status, 0, "a jump into the kernel is SEGV_MAPERR");
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    status = in_child({
        expect(SIGSEGV, SEGV_ACCERR, (uint64_t)page + 8);
        *(volatile char *)(page + 8) = 1;
        _exit(99);
    });
    exited(status, 0, "a store to what is only readable is SEGV_ACCERR");
    status = in_child({
        expect(SIGSEGV, SEGV_ACCERR, (uint64_t)page);
        jump_to((uint64_t)page);
    });
    exited(status, 0, "a jump to what is not executable too");
}

static void random_code(void) {
    int good = 0;
    for (int i = 0; i < 300; i++) {
        uint32_t words[16];
        for (size_t w = 0; w < COUNT(words); w++)
            words[w] = (uint32_t)(random64() >> 24);
        good += ended(run_words(words, COUNT(words)));
    }
    is(good, 300, "300 programs of random words end somehow");
    good = 0;
    for (int i = 0; i < 300; i++) { // system instructions and register moves of every kind
        uint32_t words[8];
        for (size_t w = 0; w < COUNT(words); w++)
            words[w] = 0xd500'0000 | ((uint32_t)(random64() >> 24) & 0x003f'ffff);
        good += ended(run_words(words, COUNT(words)));
    }
    is(good, 300, "300 of random system instructions too");
}

// --- the thread pointer, and calls with edges ---

static void registers(void) {
    int good = 0;
    for (size_t i = 0; i < COUNT(edges); i++) {
        uint64_t value = edges[i];
        int status = in_child({
            // A call, a page fault that is resolved, interrupts for a while, a fault that is not. No libc meanwhile.
            char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            uint64_t now;
            __asm__ volatile("msr tpidr_el0, %1\n\tmov x8, #173\n\tsvc #0\n\tmov x8, #124\n\tsvc #0\n\t"
                             "strb wzr, [%2]\n\tmov x9, #0x200000\n"
                             "1:\tsubs x9, x9, #1\n\tb.ne 1b\n\t"
                             "mrs %0, tpidr_el0\n\tcmp %0, %1\n\tb.eq 2f\n\tbrk #0\n"
                             "2:\tmov x0, #0\n\tldr x0, [x0]"
                             : "=&r"(now)
                             : "r"(value), "r"(page)
                             : "x0", "x8", "x9", "cc", "memory");
        });
        good += died_of(status, SIGSEGV);
    }
    is(good, COUNT(edges), "kernel addresses in the thread pointer do no harm, and stay");

    good = 0;
    for (size_t i = 0; i < COUNT(edges); i++) {
        uint64_t value = edges[i];
        int status = in_child({
            // All registers the kernel might take for its own.
            __asm__ volatile("mov x0, %0\n\tmov x1, %0\n\tmov x2, %0\n\tmov x3, %0\n\tmov x4, %0\n\tmov x5, %0\n\t"
                             "mov x9, %0\n\tmov x16, %0\n\tmov x17, %0\n\tmov x18, %0\n\tmov x29, %0\n\tmov x30, %0\n\t"
                             "mov x8, #173\n\tsvc #0\n\tmov x8, #64\n\tsvc #0\n\tmov x8, #1000\n\tsvc #0\n\t"
                             "mov x8, %0\n\tsvc #0\n\tmov x0, #0\n\tldr x0, [x0]" ::"r"(value)
                             : "x0", "x1", "x2", "x3", "x4", "x5", "x8", "x9", "x16", "x17", "x18", "x30", "memory");
        });
        good += ended(status);
    }
    is(good, COUNT(edges), "nor in any other register over calls");
}

// --- signal frames ---

static uint64_t lie_value;
static int lie_register;
static uint64_t *register_of(ucontext_t *uc, int number) {
    mcontext_t *m = &uc->uc_mcontext;
    switch (number) {
    case 31:
        return (uint64_t *)&m->sp;
    case 32:
        return (uint64_t *)&m->pc;
    case 33:
        return (uint64_t *)&m->pstate;
    case 34:
        return (uint64_t *)&m->fault_address;
    default:
        return (uint64_t *)&m->regs[number];
    }
}
static void liar(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    *register_of(context, lie_register) = lie_value;
}
static void pstate_liar(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    *register_of(context, 33) |= lie_value;
}
static void state_liar(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    uint8_t *state = (uint8_t *)((ucontext_t *)context)->uc_mcontext.__reserved;
    for (int i = 0; i < 40; i++)
        state[random64() % (i < 20 ? 600 : 16)] = (uint8_t)random64();
}

// What a program with such a handler comes to.
static int with_handler(void (*handler)(int, siginfo_t *, void *)) {
    return in_child({
        struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
        volatile double x = 1.5;
        alarm(2);
        sigaction(SIGUSR1, &action, NULL);
        raise(SIGUSR1);
        _exit(x * 2 != 3);
    });
}

static void frames(void) {
    int good = 0, all = 0;
    for (lie_register = 0; lie_register < 35; lie_register++)
        for (size_t i = 0; i < COUNT(edges); i++, all++) {
            lie_value = edges[i];
            good += ended(with_handler(liar));
        }
    is(good, all, "handlers that write %d edge values into every register of the frame", (int)COUNT(edges));

    good = 0;
    for (int bit = 0; bit < 64; bit++) {
        lie_value = 1ull << bit;
        good += ended(with_handler(pstate_liar));
    }
    is(good, 64, "or each bit of PSTATE");
    static const struct {
        const char *what;
        uint64_t bits;
    } modes[] = {{"EL1", 0x5},
                 {"EL1 with the user's stack", 0x4},
                 {"EL2", 0x9},
                 {"32-bit user mode", 0x10},
                 {"masked interrupts", 0x80},
                 {"all masked", 0x3c0},
                 {"32-bit", 0x1d3}};
    for (size_t i = 0; i < COUNT(modes); i++) {
        lie_value = modes[i].bits;
        killed(with_handler(pstate_liar), SIGSEGV, "a frame that asks for %s is refused", modes[i].what);
    }
    lie_value = 0x80000000;
    exited(with_handler(pstate_liar), 0, "one that sets a flag is not");

    good = 0;
    for (int i = 0; i < 200; i++) {
        random64();
        good += ended(with_handler(state_liar));
    }
    is(good, 200, "rubbish in the frame's records");
    good = 0;
    for (size_t i = 0; i < COUNT(edges); i++)
        good += WIFSIGNALED(in_child({
            __asm__ volatile("mov sp, %0\n\tmov x8, #139\n\tsvc #0\n\tudf #0" ::"r"(edges[i]) : "memory", "x0", "x8");
        }));
    is(good, COUNT(edges), "sigreturn without a frame kills");
    good = 0;
    for (int n = 0; n < 200; n++) {
        random64();
        good += ended(in_child({
            alarm(2);
            uint64_t *area = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            for (int i = 0; i < 1024; i++)
                area[i] = random64() % 3 ? edges[random64() % COUNT(edges)] : random64();
            __asm__ volatile("mov sp, %0\n\tmov x8, #139\n\tsvc #0\n\tudf #0" ::"r"(area + 64) : "memory", "x0", "x8");
        }));
    }
    is(good, 200, "sigreturn to random frames");
}

int main(void) {
    bad_stacks();
    privileged();
    signal_details();
    random_code();
    registers();
    frames();
    ok(in_child(_exit(0)) == 0, "and other programs go on");
    return tap_done();
}
