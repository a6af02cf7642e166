// SPDX-License-Identifier: MPL-2.0
// Pipes and FIFOs: reading, writing, waiting.
//
// The contents are a flat ring. It is allocated at the first write and grows as it is filled, from one page to the
// limit (64 KiB unless F_SETPIPE_SZ), since most pipes of a shell carry little; the maker's job pays for it, and where
// that can pay no more the pipe makes do with the buffer it has. `mutex` protects the contents and is
// held while user memory is copied. Sleepers wait under wait_lock, with conditions made of head, tail and the counts of
// readers and writers; whoever changes one of these calls `pipe_notify` afterwards, which also keeps the poll signals
// true. Lock order: mutex, wait_lock, object lock.
//
// One wake-up wakes one sleeper. A sleeper that leaves something for the next one passes the wake-up on.
#include "pipe_priv.h"

#include <lib/fmt.h>
#include <vfs/splice.h>

CHARGED_CACHE(pipe_slab, struct pipe);
CHARGED_CACHE(pipe_end_slab, struct pipe_end);
SLAB_CACHE(packet_slab, struct packet);

enum { READ_SIDE = 0, WRITE_SIDE = 1, BOTH_SIDES = 2 };

// ---------------------------------------------------------------- telling the others

static void set_side(struct object *side, uint32_t want, uint32_t mask) {
    uint32_t now = object_signals(side) & mask;
    // Edge-triggered watchers count every arrival, so they hear of it though the bit was up.
    if (now != want || (want && !list_is_empty(&side->watchers)))
        object_signal(side, mask & ~want, want);
}

static void update_sides(struct pipe *pipe) REQUIRES(&pipe->wait_lock) {
    uint64_t bytes = pipe_used(pipe);
    uint32_t read = bytes ? SIGNALS_READ : 0, write = 0;
    if (atomic_load(&pipe->writers) == 0 && pipe->writer_opens)
        read |= SIGNAL_HANGUP;
    if (bytes + PIPE_BUF <= atomic_load(&pipe->capacity))
        write |= SIGNALS_WRITE;
    if (atomic_load(&pipe->readers) == 0)
        write |= SIGNALS_WRITE | SIGNAL_ERROR;
    set_side(&pipe->sides[READ_SIDE], read, SIGNALS_READ | SIGNAL_HANGUP);
    set_side(&pipe->sides[WRITE_SIDE], write, SIGNALS_WRITE | SIGNAL_ERROR);
    if (pipe->has_both)
        set_side(&pipe->sides[BOTH_SIDES], (read | write) & ~(uint32_t)(SIGNAL_HANGUP | SIGNAL_ERROR),
                 SIGNALS_READ | SIGNALS_WRITE);
}

void pipe_notify(struct pipe *pipe) {
    spin_lock(&pipe->wait_lock);
    bool bytes = pipe_used(pipe) != 0;
    if (bytes || atomic_load(&pipe->writers) == 0)
        wait_queue_wake_one_sync(&pipe->read_wait);
    if (!wait_queue_is_empty(&pipe->write_wait) &&
        (pipe_used(pipe) + pipe->write_need <= atomic_load(&pipe->capacity) || atomic_load(&pipe->readers) == 0))
        wait_queue_wake_one_sync(&pipe->write_wait);
    update_sides(pipe);
    spin_unlock(&pipe->wait_lock);
}

static status_t restartable(status_t status) {
    return status == -EINTR ? -ERESTARTSYS : status;
}

