// SPDX-License-Identifier: MPL-2.0
// The early console: the first serial port, polled. Used until the driver takes over, and after a panic.

#include "boot/port_io.h"
#include "x86_64_priv.h"
#include <arch/power.h>

#define COM1 0x3f8

enum { REG_DATA = 0, REG_INTERRUPT_ENABLE = 1, REG_FIFO = 2, REG_LINE = 3, REG_MODEM = 4, REG_STATUS = 5 };
enum { STATUS_TX_EMPTY = 0x20 };

static struct {
    bool ready;
    bool absent;
} console;

static void console_setup(void) {
    console.ready = true;
    outb(COM1 + REG_INTERRUPT_ENABLE, 0);
    outb(COM1 + REG_LINE, 0x83); // divisor latch
    outb(COM1 + REG_DATA, 1);    // 115200 baud
    outb(COM1 + REG_INTERRUPT_ENABLE, 0);
    outb(COM1 + REG_LINE, 0x03); // 8 bits, no parity, 1 stop
    outb(COM1 + REG_FIFO, 0x07);
    outb(COM1 + REG_MODEM, 0x0b);
    console.absent = inb(COM1 + REG_STATUS) == 0xff; // nobody on the bus
}

static void console_put(char c) {
    // Bounded: a stuck port must not stop the kernel.
    for (unsigned spins = 0; !(inb(COM1 + REG_STATUS) & STATUS_TX_EMPTY) && spins < 100000; spins++)
        continue;
    outb(COM1 + REG_DATA, (uint8_t)c);
}

void arch_early_write(const char *text, size_t size) {
    if (!console.ready)
        console_setup();
    if (console.absent)
        return;
    for (size_t i = 0; i < size; i++) {
        console_put(text[i]);
    }
}
