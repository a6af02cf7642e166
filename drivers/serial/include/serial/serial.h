// SPDX-License-Identifier: MPL-2.0
// What all serial ports have in common: a terminal on one side, interrupts and a small FIFO on the other. A driver
// supplies a few functions that touch the registers, and calls serial_start; rings, flow control and the terminal are
// the engine's.
#pragma once

#include <sched/dpc.h>
#include <sched/timer.h>
#include <serial/ring.h>
#include <tty/tty.h>

struct serial_port;

// States of a port; the first two also name its interrupts.
enum { SERIAL_INPUT = 1, SERIAL_OUTPUT = 2, SERIAL_BUSY = 4 };
// Besides bytes, what can come in.
enum { SERIAL_NOTHING = -1, SERIAL_BREAK = -2 };

// Any context, without locks; take and give are each called by one CPU at a time, the others by several.
struct serial_ops {
    // SERIAL_INPUT: there is some. SERIAL_OUTPUT: the port takes at least a byte. SERIAL_BUSY: it sends still.
    unsigned (*status)(struct serial_port *port);
    int (*take)(struct serial_port *port); // a byte of input or one of the above
    // Gives the port output, as much as it takes; returns how much. 0: later, with an interrupt.
    unsigned (*give)(struct serial_port *port, const uint8_t *bytes, unsigned count);
    // Interrupts wanted from now on. It has reached the port on return.
    void (*listen)(struct serial_port *port, unsigned events);
    // Whether the port interrupts; takes back an interrupt that is neither input nor output.
    bool (*interrupting)(struct serial_port *port);
};

// Embedded in a driver's own, zeroed.
struct serial_port {
    const struct serial_ops *ops;
    struct tty *tty;
    struct dpc dpc;
    struct timer poll; // if it has no interrupt
    bool polled;
    _Atomic bool open, polling;
    _Atomic unsigned wanted;     // interrupts that shall be on
    _Atomic bool draining;       // somebody moves output to the port …
    _Atomic bool receiving;      // … and input from it
    _Atomic bool output_blocked; // the terminal waits for room
    _Atomic bool flush;          // what is in the output ring is to be forgotten
    _Atomic bool stopped;        // the terminal takes no input
    _Atomic bool look_again;     // the port may have more to say, and no interrupt will tell
    _Atomic uint32_t breaks;     // seen and not yet passed on
    struct ring input, output;
};

// In this order: makes the terminal /dev/`name`, after which the port stays for ever. Its registers are set up, with no
// interrupt enabled.
MUST_USE status_t serial_create(struct serial_port *port, const struct serial_ops *ops, const char *name,
                                uint32_t device);
// The driver connects the line to this, with the port as the context …
void serial_interrupt(void *port);
// … and the port starts. The first to start becomes the console. Without an interrupt it is polled while its terminal
// is open.
void serial_start(struct serial_port *port, bool interrupts);
