// SPDX-License-Identifier: MPL-2.0
// The engine of serial ports, driven by interrupts in both directions.
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
//
// A port without an interrupt is looked at by a timer: while its terminal is open, and until all output is sent.

#include <arch/cpu.h>
#include <lib/status.h>
#include <serial/serial.h>

#define WAKE_WHEN_USED (RING_SIZE / 2) // output: tell the terminal that there is room
#define PASSES_MAX 64u                 // through the handler: a stuck port must not hang the CPU
#define POLL_NSEC 2000000              // 16 bytes each time are 80,000 baud

// Two may change it at once; the last to reach the port has seen the newest value.
static void listen(struct serial_port *port, unsigned set, unsigned clear) {
    if (set != 0)
        atomic_fetch_or(&port->wanted, set);
    if (clear != 0)
        atomic_fetch_and(&port->wanted, ~clear);
    unsigned value;
    do {
        value = atomic_load(&port->wanted);
        port->ops->listen(port, value);
    } while (atomic_load(&port->wanted) != value);
}

// Takes a mark off. What the holder looks at next, memory or device, is looked at afterwards: whoever found the mark
// and left has left something to see.
static void let_go(_Atomic bool *mark) {
    atomic_exchange(mark, false);
    atomic_thread_fence(memory_order_seq_cst);
}

// --- output ---

static void drain(struct serial_port *port) {
    bool waiting; // for the transmit interrupt
    do {
        if (atomic_exchange(&port->draining, true))
            return;
        if (atomic_exchange(&port->flush, false))
            ring_clear(&port->output);
        waiting = false;
        const uint8_t *bytes;
        for (uint32_t count; !waiting && (count = ring_peek(&port->output, &bytes)) != 0;) {
            unsigned given = port->ops->give(port, bytes, count);
            ring_skip(&port->output, given);
            waiting = given == 0;
        }
        bool armed = (atomic_load(&port->wanted) & SERIAL_OUTPUT) != 0;
        if (waiting && !armed)
            listen(port, SERIAL_OUTPUT, 0);
        else if (!waiting && armed)
            listen(port, 0, SERIAL_OUTPUT);
        let_go(&port->draining);
        // While we held it, an interrupt that wanted to go on has left, too.
    } while (ring_used(&port->output) != 0 && (!waiting || (port->ops->status(port) & SERIAL_OUTPUT)));
    if (atomic_load(&port->output_blocked) && ring_used(&port->output) <= WAKE_WHEN_USED)
        dpc_raise(&port->dpc);
}

static size_t write_output(struct tty *tty, const char *text, size_t size) {
    struct serial_port *port = tty_context(tty);
    size_t taken = ring_put(&port->output, text, size);
    if (taken < size)
        atomic_store(&port->output_blocked, true);
    drain(port);
    return taken;
}

static void flush_output(struct tty *tty) {
    struct serial_port *port = tty_context(tty);
    atomic_store(&port->flush, true);
    drain(port);
}

static size_t pending(struct tty *tty) {
    struct serial_port *port = tty_context(tty);
    return ring_used(&port->output) + ((port->ops->status(port) & SERIAL_BUSY) != 0);
}

// --- input ---

// Moves what is there to the ring. False: the ring is full, and we no longer listen.
static bool fill_ring(struct serial_port *port) {
    for (;;) {
        if (ring_room(&port->input) == 0) {
            listen(port, 0, SERIAL_INPUT);
            return false;
        }
        int got = port->ops->take(port);
        if (got == SERIAL_NOTHING)
            return true;
        uint8_t byte = (uint8_t)got;
        if (got == SERIAL_BREAK)
            atomic_fetch_add(&port->breaks, 1);
        else
            ring_put(&port->input, &byte, 1);
    }
}

// One at a time fills the ring, as with `draining`.
static void receive(struct serial_port *port) {
    bool room;
    do {
        if (atomic_exchange(&port->receiving, true))
            return;
        room = fill_ring(port);
        let_go(&port->receiving);
    } while (room && (port->ops->status(port) & SERIAL_INPUT));
}

