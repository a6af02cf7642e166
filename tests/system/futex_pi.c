// SPDX-License-Identifier: MPL-2.0
// Priority-inheriting and robust futexes, by the bare system call.
#include "sys.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <threads.h>

static struct {
    _Atomic uint32_t word, other;
    _Atomic int order, inside, failed, started;
} *s;

static long futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *time) {
    return syscall(SYS_futex, word, operation, value, time, NULL, 0);
}

static uint32_t tid(void) {
    return (uint32_t)syscall(SYS_gettid);
}

// As a C library does it: the kernel only when it must.
static int lock_pi(_Atomic uint32_t *word) {
    uint32_t zero = 0;
    if (atomic_compare_exchange_strong(word, &zero, tid()))
        return 0;
    return futex(word, FUTEX_LOCK_PI, 0, NULL) < 0 ? errno : 0;
}

static int unlock_pi(_Atomic uint32_t *word) {
    uint32_t mine = tid();
    if (atomic_compare_exchange_strong(word, &mine, 0))
        return 0;
    return futex(word, FUTEX_UNLOCK_PI, 0, NULL) < 0 ? errno : 0;
}

static void basics(void) {
    s->word = 0;
    is(futex(&s->word, FUTEX_LOCK_PI, 0, NULL), 0, "lock a free one");
    is(s->word & FUTEX_TID_MASK, tid(), "the word names its owner");
    fails(futex(&s->word, FUTEX_LOCK_PI, 0, NULL), EDEADLK, "lock one's own");
    is(futex(&s->word, FUTEX_UNLOCK_PI, 0, NULL), 0, "unlock");
    is(s->word, 0, "leaves it free");
    fails(futex(&s->word, FUTEX_UNLOCK_PI, 0, NULL), EPERM, "unlock what is not one's own");
    is(futex(&s->word, FUTEX_TRYLOCK_PI, 0, NULL), 0, "trylock");
    exited(in_child({
               bool good = futex(&s->word, FUTEX_TRYLOCK_PI, 0, NULL) == -1 && errno == EAGAIN;
               good &= futex(&s->word, FUTEX_UNLOCK_PI, 0, NULL) == -1 && errno == EPERM;
               struct timespec soon;
               clock_gettime(CLOCK_REALTIME, &soon);
               soon.tv_nsec += 20'000'000;
               if (soon.tv_nsec >= 1'000'000'000)
                   soon.tv_sec++, soon.tv_nsec -= 1'000'000'000;
               good &= futex(&s->word, FUTEX_LOCK_PI, 0, &soon) == -1 && errno == ETIMEDOUT;
               _exit(!good);
           }),
           0, "another process: trylock, unlock, time-out");
    ok(s->word & FUTEX_WAITERS, "who waited has left a mark");
    is(unlock_pi(&s->word), 0, "which unlock clears");
    is(s->word, 0, "the word is free");
    s->word = 0x3ffffff0;
    fails(futex(&s->word, FUTEX_LOCK_PI, 0, NULL), ESRCH, "an owner that does not exist");
    fails(syscall(SYS_futex, (char *)&s->word + 1, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EINVAL, "an odd address");
    fails(syscall(SYS_futex, 8, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EFAULT, "no address");
}

static int hammer(void *rounds) {
    for (long i = 0; i < (long)rounds; i++) {
        if (lock_pi(&s->word) != 0)
            s->failed++;
        if (s->inside++ != 0)
            s->failed++;
        if (i % 16 == 0)
            sched_yield();
        s->inside--;
        if (unlock_pi(&s->word) != 0)
            s->failed++;
        s->order++;
    }
    return 0;
}

static void exclusion(void) {
    thrd_t threads[4];
    s->word = 0, s->order = 0, s->failed = 0;
    for (unsigned i = 0; i < COUNT(threads); i++)
        thrd_create(&threads[i], hammer, (void *)2000L);
    for (unsigned i = 0; i < COUNT(threads); i++)
        thrd_join(threads[i], NULL);
    ok(s->failed == 0 && s->order == 8000, "four threads: one at a time, none is lost (%d failures)", s->failed);
    is(s->word, 0, "and it is free in the end");
    s->order = 0;
    pid_t children[3];
    for (unsigned i = 0; i < COUNT(children); i++)
        children[i] = start_child({ hammer((void *)1000L); });
    for (unsigned i = 0; i < COUNT(children); i++)
        wait_status(children[i]);
    ok(s->failed == 0 && s->order == 3000, "three processes as well");
    is(s->word, 0, "and it is free in the end");
}

// An owner that unlocks and exits at once has not died with the mutex, whoever was about to wait for it.
static void owner_leaves(void) {
    thrd_t threads[4];
    unsigned marked = 0;
    s->word = 0, s->order = 0, s->failed = 0;
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned i = 0; i < COUNT(threads); i++)
            thrd_create(&threads[i], hammer, (void *)3L);
        for (unsigned i = 0; i < COUNT(threads); i++)
            thrd_join(threads[i], NULL);
        marked += s->word != 0;
        s->word = 0;
    }
    ok(s->failed == 0 && s->order == 2400, "threads that come and go (%d failures)", s->failed);
    is(marked, 0, "and none is taken for dead");
}

static void deadlock(void) {
    s->word = 0, s->other = 0, s->started = 0;
    lock_pi(&s->word);
    pid_t child = start_child({
        lock_pi(&s->other);
        s->started = 1;
        int error = lock_pi(&s->word); // until the parent gives up
        unlock_pi(&s->word), unlock_pi(&s->other);
        _exit(error);
    });
    eventually(s->started);
    sleeps(child);
    fails(futex(&s->other, FUTEX_LOCK_PI, 0, NULL), EDEADLK, "a circle is refused");
    unlock_pi(&s->word);
    exited(wait_status(child), 0, "and the other goes on");
}

static void owner_dies(void) {
    s->word = 0, s->started = 0;
    pid_t owner = start_child({
        lock_pi(&s->word);
        s->started = 1;
        pause();
    });
    eventually(s->started);
    pid_t waiter = start_child({ _exit(lock_pi(&s->word) != 0 || (s->word & FUTEX_TID_MASK) != tid()); });
    sleeps(waiter);
    kill(owner, SIGKILL);
    wait_status(owner);
    exited(wait_status(waiter), 0, "a waiter gets what a dead process held");
    ok(s->word & FUTEX_OWNER_DIED, "and can see that");
}

// --- robust lists ---

struct robust_mutex {
    struct robust_list link;
    _Atomic uint32_t word;
};

static void robust(void) {
    struct robust_mutex *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct robust_list_head head;
    fails(syscall(SYS_set_robust_list, &head, 5), EINVAL, "a robust list of another size");
    // Two on the list, one pending, one not on it.
    pid_t child = start_child({
        struct robust_list_head own = {{&m[0].link}, offsetof(struct robust_mutex, word), &m[2].link};
        m[0].link.next = &m[1].link;
        m[1].link.next = &own.list;
        syscall(SYS_set_robust_list, &own, sizeof own);
        for (int i = 0; i < 4; i++)
            m[i].word = tid();
        s->started = 2;
        pause();
    });
    eventually(s->started == 2);
    struct robust_list_head *found;
    size_t size = 0;
    is(syscall(SYS_get_robust_list, child, &found, &size), 0, "get_robust_list");
    is(size, sizeof head, "tells its size");
    uint32_t held = m[1].word;
    m[1].word |= FUTEX_WAITERS;
    pid_t waiter = start_child({ _exit(futex(&m[1].word, FUTEX_WAIT, held | FUTEX_WAITERS, NULL) != 0); });
    sleeps(waiter);
    kill(child, SIGKILL);
    wait_status(child);
    exited(wait_status(waiter), 0, "a waiter is woken");
    is(m[0].word, FUTEX_OWNER_DIED, "one on the list is marked");
    is(m[1].word, FUTEX_OWNER_DIED | FUTEX_WAITERS, "with its waiters' bit");
    is(m[2].word, FUTEX_OWNER_DIED, "the pending one too");
    is(m[3].word, held, "one that is not on the list is not");
    exited(in_child({
               struct robust_list_head own = {{&own.list}, 0, NULL};
               own.list.next = (void *)16; // nonsense
               syscall(SYS_set_robust_list, &own, sizeof own);
           }),
           0, "a bad list harms nobody");
    exited(in_child({
               static struct robust_mutex loop;
               struct robust_list_head own = {{&loop.link}, offsetof(struct robust_mutex, word), NULL};
               loop.link.next = &loop.link;
               syscall(SYS_set_robust_list, &own, sizeof own);
           }),
           0, "nor does an endless one");
    munmap(m, 4096);
}

int main(void) {
    s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    basics();
    exclusion();
    owner_leaves();
    deadlock();
    owner_dies();
    robust();
    return tap_done();
}
