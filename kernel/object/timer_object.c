// SPDX-License-Identifier: MPL-2.0
// Timer objects. The kernel timer fires once and rests until the expiration has been read; the periods that passed by
// then are counted at the read, by division. So a timer that nobody reads costs one interrupt, however short its
// interval is.
//
// Real-time timers are kept as monotonic deadlines and moved when the wall clock is set: all of them are in a list.

#include <object/timer_object.h>

#include <lib/fmt.h>
#include <lib/status.h>
#include <mm/charged.h>
#include <sched/mutex.h>
#include <sched/realtime.h>
#include <sched/thread.h>
#include <sched/timer.h>

struct timer_object {
    struct object object; // first; its lock protects what follows
    struct timer timer;
    enum timer_clock clock;
    nsec_t expires; // on the timer's clock; 0: disarmed
    nsec_t interval;
    uint64_t expirations; // since the last read
    bool absolute;        // expires does not move with the wall clock's offset
    bool cancel_on_set, cancelled;
    struct wait_queue readers;
    struct list_node node; // realtime.list
};
CHARGED_CACHE(timer_object_cache, struct timer_object);

static struct {
    struct mutex mutex;
    struct list_node list; // real-time timer objects
    struct realtime_listener listener;
    bool listening;
    nsec_t last_offset; // of the wall clock, before it was set
} realtime = {.mutex = MUTEX_INIT(realtime.mutex), .list = LIST_INIT(realtime.list)};

static struct timer_object *timer_of(struct object *object) {
    return CONTAINER_OF(object, struct timer_object, object);
}

static nsec_t offset_of(const struct timer_object *timer) {
    return timer->clock == TIMER_CLOCK_REALTIME ? atomic_load_explicit(&realtime_offset, memory_order_acquire) : 0;
}

static void program(struct timer_object *timer) {
    timer_set(&timer->timer, MAX(nsec_sum(timer->expires, -offset_of(timer)), (nsec_t)0));
}

// Counts what has expired by now and finds the next expiration. object.lock is held.
static void advance(struct timer_object *timer) {
    nsec_t now = clock_now() + offset_of(timer);
    if (timer->expires == 0 || now < timer->expires)
        return;
    uint64_t passed = 1;
    if (timer->interval) {
        passed += (uint64_t)(now - timer->expires) / (uint64_t)timer->interval;
        timer->expires = nsec_sum(timer->expires + (nsec_t)(passed - 1) * timer->interval, timer->interval);
    } else {
        timer->expires = 0;
    }
    timer->expirations += passed;
}

static void timer_fired(struct timer *kernel_timer) {
    struct timer_object *timer = CONTAINER_OF(kernel_timer, struct timer_object, timer);
    spin_lock(&timer->object.lock);
    advance(timer);
    if (timer->expirations == 0) {
        if (timer->expires)
            program(timer); // a little early, or set anew on the way
    } else {
        object_signal_locked(&timer->object, 0, SIGNALS_READ);
        wait_queue_wake_one(&timer->readers);
    }
    spin_unlock(&timer->object.lock);
}

static status_t wait_for_expiration(struct object *object, unsigned flags) REQUIRES(&object->lock) {
    struct timer_object *timer = timer_of(object);
    while (timer->expirations == 0 && !timer->cancelled) {
        if (flags & IO_NONBLOCK)
            return -EAGAIN;
        status_t status = wait_queue_sleep(&timer->readers, &object->lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
        if (status != 0)
            return status == -EINTR ? -ERESTARTSYS : status;
    }
    return 0;
}

static ssize_t timer_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct timer_object *timer = timer_of(object);
    if (uio->resid < sizeof(uint64_t))
        return -EINVAL;
    if (pos)
        return -ESPIPE;
    spin_lock(&object->lock);
    status_t status = wait_for_expiration(object, flags);
    if (status == 0)
        advance(timer);
    uint64_t expirations = timer->expirations;
    if (status == 0) {
        if (timer->cancelled)
            status = -ECANCELED;
        timer->cancelled = false;
        timer->expirations = 0;
        object_signal_locked(object, SIGNALS_READ, 0);
        if (timer->expires)
            program(timer);
    }
    spin_unlock(&object->lock);
    if (status != 0)
        return status;
    return uio_write(uio, &expirations, sizeof expirations) == sizeof expirations ? (ssize_t)sizeof expirations
                                                                                  : -EFAULT;
}

// object.lock is held.
static void get_setting(struct timer_object *timer, struct timer_setting *out) {
    advance(timer); // the kernel timer may be a little late; it will tell the readers
    nsec_t left = timer->expires ? timer->expires - (clock_now() + offset_of(timer)) : 0;
    out->value = timer->expires && left <= 0 ? 1 : left;
    out->interval = timer->interval;
}

