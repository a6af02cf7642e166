// SPDX-License-Identifier: MPL-2.0
// Private to kernel/tty: the terminal and the objects by which it is open.
//
// Lock order: tty.lock, pty.lock, object locks. Job control (tty_job_ops) is called with none of them held.
#pragma once

#include "line.h"

#include <object/object.h>
#include <sched/rcu.h>
#include <tty/tty.h>
#include <vfs/vnode.h>

#define DEVICE_NUMBER(major, minor) ((uint32_t)((major) << 8 | (minor)))

enum {
    TTY_SIGHUP = 1,
    TTY_SIGINT = 2,
    TTY_SIGQUIT = 3,
    TTY_SIGCONT = 18,
    TTY_SIGTSTP = 20,
    TTY_SIGTTIN = 21,
    TTY_SIGTTOU = 22,
    TTY_SIGWINCH = 28
};

struct tty {
    struct refcount ref;
    const struct tty_driver *driver; // these four never change
    void *context;
    uint32_t device;
    char name[16];
    bool is_pty;
    struct device_ops node; // /dev/<name>
    struct rcu_head rcu;

    struct spinlock lock; // protects all below
    struct line line GUARDED_BY(&lock);
    struct abi_winsize size GUARDED_BY(&lock);
    struct abi_termios2 locked GUARDED_BY(&lock);           // modes with a bit (or character) here stay as they are
    int group GUARDED_BY(&lock), session GUARDED_BY(&lock); // foreground group, session; 0: none
    struct list_node files GUARDED_BY(&lock);               // struct tty_file.node: open and not hung up
    unsigned open_count GUARDED_BY(&lock);                  // in `files`, or hung up and not yet closed
    bool exclusive GUARDED_BY(&lock);
    bool carrier_lost GUARDED_BY(&lock); // the master is closed: reads and writes fail
    bool throttled GUARDED_BY(&lock);
    bool writing GUARDED_BY(&lock);     // a write is under way: others wait, so that writes do not mix
    struct wait_queue readers, writers; // writers: for room, for their turn, for the output to drain
};

// What a process opened.
struct tty_file {
    struct object object;
    struct tty *tty;       // one reference
    struct list_node node; // tty->files
    _Atomic bool hung;     // hung up: dead for good
    bool console;          // by /dev/console: not hung up
    bool readable;
    bool closed; // the last handle is gone
};

extern const struct object_ops tty_file_ops;

struct tty *tty_alloc(const struct tty_driver *driver, void *context, uint32_t device);
// Opens a terminal for the current task: acquires it as controlling terminal if the rules say so. *out: one reference.
MUST_USE status_t tty_open(struct tty *tty, uint32_t flags, bool console, struct object **out);

// --- tty_io.c ---
ssize_t tty_file_read(struct object *object, struct uio *uio, loff_t *pos, unsigned flags);
ssize_t tty_file_write(struct object *object, struct uio *uio, loff_t *pos, unsigned flags);
void tty_push_output_locked(struct tty *tty) REQUIRES(&tty->lock);
// After input was read or flushed: takes the throttle off if there is room again.
void tty_unthrottle_locked(struct tty *tty) REQUIRES(&tty->lock);
// Brings the signals of all open files in line with the state. `set`: what came up just now (edge).
void tty_update_signals_locked(struct tty *tty) REQUIRES(&tty->lock);
// Takes what the line discipline wants done and does what needs the lock; the signals to send are returned for
// tty_send_events, which needs it released.
uint32_t tty_take_events_locked(struct tty *tty) REQUIRES(&tty->lock);
void tty_send_events(struct tty *tty, uint32_t events);
// Waits until all output is sent. -ERESTARTSYS.
MUST_USE status_t tty_drain(struct tty *tty);

// --- tty_ioctl.c ---
long tty_file_ioctl(struct object *object, unsigned command, unsigned long argument);
// What both sides of a pty answer about the terminal; -ENOTTY: not one of these. `master`: called on the master.
long tty_mode_ioctl(struct tty *tty, unsigned command, unsigned long argument, bool master);
void tty_set_size(struct tty *tty, const struct abi_winsize *size);

// --- tty_job.c ---
// The current task's terminal with a reference, or null.
struct tty *tty_controlling(void);
bool tty_is_controlling(struct tty *tty);
// May the current task change (SIGTTOU) or read (SIGTTIN) its terminal? 0; -EIO; -ERESTARTSYS: the group was signalled.
MUST_USE status_t tty_check_job(struct tty *tty, int signal);
void tty_acquire_at_open(struct tty_file *file, uint32_t flags);
long tty_job_ioctl(struct tty *tty, struct tty_file *file, unsigned command, unsigned long argument);
// Makes all open files dead. Sends SIGHUP to the session if `signal`.
void tty_hang_up_files(struct tty *tty);

void console_init(void);
void pty_init(void);
