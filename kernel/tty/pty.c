// SPDX-License-Identifier: MPL-2.0
// Pseudo terminals: what the slave's programs write, the master reads; what the master writes is the slave's typing.
//
//   master write -> line discipline (tty) -> slave read
//   slave write  -> line discipline (tty) -> pty.ring -> master read
//
// The terminal may outlive its master (open slave files keep it): when the master is closed, the terminal gets the
// orphan driver, under tty->lock, so that no callback comes to a freed pty; and it is hung up.
#include "pty.h"

#include <lib/log.h>
#include <lib/string.h>
#include <mm/charged.h>
#include <mm/slab.h>
#include <object/task.h>
#include <sched/sched.h>

#define CHUNK 512

static struct {
    struct spinlock lock;
    struct pty *slot[PTY_MAX] GUARDED_BY(&lock); // no reference: removed before the master's last one goes
} table;

// --- driver side: called with tty->lock held ---

void pty_update_signals_locked(struct pty *pty) {
    uint32_t now = 0;
    if (pty->head != pty->tail || (pty->packet_mode && pty->packet_bits != 0))
        now |= SIGNALS_READ;
    if (pty->packet_mode && pty->packet_bits != 0)
        now |= SIGNAL_PRIORITY;
    if (!pty->input_full)
        now |= SIGNALS_WRITE;
    if (pty->slave_gone)
        now |= SIGNAL_HANGUP;
    uint32_t all = SIGNALS_READ | SIGNALS_WRITE | SIGNAL_PRIORITY | SIGNAL_HANGUP;
    uint32_t before = object_signals(&pty->master) & all;
    if (before != now)
        object_signal(&pty->master, before & ~now, now & ~before);
}

static size_t slave_output(struct tty *tty, const char *text, size_t size) {
    struct pty *pty = tty->context;
    spin_lock(&pty->lock);
    uint32_t count = (uint32_t)MIN(size, (size_t)(PTY_RING_SIZE - (pty->head - pty->tail)));
    uint32_t start = pty->head % PTY_RING_SIZE;
    uint32_t first = MIN(count, PTY_RING_SIZE - start);
    memcpy(pty->ring + start, text, first);
    memcpy(pty->ring, text + first, count - first);
    pty->head += count;
    if (count > 0) {
        wait_queue_wake_all(&pty->readers);
        pty_update_signals_locked(pty);
    }
    spin_unlock(&pty->lock);
    return count;
}

static void slave_flush(struct tty *tty) {
    struct pty *pty = tty->context;
    spin_lock(&pty->lock);
    pty->tail = pty->head;
    pty_update_signals_locked(pty);
    spin_unlock(&pty->lock);
}

static void slave_throttle(struct tty *tty, bool stop) {
    struct pty *pty = tty->context;
    spin_lock(&pty->lock);
    pty->input_full = stop;
    if (!stop)
        wait_queue_wake_all(&pty->writers);
    pty_update_signals_locked(pty);
    spin_unlock(&pty->lock);
}

static void slave_event(struct tty *tty, uint32_t bits) {
    struct pty *pty = tty->context;
    // A later event of a pair undoes the earlier one.
    static const uint8_t opposite[][2] = {{TIOCPKT_STOP, TIOCPKT_START}, {TIOCPKT_NOSTOP, TIOCPKT_DOSTOP}};
    spin_lock(&pty->lock);
    if (pty->packet_mode) {
        for (unsigned i = 0; i < ARRAY_SIZE(opposite); i++) {
            if (bits & opposite[i][0])
                pty->packet_bits &= ~opposite[i][1];
            if (bits & opposite[i][1])
                pty->packet_bits &= ~opposite[i][0];
        }
        pty->packet_bits |= (uint8_t)bits;
        wait_queue_wake_all(&pty->readers);
        pty_update_signals_locked(pty);
    }
    spin_unlock(&pty->lock);
}

static void slave_opened(struct tty *tty, bool first) {
    struct pty *pty = tty->context;
    spin_lock(&pty->lock);
    pty->slave_gone = false;
    pty_update_signals_locked(pty);
    spin_unlock(&pty->lock);
}