void timer_object_get(struct object *object, struct timer_setting *out) {
    spin_lock(&object->lock);
    get_setting(timer_of(object), out);
    spin_unlock(&object->lock);
}

void timer_object_set(struct object *object, const struct timer_setting *setting, bool absolute, bool cancel_on_set,
                      struct timer_setting *old) {
    struct timer_object *timer = timer_of(object);
    timer_cancel(&timer->timer); // not under the lock: its callback takes it
    spin_lock(&object->lock);
    if (old)
        get_setting(timer, old);
    timer->expires = setting->value;
    if (setting->value && !absolute)
        timer->expires = nsec_sum(timer->expires, clock_now() + offset_of(timer));
    timer->interval = setting->interval;
    timer->absolute = absolute;
    timer->cancel_on_set = cancel_on_set && absolute;
    timer->expirations = 0;
    timer->cancelled = false;
    object_signal_locked(object, SIGNALS_READ, 0);
    if (timer->expires)
        program(timer);
    spin_unlock(&object->lock);
}

// The wall clock was set: relative timers go on as they were, absolute ones follow the clock.
static void clock_was_set(void) {
    struct timer_object *timer;
    mutex_lock(&realtime.mutex);
    nsec_t offset = atomic_load_explicit(&realtime_offset, memory_order_acquire);
    LIST_FOR_EACH(timer, &realtime.list, node) {
        spin_lock(&timer->object.lock);
        if (timer->expires && !timer->absolute)
            timer->expires = nsec_sum(timer->expires, offset - realtime.last_offset);
        if (timer->cancel_on_set) {
            timer->cancelled = true;
            object_signal_locked(&timer->object, 0, SIGNALS_READ);
            wait_queue_wake_all(&timer->readers);
        }
        if (timer->expires)
            program(timer);
        spin_unlock(&timer->object.lock);
    }
    realtime.last_offset = offset;
    mutex_unlock(&realtime.mutex);
}

static void timer_closed(struct object *object) {
    struct timer_object *timer = timer_of(object);
    if (timer->clock == TIMER_CLOCK_REALTIME) {
        mutex_lock(&realtime.mutex);
        list_remove(&timer->node);
        mutex_unlock(&realtime.mutex);
    }
    timer_cancel(&timer->timer);
}

static void timer_destroy(struct object *object) {
    charged_free(&timer_object_cache, timer_of(object));
}

static int timer_describe(struct object *object, char *to, size_t size) {
    struct timer_setting setting;
    timer_object_get(object, &setting);
    return fmt_snprintf(to, size,
                        "clockid: %d\nticks: %llu\nsettime flags: 0%o\nit_value: (%lld, %lld)\n"
                        "it_interval: (%lld, %lld)\n",
                        timer_of(object)->clock == TIMER_CLOCK_MONOTONIC,
                        (unsigned long long)timer_of(object)->expirations, timer_of(object)->absolute,
                        (long long)(setting.value / 1000000000), (long long)(setting.value % 1000000000),
                        (long long)(setting.interval / 1000000000), (long long)(setting.interval % 1000000000));
}

static int timer_link_text(struct object *object, char *to, size_t size) {
    (void)object;
    return fmt_snprintf(to, size, "anon_inode:[timerfd]");
}

static const struct object_ops timer_ops = {
    .type = OBJECT_TIMER,
    .name = "timerfd",
    .destroy = timer_destroy,
    .closed = timer_closed,
    .read = timer_read,
    .describe = timer_describe,
    .link_text = timer_link_text,
};

bool object_is_timer(const struct object *object) {
    return object->ops == &timer_ops;
}

static void add_realtime(struct timer_object *timer) {
    mutex_lock(&realtime.mutex);
    if (!realtime.listening) {
        realtime.listening = true;
        realtime.last_offset = offset_of(timer);
        realtime.listener.changed = clock_was_set;
        realtime_listen(&realtime.listener);
    }
    list_push_back(&realtime.list, &timer->node);
    mutex_unlock(&realtime.mutex);
}

struct object *timer_object_create(enum timer_clock clock) {
    struct timer_object *timer = charged_alloc(&timer_object_cache);
    if (!timer)
        return nullptr;
    *timer = (struct timer_object){.clock = clock};
    object_init(&timer->object, &timer_ops, 0);
    timer_init(&timer->timer, timer_fired);
    wait_queue_init(&timer->readers);
    list_init(&timer->node);
    if (clock == TIMER_CLOCK_REALTIME)
        add_realtime(timer);
    return &timer->object;
}
