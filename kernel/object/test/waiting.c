// SPDX-License-Identifier: MPL-2.0
// Signals, waits on one and many objects, wait sets in all their modes, events and timer objects, with threads that
// really block.

#include <mm/page.h>
#include <mm/slab.h>
#include <object/event.h>
#include <object/task.h>
#include <object/timer_object.h>
#include <object/wait_set.h>

#include "../../sched/test/simulation.h" // last: libc's errno macros and our enumeration

static const struct object_ops plain_ops = {.type = OBJECT_EVENT, .name = "test"};
static struct object a, b, c;

static struct {
    uint32_t signals;
    uint64_t data;
} got[16];
static unsigned got_count, refuse_after = ~0u;

static bool take(void *context, uint32_t signals, uint64_t data) {
    (void)context;
    if (got_count >= refuse_after)
        return false;
    got[got_count].signals = signals;
    got[got_count++].data = data;
    return true;
}

// Collects without waiting. The data of what was reported, as decimal digits.
static uint64_t collect_max(struct wait_set *set, unsigned max) {
    uint64_t digits = 0;
    got_count = 0;
    int count = wait_set_wait(set, max, 0, take, nullptr);
    for (unsigned i = 0; i < got_count; i++)
        digits = digits * 10 + got[i].data;
    return count == (int)got_count ? digits : 999;
}
static uint64_t collect(struct wait_set *set) {
    return collect_max(set, 16);
}

static status_t add(struct wait_set *set, struct object *object, uint32_t mask, uint32_t flags, uint64_t data) {
    return wait_set_add(set, object, (int)data, &(struct wait_set_item_info){mask, flags, data});
}

static void renew(void) {
    struct object *all[] = {&a, &b, &c};
    for (unsigned i = 0; i < 3; i++) {
        object_init(all[i], &plain_ops, 0);
        object_handle_acquire(all[i]);
    }
}

static void retire(void) {
    object_handle_release(&a), object_handle_release(&b), object_handle_release(&c);
    bool alone = a.ref.value == 1 && b.ref.value == 1 && c.ref.value == 1;
    bool unwatched = list_is_empty(&a.watchers) && list_is_empty(&b.watchers) && list_is_empty(&c.watchers);
    ok(alone && unwatched, "no reference and no watcher is left");
}

static struct object *make_set(void) {
    struct object *set = wait_set_create();
    object_handle_acquire(set);
    object_put(set);
    return set;
}

static void test_level(void) {
    renew();
    struct object *set_object = make_set();
    struct wait_set *set = wait_set_of(set_object);
    is(add(set, &a, SIGNAL_READABLE, 0, 1), 0, "add");
    is(add(set, &a, SIGNAL_READABLE, 0, 1), -EEXIST, "twice");
    is(add(set, &b, SIGNAL_READABLE, 0, 2), 0, "another");
    is(collect(set), 0, "nothing is ready");
    object_signal(&a, 0, SIGNAL_READABLE | SIGNAL_WRITABLE);
    is(collect(set), 1, "one is");
    is(got[0].signals, SIGNAL_READABLE, "only what was asked for is reported");
    is(collect(set), 1, "as long as it is");
    object_signal(&b, 0, SIGNAL_READABLE);
    is(collect(set), 12, "both");
    uint64_t first = collect_max(set, 1), second = collect_max(set, 1);
    ok(first + second == 3 && first != second, "with room for one, they take turns");
    object_signal(&a, SIGNAL_READABLE, 0);
    is(collect(set), 2, "what is over is not reported");
    is(object_signals(set_object) & SIGNAL_READABLE, SIGNAL_READABLE, "the set is readable itself");
    object_signal(&b, SIGNAL_READABLE, 0);
    is(object_signals(object_wait_target(set_object)), 0, "and looks again when asked");
    object_signal(&b, 0, SIGNAL_HANGUP);
    is(collect(set), 2, "a hang-up is always reported");
    is(wait_set_remove(set, &b, 2), 0, "remove");
    is(wait_set_remove(set, &b, 2), -ENOENT, "once");
    is(collect(set), 0, "it is gone");
    object_signal(&c, 0, SIGNAL_READABLE);
    is(add(set, &c, SIGNAL_READABLE, 0, 3), 0, "one that is ready already");
    is(collect(set), 3, "is reported");
    refuse_after = 0;
    is(collect(set), 0, "one that cannot be taken");
    refuse_after = ~0u;
    is(collect(set), 3, "stays");
    object_handle_release(set_object);
    retire();
}

