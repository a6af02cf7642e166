// SPDX-License-Identifier: MPL-2.0
// futex: waiting, waking, requeueing, bit sets, wake-op, robust lists, priority inheritance.
#include "sys.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>

static uint32_t word, word2;
static volatile int woken;

static long futex(uint32_t *address, int operation, uint32_t value, const void *timeout, uint32_t *address2,
                  uint32_t value3) {
    return syscall(SYS_futex, address, operation, value, timeout, address2, value3);
}
static void *waiter(void *address) {
    while (futex(address, FUTEX_WAIT_PRIVATE, *(uint32_t *)address, NULL, NULL, 0) == -1 && errno == EINTR)
        ;
    __atomic_add_fetch(&woken, 1, __ATOMIC_SEQ_CST);
    return NULL;
}
static pthread_t threads[8];
static void start(int count, void *(*body)(void *), void *argument) {
    woken = 0;
    for (int i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, body, argument);
    threads_sleep(count);
}
static void join(int count) {
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void waiting(void) {
    struct timespec brief = {0, 20'000'000}, bad = {0, -1};
    word = 5;
    fails(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN, "another value: no wait");
    int64_t begun = now_ns();
    fails(futex(&word, FUTEX_WAIT, 5, &brief, NULL, 0), ETIMEDOUT, "a timeout");
    ok(now_ns() - begun >= 20'000'000, "not too early");
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    fails(futex(&word, FUTEX_WAIT_BITSET, 5, &until, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT,
          "an absolute time in the past");
    clock_gettime(CLOCK_REALTIME, &until);
    fails(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &until, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT,
          "by the wall clock");
    fails(futex(&word, FUTEX_WAIT, 5, &bad, NULL, 0), EINVAL, "a bad time");
    fails(futex((uint32_t *)((char *)&word + 1), FUTEX_WAIT, 5, NULL, NULL, 0), EINVAL, "an odd address");
    fails(futex(NULL, FUTEX_WAIT, 5, NULL, NULL, 0), EFAULT, "no memory");
    fails(futex(&word, 77, 5, NULL, NULL, 0), ENOSYS, "an unknown operation");
    fails(futex(&word, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0), EINVAL, "no bits");
    is(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0, "nobody to wake");
}

static void waking(void) {
    word = 0;
    start(4, waiter, &word);
    is(futex(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1, "wake one of four");
    ok(eventually(woken == 1), "one runs");
    sleep_ms(10);
    is(woken, 1, "only one");
    is(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 3, "wake the rest");
    join(4);
    is(woken, 4, "all run");
    start(4, waiter, &word);
    is(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2L, &word2, 0), 3, "wake one, move two");
    is(futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 1, "one is left");
    is(futex(&word2, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0), 2, "two were moved");
    join(4);
    fails(futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)1L, &word2, 9), EAGAIN, "not when the value differs");
    start(2, waiter, &word);
    word2 = 10;
    int op = FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 10);
    is(futex(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1L, &word2, op), 1, "FUTEX_WAKE_OP");
    is(word2, 15, "changes the second word");
    futex(&word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    join(2);
}

static void *bit_waiter(void *bits) {
    futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (uint32_t)(uintptr_t)bits);
    __atomic_add_fetch(&woken, (int)(uintptr_t)bits, __ATOMIC_SEQ_CST);
    return NULL;
}
static void bit_sets(void) {
    word = 0;
    woken = 0;
    pthread_create(&threads[0], NULL, bit_waiter, (void *)1L);
    pthread_create(&threads[1], NULL, bit_waiter, (void *)2L);
    threads_sleep(2);
    is(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 4), 0, "no bit in common");
    is(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 2), 1, "the one with this bit");
    ok(eventually(woken == 2), "runs");
    is(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 10, NULL, NULL, 1), 1, "the other");
    join(2);
}

