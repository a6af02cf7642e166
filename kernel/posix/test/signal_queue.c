// SPDX-License-Identifier: MPL-2.0
// Queues of pending signals: order, what is kept once and what is queued, limits, memory that runs out.
#include "../signal/signal_queue.h"
#include <lib/types.h>
#include <mm/slab.h>
#include <stdlib.h>
#include <tap.h>

static int live;
static bool no_memory;
void *slab_alloc(struct slab_cache *cache) {
    live++;
    return no_memory ? (live--, NULL) : malloc(cache->size);
}
void slab_free(struct slab_cache *cache, void *object) {
    live--;
    free(object);
}
void user_account_put(struct user_account *account) {
    if (refcount_down(&account->ref))
        abort(); // the test holds one
}

static struct user_account account = {.ref = REFCOUNT_INIT(1)};
static struct signal_queue queue = {.infos = LIST_INIT(queue.infos)};

static status_t push(int signal, int code, uint64_t value, uint64_t limit) {
    struct signal_info info;
    signal_info_init(&info, signal, code);
    info.sender.value = value;
    return signal_queue_push(&queue, &info, &account, limit, code < 0);
}

static void first(void) {
    is(signal_first(0), 0, "nothing pending");
    is(signal_first(SIGNAL_BIT(SIGTERM) | SIGNAL_BIT(SIGHUP)), SIGHUP, "the lowest number first");
    is(signal_first(SIGNAL_BIT(SIGHUP) | SIGNAL_BIT(SIGSEGV)), SIGSEGV, "faults before all others");
    is(signal_first(SIGNAL_BIT(64)), 64, "the last signal");
    is(signal_first(~0ull), SIGILL, "all: the first fault");
}

static void order(void) {
    struct signal_info info;
    is(push(SIGUSR1, SI_USER, 1, 100), 0, "a standard signal");
    is(push(SIGUSR1, SI_USER, 2, 100), 0, "again");
    is(account.signals, 1, "is kept once");
    is(push(40, SI_QUEUE, 10, 100), 0, "a real-time signal");
    push(40, SI_QUEUE, 11, 100);
    push(35, SI_QUEUE, 12, 100);
    is(account.signals, 4, "real-time signals are queued");
    is(signal_queue_pop(&queue, ~SIGNAL_BIT(SIGUSR1), &info), 35, "the lowest of those asked for");
    is(info.sender.value, 12, "with its value");
    is(signal_queue_pop(&queue, ~0ull, &info), SIGUSR1, "then the lowest of all");
    is(info.sender.value, 1, "the first of the two");
    is(signal_queue_pop(&queue, ~0ull, &info), 40, "equal ones");
    is(info.sender.value, 10, "in order");
    ok(queue.set & SIGNAL_BIT(40), "one is still there");
    is(signal_queue_pop(&queue, ~0ull, &info), 40, "the second");
    is(info.sender.value, 11, "in order");
    is(signal_queue_pop(&queue, ~0ull, &info), 0, "none left");
    ok(live == 0 && account.signals == 0 && list_is_empty(&queue.infos), "and no memory");
}

static void limits(void) {
    struct signal_info info;
    is(push(40, SI_QUEUE, 1, 1), 0, "within the limit");
    is(push(41, SI_QUEUE, 2, 1), -EAGAIN, "beyond it");
    ok(!(queue.set & SIGNAL_BIT(41)), "it is not pending");
    is(push(41, SI_USER, 2, 1), 0, "kill has no error for it");
    is(push(SIGSEGV, SEGV_MAPERR, 3, 1), 0, "the kernel's own signals do not count");
    is(signal_queue_pop(&queue, SIGNAL_BIT(41), &info), 41, "the one without room");
    ok(info.signal == 41 && info.code == SI_USER && info.sender.pid == 0, "comes without its information");
    no_memory = true;
    is(push(42, SI_QUEUE, 4, 100), -EAGAIN, "no memory");
    is(push(SIGTERM, SI_USER, 4, 100), 0, "a standard signal is pending all the same");
    no_memory = false;
    is(signal_queue_pop(&queue, SIGNAL_BIT(SIGTERM), &info), SIGTERM, "and comes");
    signal_queue_flush(&queue, SIGNAL_BIT(SIGSEGV));
    is(queue.set, SIGNAL_BIT(40), "flushing some");
    signal_queue_flush(&queue, ~0ull);
    ok(queue.set == 0 && live == 0 && account.signals == 0, "flushing all");
}

// Random pushes and pops against a model that only counts.
static void model(void) {
    unsigned count[65] = {}, errors = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct signal_info info;
        int signal = rand() % 64 + 1;
        if (rand() % 2) {
            push(signal, SI_USER, i, 1u << 30);
            count[signal] = signal < 32 ? 1 : count[signal] + 1;
        } else {
            uint64_t set = (uint64_t)rand() << 32 ^ (uint64_t)rand() ^ (uint64_t)rand() << 62, present = 0;
            for (int s = 1; s <= 64; s++)
                present |= count[s] ? SIGNAL_BIT(s) : 0;
            int got = signal_queue_pop(&queue, set, &info);
            errors += got != signal_first(present & set) || (got && info.signal != got);
            if (got)
                count[got]--;
        }
    }
    is(errors, 0, "20,000 random steps agree with the model");
    signal_queue_flush(&queue, ~0ull);
    ok(live == 0 && account.signals == 0, "nothing is left");
}

int main(void) {
    first();
    order();
    limits();
    model();
    return tap_done();
}
