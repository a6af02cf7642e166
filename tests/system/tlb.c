// SPDX-License-Identifier: MPL-2.0
// When a call that takes access away has returned, no thread on any CPU has it any more: not by what its CPU remembers.
#include "sys.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>

enum { WRITERS = 3, ROUNDS = 30 };

static volatile uint64_t *volatile target;
static _Atomic bool stop;
static _Atomic int running;
static __thread sigjmp_buf back;

static void fault(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}

// Counts up in the target page for as long as it may.
static void *writer(void *slot) {
    size_t at = (size_t)slot * 64;
    running++;
    while (!stop) {
        if (sigsetjmp(back, 0) == 0)
            for (int i = 0; i < 1000 && !stop; i++)
                target[at]++;
        else
            sched_yield();
    }
    return NULL;
}

static void pause_a_little(void) {
    for (volatile int i = 0; i < 30000; i++)
        ;
}

// At an address that was never used before: a writer may still be about to write to an old one.
static uint64_t *fresh_page(void) {
    static uintptr_t next = 0x2000'0000'0000;
    next += 65536;
    return mmap((void *)next, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static bool moves(volatile uint64_t *page) {
    uint64_t before = page[0] + page[64] + page[128];
    int64_t end = now_ns() + 30'000'000'000;
    while (now_ns() < end) {
        if (page[0] + page[64] + page[128] != before)
            return true;
        sched_yield();
    }
    return false;
}

static void protecting(void) {
    int changed = 0, stuck = 0;
    for (int round = 0; round < ROUNDS; round++) {
        stuck += !moves(target);
        mprotect((void *)target, 4096, PROT_READ);
        uint64_t before[WRITERS];
        for (int i = 0; i < WRITERS; i++)
            before[i] = target[i * 64];
        pause_a_little();
        for (int i = 0; i < WRITERS; i++)
            changed += target[i * 64] != before[i];
        mprotect((void *)target, 4096, PROT_READ | PROT_WRITE);
    }
    is(changed, 0, "after mprotect nobody writes any more");
    is(stuck, 0, "and they go on when they may");
}

static void forking(void) {
    int bad = 0;
    for (int round = 0; round < ROUNDS / 3; round++) {
        // The child has the writers' page as it was; their writes go on in the parent's.
        bad += in_child({
                   uint64_t before = target[0] + target[64] + target[128];
                   for (int i = 0; i < 10; i++) {
                       pause_a_little();
                       if (target[0] + target[64] + target[128] != before)
                           _exit(1);
                   }
               }) != 0;
    }
    is(bad, 0, "what threads write after a fork stays out of the child");
}

static void unmapping(void) {
    int dirty = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t *old = (uint64_t *)target, *next = fresh_page();
        target = next;
        pause_a_little();
        munmap(old, 4096);
        // Pages that were just freed come back first: a writer that still reaches the old one writes here.
        uint64_t *pages[8];
        for (int i = 0; i < 8; i++) {
            pages[i] = fresh_page();
            pages[i][511] = 1;
        }
        pause_a_little();
        for (int i = 0; i < 8; i++) {
            for (int w = 0; w < 511; w++)
                dirty += pages[i][w] != 0;
            munmap(pages[i], 4096);
        }
    }
    is(dirty, 0, "after munmap nobody reaches the page any more");
}

int main(void) {
    struct sigaction action = {.sa_handler = fault, .sa_flags = SA_NODEFER};
    sigaction(SIGSEGV, &action, NULL);
    target = fresh_page();
    pthread_t threads[WRITERS];
    for (size_t i = 0; i < WRITERS; i++)
        pthread_create(&threads[i], NULL, writer, (void *)i);
    while (running < WRITERS)
        sched_yield();
    protecting();
    forking();
    unmapping();
    stop = true;
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    return tap_done();
}
