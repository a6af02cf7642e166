// SPDX-License-Identifier: MPL-2.0
// x86-64: programs that put rubbish into every register, flag and segment and then enter the kernel in every way there
// is. What becomes of them is their own affair (on Linux as here); the kernel and the programs beside them must go on.
#include "sys.h"

#include <cpuid.h>
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
    0x7fff'ffff'e000,
    0x7fff'ffff'eff8,
    0x7fff'ffff'efff,
    0x7fff'ffff'f000,
    0x7fff'ffff'ffff,
    0x8000'0000'0000,
    0xffff'7fff'ffff'ffff,
    0xffff'8000'0000'0000,
    0xffff'ffff'8000'0000,
    0xffff'ffff'8020'0000,
    0xffff'ffff'ffff'f000,
    0xffff'ffff'ffff'ffff,
    0x8000'0000'0000'0000,
    0x7fff'ffff'ffff'ffff,
};

static bool ended(int status) {
    return WIFEXITED(status) || WIFSIGNALED(status);
}

// --- stack pointers ---

static void bad_stacks(void) {
    int good = 0;
    for (size_t i = 0; i < COUNT(edges); i++) {
        uint64_t sp = edges[i];
        int status = in_child({
            long result;
            // A call, then a fault, on that stack.
            __asm__ volatile("movq %%rsp, %%r12\n\tmovq %2, %%rsp\n\tmovl $39, %%eax\n\tsyscall\n\tmovq %%r12, %%rsp"
                             : "=&a"(result)
                             : "0"(0), "r"(sp)
                             : "rcx", "r11", "r12", "memory");
            if (result != getpid())
                _exit(1);
            __asm__ volatile("movq %0, %%rsp\n\tmovq $0, %%rax\n\tmovq (%%rax), %%rax" ::"r"(sp) : "rax", "memory");
        });
        good += WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
    }
    is(good, COUNT(edges), "calls work and faults kill on %zu impossible stacks", COUNT(edges));

    good = 0;
    for (size_t i = 0; i < COUNT(edges); i++) {
        uint64_t sp = edges[i];
        int status = in_child({
            signal(SIGUSR1, SIG_DFL);
            struct sigaction action = {.sa_handler = (void (*)(int))edges[i]};
            sigaction(SIGSEGV, &action, NULL);
            __asm__ volatile("movq %0, %%rsp\n\tud2" ::"r"(sp) : "memory");
        });
        good += WIFSIGNALED(status);
    }
    is(good, COUNT(edges), "exceptions there kill too");
}

// --- flags ---

