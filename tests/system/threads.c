// SPDX-License-Identifier: MPL-2.0
// pthreads over the kernel: mutexes, conditions, many threads, thread-local storage, signals to threads, cancellation.
#include "sys.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static long counter;
static _Thread_local int own = 5;

static void *add(void *unused) {
    for (int i = 0; i < 20'000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    return unused;
}

static void exclusion(void) {
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, add, NULL);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    is(counter, 160'000, "eight threads count together");
}

static void *many_body(void *number) {
    own = (int)(intptr_t)number;
    sched_yield();
    return (void *)(intptr_t)(own * 2);
}
static void many(void) {
    bool good = true;
    for (int round = 0; round < 10; round++) {
        pthread_t threads[50];
        for (int i = 0; i < 50; i++)
            good &= pthread_create(&threads[i], NULL, many_body, (void *)(intptr_t)i) == 0;
        for (int i = 0; i < 50; i++) {
            void *result;
            pthread_join(threads[i], &result);
            good &= (intptr_t)result == 2 * i;
        }
    }
    ok(good, "500 threads, each with its own variables and result");
    is(own, 5, "the first thread's variable is its own");
}

static int queue[4], in_queue;
static void *produce(void *count) {
    for (int i = 1; i <= (int)(intptr_t)count; i++) {
        pthread_mutex_lock(&mutex);
        while (in_queue == 4)
            pthread_cond_wait(&condition, &mutex);
        queue[in_queue++] = i;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}
static void conditions(void) {
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, produce, (void *)500L);
    long sum = 0;
    for (int taken = 0; taken < 1500; taken++) {
        pthread_mutex_lock(&mutex);
        while (in_queue == 0)
            pthread_cond_wait(&condition, &mutex);
        sum += queue[--in_queue];
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    is(sum, 3 * 500 * 501 / 2, "three producers, one consumer, a queue of four");
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    pthread_mutex_lock(&mutex);
    is(pthread_cond_timedwait(&condition, &mutex, &until), ETIMEDOUT, "a wait that ends by the clock");
    pthread_mutex_unlock(&mutex);
}

static pthread_t signalled_thread;
static volatile pthread_t handler_thread;
static volatile int seen;
static void note(int signal) {
    (void)signal;
    handler_thread = pthread_self();
    seen++;
}
static void *wait_for_signal(void *unused) {
    sigset_t none;
    sigemptyset(&none);
    while (!seen)
        sigsuspend(&none);
    return unused;
}
static void *block_all(void *unused) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    while (!seen)
        sleep_ms(1);
    return unused;
}
static void signals(void) {
    on_signal(SIGUSR1, note, 0);
    sigset_t set = signal_set(SIGUSR1, 0);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&signalled_thread, NULL, wait_for_signal, NULL);
    pthread_kill(signalled_thread, SIGUSR1);
    pthread_join(signalled_thread, NULL);
    ok(handler_thread == signalled_thread, "pthread_kill reaches that thread");
    seen = 0;
    pthread_t blocked;
    pthread_create(&blocked, NULL, block_all, NULL);
    pthread_create(&signalled_thread, NULL, wait_for_signal, NULL);
    sleep_ms(10);
    kill(getpid(), SIGUSR1);
    pthread_join(signalled_thread, NULL);
    pthread_join(blocked, NULL);
    ok(handler_thread == signalled_thread, "a signal to the process goes to a thread that does not block it");
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static int pipe_ends[2];
static void *read_for_ever(void *unused) {
    char c;
    read(pipe_ends[0], &c, 1);
    return unused;
}
static void cancelling(void) {
    pthread_t thread;
    void *result;
    pipe(pipe_ends);
    pthread_create(&thread, NULL, read_for_ever, NULL);
    threads_sleep(1);
    pthread_cancel(thread);
    pthread_join(thread, &result);
    ok(result == PTHREAD_CANCELED, "a thread that reads can be cancelled");
    close(pipe_ends[0]), close(pipe_ends[1]);
}

static void *faults(void *number) {
    char *memory = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    intptr_t wrong = 0;
    for (int round = 0; round < 20; round++) {
        memset(memory, (int)(intptr_t)number + round, 64 * 4096);
        for (int i = 0; i < 64; i++)
            wrong += memory[i * 4096 + 77] != (char)((intptr_t)number + round);
        madvise(memory, 64 * 4096, MADV_DONTNEED);
    }
    munmap(memory, 64 * 4096);
    return (void *)wrong;
}
static void address_space(void) {
    pthread_t threads[4];
    intptr_t wrong = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, faults, (void *)(intptr_t)(i * 30));
    for (int i = 0; i < 20; i++)
        wrong += in_child(_exit(0)) != 0; // fork while the others fault
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        wrong += (intptr_t)result;
    }
    is(wrong, 0, "four threads map, fault and unmap while another forks");
}

static sem_t semaphore;
static void *post(void *unused) {
    for (int i = 0; i < 100; i++)
        sem_post(&semaphore);
    return unused;
}
static void semaphores(void) {
    pthread_t threads[3];
    sem_init(&semaphore, 0, 0);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, post, NULL);
    for (int i = 0; i < 300; i++)
        sem_wait(&semaphore);
    is(sem_trywait(&semaphore), -1, "300 posts, 300 waits");
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 1);
    is(pthread_barrier_wait(&barrier), PTHREAD_BARRIER_SERIAL_THREAD, "a barrier of one");
}

int main(void) {
    exclusion();
    many();
    conditions();
    signals();
    cancelling();
    address_space();
    semaphores();
    return tap_done();
}