status_t pipe_wait_for_data(struct pipe *pipe) {
    status_t status = 0;
    spin_lock(&pipe->wait_lock);
    while (pipe_used(pipe) == 0 && atomic_load(&pipe->writers) != 0 && status == 0)
        status = wait_queue_sleep(&pipe->read_wait, &pipe->wait_lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
    spin_unlock(&pipe->wait_lock);
    return restartable(status);
}

status_t pipe_wait_for_room(struct pipe *pipe, size_t need) {
    status_t status = 0;
    spin_lock(&pipe->wait_lock);
    while (pipe_used(pipe) + need > atomic_load(&pipe->capacity) && atomic_load(&pipe->readers) != 0 && status == 0) {
        // Readers wake us when as much is free as the most modest sleeper wants.
        if (wait_queue_is_empty(&pipe->write_wait) || need < pipe->write_need)
            pipe->write_need = need;
        status = wait_queue_sleep(&pipe->write_wait, &pipe->wait_lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
    }
    spin_unlock(&pipe->wait_lock);
    return restartable(status);
}

// ---------------------------------------------------------------- the ring

// What the maker's job pays for a buffer of `size` bytes and the packets in it.
static bool charge_for(struct pipe *pipe, uint32_t size, uint32_t packets) REQUIRES(&pipe->mutex) {
    uint32_t packet_pages = (uint32_t)(packets * sizeof(struct packet) / PAGE_SIZE);
    return charge_set(&pipe->memory, (size + PAGE_SIZE - 1) / PAGE_SIZE + packet_pages);
}

static void free_packet(struct pipe *pipe, struct packet *packet) REQUIRES(&pipe->mutex) {
    list_remove(&packet->node);
    pipe->packet_count--;
    slab_free(&packet_slab, packet);
}

static void free_contents(struct pipe *pipe) REQUIRES(&pipe->mutex) {
    while (!list_is_empty(&pipe->packets))
        free_packet(pipe, LIST_FIRST(&pipe->packets, struct packet, node));
    kfree(pipe->buffer);
}

// Makes the buffer `size` bytes, a power of two that holds the contents.
static status_t set_buffer_size(struct pipe *pipe, uint32_t size) REQUIRES(&pipe->mutex) {
    if (!charge_for(pipe, size, pipe->packet_count))
        return -ENOMEM;
    uint8_t *buffer = kmalloc(size);
    if (!buffer) {
        (void)charge_for(pipe, pipe->size, pipe->packet_count); // gives back
        return -ENOMEM;
    }
    uint64_t tail = pipe->tail, head = pipe->head;
    for (uint64_t at = tail; at < head;) {
        uint32_t from = (uint32_t)at & (pipe->size - 1), to = (uint32_t)at & (size - 1);
        size_t piece = MIN((size_t)(pipe->size - from), (size_t)(size - to));
        piece = MIN(piece, (size_t)(head - at));
        memcpy(buffer + to, pipe->buffer + from, piece);
        at += piece;
    }
    kfree(pipe->buffer);
    pipe->buffer = buffer;
    pipe->size = size;
    return 0;
}

// Free bytes, after growing towards `want` of them. 0 with an error only if there is no buffer at all.
size_t pipe_make_room(struct pipe *pipe, size_t want) {
    uint64_t bytes = pipe_used(pipe);
    uint32_t size = pipe->size ? pipe->size : PIPE_FIRST_BUFFER;
    while (size < pipe->limit && size - bytes < want)
        size *= 2;
    if (UNLIKELY(size > pipe->size) && set_buffer_size(pipe, size) != 0 && pipe->size)
        atomic_store(&pipe->capacity, pipe->size); // make do with what there is
    return pipe->size - (size_t)bytes;
}

// Copies into the ring; returns the bytes, fewer than `size` on a fault.
size_t pipe_put_bytes(struct pipe *pipe, struct uio *uio, size_t size) {
    uint64_t head = atomic_load_explicit(&pipe->head, memory_order_relaxed);
    uint32_t at = (uint32_t)head & (pipe->size - 1);
    size_t first = MIN(size, (size_t)(pipe->size - at)), done = uio_read(uio, pipe->buffer + at, first);
    if (done == first && size > first)
        done += uio_read(uio, pipe->buffer, size - first);
    atomic_store_explicit(&pipe->head, head + done, memory_order_release);
    return done;
}

static size_t copy_out(struct pipe *pipe, struct uio *uio, uint64_t from, size_t size) REQUIRES(&pipe->mutex) {
    uint32_t at = (uint32_t)from & (pipe->size - 1);
    size_t first = MIN(size, (size_t)(pipe->size - at)), done = uio_write(uio, pipe->buffer + at, first);
    if (done == first && size > first)
        done += uio_write(uio, pipe->buffer, size - first);
    return done;
}

// Takes one packet (what does not fit is thrown away), or bytes up to the next one.
static ssize_t take_packet(struct pipe *pipe, struct uio *uio) REQUIRES(&pipe->mutex) {
    uint64_t tail = pipe->tail;
    struct packet *packet = LIST_FIRST(&pipe->packets, struct packet, node);
    if (tail < packet->start) {
        size_t size = MIN((size_t)(packet->start - tail), uio->resid), done = copy_out(pipe, uio, tail, size);
        atomic_store(&pipe->tail, tail + done);
        return done ? (ssize_t)done : -EFAULT;
    }
    size_t size = MIN((size_t)(packet->end - tail), uio->resid), done = copy_out(pipe, uio, tail, size);
    if (done < size)
        return -EFAULT;
    atomic_store(&pipe->tail, packet->end);
    free_packet(pipe, packet);
    return (ssize_t)done;
}

static ssize_t take_bytes(struct pipe *pipe, struct uio *uio) REQUIRES(&pipe->mutex) {
    if (UNLIKELY(!list_is_empty(&pipe->packets)))
        return take_packet(pipe, uio);
    uint64_t tail = atomic_load_explicit(&pipe->tail, memory_order_relaxed);
    size_t size = MIN((size_t)pipe_used(pipe), uio->resid), done = copy_out(pipe, uio, tail, size);
    atomic_store_explicit(&pipe->tail, tail + done, memory_order_release);
    return done ? (ssize_t)done : -EFAULT;
}

// Throws away `size` bytes from the front, which the caller has copied.
void pipe_consume(struct pipe *pipe, size_t size) {
    uint64_t tail = pipe->tail + size;
    atomic_store_explicit(&pipe->tail, tail, memory_order_release);
    while (UNLIKELY(!list_is_empty(&pipe->packets))) {
        struct packet *packet = LIST_FIRST(&pipe->packets, struct packet, node);
        if (packet->end > tail) {
            packet->start = MAX(packet->start, tail);
            return;
        }
        free_packet(pipe, packet);
    }
}

// ---------------------------------------------------------------- read and write

static ssize_t pipe_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct pipe *pipe = CONTAINER_OF(object, struct pipe_end, object)->pipe;
    if (pos)
        return -ESPIPE;
    if (uio->resid == 0)
        return 0;
    for (;;) {
        // Asked before the look at the bytes: the last writer may write and close right after that.
        bool over = atomic_load(&pipe->writers) == 0;
        mutex_lock(&pipe->mutex);
        if (pipe_used(pipe) != 0) {
            ssize_t done = take_bytes(pipe, uio);
            mutex_unlock(&pipe->mutex);
            pipe_notify(pipe);
            return done;
        }
        mutex_unlock(&pipe->mutex);
        if (over)
            return 0;
        if (flags & IO_NONBLOCK)
            return -EAGAIN;
        status_t status = pipe_wait_for_data(pipe);
        if (status != 0)
            return status;
    }
}

static status_t add_packet(struct pipe *pipe, uint64_t start, uint64_t end) REQUIRES(&pipe->mutex) {
    if (!charge_for(pipe, pipe->size, pipe->packet_count + 1))
        return -ENOMEM;
    struct packet *packet = slab_alloc(&packet_slab);
    if (!packet)
        return -ENOMEM;
    pipe->packet_count++;
    packet->start = start;
    packet->end = end;
    list_push_back(&pipe->packets, &packet->node);
    return 0;
}

// Puts what fits. 0: not enough room for what must stay together.
static ssize_t put_some(struct pipe *pipe, struct uio *uio, size_t need, bool packets) REQUIRES(&pipe->mutex) {
    size_t room = pipe_make_room(pipe, uio->resid);
    if (UNLIKELY(!pipe->buffer))
        return -ENOMEM;
    if (room < need)
        return 0;
    size_t size = MIN(room, uio->resid);
    if (UNLIKELY(packets))
        size = MIN(size, (size_t)PIPE_BUF);
    uint64_t start = pipe->head;
    size_t done = pipe_put_bytes(pipe, uio, size);
    if (packets && done && add_packet(pipe, start, start + done) != 0) {
        atomic_store(&pipe->head, start);
        return -ENOMEM;
    }
    return done ? (ssize_t)done : -EFAULT;
}

ssize_t pipe_broken(void) {
    if (vfs_hooks && vfs_hooks->broken_pipe)
        vfs_hooks->broken_pipe();
    return -EPIPE;
}

static ssize_t pipe_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct pipe *pipe = CONTAINER_OF(object, struct pipe_end, object)->pipe;
    if (pos)
        return -ESPIPE;
    bool packets = atomic_load_explicit(&object->status_flags, memory_order_relaxed) & O_DIRECT;
    ssize_t total = 0, done = 0;
    while (uio->resid) {
        size_t need = uio->resid <= PIPE_BUF && total == 0 ? uio->resid
                      : packets                            ? MIN(uio->resid, (size_t)PIPE_BUF)
                                                           : 1;
        if (atomic_load(&pipe->readers) == 0) {
            done = pipe_broken();
            break;
        }
        mutex_lock(&pipe->mutex);
        done = put_some(pipe, uio, need, packets);
        mutex_unlock(&pipe->mutex);
        if (done < 0)
            break;
        if (done > 0) {
            total += done;
            pipe_notify(pipe);
            continue;
        }
        if (flags & IO_NONBLOCK) {
            done = -EAGAIN;
            break;
        }
        done = pipe_wait_for_room(pipe, need);
        if (done != 0)
            break;
    }
    return total ? total : done;
}