static void test_edge(void) {
    renew();
    struct object *set_object = make_set();
    struct wait_set *set = wait_set_of(set_object);
    is(add(set, &a, SIGNAL_READABLE, WAIT_SET_EDGE, 1), 0, "edge-triggered");
    is(add(set, &b, SIGNAL_READABLE, WAIT_SET_ONE_SHOT, 2), 0, "one-shot");
    object_signal(&a, 0, SIGNAL_READABLE);
    object_signal(&b, 0, SIGNAL_READABLE);
    is(collect(set), 12, "both report");
    is(collect(set), 0, "once");
    object_signal(&a, 0, SIGNAL_READABLE);
    object_signal(&b, 0, SIGNAL_READABLE);
    is(collect(set), 1, "an edge again, one-shot not");
    is(wait_set_modify(set, &b, 2, &(struct wait_set_item_info){SIGNAL_READABLE, WAIT_SET_ONE_SHOT, 4}), 0, "modify");
    is(collect(set), 4, "arms it again");
    is(wait_set_modify(set, &c, 3, &(struct wait_set_item_info){}), -ENOENT, "what is not there");
    object_signal(&a, 0, SIGNAL_READABLE);
    refuse_after = 0;
    is(collect(set), 0, "an edge that cannot be taken");
    refuse_after = ~0u;
    is(collect(set), 1, "is not lost");
    object_handle_release(set_object);
    retire();
}

static void test_closing(void) {
    renew();
    struct object *set_object = make_set(), *other_object = make_set();
    struct wait_set *set = wait_set_of(set_object), *other = wait_set_of(other_object);
    is(add(set, &a, SIGNAL_READABLE, 0, 1) | add(set, &a, SIGNAL_WRITABLE, 0, 2) |
           add(other, &a, SIGNAL_READABLE, 0, 3) | add(set, &b, SIGNAL_READABLE, 0, 4),
       0, "one object three times in two sets");
    object_signal(&a, 0, SIGNAL_READABLE | SIGNAL_WRITABLE);
    object_signal(&b, 0, SIGNAL_READABLE);
    is(collect(set), 124, "all report");
    object_handle_release(&a);
    is(collect(set), 4, "its last handle takes it out of one set");
    is(collect(other), 0, "and of the other");
    object_handle_acquire(&a);
    object_handle_release(set_object);
    object_handle_release(other_object);
    retire();
}

static void test_nesting(void) {
    struct object *objects[7];
    struct wait_set *sets[7];
    renew();
    for (int i = 0; i < 7; i++) {
        objects[i] = make_set();
        sets[i] = wait_set_of(objects[i]);
    }
    is(add(sets[0], &a, SIGNAL_READABLE, 0, 1), 0, "an object in a set");
    is(add(sets[1], objects[0], SIGNAL_READABLE, 0, 2), 0, "in a set");
    is(add(sets[2], objects[1], SIGNAL_READABLE, 0, 3), 0, "in a set");
    is(collect(sets[2]), 0, "nothing is ready");
    object_signal(&a, 0, SIGNAL_READABLE);
    is(collect(sets[2]), 3, "readiness reaches the outermost");
    object_signal(&a, SIGNAL_READABLE, 0);
    is(collect(sets[2]), 0, "and leaves it");
    object_signal(&a, 0, SIGNAL_READABLE);
    is(collect(sets[0]), 1, "comes back to the innermost");
    is(collect(sets[2]), 3, "and the outermost");
    is(add(sets[0], objects[2], SIGNAL_READABLE, 0, 4), -ELOOP, "no loops");
    is(add(sets[3], objects[2], SIGNAL_READABLE, 0, 5), 0, "four deep");
    is(add(sets[4], objects[3], SIGNAL_READABLE, 0, 6), 0, "five");
    is(add(sets[5], objects[4], SIGNAL_READABLE, 0, 7), -ELOOP, "but not six");
    is(add(sets[5], objects[6], SIGNAL_READABLE, 0, 8), 0, "two apart from them");
    is(add(sets[6], objects[0], SIGNAL_READABLE, 0, 9), 0, "on top of one");
    is(add(sets[6], objects[4], SIGNAL_READABLE, 0, 9), -ELOOP, "but not of five");
    for (int i = 6; i >= 0; i--)
        object_handle_release(objects[i]);
    retire();
}

