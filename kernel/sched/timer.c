// SPDX-License-Identifier: MPL-2.0
// Timers: one tree per CPU, by deadline. A timer is armed on the CPU that sets it and fires there.

#include <sched/timer.h>

#include "sched_priv.h"
#include <arch/time.h>

struct timer_queue {
    struct spinlock lock;
    struct rb_tree tree;
    struct timer *first;
    struct timer *firing; // its callback runs now
};

static struct timer_queue timer_queue PER_CPU;

nsec_t clock_now(void) {
    return arch_clock_now();
}

void timer_queue_init(unsigned cpu) {
    struct timer_queue *queue = &cpu_local(timer_queue, cpu);
    spin_init(&queue->lock);
    rb_init(&queue->tree);
    queue->first = queue->firing = nullptr;
}

nsec_t timer_next(unsigned cpu) {
    struct timer_queue *queue = &cpu_local(timer_queue, cpu);
    spin_lock(&queue->lock);
    nsec_t deadline = queue->first ? queue->first->deadline : NSEC_NEVER;
    spin_unlock(&queue->lock);
    return deadline;
}

void timer_init(struct timer *timer, void (*fire)(struct timer *timer)) {
    rb_node_init(&timer->node);
    timer->fire = fire;
    timer->deadline = NSEC_NEVER;
    timer->cpu = timer->last_cpu = -1;
}

static struct timer *timer_of(struct rb_node *node) {
    return node ? RB_ENTRY(node, struct timer, node) : nullptr;
}

static void add(struct timer_queue *queue, struct timer *timer) REQUIRES(&queue->lock) {
    struct rb_node *parent = nullptr, **link = &queue->tree.root;
    bool leftmost = true;
    while (*link) {
        parent = *link;
        bool right = timer->deadline >= timer_of(parent)->deadline;
        link = &parent->child[right];
        leftmost = leftmost && !right;
    }
    rb_link(&queue->tree, &timer->node, parent, link);
    if (leftmost)
        queue->first = timer;
}

static void take(struct timer_queue *queue, struct timer *timer) REQUIRES(&queue->lock) {
    if (queue->first == timer)
        queue->first = timer_of(rb_next(&timer->node));
    rb_remove(&queue->tree, &timer->node);
    timer->cpu = -1;
}

// The queue that the timer is or was last on, locked; null: it was never set.
static struct timer_queue *lock_queue(struct timer *timer) NO_THREAD_SAFETY {
    for (;;) {
        int cpu = *(volatile int16_t *)&timer->last_cpu;
        if (cpu < 0)
            return nullptr;
        struct timer_queue *queue = &cpu_local(timer_queue, (unsigned)cpu);
        spin_lock(&queue->lock);
        if (*(volatile int16_t *)&timer->last_cpu == cpu)
            return queue;
        spin_unlock(&queue->lock);
    }
}

void timer_set(struct timer *timer, nsec_t deadline) NO_THREAD_SAFETY {
    struct timer_queue *here = &this_cpu(timer_queue), *old = lock_queue(timer);
    if (old) {
        if (timer->cpu >= 0)
            take(old, timer);
        if (old != here)
            timer->last_cpu = (int16_t)arch_cpu_id();
    } else {
        timer->last_cpu = (int16_t)arch_cpu_id();
    }
    if (old != here) {
        if (old)
            spin_unlock(&old->lock);
        spin_lock(&here->lock);
    }
    timer->deadline = deadline;
    timer->cpu = (int16_t)arch_cpu_id();
    add(here, timer);
    bool program = here->first == timer && deadline < this_cpu(run_queue).tick_armed;
    spin_unlock(&here->lock);
    if (program) {
        unsigned long irq = arch_irq_save();
        tick_program(deadline);
        arch_irq_restore(irq);
    }
}

bool timer_cancel(struct timer *timer) NO_THREAD_SAFETY {
    struct timer_queue *queue = lock_queue(timer);
    if (!queue)
        return false;
    bool armed = timer->cpu >= 0;
    if (armed)
        take(queue, timer);
    // On this CPU a running callback can only be the caller itself.
    while (queue != &this_cpu(timer_queue) && queue->firing == timer) {
        spin_unlock(&queue->lock);
        arch_cpu_relax();
        spin_lock(&queue->lock);
    }
    spin_unlock(&queue->lock);
    return armed;
}

nsec_t timer_run_expired(nsec_t now) {
    struct timer_queue *queue = &this_cpu(timer_queue);
    spin_lock(&queue->lock);
    while (queue->first && queue->first->deadline <= now) {
        struct timer *timer = queue->first;
        take(queue, timer);
        queue->firing = timer;
        spin_unlock(&queue->lock);
        timer->fire(timer); // may free it
        spin_lock(&queue->lock);
        queue->firing = nullptr;
    }
    nsec_t next = queue->first ? queue->first->deadline : NSEC_NEVER;
    spin_unlock(&queue->lock);
    return next;
}
