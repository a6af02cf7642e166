// SPDX-License-Identifier: MPL-2.0
// inotify: watches on vnodes, and queues of events.
//
// Something happens to a vnode, or to a name in a directory: whoever did it calls notify_vnode, notify_name or
// notify_path, which cost one load while nobody watches anything. Watches are found by a hash of the vnode's address;
// they hold a reference to the vnode, and are referenced by their queue only. One spinlock protects all watches and
// queues: events are rare next to what makes them.
#include "notify_priv.h"

#include <abi/fcntl.h>

enum { WATCH_BUCKETS = 64, QUEUE_MAX = 16384 };

struct abi_inotify_event {
    int32_t watch;
    uint32_t mask, cookie, length;
};
static_assert(sizeof(struct abi_inotify_event) == 16);

struct event {
    struct list_node node;
    struct abi_inotify_event head;
    char name[]; // head.length bytes, zero-padded
};

struct queue {
    struct object object;
    struct list_node events, watches;
    unsigned count;
    size_t bytes;
    int next_number;
    struct wait_queue readers;
    notify_tell_fn *tell; // a listener: it has no events; null: none
    void *context;        // null: closed
};

struct watch {
    struct list_node queue_node, hash_node;
    struct queue *queue;
    struct vnode *vnode; // one reference
    int number;
    uint32_t mask;
};

static struct {
    struct spinlock lock;
    struct list_node buckets[WATCH_BUCKETS] GUARDED_BY(&lock);
    uint32_t next_cookie GUARDED_BY(&lock);
    bool ready GUARDED_BY(&lock);
} notify = {.next_cookie = 1};

_Atomic unsigned notify_watch_count;

static const struct object_ops queue_ops;

static struct queue *queue_of(struct object *object) {
    return object->ops == &queue_ops ? CONTAINER_OF(object, struct queue, object) : nullptr;
}

static struct list_node *bucket_of(const struct vnode *vnode) REQUIRES(&notify.lock) {
    if (!notify.ready) {
        for (int i = 0; i < WATCH_BUCKETS; i++)
            list_init(&notify.buckets[i]);
        notify.ready = true;
    }
    return &notify.buckets[((uintptr_t)vnode * 0x9e3779b97f4a7c15ull) >> 58];
}

// ---------------------------------------------------------------- events

static bool same_as_last(struct queue *queue, const struct abi_inotify_event *head, const struct name *name) {
    if (list_is_empty(&queue->events))
        return false;
    struct event *last = LIST_ENTRY(queue->events.prev, struct event, node);
    size_t length = name ? name->length : 0;
    return last->head.watch == head->watch && last->head.mask == head->mask && last->head.cookie == head->cookie &&
           (length ? last->head.length > length && memcmp(last->name, name->text, length) == 0 && !last->name[length]
                   : last->head.length == 0);
}

static void put_event(struct queue *queue, int number, uint32_t mask, uint32_t cookie, const struct name *name)
    REQUIRES(&notify.lock) {
    struct abi_inotify_event head = {number, mask, cookie, 0};
    if (queue->count >= QUEUE_MAX) {
        head = (struct abi_inotify_event){-1, NOTIFY_OVERFLOW, 0, 0};
        name = nullptr;
    }
    if (same_as_last(queue, &head, name))
        return;
    if (name)
        head.length = (uint32_t)ALIGN_UP(name->length + 1, sizeof head);
    struct event *event = kmalloc_charged_by(sizeof *event + head.length, kmalloc_payer(queue)); // not who did it
    if (!event)
        return; // as when the queue overflows, and with no memory to say so
    *event = (struct event){.head = head};
    memset(event->name, 0, head.length);
    if (name)
        memcpy(event->name, name->text, name->length);
    list_push_back(&queue->events, &event->node);
    queue->count++;
    queue->bytes += sizeof head + head.length;
    wait_queue_wake_one(&queue->readers);
    object_signal(&queue->object, 0, SIGNALS_READ);
}

// Takes the watch out of everything. The caller drops the vnode and frees the watch after unlocking.
static void unlink_watch(struct watch *watch) REQUIRES(&notify.lock) {
    list_remove(&watch->queue_node);
    list_remove(&watch->hash_node);
    atomic_fetch_sub(&notify_watch_count, 1);
    struct watch *other;
    LIST_FOR_EACH(other, bucket_of(watch->vnode), hash_node)
    if (other->vnode == watch->vnode)
        return;
    atomic_fetch_and(&watch->vnode->flags, ~(uint32_t)VNODE_WATCHED);
}

static void free_watches(struct list_node *dead) {
    while (!list_is_empty(dead)) {
        struct watch *watch = LIST_ENTRY(list_pop_front(dead), struct watch, queue_node);
        vnode_put(watch->vnode);
        kfree(watch);
    }
}

