// SPDX-License-Identifier: MPL-2.0
// Moving bytes between a pipe and something else without a stop in user memory. Bytes moved, or an error if none.
#pragma once

#include <vfs/file.h>

// splice(2): at least one of the two is a pipe. `*_offset`: null, or a position to use and advance (not for pipes).
struct splice_request {
    struct object *in, *out;
    loff_t *in_offset, *out_offset;
    size_t size;
    unsigned in_flags, out_flags; // IO_NONBLOCK
};
ssize_t pipe_splice(const struct splice_request *request);
// tee(2): both are pipes; the bytes stay in `in`.
ssize_t pipe_tee(const struct splice_request *request);
bool object_is_pipe(struct object *object);