static void flags(void) {
    int good = 0;
    static const uint64_t bits[] = {0x100 /* TF */,   0x400 /* DF */,    0x4000 /* NT */,
                                    0x40000 /* AC */, 0x200000 /* ID */, 0x10000 /* RF */};
    for (unsigned set = 0; set < 1u << COUNT(bits); set++) {
        uint64_t value = 0x202;
        for (size_t b = 0; b < COUNT(bits); b++)
            value |= set >> b & 1 ? bits[b] : 0;
        int status = in_child({
            if (set & 1)
                signal(SIGTRAP, SIG_IGN);
            long result;
            __asm__ volatile("pushq %2\n\tpopfq\n\tmovl $39, %%eax\n\tsyscall\n\tpushq $0x202\n\tpopfq\n\tcld"
                             : "=&a"(result)
                             : "0"(0), "r"(value)
                             : "rcx", "r11", "memory", "cc");
            _exit(result != getpid());
        });
        // A traced step that is ignored kills; without TF all goes well.
        good += set & 1 ? ended(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    is(good, 1 << COUNT(bits), "calls with every mix of TF, DF, NT, AC, ID and RF");

    int status = in_child(__asm__ volatile(
        "pushfq\n\torq $0x40000, (%%rsp)\n\tpopfq\n\tmovl 1(%0), %%eax" ::"r"(edges) : "rax", "memory"));
    ok(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS),
       "with AC an unaligned access is a SIGBUS (QEMU lets it pass)");
    status = in_child({
        uint64_t value;
        __asm__ volatile("pushq $0x3202\n\tpopfq\n\tpushfq\n\tpopq %0" : "=r"(value)::"memory", "cc");
        _exit((value & 0x3000) != 0);
    });
    exited(status, 0, "the I/O privilege level cannot be had by popf");
}

// --- instructions ---

static int run_bytes(const uint8_t *bytes, size_t size) {
    return in_child({
        uint8_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (code == MAP_FAILED)
            _exit(99);
        memset(code, 0xcc, 4096);
        memcpy(code, bytes, size);
        alarm(2);
        ((void (*)(void))code)();
    });
}

static void privileged(void) {
    static const struct {
        const char *name;
        uint8_t bytes[12];
        int signal;
    } cases[] = {
        {"hlt", {0xf4}, SIGSEGV},
        {"cli", {0xfa}, SIGSEGV},
        {"sti", {0xfb}, SIGSEGV},
        {"in", {0xec}, SIGSEGV},
        {"out", {0xee}, SIGSEGV},
        {"mov cr0", {0x0f, 0x20, 0xc0}, SIGSEGV},
        {"mov to cr3", {0x0f, 0x22, 0xd8}, SIGSEGV},
        {"mov dr7", {0x0f, 0x23, 0xf8}, SIGSEGV},
        {"wrmsr", {0x0f, 0x30}, SIGSEGV},
        {"rdmsr", {0x0f, 0x32}, SIGSEGV},
        {"swapgs", {0x0f, 0x01, 0xf8}, SIGSEGV},
        {"sysret", {0x48, 0x0f, 0x07}, SIGSEGV},
        {"lgdt", {0x0f, 0x01, 0x10}, SIGSEGV},
        {"ltr", {0x0f, 0x00, 0xd8}, SIGSEGV},
        {"lldt", {0x0f, 0x00, 0xd0}, SIGSEGV},
        {"invlpg", {0x0f, 0x01, 0x38}, SIGSEGV},
        {"clts", {0x0f, 0x06}, SIGSEGV},
        {"wbinvd", {0x0f, 0x09}, SIGSEGV},
        {"ud2", {0x0f, 0x0b}, SIGILL},
        {"int3", {0xcc}, SIGTRAP},
        {"clac", {0x0f, 0x01, 0xca}, SIGILL},
        {"stac", {0x0f, 0x01, 0xcb}, SIGILL},
        {"sysenter", {0x0f, 0x34}, 0},
        {"iretq of nothing", {0x48, 0xcf}, 0},
        {"retf", {0xcb}, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int status = run_bytes(cases[i].bytes, sizeof cases[i].bytes);
        ok(cases[i].signal ? WIFSIGNALED(status) && WTERMSIG(status) == cases[i].signal : ended(status),
           "%s (status %#x)", cases[i].name, status);
    }
}

static void interrupts(void) {
    int good = 0;
    for (int vector = 0; vector < 256; vector++) {
        uint8_t bytes[] = {0xb8, 39, 0, 0, 0, 0xcd, (uint8_t)vector, 0xf4};
        good += WIFSIGNALED(run_bytes(bytes, sizeof bytes));
    }
    is(good, 256, "int n kills for every n (or returns to a hlt)");
}

static void random_code(void) {
    int good = 0;
    for (int i = 0; i < 300; i++) {
        uint8_t bytes[64];
        for (size_t b = 0; b < sizeof bytes; b++)
            bytes[b] = (uint8_t)(random64() >> 24);
        bytes[sizeof bytes - 1] = 0xf4;
        good += ended(run_bytes(bytes, sizeof bytes));
    }
    is(good, 300, "300 programs of random bytes end somehow");
}

// --- segments ---

static void segments(void) {
    int good = 0;
    for (int selector = 0; selector < 0x80; selector++) {
        int status = in_child({
            // Data segments, then a call and a switch with them.
            __asm__ volatile("movl %0, %%ds\n\tmovl %0, %%es" ::"r"(selector));
            syscall(SYS_sched_yield);
            __asm__ volatile("movl %0, %%fs\n\tmovl %0, %%gs\n\tmovl $24, %%eax\n\tsyscall\n\tmovl $60, %%eax\n\txorl "
                             "%%edi, %%edi\n\tsyscall" ::"r"(selector)
                             : "rax", "rcx", "r11", "rdi");
        });
        good += ended(status);
    }
    is(good, 0x80, "every selector in every data segment register");
    good = 0;
    for (int selector = 0; selector < 0x80; selector++) {
        int status = in_child({
            struct {
                uint32_t offset;
                uint16_t selector;
            } __attribute__((packed)) far = {0x1000, (uint16_t)selector};
            alarm(2);
            __asm__ volatile("ljmpl *%0" ::"m"(far) : "memory");
        });
        good += ended(status);
        status = in_child({
            alarm(2);
            __asm__ volatile("movl %0, %%ss\n\tpushq $1\n\tmovl $39, %%eax\n\tsyscall" ::"r"(selector)
                             : "rax", "rcx", "r11", "memory");
        });
        good += ended(status);
    }
    is(good, 0x100, "far jumps to, and stacks in, every selector");
}

// 32-bit code, if the machine has it, that makes calls in all three ways.
static void compat_mode(void) {
    static const uint8_t calls[][8] = {{0x0f, 0x05}, {0x0f, 0x34}, {0xcd, 0x80}};
    int good = 0;
    for (size_t i = 0; i < COUNT(calls); i++) {
        int status = in_child({
            uint8_t *code = mmap((void *)0x10000000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
            memset(code, 0xf4, 4096);
            memcpy(code + 16, calls[i], 8);
            alarm(2);
            struct {
                uint32_t offset;
                uint16_t selector;
            } __attribute__((packed)) far = {0x10000010, 0x23};
            __asm__ volatile("movl $0x10000800, %%esp\n\tmovl $20, %%eax\n\tljmpl *%0" ::"m"(far) : "rax", "memory");
        });
        good += ended(status);
    }
    is(good, COUNT(calls), "calls from 32-bit code");
}

// --- FS and GS base ---

static bool has_fsgsbase(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1);
}

static void bases(void) {
    enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS = 0x1002, ARCH_GET_FS = 0x1003, ARCH_GET_GS = 0x1004 };
    uint64_t base = 0;
    is(syscall(SYS_arch_prctl, ARCH_SET_GS, 0x12345678), 0, "arch_prctl sets GS base");
    is(syscall(SYS_arch_prctl, ARCH_GET_GS, &base), 0, "and gets it");
    is(base, 0x12345678, "as it was set");
    is(syscall(SYS_arch_prctl, ARCH_GET_FS, &base), 0, "FS base too");
    uint64_t self;
    __asm__("movq %%fs:0, %0" : "=r"(self));
    ok(base == self, "which points at the thread's own block");
    for (size_t i = 0; i < COUNT(edges); i++)
        if (edges[i] >= 0x7fff'ffff'f000)
            fails(syscall(SYS_arch_prctl, ARCH_SET_GS, edges[i]), EPERM, "not to kernel addresses (%#llx)",
                  (unsigned long long)edges[i]);
    fails(syscall(SYS_arch_prctl, 0x4711, 0), EINVAL, "unknown codes");
    fails(syscall(SYS_arch_prctl, ARCH_GET_GS, 8), EFAULT, "bad pointers");
    if (!has_fsgsbase()) {
        skip("no FSGSBASE", "kernel addresses in GS base");
        return;
    }
    int good = 0;
    for (size_t i = 0; i < COUNT(edges); i++) {
        uint64_t value = edges[i];
        int status = in_child({
            // wrgsbase; then a call, a page fault that is resolved, interrupts for a while, a fault that is not.
            volatile char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            __asm__ volatile("wrgsbase %0" ::"r"(value));
            syscall(SYS_getppid);
            page[0] = 1;
            for (volatile int n = 0; n < 1'000'000; n++)
                ;
            uint64_t now;
            __asm__ volatile("rdgsbase %0" : "=r"(now));
            if (now != value)
                _exit(1);
            *(volatile char *)8 = 1;
        });
        good += WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
    }
    is(good, COUNT(edges), "kernel addresses in GS base do no harm");
}

// --- signal frames ---

static uint64_t lie_value;
static int lie_register;
static void liar(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    ((ucontext_t *)context)->uc_mcontext.gregs[lie_register] = (greg_t)lie_value;
}
static void pointer_liar(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    ((ucontext_t *)context)->uc_mcontext.fpregs = (void *)lie_value;
}
static void state_liar(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    uint8_t *state = (uint8_t *)((ucontext_t *)context)->uc_mcontext.fpregs;
    for (int i = 0; state != NULL && i < 40; i++)
        state[random64() % 832] = (uint8_t)random64();
}

static void frames(void) {
    int good = 0, all = 0;
    struct sigaction action = {.sa_sigaction = liar, .sa_flags = SA_SIGINFO};
    for (lie_register = 0; lie_register < 23; lie_register++)
        for (size_t i = 0; i < COUNT(edges); i++, all++) {
            lie_value = edges[i];
            good += ended(in_child({
                alarm(2);
                sigaction(SIGUSR1, &action, NULL);
                raise(SIGUSR1);
                syscall(SYS_exit_group, 0);
            }));
        }
    is(good, all, "handlers that write %d edge values into every register of the frame", (int)COUNT(edges));
    good = 0;
    action.sa_sigaction = pointer_liar;
    for (size_t i = 0; i < COUNT(edges); i++) {
        lie_value = edges[i];
        good += ended(in_child({
            volatile double x = 1.5;
            sigaction(SIGUSR1, &action, NULL);
            raise(SIGUSR1);
            _exit(x * 2 != 3);
        }));
    }
    is(good, COUNT(edges), "or into the pointer to the vector state");
    good = 0;
    action.sa_sigaction = state_liar;
    for (int i = 0; i < 200; i++) {
        random64();
        good += ended(in_child({
            volatile double x = 1.5;
            sigaction(SIGUSR1, &action, NULL);
            raise(SIGUSR1);
            _exit(x * 2 != 3);
        }));
    }
    is(good, 200, "or rubbish into that state");
    good = 0;
    for (size_t i = 0; i < COUNT(edges); i++)
        good += WIFSIGNALED(in_child({
            __asm__ volatile("movq %0, %%rsp\n\tmovl $15, %%eax\n\tsyscall\n\tud2" ::"r"(edges[i])
                             : "memory", "rax", "rcx", "r11");
        }));
    is(good, COUNT(edges), "sigreturn without a frame is a SIGSEGV");
    good = 0;
    for (int n = 0; n < 200; n++)
        good += ended(in_child({
                          alarm(2);
                          uint64_t *area = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                          for (int i = 0; i < 1024; i++)
                              area[i] = random64() % 3 ? edges[random64() % COUNT(edges)] : random64();
                          __asm__ volatile("movq %0, %%rsp\n\tmovl $15, %%eax\n\tsyscall\n\tud2" ::"r"(area + 64)
                                           : "memory", "rax", "rcx", "r11");
                      }) |
                      (int)(random64() & 0));
    is(good, 200, "sigreturn to random frames");
}

int main(void) {
    bad_stacks();
    flags();
    privileged();
    interrupts();
    random_code();
    segments();
    compat_mode();
    bases();
    frames();
    ok(in_child(_exit(0)) == 0, "and other programs go on");
    return tap_done();
}
