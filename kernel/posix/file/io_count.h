// SPDX-License-Identifier: MPL-2.0
// Counting what threads read and write, for /proc/PID/io. Each thread counts its own, without locks.
#pragma once

#include <sched/thread.h>

// Of one call that read (wrote) `done` bytes, or failed. Returns `done`.
ALWAYS_INLINE ssize_t io_count_read(ssize_t done) {
    struct io_counts *io = &thread_current()->io;
    io->reads++;
    io->read_chars += done > 0 ? (uint64_t)done : 0;
    return done;
}
ALWAYS_INLINE ssize_t io_count_write(ssize_t done) {
    struct io_counts *io = &thread_current()->io;
    io->writes++;
    io->written_chars += done > 0 ? (uint64_t)done : 0;
    return done;
}

ALWAYS_INLINE void io_counts_add(struct io_counts *to, const struct io_counts *from) {
    to->read_chars += from->read_chars;
    to->written_chars += from->written_chars;
    to->reads += from->reads;
    to->writes += from->writes;
    to->from_disk += from->from_disk;
    to->to_disk += from->to_disk;
}