static void slave_closed(struct tty *tty, bool last) {
    struct pty *pty = tty->context;
    if (!last)
        return;
    spin_lock(&pty->lock);
    pty->slave_gone = true;
    wait_queue_wake_all(&pty->readers);
    pty_update_signals_locked(pty);
    spin_unlock(&pty->lock);
}

const struct tty_driver pty_driver = {
    .write = slave_output,
    .throttle = slave_throttle,
    .flush_output = slave_flush,
    .event = slave_event,
    .opened = slave_opened,
    .closed = slave_closed,
};

// After the master is gone, output goes nowhere.
static size_t orphan_output(struct tty *tty, const char *text, size_t size) {
    return size;
}
static const struct tty_driver orphan_driver = {.write = orphan_output};

// --- the master's side ---

struct master_chunk {
    size_t size;
    uint8_t bytes[CHUNK];
};

static void take_output_locked(struct pty *pty, struct master_chunk *chunk, size_t room) REQUIRES(&pty->lock) {
    uint32_t count = (uint32_t)MIN(room, (size_t)(pty->head - pty->tail));
    uint32_t start = pty->tail % PTY_RING_SIZE;
    uint32_t first = MIN(count, PTY_RING_SIZE - start);
    memcpy(chunk->bytes + chunk->size, pty->ring + start, first);
    memcpy(chunk->bytes + chunk->size + first, pty->ring, count - first);
    pty->tail += count;
    chunk->size += count;
}

// Fills `chunk` with at most `room` bytes; in packet mode the first byte says what follows. `wait`: for the first byte.
static status_t take_chunk(struct pty *pty, struct master_chunk *chunk, size_t room, bool wait) {
    status_t status = 0;
    room = MIN(room, sizeof(chunk->bytes));
    chunk->size = 0;
    spin_lock(&pty->lock);
    while (pty->head == pty->tail && !(pty->packet_mode && pty->packet_bits != 0)) {
        status = pty->slave_gone ? -EIO : !wait ? -EAGAIN : 0;
        if (status == 0)
            status = wait_queue_sleep(&pty->readers, &pty->lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
        if (status != 0)
            goto out;
    }
    if (pty->packet_mode) {
        chunk->bytes[chunk->size++] = pty->packet_bits;
        if (pty->packet_bits != 0)
            room = 1;
        pty->packet_bits = 0;
    }
    take_output_locked(pty, chunk, room - chunk->size);
    pty_update_signals_locked(pty);
out:
    spin_unlock(&pty->lock);
    return status == -EINTR ? -ERESTARTSYS : status;
}

static ssize_t master_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct pty *pty = CONTAINER_OF(object, struct pty, master);
    struct master_chunk chunk;
    size_t done = 0;
    if (pos)
        return -ESPIPE;
    while (uio->resid > 0) {
        status_t status = take_chunk(pty, &chunk, uio->resid, done == 0 && !(flags & IO_NONBLOCK));
        if (status != 0)
            return done > 0 ? (ssize_t)done : status;
        tty_output_ready(pty->tty);
        if (uio_write(uio, chunk.bytes, chunk.size) < chunk.size)
            return -EFAULT;
        done += chunk.size;
        spin_lock(&pty->lock);
        bool packet = pty->packet_mode;
        spin_unlock(&pty->lock);
        if (packet || chunk.size < sizeof(chunk.bytes))
            break;
    }
    return (ssize_t)done;
}

static status_t wait_for_room(struct pty *pty, unsigned flags) {
    status_t status = 0;
    spin_lock(&pty->lock);
    while (pty->input_full && status == 0)
        status =
            flags & IO_NONBLOCK ? -EAGAIN : wait_queue_sleep(&pty->writers, &pty->lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
    spin_unlock(&pty->lock);
    return status == -EINTR ? -ERESTARTSYS : status;
}

static ssize_t master_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct pty *pty = CONTAINER_OF(object, struct pty, master);
    uint8_t chunk[CHUNK];
    size_t done = 0;
    if (pos)
        return -ESPIPE;
    while (uio->resid > 0) {
        size_t size = MIN(uio->resid, sizeof(chunk)), sent = 0;
        if (uio_read(uio, chunk, size) != size)
            return done > 0 ? (ssize_t)done : -EFAULT;
        while (sent < size) {
            size_t taken = tty_receive(pty->tty, chunk + sent, size - sent);
            sent += taken;
            done += taken;
            status_t status = sent < size ? wait_for_room(pty, flags) : 0;
            if (status != 0)
                return done > 0 ? (ssize_t)done : status;
        }
        sched_preempt_point();
    }
    return (ssize_t)done;
}