static void between_processes(void) {
    uint32_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = start_child({
        while (__atomic_load_n(shared, __ATOMIC_SEQ_CST) == 0)
            futex(shared, FUTEX_WAIT, 0, NULL, NULL, 0);
    });
    sleeps(child);
    *shared = 1;
    is(futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0), 1, "shared memory connects processes");
    exited(wait_status(child), 0, "the child goes on");
    enter_temp_dir();
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    ftruncate(fd, 4096);
    uint32_t *a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint32_t *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    child = start_child({
        while (*(volatile uint32_t *)a == 0)
            futex(a, FUTEX_WAIT, 0, NULL, NULL, 0);
    });
    sleeps(child);
    *b = 1;
    is(futex(b, FUTEX_WAKE, 1, NULL, NULL, 0), 1, "through different addresses of one file");
    exited(wait_status(child), 0, "the child goes on");
    child = start_child({
        static uint32_t own;
        struct timespec t = {0, 30'000'000};
        _exit(futex(&own, FUTEX_WAIT, 0, &t, NULL, 0) == -1 && errno == ETIMEDOUT ? 0 : 1);
    });
    sleeps(child);
    is(futex(&word2, FUTEX_WAKE, 100, NULL, NULL, 0), 0, "private memory does not");
    exited(wait_status(child), 0, "the child waits in vain");
    munmap(shared, 4096);
}

static void robust(void) {
    struct {
        struct robust_list_head head;
        struct {
            struct robust_list list;
            uint32_t word;
        } lock;
    } *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = start_child({
        shared->head.list.next = &shared->lock.list;
        shared->lock.list.next = &shared->head.list;
        shared->head.futex_offset = (char *)&shared->lock.word - (char *)&shared->lock.list;
        shared->head.list_op_pending = NULL;
        syscall(SYS_set_robust_list, &shared->head, sizeof shared->head);
        __atomic_store_n(&shared->lock.word, (uint32_t)gettid() | FUTEX_WAITERS, __ATOMIC_SEQ_CST);
        sleep_ms(30);
    });
    ok(eventually(__atomic_load_n(&shared->lock.word, __ATOMIC_SEQ_CST) != 0), "a child holds a robust lock");
    uint32_t held = shared->lock.word;
    if (!(held & FUTEX_OWNER_DIED))
        futex(&shared->lock.word, FUTEX_WAIT, held, &(struct timespec){5, 0}, NULL, 0);
    wait_status(child);
    ok(shared->lock.word & FUTEX_OWNER_DIED, "its death marks the lock");
    ok((shared->lock.word & FUTEX_TID_MASK) == 0, "which nobody holds any more");
    struct robust_list_head *head;
    size_t size;
    is(syscall(SYS_get_robust_list, 0, &head, &size), 0, "get_robust_list");
    fails(syscall(SYS_set_robust_list, head, 5), EINVAL, "a wrong size");
    // A list that points nowhere kills nobody else.
    exited(in_child({
               shared->head.list.next = (void *)0x10;
               syscall(SYS_set_robust_list, &shared->head, sizeof shared->head);
           }),
           0, "a list into nowhere does no harm");
    munmap(shared, 4096);
}

// Holds it until somebody waits for it.
static void *pi_holder(void *unused) {
    futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
    __atomic_store_n(&woken, 1, __ATOMIC_SEQ_CST);
    eventually(*(volatile uint32_t *)&word & FUTEX_WAITERS);
    futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
    return unused;
}
static void priority_inheritance(void) {
    word = 0;
    is(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0, "FUTEX_LOCK_PI");
    is(word & FUTEX_TID_MASK, gettid(), "the word names the holder");
    fails(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK, "not twice");
    is(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0, "FUTEX_UNLOCK_PI");
    is(word, 0, "free");
    fails(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EPERM, "not by who does not hold it");
    woken = 0;
    pthread_create(&threads[0], NULL, pi_holder, NULL);
    eventually(woken == 1);
    fails(futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), EAGAIN, "FUTEX_TRYLOCK_PI");
    is(futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0, "wait for it");
    is(word & FUTEX_TID_MASK, gettid(), "ours now");
    futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
    pthread_join(threads[0], NULL);
}

int main(void) {
    waiting();
    waking();
    bit_sets();
    between_processes();
    robust();
    priority_inheritance();
    return tap_done();
}
