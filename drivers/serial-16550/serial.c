// SPDX-License-Identifier: MPL-2.0
// The 16550 serial port (ttyS): at its usual places in a PC, and behind PCI. See serial/serial.h for what happens to
// its bytes.

#include <arch/io.h>
#include <arch/irq.h>
#include <arch/platform.h>
#include <lib/status.h>
#include <pci/pci.h>
#include <serial/serial.h>

#define PORTS_MAX 4u
#define FIFO_SIZE 16u
#define MAJOR 4u // ttyS0 is 4:64
#define MINOR_FIRST 64u

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
enum { IDENTITY_NONE = 1, FIFO_ON_AND_CLEAR = 0x07, FIFO_TO_14 = 0xc1, LINE_8N1 = 0x03, MODEM_READY = 0x0b };
enum { STATUS_INPUT = 0x01, STATUS_BREAK = 0x10, STATUS_OUTPUT_EMPTY = 0x20, STATUS_IDLE = 0x40 };

struct uart {
    struct serial_port port;
    struct arch_io io; // base 0: this number is free
    _Atomic bool break_seen;
};

static struct {
    struct uart uarts[PORTS_MAX];
} serial;

static struct uart *uart_of(struct serial_port *port) {
    return CONTAINER_OF(port, struct uart, port);
}

// The port forgets a break when the register is read, whoever reads it; it belongs to the next byte.
static uint8_t read_status(struct uart *uart) {
    uint8_t status = arch_io_read8(uart->io, REG_STATUS);
    if (status & STATUS_BREAK)
        atomic_store(&uart->break_seen, true);
    return status;
}

static unsigned uart_status(struct serial_port *port) {
    uint8_t status = read_status(uart_of(port));
    return (status & STATUS_INPUT ? SERIAL_INPUT : 0) | (status & STATUS_OUTPUT_EMPTY ? SERIAL_OUTPUT : 0) |
           (status & STATUS_IDLE ? 0 : SERIAL_BUSY);
}

static int uart_take(struct serial_port *port) {
    struct uart *uart = uart_of(port);
    if (!(read_status(uart) & STATUS_INPUT))
        return SERIAL_NOTHING;
    uint8_t byte = arch_io_read8(uart->io, REG_DATA);
    return atomic_load_explicit(&uart->break_seen, memory_order_relaxed) && atomic_exchange(&uart->break_seen, false)
               ? SERIAL_BREAK
               : byte;
}

// The FIFO says when it is empty, and nothing else.
static unsigned uart_give(struct serial_port *port, const uint8_t *bytes, unsigned count) {
    struct uart *uart = uart_of(port);
    if (!(read_status(uart) & STATUS_OUTPUT_EMPTY))
        return 0;
    count = MIN(count, FIFO_SIZE);
    for (unsigned i = 0; i < count; i++)
        arch_io_write8(uart->io, REG_DATA, bytes[i]);
    return count;
}

static void uart_listen(struct serial_port *port, unsigned events) {
    struct arch_io io = uart_of(port)->io;
    arch_io_write8(io, REG_ENABLE,
                   (events & SERIAL_INPUT ? ENABLE_INPUT : 0) | (events & SERIAL_OUTPUT ? ENABLE_OUTPUT : 0));
    (void)arch_io_read8(io, REG_ENABLE); // so it is there
}

static bool uart_interrupting(struct serial_port *port) {
    struct arch_io io = uart_of(port)->io;
    if (arch_io_read8(io, REG_IDENTITY) & IDENTITY_NONE)
        return false;
    (void)arch_io_read8(io, REG_MODEM_STATUS); // takes that interrupt back
    return true;
}

static const struct serial_ops uart_ops = {
    .status = uart_status,
    .take = uart_take,
    .give = uart_give,
    .listen = uart_listen,
    .interrupting = uart_interrupting,
};

// --- start ---

static bool is_present(struct arch_io io) {
    arch_io_write8(io, REG_SCRATCH, 0x5a);
    bool kept = arch_io_read8(io, REG_SCRATCH) == 0x5a;
    arch_io_write8(io, REG_SCRATCH, 0xa5);
    return kept && arch_io_read8(io, REG_SCRATCH) == 0xa5;
}

static status_t create(unsigned index, struct arch_io io) {
    static const char *const names[PORTS_MAX] = {"ttyS0", "ttyS1", "ttyS2", "ttyS3"};
    struct uart *uart = &serial.uarts[index];
    uart->io = io;
    arch_io_write8(io, REG_ENABLE, 0);
    arch_io_write8(io, REG_LINE, LINE_8N1);
    arch_io_write8(io, REG_FIFO, FIFO_ON_AND_CLEAR);
    arch_io_write8(io, REG_MODEM, MODEM_READY);
    return serial_create(&uart->port, &uart_ops, names[index], MAJOR << 8 | (MINOR_FIRST + index));
}

static status_t attach_platform(const struct platform_device *device) {
    if (device->index >= PORTS_MAX || !is_present(device->io))
        return -ENODEV;
    status_t status = create(device->index, device->io);
    if (status != 0)
        return status;
    struct serial_port *port = &serial.uarts[device->index].port;
    serial_start(port, arch_irq_register(device->irq, serial_interrupt, port) == 0);
    return 0;
}
PLATFORM_DRIVER(serial_platform_driver) = {"serial-16550", attach_platform};

// Behind PCI it takes the first number that is free, once the usual places have been looked at.
static status_t attach_pci(struct pci_device *device) {
    unsigned index = 0;
    while (index < PORTS_MAX && serial.uarts[index].io.base != 0)
        index++;
    struct arch_io io;
    status_t status = index < PORTS_MAX ? pci_map_bar(device, 0, &io) : -ENODEV;
    if (status != 0)
        return status;
    pci_enable(device);
    if (!is_present(io))
        return -ENODEV;
    status = create(index, io);
    if (status != 0)
        return status;
    struct serial_port *port = &serial.uarts[index].port;
    bool interrupts = pci_irq_register(device, serial_interrupt, port) == 0;
    if (!interrupts) // QEMU fills the FIFO to where it would interrupt, and waits
        arch_io_write8(io, REG_FIFO, FIFO_TO_14);
    serial_start(port, interrupts);
    return 0;
}
PCI_DRIVER(serial_pci_driver) = {
    .name = "serial-16550", .class = 0x070002, .class_mask = 0xffffff, .attach = attach_pci};
