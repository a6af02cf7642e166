// SPDX-License-Identifier: MPL-2.0
// Kinds of objects, and the signals that they raise: what handle_info tells of a handle, and object_wait waits for.
// The numbers stay as they are; a new kind goes to the end.
#pragma once

enum object_type {
    OBJECT_NONE,
    OBJECT_TASK, // a pidfd
    OBJECT_THREAD,
    OBJECT_JOB,
    OBJECT_PORT, // and rights to send to one
    OBJECT_RING,
    OBJECT_STREAM, // pipe, FIFO, socket, terminal
    OBJECT_EVENT,
    OBJECT_TIMER,
    OBJECT_WAIT_SET,
    OBJECT_VMO, // a pager's memory object
    OBJECT_ASPACE,
    OBJECT_PAGER,
    OBJECT_FILE, // a memfd, too
    OBJECT_DIRECTORY,
    OBJECT_BLOCK,
    OBJECT_NET,
    OBJECT_INPUT,
    OBJECT_AUDIO,
    OBJECT_DISPLAY,
    OBJECT_LOG,
    OBJECT_SIGNAL_QUEUE, // a signalfd
    OBJECT_TYPE_COUNT,
};

// Levels, not events: what an object is ready for. The low sixteen are poll's.
enum object_signal {
    SIGNAL_READABLE = 0x001,
    SIGNAL_PRIORITY = 0x002,
    SIGNAL_WRITABLE = 0x004,
    SIGNAL_ERROR = 0x008,
    SIGNAL_HANGUP = 0x010,
    SIGNAL_READ_NORMAL = 0x040,
    SIGNAL_READ_BAND = 0x080,
    SIGNAL_WRITE_NORMAL = 0x100,
    SIGNAL_WRITE_BAND = 0x200,
    SIGNAL_READ_HANGUP = 0x2000,
    SIGNAL_TERMINATED = 0x10000,  // a task, thread or job has ended
    SIGNAL_PEER_CLOSED = 0x20000, // the other side is gone: a right's port, a ring's other end
};
// What anyone with RIGHT_SIGNAL may raise and clear on any object (object_signal).
#define SIGNAL_USER 0xff000000u
