// SPDX-License-Identifier: MPL-2.0
// ptrace: registers, memory, steps and breakpoints, and the signals of a stopped tracee.
#include "trace.h"

#include <stdnoreturn.h>
#include <sys/mman.h>

static volatile unsigned long variable = 1234;
static const volatile unsigned long constant = 5678;

__attribute__((noinline, aligned(16))) static unsigned long twice(unsigned long value) {
    __asm__ volatile("");
    return value + value;
}

static void memory(void) {
    unsigned long word = 0;
    char path[64], *text = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t pid = start_tracee(_exit(variable == 99 && constant == 77 ? 0 : 1));
    is(trace(PTRACE_PEEKDATA, pid, (unsigned long)&variable, (unsigned long)&word), 0, "reading a word");
    is(word, 1234, "which is the tracee's");
    is(trace(PTRACE_POKEDATA, pid, (unsigned long)&variable, 99), 0, "writing one");
    is(trace(PTRACE_POKETEXT, pid, (unsigned long)&constant, 77), 0, "even to read-only memory");
    is(variable, 1234, "ours is as it was");
    fails(trace(PTRACE_PEEKDATA, pid, 8, (unsigned long)&word), EIO, "reading what is not mapped");
    fails(trace(PTRACE_POKEDATA, pid, 8, 1), EIO, "writing it");
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int fd = open(path, O_RDWR);
    is(pread(fd, &word, sizeof word, (off_t)&variable), sizeof word, "reading by /proc/PID/mem");
    is(word, 99, "the same word");
    word = 0x12345678;
    is(pwrite(fd, &word, sizeof word, (off_t)text), sizeof word, "writing to read-only memory by /proc/PID/mem");
    is(trace(PTRACE_PEEKDATA, pid, (unsigned long)text, (unsigned long)&word), 0, "reading that");
    is(word, 0x12345678, "it is there");
    struct iovec mine = {&word, sizeof word}, theirs = {(void *)&variable, sizeof variable};
    is(process_vm_readv(pid, &mine, 1, &theirs, 1, 0), sizeof word, "process_vm_readv");
    is(word, 99, "the same word");
    close(fd);
    trace(PTRACE_CONT, pid, 0, 0);
    exited(next_stop(pid), 0, "the tracee has the new values");
}

static void registers(void) {
    struct user_regs_struct regs, again;
    pid_t pid = start_tracee(for (;;) pause());
    ok(get_regs(pid, &regs), "the general registers");
    ok(REG_PC(regs) != 0 && REG_SP(regs) != 0, "are there");
    struct iovec part = {&again, 16};
    is(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, (unsigned long)&part), 0, "a part of them");
    is(part.iov_len, 16, "as much as was asked for");
    ok(!memcmp(&regs, &again, 16), "and no other");
    struct iovec odd = {&again, 15}, none = {&again, sizeof again};
    fails(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, (unsigned long)&odd), EINVAL, "an odd size");
    fails(trace(PTRACE_GETREGSET, pid, 0x7777, (unsigned long)&none), EINVAL, "no such set");
    fails(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8), EFAULT, "a bad address");
    char vector[4096] = {}, other[4096] = {};
    struct iovec v = {vector, sizeof vector}, w = {other, sizeof other};
    is(trace(PTRACE_GETREGSET, pid, NT_PRFPREG, (unsigned long)&v), 0, "the vector registers");
    v.iov_base = vector;
    memset(vector + 160, 0x5a, 32); // xmm0, xmm1; v10, v11
    is(trace(PTRACE_SETREGSET, pid, NT_PRFPREG, (unsigned long)&v), 0, "written");
    is(trace(PTRACE_GETREGSET, pid, NT_PRFPREG, (unsigned long)&w), 0, "and read");
    ok(v.iov_len == w.iov_len && !memcmp(vector, other, v.iov_len), "are the same");
