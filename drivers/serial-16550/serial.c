// SPDX-License-Identifier: MPL-2.0
// The 16550 serial port, driven by interrupts in both directions.
//
// Input: the handler moves bytes from the port to the input ring and raises a dpc, which feeds the terminal. Is the
// ring full, the handler stops listening (the port's own flow control, or the host's pipe, holds the
// rest back) until the dpc has made room.
//
// Output: the terminal's write fills the output ring and starts draining it into the port's FIFO; when the FIFO
// is full, the transmit interrupt goes on. Whoever drains holds `draining`; who finds it taken leaves, because the
// holder looks again after it has let go:
//
//   drainer                          writer or interrupt, meanwhile
//   draining = true
//   ring -> FIFO until empty
//   transmit interrupt off           ring += bytes
//                                    draining is taken: leave
//   draining = false
//   ring not empty: start over
//
// Nothing here takes a lock, so the handler can share all of it.

#include "ring.h"
#include <arch/cpu.h>
#include <arch/irq.h>
#include <arch/platform.h>
#include <lib/log.h>
#include <lib/status.h>
#include <sched/dpc.h>
#include <tty/tty.h>

#define PORTS_MAX 4u
#define FIFO_SIZE 16u
#define MAJOR 4u // ttyS0 is 4:64
#define MINOR_FIRST 64u
#define WAKE_WHEN_USED (RING_SIZE / 2) // output: tell the terminal that there is room
#define PASSES_MAX 64u                 // through the handler: a stuck port must not hang the CPU

enum {
    REG_DATA = 0,
    REG_ENABLE = 1,
    REG_IDENTITY = 2,
    REG_FIFO = 2,
    REG_LINE = 3,
    REG_MODEM = 4,
    REG_STATUS = 5,
    REG_MODEM_STATUS = 6,
    REG_SCRATCH = 7
};
enum { ENABLE_INPUT = 1, ENABLE_OUTPUT = 2 };
enum { IDENTITY_NONE = 1, FIFO_ON_AND_CLEAR = 0x07, LINE_8N1 = 0x03, MODEM_READY = 0x0b };
enum { STATUS_INPUT = 0x01, STATUS_BREAK = 0x10, STATUS_OUTPUT_EMPTY = 0x20, STATUS_IDLE = 0x40 };

struct serial {
    struct arch_io io;
    struct tty *tty;
    struct dpc dpc;
    _Atomic uint8_t enabled;     // interrupts that shall be on
    _Atomic bool draining;       // somebody moves output to the FIFO …
    _Atomic bool receiving;      // … and input from it
    _Atomic bool output_blocked; // the terminal waits for room
    _Atomic bool flush;          // what is in the output ring is to be forgotten
    _Atomic bool stopped;        // the terminal takes no input
    _Atomic bool look_again;     // the port may have more to say, and no interrupt will tell
    _Atomic uint32_t breaks;     // seen and not yet passed on
    struct ring input, output;
};

static struct {
    struct serial ports[PORTS_MAX];
} serial;

static uint8_t read_register(struct serial *port, unsigned reg) {
    return arch_io_read8(port->io, reg);
}
static void write_register(struct serial *port, unsigned reg, uint8_t value) {
    arch_io_write8(port->io, reg, value);
}

// Two may change it at once; the last to write has seen the newest value.
static void set_enabled(struct serial *port, uint8_t set, uint8_t clear) {
    if (set != 0)
        atomic_fetch_or(&port->enabled, set);
    if (clear != 0)
        atomic_fetch_and(&port->enabled, (uint8_t)~clear);
    uint8_t value;
    do {
        value = atomic_load(&port->enabled);
        write_register(port, REG_ENABLE, value);
    } while (atomic_load(&port->enabled) != value);
}

// --- output ---

// One FIFO's worth. False: the port has no room.
static bool fill_fifo(struct serial *port) {
    if (!(read_register(port, REG_STATUS) & STATUS_OUTPUT_EMPTY))
        return false;
    for (unsigned room = FIFO_SIZE; room > 0;) {
        const uint8_t *bytes;
        uint32_t count = MIN(ring_peek(&port->output, &bytes), room);
        if (count == 0)
            break;
        for (uint32_t i = 0; i < count; i++)
            write_register(port, REG_DATA, bytes[i]);
        ring_skip(&port->output, count);
        room -= count;
    }
    return true;
}

static void drain(struct serial *port) {
    bool waiting; // for the transmit interrupt
    do {
        if (atomic_exchange(&port->draining, true))
            return;
        if (atomic_exchange(&port->flush, false))
            ring_clear(&port->output);
        waiting = false;
        while (ring_used(&port->output) != 0 && !waiting)
            waiting = !fill_fifo(port);
        bool armed = (atomic_load(&port->enabled) & ENABLE_OUTPUT) != 0;
        if (waiting && !armed)
            set_enabled(port, ENABLE_OUTPUT, 0);
        else if (!waiting && armed)
            set_enabled(port, 0, ENABLE_OUTPUT);
        atomic_store(&port->draining, false);
        // While we held it, an interrupt that wanted to go on has left, too.
    } while (ring_used(&port->output) != 0 && (!waiting || (read_register(port, REG_STATUS) & STATUS_OUTPUT_EMPTY)));
    if (atomic_load(&port->output_blocked) && ring_used(&port->output) <= WAKE_WHEN_USED)
        dpc_raise(&port->dpc);
}

