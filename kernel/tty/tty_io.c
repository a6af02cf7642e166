// SPDX-License-Identifier: MPL-2.0
// Reading and writing terminals: the line discipline under tty->lock, user memory copied outside it, and the four
// ways in which VMIN and VTIME let a raw read wait.
#include "tty_priv.h"

#include <sched/sched.h>
#include <sched/timer.h>

#define CHUNK 512
#define THROTTLE_ROOM 128u // bytes of room below which the sender is asked to stop
#define DRAIN_INTERVAL (5ll * 1000 * 1000)
#define DECISECOND (100ll * 1000 * 1000)

// --- state to signals ---

static bool input_ready(struct tty *tty) REQUIRES(&tty->lock) {
    const uint8_t *cc = tty->line.termios.cc;
    return line_is_ready(&tty->line, cc[VTIME] == 0 ? cc[VMIN] : 1);
}

void tty_update_signals_locked(struct tty *tty) {
    uint32_t now = 0;
    if (input_ready(tty))
        now |= SIGNALS_READ;
    if (line_write_room(&tty->line) >= LINE_ECHO_RESERVE)
        now |= SIGNALS_WRITE;
    if (tty->carrier_lost)
        now |= SIGNALS_READ | SIGNALS_WRITE | SIGNAL_HANGUP;
    struct tty_file *file;
    LIST_FOR_EACH(file, &tty->files, node) {
        uint32_t before = object_signals(&file->object) & (SIGNALS_READ | SIGNALS_WRITE | SIGNAL_HANGUP);
        if (before != now)
            object_signal(&file->object, before & ~now, now & ~before);
    }
}

// Whoever counts arrivals (edge-triggered waiters, SIGIO) hears of each.
static void tell_of_input_locked(struct tty *tty) REQUIRES(&tty->lock) {
    struct tty_file *file;
    if (!input_ready(tty))
        return;
    LIST_FOR_EACH(file, &tty->files, node) {
        object_signal(&file->object, 0, SIGNALS_READ);
    }
}

// --- output ---

void tty_push_output_locked(struct tty *tty) {
    const uint8_t *text;
    size_t size;
    while (!tty->line.stopped && (size = line_output(&tty->line, &text)) > 0) {
        size_t sent = tty->driver->write(tty, (const char *)text, size);
        line_sent(&tty->line, sent);
        if (sent < size)
            break;
    }
    wait_queue_wake_all(&tty->writers);
}

void tty_output_ready(struct tty *tty) {
    spin_lock(&tty->lock);
    tty_push_output_locked(tty);
    tty_update_signals_locked(tty);
    spin_unlock(&tty->lock);
}

// --- input ---

static void throttle_locked(struct tty *tty) REQUIRES(&tty->lock) {
    if (tty->throttled || line_room(&tty->line) >= THROTTLE_ROOM)
        return;
    tty->throttled = true;
    if (tty->line.termios.iflag & IXOFF)
        (void)tty->driver->write(tty, (const char *)&tty->line.termios.cc[VSTOP], 1);
    if (tty->driver->throttle)
        tty->driver->throttle(tty, true);
}

void tty_unthrottle_locked(struct tty *tty) {
    if (!tty->throttled || line_room(&tty->line) < THROTTLE_ROOM)
        return;
    tty->throttled = false;
    if (tty->line.termios.iflag & IXOFF)
        (void)tty->driver->write(tty, (const char *)&tty->line.termios.cc[VSTART], 1);
    if (tty->driver->throttle)
        tty->driver->throttle(tty, false);
}

uint32_t tty_take_events_locked(struct tty *tty) {
    uint32_t events = line_take_events(&tty->line);
    uint32_t packet = 0;
    if (events & LINE_FLUSHED_OUTPUT) {
        if (tty->driver->flush_output)
            tty->driver->flush_output(tty);
        packet |= TIOCPKT_FLUSHWRITE;
    }
    if (events & LINE_FLUSHED_INPUT) {
        packet |= TIOCPKT_FLUSHREAD;
        tty_unthrottle_locked(tty);
    }
    if (events & LINE_STOPPED)
        packet |= TIOCPKT_STOP;
    if (events & LINE_STARTED)
        packet |= TIOCPKT_START;
    if (packet != 0 && tty->driver->event)
        tty->driver->event(tty, packet);
    return events;
}

void tty_send_events(struct tty *tty, uint32_t events) {
    if (!(events & (LINE_INTERRUPT | LINE_QUIT | LINE_SUSPEND)))
        return;
    int group = tty_foreground_group(tty);
    if (group <= 0 || !tty_job_ops)
        return;
    if (events & LINE_INTERRUPT)
        tty_job_ops->signal_group(group, TTY_SIGINT);
    if (events & LINE_QUIT)
        tty_job_ops->signal_group(group, TTY_SIGQUIT);
    if (events & LINE_SUSPEND)
        tty_job_ops->signal_group(group, TTY_SIGTSTP);
}