// ---------------------------------------------------------------- the ends

static void drop_contents(struct pipe *pipe) REQUIRES(&pipe->mutex) {
    atomic_store(&pipe->tail, pipe->head);
    free_contents(pipe);
    pipe->buffer = nullptr;
    pipe->size = 0;
    (void)charge_for(pipe, 0, 0); // gives back
}

static void no_op(struct object *object) {}

static const struct object_ops side_ops = {.type = OBJECT_STREAM, .name = "pipe side", .destroy = no_op};

static struct pipe *pipe_new(bool fifo) NO_THREAD_SAFETY {
    struct pipe *pipe = charged_alloc(&pipe_slab);
    if (!pipe)
        return nullptr;
    refcount_init(&pipe->ref, 1);
    mutex_init(&pipe->mutex);
    pipe->buffer = nullptr;
    pipe->size = 0;
    pipe->limit = PIPE_DEFAULT_SIZE;
    list_init(&pipe->packets);
    pipe->packet_count = 0;
    charge_init(&pipe->memory, account_current());
    pipe->capacity = PIPE_DEFAULT_SIZE;
    pipe->head = pipe->tail = 0;
    spin_init(&pipe->wait_lock);
    wait_queue_init(&pipe->read_wait);
    wait_queue_init(&pipe->write_wait);
    wait_queue_init(&pipe->open_wait);
    pipe->readers = pipe->writers = 0;
    pipe->reader_opens = pipe->writer_opens = 0;
    pipe->write_need = 1;
    pipe->is_fifo = fifo;
    pipe->has_both = false;
    object_init(&pipe->sides[READ_SIDE], &side_ops, 0);
    object_init(&pipe->sides[WRITE_SIDE], &side_ops, SIGNALS_WRITE);
    object_init(&pipe->sides[BOTH_SIDES], &side_ops, SIGNALS_WRITE);
    pipe->id = pipe->sides[READ_SIDE].id;
    return pipe;
}

