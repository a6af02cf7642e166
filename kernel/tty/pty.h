// SPDX-License-Identifier: MPL-2.0
// Pseudo terminals: a master object and the terminal behind it. Private to kernel/tty.
#pragma once

#include "tty_priv.h"

#include <object/stat.h>

#define PTY_MAX 1024
#define PTY_RING_SIZE 8192u
#define PTY_MAJOR 136

// What stat shows of /dev/pts/N. Changed under pty.lock.
struct pty_attributes {
    uint32_t mode, uid, gid;
    struct time_spec made, changed;
};

// The master is not shared between opens of /dev/ptmx: each makes a pty of its own.
struct pty {
    struct object master;
    struct tty *tty; // the slave side; one reference
    unsigned index;
    bool closed; // the last handle of the master is gone

    struct spinlock lock;                                    // protects all below; taken within tty->lock
    uint32_t head GUARDED_BY(&lock), tail GUARDED_BY(&lock); // positions in `ring`, counting up
    uint8_t packet_bits GUARDED_BY(&lock);                   // TIOCPKT_* that the master has not yet read
    bool packet_mode GUARDED_BY(&lock);
    bool locked GUARDED_BY(&lock);      // not yet unlocked by TIOCSPTLCK
    bool slave_gone GUARDED_BY(&lock);  // was open, and is not any more
    bool input_full GUARDED_BY(&lock);  // the slave's programs must read before the master may write
    struct wait_queue readers, writers; // of the master
    struct pty_attributes attributes GUARDED_BY(&lock);
    uint8_t ring[PTY_RING_SIZE]; // output of the slave's programs
};

struct pty *pty_lookup(unsigned index);
// The lowest number ≥ `index` in use, or -1.
int pty_next(unsigned index);
MUST_USE status_t pty_open_slave(struct pty *pty, uint32_t flags, struct object **out);
void pty_update_signals_locked(struct pty *pty) REQUIRES(&pty->lock);

extern const struct tty_driver pty_driver;
long pty_master_ioctl(struct object *object, unsigned command, unsigned long argument);
MUST_USE status_t ptmx_open(struct object **out);

// devpts.c: the owner and mode that new terminals get.
void devpts_init_attributes(struct pty_attributes *attributes);
void devpts_init(void);