static size_t serial_write(struct tty *tty, const char *text, size_t size) {
    struct serial *port = tty_context(tty);
    size_t taken = ring_put(&port->output, text, size);
    if (taken < size)
        atomic_store(&port->output_blocked, true);
    drain(port);
    return taken;
}

static void serial_flush_output(struct tty *tty) {
    struct serial *port = tty_context(tty);
    atomic_store(&port->flush, true);
    drain(port);
}

static size_t serial_pending(struct tty *tty) {
    struct serial *port = tty_context(tty);
    return ring_used(&port->output) + !(read_register(port, REG_STATUS) & STATUS_IDLE);
}

// --- input ---

// Moves what is there to the ring. False: the ring is full, and we no longer listen.
static bool empty_fifo(struct serial *port) {
    for (uint8_t status; (status = read_register(port, REG_STATUS)) & STATUS_INPUT;) {
        if (ring_room(&port->input) == 0) {
            set_enabled(port, 0, ENABLE_INPUT);
            return false;
        }
        uint8_t byte = read_register(port, REG_DATA);
        if (status & STATUS_BREAK)
            atomic_fetch_add(&port->breaks, 1);
        else
            ring_put(&port->input, &byte, 1);
    }
    return true;
}

// One at a time fills the ring, as with `draining`.
static void receive(struct serial *port) {
    bool room;
    do {
        if (atomic_exchange(&port->receiving, true))
            return;
        room = empty_fifo(port);
        atomic_store(&port->receiving, false);
    } while (room && (read_register(port, REG_STATUS) & STATUS_INPUT));
}

// The line is edge-triggered: it must be seen low before we leave, or it never interrupts again. Who leaves early
// comes back by the dpc.
static void serial_interrupt(void *context) {
    struct serial *port = context;
    unsigned pass = 0;
    for (; pass < PASSES_MAX && !(read_register(port, REG_IDENTITY) & IDENTITY_NONE); pass++) {
        receive(port);
        drain(port);
        (void)read_register(port, REG_MODEM_STATUS); // takes that interrupt back
    }
    if (pass == PASSES_MAX)
        atomic_store(&port->look_again, true);
    if (pass == PASSES_MAX || ring_used(&port->input) != 0 ||
        atomic_load_explicit(&port->breaks, memory_order_relaxed) != 0)
        dpc_raise(&port->dpc);
}

static void deliver_input(struct serial *port) {
    for (uint32_t breaks = atomic_exchange(&port->breaks, 0); breaks > 0; breaks--)
        tty_input_break(port->tty);
    const uint8_t *bytes;
    for (uint32_t count; !atomic_load(&port->stopped) && (count = ring_peek(&port->input, &bytes)) != 0;) {
        size_t taken = tty_receive(port->tty, bytes, count);
        ring_skip(&port->input, (uint32_t)taken);
        if (taken < count)
            break; // throttle(false) says when to go on
    }
    if (!(atomic_load(&port->enabled) & ENABLE_INPUT) && ring_room(&port->input) >= RING_SIZE / 2)
        set_enabled(port, ENABLE_INPUT, 0);
}

static void serial_dpc(struct dpc *dpc) {
    struct serial *port = CONTAINER_OF(dpc, struct serial, dpc);
    if (atomic_exchange(&port->look_again, false)) {
        unsigned long state = arch_irq_save();
        serial_interrupt(port);
        arch_irq_restore(state);
    }
    deliver_input(port);
    if (ring_used(&port->output) <= WAKE_WHEN_USED && atomic_exchange(&port->output_blocked, false))
        tty_output_ready(port->tty);
}

static void serial_throttle(struct tty *tty, bool stop) {
    struct serial *port = tty_context(tty);
    atomic_store(&port->stopped, stop);
    if (!stop)
        dpc_raise(&port->dpc);
}

// --- start ---

static const struct tty_driver serial_driver = {
    .write = serial_write,
    .throttle = serial_throttle,
    .flush_output = serial_flush_output,
    .pending = serial_pending,
};

static bool is_present(struct serial *port) {
    write_register(port, REG_SCRATCH, 0x5a);
    bool kept = read_register(port, REG_SCRATCH) == 0x5a;
    write_register(port, REG_SCRATCH, 0xa5);
    return kept && read_register(port, REG_SCRATCH) == 0xa5;
}

static status_t serial_attach(const struct platform_device *device) {
    static const char *const names[PORTS_MAX] = {"ttyS0", "ttyS1", "ttyS2", "ttyS3"};
    if (device->index >= PORTS_MAX)
        return -ENODEV;
    struct serial *port = &serial.ports[device->index];
    port->io = device->io;
    if (!is_present(port))
        return -ENODEV;
    port->dpc = (struct dpc)DPC_INIT(serial_dpc);
    write_register(port, REG_ENABLE, 0);
    write_register(port, REG_LINE, LINE_8N1);
    write_register(port, REG_FIFO, FIFO_ON_AND_CLEAR);
    write_register(port, REG_MODEM, MODEM_READY);
    status_t status =
        tty_create(&serial_driver, port, names[device->index], MAJOR << 8 | (MINOR_FIRST + device->index), &port->tty);
    if (status != 0)
        return status;
    status = arch_irq_register(device->irq, serial_interrupt, port);
    if (status != 0)
        return status;
    set_enabled(port, ENABLE_INPUT, 0);
    atomic_store(&port->look_again, true); // for what came before the line was connected
    dpc_raise(&port->dpc);
    if (console_get() == nullptr)
        console_set(port->tty);
    return 0;
}

PLATFORM_DRIVER(serial_platform_driver) = {"serial-16550", serial_attach};