// After input: sends echoes, wakes readers, signals the foreground group. Releases the lock.
static void finish_input(struct tty *tty) RELEASES(&tty->lock) {
    uint32_t events = tty_take_events_locked(tty);
    throttle_locked(tty);
    tty_push_output_locked(tty);
    if (line_is_ready(&tty->line, 1))
        wait_queue_wake_all(&tty->readers);
    tty_update_signals_locked(tty);
    tell_of_input_locked(tty);
    spin_unlock(&tty->lock);
    tty_send_events(tty, events);
}

size_t tty_receive(struct tty *tty, const uint8_t *bytes, size_t size) {
    spin_lock(&tty->lock);
    size_t taken = line_receive(&tty->line, bytes, size);
    finish_input(tty);
    return taken;
}

void tty_input(struct tty *tty, const uint8_t *bytes, size_t size) {
    (void)tty_receive(tty, bytes, size);
}

void tty_input_break(struct tty *tty) {
    spin_lock(&tty->lock);
    line_receive_break(&tty->line);
    finish_input(tty);
}

void tty_input_error(struct tty *tty, uint8_t byte) {
    spin_lock(&tty->lock);
    line_receive_error(&tty->line, byte);
    finish_input(tty);
}

// --- read ---

struct read_state {
    size_t done, wanted; // bytes; `wanted` is when a raw read may stop
    nsec_t deadline;
    bool timed; // VTIME applies
    bool canonical;
};

// When to give up waiting, by VMIN and VTIME:
//   VMIN > 0, VTIME = 0: never; VMIN bytes            VMIN = 0, VTIME = 0: at once
//   VMIN > 0, VTIME > 0: VTIME after the last byte    VMIN = 0, VTIME > 0: VTIME after the start
static void begin_read(struct tty *tty, struct read_state *read, size_t size) REQUIRES(&tty->lock) {
    const uint8_t *cc = tty->line.termios.cc;
    *read = (struct read_state){.wanted = 1, .deadline = NSEC_NEVER, .canonical = line_is_canonical(&tty->line)};
    if (read->canonical)
        return;
    size_t minimum = MAX(cc[VMIN], 1);
    read->wanted = MIN(minimum, size);
    read->timed = cc[VTIME] > 0;
    if (cc[VMIN] == 0)
        read->deadline = read->timed ? clock_now() + cc[VTIME] * DECISECOND : 0;
}

// Sleeps for input. > 0: go on. 0: end of the read with what there is. < 0: error.
static int wait_for_input(struct tty *tty, struct tty_file *file, const struct read_state *read, unsigned flags)
    REQUIRES(&tty->lock) {
    if (read->done > 0 && (read->done >= read->wanted || read->canonical))
        return 0;
    if (atomic_load_explicit(&file->hung, memory_order_relaxed))
        return 0;
    if (tty->carrier_lost)
        return -EIO;
    if (read->deadline == 0)
        return 0;
    if (flags & IO_NONBLOCK)
        return -EAGAIN;
    status_t status = wait_queue_sleep(&tty->readers, &tty->lock, WAIT_INTERRUPTIBLE, read->deadline);
    if (status == -ETIMEDOUT)
        return 0;
    return status == -EINTR ? -ERESTARTSYS : 1;
}

struct chunk {
    size_t size; // bytes wanted
    bool last;   // the read ends with this one
    uint8_t bytes[CHUNK];
};

// One piece of input. Returns its size (an EOF is an empty last one), 0 if the read ends without it, or an error.
static ssize_t read_chunk(struct tty_file *file, struct read_state *read, struct chunk *chunk, unsigned flags) {
    struct tty *tty = file->tty;
    ssize_t result;
    spin_lock(&tty->lock);
    if (read->wanted == 0)
        begin_read(tty, read, chunk->size);
    while (!line_is_ready(&tty->line, 1)) {
        result = wait_for_input(tty, file, read, flags);
        if (result <= 0)
            goto out;
        read->canonical = line_is_canonical(&tty->line);
    }
    bool end;
    result = (ssize_t)line_read(&tty->line, chunk->bytes, MIN(chunk->size, sizeof(chunk->bytes)), &end);
    read->done += (size_t)result;
    chunk->last =
        end || (!line_is_canonical(&tty->line) && read->done >= read->wanted && !line_is_ready(&tty->line, 1));
    if (read->timed)
        read->deadline = clock_now() + tty->line.termios.cc[VTIME] * DECISECOND;
    tty_unthrottle_locked(tty);
    (void)tty_take_events_locked(tty);
    tty_update_signals_locked(tty);
out:
    spin_unlock(&tty->lock);
    return result;
}