void pipe_put(struct pipe *pipe) NO_THREAD_SAFETY {
    if (!refcount_down(&pipe->ref))
        return;
    free_contents(pipe);
    charge_fini(&pipe->memory);
    charged_free(&pipe_slab, pipe);
}

// Counts the end; wakes those who wait in open for it.
static void count_end(struct pipe *pipe, unsigned access) {
    spin_lock(&pipe->wait_lock);
    if (access == (FILE_READ | FILE_WRITE))
        pipe->has_both = true;
    if (access & FILE_READ) {
        atomic_fetch_add(&pipe->readers, 1);
        pipe->reader_opens++;
    }
    if (access & FILE_WRITE) {
        atomic_fetch_add(&pipe->writers, 1);
        pipe->writer_opens++;
    }
    wait_queue_wake_all(&pipe->open_wait);
    update_sides(pipe);
    spin_unlock(&pipe->wait_lock);
}

static void uncount_end(struct pipe *pipe, unsigned access) {
    spin_lock(&pipe->wait_lock);
    uint32_t readers = access & FILE_READ ? atomic_fetch_sub(&pipe->readers, 1) - 1 : atomic_load(&pipe->readers);
    uint32_t writers = access & FILE_WRITE ? atomic_fetch_sub(&pipe->writers, 1) - 1 : atomic_load(&pipe->writers);
    if (writers == 0)
        wait_queue_wake_all(&pipe->read_wait);
    if (readers == 0)
        wait_queue_wake_all(&pipe->write_wait);
    if (readers || writers)
        update_sides(pipe);
    spin_unlock(&pipe->wait_lock);
    if (readers || writers || !pipe->is_fifo) // a pipe without a name goes with its ends
        return;
    mutex_lock(&pipe->mutex);
    if (atomic_load(&pipe->readers) == 0 && atomic_load(&pipe->writers) == 0)
        drop_contents(pipe);
    mutex_unlock(&pipe->mutex);
}

