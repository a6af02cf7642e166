// SPDX-License-Identifier: MPL-2.0
// The alternate signal stack: when it is used, what sigaltstack allows, and surviving a stack overflow with it.
#include "sys.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static char area[65536] __attribute__((aligned(16)));
static void *volatile where;
static volatile int flags_inside, change_inside, depth;
static sigjmp_buf back;

static void handle(int signal) {
    (void)signal;
    char local;
    where = &local;
    stack_t now;
    sigaltstack(NULL, &now);
    flags_inside = now.ss_flags;
    stack_t other = {.ss_sp = area, .ss_size = 40000};
    change_inside = sigaltstack(&other, NULL) < 0 ? errno : 0;
}
static void jump(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}
static bool inside(void *address) {
    return (char *)address >= area && (char *)address < area + sizeof area;
}

static void use(void) {
    stack_t stack = {.ss_sp = area, .ss_size = sizeof area}, old;
    is(sigaltstack(&stack, &old), 0, "set an alternate stack");
    is(old.ss_flags, SS_DISABLE, "there was none");
    on_signal(SIGUSR1, handle, 0);
    raise(SIGUSR1);
    ok(!inside(where), "a handler without SA_ONSTACK stays on the normal stack");
    on_signal(SIGUSR1, handle, SA_ONSTACK);
    raise(SIGUSR1);
    ok(inside(where), "one with SA_ONSTACK runs on the alternate one");
    is(flags_inside, SS_ONSTACK, "where sigaltstack says so");
    is(change_inside, EPERM, "and cannot change it");
    sigaltstack(NULL, &old);
    ok(old.ss_flags == 0 && old.ss_sp == area && old.ss_size == sizeof area, "outside, it is set and not in use");
    stack.ss_flags = (int)SS_AUTODISARM;
    is(sigaltstack(&stack, NULL), 0, "SS_AUTODISARM");
    raise(SIGUSR1);
    ok(inside(where) && change_inside == 0, "it is disarmed inside the handler");
    sigaltstack(NULL, &old);
    ok(old.ss_sp == area && old.ss_size == sizeof area, "and armed again after it");
}

static void refusals(void) {
    stack_t stack = {.ss_sp = area, .ss_size = 100};
    fails(sigaltstack(&stack, NULL), ENOMEM, "a stack that is too small");
    stack = (stack_t){.ss_sp = area, .ss_size = sizeof area, .ss_flags = 0x40};
    fails(sigaltstack(&stack, NULL), EINVAL, "an unknown flag");
    stack.ss_flags = SS_DISABLE;
    is(sigaltstack(&stack, NULL), 0, "disable it");
    on_signal(SIGUSR1, handle, SA_ONSTACK);
    raise(SIGUSR1);
    ok(!inside(where), "then SA_ONSTACK means nothing");
}

static void *volatile escaped;
static __attribute__((noinline)) int recurse(int n) {
    volatile char page[3000];
    escaped = (void *)page; // so that it must be kept: no loop instead
    page[0] = (char)n;
    depth = n;
    return n > 1'000'000 ? 0 : recurse(n + 1) + page[0];
}
static void overflow(void) {
    struct rlimit limit = {512 * 1024, RLIM_INFINITY};
    getrlimit(RLIMIT_STACK, &limit);
    limit.rlim_cur = 512 * 1024;
    exited(in_child({
               setrlimit(RLIMIT_STACK, &limit);
               sigaltstack(&(stack_t){.ss_sp = area, .ss_size = sizeof area}, NULL);
               on_signal(SIGSEGV, jump, SA_ONSTACK);
               if (!sigsetjmp(back, 1))
                   recurse(0);
               _exit(!(depth > 50 && depth < 400));
           }),
           0, "a stack overflow at the limit is caught on the alternate stack");
    killed(in_child({
               setrlimit(RLIMIT_STACK, &limit);
               on_signal(SIGSEGV, jump, 0);
               if (!sigsetjmp(back, 1))
                   recurse(0);
           }),
           SIGSEGV, "without one it kills, handler or not");
    killed(in_child({
               char *small = mmap(NULL, 4096 * 3, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
               sigaltstack(&(stack_t){.ss_sp = small, .ss_size = 4096 * 3}, NULL);
               on_signal(SIGUSR1, handle, SA_ONSTACK);
               raise(SIGUSR1);
           }),
           SIGSEGV, "a stack that cannot be written kills");
}

int main(void) {
    use();
    refusals();
    overflow();
    return tap_done();
}