static void send(struct vnode *vnode, uint32_t mask, uint32_t cookie, const struct name *name) {
    struct list_node dead = LIST_INIT(dead);
    struct watch *watch, *next;
    if (!(atomic_load_explicit(&vnode->flags, memory_order_relaxed) & VNODE_WATCHED))
        return;
    spin_lock(&notify.lock);
    LIST_FOR_EACH_SAFE(watch, next, bucket_of(vnode), hash_node) {
        if (watch->vnode != vnode)
            continue;
        bool listens = watch->queue->tell != nullptr;
        bool wanted = watch->mask & mask & (listens ? NOTIFY_ALL | NOTIFY_RENAMED : NOTIFY_ALL) && (name || !listens);
        if (wanted && listens && watch->queue->context)
            watch->queue->tell(watch->queue->context, mask);
        else if (wanted && !listens)
            put_event(watch->queue, watch->number, mask & ~(uint32_t)NOTIFY_RENAMED, cookie, name);
        bool over = mask & NOTIFY_DELETE_SELF || (watch->mask & NOTIFY_ONE_SHOT && wanted);
        if (over) {
            if (!listens)
                put_event(watch->queue, watch->number, NOTIFY_IGNORED, 0, nullptr);
            unlink_watch(watch);
            list_push_back(&dead, &watch->queue_node);
        }
    }
    spin_unlock(&notify.lock);
    free_watches(&dead);
}

static uint32_t directory_bit(const struct vnode *vnode) {
    return vnode && S_ISTYPE(vnode->mode, S_IFDIR) ? NOTIFY_IS_DIRECTORY : 0;
}

void notify_vnode_slow(struct vnode *vnode, uint32_t mask) {
    send(vnode, mask | (mask & NOTIFY_DELETE_SELF ? 0 : directory_bit(vnode)), 0, nullptr);
}

void notify_name_slow(struct vnode *dir, const struct name *name, struct vnode *vnode, uint32_t mask) {
    send(dir, mask | directory_bit(vnode), 0, name);
}

void notify_path_slow(const struct path *path, uint32_t mask) {
    struct vnode *vnode = path_vnode(path);
    if (!vnode)
        return;
    rcu_read_lock();
    struct entry *parent = entry_parent(path->entry);
    struct vnode *dir = parent && path->entry != path->mount->root ? entry_vnode(parent) : nullptr;
    const struct entry_name *own = entry_name(path->entry);
    struct name name = {own->text, own->length, own->hash};
    // Names that are gone do not concern the directory any more.
    if (dir && entry_flags(path->entry) & ENTRY_HASHED)
        send(dir, mask | directory_bit(vnode), 0, &name);
    rcu_read_unlock();
    send(vnode, mask | directory_bit(vnode), 0, nullptr);
}

void notify_rename_slow(const struct notify_rename *rename) {
    spin_lock(&notify.lock);
    uint32_t cookie = notify.next_cookie++;
    spin_unlock(&notify.lock);
    uint32_t directory = directory_bit(rename->vnode);
    uint32_t within = rename->from_dir == rename->to_dir ? NOTIFY_RENAMED : 0;
    send(rename->from_dir, NOTIFY_MOVED_FROM | within | directory, cookie, &rename->from);
    send(rename->to_dir, NOTIFY_MOVED_TO | directory, cookie, &rename->to);
    send(rename->vnode, NOTIFY_MOVE_SELF | directory, 0, nullptr);
}

// ---------------------------------------------------------------- watches

int notify_add(struct object *object, struct vnode *vnode, uint32_t mask) {
    struct queue *queue = queue_of(object);
    if (!queue || !(mask & (queue->tell ? NOTIFY_ALL | NOTIFY_RENAMED : NOTIFY_ALL)))
        return -EINVAL;
    struct watch *new = kmalloc_charged(sizeof *new), *watch;
    if (!new)
        return -ENOMEM;
    int number = 0;
    spin_lock(&notify.lock);
    LIST_FOR_EACH(watch, bucket_of(vnode), hash_node)
    if (watch->vnode == vnode && watch->queue == queue) {
        number = mask & NOTIFY_MASK_CREATE ? -EEXIST : watch->number;
        if (number > 0)
            watch->mask = mask & NOTIFY_MASK_ADD ? watch->mask | mask : mask;
        break;
    }
    if (number == 0) {
        vnode_get(vnode);
        *new = (struct watch){.queue = queue, .vnode = vnode, .number = queue->next_number++, .mask = mask};
        list_push_back(&queue->watches, &new->queue_node);
        list_push_back(bucket_of(vnode), &new->hash_node);
        atomic_fetch_or(&vnode->flags, VNODE_WATCHED);
        atomic_fetch_add(&notify_watch_count, 1);
        number = new->number;
        new = nullptr;
    }
    spin_unlock(&notify.lock);
    kfree(new);
    return number;
}