// --- with sleepers ---

static int woken, result;

static void sleep_on_set(void *set) {
    int count = wait_set_wait(set, 4, NSEC_NEVER, take, nullptr);
    result = count;
    woken++;
}

static void test_sleepers(void) {
    renew();
    struct object *first = make_set(), *second = make_set();
    got_count = 0;
    is(add(wait_set_of(first), &a, SIGNAL_READABLE, WAIT_SET_EXCLUSIVE, 1), 0, "exclusive in one set");
    is(add(wait_set_of(second), &a, SIGNAL_READABLE, WAIT_SET_EXCLUSIVE, 2), 0, "and in another");
    spawn("first", sleep_on_set, wait_set_of(first));
    struct thread *sleeper = spawn("second", sleep_on_set, wait_set_of(second));
    settle();
    object_signal(&a, 0, SIGNAL_READABLE);
    settle();
    is(woken, 1, "one of them is told");
    object_signal(&a, 0, SIGNAL_READABLE);
    settle();
    is(woken, 2, "the next time the other");
    woken = 0;
    object_signal(&a, SIGNAL_READABLE, 0);
    sleeper = spawn("sleeper", sleep_on_set, wait_set_of(first));
    settle();
    thread_interrupt(sleeper, false);
    settle();
    ok(woken == 1 && result == -EINTR, "a signal ends the wait");
    got_count = 0;
    nsec_t start = clock_now();
    is(wait_set_wait(wait_set_of(first), 1, start + 5000000, take, nullptr), 0, "so does the time");
    ok(clock_now() - start >= 5000000, "not before");
    object_handle_release(first);
    object_handle_release(second);
    retire();
}

static struct wait_item items[3];

static void wait_for_three(void *deadline) {
    items[0] = (struct wait_item){.object = &a, .mask = SIGNAL_READABLE};
    items[1] = (struct wait_item){.object = nullptr};
    items[2] = (struct wait_item){.object = &b, .mask = SIGNAL_WRITABLE};
    result = object_wait_many(items, 3, (nsec_t)deadline);
    woken++;
}

static void test_many(void) {
    renew();
    woken = 0;
    spawn("many", wait_for_three, (void *)NSEC_NEVER);
    settle();
    object_signal(&a, 0, SIGNAL_WRITABLE);
    object_signal(&b, 0, SIGNAL_READABLE);
    settle();
    is(woken, 0, "other bits do not end a wait");
    object_signal(&b, 0, SIGNAL_WRITABLE);
    settle();
    ok(woken == 1 && result == 1 && items[2].ready == SIGNAL_WRITABLE && items[0].ready == 0, "one of many does");
    spawn("many", wait_for_three, (void *)1);
    settle();
    is(woken, 2, "what is ready needs no wait");
    object_signal(&b, SIGNAL_WRITABLE, 0);
    spawn("many", wait_for_three, (void *)(clock_now() + 2000000));
    status_t status = thread_sleep_until(clock_now() + 3000000, WAIT_UNINTERRUPTIBLE);
    ok(status == 0 && woken == 3 && result == 0, "time-out");
    uint32_t signals = 0;
    is(object_wait(&b, SIGNAL_READABLE, 0, 0, &signals), 0, "one object");
    is(signals, SIGNAL_READABLE, "tells its signals");
    is(object_wait(&b, SIGNAL_PRIORITY, 0, clock_now() + 1000, &signals), -ETIMEDOUT, "or times out");
    retire();
}

static void consume_one(void *unused) {
    (void)unused;
    uint32_t signals = 0;
    if (object_wait(&a, SIGNAL_READABLE, SIGNAL_READABLE, NSEC_NEVER, &signals) == 0 && signals == SIGNAL_READABLE)
        woken++;
}

static void test_consume(void) {
    renew();
    woken = 0;
    spawn("first", consume_one, nullptr);
    spawn("second", consume_one, nullptr);
    settle();
    object_signal(&a, 0, SIGNAL_READABLE | SIGNAL_WRITABLE);
    settle();
    is(woken, 1, "of two that wait for a signal one takes it");
    is(object_signals(&a), SIGNAL_WRITABLE, "and nothing else");
    object_signal(&a, 0, SIGNAL_READABLE);
    settle();
    is(woken, 2, "the other waits on and takes the next");
    ok(list_is_empty(&a.watchers), "nobody watches any more");
    struct wait_item item = {.object = &a, .mask = SIGNAL_WRITABLE, .consume = SIGNAL_WRITABLE};
    is(object_wait_many(&item, 1, 0), 1, "a wait on many takes signals, too");
    is(object_signals(&a), 0, "from each object");
    retire();
}