static bool has_input(struct serial_port *port) {
    return ring_used(&port->input) != 0 || atomic_load_explicit(&port->breaks, memory_order_relaxed) != 0;
}

// The line may be edge-triggered: it must be seen low before we leave, or it never interrupts again. Who leaves early
// comes back by the dpc.
void serial_interrupt(void *context) {
    struct serial_port *port = context;
    unsigned pass = 0;
    for (; pass < PASSES_MAX && port->ops->interrupting(port); pass++) {
        receive(port);
        drain(port);
    }
    if (pass == PASSES_MAX)
        atomic_store(&port->look_again, true);
    if (pass == PASSES_MAX || has_input(port))
        dpc_raise(&port->dpc);
}

static void deliver_input(struct serial_port *port) {
    for (uint32_t breaks = atomic_exchange(&port->breaks, 0); breaks > 0; breaks--)
        tty_input_break(port->tty);
    const uint8_t *bytes;
    for (uint32_t count; !atomic_load(&port->stopped) && (count = ring_peek(&port->input, &bytes)) != 0;) {
        size_t taken = tty_receive(port->tty, bytes, count);
        ring_skip(&port->input, (uint32_t)taken);
        if (taken < count)
            break; // throttle(false) says when to go on
    }
    if (!(atomic_load(&port->wanted) & SERIAL_INPUT) && ring_room(&port->input) >= RING_SIZE / 2)
        listen(port, SERIAL_INPUT, 0);
}

static void run_dpc(struct dpc *dpc) {
    struct serial_port *port = CONTAINER_OF(dpc, struct serial_port, dpc);
    if (atomic_exchange(&port->look_again, false)) {
        unsigned long state = arch_irq_save();
        serial_interrupt(port);
        arch_irq_restore(state);
    }
    deliver_input(port);
    if (ring_used(&port->output) <= WAKE_WHEN_USED && atomic_exchange(&port->output_blocked, false))
        tty_output_ready(port->tty);
}

static void throttle(struct tty *tty, bool stop) {
    struct serial_port *port = tty_context(tty);
    atomic_store(&port->stopped, stop);
    if (!stop)
        dpc_raise(&port->dpc);
}

// --- without an interrupt. Who has set `polling` sets the timer. ---

static void start_polling(struct serial_port *port) {
    if (!atomic_exchange(&port->polling, true))
        timer_set(&port->poll, clock_now() + POLL_NSEC);
}

static void poll(struct timer *timer) {
    struct serial_port *port = CONTAINER_OF(timer, struct serial_port, poll);
    if (atomic_load(&port->wanted) & SERIAL_INPUT)
        receive(port);
    drain(port);
    if (has_input(port))
        dpc_raise(&port->dpc);
    if (atomic_load(&port->open) || ring_used(&port->output) != 0) {
        timer_set(timer, clock_now() + POLL_NSEC);
        return;
    }
    let_go(&port->polling);
    if (atomic_load(&port->open)) // just now
        start_polling(port);
}

static void opened(struct tty *tty, bool first) {
    struct serial_port *port = tty_context(tty);
    atomic_store(&port->open, true);
    if (port->polled && first)
        start_polling(port);
}

static void closed(struct tty *tty, bool last) {
    struct serial_port *port = tty_context(tty);
    if (last)
        atomic_store(&port->open, false);
}

// --- start ---

static const struct tty_driver tty_driver = {
    .write = write_output,
    .throttle = throttle,
    .flush_output = flush_output,
    .pending = pending,
    .opened = opened,
    .closed = closed,
};

status_t serial_create(struct serial_port *port, const struct serial_ops *ops, const char *name, uint32_t device) {
    port->ops = ops;
    port->dpc = (struct dpc)DPC_INIT(run_dpc);
    timer_init(&port->poll, poll);
    return tty_create(&tty_driver, port, name, device, &port->tty);
}

void serial_start(struct serial_port *port, bool interrupts) {
    port->polled = !interrupts;
    listen(port, SERIAL_INPUT, 0);
    atomic_store(&port->look_again, true); // for what came before the line was connected
    dpc_raise(&port->dpc);
    if (console_get() == nullptr)
        console_set(port->tty);
}