static void end_closed(struct object *object) {
    struct pipe_end *end = CONTAINER_OF(object, struct pipe_end, object);
    uncount_end(end->pipe, end->access);
}

static void end_destroy(struct object *object) {
    struct pipe_end *end = CONTAINER_OF(object, struct pipe_end, object);
    struct pipe *pipe = end->pipe;
    if (end != &pipe->ends[0] && end != &pipe->ends[1])
        charged_free(&pipe_end_slab, end);
    pipe_put(pipe);
}

static long pipe_ioctl(struct object *object, unsigned command, unsigned long argument) {
    struct pipe *pipe = CONTAINER_OF(object, struct pipe_end, object)->pipe;
    if (command != FIONREAD)
        return -ENOTTY;
    return put_user((int)pipe_used(pipe), (int __user *)argument) == 0 ? 0 : -EFAULT;
}

static status_t pipe_stat(struct object *object, struct stat_info *out) {
    struct pipe *pipe = CONTAINER_OF(object, struct pipe_end, object)->pipe;
    *out = (struct stat_info){.device = abi_make_device(0, 12),
                              .inode = pipe->id,
                              .mode = S_IFIFO | 0600,
                              .links = 1,
                              .block_size = PAGE_SIZE,
                              .uid = vfs_cred()->fsuid,
                              .gid = vfs_cred()->fsgid};
    out->accessed = out->modified = out->changed = out->born = time_now();
    return 0;
}

static status_t pipe_set_flags(struct object *object, uint32_t flags) {
    return 0;
}

static int pipe_link_text(struct object *object, char *to, size_t size) {
    struct pipe *pipe = CONTAINER_OF(object, struct pipe_end, object)->pipe;
    return fmt_snprintf(to, size, "pipe:[%lu]", (unsigned long)pipe->id);
}

const struct object_ops pipe_end_ops = {
    .type = OBJECT_STREAM,
    .name = "pipe",
    .destroy = end_destroy,
    .closed = end_closed,
    .read = pipe_read,
    .write = pipe_write,
    .ioctl = pipe_ioctl,
    .stat = pipe_stat,
    .set_flags = pipe_set_flags,
    .link_text = pipe_link_text,
    .async_owner = object_async_named,
};

static void end_init(struct pipe_end *end, struct pipe *pipe, unsigned access, uint32_t flags) {
    object_init(&end->object, &pipe_end_ops, 0);
    end->object.status_flags = flags;
    end->object.wait_target = &pipe->sides[access == FILE_READ    ? READ_SIDE
                                           : access == FILE_WRITE ? WRITE_SIDE
                                                                  : BOTH_SIDES];
    end->pipe = pipe;
    end->access = (uint8_t)access;
}

status_t pipe_create(uint32_t flags, struct object **read, struct object **write) {
    struct pipe *pipe = pipe_new(false);
    if (!pipe)
        return -ENOMEM;
    refcount_up(&pipe->ref); // one for each end
    flags &= O_NONBLOCK | O_DIRECT;
    end_init(&pipe->ends[0], pipe, FILE_READ, flags | O_RDONLY);
    end_init(&pipe->ends[1], pipe, FILE_WRITE, flags | O_WRONLY);
    pipe->readers = pipe->writers = 1;
    pipe->reader_opens = pipe->writer_opens = 1;
    *read = &pipe->ends[0].object;
    *write = &pipe->ends[1].object;
    return 0;
}

status_t pipe_wait_for_readers(struct object *write) {
    struct pipe *pipe = CONTAINER_OF(write, struct pipe_end, object)->pipe;
    status_t status = 0;
    spin_lock(&pipe->wait_lock);
    while (atomic_load(&pipe->readers) != 0 && status == 0) { // the last one wakes all writers
        pipe->write_need = PIPE_MAX_SIZE;
        status = wait_queue_sleep(&pipe->write_wait, &pipe->wait_lock, WAIT_KILLABLE, NSEC_NEVER);
    }
    spin_unlock(&pipe->wait_lock);
    return status;
}

// ---------------------------------------------------------------- FIFOs

