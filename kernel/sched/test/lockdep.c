// SPDX-License-Identifier: MPL-2.0
// What the lock checks of debug builds find. panic is faked: it comes back here.

#include "sched_priv.h"
#include <lib/fmt.h>
#include <sched/rcu.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <tap.h> // last: libc's errno macros and our enumeration

static jmp_buf back;
static char message[256];

void panic(const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    longjmp(back, 1);
}

static struct spinlock a = SPINLOCK_INIT, b = SPINLOCK_INIT, c = SPINLOCK_INIT;

static bool found(const char *text) {
    bool right = strstr(message, text) != nullptr;
    if (!right)
        printf("# got \"%s\"\n", message);
    message[0] = '\0';
    return right;
}

static void forget_held(void) {
    arch_current()->spinlocks_held = 0;
    a.word = b.word = c.word = 0;
    a.holder = b.holder = c.holder = nullptr;
}

#define stopped_by(...)                    \
    ({                                     \
        bool stopped_ = setjmp(back) != 0; \
        if (!stopped_) {                   \
            __VA_ARGS__;                   \
        }                                  \
        stopped_;                          \
    })

static void take(struct spinlock *first, struct spinlock *second) NO_THREAD_SAFETY {
    spin_lock(first);
    spin_lock(second);
    spin_unlock(second);
    spin_unlock(first);
}

static void init_pair(struct spinlock pair[2]) {
    for (int i = 0; i < 2; i++)
        spin_init(&pair[i]);
}

int main(void) {
    ok(!stopped_by(take(&a, &b)), "a, then b");
    ok(!stopped_by(take(&b, &c)), "b, then c");
    ok(!stopped_by(take(&a, &c)), "a, then c agrees");
    ok(stopped_by(take(&b, &a)) && found("lock order"), "b, then a: the other way round");
    forget_held();
    ok(stopped_by(take(&c, &a)) && found("lock order"), "c, then a: through b");
    forget_held();
    struct spinlock pair[2];
    init_pair(pair);
    ok(!stopped_by(take(&pair[0], &pair[1]); take(&pair[1], &pair[0])), "two locks of one class may nest");
    ok(!stopped_by({
        spin_lock(&b);
        if (spin_try_lock(&a))
            spin_unlock(&a);
        spin_unlock(&b);
    }),
       "a try cannot deadlock");
    is(arch_current()->spinlocks_held, 0, "all are counted in and out");
    ok(stopped_by(spin_lock(&a); lockdep_assert_none_held(arch_current())) && found("blocks with 1"),
       "blocking with a lock");
    forget_held();
    rcu_read_lock();
    ok(stopped_by(lockdep_assert_none_held(arch_current())) && found("read section"), "blocking in a read section");
    rcu_read_unlock();
    ok(!stopped_by(lockdep_assert_none_held(arch_current())), "blocking without any");
    static struct thread other;
    ok(stopped_by(spin_lock(&a); a.holder = &other; spin_unlock(&a)) && found("released by another"),
       "unlocking another's lock");
    return tap_done();
}