ssize_t tty_file_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct tty_file *file = CONTAINER_OF(object, struct tty_file, object);
    if (pos)
        return -ESPIPE;
    if (atomic_load_explicit(&file->hung, memory_order_relaxed))
        return 0;
    status_t status = tty_check_job(file->tty, TTY_SIGTTIN);
    if (status != 0)
        return status;
    struct read_state read = {};
    struct chunk chunk;
    chunk.last = false;
    while (uio->resid > 0 && !chunk.last) {
        chunk.size = uio->resid;
        ssize_t size = read_chunk(file, &read, &chunk, flags);
        if (size <= 0 && !(size == 0 && chunk.last))
            return read.done > 0 ? (ssize_t)read.done : size;
        size_t copied = uio_write(uio, chunk.bytes, (size_t)size);
        if (copied < (size_t)size)
            return -EFAULT;
    }
    return (ssize_t)read.done;
}

// --- write ---

// Waits for the turn to write. Releases nothing on failure.
static status_t begin_write(struct tty *tty, unsigned flags) {
    status_t status = 0;
    spin_lock(&tty->lock);
    while (tty->writing && status == 0)
        status =
            flags & IO_NONBLOCK ? -EAGAIN : wait_queue_sleep(&tty->writers, &tty->lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
    if (status == 0)
        tty->writing = true;
    spin_unlock(&tty->lock);
    return status == -EINTR ? -ERESTARTSYS : status;
}

static void end_write(struct tty *tty) {
    spin_lock(&tty->lock);
    tty->writing = false;
    wait_queue_wake_all(&tty->writers);
    spin_unlock(&tty->lock);
}

// Writes all of the bytes, waiting for room. Returns how many went, or an error if none did.
static ssize_t write_chunk(struct tty_file *file, const uint8_t *bytes, size_t size, unsigned flags) {
    struct tty *tty = file->tty;
    size_t done = 0;
    status_t status = 0;
    spin_lock(&tty->lock);
    for (;;) {
        if (tty->carrier_lost || atomic_load_explicit(&file->hung, memory_order_relaxed)) {
            status = -EIO;
            break;
        }
        done += line_write(&tty->line, bytes + done, size - done);
        tty_push_output_locked(tty);
        if (done == size)
            break;
        if (line_write_room(&tty->line) >= 8) // the driver took some at once
            continue;
        if (flags & IO_NONBLOCK) {
            status = -EAGAIN;
            break;
        }
        tty_update_signals_locked(tty);
        status = wait_queue_sleep(&tty->writers, &tty->lock, WAIT_INTERRUPTIBLE, NSEC_NEVER);
        if (status != 0)
            break;
    }
    tty_update_signals_locked(tty);
    spin_unlock(&tty->lock);
    if (done > 0)
        return (ssize_t)done;
    return status == -EINTR ? -ERESTARTSYS : status;
}

ssize_t tty_file_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags) {
    struct tty_file *file = CONTAINER_OF(object, struct tty_file, object);
    struct tty *tty = file->tty;
    if (pos)
        return -ESPIPE;
    if (atomic_load_explicit(&file->hung, memory_order_relaxed))
        return -EIO;
    status_t status = 0;
    if (tty_termios(tty)->lflag & TOSTOP)
        status = tty_check_job(tty, TTY_SIGTTOU);
    if (status == 0)
        status = begin_write(tty, flags);
    if (status != 0)
        return status;
    uint8_t chunk[CHUNK];
    size_t done = 0;
    ssize_t result = 0;
    while (uio->resid > 0) {
        size_t size = MIN(uio->resid, sizeof(chunk));
        size_t copied = uio_read(uio, chunk, size);
        result = copied > 0 ? write_chunk(file, chunk, copied, flags) : -EFAULT;
        if (result > 0)
            done += (size_t)result;
        if (result < (ssize_t)size)
            break;
        sched_preempt_point();
    }
    end_write(tty);
    return done > 0 ? (ssize_t)done : result;
}

// A driver does not say when its last byte has left, so that is looked at now and then.
status_t tty_drain(struct tty *tty) {
    const uint8_t *text;
    status_t status = 0;
    spin_lock(&tty->lock);
    while (status == 0 && !tty->carrier_lost) {
        bool waiting = line_output(&tty->line, &text) > 0;
        if (!waiting && !(tty->driver->pending && tty->driver->pending(tty) > 0))
            break;
        nsec_t deadline = waiting ? NSEC_NEVER : clock_now() + DRAIN_INTERVAL;
        status = wait_queue_sleep(&tty->writers, &tty->lock, WAIT_INTERRUPTIBLE, deadline);
        if (status == -ETIMEDOUT)
            status = 0;
    }
    spin_unlock(&tty->lock);
    return status == -EINTR ? -ERESTARTSYS : status;
}