#ifdef __x86_64__
    unsigned long word;
    is(trace(PTRACE_GETREGS, pid, 0, (unsigned long)&again), 0, "PTRACE_GETREGS");
    ok(!memcmp(&regs, &again, sizeof regs), "gives the same");
    is(trace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, rip), (unsigned long)&word), 0, "PTRACE_PEEKUSER");
    is(word, regs.rip, "gives one");
    is(trace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, r15), 0x1515), 0, "PTRACE_POKEUSER");
    trace(PTRACE_PEEKUSER, pid, offsetof(struct user_regs_struct, r15), (unsigned long)&word);
    is(word, 0x1515, "sets one");
    fails(trace(PTRACE_PEEKUSER, pid, 3, (unsigned long)&word), EIO, "PTRACE_PEEKUSER between two words");
    fails(trace(PTRACE_PEEKUSER, pid, 100'000, (unsigned long)&word), EIO, "beyond the last");
    struct iovec x = {other, sizeof other};
    is(trace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, (unsigned long)&x), 0, "the extended state");
    other[512 + 40] = 1; // the header's reserved part
    ok(trace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, (unsigned long)&x) < 0, "which must be one that can be loaded");
    memset(vector + 24, 0xff, 4); // mxcsr
    fails(trace(PTRACE_SETREGSET, pid, NT_PRFPREG, (unsigned long)&v), EINVAL, "as must MXCSR");
#else
    unsigned long tls = 0;
    struct iovec t = {&tls, sizeof tls};
    is(trace(PTRACE_GETREGSET, pid, 0x401, (unsigned long)&t), 0, "the TLS register");
    is(tls, (unsigned long)__builtin_thread_pointer(), "is the one that fork copied");
#endif
    end_tracee(pid);
}

static void breakpoints(void) {
    struct user_regs_struct regs;
    unsigned long old = 0, address = (unsigned long)twice;
    siginfo_t info = {};
    pid_t pid = start_tracee(_exit(twice(variable) == 2468 ? twice(10) : 1));
    trace(PTRACE_PEEKTEXT, pid, address, (unsigned long)&old);
    is(trace(PTRACE_POKETEXT, pid, address, (old & ~BREAKPOINT_MASK) | BREAKPOINT), 0, "a breakpoint");
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(pid), SIGTRAP, 0, "is met");
    trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info);
    ok(info.si_code == 0x80 || info.si_code == 1, "SI_KERNEL or TRAP_BRKPT");
    get_regs(pid, &regs);
    is(REG_PC(regs), address + BREAKPOINT_SKIPS, "where it was set");
    is(REG_ARG0(regs), 1234, "the argument is there");
    trace(PTRACE_POKETEXT, pid, address, old);
    REG_PC(regs) = address;
    set_regs(pid, &regs);
    is(trace(PTRACE_SINGLESTEP, pid, 0, 0), 0, "a step over it");
    stopped(next_stop(pid), SIGTRAP, 0, "ends in a trap");
    trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&info);
    is(info.si_code, 2, "TRAP_TRACE");
    get_regs(pid, &regs);
    ok(REG_PC(regs) > address && REG_PC(regs) <= address + 15, "one instruction on");
    trace(PTRACE_POKETEXT, pid, address, (old & ~BREAKPOINT_MASK) | BREAKPOINT);
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(pid), SIGTRAP, 0, "it is met again");
    get_regs(pid, &regs);
    is(REG_ARG0(regs), 10, "with the next argument");
    trace(PTRACE_POKETEXT, pid, address, old);
    REG_PC(regs) = address;
    REG_ARG0(regs) = 21;
    set_regs(pid, &regs);
    is(trace(PTRACE_DETACH, pid, 0, 0), 0, "the tracer leaves");
    exited(next_stop(pid), 42, "and the program ends as if it had not been there, but for the argument");
}

static volatile sig_atomic_t handled;
static void handler(int signal) {
    handled = signal;
}