status_t notify_remove(struct object *object, int number) {
    struct queue *queue = queue_of(object);
    struct list_node dead = LIST_INIT(dead);
    struct watch *watch;
    if (!queue)
        return -EINVAL;
    spin_lock(&notify.lock);
    LIST_FOR_EACH(watch, &queue->watches, queue_node)
    if (watch->number == number) {
        put_event(queue, number, NOTIFY_IGNORED, 0, nullptr);
        unlink_watch(watch);
        list_push_back(&dead, &watch->queue_node);
        break;
    }
    spin_unlock(&notify.lock);
    bool found = !list_is_empty(&dead);
    free_watches(&dead);
    return found ? 0 : -EINVAL;
}

// ---------------------------------------------------------------- the queue as an object

// Events that fit into `room` bytes, taken off the queue. *too_small: there is one, but it does not fit.
static void take_events(struct queue *queue, size_t room, struct list_node *taken, bool *too_small)
    REQUIRES(&notify.lock) {
    while (!list_is_empty(&queue->events)) {
        struct event *event = LIST_FIRST(&queue->events, struct event, node);
        size_t size = sizeof event->head + event->head.length;
        if (size > room) {
            *too_small = list_is_empty(taken);
            break;
        }
        room -= size;
        list_remove(&event->node);
        list_push_back(taken, &event->node);
        queue->count--;
        queue->bytes -= size;
    }
    if (list_is_empty(&queue->events))
        object_signal(&queue->object, SIGNALS_READ, 0);
}

static ssize_t copy_events(struct list_node *taken, struct uio *uio) {
    ssize_t total = 0;
    bool fault = false;
    while (!list_is_empty(taken)) {
        struct event *event = LIST_ENTRY(list_pop_front(taken), struct event, node);
        size_t size = sizeof event->head + event->head.length;
        if (!fault && uio_write(uio, &event->head, size) == size)
            total += (ssize_t)size;
        else
            fault = true;
        kfree(event);
    }
    return total ? total : -EFAULT;
}

static ssize_t queue_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct queue *queue = queue_of(object);
    struct list_node taken = LIST_INIT(taken);
    bool too_small = false;
    status_t status = 0;
    if (pos)
        return -ESPIPE;
    spin_lock(&notify.lock);
    while (list_is_empty(&queue->events) && status == 0)
        status = flags & IO_NONBLOCK ? -EAGAIN
                                     : wait_queue_sleep(&queue->readers, &notify.lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
    if (status == 0)
        take_events(queue, uio->resid, &taken, &too_small);
    spin_unlock(&notify.lock);
    if (status != 0)
        return status == -EINTR ? -ERESTARTSYS : status;
    return too_small ? -EINVAL : copy_events(&taken, uio);
}

static long queue_ioctl(struct object *object, unsigned command, unsigned long argument) {
    struct queue *queue = queue_of(object);
    if (command != FIONREAD)
        return -ENOTTY;
    return put_user((int)queue->bytes, (int __user *)argument) == 0 ? 0 : -EFAULT;
}

static status_t queue_set_flags(struct object *object, uint32_t flags) {
    return 0;
}

static void queue_destroy(struct object *object) {
    struct queue *queue = queue_of(object);
    struct list_node dead = LIST_INIT(dead);
    spin_lock(&notify.lock);
    while (!list_is_empty(&queue->watches)) {
        struct watch *watch = LIST_FIRST(&queue->watches, struct watch, queue_node);
        unlink_watch(watch);
        list_push_back(&dead, &watch->queue_node);
    }
    spin_unlock(&notify.lock);
    free_watches(&dead);
    while (!list_is_empty(&queue->events))
        kfree(LIST_ENTRY(list_pop_front(&queue->events), struct event, node));
    kfree(queue);
}

static const struct object_ops queue_ops = {
    .type = OBJECT_EVENT,
    .name = "inotify",
    .destroy = queue_destroy,
    .read = queue_read,
    .ioctl = queue_ioctl,
    .set_flags = queue_set_flags,
};

struct object *notify_create(uint32_t flags) {
    struct queue *queue = kzalloc_charged(sizeof *queue);
    if (!queue)
        return nullptr;
    object_init(&queue->object, &queue_ops, 0);
    queue->object.status_flags = flags & O_NONBLOCK;
    list_init(&queue->events);
    list_init(&queue->watches);
    wait_queue_init(&queue->readers);
    queue->next_number = 1;
    return &queue->object;
}

struct object *notify_create_listener(notify_tell_fn *tell, void *context) {
    struct object *object = notify_create(0);
    if (!object)
        return nullptr;
    queue_of(object)->tell = tell;
    queue_of(object)->context = context;
    return object;
}

void notify_close_listener(struct object *listener) {
    spin_lock(&notify.lock);
    queue_of(listener)->context = nullptr;
    spin_unlock(&notify.lock);
    object_put(listener);
}