static int64_t transfer(struct object *object, bool write, uint64_t *value, unsigned flags) {
    struct uio uio;
    uio_init_kernel(&uio, value, sizeof *value);
    return write ? object->ops->write(object, &uio, nullptr, flags) : object->ops->read(object, &uio, nullptr, flags);
}

static void add_five(void *event) {
    uint64_t value = 5;
    result = (int)transfer(event, true, &value, 0);
}

static void test_event(void) {
    struct object *event = event_create(3, false), *semaphore = event_create(2, true);
    uint64_t value = 0;
    is(transfer(event, false, &value, IO_NONBLOCK), 8, "read");
    is(value, 3, "takes the whole count");
    is(transfer(event, false, &value, IO_NONBLOCK), -EAGAIN, "then there is none");
    spawn("adder", add_five, event);
    is(transfer(event, false, &value, 0), 8, "a reader waits");
    is(value, 5, "for the writer");
    value = UINT64_MAX - 1;
    is(transfer(event, true, &value, IO_NONBLOCK), 8, "up to the maximum");
    is(object_signals(event) & SIGNAL_WRITABLE, 0, "where it is not writable");
    value = 1;
    is(transfer(event, true, &value, IO_NONBLOCK), -EAGAIN, "no further");
    value = UINT64_MAX;
    is(transfer(event, true, &value, IO_NONBLOCK), -EINVAL, "and never with all ones");
    result = 0;
    spawn("adder", add_five, event);
    settle();
    is(result, 0, "a writer waits");
    is(transfer(event, false, &value, 0), 8, "for a reader");
    settle();
    is(result, 8, "and goes on");
    transfer(semaphore, false, &value, 0);
    is(value, 1, "a semaphore gives one at a time");
    is(object_signals(semaphore) & SIGNAL_READABLE, SIGNAL_READABLE, "while there are more");
    object_put(event);
    object_put(semaphore);
}

static void test_timer(void) {
    struct object *timer = timer_object_create(TIMER_CLOCK_MONOTONIC);
    uint64_t count = 0;
    struct timer_setting setting = {.value = 1000000, .interval = 2000000}, old;
    object_handle_acquire(timer);
    timer_object_set(timer, &setting, false, false, &old);
    ok(old.value == 0 && old.interval == 0, "it was disarmed");
    is(transfer(timer, false, &count, IO_NONBLOCK), -EAGAIN, "not yet");
    is(transfer(timer, false, &count, 0), 8, "a reader waits");
    is(count, 1, "for the first expiration");
    status_t status = thread_sleep_until(clock_now() + 7000000, WAIT_UNINTERRUPTIBLE);
    is(transfer(timer, false, &count, IO_NONBLOCK) + status, 8, "read");
    is(count, 3, "counts them");
    timer_object_get(timer, &old);
    ok(old.value > 0 && old.value <= 2000000 && old.interval == 2000000, "what is left can be seen");
    setting = (struct timer_setting){};
    timer_object_set(timer, &setting, false, false, nullptr);
    status = thread_sleep_until(clock_now() + 7000000, WAIT_UNINTERRUPTIBLE);
    is(transfer(timer, false, &count, IO_NONBLOCK) + status, -EAGAIN, "a disarmed one is silent");
    setting = (struct timer_setting){.value = clock_now() + 1000000};
    timer_object_set(timer, &setting, true, false, nullptr);
    nsec_t start = clock_now();
    transfer(timer, false, &count, 0);
    ok(clock_now() - start >= 1000000, "an absolute time");
    object_handle_release(timer);
    object_put(timer);
}

static void test_all(void) {
    static struct task task = {.thread_count = 1};
    task_own_thread(&task, thread_current());
    test_level();
    test_edge();
    test_closing();
    test_nesting();
    test_sleepers();
    test_many();
    test_consume();
    test_event();
    test_timer();
}

int main(void) {
    page_init();
    simulate(test_all);
}
