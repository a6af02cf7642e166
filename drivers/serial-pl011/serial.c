// SPDX-License-Identifier: MPL-2.0
// Arm's PL011 serial port (ttyAMA). See serial/serial.h for what happens to its bytes. Firmware has set the baud rate.

#include <arch/io.h>
#include <arch/irq.h>
#include <arch/platform.h>
#include <lib/status.h>
#include <serial/serial.h>

#define PORTS_MAX 4u
#define MAJOR 204u // ttyAMA0 is 204:64
#define MINOR_FIRST 64u
#define QUIET_TRIES 100000u

enum {
    REG_DATA = 0x0,
    REG_FLAGS = 0x18,
    REG_LINE = 0x2c,
    REG_CONTROL = 0x30,
    REG_ENABLE = 0x38,
    REG_INTERRUPTS = 0x40, // that are enabled and there
    REG_CLEAR = 0x44
};
enum { FLAG_BUSY = 1 << 3, FLAG_INPUT_EMPTY = 1 << 4, FLAG_OUTPUT_FULL = 1 << 5 };
enum { DATA_BREAK = 1 << 10 };
enum { LINE_FIFO = 1 << 4, LINE_8_BITS = 3 << 5 };
enum { CONTROL_ON = 1, CONTROL_SEND = 1 << 8, CONTROL_RECEIVE = 1 << 9, CONTROL_READY = 3 << 10 };
// Input interrupts when the FIFO is half full, or has something for 32 bits' time.
enum { INT_INPUT = 1 << 4, INT_OUTPUT = 1 << 5, INT_INPUT_TIMEOUT = 1 << 6, INT_ALL = 0x7ff };

struct uart {
    struct serial_port port;
    struct arch_io io;
};

static struct {
    struct uart uarts[PORTS_MAX];
} serial;

static struct arch_io io_of(struct serial_port *port) {
    return CONTAINER_OF(port, struct uart, port)->io;
}

static unsigned uart_status(struct serial_port *port) {
    uint32_t flags = arch_io_read32(io_of(port), REG_FLAGS);
    return (flags & FLAG_INPUT_EMPTY ? 0 : SERIAL_INPUT) | (flags & FLAG_OUTPUT_FULL ? 0 : SERIAL_OUTPUT) |
           (flags & FLAG_BUSY ? SERIAL_BUSY : 0);
}

static int uart_take(struct serial_port *port) {
    struct arch_io io = io_of(port);
    if (arch_io_read32(io, REG_FLAGS) & FLAG_INPUT_EMPTY)
        return SERIAL_NOTHING;
    uint32_t data = arch_io_read32(io, REG_DATA);
    return data & DATA_BREAK ? SERIAL_BREAK : (int)(data & 0xff);
}

static unsigned uart_give(struct serial_port *port, const uint8_t *bytes, unsigned count) {
    struct arch_io io = io_of(port);
    unsigned given = 0;
    for (; given < count && !(arch_io_read32(io, REG_FLAGS) & FLAG_OUTPUT_FULL); given++)
        arch_io_write32(io, REG_DATA, bytes[given]);
    return given;
}

// The output interrupt tells that the FIFO *becomes* half empty. It is remembered while it is not enabled, so nothing
// is lost between a full FIFO and this.
static void uart_listen(struct serial_port *port, unsigned events) {
    struct arch_io io = io_of(port);
    arch_io_write32(io, REG_ENABLE,
                    (events & SERIAL_INPUT ? INT_INPUT | INT_INPUT_TIMEOUT : 0) |
                        (events & SERIAL_OUTPUT ? INT_OUTPUT : 0));
    (void)arch_io_read32(io, REG_ENABLE); // so it is there
}

// Input and output interrupts go when the FIFOs are served.
static bool uart_interrupting(struct serial_port *port) {
    return arch_io_read32(io_of(port), REG_INTERRUPTS) != 0;
}

static const struct serial_ops uart_ops = {
    .status = uart_status,
    .take = uart_take,
    .give = uart_give,
    .listen = uart_listen,
    .interrupting = uart_interrupting,
};

static status_t attach(const struct platform_device *device) {
    static const char *const names[PORTS_MAX] = {"ttyAMA0", "ttyAMA1", "ttyAMA2", "ttyAMA3"};
    if (device->index >= PORTS_MAX)
        return -ENODEV;
    struct uart *uart = &serial.uarts[device->index];
    uart->io = device->io;
    arch_io_write32(uart->io, REG_ENABLE, 0);
    // It must be off while the line is set up, and may still send the log's last words.
    for (unsigned i = 0; i < QUIET_TRIES && (arch_io_read32(uart->io, REG_FLAGS) & FLAG_BUSY); i++)
        continue;
    arch_io_write32(uart->io, REG_CONTROL, 0);
    arch_io_write32(uart->io, REG_LINE, LINE_8_BITS | LINE_FIFO);
    arch_io_write32(uart->io, REG_CLEAR, INT_ALL);
    arch_io_write32(uart->io, REG_CONTROL, CONTROL_ON | CONTROL_SEND | CONTROL_RECEIVE | CONTROL_READY);
    status_t status =
        serial_create(&uart->port, &uart_ops, names[device->index], MAJOR << 8 | (MINOR_FIRST + device->index));
    if (status != 0)
        return status;
    serial_start(&uart->port, arch_irq_register(device->irq, serial_interrupt, &uart->port) == 0);
    return 0;
}
PLATFORM_DRIVER(pl011_platform_driver) = {"serial-pl011", attach};
