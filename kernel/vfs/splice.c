// SPDX-License-Identifier: MPL-2.0
// splice and tee: the ring of a pipe is the buffer. A file is read straight into it or written straight from it, with
// the pipe's mutex held, as Linux does. Between two pipes both mutexes are held, the lower address first, and nobody
// blocks meanwhile: data and room are waited for before.
#include "pipe_priv.h"

#include <vfs/splice.h>

static void lock_both(struct pipe *a, struct pipe *b) NO_THREAD_SAFETY {
    mutex_lock(a < b ? &a->mutex : &b->mutex);
    mutex_lock(a < b ? &b->mutex : &a->mutex);
}

static void unlock_both(struct pipe *a, struct pipe *b) NO_THREAD_SAFETY {
    mutex_unlock(&a->mutex);
    mutex_unlock(&b->mutex);
}

// 1: there is data. 0: there is none and will be none.
static ssize_t data_ready(struct pipe *pipe, unsigned flags) {
    for (;;) {
        bool over = atomic_load(&pipe->writers) == 0; // asked first, as in pipe_read
        if (pipe_used(pipe) != 0)
            return 1;
        if (over)
            return 0;
        if (flags & IO_NONBLOCK)
            return -EAGAIN;
        status_t status = pipe_wait_for_data(pipe);
        if (status != 0)
            return status;
    }
}

static ssize_t room_ready(struct pipe *pipe, unsigned flags) {
    for (;;) {
        if (atomic_load(&pipe->readers) == 0)
            return pipe_broken();
        if (pipe_used(pipe) < atomic_load(&pipe->capacity))
            return 1;
        if (flags & IO_NONBLOCK)
            return -EAGAIN;
        status_t status = pipe_wait_for_room(pipe, 1);
        if (status != 0)
            return status;
    }
}

// The contents in one or two pieces, at most `size` bytes from `from` on, as kernel buffers.
static void ring_pieces(struct pipe *pipe, struct uio *uio, struct uio_vec pieces[2], uint64_t from, size_t size)
    REQUIRES(&pipe->mutex) {
    uint32_t at = (uint32_t)from & (pipe->size - 1);
    size_t first = MIN(size, (size_t)(pipe->size - at));
    pieces[0] = (struct uio_vec){(uintptr_t)(pipe->buffer + at), first};
    pieces[1] = (struct uio_vec){(uintptr_t)pipe->buffer, size - first};
    *uio = (struct uio){.vec = pieces, .count = size > first ? 2 : 1, .kernel = true, .resid = size};
}

static ssize_t between_pipes(const struct splice_request *request, struct pipe *in, struct pipe *out,
                             bool consume) NO_THREAD_SAFETY {
    if (in == out)
        return -EINVAL;
    for (;;) {
        ssize_t ready = data_ready(in, request->in_flags);
        if (ready > 0)
            ready = room_ready(out, request->out_flags);
        if (ready <= 0)
            return ready;
        lock_both(in, out);
        size_t size = MIN((size_t)pipe_used(in), request->size), room = pipe_make_room(out, size);
        size = MIN(size, room);
        ssize_t done = 0;
        if (size) {
            struct uio uio;
            struct uio_vec pieces[2];
            ring_pieces(in, &uio, pieces, in->tail, size);
            done = (ssize_t)pipe_put_bytes(out, &uio, size);
            if (consume)
                pipe_consume(in, (size_t)done);
        }
        bool no_buffer = !out->buffer;
        unlock_both(in, out);
        if (no_buffer)
            return -ENOMEM;
        if (done == 0)
            continue; // someone else took the data or the room
        pipe_notify(in);
        pipe_notify(out);
        return done;
    }
}

static ssize_t from_pipe(const struct splice_request *request, struct pipe *pipe) {
    struct object *out = request->out;
    ssize_t done = data_ready(pipe, request->in_flags);
    if (done <= 0)
        return done;
    if (!out->ops->write)
        return -EINVAL;
    mutex_lock(&pipe->mutex);
    size_t size = MIN((size_t)pipe_used(pipe), request->size);
    if (size) {
        struct uio uio;
        struct uio_vec pieces[2];
        ring_pieces(pipe, &uio, pieces, pipe->tail, size);
        done = out->ops->write(out, &uio, request->out_offset, request->out_flags);
        if (done > 0)
            pipe_consume(pipe, (size_t)done);
    } else {
        done = 0;
    }
    mutex_unlock(&pipe->mutex);
    pipe_notify(pipe);
    if (done > 0 && request->out_offset)
        *request->out_offset += done;
    return done;
}

static ssize_t to_pipe(const struct splice_request *request, struct pipe *pipe) {
    struct object *in = request->in;
    ssize_t done = room_ready(pipe, request->out_flags);
    if (done <= 0)
        return done;
    if (!in->ops->read)
        return -EINVAL;
    mutex_lock(&pipe->mutex);
    size_t size = MIN(pipe_make_room(pipe, request->size), request->size);
    done = pipe->buffer ? -EAGAIN : -ENOMEM;
    if (size) {
        struct uio uio;
        struct uio_vec pieces[2];
        ring_pieces(pipe, &uio, pieces, pipe->head, size);
        done = in->ops->read(in, &uio, request->in_offset, request->in_flags);
        if (done > 0)
            atomic_store(&pipe->head, pipe->head + (uint64_t)done);
    }
    mutex_unlock(&pipe->mutex);
    pipe_notify(pipe);
    if (done > 0 && request->in_offset)
        *request->in_offset += done;
    return done;
}

ssize_t pipe_splice(const struct splice_request *request) {
    struct pipe_end *in = object_pipe_end(request->in), *out = object_pipe_end(request->out);
    if (request->size == 0)
        return 0;
    if (in && out)
        return between_pipes(request, in->pipe, out->pipe, true);
    if (in)
        return from_pipe(request, in->pipe);
    return out ? to_pipe(request, out->pipe) : -EINVAL;
}

ssize_t pipe_tee(const struct splice_request *request) {
    struct pipe_end *in = object_pipe_end(request->in), *out = object_pipe_end(request->out);
    if (!in || !out)
        return -EINVAL;
    return request->size ? between_pipes(request, in->pipe, out->pipe, false) : 0;
}