static void master_closed(struct object *object) {
    struct pty *pty = CONTAINER_OF(object, struct pty, master);
    struct tty *tty = pty->tty;
    pty->closed = true;
    spin_lock(&table.lock);
    table.slot[pty->index] = nullptr;
    spin_unlock(&table.lock);
    spin_lock(&tty->lock);
    tty->carrier_lost = true;
    tty->driver = &orphan_driver;
    tty->context = nullptr;
    spin_unlock(&tty->lock);
    tty_hang_up(tty);
}

static void master_destroy(struct object *object) {
    struct pty *pty = CONTAINER_OF(object, struct pty, master);
    if (!pty->closed) // it never got a handle
        master_closed(object);
    tty_put(pty->tty);
    kfree(pty);
}

static const struct object_ops master_ops = {
    .type = OBJECT_STREAM,
    .name = "ptmx",
    .destroy = master_destroy,
    .closed = master_closed,
    .read = master_read,
    .write = master_write,
    .ioctl = pty_master_ioctl,
};

// --- making and finding ---

// Gives the pty the lowest free number. -ENOSPC: there is none.
static status_t take_number(struct pty *pty) {
    spin_lock(&table.lock);
    unsigned index = 0;
    while (index < PTY_MAX && table.slot[index])
        index++;
    if (index < PTY_MAX) {
        pty->index = index;
        pty->tty->device = (uint32_t)((PTY_MAJOR + index / 256) << 8 | (index % 256));
        table.slot[index] = pty;
    }
    spin_unlock(&table.lock);
    return index < PTY_MAX ? 0 : -ENOSPC;
}

status_t ptmx_open(struct object **out) {
    struct pty *pty = kzalloc_charged(sizeof(*pty));
    if (!pty)
        return -ENOMEM;
    status_t status = -ENOMEM;
    object_init(&pty->master, &master_ops, SIGNALS_WRITE);
    wait_queue_init(&pty->readers);
    wait_queue_init(&pty->writers);
    spin_lock(&pty->lock);
    pty->locked = true;
    devpts_init_attributes(&pty->attributes);
    spin_unlock(&pty->lock);
    pty->tty = tty_alloc(&pty_driver, pty, 0);
    if (!pty->tty)
        goto fail_tty;
    pty->tty->is_pty = true;
    status = take_number(pty);
    if (status != 0)
        goto fail_number;
    *out = &pty->master;
    return 0;
fail_number:
    tty_put(pty->tty);
fail_tty:
    kfree(pty);
    return status;
}

struct pty *pty_lookup(unsigned index) {
    spin_lock(&table.lock);
    struct pty *pty = index < PTY_MAX ? table.slot[index] : nullptr;
    if (pty && !refcount_try_up(&pty->master.ref))
        pty = nullptr;
    spin_unlock(&table.lock);
    return pty;
}

int pty_next(unsigned index) {
    spin_lock(&table.lock);
    while (index < PTY_MAX && !table.slot[index])
        index++;
    spin_unlock(&table.lock);
    return index < PTY_MAX ? (int)index : -1;
}

status_t pty_open_slave(struct pty *pty, uint32_t flags, struct object **out) {
    spin_lock(&pty->lock);
    bool locked = pty->locked;
    spin_unlock(&pty->lock);
    return locked ? -EIO : tty_open(pty->tty, flags, false, out);
}

static status_t open_ptmx_node(const struct device_ops *device, uint32_t flags, struct object **out) {
    return ptmx_open(out);
}

static const struct device_ops ptmx_device = {
    .name = "ptmx", .device = DEVICE_NUMBER(5, 2), .mode = 0666, .open = open_ptmx_node};

void pty_init(void) {
    status_t status = device_register(&ptmx_device);
    if (status != 0)
        klog(LOG_ERROR, "/dev/ptmx: error %d", -status);
    devpts_init();
}