static status_t fifo_of(struct vnode *vnode, struct pipe **out) {
    rwlock_write(&vnode->lock);
    if (!vnode->pipe)
        vnode->pipe = pipe_new(true);
    *out = vnode->pipe;
    if (*out)
        refcount_up(&(*out)->ref);
    rwlock_write_unlock(&vnode->lock);
    return *out ? 0 : -ENOMEM;
}

// Blocks until the other side has been opened, if only for a moment.
static status_t wait_for_partner(struct pipe *pipe, unsigned access) {
    bool reader = access == FILE_READ;
    status_t status = 0;
    spin_lock(&pipe->wait_lock);
    uint32_t seen = reader ? pipe->writer_opens : pipe->reader_opens;
    while (status == 0 && atomic_load(reader ? &pipe->writers : &pipe->readers) == 0 &&
           (reader ? pipe->writer_opens : pipe->reader_opens) == seen)
        status = wait_queue_sleep(&pipe->open_wait, &pipe->wait_lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
    spin_unlock(&pipe->wait_lock);
    return restartable(status);
}

// Opens an end; takes over a reference on the pipe. Waits for the other side if `wait`.
static status_t open_end(struct pipe *pipe, uint32_t flags, bool wait, struct object **out) {
    static const uint8_t modes[4] = {FILE_READ, FILE_WRITE, FILE_READ | FILE_WRITE, 0};
    unsigned access = modes[flags & O_ACCMODE];
    status_t status = -EINVAL;
    if (!access)
        goto put_pipe;
    status = -ENXIO;
    if (access == FILE_WRITE && flags & O_NONBLOCK && atomic_load(&pipe->readers) == 0)
        goto put_pipe;
    struct pipe_end *end = charged_alloc(&pipe_end_slab);
    status = -ENOMEM;
    if (!end)
        goto put_pipe;
    end_init(end, pipe, access, flags & (O_NONBLOCK | O_DIRECT | O_ACCMODE)); // takes over the reference
    count_end(pipe, access);
    status = wait && access != (FILE_READ | FILE_WRITE) && !(flags & O_NONBLOCK) ? wait_for_partner(pipe, access) : 0;
    if (status != 0) {
        uncount_end(pipe, access);
        object_put(&end->object);
        return status;
    }
    *out = &end->object;
    return 0;
put_pipe:
    pipe_put(pipe);
    return status;
}

status_t fifo_open(struct vnode *vnode, uint32_t flags, struct object **out) {
    struct pipe *pipe;
    status_t status = fifo_of(vnode, &pipe);
    return status == 0 ? open_end(pipe, flags, true, out) : status;
}

status_t pipe_reopen(struct object *object, uint32_t flags, struct object **out) {
    struct pipe_end *end = object_pipe_end(object);
    if (!end)
        return -ENXIO;
    refcount_up(&end->pipe->ref);
    return open_end(end->pipe, flags, end->pipe->is_fifo, out);
}

struct pipe_end *object_pipe_end(struct object *object) {
    struct file *file = file_of(object);
    return pipe_end_of(file && file->inner ? file->inner : object);
}

bool object_is_pipe(struct object *object) {
    return object_pipe_end(object) != nullptr;
}

// ---------------------------------------------------------------- fcntl

long pipe_get_size(struct object *object) {
    struct pipe_end *end = object_pipe_end(object);
    if (!end)
        return -EBADF;
    mutex_lock(&end->pipe->mutex);
    long limit = (long)end->pipe->limit;
    mutex_unlock(&end->pipe->mutex);
    return limit;
}

long pipe_set_size(struct object *object, unsigned long size) {
    struct pipe_end *end = object_pipe_end(object);
    if (!end)
        return -EBADF;
    if (size > INT32_MAX)
        return -EINVAL;
    if (size > PIPE_MAX_SIZE && !cred_has_cap(vfs_cred(), CAP_SYS_RESOURCE))
        return -EPERM;
    uint32_t limit = PIPE_FIRST_BUFFER;
    while (limit < size)
        limit *= 2;
    struct pipe *pipe = end->pipe;
    status_t status = 0;
    mutex_lock(&pipe->mutex);
    if (pipe_used(pipe) > limit)
        status = -EBUSY;
    else if (pipe->size > limit)
        status = set_buffer_size(pipe, limit);
    if (status == 0) {
        pipe->limit = limit;
        atomic_store(&pipe->capacity, limit);
    }
    mutex_unlock(&pipe->mutex);
    pipe_notify(pipe);
    return status != 0 ? status : (long)limit;
}