// Through calls, a handler and back: each step is one trap. No atomic operations on the way: on ARM64 a pair of
// exclusive instructions with a trap between never succeeds.
static void steps(void) {
    on_signal(SIGUSR1, handler, 0);
    pid_t pid = start_tracee({
        for (int i = 0; i < 3; i++)
            getppid();
        kill(getpid(), SIGUSR1);
        double x = variable; // the vector unit
        syscall(SYS_exit_group, handled == SIGUSR1 && x * 2 == 2468 ? 0 : 1);
    });
    int status, count = 0, others = 0;
    unsigned long signal = 0;
    for (;;) {
        if (trace(PTRACE_SINGLESTEP, pid, 0, signal) != 0)
            break;
        status = next_stop(pid);
        if (!WIFSTOPPED(status))
            break;
        signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
        others += signal != 0;
        if (++count > 100'000)
            break;
    }
    exited(status, 0, "a program that is stepped to its end");
    ok(count > 50, "in many steps (%d)", count);
    is(others, 1, "with one signal on the way");
    on_signal(SIGUSR1, SIG_DFL, 0);
}

// Steps on some CPU do not trap others.
static void busy_steps(void) {
    pid_t others[3];
    for (unsigned i = 0; i < COUNT(others); i++)
        others[i] = start_child({
            for (volatile unsigned j = 0; j < 3'000'000; j++)
                if (j % 1000 == 0)
                    sched_yield();
            _exit(0);
        });
    pid_t pid = start_tracee(for (volatile unsigned j = 0;; j++));
    int traps = 0;
    for (int i = 0; i < 500; i++) {
        trace(PTRACE_SINGLESTEP, pid, 0, 0);
        traps += next_stop(pid) == (SIGTRAP << 8 | 0x7f);
    }
    is(traps, 500, "500 steps, 500 traps");
    end_tracee(pid);
    for (unsigned i = 0; i < COUNT(others); i++)
        exited(wait_status(others[i]), 0, "a process beside it is not disturbed");
}

static void queued(void) {
    struct {
        uint64_t offset;
        uint32_t flags;
        int32_t count;
    } args = {0, 0, 4};
    siginfo_t infos[4] = {};
    uint64_t mask = 0, none = 0;
    pid_t pid = start_tracee({
        sigset_t set = signal_set(SIGUSR1, SIGRTMIN + 1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        union sigval value = {.sival_int = 5};
        raise(SIGUSR1);
        sigqueue(getpid(), SIGRTMIN + 1, value);
        kill(getpid(), SIGSTOP);
        _exit(0);
    });
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(pid), SIGSTOP, 0, "signals are queued behind a mask");
    is(trace(PTRACE_GETSIGMASK, pid, 8, (unsigned long)&mask), 0, "PTRACE_GETSIGMASK");
    ok(mask & 1ull << (SIGUSR1 - 1), "shows it");
    fails(trace(PTRACE_GETSIGMASK, pid, 4, (unsigned long)&mask), EINVAL, "which has 8 bytes");
    is(trace(0x4209, pid, (unsigned long)&args, (unsigned long)infos), 1, "PTRACE_PEEKSIGINFO of the thread");
    is(infos[0].si_signo, SIGUSR1, "what raise sent");
    args.flags = 1;
    is(trace(0x4209, pid, (unsigned long)&args, (unsigned long)infos), 1, "and of the process");
    ok(infos[0].si_signo == SIGRTMIN + 1 && infos[0].si_value.sival_int == 5, "what sigqueue sent");
    is(trace(PTRACE_SETSIGMASK, pid, 8, (unsigned long)&none), 0, "PTRACE_SETSIGMASK");
    trace(PTRACE_CONT, pid, 0, 0);
    stopped(next_stop(pid), SIGUSR1, 0, "takes it away");
    is(trace(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&infos[1]), 0, "the signal's information");
    is(trace(PTRACE_SETSIGINFO, pid, 0, (unsigned long)&infos[1]), 0, "may be replaced");
    trace(PTRACE_CONT, pid, 0, SIGUSR1);
    killed(next_stop(pid), SIGUSR1, "and kills");
}

int main(void) {
    memory();
    registers();
    breakpoints();
    steps();
    busy_steps();
    queued();
    return tap_done();
}
