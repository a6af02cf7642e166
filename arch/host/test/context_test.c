// SPDX-License-Identifier: MPL-2.0
// Two threads of the host port play ping-pong with the thread of main().
#include <arch/cpu.h>
#include <arch/switch.h>
#include <arch/time.h>
#include <arch/uaccess.h>
#include <arch/upcall.h>
#include <port/clock.h>
#include <tap.h>

static struct arch_thread threads[3];
static int rounds[3];
static int timer_interrupts;

static struct thread *thread(int i) {
    return (struct thread *)(void *)&threads[i];
}

static struct thread *switch_to(struct thread *self, struct thread *next) {
    arch_thread_load(self, next);
    return arch_stack_switch(self, next);
}

void sched_timer_interrupt(bool from_user) {
    timer_interrupts++;
}

void sched_thread_start(struct thread *prev) {
    int self = (int)((struct arch_thread *)(void *)arch_current() - threads);
    for (;;) {
        char on_stack[512];
        memset(on_stack, self, sizeof(on_stack));
        rounds[self]++;
        switch_to(arch_current(), thread((self + 1) % 3));
        if (on_stack[100] != self)
            rounds[self] = -1000;
    }
}

int main(void) {
    arch_thread_adopt(thread(0), nullptr);
    arch_thread_init(thread(1), nullptr);
    arch_thread_init(thread(2), nullptr);
    for (int i = 0; i < 100; i++) {
        struct thread *last = switch_to(thread(0), thread(1));
        if (last != thread(2))
            rounds[0] = -1;
    }
    is(rounds[0], 0, "the thread before is reported");
    is(rounds[1], 100, "first thread ran each time on its own stack");
    is(rounds[2], 100, "second one too");
    for (int i = 0; i < 3; i++)
        arch_thread_fini(thread(i));

    nsec_t start = arch_clock_now();
    arch_timer_set(start + 500);
    arch_cpu_idle();
    is(arch_clock_now() - start, 500, "idle jumps to the armed timer");
    is(timer_interrupts, 1, "and runs its interrupt");

    char user[16] = "abcdef", kernel[16];
    host_fault_start = (uintptr_t)user + 4;
    host_fault_end = (uintptr_t)user + 8;
    is(copy_from_user_partial(kernel, user, 6), 2, "a copy stops at the fault");
    is(copy_from_user(kernel, user, 6), -EFAULT, "and says so");
    is(string_from_user(kernel, user, 16), -EFAULT, "a string that runs into a fault");
    is(string_from_user(kernel, user, 3), -ENAMETOOLONG, "a string that is too long");
    is(copy_to_user((void *)0x7ffffffff000ul, kernel, 1), -EFAULT, "kernel addresses are refused");
    uint32_t word = 5, old = 0;
    ok(user_cmpxchg_u32(&word, 5, 7, &old) == 0 && old == 5 && word == 7, "compare and exchange");
    ok(user_cmpxchg_u32(&word, 5, 9, &old) == 0 && old == 7 && word == 7, "which fails on another value");
    return tap_done();
}
